# SPDX-License-Identifier: MIT
"""Clients that break off, at every stage: nothing leaks, nothing is done in
vain, and who only closes one half is served."""
import os
import resource
import signal
import socket
import time

import pytest

from harness import scaled, wait_for

BIG = 50_000_000
GET = b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n"

STAGES = {
    "silent": b"",
    "in the line": b"GET /he",
    "in the head": b"GET /hello HTTP/1.1\r\nHost: t\r\n",
    "in a small body": POST % (b"/echo", 9) + b"x",
    "in a streamed body": POST % (b"/upload", 900000) + b"x" * 100000,
    "in chunks": b"POST /upload HTTP/1.1\r\nHost: t\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "expecting": b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n"
                 b"Expect: 100-continue\r\n\r\n",
    "running": GET % b"/sleep?ms=100",
    "running on": GET % b"/until-gone",
    "streaming": GET % (b"/bigstream?n=%d" % BIG),
    "sending a file": GET % (b"/file?n=%d" % BIG),
    "sending a whole": GET % (b"/big?n=%d" % BIG),
    "pipelined": GET % b"/sleep?ms=50" * 3,
    "body behind an unread one": POST % (b"/no-read", 60000) + b"x" * 100,
}


def worker(server):
    return server.ready_workers()[0]


def sockets(server, state):
    """Connections of the server's port in that state of TCP."""
    port = f":{server.address[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f][1:]
    return [r for r in rows if r[1].endswith(port) and r[3] == state]


def wait_clean(server):
    """Also none in the listen queue, where CLOSE_WAIT (8) is seen as well."""
    wait_for("no socket in CLOSE_WAIT", lambda: not sockets(server, "08"), 20)
    wait_for("no connection", lambda: worker(server)["connections"] == 0, 20)
    wait_for("no busy thread", lambda: not server.busy_cells(), 20)
    wait_for("nothing queued", lambda: worker(server)["queued"] == 0)


def occupy(server, n=1, ms=1000):
    """Requests that keep n threads busy."""
    clients = [server.connect() for _ in range(n)]
    for c in clients:
        c.send(GET % (b"/sleep?ms=%d" % ms))
    wait_for("the threads to be busy", lambda: len(server.busy_cells()) == n)
    return clients


def break_off(server, stage, end):
    c = server.connect()
    c.send(STAGES[stage])
    if end == "RST":
        c.reset()
    else:
        c.close()


def calls(server):
    return server.get("/counters").json()["calls"]


@pytest.mark.parametrize("end", ["RST", "FIN"])
@pytest.mark.parametrize("stage", STAGES)
def test_breaking_off_leaves_nothing(server, stage, end):
    server.with_config(threads=2).start()
    server.get("/hello")
    pid = worker(server)["pid"]
    wait_clean(server)
    before = len(server.fds(pid))
    for _ in range(5):
        break_off(server, stage, end)
    wait_clean(server)
    assert server.get("/hello").status == 200
    wait_clean(server)
    # What a thread had in hand is given back by its next turn.
    wait_for("the descriptors", lambda: len(server.fds(pid)) <= before)


@pytest.mark.parametrize("end", ["RST", "FIN"])
@pytest.mark.parametrize("stage", STAGES)
def test_breaking_off_while_queued_leaves_nothing(server, stage, end):
    server.with_config(threads=1).start()
    busy = occupy(server, ms=int(scaled(300)))
    for _ in range(3):
        break_off(server, stage, end)
    assert busy[0].response().status == 200
    busy[0].close()
    wait_clean(server)
    assert server.get("/hello").status == 200


@pytest.mark.parametrize("more", [
    b"", GET % b"/hello", b"GET /h",
], ids=["alone", "with another behind", "with a part behind"])
@pytest.mark.parametrize("first", [
    GET % b"/hello", POST % (b"/upload", 4000000) + b"x" * 300000,
], ids=["GET", "full buffer"])
def test_queued_request_of_a_dead_client_is_not_run(server, first, more):
    server.with_config(threads=1).start()
    assert calls(server) == 1
    busy = occupy(server, ms=int(scaled(2000)))
    c = server.connect()
    c.send(first)
    wait_for("it to be queued", lambda: worker(server)["queued"] == 1)
    if more:
        c.send(more)
        time.sleep(0.05)  # the loop has seen it; nothing tells us
    c.reset()
    wait_for("the loop to see it", lambda: worker(server)["connections"] == 1,
             1)
    assert server.busy_cells(), "it was to be seen while the app ran"
    assert busy[0].response().status == 200
    busy[0].close()
    assert calls(server) == 3  # counters, sleep, counters
    assert worker(server)["unanswered"] == 1


