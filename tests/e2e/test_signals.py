# SPDX-License-Identifier: MIT
"""Signals, stopping, respawning, and workers that are stuck."""
import os
import signal
import socket
import time

import pytest

from harness import SANITIZER, needs_gil, scaled, wait_for


def in_flight(server, target):
    """A connection whose request is running in the app."""
    busy = len(server.busy_cells())
    c = server.connect(timeout=30)
    c.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    wait_for("the request to run",
             lambda: len(server.busy_cells()) == busy + 1)
    return c


def gone(pid):
    try:
        os.kill(pid, 0)
        return False
    except ProcessLookupError:
        return True


@pytest.mark.parametrize("workers", [1, 2])
def test_term_ends_an_idle_server_at_once(server, workers):
    server.with_config(workers=workers).start()
    start = time.monotonic()
    server.stop(signal.SIGTERM)
    assert time.monotonic() - start < scaled(3)


def test_term_answers_the_request_in_flight(server):
    server.with_config(threads=2).start()
    c = in_flight(server, "/sleep?ms=700")
    server.signal(signal.SIGTERM)
    r = c.response()
    assert (r.status, r.body) == (200, b"slept\n")
    assert r.get("Connection").lower() == "close"
    c.expect_close()
    server.stop()


def test_term_finishes_stream_and_upload(server):
    server.with_config(threads=2).start()
    down = in_flight(server, "/trickle?n=10&ms=50")
    up = server.connect(timeout=30)
    up.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
            b"Content-Length: 200000\r\n\r\n" + b"x" * 150000)
    wait_for("both to run", lambda: len(server.busy_cells()) == 2)
    server.signal(signal.SIGTERM)
    up.send(b"x" * 50000)
    assert up.response().body == b"x" * 200000
    assert down.response().body.endswith(b"line 9\n")
    server.stop()


def test_term_serves_what_was_already_sent(server):
    """R-14: queued behind a busy thread when TERM comes: still answered."""
    server.with_config(threads=1).start()
    c = in_flight(server, f"/sleep?ms={scaled(500):.0f}")
    queued = [server.connect(timeout=30) for _ in range(2)]
    for q in queued:
        q.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n")
    wait_for("2 queued", lambda: server.ready_workers()[0]["queued"] == 2)
    server.signal(signal.SIGTERM)
    assert c.response().status == 200
    for q in queued:
        assert q.response().body == b"Hello, world!\n"
    server.stop()


def test_term_closes_parked_connections(server):
    """R-14"""
    server.start()
    with server.connect() as c:
        c.get("/hello")
        server.signal(signal.SIGTERM)
        c.expect_close()
    server.stop()


def test_term_refuses_new_connections(server):
    server.with_config(threads=2).start()
    c = in_flight(server, "/sleep?ms=1000")
    server.signal(signal.SIGTERM)

    def refused():
        try:
            server.connect().close()
            return False
        except ConnectionRefusedError:
            return True
    wait_for("new connections to be refused", refused, 5)
    assert c.response().status == 200
    server.stop()


def test_graceful_timeout_bounds_the_wait(server):
    """R-13"""
    server.with_config(threads=1, graceful_timeout="1").start()
    c = in_flight(server, "/sleep?ms=60000")
    start = time.monotonic()
    server.stop(signal.SIGTERM)
    assert 0.9 <= time.monotonic() - start < scaled(5)
    c.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quick_stop_does_not_wait_for_a_stuck_thread(server, number):
    """R-13; parity: gunicorn takes all of graceful-timeout"""
    server.with_config(threads=2).start()
    c = in_flight(server, "/sleep?ms=60000")
    start = time.monotonic()
    server.stop(number)
    assert time.monotonic() - start < scaled(3)
    c.close()


def test_quick_stop_ends_a_held_gil(server):
    """R-13"""
    server.with_config(threads=2).start()
    c = in_flight(server, "/hold?s=60")
    start = time.monotonic()
    server.stop(signal.SIGQUIT)
    assert time.monotonic() - start < scaled(4)
    c.close()


def test_quit_after_term_hastens(server):
    server.with_config(threads=1, graceful_timeout="60").start()
    c = in_flight(server, "/sleep?ms=60000")
    server.signal(signal.SIGTERM)
    start = time.monotonic()
    server.stop(signal.SIGQUIT)
    assert time.monotonic() - start < scaled(3)
    c.close()


def test_usr1_reopens_both_logs(server):
    """R-42"""
    server.with_config(workers=2).start()
    server.get("/hello")
    server.access_log(1)
    old_error = server.error_path.rename(server.dir / "error.log.1")
    old_access = server.access_path.rename(server.dir / "access.log.1")
    server.signal(signal.SIGUSR1)
    wait_for("the new files", lambda: server.error_path.exists()
             and server.access_path.exists())

    def in_new_file():
        server.get("/hello")
        return len(server.access_log()) >= 5
    wait_for("lines in the new access log", in_new_file)
    rotated = len(old_access.read_text().splitlines())
    size = old_error.stat().st_size
    for _ in range(4):
        server.get("/log?text=after+rotation")
    server.log_contains("^after rotation$")
    assert len(old_access.read_text().splitlines()) == rotated
    assert old_error.stat().st_size == size
    server.stop()
    assert old_error.stat().st_size == size


