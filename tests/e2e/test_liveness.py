# SPDX-License-Identifier: MIT
"""Workers that are not seen, and workers that others have killed."""
import os
import re
import signal

import pytest

from control import Control
from harness import FREE_THREADED, SANITIZER, needs_gil, scaled, wait_for
from stuck import forks, occupy, replaced, send, start

TIMEOUT = scaled(1)


def begin(server, **settings):
    settings.setdefault("timeout", f"{TIMEOUT:g}")
    return start(server, request_timeout=None, **settings)


def decided_in_time(server, pid, what):
    """The master's own stamp of the age at which it gave the worker up."""
    m = server.log_contains(
        rf"\[CRITICAL\] worker {pid} timed out: {what} age=(\d+)ms "
        rf"timeout={TIMEOUT * 1000:.0f}ms", timeout=20)
    age = int(m[1]) / 1000
    assert TIMEOUT <= age <= TIMEOUT + 2
    return age


@needs_gil
def test_held_gil_is_told_answered_and_healed(server):
    """R-01, R-03: C code that never lets the GIL go: nothing in Python runs."""
    begin(server)
    pid = server.worker_pids()[0]
    c, = occupy(server, "/hold?s=1000")
    queued = send(server, "/hello")
    decided_in_time(server, pid, "its GIL is held without a pause")
    # The loop still lives: clients are not left without an answer.
    assert c.response().status == 504
    assert queued.response().status == 503
    # What only a signal handler can see.
    server.log_contains(r"Fatal Python error: Aborted")
    server.log_contains(r'File ".*stuck_app.py", line \d+ in hold_the_gil')
    new = replaced(server, pid)
    server.log_contains(rf"worker {pid} was (aborted|killed) by the master: "
                        "its GIL is held without a pause")
    assert server.get("/pid").text == f"{new}\n"
    assert forks(server) == 2
    assert "another process" not in server.error_log()


@needs_gil
def test_all_threads_waiting_for_a_held_gil_are_healed(server):
    begin(server, threads=4)
    pid = server.worker_pids()[0]
    stuck = occupy(server, *["/sleep?s=1000"] * 3)
    stuck += occupy(server, "/hold?s=1000")
    decided_in_time(server, pid, "its GIL is held without a pause")
    assert [c.response().status for c in stuck] == [504] * 4
    new = replaced(server, pid)
    assert server.get("/pid").text == f"{new}\n"
    assert forks(server) == 2


def test_gil_that_comes_back_in_time_is_no_reason(server):
    begin(server)
    pid = server.worker_pids()[0]
    c, = occupy(server, f"/hold?s={TIMEOUT / 2:g}")
    assert c.response().status == 200
    assert server.worker_pids() == [pid]
    assert "timed out" not in server.error_log()


def test_stopped_worker_is_given_up_in_time(server):
    """R-18: its own kill, by its name"""
    begin(server, workers=2)
    pids = server.worker_pids()
    server.signal(signal.SIGSTOP, pids[0])
    decided_in_time(server, pids[0], "its loop has stopped")
    server.log_contains(rf"worker {pids[0]} was (aborted|killed) by the master"
                        ": its loop has stopped", timeout=20)
    wait_for("a successor", lambda: len(server.worker_pids()) == 2, 20)
    assert pids[1] in server.worker_pids()


def all_stopped(pids):
    return all(" T" in open(f"/proc/{p}/stat", encoding="ascii").read()
               .rpartition(")")[2][:2] for p in pids)


def test_whole_group_may_be_stopped_for_longer_than_timeout(server):
    """R-45: as a debugger, a frozen container or a closed laptop does."""
    begin(server, workers=2, timeout="1")
    server.with_config(request_timeout="1s")
    pids = server.worker_pids()
    c, = occupy(server, "/sleep?s=0.1")
    everybody = [*pids, server.process.pid]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    wait_for("all to stop", lambda: all_stopped(everybody))
    ages = {pid: server.board()[0]["loop_beat_ms"] for pid in pids}
    assert ages
    wait_for("the beats to be old", lambda: all(
        w["loop_beat_ms"] > 3200 for w in server.board()), 20)
    os.kill(server.process.pid, signal.SIGCONT)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    server.log_contains(r"master did not run for \d+ms")
    assert c.response().status == 200
    wait_for("new beats", lambda: all(
        w["loop_beat_ms"] < 1500 for w in server.board()))
    assert server.get("/hello").status == 200
    assert server.worker_pids() == pids
    assert "timed out" not in server.error_log()


