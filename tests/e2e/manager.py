# SPDX-License-Identifier: MIT
"""A service manager: what sd_notify tells it, by a socket of our own."""
import socket
import struct

from harness import wait_for


class Manager:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.messages = []  # dicts; "pid" is who sent it

    def close(self):
        self.socket.close()

    def read(self):
        while True:
            try:
                text, control, _, _ = self.socket.recvmsg(65536, 64)
            except BlockingIOError:
                return self.messages
            message = dict(line.split("=", 1)
                           for line in text.decode().split("\n"))
            message["pid"] = struct.unpack("3i", control[0][2])[0]
            self.messages.append(message)

    def having(self, name):
        return [m for m in self.read() if name in m]

    def wait(self, name, count=1, timeout=20):
        return wait_for(f"{count} {name}", lambda: len(
            self.having(name)) >= count and self.having(name), timeout)[-1]
