# SPDX-License-Identifier: MIT
"""body-spool: no thread waits for a slow upload, no memory holds it."""
import hashlib
import os
import resource

import pytest

from harness import rss_kib, scaled, together, wait_for
from server import Server

MIB = 1 << 20
KIB = 1 << 10


def sha(data):
    return hashlib.sha256(data).hexdigest()


def head(target, fields):
    return (f"POST {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n").encode()


def announce(target, n):
    return head(target, f"Content-Length: {n}")


CHUNKED = "Transfer-Encoding: chunked"


def chunked(data, size=10000):
    parts = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) \
        + b"0\r\nX-Trailer: 1\r\n\r\n"


@pytest.fixture(scope="module")
def spooling(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("spooling"))
    s.with_config(threads=2, body_spool="4m", tmp_upload_dir=s.dir)
    with s.serving():
        yield s


def worker(server):
    return server.ready_workers()[0]


def spool_files(server):
    """Descriptors of files in tmp-upload-dir that have no name."""
    return [link for link in server.fds(worker(server)["pid"])
            if link.startswith(str(server.dir)) and "(deleted)" in link]


@pytest.mark.parametrize("size", [1000, 65536, MIB])
@pytest.mark.parametrize("n", [1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
                               128 * KIB, MIB, 4 * MIB, 4 * MIB + 1, 6 * MIB])
def test_any_size_arrives_whole(spooling, n, size):
    body = os.urandom(n)
    want = {"length": n, "sha256": sha(body)}
    target = f"/upload?size={size}"
    with spooling.connect() as c:
        assert c.request("POST", target, body=body).json() == want
        c.send(head(target, CHUNKED) + chunked(body))
        assert c.response().json() == want
        assert c.get("/hello").status == 200
    wait_for("no file", lambda: not spool_files(spooling))


@pytest.mark.parametrize("how", ["readline", "iter"])
def test_lines_of_a_spooled_body(spooling, how):
    body = b"".join(b"%d" % (i % 10) * 5000 + b"\n" for i in range(60))
    got = spooling.post(f"/lines?how={how}", body).json()
    assert "".join(got).encode() == body
    assert len(got) == 61


@pytest.mark.parametrize("is_chunked", [False, True])
def test_slow_upload_occupies_no_thread(server, is_chunked):
    server.with_config(threads=1, body_spool="2m", body_timeout="120",
                       tmp_upload_dir=server.dir).start()
    body = os.urandom(MIB)
    clients = [server.connect() for _ in range(20)]
    octets = chunked(body) if is_chunked else body
    for c in clients:
        c.send(head("/upload", CHUNKED) if is_chunked
               else announce("/upload", MIB))
        c.send(octets[:-1])
    wait_for("the files", lambda: len(spool_files(server)) == 20)
    assert worker(server)["requests"] == 0
    assert server.get("/hello").status == 200
    wait_for("idle threads", lambda: server.busy_cells() == [])
    for c in clients:
        c.send(octets[-1:])
        assert c.response().json() == {"length": MIB, "sha256": sha(body)}
        c.close()
    wait_for("no file", lambda: not spool_files(server))


def test_larger_body_is_streamed(server):
    server.with_config(threads=2, body_spool="1m").start()
    with server.connect() as c:
        c.send(announce("/upload", MIB + 1) + b"x" * MIB)
        wait_for("a thread to wait", lambda: server.cells("waiting"))
        c.send(b"x")
        assert c.response().json()["length"] == MIB + 1


def test_chunked_body_that_grows_too_large_is_streamed(server):
    server.with_config(threads=2, body_spool="1m",
                       tmp_upload_dir=server.dir).start()
    body = os.urandom(5 * MIB)
    octets = chunked(body)
    with server.connect() as c:
        c.send(head("/upload", CHUNKED) + octets[:3 * MIB])
        wait_for("a thread to wait", lambda: server.cells("waiting"))
        c.send(octets[3 * MIB:])
        assert c.response().json() == {"length": len(body),
                                       "sha256": sha(body)}


