# SPDX-License-Identifier: MIT
"""The block that completes Content-Length: it leaves at once, by whoever."""
import pytest

from harness import wait_for

BODY = b"all of it\n"


@pytest.fixture
def held(server):
    return server.with_config(wsgi_app="held_app:app", threads=2,
                              access_logformat="%(m)s %(U)s %(s)s %(B)s")


def connections(server):
    return server.ready_workers()[0]["connections"]


def test_it_does_not_wait_for_close(held):
    held.start()
    with held.connect() as c:
        assert c.get("/held").body == BODY
        assert held.busy_cells()
        assert held.get("/release").body == BODY
        wait_for("the thread", lambda: not held.busy_cells())
        assert c.get("/").body == BODY


def test_the_next_request_is_served_though_close_still_runs(held):
    held.start()
    with held.connect() as c:
        assert c.get("/held").body == BODY
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert held.get("/release").body == BODY
        assert c.response().body == BODY
        assert c.get("/").body == BODY


def test_pipelined_requests_are_answered_in_order(held):
    held.start()
    with held.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n" * 20 +
               b"HEAD / HTTP/1.1\r\nHost: t\r\n\r\n"
               b"GET /fail HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        for _ in range(20):
            assert c.response().body == BODY
        assert c.response(is_head=True).get("Content-Length") == "10"
        assert c.response().body == BODY
        c.expect_close()


def test_a_client_that_leaves_in_close_had_its_answer(held):
    held.start()
    c = held.connect()
    assert c.get("/held").body == BODY
    c.reset()
    wait_for("the connection's end", lambda: connections(held) == 0)
    assert held.busy_cells()
    assert held.get("/release").body == BODY
    wait_for("the thread", lambda: not held.busy_cells())
    assert held.ready_workers()[0]["unanswered"] == 0


def test_each_is_logged_once_with_its_octets(held):
    held.start()
    with held.connect() as c:
        for path in ("/one", "/fail", "/two"):
            assert c.get(path).body == BODY
        assert c.request("HEAD", "/three").status == 200
        c.get("/end", headers=[("Connection", "close")])
        c.expect_close()
    wait_for("the access log", lambda: held.access_path.exists() and
             "/end" in held.access_path.read_text())
    assert held.access_path.read_text().split("\n") == [
        "GET /one 200 10", "GET /fail 200 10", "GET /two 200 10",
        "HEAD /three 200 0", "GET /end 200 10", ""]
    held.log_contains("close failed")


def test_a_client_that_does_not_read_gets_the_rest_from_the_loop(server):
    """More than the socket takes, from a framework's iterable."""
    server.with_config(threads=1).start()
    with server.connect(rcvbuf=4096) as c:
        c.send(b"GET /wrapped?n=60000 HTTP/1.1\r\nHost: t\r\n\r\n" * 40)
        wait_for("the socket to be full", lambda: connections(server) == 1 and
                 server.ready_workers()[0]["requests"] > 1)
        for _ in range(40):
            assert c.response().body == b"y" * 60000


def test_what_is_stuck_in_close_gets_no_second_answer(held):
    held.with_config(request_timeout="0.3", timeout="30").start()
    with held.connect() as c:
        assert c.get("/held").body == BODY
        c.expect_close()
    wait_for("the access log", lambda: held.access_path.exists() and
             "/held" in held.access_path.read_text())
    assert held.access_path.read_text() == "GET /held 200 10\n"
