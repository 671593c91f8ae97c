# SPDX-License-Identifier: MIT
"""Responses: streams, back-pressure, fields, HEAD, errors midway."""
import hashlib
import time

import pytest

from harness import rss_kib, scaled, wait_for

MIB = 1 << 20


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
        want.update(b"0123456789abcdef" * (MIB // 16))
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
