# SPDX-License-Identifier: MIT
"""Attacks by slowness: no thread is taken, ordinary requests are answered,
and the attackers are cut on time by the server's own clock (age_ms in its
log lines: how long the connection had been in its state)."""
import re
import resource
import select
import shutil
import subprocess
import threading
import time

import pytest

from harness import scaled, wait_for

SLOWHTTPTEST = shutil.which("slowhttptest")
REFUSED = (r"request refused status=(\d+) peer=\S+ reason=\"([a-z -]+)\" "
           r"age_ms=(\d+)")
CUT = (r"connection closed without an answer peer=\S+ requests=\d+ "
       r"state=(\w+) age_ms=(\d+) reason=\"client did not read")


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Attack:
    """Many connections, all of them driven by one thread."""

    def __init__(self, server, n, opening, step, rcvbuf=None, every=0.2):
        self.clients = [server.connect(timeout=60, rcvbuf=rcvbuf)
                        for _ in range(n)]
        self.step, self.every = step, every
        self.ended = 0
        self.stopped = threading.Event()
        for c in self.clients:
            c.send(opening)
            c.sock.setblocking(False)
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.stopped.set()
        self.thread.join()
        for c in self.clients:
            c.close()

    def run(self):
        alive = list(self.clients)
        while alive and not self.stopped.wait(self.every):
            alive = [c for c in alive if self.drip(c)]
            self.ended = len(self.clients) - len(alive)

    def drip(self, c):
        try:
            return self.step(c.sock)
        except BlockingIOError:
            return True
        except OSError:
            return False


def one_octet(sock):
    """Send one octet unless an answer has come."""
    if select_readable(sock):
        return False
    return sock.send(b"x") == 1


