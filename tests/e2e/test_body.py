# SPDX-License-Identifier: MIT
"""Request bodies: small, streamed, chunked, cut, expected, refused."""
import hashlib
import os
import threading
import time

import pytest

from harness import rss_kib, scaled, wait_for

MIB = 1 << 20


def sha(data):
    return hashlib.sha256(data).hexdigest()


def chunked(parts, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) \
        + b"0\r\n" + trailer + b"\r\n"


CHUNKED = b"Host: t\r\nTransfer-Encoding: chunked\r\n"


def test_chunked_body_received_whole_has_a_length(server):
    """Nothing tells of the chunks: an app that knows them decodes again."""
    server.start()
    for parts, length in (([b"abc", b"de"], "5"), ([], "0")):
        with server.connect() as c:
            c.send(b"POST /environ HTTP/1.1\r\n" + CHUNKED + b"\r\n"
                   + chunked(parts))
            environ = c.response().json()
        assert environ["CONTENT_LENGTH"] == length
        assert "HTTP_TRANSFER_ENCODING" not in environ


def test_chunked_body_that_is_streamed_has_no_length(server):
    server.with_config(body_buffer=4096).start()
    with server.connect() as c:
        c.send(b"POST /environ HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               + chunked([b"x" * 4000, b"y" * 4000]))
        environ = c.response().json()
    assert "CONTENT_LENGTH" not in environ
    assert "HTTP_TRANSFER_ENCODING" not in environ


@pytest.mark.parametrize("n", [0, 1, 4095, 65535, 65536, 65537, 300000])
def test_body_arrives_whole(shared, n):
    body = os.urandom(n)
    assert shared.post("/echo", body).body == body


@pytest.mark.parametrize("size", [1, 7, 65536, 1000000])
def test_any_read_size_will_do(shared, size):
    body = os.urandom(20000 if size == 1 else 200000)
    r = shared.post(f"/upload?size={size}", body).json()
    assert r == {"length": len(body), "sha256": sha(body)}


@pytest.mark.parametrize("parts", [
    [], [b"a"], [b"abc", b"d" * 70000, b"e"], [b"x"] * 1000])
def test_chunked_body_arrives_whole(shared, parts):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               + chunked(parts))
        assert c.response().body == b"".join(parts)
        assert c.get("/hello").status == 200


def test_chunk_extensions_and_trailers_are_read_over(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               b"3;a=b;c=\"d\"\r\nabc\r\n0;z\r\nX-Sum: 1\r\n\r\n")
        assert c.response().body == b"abc"
        assert c.get("/hello").status == 200


@pytest.mark.parametrize("octets", [
    b"g\r\n", b"-1\r\n", b"3\r\nabcX\r\n", b"3\nabc\r\n",
    b"fffffffffffffffff\r\n", b"3;" + b"x" * 5000 + b"\r\nabc\r\n",
    b" 3\r\nabc\r\n"])
def test_bad_chunks_are_refused(shared, octets):
    with shared.connect() as c:
        c.send(b"POST /upload HTTP/1.1\r\n" + CHUNKED + b"\r\n" + octets)
        assert c.response().status in (400, 500)
        c.expect_close()


@pytest.mark.parametrize("fields", [
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 3\r\nContent-Length: 3\r\n",
    b"Content-Length: +3\r\n", b"Content-Length: 3, 3\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 3 3\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Content-Length:\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n"])
def test_ambiguous_framing_is_refused(shared, fields):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n" + fields + b"\r\nabc")
        assert c.response().status in (400, 501)
        c.expect_close()


