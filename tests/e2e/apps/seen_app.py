# SPDX-License-Identifier: MIT
"""Answers every request with what it saw, and writes that down as well.

The file "seen" in the working directory gets a line of JSON for each call:
a test that counts its lines knows whether the app was called, without asking
the server.
"""
import json
import os


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    text = json.dumps({
        "method": environ["REQUEST_METHOD"],
        "target": environ.get("RAW_URI", ""),
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "body": body.decode("latin-1"),
    }).encode() + b"\n"
    fd = os.open("seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(fd, text)
    os.close(fd)
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(text)))])
    return [text]
