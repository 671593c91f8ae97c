# SPDX-License-Identifier: MIT
"""Responses: framing, streams, back-pressure, files, HEAD, errors midway."""
import hashlib
import re
import time

import pytest

from harness import rss_kib, scaled, wait_for

MIB = 1 << 20
PATTERN = b"0123456789abcdef"


def file_body(n):
    return (PATTERN * (n // 16 + 1))[:n]


def test_list_of_one_part_gets_a_length(shared):
    r = shared.get("/one-part")
    assert r.get("Content-Length") == "9"
    assert r.get("Transfer-Encoding") is None


def test_generator_is_chunked(shared):
    r = shared.get("/stream?n=1000")
    assert r.get("Transfer-Encoding") == "chunked"
    assert r.get("Content-Length") is None
    assert r.body == b"".join(b"line %d\n" % i for i in range(1000))


@pytest.mark.parametrize("target,body", [
    ("/empty", b""), ("/many-parts", b"abc" + b"d" * 70000),
    ("/write", b"written, twice, and returned\n"), ("/closing", b"ab"),
    ("/stream?n=0", b""), ("/nofile?n=1000", b"n" * 1000)])
def test_shape_of_the_iterable_does_not_matter(shared, target, body):
    with shared.connect() as c:
        assert c.get(target).body == body
        assert c.get("/hello").body == b"Hello, world!\n"


def test_stream_is_sent_as_it_is_made(shared):
    with shared.connect() as c:
        c.send(b"GET /trickle?n=3&ms=%d HTTP/1.1\r\nHost: t\r\n\r\n"
               % scaled(300))
        c.head()
        start = time.monotonic()
        assert c.until(b"line 0\n") is not None
        assert time.monotonic() - start < scaled(0.3)
        assert c.until(b"line 2\n") is not None
        assert c.until(b"0\r\n\r\n") is not None


@pytest.mark.parametrize("n", [100, 65536, 5 * MIB])
def test_big_body_arrives_whole(shared, n):
    r = shared.get(f"/big?n={n}")
    assert r.body == b"x" * n


def test_head_has_the_fields_and_no_body(shared):
    with shared.connect() as c:
        full = c.get("/head")
        head = c.request("HEAD", "/head")
        assert head.get("Content-Length") == full.get("Content-Length")
        assert head.status == 200
        assert c.request("HEAD", "/stream").status == 200
        assert c.get("/hello").body == b"Hello, world!\n"


@pytest.mark.parametrize("target,status", [("/204", 204), ("/304", 304)])
def test_status_without_body_has_no_framing(shared, target, status):
    with shared.connect() as c:
        r = c.get(target)
        assert r.status == status
        assert r.get("Transfer-Encoding") is None
        assert c.get("/hello").body == b"Hello, world!\n"


def test_fields_are_sent_as_given(shared):
    r = shared.get("/headers")
    assert r.all("Set-Cookie") == ["a=1", "b=2"]
    assert r.get("X-Latin") == "caf\xe9"
    assert r.get("X-Empty") == ""


@pytest.mark.parametrize("code", [201, 301, 404, 418, 500, 599])
def test_status_and_reason_are_the_apps(shared, code):
    r = shared.get(f"/status?code={code}")
    assert (r.status, r.reason) == (code, "Some Reason")


@pytest.mark.parametrize("n", [0, 1, 65536, 3 * MIB])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_file_wrapper_sends_a_file(shared, n, version):
    r = shared.get(f"/file?n={n}", version=version)
    assert r.body == file_body(n)


def test_file_starts_at_its_offset(shared):
    r = shared.get("/file?n=1000&off=10")
    assert r.body == file_body(1000)[10:]


def test_file_is_cut_at_its_content_length(shared):
    with shared.connect() as c:
        assert c.get("/file?n=1000&cl=100").body == file_body(100)
        assert c.get("/hello").status == 200


def test_file_shorter_than_its_content_length_closes(shared):
    with shared.connect() as c:
        c.send(b"GET /file?n=100&cl=1000 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.head().get("Content-Length") == "1000"
        assert c.rest() == file_body(100)


@pytest.mark.parametrize("sendfile", ["true", "false"])
def test_files_are_the_same_with_and_without_sendfile(server, sendfile):
    server.with_config(sendfile=sendfile).start()
    with server.connect() as c:
        for n in (0, 10, 2 * MIB):
            assert c.get(f"/file?n={n}").body == file_body(n)
        assert c.request("HEAD", "/file?n=10").body == b""
        assert c.get("/hello").status == 200


def read_slowly_measured(c, pid, total):
    digest, have, most = hashlib.sha256(), 0, 0
    while have < total:
        data = c.exactly(min(MIB, total - have))
        digest.update(data)
        have += len(data)
        most = max(most, rss_kib(pid))
    return digest.hexdigest(), most


@pytest.mark.parametrize("path", ["/bigstream", "/file"])
def test_download_of_200_mib_in_bounded_memory(server, path):
    n = 200 * MIB
    server.with_config(threads=2).start()
    pid = server.worker_pids()[0]
    server.get("/bigstream?n=1000000")
    before = rss_kib(pid)
    cl = f"&cl={n}" if path == "/file" else "&cl=1"
    with server.connect(timeout=60) as c:
        c.send(f"GET {path}?n={n}{cl} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        assert c.head().get("Content-Length") == str(n)
        digest, most = read_slowly_measured(c, pid, n)
        assert c.get("/hello").status == 200
    want = hashlib.sha256()
    for _ in range(200):
        want.update(file_body(MIB))
    assert digest == want.hexdigest()
    assert most - before < 8 * 1024 * (4 if scaled(1) > 1 else 1)


def test_non_reader_holds_its_producer_back(server):
    server.with_config(threads=2, response_buffer="256k").start()
    with server.connect(rcvbuf=65536) as c:
        c.send(b"GET /bigstream?n=%d HTTP/1.1\r\nHost: t\r\n\r\n"
               % (100 * MIB))
        wait_for("the thread to wait", lambda: server.cells("waiting"))

        def settled():
            before = server.get("/counters").json().get("produced", 0)
            time.sleep(0.1)
            return before > 0 and \
                server.get("/counters").json()["produced"] == before
        wait_for("production to stop", settled)
        assert server.get("/counters").json()["produced"] < 16 * MIB
        c.head()
        c.reset()
    wait_for("the producer to be closed", lambda:
             server.get("/counters").json()["closed"] == 1)
    wait_for("the thread to be free", lambda: not server.busy_cells())


def test_client_that_leaves_frees_the_thread(server):
    server.with_config(threads=1).start()
    for _ in range(5):
        c = server.connect(rcvbuf=65536)
        c.send(b"GET /bigstream?n=%d HTTP/1.1\r\nHost: t\r\n\r\n"
               % (50 * MIB))
        c.head()
        c.reset()
    assert server.get("/hello").status == 200
    wait_for("all producers closed", lambda:
             server.get("/counters").json()["closed"] == 5)


def test_reader_without_progress_is_cut(server):
    server.with_config(threads=1, write_timeout=f"{scaled(0.5):g}").start()
    with server.connect(rcvbuf=4096) as c:
        c.send(b"GET /bigstream?n=%d HTTP/1.1\r\nHost: t\r\n\r\n"
               % (50 * MIB))
        wait_for("the thread to be let go", lambda:
                 server.get("/counters").json()["closed"] == 1)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()


def test_big_body_is_handed_over_and_the_thread_is_free(server):
    """A list's octets need no thread, however slow the reader is."""
    server.with_config(threads=1).start()
    with server.connect(rcvbuf=4096) as c:
        c.send(b"GET /big?n=%d HTTP/1.1\r\nHost: t\r\n\r\n" % (20 * MIB))
        assert c.head().status == 200
        wait_for("the thread to be free", lambda: not server.busy_cells())
        assert server.get("/hello").status == 200
        assert len(c.exactly(20 * MIB)) == 20 * MIB


def test_shorter_than_content_length_closes_and_is_logged(server):
    server.start()
    with server.connect() as c:
        c.send(b"GET /too-short HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.head().get("Content-Length") == "10"
        assert c.rest() == b"short"
    server.log_contains(r"too-short|[Cc]ontent-[Ll]ength")


def test_longer_than_content_length_is_cut(server):
    server.start()
    with server.connect() as c:
        assert c.get("/too-long").body == b"long"
        assert c.get("/hello").status == 200


def test_error_midway_cuts_the_chunked_stream(shared):
    with shared.connect() as c:
        c.send(b"GET /error/stream HTTP/1.1\r\nHost: t\r\n\r\n")
        c.head()
        assert b"\r\n0\r\n\r\n" not in c.rest()


# ---- framing: what is chosen, and what goes over the wire ----

CHUNKED, CLOSE = "chunked", "close"


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


HOWS = ["list", "tuple", "bytes", "iter", "one", "sized", "late-empty",
        "write", "write+list", "file", "sendfile"]


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


def test_hop_by_hop_fields_of_the_app_are_dropped(cases):
    with cases.connect() as c:
        r = c.get("/hop")
        names = sorted(n.lower() for n, _ in r.headers)
        assert names == ["content-length", "content-type", "date", "server",
                         "x-keep"]
        assert r.get("Server") == "gthreadd"
        assert r.get("Date") != "never"
        assert c.get("/hop").body == b"ok"


BAD_NAMES = ["", "A B", "A:", "A\r\nB", "A\n", " A", "A ", "A\t", "A\0", "A(",
             "\xe9", "A\x7f", "A\"", "A/", "A,B"]
BAD_VALUES = ["\r\nX-Evil: 1", "a\r\nX-Evil: 1", "a\nX-Evil: 1",
              "a\rX-Evil: 1", "a\r\n\r\n<html>", "a\0b", "a\x01", "a\x0b",
              "a\x0cb", "a\x1b[31m", "a\x7f", "a\r\n b"]


def field(c, name, value):
    return c.get("/field?name=%s&value=%s" % (
        name.encode("latin-1").hex(), value.encode("latin-1").hex()))


@pytest.mark.parametrize("name", BAD_NAMES)
def test_field_name_that_is_no_token_is_a_500(cases, name):
    with cases.connect() as c:
        assert field(c, name, "v").status == 500
        assert field(c, "X-Ok", "v").get("X-Ok") == "v"


@pytest.mark.parametrize("value", BAD_VALUES)
def test_field_value_that_would_split_is_a_500(cases, value):
    with cases.connect() as c:
        r = field(c, "X-A", value)
        assert r.status == 500
        assert r.get("X-Evil") is None and r.get("X-A") is None
        assert field(c, "X-Ok", "v").get("X-Ok") == "v"


@pytest.mark.parametrize("value,sent", [
    ("", ""), (" a ", "a"), ("a\tb", "a\tb"), ("caf\xe9", "caf\xe9"),
    ("\x80\xff", "\x80\xff"), ("a\r\n", None), ("a, \"b\"", "a, \"b\"")])
def test_field_value_is_sent_octet_by_octet(cases, value, sent):
    with cases.connect() as c:
        r = field(c, "X-A", value)
        assert r.get("X-A") == sent
        assert r.status == (500 if sent is None else 200)


# ---- files of every kind ----

BODY = bytes(range(256)) * 400


# What comes, and whether its length is known: sent by the loop, or empty.
FILES = {
    "plain": (BODY, True), "empty": (b"", True), "offset": (BODY[1000:], True),
    "read-ahead": (BODY[10:], True), "end": (b"", True),
    "beyond": (b"", True), "grows": (BODY, True),
    "unbuffered": (BODY[7:], True), "written": (b"still in the buffer", True),
    "no-close": (BODY, True), "pipe": (BODY[:5000], False),
    "memory": (BODY, False), "gzip": (BODY, False),
    "proc": (None, False)}  # a regular file that says it is empty


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_file_of_any_kind(cases, kind, version):
    want, known = FILES[kind]
    keep = [("Connection", "keep-alive")]
    with cases.connect() as c:
        r = c.get(f"/wrapped?kind={kind}", version=version, headers=keep)
        assert r.status == 200
        if want is None:
            assert b"gthreadd" in r.body
        else:
            assert r.body == want
        if known:
            assert r.all("Content-Length") == [str(len(want))]
            for _ in range(2):
                again = c.get(f"/wrapped?kind={kind}", headers=keep)
                assert again.body == want
            c.request("HEAD", f"/wrapped?kind={kind}")
            assert c.get("/plain").body == b"plain"
    assert f"kind={kind} " not in cases.error_log()


@pytest.mark.parametrize("kind", ["text", "closed"])
def test_file_that_gives_no_octets_is_a_500(cases, kind):
    with cases.connect() as c:
        assert c.get(f"/wrapped?kind={kind}").status == 500
        assert c.get("/plain").body == b"plain"


def test_part_of_a_file_is_no_mistake(cases):
    with cases.connect() as c:
        for kind in ("offset", "memory"):
            r = c.get(f"/wrapped?kind={kind}&cl=100")
            assert len(r.body) == 100
        assert c.get("/plain").body == b"plain"
    assert "&cl=100 " not in cases.error_log()


def test_file_that_shrinks_while_it_is_sent_ends_the_connection(server):
    server.with_config(wsgi_app="cases_app:app",
                       access_logformat="%(s)s %(B)s").start()
    with server.connect() as c:
        c.send(b"GET /wrapped?kind=shrinks HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.head().get("Content-Length") == str(len(BODY))
        assert c.rest() == BODY[:50]
    server.log_contains(r"\[ERROR\] .*ended early missing=102350")
    assert server.access_log(1) == ["200 50"]
    server.stop()
    assert server.error_log().count("[ERROR]") == 1


# ---- octets in the access log ----

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