def send_slowly_measured(server, c, pid, total, frame=lambda p: p):
    """Send total octets, tell the digest and the most memory seen."""
    block = os.urandom(MIB)
    digest, most = hashlib.sha256(), 0
    for _ in range(total // MIB):
        digest.update(block)
        c.send(frame(block))
        most = max(most, rss_kib(pid))
    return digest.hexdigest(), most


def test_upload_of_50_mib_is_streamed_in_bounded_memory(server):
    server.with_config(threads=2).start()
    pid = server.worker_pids()[0]
    server.post("/upload", b"x" * MIB)
    before = rss_kib(pid)
    with server.connect(timeout=60) as c:
        c.send(b"POST /upload HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: %d\r\n\r\n" % (50 * MIB))
        digest, most = send_slowly_measured(server, c, pid, 50 * MIB)
        assert c.response().json() == {"length": 50 * MIB, "sha256": digest}
    assert most - before < 8 * 1024 * (4 if scaled(1) > 1 else 1)


def test_chunked_upload_of_50_mib_is_streamed(server):
    server.with_config(threads=2).start()
    pid = server.worker_pids()[0]
    server.post("/upload", b"x" * MIB)
    before = rss_kib(pid)
    with server.connect(timeout=60) as c:
        c.send(b"POST /upload HTTP/1.1\r\n" + CHUNKED + b"\r\n")
        digest, most = send_slowly_measured(
            server, c, pid, 50 * MIB,
            lambda p: b"%x\r\n%s\r\n" % (len(p), p))
        c.send(b"0\r\n\r\n")
        assert c.response().json() == {"length": 50 * MIB, "sha256": digest}
    assert most - before < 8 * 1024 * (4 if scaled(1) > 1 else 1)


def test_slow_app_holds_the_sender_back(server):
    """The app reads nothing: the server takes no more than its buffers."""
    server.with_config(threads=1, body_buffer="64k").start()
    with server.connect(timeout=1) as c:
        c.send(b"POST /sleep?ms=%d HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: %d\r\n\r\n" % (scaled(3000), 100 * MIB))
        sent = 0
        try:
            while sent < 100 * MIB:
                sent += c.sock.send(b"x" * 65536)
        except TimeoutError:
            pass
        assert sent < 32 * MIB


@pytest.mark.parametrize("how", ["readline", "limited", "readlines", "iter"])
def test_lines_of_a_body(shared, how):
    body = b"one\ntwo two\n\nlast"
    want = ["one\n", "two two\n", "\n", "last"]
    if how == "limited":
        want = ["one\n", "two ", "two\n", "\n", "last"]
    assert shared.post(f"/lines?how={how}", body).json() == want + [""]


def test_long_lines_cross_the_buffer(shared):
    body = b"".join(b"%d" % (i % 10) * 5000 + b"\n" for i in range(60))
    for how in ("readline", "iter"):
        got = shared.post(f"/lines?how={how}", body).json()
        assert "".join(got).encode() == body
        assert len(got) == 61


def test_unread_body_does_not_harm_the_next_request(shared):
    with shared.connect() as c:
        for n in (10, 1000, 60000):
            r = c.request("POST", "/no-read", body=b"x" * n)
            assert r.body == b"not read\n"
        assert c.get("/hello").body == b"Hello, world!\n"


def test_large_unread_body_is_answered_and_closed(shared):
    with shared.connect() as c:
        c.send(b"POST /refuse HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: %d\r\n\r\n" % (500 * MIB))
        try:
            for _ in range(20):
                c.send(b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        r = c.response()
        assert r.status == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_app_that_reads_no_large_body_can_stream(shared, chunked):
    """The loop waits for room in the inbox: it must send all the same."""
    field = b"Transfer-Encoding: chunked" if chunked \
        else b"Content-Length: 70000"
    size = b"11170\r\n" if chunked else b""
    with shared.connect() as c:
        c.send(b"POST /bigstream?n=2000000 HTTP/1.1\r\nHost: t\r\n"
               + field + b"\r\n\r\n" + size + b"x" * 70000)
        assert len(c.response().body) == 2000000


def test_short_body_raises_in_the_app(server):
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(b"POST /try-read HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 200000\r\n\r\n" + b"x" * 100000)
        wait_for("the app to read", lambda: server.cells("waiting"))
    server.log_contains(r"read failed after \d+: \w+ True")
    assert server.get("/hello").status == 200


def test_short_small_body_never_reaches_the_app(server):
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(b"POST /try-read HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 200\r\n\r\n" + b"x" * 100)
    wait_for("no connection", lambda:
             server.ready_workers()[0]["connections"] == 0)
    assert server.get("/counters").json()["calls"] == 1


def test_stalled_body_times_out(server):
    server.with_config(threads=1, body_timeout=f"{scaled(0.5):g}").start()
    with server.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 200\r\n\r\n" + b"x" * 100)
        assert c.response().status == 408
        c.expect_close()


def test_stalled_stream_raises_in_the_app(server):
    server.with_config(threads=1, body_timeout=f"{scaled(0.5):g}").start()
    with server.connect() as c:
        c.send(b"POST /try-read HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 200000\r\n\r\n" + b"x" * 100000)
        server.log_contains(r"read failed after \d+: \w+ True")
    assert server.get("/hello").status == 200


def test_continue_is_sent_at_the_first_read(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
               b"Expect: 100-continue\r\n\r\n")
        assert c.head().status == 100
        c.send(b"hello")
        r = c.response()
        assert (r.status, r.body) == (200, b"hello")


def test_app_may_refuse_without_continue(shared):
    with shared.connect() as c:
        c.send(b"POST /refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
               b"Expect: 100-continue\r\n\r\n")
        r = c.response()
        assert (r.status, r.interim) == (403, [])
        assert r.get("Connection").lower() == "close"
        c.expect_close()


def test_no_continue_when_the_body_has_come(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
               b"Expect: 100-continue\r\n\r\nhello")
        r = c.response()
        assert r.body == b"hello"


def test_unknown_expectation_is_417(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
               b"Expect: magic\r\n\r\n")
        assert c.response().status == 417


def test_continue_may_come_late(server):
    """body-timeout runs from the 100 on, not while the app thinks."""
    server.with_config(threads=1, body_timeout=f"{scaled(0.4):g}").start()
    with server.connect() as c:
        c.send(b"POST /late-read?ms=%d HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
               % scaled(1000))
        assert c.head().status == 100
        time.sleep(scaled(0.1))
        c.send(b"hello")
        assert c.response().body == b"hello"


def test_app_that_reads_late_does_not_lose_its_client(server):
    """The buffer was full: the client had no chance to send."""
    server.with_config(threads=1, body_timeout=f"{scaled(0.4):g}").start()
    n = 20 * MIB
    with server.connect() as c:
        def send():
            c.send(b"POST /late-read?ms=%d HTTP/1.1\r\nHost: t\r\n"
                   b"Content-Length: %d\r\n\r\n" % (scaled(1200), n))
            c.send(b"x" * n)
        sender = threading.Thread(target=send)
        sender.start()
        assert len(c.response().body) == n
        sender.join()


def test_no_continue_in_the_middle_of_a_response(shared):
    """The response had begun: no 100 may follow, the connection closes."""
    with shared.connect() as c:
        c.send(b"POST /read-in-stream HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        r = c.head()
        assert (r.status, r.get("Connection")) == (200, "close")
        c.send(b"hello")
        assert c.chunks(r) == b"begun\nread 5\n"
        c.expect_close()


def test_client_that_does_not_wait_for_continue(shared):
    head = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n" \
           b"Expect: 100-continue\r\n\r\n"
    with shared.connect() as c:
        c.send(head)
        c.send(b"hello")
        assert c.response().body == b"hello"
        assert c.get("/hello").status == 200


def test_continue_is_not_sent_to_http_1_0(shared):
    with shared.connect() as c:
        c.send(b"POST /echo HTTP/1.0\r\nHost: t\r\nContent-Length: 5\r\n"
               b"Expect: 100-continue\r\n\r\nhello")
        r = c.response()
        assert (r.status, r.interim) == (200, [])


def test_body_and_response_stream_at_once(shared):
    """What is read goes back at once; both directions are far larger than
    all buffers."""
    body = os.urandom(20 * MIB)
    with shared.connect(timeout=60) as c:
        sender = threading.Thread(target=c.send, args=(
            b"POST /pipe?size=50000 HTTP/1.1\r\nHost: t\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body,))
        sender.start()
        assert sha(c.response().body) == sha(body)
        sender.join()
        assert c.get("/hello").status == 200


@pytest.mark.parametrize("how", ["Content-Length", "chunked"])
def test_a_refused_upload_says_that_it_closes(shared, how):
    with shared.connect() as c:
        c.send(b"POST /refuse HTTP/1.1\r\nHost: t\r\n")
        if how == "chunked":
            c.send(b"Transfer-Encoding: chunked\r\n"
                   b"Expect: 100-continue\r\n\r\n")
        else:
            c.send(b"Content-Length: %d\r\n\r\n" % (500 * MIB)
                   + b"x" * 100000)
        r = c.response()
        assert (r.status, r.get("Connection")) == (403, "close")
        c.expect_close()


def test_limit_is_met_while_streaming(server):
    """Chunked: nobody knew. The app's read raises, the answer is 413."""
    server.with_config(max_body_size="200k", threads=1).start()
    with server.connect() as c:
        c.send(b"POST /upload HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               + chunked([b"x" * 10000] * 19))
        assert c.response().json()["length"] == 190000
        c.send(b"POST /upload HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               + chunked([b"x" * 10000] * 30))
        r = c.response()
        assert (r.status, r.get("Connection")) == (413, "close")
        c.expect_close()
    assert "Traceback" not in server.error_log()
    assert server.get("/hello").status == 200


def test_app_may_answer_a_broken_body_itself(server):
    server.with_config(max_body_size="200k", threads=1).start()
    with server.connect() as c:
        c.send(b"POST /catch-read HTTP/1.1\r\n" + CHUNKED + b"\r\n"
               + chunked([b"x" * 10000] * 30))
        r = c.response()
        assert (r.status, r.get("Connection")) == (422, "close")
        c.expect_close()


def test_body_above_the_limit_is_413(server):
    server.with_config(max_body_size="1k").start()
    with server.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 1025\r\n\r\n")
        assert c.response().status == 413
    assert server.post("/echo", b"x" * 1024).status == 200


def test_slow_sender_does_not_hold_a_thread_for_a_small_body(server):
    server.with_config(threads=1).start()
    with server.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n")
        c.send(b"bo")
        assert server.get("/hello").status == 200
        server.wait_idle()
        c.send(b"dy")
        assert c.response().body == b"body"


def test_upload_speed_is_not_lost_in_small_reads(server):
    """A smoke test, not a benchmark: 50 MiB within the bound."""
    server.with_config(threads=1).start()
    start = time.monotonic()
    with server.connect(timeout=60) as c:
        c.request("POST", "/upload", body=b"x" * (50 * MIB))
    assert time.monotonic() - start < scaled(20)
