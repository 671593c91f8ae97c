# SPDX-License-Identifier: MIT
"""The application that `./dev serve` serves: plain WSGI, no framework."""
import html
import os
import threading
import time

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>gthreadd</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; }}
td {{ padding-right: 1em; }}
</style>
<h1>gthreadd serves this</h1>
<p>You see the bundled example, <code>examples/hello.py</code>, run with
<code>examples/gthreadd.ini</code>.
<table>
<tr><td>server<td>{server}
<tr><td>process<td>{pid}
<tr><td>thread<td>{thread}
<tr><td>your address<td>{peer}
</table>
<p>There is more:
<ul>
<li><a href="/hello">/hello</a>: plain text
<li><a href="/stream">/stream</a>: a line every half second, as it is made
<li><a href="/environ">/environ</a>: what the application is told
</ul>
</html>
"""


def page(environ, start_response):
    body = PAGE.format(
        server=html.escape(environ["SERVER_SOFTWARE"]),
        pid=os.getpid(),
        thread=html.escape(threading.current_thread().name),
        peer=html.escape(environ.get("REMOTE_ADDR") or "unix socket"))
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [body.encode()]


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world!\n"]


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for i in range(10):
        yield b"line %d\n" % i
        time.sleep(0.5)


def show_environ(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    for name in sorted(environ):
        yield f"{name} = {environ[name]!r}\n".encode()


PATHS = {"/": page, "/hello": hello, "/stream": stream,
         "/environ": show_environ}


def app(environ, start_response):
    handler = PATHS.get(environ["PATH_INFO"])
    if handler is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    return handler(environ, start_response)
