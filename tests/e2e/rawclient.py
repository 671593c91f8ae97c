# SPDX-License-Identifier: MIT
"""A client that sees every octet."""
import json
import socket

from harness import scaled


class Response:
    def __init__(self, version, status, reason, headers):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers  # list of (name, value), as received
        self.body = b""
        self.interim = []
        self.trailers = []

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return found[0] if found else default

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("latin-1")


class RawClient:
    """A connection. What is sent is what the test says, no more."""

    def __init__(self, address, timeout=20.0, rcvbuf=None):
        family = {str: socket.AF_UNIX}.get(type(address))
        if family is None:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(scaled(timeout))
        self.sock.connect(address)
        self.pending = b""
        self.head_requests = []  # True for each HEAD that is unanswered

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, method, target, body=None, headers=(), version="1.1"):
        """Send one request and read its response."""
        lines = [f"{method} {target} HTTP/{version}", "Host: test"]
        lines += [f"{n}: {v}" for n, v in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.send(head + (body or b""))
        return self.response(is_head=method == "HEAD")

    def get(self, target, **kw):
        return self.request("GET", target, **kw)

    def fill(self):
        """Read some more; False at the end of the connection."""
        data = self.sock.recv(65536)
        self.pending += data
        return bool(data)

    def until(self, mark):
        while mark not in self.pending:
            if not self.fill():
                raise EOFError(f"closed before {mark!r}: {self.pending!r}")
        data, self.pending = self.pending.split(mark, 1)
        return data

    def exactly(self, n):
        parts, have = [self.pending], len(self.pending)
        while have < n:
            data = self.sock.recv(min(1 << 20, n - have))
            if not data:
                raise EOFError(f"closed after {have} of {n} octets")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.pending = data[n:]
        return data[:n]

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        fields = [line.split(":", 1) for line in lines[1:]]
        return Response(version, int(status), "".join(reason),
                        [(n, v.strip()) for n, v in fields])

    def chunks(self, response):
        parts = []
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            parts.append(self.exactly(size))
            assert self.exactly(2) == b"\r\n"
        while (line := self.until(b"\r\n")):
            response.trailers.append(line)
        return b"".join(parts)

    def rest(self):
        while self.fill():
            pass
        data, self.pending = self.pending, b""
        return data

    def response(self, is_head=False, interim=()):
        """Read one response, interim ones before it included."""
        found = list(interim)
        r = self.head()
        while 100 <= r.status < 200 and r.status != 101:
            found.append(r)
            r = self.head()
        r.interim = found
        if is_head or r.status in (204, 304):
            return r
        if (r.get("Transfer-Encoding") or "").lower() == "chunked":
            r.body = self.chunks(r)
        elif r.get("Content-Length") is not None:
            r.body = self.exactly(int(r.get("Content-Length")))
        else:
            r.body = self.rest()
        return r

    def expect_close(self):
        """Nothing more comes; the server closes."""
        try:
            data = self.pending + self.sock.recv(65536)
        except ConnectionResetError:
            data = self.pending
        assert data == b"", f"unexpected octets: {data[:200]!r}"

    def is_quiet(self, seconds=0.2):
        """Nothing comes for a while and the connection stays open."""
        old = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            return self.pending == b"" and self.sock.recv(1) == b"never"
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(old)
