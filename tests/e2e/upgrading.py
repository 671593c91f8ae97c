# SPDX-License-Identifier: MIT
"""The steps of an upgrade: USR2, the new master, the end of the old one."""
import os
import re
import signal

from harness import title_of, wait_for


def masters(server):
    return [p for p in server.processes()
            if title_of(p).startswith(("gthreadd: master",
                                       "gthreadd: starting"))]


def count(server, pattern):
    return len(re.findall(pattern, server.error_log()))


def start_upgrade(server, old):
    """USR2; the pid of the new master."""
    mark = r"new master (\d+) is started"
    before = count(server, mark)
    os.kill(old, signal.SIGUSR2)
    wait_for("a new master", lambda: count(server, mark) > before)
    return int(re.findall(mark, server.error_log())[-1])


def upgrade(server, old):
    new = start_upgrade(server, old)
    server.log_contains(f"new master {new} is ready", 30)
    return new


def wait_gone(server, pid):
    def gone():
        if pid == server.process.pid:
            server.process.poll()
        return pid not in server.processes()
    wait_for(f"master {pid} to end", gone, 20)


def end(server, pid, number=signal.SIGTERM):
    os.kill(pid, number)
    wait_gone(server, pid)


def number_of(server, pid):
    return len([w for w in server.board(pid) if w["ready"] == 1])


def end_workers(server, pid):
    """The master stays, to come back or to go."""
    os.kill(pid, signal.SIGWINCH)
    wait_for("the workers to end", lambda: not server.board(pid))


def wait_workers(server, pid):
    wait_for("both workers", lambda: number_of(server, pid) == 2, 20)
