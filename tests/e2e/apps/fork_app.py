# SPDX-License-Identifier: MIT
"""An application whose child processes come back from it."""
import os
import sys


def forked(environ, how):
    """In the child: leave the application in that way."""
    environ["wsgi.errors"].write(f"child of {how}\n")
    if how == "/exit":
        sys.exit(7)
    if how == "/none":
        sys.exit()
    if how == "/text":
        sys.exit("a last word")
    if how == "/raise":
        raise ValueError("from a child")
    return [b"child"]


def wait(pid):
    return str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode()


def stream(environ):
    yield b"first "
    pid = os.fork()
    if pid == 0:
        if environ["PATH_INFO"] == "/stream/exit":
            sys.exit(7)
        yield b"child"
    else:
        yield wait(pid)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/stream"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream(environ)
    if path == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        pid = os.fork()
        if pid == 0:
            write(b"child")
        return [wait(pid)]
    pid = os.fork()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return forked(environ, path) if pid == 0 else [wait(pid)]
