# SPDX-License-Identifier: MIT
"""Requests that take too long, each in its own way."""
import ctypes
import os
import threading
import time
from urllib.parse import parse_qs

import gthreadd

TEXT = [("Content-Type", "text/plain")]
results = {"caught": 0, "leaked": 0}
ballast = []


def sleep_in_python(seconds):
    time.sleep(seconds)


def spin_in_python(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def block_in_c(seconds):
    """The GIL is let go."""
    ctypes.CDLL(None).usleep(ctypes.c_uint(int(seconds * 1e6)))


def hold_the_gil(seconds):
    """Nobody else runs Python meanwhile."""
    ctypes.PyDLL(None).usleep(ctypes.c_uint(int(seconds * 1e6)))


def catch_it(seconds):
    try:
        spin_in_python(seconds)
    except gthreadd.RequestTimeout as e:
        assert not isinstance(e, Exception)
        results["caught"] += 1


def return_late(seconds):
    """The exception comes when C returns, if it comes at all."""
    try:
        block_in_c(seconds)
    finally:
        results["returned"] = results.get("returned", 0) + 1


def wait_for_lock(seconds):
    threading.Event().wait(seconds)


WAYS = {"/sleep": sleep_in_python, "/spin": spin_in_python,
        "/block": block_in_c, "/hold": hold_the_gil, "/catch": catch_it,
        "/late": return_late, "/lock": wait_for_lock}


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"begun\n"
    time.sleep(1000)


def read(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", TEXT)
    return [b"%d\n" % len(body)]


def grow(environ, start_response):
    """Much memory, kept; then time passes."""
    ballast.append(b"x" * (200 << 20))
    time.sleep(20)
    start_response("200 OK", TEXT)
    return [b"grown\n"]


def app(environ, start_response):
    path = environ["PATH_INFO"]
    query = parse_qs(environ["QUERY_STRING"])
    try:
        if path in WAYS:
            WAYS[path](float(query.get("s", ["1000"])[0]))
        elif path in ("/stream", "/read", "/grow"):
            return globals()[path[1:]](environ, start_response)
    except gthreadd.RequestTimeout:
        if path == "/hello":
            results["leaked"] += 1
        raise
    if path == "/log":
        environ["wsgi.errors"].write(query["text"][0] + "\n")
    text = {"/hello": "hello\n", "/pid": f"{os.getpid()}\n",
            "/results": f"{results}\n"}.get(path, "done\n")
    start_response("200 OK", TEXT)
    return [text.encode()]