@pytest.mark.parametrize("end", ["RST", "FIN", "half-close"])
@pytest.mark.parametrize("more", [b"", b"GET /h"],
                         ids=["alone", "with octets behind"])
def test_app_can_ask_whether_its_client_is_gone(server, end, more):
    server.with_config(threads=1).start()
    c = server.connect()
    c.send(GET % b"/until-gone")
    server.log_contains("^there before=False$")
    if more:
        c.send(more)
    if end == "RST":
        c.reset()
    elif end == "FIN":
        c.close()
    else:
        c.sock.shutdown(socket.SHUT_WR)
    server.log_contains("^gone now=True$")
    if end == "half-close":
        assert c.response().body == b"gone\n"
        c.close()
    wait_clean(server)


def test_client_that_stays_is_not_gone(server):
    server.with_config(threads=1).start()
    with server.connect() as c:
        assert c.get("/until-gone?s=0").status == 200
        c.send(POST % (b"/until-gone?s=0", 5) + b"hello" + GET % b"/hello")
        assert c.response().status == 200
        assert c.response().status == 200
    assert server.log_counts("^there before=False$", 2) == 2
    assert server.log_counts("^gone now=False$", 2) == 2


@pytest.mark.parametrize("request_", [
    GET % b"/hello", GET % b"/sleep?ms=100", GET % b"/bigstream?n=300000",
    GET % b"/big?n=300000", GET % b"/file?n=300000",
    POST % (b"/echo", 300000) + b"x" * 300000,
    b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
    GET % b"/sleep?ms=50" + GET % b"/hello"],
    ids=["small", "slow", "streamed", "whole", "file", "large body", "chunked",
         "pipelined"])
def test_half_close_is_served(server, request_):
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(request_)
        c.sock.shutdown(socket.SHUT_WR)
        for _ in range(request_.count(b" HTTP/1.1")):
            assert c.response().status == 200
        c.expect_close()
    wait_clean(server)
    assert worker(server)["unanswered"] == 0


def test_half_close_while_queued_is_served(server):
    server.with_config(threads=1).start()
    busy = occupy(server, ms=int(scaled(300)))
    with server.connect() as c:
        c.send(GET % b"/hello")
        c.sock.shutdown(socket.SHUT_WR)
        assert c.response().body == b"Hello, world!\n"
        c.expect_close()
    busy[0].close()


def test_write_error_ends_the_generator_and_closes_it(server):
    server.with_config(threads=1).start()
    c = server.connect()
    c.send(GET % (b"/bigstream?n=%d" % (20 * BIG)))
    c.exactly(100000)
    c.reset()
    wait_for("close()", lambda: server.get("/counters").json()["closed"] == 1)
    produced = server.get("/counters").json()["produced"]
    assert produced < 20 * BIG
    wait_clean(server)


def test_write_error_is_raised_by_write(server):
    server.with_config(threads=1).start()
    c = server.connect()
    c.send(GET % b"/write-on")
    c.exactly(100000)
    c.reset()
    server.log_contains("write raised ClientDisconnected True")
    assert server.get("/hello").status == 200
    wait_clean(server)


def test_parked_connection_is_closed_with_its_client(server):
    server.with_config(threads=1).start()
    clients = [server.connect() for _ in range(50)]
    for c in clients:
        assert c.get("/hello").status == 200
    for i, c in enumerate(clients):
        c.reset() if i % 2 else c.close()
    wait_clean(server)
    assert worker(server)["unanswered"] == 0


@pytest.mark.parametrize("stage,state", [
    ("silent", "first"), ("in the line", "head"), ("in a small body", "body"),
    ("running on", "busy"), ("sending a whole", "write")])
