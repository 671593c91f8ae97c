# SPDX-License-Identifier: MIT
"""Streams in both directions.

/events sends server-sent events until the client goes. Each such client
occupies a thread: give the server as many as there may be at a time.
/count reads an upload of any size as it comes, and keeps none of it.
"""
import time

PAUSE = 0.5


def events(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream"),
                              ("Cache-Control", "no-store"),
                              ("X-Accel-Buffering", "no")])
    gone = environ.get("gthreadd.client_disconnected", lambda: False)
    n = 0
    try:
        while not gone():
            n += 1
            yield b"data: event %d\n\n" % n
            time.sleep(PAUSE)
    finally:
        # Runs when the client has gone, too.
        print(f"events: sent {n}", file=environ["wsgi.errors"], flush=True)


def count(environ, start_response):
    octets = 0
    while part := environ["wsgi.input"].read(65536):
        octets += len(part)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d octets\n" % octets]


def app(environ, start_response):
    handler = {"/events": events, "/count": count}.get(environ["PATH_INFO"])
    if handler is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"try /events or /count\n"]
    return handler(environ, start_response)
