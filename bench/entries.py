# SPDX-License-Identifier: MIT
"""What is measured: applications and scenarios. Each is one entry."""
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
APPS_DIR = BENCH / "apps"
PINNED = ("pinned",)
BOTH = ("pinned", "free")
MIB = 1 << 20


@dataclass(frozen=True)
class App:
    target: str     # module:callable in apps/
    expect: bytes   # is found in every answer's body
    length: int = 0     # of the body; 0: any
    module: str = ""    # of /usr/bin/python3; without it the app is skipped


APPS = {
    "hello": App("hello:app", b"Hello, world!\n"),
    "json": App("json_app:app", b'"rows"'),
    "flask": App("flask_app:app", b"Hello from Flask\n", module="flask"),
    "django": App("django_app:app", b"Hello from Django\n", module="django"),
    "inner": App("inner:app", b'"us"'),
    "sleep": App("times:sleep", b"Done\n"),
    "compute": App("times:compute", b"Done\n"),
    "mixed": App("times:mixed", b"Done\n"),
    "burn": App("times:burn", b"Done\n"),
    "background": App("times:background", b"Done"),
    "stream": App("shapes:stream", b"xxx\n", 100 * 1024),
    "large": App("shapes:large", b"0123456789abcdef", MIB),
    "file": App("shapes:file", b"0123456789abcdef", MIB),
    "upload": App("shapes:upload", b"Read 65536\n"),
}


@dataclass(frozen=True)
class Scenario:
    name: str
    text: str
    app: str = "hello"
    path: str = "/"
    connections: int = 32
    threads: int = 4
    workers: int = 1
    headers: tuple = ()
    pipeline: int = 1   # requests sent at once on a connection
    upload: int = 0     # octets; the request is a POST
    slow: str = ""      # the path of one in ten requests
    probe: str = ""     # a client of its own asks for it; latency is its
    counter: str = ""   # a path that tells how far the app's threads are
    idle: int = 0       # connections that had an answer and ask no more
    kind: str = "load"  # load, start, memory
    preload: bool = False   # the app is loaded before the workers are forked
    placements: tuple = PINNED


# What a browser behind a proxy sends, twenty fields with wrk's Host.
TWENTY = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Firefox/115.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Referer: http://127.0.0.1/some/other/page?with=a&query=string",
    "Cookie: sessionid=0123456789abcdef0123456789abcdef; theme=dark; lang=en",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-User: ?1",
    "Cache-Control: max-age=0",
    "If-None-Match: \"0123456789abcdef\"",
    "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "DNT: 1",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-Proto: https",
    "X-Real-IP: 192.0.2.7",
    "X-Request-ID: 7b3e5c1a-0000-4000-8000-0123456789ab",
)

SCENARIOS = [
    Scenario("hello-1", "hello, 1 connection", connections=1,
             placements=BOTH),
    Scenario("hello-8", "hello, 8 connections", connections=8,
             placements=BOTH),
    Scenario("hello-32", "hello, 32 connections", placements=BOTH),
    Scenario("hello-256", "hello, 256 connections", connections=256),
    Scenario("workers-2", "hello, 32 connections, 2 workers", workers=2,
             placements=BOTH),
    Scenario("close", "hello, 32 connections, closed after each answer",
             headers=("Connection: close",)),
    Scenario("pipeline-16", "hello, 32 connections, 16 requests at once",
             pipeline=16),
    Scenario("headers-20", "hello, 32 connections, 20 request headers",
             headers=TWENTY),
    Scenario("idle-200", "hello, 32 connections beside 200 idle ones",
             idle=200),
    Scenario("json", "1 KiB of JSON, 32 connections", app="json",
             path="/?name=value&page=2"),
    Scenario("flask-1", "Flask, 1 connection", app="flask", connections=1,
             placements=BOTH),
    Scenario("flask", "Flask, 32 connections", app="flask",
             placements=BOTH),
    Scenario("flask-2", "Flask, 32 connections, 2 workers", app="flask",
             workers=2, placements=("free",)),
    Scenario("django", "Django, 32 connections", app="django"),
    Scenario("compute", "1 ms of Python, 8 connections", app="compute",
             connections=8, placements=BOTH),
    Scenario("sleep-4", "10 ms of sleep, 32 connections, 4 threads",
             app="sleep"),
    Scenario("sleep-32", "10 ms of sleep, 32 connections, 32 threads",
             app="sleep", threads=32),
    Scenario("mixed", "one in ten sleeps 50 ms, 16 connections, 32 threads; "
             "latency of another client's fast requests", app="mixed",
             slow="/slow", probe="/", connections=16, threads=32,
             placements=BOTH),
    Scenario("burn", "50 ms of Python again and again; latency of another "
             "client's fast requests", app="burn", path="/slow", probe="/",
             connections=1),
    Scenario("background", "hello beside threads of the app that compute and "
             "wake every 1 ms", app="background", counter="/count"),
    Scenario("stream", "100 chunks of 1 KiB, 8 connections", app="stream",
             connections=8),
    Scenario("large", "1 MiB body, 8 connections", app="large",
             connections=8),
    Scenario("file", "1 MiB file, 8 connections", app="file", connections=8),
    Scenario("upload", "64 KiB upload, 8 connections", app="upload",
             connections=8, upload=65536),
    Scenario("start", "start to the first answer, hello", kind="start",
             placements=("free",)),
    Scenario("memory", "1 worker, hello", kind="memory",
             placements=("free",)),
    Scenario("memory-4", "4 workers, Flask", app="flask", kind="memory",
             workers=4, placements=("free",)),
    Scenario("preload-4", "4 workers, Flask, preloaded", app="flask",
             kind="memory", workers=4, preload=True, placements=("free",)),
]
