# SPDX-License-Identifier: MIT
"""Persistent connections: reuse, pipelining in order, timeouts, closing."""
import socket
import time

import pytest

from harness import SLOW, scaled, together, wait_for
from server import Server


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Short timeouts, for the tests that wait for them."""
    s = Server(tmp_path_factory.mktemp("quick"))
    s.with_config(threads=2, keep_alive=f"{scaled(0.5):g}",
                  header_timeout=f"{scaled(0.7):g}",
                  body_timeout=f"{scaled(0.7):g}",
                  write_timeout=f"{scaled(0.7):g}")
    with s.serving():
        yield s


def test_many_requests_share_a_connection(shared):
    with shared.connect() as c:
        for i in range(200):
            r = c.request("POST", "/echo", body=b"%d" % i)
            assert r.body == b"%d" % i
            assert r.get("Connection", "keep-alive").lower() != "close"


def test_pipelined_requests_are_answered_in_order(shared):
    with shared.connect() as c:
        parts = []
        for i in range(50):
            target = b"/sleep?ms=%d" % (50 - i) if i % 10 == 0 \
                else b"/environ/%d" % i
            parts.append(b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % target)
        c.send(b"".join(parts))
        for i in range(50):
            r = c.response()
            if i % 10 == 0:
                assert r.body == b"slept\n"
            else:
                assert r.json()["PATH_INFO"] == f"/environ/{i}"


def test_pipelined_bodies_do_not_mix(shared):
    with shared.connect() as c:
        c.send(b"".join(
            b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s"
            % (len(b), b) for b in (b"", b"a", b"GET / HTTP/1.1\r\n\r\n",
                                    b"x" * 1000)))
        assert [c.response().body for _ in range(4)] == [
            b"", b"a", b"GET / HTTP/1.1\r\n\r\n", b"x" * 1000]


def test_pipelined_after_chunked(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n"
               b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
               b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.response().body == b"abc"
        assert c.response().body == b"Hello, world!\n"


def test_split_at_every_octet(shared):
    data = (b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n"
            b"body")
    with shared.connect() as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(1, len(data), 3):
            c.send(data[:i])
            c.send(data[i:])
            assert c.response().body == b"body"
        for octet in data:
            c.send(bytes([octet]))
        assert c.response().body == b"body"


def test_http_10_closes_unless_asked(shared):
    with shared.connect() as c:
        r = c.get("/hello", version="1.0")
        assert r.status == 200
        c.expect_close()
    with shared.connect() as c:
        for _ in range(2):
            r = c.get("/hello", version="1.0",
                      headers=[("Connection", "keep-alive")])
            assert r.get("Connection").lower() == "keep-alive"


def test_http_10_stream_ends_with_the_connection(shared):
    with shared.connect() as c:
        r = c.get("/stream?n=3", version="1.0")
        assert r.get("Transfer-Encoding") is None
        assert r.body == b"line 0\nline 1\nline 2\n"


@pytest.mark.parametrize("value", ["close", "Close", "foo, close",
                                   "close, TE"])
def test_connection_close_is_honoured(shared, value):
    with shared.connect() as c:
        r = c.get("/hello", headers=[("Connection", value)])
        assert r.get("Connection").lower() == "close"
        c.expect_close()


def test_app_may_not_decide_on_the_connection_but_answers(shared):
    with shared.connect() as c:
        assert c.get("/app-close").body == b"bye\n"


def test_idle_connection_is_closed(quick):
    with quick.connect() as c:
        c.get("/hello")
        start = time.monotonic()
        c.expect_close()
        assert time.monotonic() - start > 0.4 * SLOW


def test_keep_alive_counts_from_the_last_request(quick):
    with quick.connect() as c:
        for _ in range(4):
            assert c.is_quiet(0.2 * SLOW)
            assert c.get("/hello").status == 200


def test_half_a_head_gets_408(quick):
    with quick.connect() as c:
        c.send(b"GET /hello HTTP/1.1\r\nHost: t\r\nX-")
        assert c.response().status == 408
        c.expect_close()


def test_dripping_head_gets_408_too(quick):
    with quick.connect() as c:
        c.send(b"GET /hello HTTP/1.1\r\n")
        end = time.monotonic() + scaled(5)
        c.sock.settimeout(scaled(0.05))
        while time.monotonic() < end:
            try:
                c.send(b"X: y\r\n")
                c.fill()
                break
            except socket.timeout:
                continue
        c.sock.settimeout(scaled(5))
        assert c.response().status == 408


def test_silent_connection_is_closed_without_answer(quick):
    with quick.connect() as c:
        c.expect_close()


def test_keep_alive_zero_closes_always(server):
    server.with_config(keep_alive=0).start()
    with server.connect() as c:
        assert c.get("/hello").get("Connection") == "close"
        c.expect_close()


def test_parked_connection_costs_no_thread(server):
    server.with_config(threads=1).start()
    idle = [server.connect() for _ in range(50)]
    for c in idle:
        c.get("/hello")
    wait_for("50 parked", lambda: server.ready_workers()[0]["parked"] == 50)
    server.wait_idle()
    assert server.get("/hello").status == 200
    for c in idle:
        assert c.get("/hello").status == 200
        c.close()
    wait_for("none", lambda: server.ready_workers()[0]["connections"] == 0)


def test_closed_parked_connection_is_let_go_at_once(shared):
    c = shared.connect()
    c.get("/hello")
    c.close()
    wait_for("no connection", lambda:
             shared.ready_workers()[0]["connections"] == 0)


def test_half_closed_request_is_served(shared):
    with shared.connect() as c:
        c.send(b"GET /sleep?ms=100 HTTP/1.1\r\nHost: t\r\n\r\n")
        c.sock.shutdown(socket.SHUT_WR)
        assert c.response().body == b"slept\n"
        c.expect_close()


def test_error_response_is_read_whole_before_the_close(shared):
    """A refused request with octets behind it: no RST eats the answer."""
    with shared.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\nBad Name: 1\r\n\r\n"
               + b"x" * 200000)
        r = c.response()
        assert r.status == 400
        assert r.get("Connection").lower() == "close"


def test_connections_above_the_limit_wait_their_turn(server):
    server.with_config(threads=2, worker_connections=4).start()

    def one(_):
        with server.connect() as c:
            return c.get("/sleep?ms=20",
                         headers=[("Connection", "close")]).status
    assert together(20, one) == [200] * 20
