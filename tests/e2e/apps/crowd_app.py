# SPDX-License-Identifier: MIT
"""Threads of the application that use one request at the same time.

/?threads=3&kind=list starts threads that call all that the request offers,
again and again, until the next request ends them: so they run while the
response is made, while it is sent, and when the request is over.
/late writes when the response is complete and the request is not over.
"""
import sys
import threading
from urllib.parse import parse_qs

calls = {"done": 0, "refused": 0}
lock = threading.Lock()
crowd = []


class Crowd:
    """The threads of one request."""

    def __init__(self, environ, start_response, write, n):
        self.ended = False
        self.begun = threading.Barrier(n + 1)
        self.acts = [
            lambda: start_response("200 OK", [["X-Late", "1"]]),
            lambda: start_response("200 OK", [("X-Late", "1")] * 9,
                                   self.exc_info()),
            lambda: write(b"w" * 100),
            lambda: environ["wsgi.input"].read(3),
            lambda: environ["wsgi.input"].readline(),
            environ["gthreadd.client_disconnected"],
            lambda: environ["wsgi.early_hints"]([("Link", "</a>")]),
            lambda: environ.__setitem__("x-crowd", object()),
            lambda: environ.pop("x-crowd", None),
        ]
        self.threads = [threading.Thread(target=self.act, args=(i,))
                        for i in range(n)]
        for t in self.threads:
            t.start()
        self.begun.wait()

    @staticmethod
    def exc_info():
        try:
            raise RuntimeError("again")
        except RuntimeError:
            return sys.exc_info()

    def act(self, i):
        done = refused = 0
        for turn in range(1000000):
            try:
                self.acts[(turn * (i + 1) + i) % len(self.acts)]()
                done += 1
            except Exception:  # whatever it is: the server must not mind
                refused += 1
            if turn == 20:
                self.begun.wait()
            if self.ended and turn > 20:
                break
        with lock:
            calls["done"] += done
            calls["refused"] += refused

    def end(self):
        self.ended = True
        for t in self.threads:
            t.join()


def stream():
    for _ in range(5):
        yield b"m" * 1000


def body(kind):
    if kind == "stream":
        return stream()
    if kind == "large":
        return [b"m" * 1000] * 200
    return [b"m" * 5000]


def app(environ, start_response):
    query = {k: v[0] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
    with lock:
        before, crowd[:] = crowd[:], []
    for c in before:
        c.end()
    if environ["PATH_INFO"] == "/counts":
        with lock:
            text = "%(done)d %(refused)d" % calls
        start_response("200 OK", [("Content-Length", str(len(text)))])
        return [text.encode()]
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/late":
        return Late(write)
    c = Crowd(environ, start_response, write, int(query["threads"]))
    with lock:
        crowd.append(c)
    return body(query["kind"])


class Late:
    """Its close() has another thread write behind the end."""

    def __init__(self, write):
        self.write = write

    def __iter__(self):
        return iter([b"m" * 10, b"m" * 10])

    def close(self):
        t = threading.Thread(target=self.write_late)
        t.start()
        t.join()

    def write_late(self):
        try:
            self.write(b"late")
            calls["done"] += 1
        except RuntimeError:
            calls["refused"] += 1
