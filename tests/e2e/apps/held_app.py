# SPDX-License-Identifier: MIT
"""Answers whose close() takes time, as an iterable with its length given."""
import threading

BODY = b"all of it\n"
released = threading.Event()


class Body:
    """What frameworks return: no list, one block, and a close()."""

    def __init__(self, on_close):
        self.blocks = iter([BODY])
        self.on_close = on_close

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        self.on_close()


def fail():
    raise RuntimeError("close failed")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/release":
        released.set()
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(BODY)))])
    if path == "/held":
        released.clear()
        return Body(lambda: released.wait(60))
    if path == "/fail":
        return Body(fail)
    return Body(lambda: None)
