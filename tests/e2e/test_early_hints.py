# SPDX-License-Identifier: MIT
"""wsgi.early_hints: 103 before the final response, and nowhere else."""
import json

import pytest

LINK = "</a.css>; rel=preload; as=style"


def fields(response):
    return [n.lower() for n, _ in response.headers]


def test_hints_arrive_while_the_app_works(cases):
    with cases.connect() as c:
        c.send(b"GET /hints?wait=1 HTTP/1.1\r\nHost: t\r\n\r\n")
        first = c.head()
        assert (first.version, first.status) == ("HTTP/1.1", 103)
        assert first.headers == [("Link", LINK)]
        assert c.is_quiet()
        assert cases.get("/open").status == 200
        final = c.response()
        assert (final.status, final.body) == (200, b"final")
        assert final.get("Link") is None


@pytest.mark.parametrize("target,body", [
    ("/hints", b"final"), ("/hints/started", b"final"),
    ("/hints/stream", b"ab"), ("/hints/large", b"z" * (1 << 20)),
    ("/hints/file", b"f" * 300000)])
def test_any_response_may_follow(cases, target, body):
    with cases.connect() as c:
        for _ in range(3):
            r = c.get(target)
            assert [i.status for i in r.interim] == [103]
            assert (r.status, r.body) == (200, body)


def test_hints_may_be_sent_often(cases):
    with cases.connect() as c:
        r = c.get("/hints/often?n=2000")
        assert [i.get("X-N") for i in r.interim] == \
            [str(i) for i in range(2000)]
        assert r.body == b"final"
        assert c.get("/hints").body == b"final"


def test_http_1_0_gets_no_hints(cases):
    with cases.connect() as c:
        c.send(b"GET /hints HTTP/1.0\r\n\r\n")
        octets = c.rest()
        assert octets.startswith(b"HTTP/1.0 200 ")
        assert b" 103 " not in octets


def test_hints_behind_the_head_are_ignored(cases):
    with cases.connect() as c:
        c.send(b"GET /hints/late HTTP/1.1\r\nHost: t\r\n\r\n")
        r = c.response()
        assert (r.interim, r.status, r.body) == ([], 200, b"firstlast")


def test_head_request_gets_hints(cases):
    with cases.connect() as c:
        r = c.request("HEAD", "/hints")
        assert [i.status for i in r.interim] == [103]
        assert r.get("Content-Length") == "5"
        assert c.get("/hints").body == b"final"


def test_pipelined_hints_keep_their_place(cases):
    with cases.connect() as c:
        c.send(b"GET /hints HTTP/1.1\r\nHost: t\r\n\r\n" * 5)
        for _ in range(5):
            r = c.response()
            assert [i.status for i in r.interim] == [103]
            assert r.body == b"final"


def test_error_behind_hints_is_still_a_500(cases):
    with cases.connect() as c:
        r = c.get("/hints/error")
        assert [i.status for i in r.interim] == [103]
        assert r.status == 500
        assert r.get("Link") is None
    cases.log_contains("ValueError: behind the hints")


def test_wrong_hints_raise_and_nothing_is_sent(cases):
    with cases.connect() as c:
        c.send(b"GET /hints/wrong HTTP/1.1\r\nHost: t\r\n\r\n")
        r = c.response()
        assert r.interim == []
        t, v = "TypeError", "ValueError"
        assert json.loads(r.body) == [t, t, t, t, t, t, t,
                                      v, v, v, v, v, v, v, t, t]


def test_framing_and_hop_by_hop_fields_are_dropped(cases):
    with cases.connect() as c:
        r = c.get("/hints/hop")
        assert r.interim[0].headers == [("Link", LINK)]
        assert r.body == b"final"
        assert c.get("/hints").body == b"final"


def test_hints_from_another_thread(cases):
    r = cases.get("/hints/thread")
    assert [i.status for i in r.interim] == [103]
    assert r.body == b"None"


def test_hints_of_a_request_that_is_over_raise(server):
    server.with_config(wsgi_app="cases_app:app", threads=1).start()
    with server.connect() as c:
        assert c.get("/hints/over").body == b"first"
        r = c.get("/hints/over")
        assert (r.interim, r.body) == ([], b"RuntimeError")


EXPECTING = (b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n"
             b"Expect: 100-continue\r\n\r\n")


@pytest.mark.parametrize("target,order", [
    (b"/hints/read", [103, 100]), (b"/hints/behind-read", [100, 103])])
def test_order_with_100_continue_is_the_apps(cases, target, order):
    with cases.connect() as c:
        c.send(EXPECTING % target)
        seen = []
        while 100 not in seen:
            seen.append(c.head().status)
        c.send(b"body")
        r = c.response()
        seen += [i.status for i in r.interim]
        assert (seen, r.status, r.body) == (order, 200, b"body")
        assert c.get("/hints").body == b"final"


def test_refusal_behind_hints_sends_no_100(cases):
    with cases.connect() as c:
        c.send(EXPECTING % b"/hints/refuse")
        r = c.response()
        assert [i.status for i in r.interim] == [103]
        assert r.status == 403
        assert r.get("Connection") == "close"
        c.expect_close()


def test_access_log_has_the_final_response_only(server):
    server.with_config(wsgi_app="cases_app:app",
                       access_logformat="%(s)s %(B)s %({link}o)s").start()
    server.get("/hints")
    assert server.access_log(1) == ["200 5 -"]
