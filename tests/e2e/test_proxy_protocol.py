# SPDX-License-Identifier: MIT
"""The PROXY protocol, octet by octet and from haproxy."""
import re
import shutil
import socket
import subprocess

import pytest

from harness import HERE, free_port, scaled, wait_for
from rawclient import RawClient

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin:/bin")

MARK = b"\r\n\r\n\0\r\nQUIT\n"
ENDS = (socket.inet_aton("203.0.113.5") + socket.inet_aton("198.51.100.1")
        + b"\x9c\x40\x01\xbb")
ENDS6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::5")
         + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
         + b"\x9c\x40\x01\xbb")
V1 = b"PROXY TCP4 203.0.113.5 198.51.100.1 40000 443\r\n"
V16 = b"PROXY TCP6 2001:db8::5 2001:db8::1 40000 443\r\n"


def v2(command=1, family=0x11, block=ENDS, length=None):
    length = len(block) if length is None else length
    return (MARK + bytes([0x20 | command, family])
            + length.to_bytes(2, "big") + block)


V2 = v2()
V26 = v2(family=0x21, block=ENDS6)
GET = b"GET /environ HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture
def start(server):
    def run(mode="auto", **settings):
        return server.with_config(proxy_protocol=mode, **settings).start()
    return run


def test_connection_that_ends_before_its_preface_is_named(server, start):
    start(log_level="debug")
    with RawClient(server.address) as c:
        c.send(b"PROXY ")
        c.reset()
    server.log_contains(r"connection closed without an answer .*state=proxy ")


def environ(server, preface, drip=False):
    with RawClient(server.address) as c:
        if drip:
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in preface + GET:
                c.send(bytes([octet]))
        else:
            c.send(preface + GET)
        r = c.response()
    assert r.status == 200, r.text
    return r.json()


def assert_client(e, client="203.0.113.5", port="40000", server="198.51.100.1",
                  protocol="TCP4"):
    assert (e["REMOTE_ADDR"], e["REMOTE_PORT"]) == (client, port)
    assert (e["PROXY_ADDR"], e["PROXY_PORT"]) == (server, "443")
    assert e["PROXY_PROTOCOL"] == protocol
    assert e["gthreadd.peer_addr"] == "127.0.0.1"


def assert_peer(e):
    assert e["REMOTE_ADDR"] == e["gthreadd.peer_addr"] == "127.0.0.1"
    assert e["REMOTE_PORT"].isdigit()
    assert not [k for k in e if k.startswith("PROXY_")]


def refused(server, octets, status=400):
    calls = server.get("/counters").json()["calls"] \
        if server.settings["proxy-protocol"] != "required" else None
    with RawClient(server.address) as c:
        c.send(octets)
        r = c.response()
        assert r.status == status
        assert r.get("Connection") == "close"
        c.expect_close()
    if calls is not None:
        assert server.get("/counters").json()["calls"] == calls + 1


@pytest.mark.parametrize("drip", [False, True])
@pytest.mark.parametrize("mode", ["v1", "auto", "required", "true"])
def test_version_1(start, mode, drip):
    server = start(mode)
    assert_client(environ(server, V1, drip))
    assert_client(environ(server, V16, drip), "2001:db8::5",
                  server="2001:db8::1", protocol="TCP6")
    assert_peer(environ(server, b"PROXY UNKNOWN\r\n", drip))
    assert_peer(environ(server, b"PROXY UNKNOWN 1.1.1.1 2 3\r\n", drip))


@pytest.mark.parametrize("drip", [False, True])
@pytest.mark.parametrize("mode", ["v2", "auto", "required"])
def test_version_2(start, mode, drip):
    server = start(mode)
    assert_client(environ(server, V2, drip))
    assert_client(environ(server, V26, drip), "2001:db8::5",
                  server="2001:db8::1", protocol="TCP6")
    tlv = b"\x02\0\x08shop.com\x04\0\0"
    assert_client(environ(server, v2(block=ENDS + tlv), drip))
    assert_peer(environ(server, v2(command=0, family=0, block=b""), drip))
    assert_peer(environ(server, v2(command=0), drip))
    assert_peer(environ(server, v2(family=0, block=tlv), drip))
    assert_peer(environ(server, v2(family=0x31, block=bytes(216)), drip))


@pytest.mark.parametrize("mode", ["off", "v1", "v2", "auto"])
def test_connections_without_it_pass(start, mode):
    server = start(mode)
    assert_peer(environ(server, b""))
    assert_peer(environ(server, b"", drip=True))
    assert_peer(environ(server, b"\r\n"))
    with RawClient(server.address) as c:
        assert c.request("PUT", "/echo", body=b"x").body == b"x"


