# SPDX-License-Identifier: MIT
"""Requests that take too long: named, answered, interrupted, replaced."""
import re
import signal
import time

import pytest

from harness import scaled, wait_for
from stuck import forks, occupy, replaced, send, start

OK = 200


@pytest.mark.parametrize("way,function", [
    ("sleep", "sleep_in_python"), ("block", "block_in_c"),
    ("lock", "wait_for_lock")])
def test_stuck_thread_is_named_answered_and_its_worker_replaced(
        server, way, function):
    """R-01, R-03"""
    start(server)
    pid = server.worker_pids()[0]
    c, = occupy(server, f"/{way}?s=1000")
    r = c.response()
    assert r.status == 504
    assert r.get("Connection").lower() == "close"
    c.expect_close()
    server.log_contains(
        rf'request timed out request="GET /{way}\?s=1000" peer=127.0.0.1 '
        r'age_ms=\d+ thread=gthreadd-\d')
    server.log_contains(rf'File ".*stuck_app.py", line \d+, in {function}')
    new = replaced(server, pid)
    server.log_contains(rf"worker {pid} is to be replaced: a thread is stuck")
    assert server.get("/pid").text == f"{new}\n"
    assert forks(server) == 2
    line = server.access_log(1)[0]
    assert f'"GET /{way}?s=1000 HTTP/1.1" 504' in line


def test_answer_in_place_of_the_app_has_the_id_of_the_request(server):
    """Who looks for the request that took too long has its id."""
    start(server, request_id_header="X-Request-ID",
          access_logformat="%(I)s %(s)s")
    c, = occupy(server, "/sleep?s=2")
    r = c.response()
    assert r.status == 504
    assert server.access_log(1) == [f"{r.get('X-Request-ID')} 504"]


def test_python_loop_is_interrupted_and_the_worker_stays(server):
    """R-01"""
    start(server, interrupt_timeout="20s")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/spin?s=1000")
    assert c.response().status == 504
    server.log_contains(r"in spin_in_python")
    server.log_contains(r'request interrupted \(request-timeout\) '
                        r'request="GET /spin\?s=1000" peer=127.0.0.1')
    server.log_contains(r"thread gthreadd-\d has come back")
    server.wait_idle()
    assert server.get("/pid").text == f"{pid}\n"
    assert "Traceback" not in server.error_log()
    assert forks(server) == 1


def test_app_may_catch_the_exception(server):
    start(server, interrupt_timeout="20s")
    c, = occupy(server, "/catch")
    assert c.response().status == 504
    server.log_contains(r"thread gthreadd-\d has come back")
    assert "'caught': 1" in server.get("/results").text


def test_exception_never_reaches_the_next_request(server):
    """One is pending when C returns; the thread goes on at once."""
    start(server, threads=1, interrupt_timeout="20s",
          request_timeout="400ms")
    for _ in range(3):
        c, = occupy(server, "/late?s=0.7")
        after = [send(server, "/hello") for _ in range(3)]
        assert c.response().status == 504
        assert [x.response().body for x in after] == [b"hello\n"] * 3
    r = server.get("/results")
    assert "'leaked': 0" in r.text and "'returned': 3" in r.text
    assert forks(server) == 1


def test_interrupt_timeout_0_replaces_at_once_and_raises_nothing(server):
    start(server, interrupt_timeout="0")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/spin?s=1000")
    assert c.response().status == 504
    replaced(server, pid)
    assert "interrupted" not in server.error_log()


def test_held_gil_does_not_delay_the_504(server):
    """R-02"""
    start(server, timeout="60", graceful_timeout="1")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/hold?s=1000")
    assert c.response().status == 504
    queued = [send(server, "/hello") for _ in range(2)]
    server.log_contains(r'request timed out request="GET /hold')
    new = replaced(server, pid)
    # What was queued in it is answered, or was left to the successor.
    assert {q.response().status for q in queued} <= {200, 503}
    assert server.get("/pid").text == f"{new}\n"
    assert forks(server) == 2


def test_one_of_four_stuck_leaves_the_neighbours_unharmed(server):
    """R-34: slow ones finish although their worker is being replaced."""
    start(server, request_timeout="800ms")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/block")
    assert c.response().status == 504
    server.log_contains(r"thread gthreadd-\d is stuck")
    c.close()
    neighbours = [send(server, "/sleep?s=0.6") for _ in range(2)]
    for n in neighbours:
        assert n.response().status == OK
        n.close()
    replaced(server, pid)
    wait_for("the old one to leave", lambda: re.search(
        rf"worker {pid} exited", server.error_log()), 20)
    assert forks(server) == 2
    # The ends of both are told as what they are.
    assert "is killed" not in server.error_log()
    assert "memory" not in server.error_log()


def test_others_serve_while_one_is_stuck(server):
    """R-34"""
    start(server, interrupt_timeout="20s")
    c, = occupy(server, "/block")
    with server.connect() as other:
        while not server.busy_cells() == [] and \
                "timed out" not in server.error_log():
            assert other.get("/hello").status == OK
        for _ in range(20):
            assert other.get("/hello").status == OK
    assert c.response().status == 504