def test_close_without_an_answer_is_counted_and_explained(server, stage,
                                                          state):
    server.with_config(threads=1, log_level="debug").start()
    c = server.connect()
    c.send(STAGES[stage])
    wait_for("the connection", lambda: worker(server)["connections"] == 1)
    if state in ("busy", "write"):
        wait_for("the request", lambda: worker(server)["requests"] == 1)
    if state == "write":
        c.exactly(100)
        wait_for("the app to be done", lambda: not server.busy_cells())
    c.reset()
    wait_for("it to be counted", lambda: worker(server)["unanswered"] == 1)
    server.log_contains(r"connection closed without an answer peer=127.0.0.1 "
                        rf"requests=\d state={state} age_ms=\d+ "
                        r"reason=\".+\"")
    assert server.get("/hello").status == 200
    wait_clean(server)
    assert worker(server)["unanswered"] == 1


def test_pipelined_requests_are_served_though_more_wait(server):
    """One in memory, one in the kernel, and the loop had stopped to read."""
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(GET % b"/sleep?ms=300" + GET % b"/hello")
        wait_for("the app to run", server.busy_cells)
        c.send(GET % b"/hello")
        for _ in range(3):
            assert c.response().status == 200
        assert c.get("/hello").status == 200


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_pipelined_body_is_read_though_the_loop_had_stopped(server, expect):
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(GET % b"/sleep?ms=300")
        wait_for("the app to run", server.busy_cells)
        c.send(GET % b"/hello")
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
               + expect + b"\r\n")
        assert c.response().status == 200
        assert c.response().status == 200
        if expect:
            assert c.head().status == 100
        c.send(b"hello")
        assert c.response().body == b"hello"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_without_descriptors(server):
    """Its worker's pid, a client it serves, and 80 of which most wait."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
    # Fewer than worker-connections would need: the limit comes first.
    server.with_config(worker_connections=1000)
    server.start(preexec_fn=limit)
    pid = worker(server)["pid"]
    first = server.connect()
    assert first.get("/hello").status == 200
    clients = [server.connect() for _ in range(80)]
    server.log_contains("connections wait: Too many open files")
    return pid, first, clients


def test_worker_without_descriptors_survives_the_rotation_of_its_log(server):
    """It cannot take the new files: it says so and serves on."""
    server.with_config(threads=1)
    pid, first, clients = start_without_descriptors(server)
    renamed = server.error_path.with_suffix(".1")
    server.error_path.rename(renamed)
    server.signal(signal.SIGUSR1)
    wait_for("the worker's word", lambda: "no descriptors left for the new "
             "log files, the old ones are written on" in renamed.read_text())
    assert first.get("/hello").status == 200
    for c in clients:
        c.close()
    first.close()
    wait_clean(server)
    assert server.worker_pids() == [pid]
    server.signal(signal.SIGUSR1)
    assert server.get("/error/before").status == 500
    server.log_contains(r"application failed .*/error/before")


def test_exhausted_descriptors_are_waited_for_without_a_busy_loop(server):
    server.with_config(threads=1, worker_connections=40).start()
    server.stop()
    server.stopped = False
    server.error_path.unlink()
    pid, first, clients = start_without_descriptors(server)
    before = cpu_seconds(pid)
    start = time.monotonic()
    for _ in range(10):
        assert first.get("/sleep?ms=100").status == 200
    used = cpu_seconds(pid) - before
    assert used < 0.5 * (time.monotonic() - start), "the loop does not rest"
    for c in clients:
        c.send(GET % b"/hello")
    for c in clients:
        assert c.response().status == 200
        c.close()
    first.close()
    assert server.get("/hello").status == 200
    assert server.error_log().count("connections wait") <= 2
    wait_clean(server)


@pytest.mark.parametrize("path, count", [
    ("/error/stream", 1), ("/too-short", 1), ("/error/before", 0),
    ("/error/close", 0), ("/too-long", 0), ("/hello", 0)])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_response_that_the_app_cuts_is_counted(server, path, count, version):
    """Its client is left in the middle of an answer, too."""
    server.start()
    with server.connect() as c:
        c.send(b"GET %s HTTP/%s\r\nHost: t\r\n\r\n" % (
            path.encode(), version.encode()))
        assert c.head().status in (200, 500)
    wait_for("the end", lambda: worker(server)["connections"] == 0)
    assert worker(server)["unanswered"] == count
