# SPDX-License-Identifier: MIT
"""The access log for machines: JSON lines, excluded paths, request ids."""
import json
import re
import time

import pytest
from harness import wait_for

MEMBERS = ["time", "pid", "remote_addr", "user", "method", "target", "path",
           "query", "protocol", "status", "sent", "received", "duration_us",
           "queue_us", "gil_us", "thread", "on_connection", "request_id",
           "referer", "user_agent"]
HEX_ID = re.compile(r"[0-9a-f]{32}")


def json_lines(server, count):
    return [json.loads(line) for line in server.access_log(count)]


def test_json_lines_have_the_documented_members(server):
    server.with_config(access_log_json=True, threads=1).start()
    before = time.time()
    with server.connect() as c:
        c.get("/hello")
        c.request("POST", "/echo?q=%C3%A9", body=b"x" * 321, headers=[
            ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("User-Agent", "me"), ("Referer", "http://from/")])
    line = json_lines(server, 2)[1]
    assert list(line) == MEMBERS
    assert {k: line[k] for k in MEMBERS[1:11]} == {
        "pid": server.worker_pids()[0], "remote_addr": "127.0.0.1",
        "user": "Aladdin", "method": "POST", "target": "/echo?q=%C3%A9",
        "path": "/echo", "query": "q=%C3%A9", "protocol": "HTTP/1.1",
        "status": 200, "sent": 321}
    assert 321 < line["received"] < 1000
    assert (line["thread"], line["on_connection"]) == (1, 2)
    assert (line["request_id"], line["referer"], line["user_agent"]) \
        == (None, "http://from/", "me")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
                        line["time"])
    stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before))
    assert line["time"] >= stamp


def test_json_is_valid_whatever_is_sent(server):
    server.with_config(access_log_json=True).start()
    with server.connect() as c:
        c.send(b'GET /%ff%0a"\\?"%zz HTTP/1.1\r\nHost: t\r\n'
               b'User-Agent: a"b\\c\td\xff\xc3\xa9\xed\xa0\x80\r\n\r\n')
        c.response()
    with server.connect() as c:
        c.send(b"\x16\x03\x01\x02\x00\r\n\r\n")
        c.response()
    good, bad = json_lines(server, 2)
    assert good["path"] == '/ÿ\n"\\'
    assert good["user_agent"] == 'a"b\\c\tdÿéí\u00a0\u0080'
    assert bad["status"] == 400
    assert bad["method"] is bad["path"] is None


def test_named_atoms_are_members_of_json_lines(server):
    server.with_config(
        access_log_json=True, access_logformat="%({X-In}i)s%({x-no}i)s"
        "%({content-type}o)s%({wsgi.url_scheme}e)s").start()
    server.get("/hello", headers=[("x-in", "in")])
    line = json_lines(server, 1)[0]
    assert line["request_headers"] == {"X-In": "in", "x-no": None}
    assert line["response_headers"] == {"content-type": "text/plain"}
    assert line["environ"] == {"wsgi.url_scheme": "http"}


def test_excluded_paths_have_no_line(server):
    server.with_config(access_log_exclude=["/hello", "/head*, *.css"],
                       access_logformat="%(U)s").start()
    for path in ("/hello", "/headers", "/a/b.css?x", "/hello/", "/echo"):
        server.get(path)
    assert server.access_log(2) == ["/hello/", "/echo"]


# ---- request ids ----

def ids_of(server, target="/environ", **kw):
    """What the client, the application and the log were told."""
    count = len(server.access_log())
    r = server.get(target, **kw)
    environ = r.json()
    logged = server.access_log(count + 1)[-1]
    found = r.all("X-Request-ID")
    assert len(found) == 1
    assert [environ["HTTP_X_REQUEST_ID"], environ["gthreadd.request_id"],
            logged] == found * 3
    return found[0]


@pytest.fixture
def with_ids(server):
    return server.with_config(request_id_header="X-Request-ID",
                              access_logformat="%(I)s")


def test_each_request_has_an_id_of_its_own(with_ids):
    with_ids.start()
    ids = {ids_of(with_ids) for _ in range(40)}
    assert len(ids) == 40
    assert all(HEX_ID.fullmatch(x) for x in ids)


def test_workers_make_different_ids(with_ids):
    with_ids.with_config(workers=2).start()

    def both_answered():
        with_ids.get("/hello")
        return len([w for w in with_ids.ready_workers() if w["requests"]]) == 2
    wait_for("both workers to answer", both_answered)
    wait_for("the log", lambda: with_ids.access_log())
    ids = with_ids.access_log(2)
    assert len(set(ids)) == len(ids)


def test_id_of_a_trusted_proxy_is_kept(with_ids):
    with_ids.start()
    sent = "Root=1-67891233-abcdef012345678912345678/a.b_c~d:e+f@g"
    assert ids_of(with_ids, headers=[("x-request-id", sent)]) == sent


@pytest.mark.parametrize("value", [
    "", "two words", 'quo"te', "x" * 129, "semi;colon", "\xe9"])
def test_id_that_is_no_token_is_replaced(with_ids, value):
    with_ids.start()
    got = ids_of(with_ids, headers=[("X-Request-ID", value)])
    assert HEX_ID.fullmatch(got)


def test_id_that_was_sent_twice_is_replaced(with_ids):
    with_ids.start()
    got = ids_of(with_ids, headers=[("X-Request-ID", "a"),
                                    ("x-request-id", "b")])
    assert HEX_ID.fullmatch(got)


def test_id_of_an_untrusted_peer_is_replaced(with_ids):
    with_ids.with_config(forwarded_allow_ips="192.0.2.1").start()
    got = ids_of(with_ids, headers=[("X-Request-ID", "mine")])
    assert HEX_ID.fullmatch(got)


def test_name_with_an_underscore_cannot_forge_an_id(with_ids):
    with_ids.with_config(header_map="dangerous").start()
    got = ids_of(with_ids, headers=[("X_Request_ID", "forged")])
    assert HEX_ID.fullmatch(got)


def test_field_of_the_app_does_not_make_a_second_id(with_ids):
    with_ids.start()
    r = with_ids.get("/headers?id=own")
    assert len(r.all("X-Request-ID")) == 1
    assert HEX_ID.fullmatch(r.get("X-Request-ID"))


def test_answers_of_the_server_carry_the_id(with_ids):
    """The app raised: the page is ours, the id is the request's."""
    with_ids.start()
    r = with_ids.get("/error/before", headers=[("X-Request-ID", "q-1")])
    assert (r.status, r.all("X-Request-ID")) == (500, ["q-1"])


def test_refusal_of_a_large_body_carries_the_id(with_ids):
    with_ids.with_config(max_body_size=10).start()
    r = with_ids.post("/echo", b"x" * 11, headers=[("X-Request-ID", "q-2")])
    assert (r.status, r.all("X-Request-ID")) == (413, ["q-2"])


def test_no_ids_by_default(server):
    server.with_config(access_logformat="%(I)s").start()
    r = server.get("/environ", headers=[("X-Request-ID", "mine")])
    assert r.get("X-Request-ID") is None
    assert "gthreadd.request_id" not in r.json()
    assert server.access_log(1) == ["-"]


@pytest.mark.parametrize("name", ["Content-Length", "Host", "X_Id", "a b"])
def test_field_that_cannot_carry_ids_is_refused(server, name):
    result = server.with_config(request_id_header=name).run()
    assert result.returncode == 1
    assert "setting 'request-id-header'" in result.stderr
