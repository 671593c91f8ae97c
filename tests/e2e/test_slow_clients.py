# SPDX-License-Identifier: MIT
"""Slow clients cost memory, never a thread."""
import socket

from harness import together, wait_for

HEAD = b"GET /hello HTTP/1.1\r\nHost: t\r\n"


def half_heads(server, n):
    clients = [server.connect(timeout=60) for _ in range(n)]
    for c in clients:
        c.send(HEAD)
    return clients


def non_readers(server, n):
    """Their response is far larger than any socket buffer, and made whole."""
    clients = [server.connect(timeout=60, rcvbuf=4096) for _ in range(n)]
    for c in clients:
        c.send(b"GET /big?n=4000000 HTTP/1.1\r\nHost: t\r\n\r\n")
    return clients


def ordinary(server, n):
    results = []
    with server.connect(timeout=60) as c:
        for i in range(n):
            r = c.request("POST", "/echo", body=b"%d" % i)
            results.append(r.status == 200 and r.body == b"%d" % i)
            assert not server.cells("waiting")
    return results


def test_half_heads_and_non_readers_occupy_no_thread(server):
    server.with_config(threads=2, header_timeout="120",
                       write_timeout="120").start()
    slow = half_heads(server, 200) + non_readers(server, 50)
    wait_for("250 connections", lambda: server.ready_workers()[0][
        "connections"] == 250, 30)
    wait_for("the large responses to be made", lambda: server.ready_workers()
             [0]["requests"] >= 50, 60)
    wait_for("no thread to be occupied", lambda: not server.busy_cells()
             and server.ready_workers()[0]["queued"] == 0, 30)
    assert ordinary(server, 100) == [True] * 100
    server.wait_idle()
    for c in slow[:200]:
        c.send(b"\r\n")
        assert c.response().body == b"Hello, world!\n"
    for c in slow[200:]:
        assert len(c.response().body) == 4000000
    for c in slow:
        c.close()


def test_slow_uploads_of_small_bodies_occupy_no_thread(server):
    server.with_config(threads=2, body_timeout="120").start()
    slow = [server.connect(timeout=60) for _ in range(50)]
    for c in slow:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 1000\r\n\r\n" + b"x" * 999)
    wait_for("50 connections", lambda: server.ready_workers()[0][
        "connections"] == 50)
    server.wait_idle()
    assert ordinary(server, 50) == [True] * 50
    for c in slow:
        c.send(b"y")
        assert c.response().body == b"x" * 999 + b"y"
        c.close()


def test_silent_connections_occupy_no_thread(server):
    server.with_config(threads=1, header_timeout="120").start()
    silent = [server.connect() for _ in range(300)]
    wait_for("300 connections", lambda: server.ready_workers()[0][
        "connections"] == 300)
    assert ordinary(server, 20) == [True] * 20
    for c in silent:
        c.close()
    wait_for("none", lambda: server.ready_workers()[0]["connections"] == 0)


def test_dripping_clients_are_served_in_the_end(server):
    """Fifty clients send a request octet by octet, at their own pace."""
    server.with_config(threads=1).start()
    data = b"GET /hello HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"

    def drip(_):
        with server.connect(timeout=60) as c:
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in data:
                c.send(bytes([octet]))
            return c.response().status
    assert together(50, drip) == [200] * 50


def test_resets_in_every_phase_leave_nothing(server):
    server.with_config(threads=2).start()
    phases = [b"", b"GET /he", HEAD, HEAD + b"\r\n",
              b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nx",
              b"POST /upload HTTP/1.1\r\nHost: t\r\n"
              b"Content-Length: 900000\r\n\r\n" + b"x" * 100000,
              b"GET /bigstream?n=50000000 HTTP/1.1\r\nHost: t\r\n\r\n",
              b"GET /file?n=50000000 HTTP/1.1\r\nHost: t\r\n\r\n",
              b"GET /sleep?ms=30 HTTP/1.1\r\nHost: t\r\n\r\n"]
    for _ in range(5):
        for octets in phases:
            c = server.connect()
            c.send(octets)
            c.reset()
    wait_for("no connection", lambda: server.ready_workers()[0][
        "connections"] == 0, 20)
    wait_for("no busy thread", lambda: not server.busy_cells(), 20)
    assert server.get("/hello").status == 200
