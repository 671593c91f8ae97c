# SPDX-License-Identifier: MIT
"""Requests that take too long, and the workers that take their place."""
import re

from harness import wait_for


def start(server, **settings):
    settings.setdefault("threads", 4)
    settings.setdefault("request_timeout", "800ms")
    settings.setdefault("interrupt_timeout", "600ms")
    return server.with_config(wsgi_app="stuck_app:app", **settings).start()


def send(server, target, **kw):
    c = server.connect(timeout=30, **kw)
    c.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    return c


def occupy(server, *targets):
    """Connections whose requests run, one after the other."""
    found = []
    for target in targets:
        def running(text=f"GET {target}"):
            return len([c for c in server.busy_cells() if c["text"] == text])
        before = running()
        found.append(send(server, target))
        wait_for(f"{target} to run", lambda: running() == before + 1)
    return found


def replaced(server, pid):
    wait_for("a successor", lambda: server.worker_pids() not in ([], [pid])
             and pid not in server.worker_pids(), 20)
    return server.worker_pids()[0]


def forks(server):
    """Workers that were ever ready."""
    return len(re.findall(r"worker \d+ is ready", server.error_log()))