def test_required_wants_it(start):
    server = start("required")
    refused(server, GET)
    refused(server, b"POST / HTTP/1.1\r\n\r\n")
    server.log_contains("PROXY preface is missing")
    assert_client(environ(server, V1))


def test_off_and_the_other_version_are_no_requests(start):
    server = start("off")
    refused(server, V1 + GET)
    refused(server, V2 + GET)


@pytest.mark.parametrize("mode,octets", [("v1", V2), ("v2", V1)])
def test_the_other_version_is_no_request(start, mode, octets):
    refused(start(mode), octets + GET)


def test_malformed_ones_are_400(start):
    server = start()
    for octets in (
            V1.replace(b"\r", b"") + GET,
            b"PROXY TCP4 203.0.113.5 198.51.100.1 40000\r\n" + GET,
            b"PROXY TCP4 203.0.113.500 198.51.100.1 40000 443\r\n" + GET,
            b"PROXY TCP4 203.0.113.5 198.51.100.1 40000 65536\r\n" + GET,
            b"PROXY UDP4 203.0.113.5 198.51.100.1 40000 443\r\n" + GET,
            b"PROXY " + b"x" * 110,
            V2.replace(b"\x21\x11", b"\x31\x11") + GET,
            V2.replace(b"\x21\x11", b"\x22\x11") + GET,
            V2.replace(b"\x21\x11", b"\x21\x13") + GET,
            v2(block=ENDS[:11]) + GET,
            v2(length=4081),
            v2(length=65535),
            V1 + V1 + GET,
            V2 + V1 + GET):
        refused(server, octets)


def test_a_preface_comes_once(start):
    server = start()
    with RawClient(server.address) as c:
        c.send(V1 + GET)
        assert_client(c.response().json())
        c.send(V1 + GET)
        assert c.response().status == 400
        c.expect_close()


def test_partial_ones_end_with_their_client(start):
    server = start(header_timeout="1")
    for octets in (V1[:20], V2[:20], V1[:3], MARK[:5]):
        with RawClient(server.address) as c:
            c.send(octets)
            c.sock.shutdown(socket.SHUT_WR)
            c.expect_close()
    with RawClient(server.address) as c:
        c.send(V2[:20])
        c.expect_close()  # header-timeout
    with RawClient(server.address) as c:
        c.send(V2)
        c.expect_close()
    assert_client(environ(server, V2))


def test_it_holds_for_the_whole_connection(start):
    server = start(access_logformat="%(h)s %(U)s")
    with RawClient(server.address) as c:
        c.send(V1 + GET + GET)
        assert_client(c.response().json())
        assert_client(c.response().json())
        assert c.request("POST", "/echo", body=b"abc").body == b"abc"
        assert_client(c.get("/environ").json())
    assert server.access_log(4)[3] == "203.0.113.5 /environ"
    assert_peer(environ(server, b""))


def test_the_preface_may_come_alone(start):
    """A health check of the proxy, and a request that comes later."""
    server = start()
    with RawClient(server.address) as c:
        c.send(V2)
        assert c.is_quiet()
        c.send(GET)
        assert_client(c.response().json())
    with RawClient(server.address) as c:
        c.send(v2(command=0, family=0, block=b""))
        c.sock.shutdown(socket.SHUT_WR)
        c.expect_close()


def test_others_are_403(start):
    server = start(proxy_allow_from="192.0.2.0/24")
    refused(server, V1 + GET, 403)
    refused(server, V2 + GET, 403)
    refused(server, b"PROXY ", 403)
    refused(server, MARK, 403)
    server.log_contains("proxy-allow-from")
    assert_peer(environ(server, b""))


def test_unix_peers_may_use_it(server):
    server.on_unix().with_config(proxy_protocol="auto",
                                 proxy_allow_from="").start()
    e = environ(server, V1)
    assert (e["REMOTE_ADDR"], e["REMOTE_PORT"]) == ("203.0.113.5", "40000")
    assert e["gthreadd.peer_addr"] == ""
    e = environ(server, b"")
    assert e["REMOTE_ADDR"] == "" and "REMOTE_PORT" not in e


def scheme_of(server, preface):
    with RawClient(server.address) as c:
        c.send(preface)
        r = c.get("/environ", headers=[("X-Forwarded-Proto", "https"),
                                       ("X-Forwarded-For", "192.0.2.9")])
        e = r.json()
    return e["wsgi.url_scheme"], e["REMOTE_ADDR"]


