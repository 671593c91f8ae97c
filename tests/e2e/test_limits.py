# SPDX-License-Identifier: MIT
"""Every limit answers with its own status, and memory is bounded."""
import resource
import time

import pytest

from harness import SANITIZER, rss_kib, scaled, wait_for
from server import Server

LINE, FIELDS, FIELD, HEAD, BODY = 100, 10, 80, 1024, 20000


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("limited"))
    s.with_config(threads=2, limit_request_line=LINE,
                  limit_request_fields=FIELDS,
                  limit_request_field_size=FIELD, limit_request_head=HEAD,
                  max_body_size=BODY, body_buffer=4096)
    with s.serving():
        yield s


def calls(server):
    return server.get("/counters").json()["calls"]


def ask(server, octets):
    """The status of the one answer; the connection must be closed by it."""
    with server.connect() as c:
        c.send(octets)
        r = c.response()
        assert r.get("Connection") == "close"
        c.expect_close()
        return r.status


def check_refused(server, octets, status):
    before = calls(server)
    assert ask(server, octets) == status
    assert calls(server) == before + 1  # /counters itself


def check_served(server, octets):
    with server.connect() as c:
        c.send(octets)
        assert c.response().status == 200
        assert c.get("/hello").status == 200


def get(*fields, line=b"GET /hello HTTP/1.1"):
    return b"\r\n".join([line, b"Host: t", *fields]) + b"\r\n\r\n"


def line_of(n):
    return b"GET /hello?" + b"a" * (n - 20) + b" HTTP/1.1"


def test_line_at_its_limit(limited):
    assert len(line_of(LINE)) == LINE
    check_served(limited, get(line=line_of(LINE)))
    check_refused(limited, get(line=line_of(LINE + 1)), 414)


def test_line_that_never_ends(limited):
    check_refused(limited, b"GET /" + b"a" * LINE, 414)


def test_number_of_fields(limited):
    check_served(limited, get(*[b"A: b"] * (FIELDS - 1)))
    check_refused(limited, get(*[b"A: b"] * FIELDS), 431)


def test_size_of_a_field(limited):
    check_served(limited, get(b"A: " + b"b" * (FIELD - 3)))
    check_refused(limited, get(b"A: " + b"b" * (FIELD - 2)), 431)


def test_field_that_never_ends(limited):
    check_refused(limited, b"GET / HTTP/1.1\r\nA: " + b"b" * FIELD, 431)


def test_size_of_the_head(server):
    server.with_config(limit_request_head=HEAD).start()
    room = HEAD - len(get(b"A: ", line=b"GET /hello HTTP/1.1"))
    check_served(server, get(b"A: " + b"b" * room))
    check_refused(server, get(b"A: " + b"b" * (room + 1)), 431)


def test_announced_body_is_refused_unread(limited):
    head = b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n"
    check_refused(limited, head % (BODY + 1) + b"\r\n", 413)
    # With a client that waits for permission as well: no 100 before it.
    with limited.connect() as c:
        c.send(head % (1 << 62) + b"Expect: 100-continue\r\n\r\n")
        r = c.response()
        assert (r.status, r.interim) == (413, [])
        c.expect_close()


def test_answer_to_a_large_body_reaches_a_client_that_goes_on_sending(limited):
    with limited.connect() as c:
        c.send(b"POST /upload HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 1000000\r\n\r\n" + b"x" * 100000)
        assert c.response().status == 413
        c.expect_close()


