# SPDX-License-Identifier: MIT
"""No two readers of the same octets disagree: whatever is ambiguous is
refused with its status, closes the connection, and never reaches the app."""
import json
import re

import pytest

from attacks import catalogue, corpus
from harness import wait_for
from nginx import NGINX, Nginx
from rawclient import RawClient
from server import Server

GOOD = b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
ATTACKS = catalogue()
CORPUS = corpus()
# Settings have bounds of their own, and a good request must pass as well.
LEAST = {"line": 18, "head": 1024, "field": 7, "fields": 1, "body": 1}


def ids(cases):
    return [pytest.param(c, id=c.id) for c in cases]


class Seen:
    """A server whose app writes down what it sees."""

    def __init__(self, directory, limits=None):
        self.server = Server(directory).with_config(
            threads=2, wsgi_app="seen_app:app")
        self.used = 0
        if limits is not None:
            self.server.with_config(
                limit_request_line=limits.get("line", 0),
                limit_request_fields=limits.get("fields", 0),
                limit_request_field_size=limits.get("field", 0),
                limit_request_head=limits.get("head", 1 << 20),
                max_body_size=limits.get("body", 0))

    def calls(self):
        """What the app saw since the last time."""
        path = self.server.dir / "seen"
        text = path.read_text() if path.exists() else ""
        new, self.used = text[self.used:], len(text)
        return [json.loads(line) for line in new.splitlines()]

    def check_serves(self):
        with self.server.connect() as c:
            c.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert c.response().status == 200
        assert [x["path"] for x in self.calls()] == ["/"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """seen(limits) -> Seen, one for each kind of limits."""
    found = {}

    def get(limits=None):
        key = None if limits is None else tuple(sorted(limits.items()))
        if key not in found:
            found[key] = Seen(tmp_path_factory.mktemp("seen"), limits)
            found[key].server.start()
        return found[key]
    try:
        yield get
        for s in found.values():
            s.server.stop()
    finally:
        for s in found.values():
            s.server.kill()


def converse(server, octets, end=False):
    """Send octets; all responses until the server closes."""
    found = []
    with server.connect() as c:
        try:
            c.send(octets)
            if end:
                c.sock.shutdown(1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        while c.pending or fill(c):
            found.append(c.response(is_head=octets.startswith(b"HEAD ")))
    return found


def fill(c):
    try:
        return c.fill()
    except ConnectionResetError:
        return False


def check_refused(s, case):
    """Behind a good request, before another: only the good one is seen."""
    s.calls()
    responses = converse(s.server, GOOD + case.octets + NEXT)
    assert [r.status for r in responses] == [200, case.status]
    assert responses[1].get("Connection") == "close"
    assert [x["path"] for x in s.calls()] == ["/good"]
    alone = converse(s.server, case.octets)
    assert [r.status for r in alone] == [case.status]
    assert s.calls() == []
    s.check_serves()


# ---- the corpus ----

def has_limits(case):
    return all(v >= LEAST[k] for k, v in case.limits.items())


def of_corpus(verdict):
    return ids(c for c in CORPUS if c.verdict == verdict and has_limits(c))


@pytest.mark.parametrize("case", of_corpus("error"))
def test_corpus_error_is_refused(seen, case):
    s = seen(case.limits if case.limits else {})
    check_refused(s, case)


@pytest.mark.parametrize("case", of_corpus("ok"))
def test_corpus_request_is_seen_as_it_is(seen, case):
    s = seen(case.limits if case.limits else {})
    s.calls()
    responses = converse(s.server, case.octets, end=True)
    calls = s.calls()
    if case.wants.get("method") == b"CONNECT":
        assert [r.status for r in responses][0] in (200, 400, 405, 501)
    else:
        assert responses[0].status == 200
        check_seen(case.wants, calls[0])
    s.check_serves()


def check_seen(wants, call):
    for key in "method", "query", "body", "target":
        if key in wants:
            assert call[key] == wants[key].decode("latin-1"), key


@pytest.mark.parametrize("case", of_corpus("again"))
def test_corpus_half_request_is_not_served(seen, case):
    s = seen(case.limits if case.limits else {})
    s.calls()
    responses = converse(s.server, case.octets, end=True)
    wants = [400] if case.at == "body" else []
    assert [r.status for r in responses] == wants
    assert s.calls() == []
    s.check_serves()


# ---- the catalogue ----

@pytest.mark.parametrize("case", ids(c for c in ATTACKS if c.status != 200))
def test_attack_is_refused(seen, case):
    check_refused(seen(), case)


@pytest.mark.parametrize("case", ids(c for c in ATTACKS if c.status == 200))
def test_harmless_variant_is_one_request(seen, case):
    s = seen()
    s.calls()
    responses = converse(s.server, GOOD + case.octets + NEXT, end=True)
    assert [r.status for r in responses] == [200, 200, 200]
    paths = [x["path"] for x in s.calls()]
    assert (paths[0], paths[2]) == ("/good", "/smuggled")
    assert paths[1] != "/evil"


@pytest.mark.parametrize("pieces", [1, 7])
def test_attack_in_pieces_is_refused_too(seen, pieces):
    """Octet by octet, so that every read of the server ends in a line."""
    s = seen()
    s.calls()
    chosen = [c for c in ATTACKS if c.status == 400 and len(c.octets) < 200]
    for case in chosen[::5]:
        with s.server.connect() as c:
            c.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
            try:
                for i in range(0, len(case.octets), pieces):
                    c.send(case.octets[i:i + pieces])
            except (BrokenPipeError, ConnectionResetError):
                pass
            assert c.response().status == 400, case.id
            c.expect_close()
        assert s.calls() == [], case.id


def test_nothing_pipelined_behind_a_refusal_is_served(seen):
    s = seen()
    s.calls()
    bad = b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"
    with s.server.connect() as c:
        c.send(GOOD * 3 + bad + NEXT * 50)
        assert [c.response().status for _ in range(4)] == [200] * 3 + [400]
        c.expect_close()
    assert len(s.calls()) == 3
    s.check_serves()


def test_refusal_is_logged_with_its_status(seen):
    s = seen()
    converse(s.server, b"GET /bad HTTP/1.1\r\nA : b\r\n\r\n")
    wait_for("the access line", lambda: [
        x for x in s.server.access_log() if '"GET /bad HTTP/1.1" 400' in x])
    s.server.log_contains(r"request refused status=400 .*before the colon")


# ---- through nginx ----

@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    if NGINX is None:
        pytest.skip("nginx is missing")
    s = Seen(tmp_path_factory.mktemp("behind"))
    nginx = None
    try:
        s.server.start()
        nginx = Nginx(tmp_path_factory.mktemp("nginx"),
                      f"127.0.0.1:{s.server.address[1]}")
        yield s, ("127.0.0.1", nginx.port)
        s.server.stop()
    finally:
        if nginx is not None:
            nginx.stop()
        s.server.kill()


def ask_victim(address, number):
    with RawClient(address) as c:
        r = c.request("POST", f"/victim/{number}", body=b"v%d" % number)
        assert r.status == 200
        assert r.json()["path"] == f"/victim/{number}"
        assert r.json()["body"] == f"v{number}"


def through_nginx(cases):
    """Those that a proxy could pass on: heads that are whole."""
    return ids(c for c in cases if c.group in (
        "length", "coding", "chunk", "framing", "chunked", "line", "field")
        and c.verdict == "error")


@pytest.mark.parametrize("case", through_nginx(ATTACKS + CORPUS))
def test_nothing_is_smuggled_through_nginx(behind, case):
    """Whatever nginx makes of it: nobody gets another's answer."""
    s, address = behind
    s.calls()
    with RawClient(address) as c:
        try:
            c.send(case.octets)
            c.sock.shutdown(1)
            while c.fill():
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass
        answered = c.pending.count(b"HTTP/1.1 200 ")
    for number in range(3):
        ask_victim(address, number)
    calls = [x for x in s.calls() if not x["path"].startswith("/victim/")]
    # A request behind one that nginx has understood is a request of its own;
    # it takes LF for the end of a line.
    evil = [x for x in calls if x["path"] == "/evil"]
    assert len(evil) <= len(re.findall(rb"\n\r?\nGET /evil", case.octets))
    assert answered <= len(calls)
