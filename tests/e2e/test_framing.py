# SPDX-License-Identifier: MIT
"""Framing: what is chosen, what goes over the wire, what is counted."""
import re

import pytest

from harness import wait_for

MIB = 1 << 20
CHUNKED = "chunked"
HOWS = ["list", "tuple", "bytes", "iter", "one", "sized", "late-empty",
        "write", "write+list", "file", "sendfile"]


@pytest.mark.parametrize("how,framing", [
    ("list", "10"), ("tuple", "10"), ("bytes", "10"), ("sized", "10"),
    ("sendfile", "10"), ("iter", CHUNKED), ("one", CHUNKED),
    ("late-empty", CHUNKED), ("write", CHUNKED), ("write+list", CHUNKED),
    ("file", CHUNKED)])
def test_framing_without_content_length(cases, how, framing):
    target = f"/shape?how={how}"
    with cases.connect() as c:
        for _ in range(2):
            r = c.get(target)
            assert r.body == b"x" * 10
            if framing == CHUNKED:
                assert r.get("Transfer-Encoding") == CHUNKED
                assert r.all("Content-Length") == []
            else:
                assert r.all("Transfer-Encoding") == []
                assert r.all("Content-Length") == [framing]
        old = c.get(target, version="1.0",
                    headers=[("Connection", "keep-alive")])
        assert old.body == b"x" * 10
        assert old.version == "HTTP/1.0"
        assert old.all("Transfer-Encoding") == []
        assert old.get("Connection") == \
            ("close" if framing == CHUNKED else "keep-alive")


@pytest.mark.parametrize("how", HOWS)
def test_content_length_of_the_app_is_kept(cases, how):
    with cases.connect() as c:
        for version in ("1.1", "1.0"):
            r = c.get(f"/shape?how={how}&cl=10", version=version,
                      headers=[("Connection", "keep-alive")])
            assert r.all("Content-Length") == ["10"]
            assert r.all("Transfer-Encoding") == []
            assert r.body == b"x" * 10


@pytest.mark.parametrize("how", HOWS)
def test_body_is_cut_at_content_length(cases, how):
    with cases.connect() as c:
        for cl in (7, 3, 0):
            r = c.get(f"/shape?how={how}&cl={cl}")
            assert r.body == b"x" * cl
        assert c.get("/plain").body == b"plain"
    if "file" in how:
        assert f"how={how}&cl" not in cases.error_log()
    else:
        cases.log_contains(r"\[WARNING\] .*longer than it may be.*how="
                           + re.escape(how) + "&cl=3")


def test_iterable_that_lies_about_its_length_is_cut(cases):
    with cases.connect() as c:
        r = c.get("/shape?how=liar")
        assert r.get("Content-Length") == "5"
        assert r.body == b"xxxxx"
        assert c.get("/plain").body == b"plain"


@pytest.mark.parametrize("how", HOWS)
def test_head_sends_no_octet_of_body(cases, how):
    with cases.connect() as c:
        for cl in ("", "&cl=10", "&cl=99", "&cl=0"):
            c.send(f"HEAD /shape?how={how}{cl} HTTP/1.1\r\n"
                   "Host: t\r\n\r\n".encode())
            r = c.response(is_head=True)
            assert r.status == 200
            if cl:
                assert r.get("Content-Length") == cl[4:]
        assert c.get("/plain").body == b"plain"
    assert "HEAD /shape" not in cases.error_log()


@pytest.mark.parametrize("code", ["204", "304"])
@pytest.mark.parametrize("how", ["list", "iter", "write", "sendfile"])
def test_status_without_body_sends_none(cases, code, how):
    with cases.connect() as c:
        for cl in ("", "&cl=10"):
            c.send(f"GET /shape?how={how}&code={code}{cl} HTTP/1.1\r\n"
                   "Host: t\r\n\r\n".encode())
            r = c.head()
            assert r.status == int(code)
            assert r.all("Transfer-Encoding") == []
            want = ["10"] if cl and code == "304" else []
            assert r.all("Content-Length") == want
            assert c.is_quiet(0.02)
        assert c.get("/plain").body == b"plain"


@pytest.mark.parametrize("how", ["list", "iter", "write", "sendfile"])
def test_reset_content_has_length_0(cases, how):
    with cases.connect() as c:
        for cl in ("", "&cl=10"):
            r = c.get(f"/shape?how={how}&code=205{cl}")
            assert (r.status, r.body) == (205, b"")
            assert r.all("Content-Length") == ["0"]
            assert r.all("Transfer-Encoding") == []
        assert c.get("/plain").body == b"plain"


@pytest.mark.parametrize("sendfile", [True, False])
def test_octets_of_every_kind_are_counted(server, sendfile):
    server.with_config(wsgi_app="cases_app:app", sendfile=sendfile,
                       access_logformat="%(s)s %(B)s %(q)s").start()
    asked = [(f"/shape?how={how}", "200 10") for how in HOWS]
    asked += [(f"/shape?how={how}&cl=4", "200 4") for how in HOWS]
    asked += [(f"/shape?how=iter&code={code}", f"{code} 0")
              for code in (204, 205, 304)]
    asked += [("/shape?how=list&n=1000000", "200 1000000"),
              ("/shape?how=iter&n=1000000", "200 1000000"),
              ("/wrapped?kind=plain", "200 102400"),
              ("/wrapped?kind=offset", "200 101400"),
              ("/wrapped?kind=empty", "200 0"),
              ("/wrapped?kind=pipe", "200 5000"),
              ("/hints?", "200 5")]
    with server.connect() as c:
        for target, _ in asked:
            c.get(target)
        for how in HOWS:
            c.request("HEAD", f"/shape?how={how}")
        page = c.get("/result?kind=none")
    want = [f"{line} {target.partition('?')[2]}".strip()
            for target, line in asked]
    want += [f"200 0 how={how}" for how in HOWS]
    want += [f"500 {len(page.body)} kind=none"]
    assert [x.strip() for x in server.access_log(len(want))] == want


@pytest.mark.parametrize("how", ["list", "iter", "sendfile", "write"])
def test_octets_that_never_left_are_not_counted(server, how):
    n = 20 * MIB
    server.with_config(wsgi_app="cases_app:app", threads=2,
                       response_buffer="64m",
                       access_logformat="%(B)s").start()
    with server.connect(rcvbuf=4096) as c:
        c.send(f"GET /shape?how={how}&n={n}&cl={n} HTTP/1.1\r\n"
               "Host: t\r\n\r\n".encode())
        c.head()
        wait_for("the thread to be free", lambda: not server.busy_cells())
        c.reset()
    counted = int(server.access_log(1)[0])
    assert 0 < counted < n
