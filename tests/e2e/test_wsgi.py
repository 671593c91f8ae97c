# SPDX-License-Identifier: MIT
"""PEP 3333: environ, start_response, errors, close(), wsgiref.validate."""
import pytest

from harness import wait_for


def environ(server, target="/environ", headers=(), method="GET", body=None):
    with server.connect() as c:
        return c.request(method, target, headers=headers, body=body).json()


def test_environ_describes_request_and_server(shared):
    e = environ(shared, "/environ/a%20b?x=%20y", [("X-Some-Thing", "v")])
    host, port = shared.address
    assert e["REQUEST_METHOD"] == "GET"
    assert e["SCRIPT_NAME"] == ""
    assert e["PATH_INFO"] == "/environ/a b"
    assert e["QUERY_STRING"] == "x=%20y"
    assert e["RAW_URI"] == "/environ/a%20b?x=%20y"
    assert e["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert e["SERVER_NAME"] == host
    assert e["SERVER_PORT"] == str(port)
    assert e["SERVER_SOFTWARE"].startswith("gthreadd")
    assert e["REMOTE_ADDR"] == "127.0.0.1"
    assert e["REMOTE_PORT"].isdigit()
    assert e["HTTP_HOST"] == "test"
    assert e["HTTP_X_SOME_THING"] == "v"


def test_environ_has_the_wsgi_keys(shared):
    e = environ(shared)
    assert e["wsgi.version"] == [1, 0]
    assert e["wsgi.url_scheme"] == "http"
    assert e["wsgi.multithread"] is True
    assert e["wsgi.multiprocess"] is False
    assert e["wsgi.run_once"] is False
    assert e["wsgi.input_terminated"] is True
    for key in ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper"):
        assert key in e


def test_multiprocess_is_true_with_two_workers(server):
    server.with_config(workers=2).start()
    assert environ(server)["wsgi.multiprocess"] is True


def test_content_fields_have_no_http_twin(shared):
    e = environ(shared, method="POST", body=b"abc",
                headers=[("Content-Type", "text/x")])
    assert (e["CONTENT_TYPE"], e["CONTENT_LENGTH"]) == ("text/x", "3")
    assert "HTTP_CONTENT_TYPE" not in e
    assert "HTTP_CONTENT_LENGTH" not in e


def test_path_octets_are_latin_1(shared):
    e = environ(shared, "/environ/caf%C3%A9")
    assert e["PATH_INFO"].encode("latin-1").decode() == "/environ/café"


def test_repeated_fields_are_joined(shared):
    e = environ(shared, headers=[("X-A", "1"), ("X-A", "2"),
                                 ("Cookie", "a=1"), ("Cookie", "b=2")])
    assert e["HTTP_X_A"] in ("1,2", "1, 2")
    assert e["HTTP_COOKIE"] == "a=1; b=2"


def test_underscore_names_are_dropped(shared):
    e = environ(shared, headers=[("X_Remote_User", "evil"), ("X-Ok", "1")])
    assert "HTTP_X_REMOTE_USER" not in e
    assert e["HTTP_X_OK"] == "1"


def test_absolute_form_is_reduced(shared):
    e = environ(shared, "http://other.example/environ?q=1")
    assert e["PATH_INFO"] == "/environ"
    assert e["QUERY_STRING"] == "q=1"


def test_one_request_does_not_see_the_fields_of_another(shared):
    with shared.connect() as c:
        first = c.get("/environ", headers=[("X-Once", "1")]).json()
        second = c.get("/environ").json()
    assert first["HTTP_X_ONCE"] == "1"
    assert "HTTP_X_ONCE" not in second


ERRORS = ["before", "started", "first", "exit", "keyboard", "str", "none",
          "no-start", "twice", "status", "empty-status", "header",
          "header-name", "length"]


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    from harness import Server
    s = Server(tmp_path_factory.mktemp("failing"))
    try:
        s.with_config(threads=2).start()
        yield s
        s.stop()
    finally:
        s.kill()


@pytest.mark.parametrize("stage", ERRORS)
def test_error_at_any_stage_is_a_logged_500(failing, stage):
    target = f"/error/{stage}"
    with failing.connect() as c:
        r = c.get(target)
        assert r.status == 500
        assert b"Traceback" not in r.body
        assert r.get("X-Evil") is None
    failing.log_contains(rf"\[ERROR\].*{target}")
    assert failing.get("/hello").status == 200


def test_traceback_is_logged_with_the_request(failing):
    failing.get("/error/before?which=this")
    failing.log_contains(r"\[ERROR\].*/error/before\?which=this")
    failing.log_contains(r"^Traceback \(most recent call last\):")
    failing.log_contains(r"^ValueError: before start_response")
    failing.log_contains(r'File ".*wsgi_app\.py", line \d+, in error_before')


def test_one_line_of_access_log_per_failed_request(failing):
    failing.get("/error/before?only=once")
    failing.get("/hello?only=after")
    wait_for("the line behind it", lambda: any(
        "only=after" in x for x in failing.access_log()))
    lines = [x for x in failing.access_log() if "only=once" in x]
    assert len(lines) == 1
    assert '"GET /error/before?only=once HTTP/1.1" 500' in lines[0]


def test_worker_survives_system_exit(failing):
    pids = failing.worker_pids()
    failing.get("/error/exit")
    failing.get("/error/keyboard")
    assert failing.get("/hello").status == 200
    assert failing.worker_pids() == pids


def test_error_in_close_is_logged_after_the_answer(failing):
    with failing.connect() as c:
        assert c.get("/error/close").body == b"abc"
    failing.log_contains(r"ValueError: in close")


def test_close_is_called_exactly_once(server):
    server.with_config(threads=1).start()
    calls = ["/closing", "/error/close", "/error/stream-close",
             "/nofile?n=10"]
    for n, target in enumerate(calls, 1):
        with server.connect() as c:
            c.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n"
                   "Connection: close\r\n\r\n".encode())
            c.rest()
        wait_for("close()", lambda n=n: server.get(
            "/counters").json()["closed"] == n)
    with server.connect() as c:
        c.request("HEAD", "/closing")
    wait_for("close() after HEAD", lambda: server.get(
        "/counters").json()["closed"] == 5)


