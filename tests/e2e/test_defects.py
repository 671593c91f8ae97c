# SPDX-License-Identifier: MIT
"""Defects known of gunicorn: each has a test here that fails on it.

The letters are those of the list that was made before gthreadd was written;
a remark says what Debian's gunicorn 20.1 does.
"""
import re

import pytest


def hexed(text):
    return text.encode("latin-1").hex()


def logged_once(server, what):
    pattern = rf"\[ERROR\] .*shorter than its Content-Length.*{what}"
    server.log_contains(pattern)
    server.get("/plain")  # whatever the loop had to say is said
    assert len(re.findall(pattern, server.error_log())) == 1


# (a) The connection stays open and the client waits for ever.
@pytest.mark.parametrize("how", ["list", "bytes", "iter", "one", "write",
                                 "late-empty", "file"])
def test_a_body_shorter_than_its_length_ends_the_connection(cases, how):
    with cases.connect() as c:
        c.send(f"GET /shape?how={how}&n=10&cl=99 HTTP/1.1\r\n"
               "Host: t\r\n\r\n".encode())
        assert c.head().get("Content-Length") == "99"
        assert c.rest() == b"x" * 10
    logged_once(cases, rf"sent=10 of=99 .*how={how}&")


# (b) Both sets of fields are sent: two Content-Type, two Content-Length.
def test_b_exc_info_replaces_all_fields(cases):
    with cases.connect() as c:
        r = c.get("/replaced")
        assert (r.status, r.reason, r.body) == (500, "Oops", b"replaced")
        assert r.all("Content-Type") == ["text/plain"]
        assert r.all("Content-Length") == ["8"]
        assert r.all("Set-Cookie") == r.all("X-Old") == []
        assert len(r.all("Date")) == len(r.all("Server")) == 1
        assert c.get("/replaced").body == b"replaced"


# (c) The status line is sent as it is: response splitting. '' is an
# IndexError in the server itself.
@pytest.mark.parametrize("line", [
    "200 OK\r\nX-Evil: 1", "200 OK\nX-Evil: 1", "200 OK\r\n\r\nX-Evil: 1",
    "200\rX-Evil: 1", "200 O\0K", "", "200OK", "20 OK", "2000 OK", "abc OK",
    " 200 OK", "+20 OK", "099 OK", "100 Continue", "199 X", "103 Early Hints",
    "101 Switching Protocols"])
def test_c_status_that_is_none_is_a_500(cases, line):
    with cases.connect() as c:
        c.send(f"GET /status?line={hexed(line)} HTTP/1.1\r\nHost: t\r\n"
               "Connection: close\r\n\r\n".encode())
        octets = c.rest()
        assert octets.startswith(b"HTTP/1.1 500 ")
        assert b"Evil" not in octets
    cases.log_contains(rf'application failed .*line={hexed(line)}"')


# The client would speak another protocol then, and nobody would listen.
def test_c_status_101_is_told_why_it_is_none(cases):
    line = hexed("101 Switching Protocols")
    assert cases.get(f"/status?line={line}").status == 500
    cases.log_contains("^ValueError: status 101: an application cannot take "
                       "over the connection$")
    assert cases.get("/plain").body == b"plain"


# (d) "-1" and anything else that int() takes is sent.
@pytest.mark.parametrize("values", [
    ["-1"], ["+2"], ["0x2"], ["2_0"], ["2, 2"], ["two"], [""], ["2 2"],
    ["9223372036854775808"], ["99999999999999999999"], ["2", "2"],
    ["2", "3"]])
def test_d_content_length_that_is_none_is_a_500(cases, values):
    target = "/length?values=" + ";".join(map(hexed, values))
    with cases.connect() as c:
        r = c.get(target)
        assert r.status == 500
        assert r.all("Content-Length") == [str(len(r.body))]
        assert c.get("/plain").body == b"plain"
    cases.log_contains("application failed .*" + re.escape(target) + '"')


# (e) "0\r\n\r\n" twice: the second is the next response to the client.
@pytest.mark.parametrize("kind", ["empty", "end", "beyond"])
def test_e_empty_file_keeps_the_connection_in_step(cases, kind):
    one = f"GET /wrapped?kind={kind} HTTP/1.1\r\nHost: t\r\n"
    with cases.connect() as c:
        c.send((one + "\r\n").encode() * 3
               + (one + "Connection: close\r\n\r\n").encode())
        answers = c.rest().split(b"HTTP/1.1 200 ")
        assert answers[0] == b"" and len(answers) == 5
        for a in answers[1:]:
            head, body = a.split(b"\r\n\r\n", 1)
            assert b"\r\nContent-Length: 0" in head
            assert b"Transfer-Encoding" not in head
            assert body == b""


# (f) The connection stays open; the client waits for the rest.
def test_f_file_shorter_than_its_length_ends_the_connection(cases):
    with cases.connect() as c:
        c.send(b"GET /wrapped?kind=offset&cl=200000 HTTP/1.1\r\n"
               b"Host: t\r\n\r\n")
        assert c.head().get("Content-Length") == "200000"
        assert c.rest() == (bytes(range(256)) * 400)[1000:]
    logged_once(cases, "sent=101400 of=200000")


# (g) lseek() asks the descriptor, not the object that has read ahead, and
# puts it back afterwards: other octets go, and whoever shares the file is
# disturbed.
def test_g_file_starts_where_its_object_stands(cases):
    body = bytes(range(256)) * 400
    assert cases.get("/wrapped?kind=read-ahead").body == body[10:]


def test_g_position_of_the_file_is_left_alone(cases):
    want = b"0123456789" * 100000
    with cases.connect() as a, cases.connect() as b:
        for c in (a, b, a, b):
            c.send(b"GET /shared HTTP/1.1\r\nHost: t\r\n\r\n")
        for c in (a, b, a, b):
            assert c.response().body == want
    assert cases.get("/positions").json() == [0] * 4
