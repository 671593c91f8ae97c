# SPDX-License-Identifier: MIT
"""An application that has versions, and reloads that bring the next one."""
import re
import signal

from harness import wait_for

APP = """
import json, os, sys, threading, time
VERSION = {version!r}
{extra}
def app(environ, start_response):
    ms = environ["QUERY_STRING"]
    if ms:
        time.sleep(int(ms) / 1000)
    body = json.dumps(dict(version=VERSION, pid=os.getpid(),
                           env=os.environ.get("WHO", ""))).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
"""

BROKEN = {
    "import error": "raise RuntimeError('broken on purpose')",
    "exit": "sys.exit(7)",
    "os exit": "os._exit(9)",
    "hang": "open('hangs', 'w').close(); time.sleep(1000)",
    "segfault": "os.kill(os.getpid(), 11)",
    "no app": "def __getattr__(name): raise AttributeError(name)",
}


def write_app(server, version, extra=""):
    text = APP.format(version=version, extra=extra)
    fresh = server.dir / "served.py.new"
    fresh.write_text(text)
    fresh.replace(server.dir / "served.py")


def version(server):
    return server.get("/").json()["version"]


def drained(server, old):
    """The master has told them to end; they need a moment to show it."""
    wait_for("the old workers to drain",
             lambda: not set(old) & set(server.worker_pids()))


def reload(server, fails=False):
    """HUP, and wait until all is as it will be."""
    marks = r"reload is complete|reload failed"
    before = len(re.findall(marks, server.error_log()))
    old = server.worker_pids()
    server.signal(signal.SIGHUP)
    wait_for("the reload to end", lambda: len(
        re.findall(marks, server.error_log())) > before, 30)
    last = re.findall(marks, server.error_log())[-1]
    assert (last == "reload failed") == fails, server.output()[-3000:]
    if not fails:
        drained(server, old)


def changed(server, **settings):
    server.with_config(**settings)
    server.write_ini()