def test_memory_stays_bounded(server):
    server.with_config(threads=2, body_spool="100m",
                       tmp_upload_dir=server.dir).start()
    server.post("/upload", b"x" * MIB)
    before = rss_kib(worker(server)["pid"])
    body = os.urandom(MIB) * 50
    assert server.post("/upload", body).json()["sha256"] == sha(body)
    grown = rss_kib(worker(server)["pid"], "VmHWM") - before
    assert grown < 32 * KIB * (4 if scaled(1) > 1 else 1)


@pytest.mark.parametrize("n", [10, 200000])
def test_continue_comes_at_once(spooling, n):
    """The body is wanted whole: nobody asks the app first."""
    with spooling.connect() as c:
        c.send(head("/refuse", f"Content-Length: {n}\r\n"
                    "Expect: 100-continue"))
        assert c.head().status == 100
        c.send(b"x" * n)
        r = c.response()
        assert (r.status, r.interim) == (403, [])
        assert c.get("/hello").status == 200


def test_larger_body_may_still_be_refused_without_continue(spooling):
    with spooling.connect() as c:
        c.send(head("/refuse", f"Content-Length: {5 * MIB}\r\n"
                    "Expect: 100-continue"))
        r = c.response()
        assert (r.status, r.interim) == (403, [])
        assert r.get("Connection") == "close"
        c.expect_close()


def test_client_that_leaves_takes_its_file_along(server):
    server.with_config(threads=1, body_spool="2m",
                       tmp_upload_dir=server.dir).start()
    clients = [server.connect() for _ in range(4)]
    for c in clients:
        c.send(announce("/upload", MIB) + b"x" * (MIB - 1))
    wait_for("the files", lambda: len(spool_files(server)) == 4)
    for c in clients[:2]:
        c.reset()
    for c in clients[2:]:
        c.sock.shutdown(1)
        assert c.response().status == 400
        c.close()
    wait_for("no file", lambda: not spool_files(server))
    wait_for("none", lambda: worker(server)["connections"] == 0)
    assert worker(server)["requests"] == 0
    assert server.get("/hello").status == 200


def test_stalled_upload_is_408(server):
    server.with_config(threads=1, body_spool="2m", tmp_upload_dir=server.dir,
                       body_timeout=f"{scaled(0.5):g}").start()
    with server.connect() as c:
        c.send(announce("/upload", MIB) + b"x" * (MIB - 1))
        assert c.response().status == 408
    wait_for("no file", lambda: not spool_files(server))
    assert worker(server)["requests"] == 0


def test_limit_holds_while_spooling(server):
    server.with_config(threads=1, body_spool="10m", max_body_size="1m",
                       tmp_upload_dir=server.dir).start()
    with server.connect() as c:
        c.send(head("/upload", CHUNKED) + chunked(b"x" * (MIB + 1), 65536))
        assert c.response().status == 413
        c.expect_close()
    assert worker(server)["requests"] == 0
    wait_for("no file", lambda: not spool_files(server))
    assert server.post("/upload", b"x" * MIB).json()["length"] == MIB


def test_directory_that_is_missing_is_507(server):
    server.with_config(threads=1, body_spool="10m",
                       tmp_upload_dir=server.dir / "missing").start()
    with server.connect() as c:
        c.send(announce("/upload", MIB) + b"x" * 200000)
        assert c.response().status == 507
        c.expect_close()
    server.log_contains(r"not spooled dir=\S+missing octets=\d+: No such")
    assert server.post("/echo", b"small").body == b"small"


def test_full_disk_is_507(server):
    """A limit on the size of files fails as a full disk does."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    server.with_config(threads=1, body_spool="10m",
                       tmp_upload_dir=server.dir).start(preexec_fn=limit)
    with server.connect() as c:
        c.send(announce("/upload", 4 * MIB) + b"x" * (3 * MIB))
        assert c.response().status == 507
    server.log_contains(r"request body not spooled .*: File too large")
    wait_for("no file", lambda: not spool_files(server))
    assert server.post("/upload", b"x" * 200000).json()["length"] == 200000


def test_many_uploads_at_once(server):
    server.with_config(threads=2, body_spool="2m",
                       tmp_upload_dir=server.dir).start()

    def upload(i):
        body = bytes([i]) * (MIB + i)
        with server.connect(timeout=60) as c:
            for _ in range(3):
                r = c.request("POST", "/upload", body=body).json()
                assert r["sha256"] == sha(body)
    together(20, upload)
    wait_for("no file", lambda: not spool_files(server))
