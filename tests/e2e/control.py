# SPDX-License-Identifier: MIT
"""A server with a control socket, and a client of it."""
from rawclient import RawClient

APP = """
import os, time
{extra}
def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        gate = environ["QUERY_STRING"]
        while not os.path.exists(gate):
            time.sleep(0.01)
    body = b"{version}"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def write_app(server, version, extra=""):
    fresh = server.dir / "served.py.new"
    fresh.write_text(APP.format(version=version, extra=extra))
    fresh.replace(server.dir / "served.py")


def ask(client, target, method="GET", headers=()):
    """RawClient.request() calls its host by a name."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{n}: {v}" for n, v in headers]
    if method == "POST":
        lines.append("Content-Length: 0")
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n")
    return client.response(is_head=method == "HEAD")


class Control:
    """A client of the control socket of one server."""

    def __init__(self, server):
        self.server = server
        self.path = str(server.dir / "control.sock")
        server.with_config(control_socket=self.path)

    def connect(self):
        return RawClient(self.path)

    def ask(self, target, method="GET", headers=()):
        with self.connect() as c:
            return ask(c, target, method, headers)

    def post(self, target):
        return self.ask(target, "POST")

    def status(self):
        r = self.ask("/status")
        assert r.status == 200
        assert r.get("Content-Type") == "application/json"
        return r.json()


def controlled(server, **settings):
    """The control of a server that is set up with the application above."""
    write_app(server, "one")
    server.with_config(wsgi_app="served:app", **settings)
    return Control(server)
