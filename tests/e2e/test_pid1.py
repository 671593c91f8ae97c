# SPDX-License-Identifier: MIT
"""The master as process 1 of a container: unshare(1) makes one."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness import GTHREADD, wait_for

UNSHARE = shutil.which("unshare")


def has_namespaces():
    return UNSHARE and subprocess.run(
        [UNSHARE, "--pid", "--fork", "true"], capture_output=True,
        check=False).returncode == 0


pytestmark = pytest.mark.skipif(not has_namespaces(),
                                reason="no pid namespace can be made")

APP = """
import os, subprocess, sys
def app(environ, start_response):
    # A child of nobody: its parent ends at once, then it does.
    subprocess.run(["sh", "-c", "sleep 0.2 &"], check=True)
    body = str(os.getppid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(p) for p in text.split()]


def state(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "gone"
    return text.rpartition(")")[2].split()[0]


@pytest.fixture
def container(server):
    (server.dir / "served.py").write_text(APP)
    server.with_config(wsgi_app="served:app", workers=2).on_port()
    server.write_ini()
    server.program = UNSHARE
    server.spawn("--pid", "--fork", "--kill-child", str(GTHREADD), "-c",
                 str(server.ini))
    server.log_contains("(?s)is ready.*is ready", 20)
    server.master, = children(server.process.pid)
    return server


def test_term_stops_it(container):
    """R-44"""
    assert container.get("/").body == b"1"
    os.kill(container.master, signal.SIGTERM)
    assert container.wait() == 0
    container.stop()


def test_children_of_nobody_are_reaped_without_a_word(container):
    """R-44"""
    for _ in range(3):
        assert container.get("/").status == 200
    wait_for("the foreign children", lambda: len(
        children(container.master)) > 2)
    wait_for("their end", lambda: len(children(container.master)) == 2)
    assert not [p for p in children(container.master) if state(p) == "Z"]
    log = container.error_log()
    assert "ended" not in log and "exited" not in log and "killed" not in log
    os.kill(container.master, signal.SIGTERM)
    assert container.wait() == 0
    container.stop()


def test_upgrade_is_refused(container):
    os.kill(container.master, signal.SIGUSR2)
    container.log_contains("upgrade refused: this is process 1")
    assert container.get("/").status == 200
    os.kill(container.master, signal.SIGTERM)
    assert container.wait() == 0
    container.stop()
