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
    from server import Server
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
    from server import Server
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


# ---- environ: every key, its type, native strings ----

STR, BOOL = "str", "bool"
KEYS = {
    "REQUEST_METHOD": STR, "SCRIPT_NAME": STR, "PATH_INFO": STR,
    "QUERY_STRING": STR, "RAW_URI": STR, "SERVER_NAME": STR,
    "SERVER_PORT": STR, "SERVER_PROTOCOL": STR, "SERVER_SOFTWARE": STR,
    "REMOTE_ADDR": STR, "REMOTE_PORT": STR, "CONTENT_TYPE": STR,
    "CONTENT_LENGTH": STR, "HTTP_HOST": STR, "HTTP_X_LATIN": STR,
    "HTTP_ACCEPT": STR, "HTTP_X_EMPTY": STR, "wsgi.version": "tuple",
    "wsgi.url_scheme": STR, "wsgi.input": "Input",
    "wsgi.input_terminated": BOOL, "wsgi.errors": "ErrorStream",
    "wsgi.multithread": BOOL, "wsgi.multiprocess": BOOL,
    "wsgi.run_once": BOOL, "wsgi.file_wrapper": "type",
    "wsgi.early_hints": "builtin_function_or_method",
    "gthreadd.client_disconnected": "builtin_function_or_method",
    "gthreadd.peer_addr": STR}


def test_every_key_of_environ_has_its_type(cases):
    found = environ(cases, "/types?a=%E2%82%AC", method="POST", body=b"x",
                    headers=[("X-Latin", "caf\xe9\xff"), ("Accept", "*/*"),
                             ("X-Empty", ""), ("Content-Type", "a/b")])
    assert found["type"] == "dict"
    assert found["keys"] == KEYS
    assert found["foreign"] == []


def test_keys_without_a_value_are_absent(cases):
    keys = environ(cases, "/types")["keys"]
    assert set(KEYS) - set(keys) == {
        "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_LATIN", "HTTP_ACCEPT",
        "HTTP_X_EMPTY"}
    assert set(keys) < set(KEYS)


@pytest.mark.parametrize("path,want", [
    ("/path/a%2Fb", "/path/a/b"), ("/path/a%2fb%2F", "/path/a/b/"),
    ("/path/%00", "/path/\0"), ("/path/%0d%0aX:1", "/path/\r\nX:1"),
    ("/path/%E2%82%AC", "/path/\xe2\x82\xac"), ("/path/%ff", "/path/\xff"),
    ("/path/%zz", "/path/%zz"), ("/path/%", "/path/%"),
    ("/path/%4", "/path/%4"), ("/path/%%41", "/path/%A"),
    ("/path/%2541", "/path/%41"), ("/path/%25", "/path/%"),
    ("/path/../x", "/path/../x"), ("/path/./x", "/path/./x"),
    ("/path//x", "/path//x"), ("/path/%2e%2e/x", "/path/../x"),
    ("/path/a+b", "/path/a+b"), ("/path/a;b=c", "/path/a;b=c"),
    ("/path/%3Fa%23b", "/path/?a#b"), ("/%70ath", "/path")])
def test_path_is_decoded_once_to_latin_1(cases, path, want):
    e = environ(cases, path + "?q=%2F%00%zz")
    assert e["PATH_INFO"] == want
    assert e["RAW_URI"] == path + "?q=%2F%00%zz"
    assert e["QUERY_STRING"] == "q=%2F%00%zz"
    assert e["SCRIPT_NAME"] == ""


# ---- wsgi.input ----

@pytest.mark.parametrize("chunked", [False, True])
def test_input_ends_and_stays_at_its_end(cases, chunked):
    body = b"abc def\nghi"
    with cases.connect() as c:
        if chunked:
            c.send(b"POST /beyond-end HTTP/1.1\r\nHost: t\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n"
                   b"4\r\nabc \r\n7\r\ndef\nghi\r\n0\r\n\r\n")
            found = c.response().json()
        else:
            found = c.request("POST", "/beyond-end", body=body).json()
        assert found == ["", "abc", " def\nghi", "", "", "", "", "", "",
                         [], [], "TypeError", "TypeError", "TypeError",
                         "StopIteration"]
        none = c.get("/beyond-end").json()
        assert none[:9] == [""] * 9 and none[9:11] == [[], []]


