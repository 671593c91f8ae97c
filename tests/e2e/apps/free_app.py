# SPDX-License-Identifier: MIT
"""Requests that tell whether they run at the same time."""
import ctypes
import gc
import sys
import threading
import time

met = threading.Event()
sys.setswitchinterval(1000)  # a thread that computes keeps a GIL


def spin(seconds):
    end = time.monotonic() + seconds
    while not met.is_set() and time.monotonic() < end:
        pass
    return met.is_set()


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/gil":
        text = str(sys._is_gil_enabled())
    elif path == "/spin":
        text = str(spin(60))
    elif path == "/meet":
        met.set()
        text = "here"
    elif path == "/hold":  # as C code that never lets Python go on
        text = str(ctypes.PyDLL(None).usleep(1000000000))
    else:
        text = str(gc.collect())
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(text)))])
    return [text.encode()]
