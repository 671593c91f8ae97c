#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What an application costs between the system calls of a server: a bare
epoll loop in Python that calls it once for each request head it receives.

    inline.py PORT FOLDER MODULE:CALLABLE [fixed]

fixed: the application is called once, and its answer sent for every request,
so the difference of the two is the call. No server: no threads, no parsing,
no time-outs, for the benchmark on loopback only (limits.py).
"""
import importlib
import io
import os
import select
import socket
import sys

HEAD_MAX = 8192


def environ(port):
    return {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/",
        "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(port), "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": f"127.0.0.1:{port}", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def answer(app, env):
    """The whole response of one call."""
    head = []

    def start_response(status, headers, exc_info=None):
        head[:] = [f"HTTP/1.1 {status}\r\n",
                   *(f"{name}: {value}\r\n" for name, value in headers)]

    body = app(env, start_response)
    octets = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return "".join(head).encode("latin-1") + b"\r\n" + octets


def serve(port, respond):
    clients = {}
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener, \
            select.epoll() as epoll:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        epoll.register(listener, select.EPOLLIN)
        while True:
            for fd, _ in epoll.poll():
                if fd == listener.fileno():
                    client, _ = listener.accept()
                    clients[client.fileno()] = client
                    epoll.register(client, select.EPOLLIN)
                elif not take(clients[fd], respond):
                    clients.pop(fd).close()     # leaves epoll with it


def take(client, respond):
    """One request, which has come whole. False: the client has left."""
    try:
        if not client.recv(HEAD_MAX):
            return False
        client.sendall(respond())
    except ConnectionError:
        return False
    return True


def main():
    port, folder, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    os.chdir(folder)
    sys.path.insert(0, folder)
    module, _, name = target.partition(":")
    app = getattr(importlib.import_module(module), name)
    fixed = answer(app, environ(port))
    serve(port, (lambda: fixed) if "fixed" in sys.argv[4:]
          else lambda: answer(app, environ(port)))


if __name__ == "__main__":
    main()