def test_all_threads_stuck_are_recovered(server):
    """R-01, R-02"""
    start(server)
    pid = server.worker_pids()[0]
    stuck = occupy(server, *["/block"] * 4)
    queued = send(server, "/hello")
    assert [c.response().status for c in stuck] == [504] * 4
    # Not run anywhere: the client may repeat it.
    r = queued.response()
    assert r.status == 503 and r.get("Retry-After")
    new = replaced(server, pid)
    assert server.get("/pid").text == f"{new}\n"
    assert forks(server) == 2
    assert len(re.findall(r"worker \d+ is to be replaced",
                          server.error_log())) == 1


def test_many_threads_that_time_out_at_once_are_all_seen_to(server):
    start(server, threads=40, interrupt_timeout="20s",
          request_timeout="500ms")
    stuck = [send(server, "/late?s=1.2") for _ in range(40)]
    assert [c.response().status for c in stuck] == [504] * 40
    server.log_contains(r"has come back")
    server.wait_idle()
    assert server.log_counts(r"in block_in_c$", 40) == 40
    assert server.log_counts(r"request interrupted", 40) == 40
    assert server.get("/hello").status == OK


def test_response_that_has_begun_is_cut(server):
    """R-02"""
    start(server, interrupt_timeout="20s")
    c = send(server, "/stream")
    with pytest.raises(EOFError):
        c.response()
    server.log_contains(r"in stream")
    assert '"GET /stream HTTP/1.1" 504' in server.access_log(1)[0]


def test_time_spent_waiting_for_the_client_is_not_counted(server):
    start(server, body_timeout="30")
    c = server.connect(timeout=30)
    c.send(b"POST /read HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n"
           + b"x" * 69990)
    wait_for("the app to wait", lambda: [
        x for x in server.cells("waiting") if x["request_age_ms"] > 1500])
    c.send(b"x" * 10)
    assert c.response().body == b"70000\n"
    assert "timed out" not in server.error_log()


def test_client_that_left_does_not_save_the_thread(server):
    start(server)
    pid = server.worker_pids()[0]
    c, = occupy(server, "/block")
    c.reset()
    replaced(server, pid)
    server.log_contains(r'request timed out request="GET /block')


def test_without_request_timeout_nothing_ends_a_request(server):
    start(server, request_timeout=None, interrupt_timeout="100ms")
    c, = occupy(server, "/sleep?s=1")
    assert c.response().status == OK
    assert "timed out" not in server.error_log()


def test_slow_request_is_logged_while_it_runs_and_when_it_ends(server):
    start(server, request_timeout=None, slow_request_log="300ms")
    c, = occupy(server, "/sleep?s=1.2")
    m = server.log_contains(
        r'\[WARNING\] slow request request="GET /sleep\?s=1.2" peer=127.0.0.1 '
        r'age_ms=(\d+)')
    assert int(m[1]) >= 300
    server.log_contains(r"in sleep_in_python")
    assert "slow request ended" not in server.error_log()
    assert c.response().status == OK
    m = server.log_contains(r'slow request ended request="GET /sleep\?s=1.2" '
                            r'peer=127.0.0.1 took_ms=(\d+)')
    assert int(m[1]) >= 1200
    assert server.log_counts(r"slow request request=", 1) == 1


def test_quick_requests_are_not_called_slow(server):
    start(server, slow_request_log="500ms")
    for _ in range(5):
        assert server.get("/hello").status == OK
    c, = occupy(server, "/sleep?s=1")
    server.log_contains("slow request ended|request timed out")
    c.close()
    assert "hello" not in server.error_log()


def test_saturation_is_warned_of_once_until_it_has_ended(server):
    start(server, threads=2, request_timeout=None,
          saturation_warning="400ms")
    for n in (1, 2):
        first, second = occupy(server, "/sleep?s=1", "/sleep?s=0.9")
        m = server.log_contains(
            r'all threads are busy since_ms=(\d+) threads=2, the oldest '
            r'requests: request="GET /sleep\?s=1" peer=127.0.0.1 age_ms=\d+ '
            r'request="GET /sleep\?s=0.9')
        assert int(m[1]) >= 400
        assert (first.response().status, second.response().status) == (OK, OK)
        assert server.log_counts("not all threads are busy any more", n) == n
        assert server.log_counts(r"all threads are busy since", n) == n


def test_queue_timeout_answers_503_without_calling_the_app(server):
    start(server, threads=1, request_timeout=None, queue_timeout="300ms")
    c, = occupy(server, "/sleep?s=1.5")
    late = send(server, "/hello")
    r = late.response()
    assert r.status == 503 and r.get("Retry-After")
    assert server.busy_cells() != []
    late.expect_close()
    assert c.response().status == OK
    assert '"GET /hello HTTP/1.1" 503' in "\n".join(server.access_log(2))
    assert server.get("/hello").status == OK
    server.wait_idle()
    assert server.ready_workers()[0]["cells"][0]["done"] == 2


def test_max_rss_hard_ends_the_worker_at_once(server):
    """R-19"""
    start(server, request_timeout=None, max_rss_hard="180m")
    pid = server.worker_pids()[0]
    c, = occupy(server, "/grow")
    assert c.response().status == 503
    server.log_contains(r"worker is larger than max-rss-hard rss=\d+k")
    new = replaced(server, pid)
    assert server.get("/pid").text == f"{new}\n"


def test_stop_does_not_wait_for_a_thread_that_timed_out(server):
    start(server, interrupt_timeout="60s", graceful_timeout="60")
    c, = occupy(server, "/block")
    assert c.response().status == 504
    c.close()
    began = time.monotonic()
    server.stop(signal.SIGTERM)
    assert time.monotonic() - began < scaled(10)
