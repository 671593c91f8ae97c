# SPDX-License-Identifier: MIT
"""Many requests at once: all are answered, as many run as threads exist."""
import selectors
import threading
import time

import pytest

from harness import scaled, wait_for


def all_at_once(server, n, target):
    """n connections, one request each; their responses in any order."""
    clients = [server.connect(timeout=120) for _ in range(n)]
    request = f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    sel = selectors.DefaultSelector()
    for c in clients:
        c.send(request)
        sel.register(c.sock, selectors.EVENT_READ, c)
    responses, end = [], time.monotonic() + scaled(60)
    while len(responses) < n and time.monotonic() < end:
        for key, _ in sel.select(1):
            responses.append(key.data.response())
            sel.unregister(key.fileobj)
    for c in clients:
        c.close()
    return responses


def test_500_in_flight_all_succeed_16_at_a_time(server):
    server.with_config(threads=16, worker_connections=1000).start()
    responses = all_at_once(server, 500, "/sleep?ms=50")
    assert [r.status for r in responses] == [200] * 500
    assert server.get("/counters").json()["max_running"] == 16


def test_blocking_requests_use_every_thread(server):
    server.with_config(threads=8).start()
    responses = all_at_once(server, 8, "/sleep?ms=300")
    assert [r.status for r in responses] == [200] * 8
    assert server.get("/counters").json()["max_running"] == 8


def test_two_workers_share_the_load(server):
    """A worker with a full queue accepts no more: the other one does."""
    server.with_config(workers=2, threads=1, queue_size=2).start()
    responses = all_at_once(server, 12, "/sleep?ms=100")
    assert [r.status for r in responses] == [200] * 12
    assert len({r.get("X-Pid") for r in responses}) == 2


def test_connections_spread_over_the_workers(server):
    """Who holds the fewest takes the next: also when all are idle."""
    server.with_config(workers=4, threads=1).start()
    wait_for("four workers", lambda: len(server.ready_workers()) == 4)
    clients = [server.connect(timeout=60) for _ in range(256)]

    def held():
        return [w["connections"] for w in server.ready_workers()]

    wait_for("all to be accepted", lambda: sum(held()) == 256, 60)
    assert max(held()) <= 1.5 * min(held())
    for c in clients:
        c.close()


def test_busy_worker_leaves_new_connections_to_the_idle_one(server):
    server.with_config(workers=2, threads=1, queue_size=1).start()
    slow = []
    for n in (1, 2):
        c = server.connect(timeout=60)
        c.send(b"GET /sleep?ms=%d HTTP/1.1\r\nHost: t\r\n\r\n"
               % scaled(1500))
        slow.append(c)
        wait_for("it to run or wait", lambda n=n: len(server.busy_cells())
                 + sum(w["queued"] for w in server.ready_workers()) == n)
    for c in slow:
        assert c.response().status == 200
        c.close()


def test_computing_requests_do_not_starve_the_others(server):
    """A thread that computes shares the GIL: small requests get through."""
    server.with_config(threads=4).start()
    with server.connect(timeout=60) as busy, server.connect(timeout=60) as c:
        ms = int(scaled(2000))
        busy.send(b"GET /spin?ms=%d HTTP/1.1\r\nHost: t\r\n\r\n" % ms)
        wait_for("it to run", server.busy_cells)
        answered = 0
        while server.cells("running") and answered < 20:
            assert c.get("/hello").status == 200
            answered += 1
        assert answered >= 3
        assert busy.response().body == b"spun\n"


def test_computing_requests_all_finish(server):
    server.with_config(threads=4).start()
    responses = all_at_once(server, 12, "/spin?ms=50")
    assert [r.status for r in responses] == [200] * 12


def test_preempted_request_does_not_wait_for_all_new_ones(server):
    """While small requests stream in, one that computes still ends."""
    server.with_config(threads=4).start()
    stop = threading.Event()
    counts = []

    def hammer():
        n = 0
        with server.connect(timeout=60) as c:
            while not stop.is_set():
                assert c.get("/hello").status == 200
                n += 1
        counts.append(n)
    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        r = server.get("/spin?ms=300")
        assert r.body == b"spun\n"
    finally:
        stop.set()
        for t in threads:
            t.join(scaled(30))
    assert len(counts) == 4 and min(counts) > 0


def test_no_thread_is_busy_after_the_load(server):
    server.with_config(threads=4).start()
    all_at_once(server, 100, "/hello")
    wait_for("all threads to park", lambda: not server.busy_cells())
    w = server.ready_workers()[0]
    assert w["queued"] == 0
    assert sum(c["done"] for c in w["cells"]) == 100


@pytest.mark.parametrize("threads", [1, 4])
def test_memory_does_not_grow_with_requests(server, threads):
    from harness import SANITIZER, rss_kib
    if SANITIZER:
        pytest.skip("quarantines and shadows grow")
    server.with_config(threads=threads).start()
    pid = server.worker_pids()[0]

    def load(n):
        with server.connect() as c:
            for start in range(0, n, 50):
                c.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n" * 50)
                for _ in range(50):
                    c.response()
    load(5000)
    before = rss_kib(pid)
    load(20000)
    assert rss_kib(pid) - before < 1024
