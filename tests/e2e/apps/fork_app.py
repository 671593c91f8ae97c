# SPDX-License-Identifier: MIT
"""An application whose child processes come back from it."""
import os
import signal
import subprocess
import sys
import time


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


def signalled(number):
    """What becomes of a child that gets that signal."""
    alive, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(tell, b"x")
        time.sleep(5)
        os._exit(0)
    os.read(alive, 1)
    os.close(alive)
    os.close(tell)
    os.kill(pid, number)
    return wait(pid)


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
    if path.startswith("/run/"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        with subprocess.Popen(["sh", "-c", "echo; read x"],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as p:
            p.stdout.readline()
            p.send_signal(getattr(signal, path[5:]))
            p.communicate(b"\n")
        return [str(p.returncode).encode()]
    if path.startswith("/SIG"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [signalled(getattr(signal, path[1:]))]
    if path == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        pid = os.fork()
        if pid == 0:
            write(b"child")
        return [wait(pid)]
    pid = os.fork()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return forked(environ, path) if pid == 0 else [wait(pid)]