def test_fields_are_those_of_the_client_behind_the_proxy(start):
    """A proxy of connections passes on whatever its clients make up."""
    server = start(remote_addr_header="X-Forwarded-For",
                   forwarded_allow_ips="127.0.0.1, 2001:db8::5")
    assert scheme_of(server, b"") == ("https", "192.0.2.9")
    assert scheme_of(server, V1) == ("http", "203.0.113.5")
    assert scheme_of(server, V26) == ("https", "192.0.2.9")
    local = v2(command=0, family=0, block=b"")
    assert scheme_of(server, local) == ("https", "192.0.2.9")
    assert scheme_of(server, b"PROXY UNKNOWN\r\n") == ("http", "127.0.0.1")


@pytest.mark.parametrize("args,mode", [
    (["--proxy-protocol"], "auto"), (["--proxy-protocol", "v2"], "v2"),
    (["--proxy-protocol=required"], "required"),
    (["--proxy-protocol", "off"], "off"), ([], "off")])
def test_the_option_takes_the_next_word_only_when_it_is_a_mode(
        server, args, mode):
    r = server.run("--print-config", *args, "wsgi_app:app")
    assert r.returncode == 0, r.stderr
    lines = {line.split(" = ")[0]: line for line in r.stdout.splitlines()}
    assert lines["proxy-protocol"].split()[2] == mode
    assert lines["wsgi-app"].split()[2] == "wsgi_app:app"


# ---- haproxy ----

SAMPLE = (HERE.parents[1] / "conf/haproxy.cfg").read_text()


def sample(port, mode, server):
    """conf/haproxy.cfg at other addresses."""
    text = re.sub(r"(timeout \S+) \d+s", rf"\1 {int(scaled(30))}s", SAMPLE)
    for old, new in (("bind :80", f"bind 127.0.0.1:{port}"),
                     ("mode http", f"mode {mode}"),
                     ("127.0.0.1:8000 send-proxy-v2 check check-send-proxy",
                      server)):
        before, found, after = text.rpartition(old)
        assert found, old
        text = before + new + after
    return text


@pytest.fixture
def behind(server, tmp_path):
    """behind(send, mode): the address of a haproxy in front of server."""
    if HAPROXY is None:
        pytest.skip("haproxy is missing")
    running = []

    def run(send, mode="tcp", check=""):
        conf = tmp_path / "haproxy.cfg"
        port = free_port()
        upstream = server.address if isinstance(server.address, str) \
            else f"127.0.0.1:{server.address[1]}"
        conf.write_text(sample(port, mode, f"{upstream} {send} {check}"))
        log = open(tmp_path / "haproxy.log", "wb")
        process = subprocess.Popen(
            [HAPROXY, "-db", "-f", str(conf)], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)
        running.append((process, log))

        def answers():
            text = (tmp_path / "haproxy.log").read_text()
            assert process.poll() is None, text
            try:
                RawClient(("127.0.0.1", port)).close()
                return True
            except ConnectionRefusedError:
                return False
        wait_for("haproxy to listen", answers)
        return ("127.0.0.1", port)

    yield run
    for process, log in running:
        process.terminate()
        process.wait(scaled(10))
        log.close()


@pytest.mark.parametrize("unix", [False, True])
@pytest.mark.parametrize("send", [
    "send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options "
    "crc32c,unique-id", "send-proxy-v2-ssl"])
def test_haproxy(server, behind, send, unix):
    if unix:
        server.on_unix()
    server.with_config(proxy_protocol="required",
                       access_logformat="%(h)s").start()
    address = behind(send)
    with RawClient(address) as c:
        mine = c.sock.getsockname()
        for _ in range(3):
            e = c.get("/environ").json()
            assert (e["REMOTE_ADDR"], e["REMOTE_PORT"]) == \
                (mine[0], str(mine[1]))
            assert (e["PROXY_ADDR"], e["PROXY_PORT"]) == \
                (address[0], str(address[1]))
            assert e["PROXY_PROTOCOL"] == "TCP4"
            assert e["gthreadd.peer_addr"] == ("" if unix else "127.0.0.1")
    assert server.access_log(3) == ["127.0.0.1"] * 3


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_checks_health(server, behind, send):
    """LOCAL prefaces, alone and with a request, disturb nobody."""
    server.with_config(proxy_protocol="required").start()
    address = behind(send, "http", "check inter 100 check-send-proxy")
    with RawClient(address) as c:
        mine = c.sock.getsockname()
        e = c.get("/environ").json()
        assert (e["REMOTE_ADDR"], e["REMOTE_PORT"]) == (mine[0], str(mine[1]))
    assert "refused" not in server.error_log()