def test_logs_that_cannot_be_opened_again_are_written_on(server):
    place = server.dir / "logs"
    place.mkdir()
    server.error_path = place / "error.log"
    server.access_path = place / "access.log"
    server.with_config(error_logfile=server.error_path,
                       access_logfile=server.access_path).start()
    gone = place.rename(server.dir / "gone")
    server.signal(signal.SIGUSR1)
    server.error_path = gone / "error.log"
    server.access_path = gone / "access.log"
    for name in ("error", "access"):
        server.log_contains(rf"\[ERROR\] log file \S+/logs/{name}.log cannot "
                            "be opened again: No such file or directory$")
    assert server.get("/log?text=written+on").status == 200
    server.log_contains("written on$")
    assert '"GET /log?text=written+on HTTP/1.1" 200' \
        in server.access_log(1)[0]


def test_handlers_of_the_application_are_replaced_and_named(server):
    """Its TERM would never run: the loop's ends the worker."""
    (server.dir / "handles.py").write_text(
        "import signal\nfrom wsgi_app import app\n"
        "def never(number, frame):\n    raise SystemExit(5)\n"
        "for name in ('TERM', 'USR1', 'USR2'):\n"
        "    signal.signal(getattr(signal, 'SIG' + name), never)\n")
    server.with_config(wsgi_app="handles:app").start()
    server.log_contains(r"the application's signal handlers are replaced "
                        r'signals="SIGTERM, SIGUSR1"$')
    server.stop()


@pytest.mark.parametrize("name", ["HUP", "WINCH", "PIPE"])
def test_worker_ignores_signals_of_the_group(server, name):
    server.start()
    pids = server.worker_pids()
    server.signal(getattr(signal, "SIG" + name), pids[0])
    assert server.get("/hello").status == 200
    assert server.worker_pids() == pids


# A sanitizer would take SIGSEGV for a finding of its own.
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM] +
                         ([] if SANITIZER else [signal.SIGSEGV]))
def test_killed_worker_is_replaced(server, number):
    server.with_config(workers=2).start()
    first = server.worker_pids()
    server.signal(number, first[0])
    wait_for("a replacement", lambda: len(server.worker_pids()) == 2
             and first[0] not in server.worker_pids())
    assert first[1] in server.worker_pids()
    server.log_contains(rf"{first[0]}")
    for _ in range(10):
        assert server.get("/hello").status == 200


@needs_gil
def test_worker_with_a_held_gil_is_killed_and_replaced(server):
    server.with_config(threads=2, timeout=f"{scaled(2):g}").start()
    pid = server.worker_pids()[0]
    c = server.connect(timeout=60)
    c.send(b"GET /hold?s=1000 HTTP/1.1\r\nHost: t\r\n\r\n")
    wait_for("the worker to be killed", lambda: gone(pid), 20)
    server.log_contains(rf"(?i){pid}.*(timed out|timeout|not seen)")
    wait_for("a replacement", server.ready_workers, 20)
    assert server.get("/hello").status == 200
    c.close()


def test_long_request_does_not_trip_the_timeout(server):
    server.with_config(threads=2, timeout="2").start()
    pids = server.worker_pids()
    c = in_flight(server, "/sleep?ms=4000")
    assert c.response().body == b"slept\n"
    assert server.worker_pids() == pids


def test_stopped_worker_is_killed_and_replaced(server):
    server.with_config(timeout="2").start()
    pid = server.worker_pids()[0]
    server.signal(signal.SIGSTOP, pid)
    wait_for("the worker to be killed", lambda: gone(pid), 20)
    wait_for("a replacement", server.ready_workers, 20)
    assert server.get("/hello").status == 200


def test_worker_leaves_when_the_master_is_killed(server):
    server.with_config(workers=2).start()
    pids = server.worker_pids()
    server.signal(signal.SIGKILL)
    server.process.wait(scaled(5))
    wait_for("the workers to leave", lambda: all(map(gone, pids)), 10)
    server.stopped = True
    with socket.create_server(server.address):
        pass  # the port is free


def test_children_have_no_descriptors_of_their_siblings(server):
    server.with_config(workers=3).start()
    for pid in server.worker_pids():
        boards = [f for f in server.fds(pid) if "gthreadd-board" in f]
        assert len(boards) <= 1


@pytest.mark.skipif(SANITIZER == "tsan", reason="its own thread blocks all")
def test_signals_are_not_blocked_for_child_processes(server):
    """An app's subprocess gets the mask the server was started with."""
    server.start()
    for task in os.listdir(f"/proc/{server.worker_pids()[0]}/task"):
        with open(f"/proc/{server.worker_pids()[0]}/task/{task}/status",
                  encoding="ascii") as f:
            blocked = [x for x in f if x.startswith("SigBlk")][0]
        assert int(blocked.split()[1], 16) == 0
