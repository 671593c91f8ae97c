# SPDX-License-Identifier: MIT
"""What a service manager is told (sd_notify), by a socket of our own."""
import os
import signal
import time

import pytest

from harness import scaled, wait_for
from manager import Manager


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify")
    if request.param == "abstract":
        path = f"@gthreadd-test-{os.getpid()}-{time.monotonic_ns()}"
    m = Manager(path.replace("@", "\0"))
    m.path = path
    yield m
    m.close()


def write_app(server, text):
    (server.dir / "served.py").write_text(
        text + "\nfrom wsgi_app import app\n")
    server.with_config(wsgi_app="served:app")


def test_ready_reloading_stopping(server, manager):
    """R-24"""
    write_app(server, "")
    server.with_config(workers=2).with_env(NOTIFY_SOCKET=manager.path)
    server.start()
    ready = manager.wait("READY")
    assert ready["READY"] == "1" and "workers=2" in ready["STATUS"]
    assert len(server.worker_pids()) == 2
    assert not manager.having("RELOADING")

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    server.signal(signal.SIGHUP)
    reloading = manager.wait("RELOADING")
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= after
    assert "generation 2" in manager.wait("READY", 2)["STATUS"]

    write_app(server, "raise RuntimeError")
    server.signal(signal.SIGHUP)
    failed = manager.wait("READY", 3)
    assert failed["STATUS"].startswith("reload failed, generation 2")
    assert "could not import" in failed["STATUS"]
    names = [next(iter(m)) for m in manager.messages]
    assert names == ["READY", "RELOADING", "READY", "RELOADING", "READY"]

    server.stop()
    assert manager.wait("STOPPING")["STOPPING"] == "1"
    assert not manager.having("WATCHDOG")


def test_ready_waits_for_the_workers(server, manager):
    """R-24"""
    write_app(server, "import os, time\nopen('boots', 'w').close()\n"
              "while not os.path.exists('go'): time.sleep(0.02)")
    server.with_env(NOTIFY_SOCKET=manager.path).on_port()
    server.spawn()
    wait_for("the import", (server.dir / "boots").exists)
    assert not manager.read()
    (server.dir / "go").touch()
    manager.wait("READY")
    server.wait_ready()


def test_no_ready_when_the_start_fails(server, manager):
    server.with_config(wsgi_app="absent:app")
    server.with_env(NOTIFY_SOCKET=manager.path)
    assert server.run().returncode == 4
    assert not manager.having("READY")


def test_watchdog_hears_of_live_workers_only(server, manager):
    """R-24"""
    usec = int(scaled(1) * 1e6)
    server.with_config(timeout="0").with_env(
        NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=str(usec))
    server.start()
    manager.wait("WATCHDOG", 3)
    pid = server.worker_pids()[0]
    server.signal(signal.SIGSTOP, pid)

    def silent():
        n = len(manager.having("WATCHDOG"))
        end = time.monotonic() + 2 * usec / 1e6
        while time.monotonic() < end:
            if len(manager.having("WATCHDOG")) > n:
                return False
            time.sleep(0.05)
        return True
    wait_for("silence", silent, 20)
    n = len(manager.having("WATCHDOG"))
    server.signal(signal.SIGCONT, pid)
    manager.wait("WATCHDOG", n + 2)


def test_children_do_not_have_the_variables(server, manager):
    server.with_env(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="20000000")
    server.start()
    write_app(server, "import os, sys\nif 'NOTIFY_SOCKET' in os.environ "
              "or 'WATCHDOG_USEC' in os.environ: sys.exit(5)")
    server.write_ini()
    server.signal(signal.SIGHUP)
    assert "generation 2" in manager.wait("READY", 2)["STATUS"]