def test_exc_info_replaces_what_was_not_sent(shared):
    r = shared.get("/replaced")
    assert (r.status, r.reason) == (500, "Oops")
    assert r.body == b"replaced\n"
    assert r.all("Content-Type") == ["text/plain"]
    assert r.get("X-Old") is None and r.get("X-New") == "1"
    assert r.all("Content-Length") in ([], ["9"])


def test_exc_info_after_octets_were_sent_ends_the_connection(failing):
    with failing.connect() as c:
        c.send(b"GET /replaced-late HTTP/1.1\r\nHost: t\r\n\r\n")
        assert c.head().status == 200
        assert b"0\r\n\r\n" not in c.rest()
    failing.log_contains("ValueError: too late")


def test_wsgi_errors_goes_to_the_error_log_verbatim(failing):
    failing.get("/log?text=exactly+this")
    failing.log_contains(r"^exactly this$")
    failing.log_contains(r"^two parts$")


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    from harness import Server
    s = Server(tmp_path_factory.mktemp("validated"))
    try:
        s.with_config(wsgi_app="validate_app:app", threads=2).start()
        yield s
        assert "AssertionError" not in s.error_log()
        s.stop()
    finally:
        s.kill()


@pytest.mark.parametrize("target,body", [
    ("/get", b"got\n"), ("/stream", b"0\n1\n2\n3\n4\n"),
    ("/file", b"f" * 20000), ("/errors", b"logged\n")])
def test_validator_accepts_get(validated, target, body):
    r = validated.get(target)
    assert (r.status, r.body) == (200, body)
    with validated.connect() as c:
        assert c.request("HEAD", target).status == 200
        assert c.get(target, version="1.0").body == body


@pytest.mark.parametrize("target", ["/post", "/lines"])
def test_validator_accepts_bodies(validated, target):
    for body in (b"", b"one\ntwo\n", b"x" * 200000):
        r = validated.post(target, body,
                           headers=[("Content-Type", "text/plain")])
        assert (r.status, r.body) == (200, body)
    with validated.connect() as c:
        c.send(b"POST %s HTTP/1.1\r\nHost: t\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
               % target.encode())
        assert c.response().body == b"abc"


def test_validator_catches_what_is_wrong(validated):
    """The test of the test: a KeyError of the app is a 500."""
    assert validated.get("/unknown").status == 500
