# SPDX-License-Identifier: MIT
"""The system has no more to give: what serves goes on, and it is told why."""
import os
import resource
import shutil
import signal
import subprocess

import pytest

from harness import GTHREADD, SANITIZER, wait_for
from reloading import changed, reload, version, write_app
from upgrading import start_upgrade
from users import ROOT, open_to_all

# Nobody else's, nor that of a test beside this one: they are counted.
UID = 54345 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
pytestmark = pytest.mark.skipif(
    not ROOT, reason="only root can start it as another")
NPROC = resource.RLIMIT_NPROC
LIMITS = {"nproc": NPROC, "nofile": resource.RLIMIT_NOFILE}
REASON = "Resource temporarily unavailable"


def limit(pid, n, what="nproc"):
    """It may have no more than n processes and threads; -1: any number.

    A container's root may lack the right; the user has it."""
    hard = resource.getrlimit(LIMITS[what])[1]  # inherited
    if n < 0:
        n = hard if hard != resource.RLIM_INFINITY else "unlimited"
    subprocess.run(["prlimit", f"--{what}={n}:", "--pid", str(pid)],
                   user=UID, group=UID, extra_groups=[], check=True)


def running():
    """Processes and threads of the user."""
    n = 0
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid == UID:
                n += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass
    return n


@pytest.fixture
def poor(server):
    """Started as a user of its own, who may be given a limit."""
    write_app(server, 1)
    server.with_config(wsgi_app="served:app", workers=2, threads=2)
    server.program = shutil.copy(GTHREADD, server.dir / "program")
    server.on_port().write_ini()
    open_to_all(server)
    for path in (server.dir, server.dir / "served.py"):
        shutil.chown(path, UID, UID)
    return server


def start(server):
    server.start("-c", str(server.ini), user=UID, group=UID, extra_groups=[])
    return server.process.pid


@pytest.mark.skipif(SANITIZER != "", reason="it wants a thread of its own")
def test_start_without_processes_is_exit_3_with_the_reason(poor):
    poor.spawn("-c", str(poor.ini), user=UID, group=UID, extra_groups=[],
               preexec_fn=lambda: resource.setrlimit(NPROC, (0, 0)))
    assert poor.wait() == 3
    poor.stopped = True
    assert f"worker cannot be started: {REASON}" in poor.error_log()
    assert "worker cannot be started" in poor.read(poor.stderr_path)


@pytest.mark.parametrize("preload", [False, True])
def test_worker_that_cannot_be_forked_is_tried_again(poor, preload):
    poor.with_config(preload=preload).write_ini()
    pid = start(poor)
    limited = pid if not preload else next(
        p for p in poor.processes()
        if b"forkserver" in open(f"/proc/{p}/cmdline", "rb").read())
    limit(limited, 1)
    dead, other = poor.worker_pids()
    os.kill(dead, signal.SIGKILL)
    poor.log_contains(f"worker cannot be started: {REASON}")
    poor.log_contains("next worker is started in 200ms")
    assert poor.worker_pids() == [other]
    assert version(poor) == 1
    limit(limited, -1)
    wait_for("two workers", lambda: len(poor.worker_pids()) == 2, 20)
    assert version(poor) == 1


def test_reload_and_upgrade_without_processes_change_nothing(poor):
    pid = start(poor)
    workers = poor.worker_pids()
    limit(pid, 1)
    write_app(poor, 2)
    reload(poor, fails=True)
    assert f"reload failed, generation 1 serves on: {REASON}" \
        in poor.error_log()
    poor.signal(signal.SIGUSR2)
    poor.log_contains(f"upgrade failed: {REASON}")
    assert poor.worker_pids() == workers
    assert version(poor) == 1
    limit(pid, -1)
    reload(poor)
    assert version(poor) == 2


@pytest.mark.parametrize("more", [1, 2, 4, 10])
def test_worker_without_threads_fails_the_reload_and_says_so(poor, more):
    """It gets its process, and more - 1 of its threads."""
    pid = start(poor)
    changed(poor, threads=20)
    poor.wait_idle()
    limit(pid, running() + more)
    reload(poor, fails=True)
    poor.log_contains(f"worker cannot boot: {REASON}")
    assert "signal" not in poor.error_log().split("HUP", 1)[1]
    limit(pid, -1)
    reload(poor)
    assert version(poor) == 1


def test_log_that_cannot_be_opened_again_goes_on(poor):
    pid = start(poor)
    old = poor.error_path.rename(poor.dir / "error.log.1")
    poor.dir.chmod(0o555)
    shutil.chown(poor.dir, 0, 0)
    for who, line in ((pid, f"log file {poor.error_path} cannot be opened "
                            "again: Permission denied"),
                      (poor.worker_pids()[0], "log not reopened path="
                       f"{poor.error_path}: Permission denied")):
        os.kill(who, signal.SIGUSR1)
        wait_for(line, lambda line=line: line in poor.read(old))
    assert version(poor) == 1
    shutil.chown(poor.dir, UID, UID)
    poor.dir.chmod(0o755)
    os.kill(pid, signal.SIGUSR1)
    wait_for("the new file", poor.error_path.exists)
    assert version(poor) == 1


def test_stop_waits_for_a_new_master_no_longer_than_graceful_timeout(poor):
    poor.with_config(graceful_timeout=1).write_ini()
    pid = start(poor)
    write_app(poor, 2, "while not os.path.exists('go'): time.sleep(0.01)")
    new = start_upgrade(poor, pid)
    poor.signal(signal.SIGTERM)
    poor.log_contains(f"new master {new} is not ready yet: stopping without")
    assert poor.wait() == 0
    (poor.dir / "go").touch()
    wait_for("the new one", lambda: len([
        w for w in poor.board(new) if w["ready"] == 1]) == 2, 20)
    assert version(poor) == 2
    os.kill(new, signal.SIGTERM)
    wait_for("the end", lambda: not poor.processes(), 20)
    poor.stopped = True


# ---- descriptors ----

def leave_descriptors(pid, n):
    """It can open n more."""
    taken = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    free = [fd for fd in range(len(taken) + n + 1) if fd not in taken]
    limit(pid, free[n], "nofile")


@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("left", [0, 2, 4])
def test_master_without_descriptors_serves_on(poor, preload, left):
    """Whichever is the first that cannot be had."""
    poor.with_config(preload=preload).write_ini()
    pid = start(poor)
    workers = poor.worker_pids()
    leave_descriptors(pid, left)
    write_app(poor, 2)
    reload(poor, fails=True)
    poor.signal(signal.SIGUSR1)
    poor.log_contains("handling signal: USR1")
    poor.signal(signal.SIGUSR2)
    poor.log_contains("upgrade failed")
    if left == 4:
        poor.log_contains("program says: .* cannot be run: Too many open")
    else:
        poor.signal(signal.SIGTTIN)
        poor.log_contains("worker cannot be started: Too many open files")
    assert poor.worker_pids() == workers
    assert version(poor) == 1
    limit(pid, -1, "nofile")
    if left != 4:
        wait_for("three workers", lambda: len(poor.worker_pids()) == 3, 20)
    reload(poor)
    assert version(poor) == 2