def post_chunked(*parts):
    return (b"POST /upload HTTP/1.1\r\nHost: t\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts))


def chunk(n, extension=b""):
    return b"%x%s\r\n%s\r\n" % (n, extension, b"x" * n)


def test_chunked_body_at_its_limit(limited):
    check_served(limited, post_chunked(chunk(BODY - 1000), chunk(1000),
                                       b"0\r\n\r\n"))


def test_chunk_above_the_limit_is_refused_at_its_size_line(limited):
    check_refused(limited, post_chunked(b"%x\r\n" % (BODY + 1)), 413)
    check_refused(limited, post_chunked(chunk(1000), b"%x\r\n" % BODY), 413)


def test_chunked_body_that_grows_too_large_under_the_app(limited):
    """It is being read already; the app's read fails, the answer is 413."""
    assert ask(limited, post_chunked(*[chunk(1000)] * 21)) == 413
    limited.log_contains("request body: ")


@pytest.mark.parametrize("n, status", [(254, 200), (300, 400)])
def test_chunk_size_line(limited, n, status):
    octets = post_chunked(chunk(1, b";" + b"a" * (n - 2)), b"0\r\n\r\n")
    if status == 200:
        check_served(limited, octets)
    else:
        check_refused(limited, octets, status)


def test_all_chunk_extensions_together(limited):
    """Of 16 KiB; each is short."""
    few = [chunk(1, b";" + b"a" * 199)] * 80
    check_served(limited, post_chunked(*few, b"0\r\n\r\n"))
    many = [chunk(1, b";" + b"a" * 199)] * 90
    assert ask(limited, post_chunked(*many, b"0\r\n\r\n")) == 400


def test_trailers_have_the_limits_of_a_head(limited):
    def trailers(*lines):
        return post_chunked(b"0\r\n", *[x + b"\r\n" for x in lines], b"\r\n")
    check_served(limited, trailers(*[b"A: b"] * FIELDS))
    check_refused(limited, trailers(*[b"A: b"] * (FIELDS + 1)), 431)
    check_served(limited, trailers(b"A: " + b"b" * (FIELD - 3)))
    check_refused(limited, trailers(b"A: " + b"b" * (FIELD - 2)), 431)


def test_size_of_all_trailers(server):
    server.with_config(limit_request_head=HEAD).start()
    octets = post_chunked(b"0\r\n", *[b"A: " + b"b" * 100 + b"\r\n"] * 10,
                          b"\r\n")
    check_refused(server, octets, 431)


def test_limits_at_zero_are_the_largest(server):
    server.with_config(limit_request_line=0, limit_request_fields=0,
                       limit_request_field_size=0,
                       limit_request_head=1 << 20).start()
    check_served(server, get(line=line_of(65000)))
    check_served(server, get(*[b"A: b"] * 5000))
    check_served(server, get(b"A: " + b"b" * 65000))
    assert ask(server, get(line=line_of(66000))) == 414
    assert ask(server, get(b"A: " + b"b" * 66000)) == 431


# ---- connections ----

def test_worker_connections_bounds_them(server):
    """More wait in the listen queue and are served when others leave."""
    server.with_config(threads=2, worker_connections=8).start()
    first = [server.connect() for _ in range(8)]
    for c in first:
        assert c.get("/hello").status == 200
    late = [server.connect() for _ in range(4)]
    for c in late:
        c.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n")
    wait_for("8 to be open", lambda: server.board()[0]["connections"] == 8)
    for c in first:  # those who are in go on being served
        assert c.get("/hello").status == 200
    assert all(c.is_quiet(0.05) for c in late)
    assert server.board()[0]["connections"] == 8
    for c in first:
        c.close()
    for c in late:
        assert c.response().status == 200
        c.close()


# ---- memory ----

def raise_descriptors(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n:
        pytest.skip(f"descriptor limit {hard} is too small")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))


def least_rss(pid, below, seconds=15):
    """RSS once it is below, or at the end of that time."""
    end = time.monotonic() + scaled(seconds)
    while rss_kib(pid) > below and time.monotonic() < end:
        time.sleep(0.1)
    return rss_kib(pid)


needs_true_sizes = pytest.mark.skipif(
    bool(SANITIZER), reason="sanitizers have memory of their own")


@needs_true_sizes
def test_idle_connections_cost_little(server):
    n = 2000
    raise_descriptors(2 * n)
    server.with_config(threads=2, worker_connections=2 * n, queue_size=n,
                       backlog=512).start()
    pid = server.worker_pids()[0]
    with server.connect() as c:
        for _ in range(100):
            c.get("/hello")
    before = rss_kib(pid)
    clients = [server.connect() for _ in range(n // 2)]
    for c in clients:
        assert c.get("/hello").status == 200
    for _ in range(n // 2):  # and many at once
        clients.append(server.connect())
        clients[-1].send(get(line=b"GET /sleep?ms=1 HTTP/1.1"))
    for c in clients[n // 2:]:
        assert c.response().status == 200
    # 1.5 KiB each, and 2 MiB for what is kept for the next requests.
    most = before + 1.5 * n + 2048
    assert least_rss(pid, most) <= most
    for c in clients:  # pipelined octets are not kept either
        c.send(get() * 60)
    for c in clients:
        for _ in range(60):
            c.response()
    assert least_rss(pid, most + 2048) <= most + 2048
    for c in clients:
        c.close()


@needs_true_sizes
def test_incomplete_heads_are_bounded(server):
    """Each holds what limit-request-head allows, and not much more."""
    n = 300
    server.with_config(threads=2).start()
    pid = server.worker_pids()[0]
    assert server.get("/hello").status == 200
    before = rss_kib(pid)
    head = b"GET / HTTP/1.1\r\nHost: t\r\n" \
        + (b"A: " + b"b" * 8100 + b"\r\n") * 8
    assert len(head) < 65536
    clients = [server.connect() for _ in range(n)]
    for c in clients:
        c.send(head)
    wait_for("the heads to be read",
             lambda: rss_kib(pid) - before > n * 60)
    assert rss_kib(pid) - before < n * 80
    assert server.get("/hello").status == 200
    for c in clients:
        c.close()
    most = before + n * 10
    assert least_rss(pid, most) <= most