def test_input_raises_again_after_an_error(server):
    server.with_config(wsgi_app="cases_app:app", threads=1,
                       body_buffer="4k").start()
    with server.connect() as c:
        c.send(b"POST /behind-error HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 100000\r\n\r\n" + b"x" * 8000)
        wait_for("the app to read", server.busy_cells)
        c.reset()
    server.log_contains("reads gave" + " ClientDisconnected" * 6)
    assert server.get("/plain").status == 200


def test_two_threads_share_the_body(cases):
    body = bytes(range(256)) * 2000
    with cases.connect() as c:
        assert c.request("POST", "/two-readers",
                         body=body).json() == [2000] * 256


def test_thread_that_outlives_its_request_is_cut_off(server):
    server.with_config(wsgi_app="cases_app:app", threads=1).start()
    with server.connect() as c:
        assert c.request("POST", "/outlives", body=b"abc").body == b"left"
        assert c.get("/open").body == b"open"
    server.log_contains("thread says ValueError RuntimeError True")
    assert server.get("/plain").body == b"plain"


def test_thread_in_start_response_cannot_answer_the_next_request(server):
    server.with_config(wsgi_app="cases_app:app", threads=1).start()
    with server.connect() as c:
        assert c.get("/begins-late").status == 500
        r = c.get("/behind-late")
        assert (r.status, r.body) == (200, b"mine")
        assert r.get("X-Late") is None


# ---- what the app returns, and how close() ends ----

@pytest.mark.parametrize("kind,error", [
    ("none", "TypeError"), ("str", "TypeError"), ("int", "TypeError"),
    ("list-str", "TypeError"), ("list-none", "TypeError"),
    ("list-mixed", "TypeError"), ("bytearray", "TypeError"),
    ("memoryview", "TypeError"), ("dict", "TypeError"),
    ("iter-str", "TypeError"), ("iter-int", "TypeError"),
    ("bad-iter", "ValueError"), ("class", "TypeError"),
    ("first-exit", "SystemExit")])
def test_result_that_is_none_of_the_kinds_is_a_500(cases, kind, error):
    with cases.connect() as c:
        r = c.get(f"/result?kind={kind}")
        assert r.status == 500
        assert r.all("Content-Length") == [str(len(r.body))]
        assert c.get("/plain").body == b"plain"
    cases.log_contains(rf'\[ERROR\] application failed .*kind={kind}"')
    cases.log_contains(rf"^{error}\b")


@pytest.mark.parametrize("kind,error", [
    ("error", "ValueError: closing"), ("exit", "SystemExit: 1"),
    ("keyboard", "KeyboardInterrupt"), ("no-attribute", "ValueError: close")])
def test_failing_close_does_not_harm_the_answer(cases, kind, error):
    pids = cases.worker_pids()
    with cases.connect() as c:
        assert c.get(f"/closing?kind={kind}").body == b"ok"
        assert c.get("/plain").body == b"plain"
    cases.log_contains(rf'\[ERROR\] close\(\) .* failed .*kind={kind}"')
    cases.log_contains(f"^{error}")
    assert cases.worker_pids() == pids


# ---- threads, as the app sees them ----

def test_pool_threads_have_names_and_no_dummies_pile_up(server):
    server.with_config(wsgi_app="cases_app:app", threads=3).start()
    for _ in range(50):
        assert server.get("/started-thread").json() == ["mine"]
    t = server.get("/threads").json()
    assert t["main"] == "MainThread" and not t["is_main"]
    assert t["daemon"] is True
    assert t["current"] in t["all"]
    assert t["all"] == ["MainThread", "gthreadd-1", "gthreadd-2",
                        "gthreadd-3"]
    assert t["count"] == 4


def test_thread_locals_live_as_long_as_the_thread(server):
    server.with_config(wsgi_app="cases_app:app", threads=1).start()
    found = [server.get("/thread-local").json() for _ in range(5)]
    assert len({ident for ident, _ in found}) == 1
    assert [n for _, n in found] == [1, 2, 3, 4, 5]


def test_worker_does_not_wait_for_its_own_threads_at_the_end(server):
    """A thread of the app is waited for, as under python3; ours are not."""
    server.with_config(wsgi_app="cases_app:app", threads=2).start()
    assert server.get("/threads").status == 200
    server.stop(timeout=5)
    assert "[WARNING]" not in server.error_log()
