# SPDX-License-Identifier: MIT
"""Files: wsgi.file_wrapper, sendfile, and files of every kind."""
import errno

import pytest

MIB = 1 << 20
BODY = bytes(range(256)) * 400


def file_body(n):
    return (b"0123456789abcdef" * (n // 16 + 1))[:n]


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


# ---- files of every kind ----

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
    server.log_contains(r"\[ERROR\] .*ended early missing=102350 path=.* "
                        r'request="GET /wrapped\?kind=shrinks" peer=127.0.0.1')
    assert server.access_log(1) == ["200 50"]
    server.stop()
    assert server.error_log().count("[ERROR]") == 1


# ---- files that fail ----

def failing(server, **calls):
    text = " ".join(f"{call}={number}" for call, number in calls.items())
    return server.with_env(FAIL_CALLS=text).with_config(
        wsgi_app="failing_calls_app:app",
        access_logformat="%(s)s %(B)s").start()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EIO])
def test_file_that_sendfile_does_not_take_is_read(server, number):
    """As many of /proc, of FUSE and of old network file systems."""
    failing(server, sendfile=number)
    with server.connect(rcvbuf=4096) as c:
        for n in (10, 3 * MIB):
            assert c.get(f"/file?n={n}&off=5").body == file_body(n)[5:]
        assert c.get("/hello").status == 200


@pytest.mark.parametrize("number, text", [
    (errno.EIO, "Input/output error"), (errno.ESTALE, "Stale file handle")])
def test_file_that_cannot_be_read_is_told_as_such(server, number, text):
    failing(server, sendfile=number, pread=number)
    with server.connect() as c:
        c.send(b"GET /file?n=1000 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.head().get("Content-Length") == "1000"
        assert c.rest() == b""
    server.log_contains(
        r'\[ERROR\] file of a response cannot be read missing=1000 path=/.* '
        rf'request="GET /file\?n=1000" peer=127.0.0.1: {text}$')
    assert server.access_log(1) == ["200 0"]
    assert server.ready_workers()[0]["unanswered"] == 1
    assert server.get("/hello").status == 200
    server.stop()
    assert "client left" not in server.error_log()
    assert server.error_log().count("[ERROR]") == 1
