# SPDX-License-Identifier: MIT
"""Bodies: streamed, large, from a file, uploaded."""
import tempfile

MIB = 1 << 20
LARGE = b"0123456789abcdef" * (MIB // 16)
CHUNK = b"x" * 1023 + b"\n"
FILE = tempfile.TemporaryFile()
FILE.write(LARGE)
FILE.flush()


def fields(length):
    return [("Content-Type", "application/octet-stream"),
            ("Content-Length", str(length))]


def stream(environ, start_response):
    """100 chunks of 1 KiB; their number is not known before."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(100):
        yield CHUNK


def large(environ, start_response):
    start_response("200 OK", fields(MIB))
    return [LARGE]


def file(environ, start_response):
    """Opened anew each time, as a file on disk would be."""
    opened = open(f"/proc/self/fd/{FILE.fileno()}", "rb")
    start_response("200 OK", fields(MIB))
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None:
        return wrapper(opened, 65536)
    return iter(lambda: opened.read(65536), b"")


def upload(environ, start_response):
    """Tells how much it read."""
    left = int(environ["CONTENT_LENGTH"])
    n = 0
    while n < left:
        data = environ["wsgi.input"].read(min(65536, left - n))
        if not data:
            break
        n += len(data)
    body = b"Read %d\n" % n
    start_response("200 OK", fields(len(body)))
    return [body]
