# SPDX-License-Identifier: MIT
"""wsgiref.validate around an application that uses what PEP 3333 offers.

validator() is strict: a wrong environ, a read without a size or a close()
that is missing is an AssertionError, and so a 500 and a log entry.
"""
import io
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain")]


def get(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"got\n"]


def post(environ, start_response):
    source = environ["wsgi.input"]
    parts = [source.readline(-1)]
    while True:
        part = source.read(1000)
        if not part:
            break
        parts.append(part)
    start_response("200 OK", TEXT)
    return [b"".join(parts)]


def by_line(environ, start_response):
    parts = list(environ["wsgi.input"])
    start_response("200 OK", TEXT)
    return parts


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    for i in range(5):
        yield b"%d\n" % i


def file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"f" * 20000), 4096)


def errors(environ, start_response):
    environ["wsgi.errors"].write("validated write\n")
    environ["wsgi.errors"].writelines(["validated ", "lines\n"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", TEXT)
    return [b"logged\n"]


PATHS = {"/get": get, "/post": post, "/lines": by_line, "/stream": stream,
         "/file": file, "/errors": errors}


@validator
def app(environ, start_response):
    return PATHS[environ["PATH_INFO"]](environ, start_response)
