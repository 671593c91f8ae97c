# SPDX-License-Identifier: MIT
"""/MODULE:CALLABLE is called in a loop, with this request's environ: what the
application costs without a server."""
import importlib
import json
import time

CALLS, WARM = 3000, 200


def ignore(status, headers, exc_info=None):
    return None


def call(target, environ, n):
    for _ in range(n):
        result = target(dict(environ), ignore)
        for _ in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()


def app(environ, start_response):
    module, _, name = environ["PATH_INFO"].strip("/").partition(":")
    target = getattr(importlib.import_module(module), name)
    environ["PATH_INFO"] = "/"
    call(target, environ, WARM)
    begin = time.thread_time_ns()
    call(target, environ, CALLS)
    us = (time.thread_time_ns() - begin) / CALLS / 1000
    body = json.dumps({"us": us}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