def test_request_is_not_blamed_for_a_stop_of_its_process(server):
    """R-45"""
    start(server, request_timeout="1500ms", timeout="60")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/sleep?s=1")
    os.kill(pid, signal.SIGSTOP)
    wait_for("the beat to be old",
             lambda: server.board()[0]["loop_beat_ms"] > 3200, 20)
    os.kill(pid, signal.SIGCONT)
    assert c.response().status == 200
    assert "timed out" not in server.error_log()


def test_foreign_kill_is_told_with_memory_and_requests(server):
    """R-18"""
    begin(server, timeout="30")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/sleep?s=1000")
    wait_for("the master to look at the memory", lambda: server.board())
    os.kill(pid, signal.SIGKILL)
    m = server.log_contains(rf"worker {pid} was killed by another process or "
                            r"the kernel rss=(\d+)k")
    if not SANITIZER:
        assert 1000 < int(m[1]) < 200000
    server.log_contains(rf'worker {pid} was running request="GET '
                        r'/sleep\?s=1000" peer=127.0.0.1 age_ms=\d+')
    replaced(server, pid)
    # Nobody guesses.
    assert not re.search("memory|timed out|by the master",
                         server.error_log())
    c.close()


@pytest.mark.skipif(bool(SANITIZER), reason="a finding to the sanitizer")
def test_crash_is_told_by_the_name_of_its_signal(server):
    """R-18"""
    begin(server, timeout="30")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/sleep?s=1000")
    os.kill(pid, signal.SIGSEGV)
    server.log_contains(rf"worker {pid} was ended by signal 11 "
                        r"\(Segmentation fault")
    server.log_contains(rf"worker {pid} was running request=")
    if not FREE_THREADED:  # faulthandler shows one thread only then
        server.log_contains(
            r'File ".*stuck_app.py", line \d+ in sleep_in_python')
    replaced(server, pid)
    c.close()


def test_worker_whose_descriptors_the_application_closed_is_replaced(server):
    (server.dir / "closer.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/close':\n"
        "        os.closerange(3, 256)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'served']\n")
    server.with_config(wsgi_app="closer:app").start()
    pid = server.worker_pids()[0]
    with server.connect() as c:
        c.send(b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
        server.log_contains(rf"worker {pid} exited with code 1")
    replaced(server, pid)
    assert server.get("/").body == b"served"
    assert server.stderr_path.read_text().count("[warn]") == 1


def test_short_timeout_is_kept_by_an_idle_worker(server):
    begin(server, timeout=f"{TIMEOUT / 2:g}")
    pid = server.worker_pids()[0]
    assert server.get(f"/sleep?s={TIMEOUT * 2:g}").status == 200
    assert server.worker_pids() == [pid]
    assert "timed out" not in server.error_log()


def test_timeout_0_watches_nothing(server):
    begin(server, timeout="0")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/hold?s=1.5")
    assert c.response().status == 200
    assert server.worker_pids() == [pid]


def test_healthz_tells_of_saturation_while_it_lasts(server):
    control = Control(server)
    begin(server, threads=2, timeout="30", saturation_warning="400ms")
    assert control.ask("/healthz").status == 200
    busy = occupy(server, *[f"/sleep?s={scaled(1.5):g}"] * 2)
    wait_for("the saturation", lambda: control.ask("/healthz").status == 503)
    assert control.ask("/healthz").json() == {
        "ok": False, "message": "saturated: all threads are busy"}
    assert [c.response().status for c in busy] == [200, 200]
    wait_for("the end of it", lambda: control.ask("/healthz").status == 200)


def leaver(server, text):
    (server.dir / "leaver.py").write_text(
        f"import atexit, os, signal\n{text}\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/leave':\n"
        "        os._exit(7)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%d' % os.getpid()]\n")
    server.with_config(wsgi_app="leaver:app").start()
    return int(server.get("/").body)


def test_requests_that_an_exit_cuts_off_are_named(server):
    pid = leaver(server, "")
    with server.connect() as c:
        c.send(b"GET /leave HTTP/1.1\r\nHost: t\r\n\r\n")
        c.expect_close()
    server.log_contains(rf"\[ERROR\] worker {pid} exited with code 7$")
    server.log_contains(rf'\[ERROR\] worker {pid} was running '
                        'request="GET /leave" peer=127.0.0.1 age_ms=')
    replaced(server, pid)


@pytest.mark.parametrize("code, what", [
    ("os.kill(os.getpid(), signal.SIGILL)",
     r"was ended by signal 4 \(Illegal instruction.*"),
    ("os._exit(9)", "exited with code 9$")])
def test_crash_at_the_end_of_a_worker_is_an_error(server, code, what):
    """It was told to end, but not so."""
    pid = leaver(server, f"atexit.register(lambda: {code})")
    server.signal(signal.SIGHUP)
    server.log_contains(rf"\[ERROR\] worker {pid} {what}")
    assert int(server.get("/").body) != pid