def select_readable(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def read_one(sock):
    return sock.recv(1) != b""


def ordinary_until(server, is_over, timeout=60):
    """Ordinary requests, one after the other; how many were answered."""
    n, end = 0, time.monotonic() + scaled(timeout)
    while not is_over():
        assert time.monotonic() < end, "the attack does not end"
        for target, body in (("/hello", None), ("/echo", b"ordinary")):
            with server.connect() as c:
                r = c.request("POST" if body else "GET", target, body=body)
                assert r.status == 200
                n += 1
        for cell in server.busy_cells():
            # What is read slowly is made at once, all else is not run.
            assert "attack" not in cell["text"] \
                or "/large" in cell["text"] \
                and cell["request_age_ms"] < scaled(1000), cell
            assert cell["state"] != "waiting", cell
    return n


def ages(server, pattern):
    """[(what, age in seconds)] of the log lines."""
    return [(m.groups()[:-1] if len(m.groups()) > 2 else m[1],
             int(m.groups()[-1]) / 1000)
            for m in re.finditer(pattern, server.error_log())]


def board(server):
    return server.ready_workers()[0]


def drip_until_refused(server, n, opening, why, limit):
    """n clients, an octet each 0.2 s: all are refused, in time, as why."""
    with Attack(server, n, opening, one_octet) as attack:
        wait_for(f"{n} connections",
                 lambda: board(server)["connections"] >= n)
        answered = ordinary_until(server, lambda: attack.ended == n)
    assert answered > 10
    found = ages(server, REFUSED)
    assert len(found) == n
    assert {what for what, _ in found} == {("408", why)}
    assert min(age for _, age in found) >= limit
    assert max(age for _, age in found) <= limit + scaled(2)
    wait_for("the count", lambda: board(server)["requests"] == answered)


def test_header_drippers_are_refused_on_time(server):
    """A thousand clients; an octet each 0.2 s does not prolong anything."""
    limit = 3 + scaled(1)
    server.with_config(threads=2, worker_connections=2000,
                       header_timeout=f"{limit:g}").start()
    drip_until_refused(server, 1000,
                       b"GET /attack HTTP/1.1\r\nHost: t\r\nX-Slow: ",
                       "header-timeout", limit)


@pytest.mark.parametrize("n", [1000, 60000])
def test_body_drippers_are_refused_on_time(server, n):
    """An octet each 0.2 s is progress, but not enough of it."""
    limit = 2 + scaled(1)
    server.with_config(threads=2, body_timeout=f"{limit:g}").start()
    drip_until_refused(server, 200,
                       b"POST /attack HTTP/1.1\r\nHost: t\r\n"
                       b"Content-Length: %d\r\n\r\n" % n,
                       "body-timeout", limit)


def test_spooled_uploads_protect_the_threads(server):
    """Far above body-buffer: with body-spool no thread meets them."""
    limit = 2 + scaled(1)
    server.with_config(threads=2, body_timeout=f"{limit:g}", body_spool="1m",
                       tmp_upload_dir=server.dir).start()
    opening = b"POST /attack HTTP/1.1\r\nHost: t\r\n" \
              b"Content-Length: 1000000\r\n\r\n" + b"x" * 100000
    with Attack(server, 200, opening, one_octet) as attack:
        wait_for("200 connections", lambda: board(server)["connections"]
                 >= 200)
        n = ordinary_until(server, lambda: attack.ended == 200)
    assert [what for what, _ in ages(server, REFUSED)] \
        == [("408", "body-timeout")] * 200
    wait_for("the count", lambda: board(server)["requests"] == n)


def test_slow_but_steady_body_is_received(server):
    server.with_config(threads=1, body_timeout=f"{scaled(0.5):g}").start()
    with server.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 60000\r\n\r\n")
        end = time.monotonic() + scaled(1.5)
        sent = 0
        while time.monotonic() < end:
            c.send(b"x" * 40)
            sent += 40
            time.sleep(0.05)
        c.send(b"x" * (60000 - sent))
        assert c.response().body == b"x" * 60000


@pytest.mark.parametrize("target", ["/large?attack",
                                    "/file?attack&n=8000000"])
def test_slow_readers_are_cut_on_time(server, target):
    """An octet each 0.2 s; the response waits in memory or in a file."""
    limit = 2 + scaled(1)
    server.with_config(threads=2, write_timeout=f"{limit:g}",
                       log_level="debug").start()
    opening = b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % target.encode()
    with Attack(server, 200, opening, read_one, rcvbuf=4096) as attack:
        wait_for("the responses to be made", lambda: board(server)[
            "requests"] >= 200 and not server.busy_cells(), 60)
        # What is in the client's own buffers does not tell it of the end.
        n = ordinary_until(server, lambda: board(server)["connections"] == 0)
    assert attack.ended < 200 or n > 10
    found = ages(server, CUT)
    assert len(found) == 200
    assert {state for state, _ in found} == {"write"}
    assert min(age for _, age in found) >= limit
    # One window that began well, and one that did not.
    assert max(age for _, age in found) <= 2 * limit + scaled(3)
    assert board(server)["unanswered"] == 200


def test_slow_but_steady_reader_is_served(server):
    """Its system takes megabytes; what it reads of them is progress."""
    server.with_config(threads=1, write_timeout=f"{scaled(0.5):g}").start()
    total = 30_000_000
    with server.connect() as c:
        c.send(b"GET /big?n=%d HTTP/1.1\r\nHost: t\r\n\r\n" % total)
        end, parts = time.monotonic() + scaled(2.5), []
        while time.monotonic() < end:
            parts.append(c.sock.recv(20000))
            time.sleep(0.05)
        c.pending = b"".join(parts)
        assert len(c.response().body) == total
    assert board(server)["unanswered"] == 0


def test_streaming_thread_is_freed_from_a_client_that_does_not_read(server):
    server.with_config(threads=1, write_timeout=f"{scaled(1):g}",
                       log_level="debug").start()
    with server.connect(rcvbuf=4096) as c:
        c.send(b"GET /bigstream?n=50000000 HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("the app to wait", lambda: server.cells("waiting"))
        wait_for("the app to go on", lambda: not server.busy_cells(), 20)
        server.log_contains(CUT)
    assert server.get("/counters").json()["closed"] == 1


@pytest.mark.skipif(SLOWHTTPTEST is None, reason="slowhttptest is missing")
@pytest.mark.parametrize("mode,options,path", [
    ("headers", ["-H", "-i", "1"], "/attack"),
    ("body", ["-B", "-i", "1", "-s", "8192"], "/attack"),
    ("body that would be streamed", ["-B", "-i", "1", "-s", "60000"],
     "/attack"),
    ("reading", ["-X", "-n", "1", "-w", "10", "-y", "20", "-z", "5"],
     "/large?attack"),
], ids=["headers", "body", "large body", "reading"])
def test_slowhttptest_finds_the_service_available(server, mode, options,
                                                  path):
    limit = f"{2 + scaled(1):g}"
    server.with_config(threads=2, worker_connections=2000, log_level="debug",
                       header_timeout=limit, body_timeout=limit,
                       write_timeout=limit).start()
    tool = subprocess.Popen(
        [SLOWHTTPTEST, *options, "-c", "200", "-r", "200", "-p", "3", "-l",
         f"{6 + scaled(2):g}", "-u", server.url + path],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=server.dir)
    try:
        wait_for("the attack", lambda: board(server)["accepted"] >= 200, 30)
        n = ordinary_until(server, lambda: tool.poll() is not None, 60)
        output = tool.communicate()[0]
    finally:
        tool.kill()
        tool.wait()
    assert n > 10
    assert "service available:   NO" not in output.replace("\x1b", "")
    if mode == "reading":
        wait_for("all to be cut", lambda: len(ages(server, CUT)) >= 100, 20)
    else:
        wait_for("all to be refused", lambda: len(ages(server, REFUSED))
                 >= 200, 20)
        assert {what[0] for what, _ in ages(server, REFUSED)} == {"408"}
    wait_for("no connection", lambda: board(server)["connections"] == 0, 20)
