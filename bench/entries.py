# SPDX-License-Identifier: MIT
"""What is measured: applications, servers, scenarios. Each is one entry."""
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent
APPS_DIR = BENCH / "apps"
# Debian's programs first: another Python's gunicorn is another measurement.
SEARCH = "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin"
BASELINE = "gthreadd"


@dataclass(frozen=True)
class App:
    target: str     # module:callable in apps/
    expect: bytes   # is found in every answer's body
    module: str = ""    # of /usr/bin/python3; without it the app is skipped


APPS = {
    "hello": App("hello:app", b"Hello, world!\n"),
    "json": App("json_app:app", b'"rows"'),
    "pause": App("pause:app", b"Paused\n"),
    "flask": App("flask_app:app", b"Hello from Flask\n", "flask"),
    "django": App("django_app:app", b"Hello from Django\n", "django"),
}


@dataclass(frozen=True)
class Scenario:
    name: str
    text: str
    app: str = "hello"
    path: str = "/"
    connections: int = 32
    threads: int = 4
    headers: tuple = ()


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
    Scenario("hello-1", "hello, 1 connection", connections=1),
    Scenario("hello-8", "hello, 8 connections", connections=8),
    Scenario("hello-32", "hello, 32 connections"),
    Scenario("hello-256", "hello, 256 connections", connections=256),
    Scenario("close", "hello, 32 connections, closed after each answer",
             headers=("Connection: close",)),
    Scenario("headers-20", "hello, 32 connections, 20 request headers",
             headers=TWENTY),
    Scenario("json", "1 KiB of JSON, 32 connections", app="json",
             path="/?name=value&page=2"),
    Scenario("flask", "Flask, 32 connections", app="flask"),
    Scenario("django", "Django, 32 connections", app="django"),
    Scenario("sleep-4", "10 ms of sleep, 32 connections, 4 threads",
             app="pause"),
]


@dataclass(frozen=True)
class Server:
    """Start with args; {port} {threads} {target} {apps} {tmp} are filled in."""
    name: str
    program: str    # looked for in SEARCH, or a path
    args: tuple
    note: str = ""
    skip: str = ""      # why it cannot be run here
    apps: frozenset = frozenset(APPS)
    needs: tuple = field(default=())    # files, any one of each glob

    def command(self, scenario, port, tmp):
        values = {"port": port, "threads": scenario.threads, "tmp": tmp,
                  "target": APPS[scenario.app].target, "apps": APPS_DIR}
        return [self.program] + [a.format(**values) for a in self.args]


GTHREADD_ARGS = ("-w", "1", "--threads", "{threads}", "--chdir", "{apps}",
                 "-b", "127.0.0.1:{port}", "--log-level", "warning")
TARGET = ("{target}",)
UWSGI_ARGS = ("--plugin", "python3", "--master", "--die-on-term", "--need-app",
              "--processes", "1", "--disable-logging", "--listen", "{backlog}",
              # It closes, but does not say so: wrk would count an error each.
              "--add-header", "Connection: close",
              "--chdir", "{{apps}}", "--http-socket", "127.0.0.1:{{port}}",
              "--module", "{{target}}")
UWSGI_NOTE = "--http-socket closes the connection after each answer"


def somaxconn():
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:
        return 100


def uwsgi(name, threads):
    # With its usual 100 the listen queue would overflow, and a lost SYN
    # costs a second.
    backlog = min(1024, somaxconn())
    args = tuple(a.format(backlog=backlog) for a in UWSGI_ARGS)
    return Server(name, "uwsgi", args + threads, UWSGI_NOTE,
                  needs=("/usr/lib/uwsgi/plugins/python3*_plugin.so",))


def servers(gthreadd, also, tmp):
    """All entries. also: (name, path) of other builds of gthreadd."""
    found = [
        Server(BASELINE, str(gthreadd), GTHREADD_ARGS + TARGET),
        Server("gthreadd-log", str(gthreadd),
               GTHREADD_ARGS + ("--access-logfile", "{tmp}/access.log")
               + TARGET, "with an access log"),
    ]
    found += [Server(name, path, GTHREADD_ARGS + TARGET, path)
              for name, path in also]
    return found + [
        uwsgi("uwsgi-4", ("--enable-threads", "--threads", "{threads}")),
        uwsgi("uwsgi-1", ()),
        Server("gunicorn", "gunicorn",
               ("-k", "gthread", "-w", "1", "--threads", "{threads}",
                "--chdir", "{apps}", "-b", "127.0.0.1:{port}",
                "--log-level", "warning") + TARGET, "gthread worker class"),
        Server("reference", f"{tmp}/reference", ("{port}",),
               "a fixed answer from a bare epoll loop in C: the limit",
               apps=frozenset(["hello"])),
    ]


def resolve(server):
    """The entry with its program's path, or with the reason to skip it."""
    values = dict(vars(server))
    path = shutil.which(server.program, path=SEARCH)
    missing = [g for g in server.needs
               if not list(Path("/").glob(g.lstrip("/")))]
    if path is None:
        values["skip"] = f"{server.program} is not installed"
    elif missing:
        values["skip"] = f"{missing[0]} is missing"
    else:
        values["program"] = os.path.abspath(path)
    return Server(**values)
