# SPDX-License-Identifier: MIT
"""Who is believed what: forwarded fields, their spoofing, mount points."""
import pytest
import requests

from harness import scaled
from nginx import NGINX, Nginx
from rawclient import RawClient

NOBODY = "192.0.2.0/24"  # nobody connects from there


def environ(server, *headers, target="/environ"):
    r = server.get(target, headers=headers)
    assert r.status == 200, r.text
    return r.json()


# ---- scheme ----

def test_a_believed_peer_tells_the_scheme(server):
    server.start()
    assert environ(server)["wsgi.url_scheme"] == "http"
    for field in (("X-Forwarded-Proto", "https"), ("x-forwarded-ssl", "on"),
                  ("X-Forwarded-Protocol", "ssl")):
        assert environ(server, field)["wsgi.url_scheme"] == "https"
    e = environ(server, ("X-Forwarded-Proto", "http"))
    assert e["wsgi.url_scheme"] == "http"
    assert e["HTTP_X_FORWARDED_PROTO"] == "http"


def test_fields_that_contradict_each_other_are_400(server):
    server.start()
    calls = server.get("/counters").json()["calls"]
    with RawClient(server.address) as c:
        r = c.get("/hello", headers=[("X-Forwarded-Proto", "https"),
                                     ("X-Forwarded-SSL", "off")])
        assert r.status == 400
        c.expect_close()
    assert server.get("/counters").json()["calls"] == calls + 1
    server.log_contains("contradict each other")


def test_others_set_nothing(server):
    """Their fields stay what they are: fields."""
    server.with_config(forwarded_allow_ips=NOBODY,
                       remote_addr_header="X-Forwarded-For").start()
    e = environ(server, ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-SSL", "off"), ("X-Forwarded-For", "203.0.113.5"),
                ("SCRIPT_NAME", "/environ"))
    assert e["wsgi.url_scheme"] == "http"
    assert e["REMOTE_ADDR"] == e["gthreadd.peer_addr"] == "127.0.0.1"
    assert e["SCRIPT_NAME"] == ""
    assert e["HTTP_X_FORWARDED_FOR"] == "203.0.113.5"
    assert e["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "HTTP_SCRIPT_NAME" not in e
    assert server.access_log(1)[0].startswith("127.0.0.1 ")


def test_the_section_replaces_the_default(server):
    server.on_port().write_ini()
    with open(server.ini, "a", encoding="ascii") as f:
        f.write("[secure-scheme-headers]\nX-Scheme = secure\n")
    server.start("-c", str(server.ini))
    assert environ(server, ("X-Scheme", "secure"))["wsgi.url_scheme"] \
        == "https"
    assert environ(server, ("X-Forwarded-Proto", "https")
                   )["wsgi.url_scheme"] == "http"


# ---- who is believed ----

@pytest.mark.parametrize("allowed,believed", [
    ("127.0.0.1", True), ("127.0.0.0/8", True), ("*", True),
    ("::ffff:127.0.0.1", True), ("10.0.0.0/8, 127.0.0.0/30", True),
    ("0.0.0.0/0", True), ("::1", False), ("::/0", False), ("", False),
    ("127.0.0.2", False), ("10.0.0.0/8", False)])
def test_networks(server, allowed, believed):
    server.with_config(forwarded_allow_ips=allowed).start()
    e = environ(server, ("X-Forwarded-Proto", "https"))
    assert e["wsgi.url_scheme"] == ("https" if believed else "http")


@pytest.mark.parametrize("value,believed", [("127.0.0.1", True), ("", False),
                                            (NOBODY, False)])
def test_environment_variable_is_the_default(server, value, believed):
    server.with_env(FORWARDED_ALLOW_IPS=value).start()
    e = environ(server, ("X-Forwarded-Proto", "https"))
    assert e["wsgi.url_scheme"] == ("https" if believed else "http")


@pytest.mark.parametrize("value,why", [
    ("10.0.0.1/8", "has bits set behind its prefix"),
    ("localhost", "is neither an address"), ("10.0.0.0/33", "prefix length")])
def test_wrong_networks_stop_the_start(server, value, why):
    r = server.with_config(forwarded_allow_ips=value).run()
    assert r.returncode == 1
    assert "forwarded-allow-ips" in r.stderr and why in r.stderr


def test_unix_peers_are_believed(server):
    server.on_unix().with_config(forwarded_allow_ips="",
                                 remote_addr_header="X-Forwarded-For").start()
    e = environ(server, ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-For", "203.0.113.5"))
    assert e["wsgi.url_scheme"] == "https"
    assert (e["SERVER_NAME"], e["SERVER_PORT"]) == ("test", "443")
    assert e["REMOTE_ADDR"] == "203.0.113.5"
    assert e["gthreadd.peer_addr"] == ""


def test_mapped_ipv4_peers_are_ipv4(server):
    try:
        server.on_port("::")
    except OSError:
        pytest.skip("no IPv6 here")
    server.with_config(forwarded_allow_ips="127.0.0.1",
                       bind=f"[::]:{server.address[1]}")
    server.address = ("127.0.0.1", server.address[1])
    try:
        server.start()
    except AssertionError as e:
        pytest.skip(f"no IPv6 here: {e}")
    try:
        e = environ(server, ("X-Forwarded-Proto", "https"))
    except ConnectionRefusedError:
        pytest.skip("IPv6 sockets do not take IPv4 here")
    assert e["REMOTE_ADDR"] == "127.0.0.1"
    assert e["wsgi.url_scheme"] == "https"


# ---- REMOTE_ADDR ----

@pytest.mark.parametrize("name,value,addr,port", [
    ("X-Forwarded-For", "203.0.113.5", "203.0.113.5", None),
    ("X-Forwarded-For", "1.1.1.1, 203.0.113.5, 127.0.0.1", "203.0.113.5",
     None),
    ("X-Forwarded-For", "junk, 203.0.113.5:99", "203.0.113.5", "99"),
    ("X-Forwarded-For", "junk", "127.0.0.1", "peer"),
    ("X-Real-IP", "2001:db8::1", "2001:db8::1", None),
    ("Forwarded", 'for=1.1.1.1, for="[2001:db8::1]:99";proto=https',
     "2001:db8::1", "99"),
    ("Forwarded", "for=203.0.113.5, for=127.0.0.1", "203.0.113.5", None),
    ("Forwarded", "for=1.1.1.1, for=unknown", "127.0.0.1", "peer"),
])
def test_remote_addr_header(server, name, value, addr, port):
    server.with_config(remote_addr_header=name).start()
    e = environ(server, (name, value))
    assert e["REMOTE_ADDR"] == addr
    assert e["gthreadd.peer_addr"] == "127.0.0.1"
    if port == "peer":
        assert e["REMOTE_PORT"].isdigit()
    else:
        assert e.get("REMOTE_PORT") == port
    assert server.access_log(1)[0].startswith(addr + " ")
    assert environ(server)["REMOTE_ADDR"] == "127.0.0.1"


def test_several_fields_are_one_list(server):
    server.with_config(remote_addr_header="X-Forwarded-For").start()
    e = environ(server, ("X-Forwarded-For", "1.1.1.1"),
                ("X-Forwarded-For", "203.0.113.5"))
    assert e["REMOTE_ADDR"] == "203.0.113.5"


def test_a_quote_cannot_hide_the_client(server):
    """What a client begins and a proxy appends to."""
    server.with_config(remote_addr_header="Forwarded").start()
    with RawClient(server.address) as c:
        r = c.get("/environ", headers=[("Forwarded",
                                        'for=", for=203.0.113.5')])
        assert r.status == 400


def test_remote_addr_header_is_a_name(server):
    r = server.with_config(remote_addr_header="X_Forwarded_For").run()
    assert r.returncode == 1 and "remote-addr-header" in r.stderr


# ---- names with '_' ----

def test_underscores_are_dropped_and_logged_once(server):
    server.start()
    for _ in range(3):
        e = environ(server, ("X_Forwarded_For", "203.0.113.5"),
                    ("x_forwarded_for", "203.0.113.6"), ("X-A", "1"))
        assert "HTTP_X_FORWARDED_FOR" not in e
        assert e["HTTP_X_A"] == "1"
    assert server.log_counts("(?i)dropped name=x_forwarded_for", 1) == 1


def test_the_log_of_dropped_names_is_bounded(server):
    server.start()
    for i in range(0, 160, 40):
        environ(server, *[(f"X_{n}", "1") for n in range(i, i + 40)])
    server.log_contains("are logged no more")
    assert server.log_counts("header field dropped", 64) == 64


def test_underscores_may_be_refused(server):
    server.with_config(header_map="refuse").start()
    with RawClient(server.address) as c:
        assert c.get("/hello", headers=[("X_A", "1")]).status == 400
        c.expect_close()
    assert environ(server, ("SCRIPT_NAME", ""))["SCRIPT_NAME"] == ""


def test_underscores_may_pass(server):
    server.with_config(header_map="dangerous",
                       forwarded_allow_ips=NOBODY).start()
    e = environ(server, ("X_A", "1"), ("X-A", "2"),
                ("SCRIPT_NAME", "/environ"))
    assert e["HTTP_X_A"] == "1,2"
    assert e["SCRIPT_NAME"] == "" and e["PATH_INFO"] == "/environ"


def test_a_proxy_vouches_for_a_name(server):
    server.with_config(forwarder_headers="REMOTE_USER").start()
    e = environ(server, ("Remote-User", "evil"), ("REMOTE_USER", "joe"),
                ("X_Other", "1"))
    assert e["HTTP_REMOTE_USER"] == "joe"
    assert "HTTP_X_OTHER" not in e
    assert "REMOTE_USER" not in e
    assert environ(server, ("PATH_INFO", "/x"))["PATH_INFO"] == "/environ"


# ---- SCRIPT_NAME ----

def test_script_name_of_the_environment(server):
    server.with_env(SCRIPT_NAME="/app").start()
    e = environ(server, target="/app/environ")
    assert (e["SCRIPT_NAME"], e["PATH_INFO"]) == ("/app", "/environ")
    e = environ(server, target="/%61pp/environ/a%2Fb")
    assert (e["SCRIPT_NAME"], e["PATH_INFO"]) == ("/app", "/environ/a/b")
    for target in ("/", "/apple/environ", "/app%2Fenviron", "/environ"):
        with RawClient(server.address) as c:
            assert c.get(target).status == 400
    assert server.get("/app").text == "no such path\n"


def test_script_name_of_a_believed_proxy(server):
    server.start()
    e = environ(server, ("SCRIPT_NAME", "/my"), target="/my/environ")
    assert (e["SCRIPT_NAME"], e["PATH_INFO"]) == ("/my", "/environ")
    assert e["HTTP_SCRIPT_NAME"] == "/my"
    assert environ(server)["SCRIPT_NAME"] == ""
    for value in ("/other", "environ", "/envi"):
        with RawClient(server.address) as c:
            r = c.get("/environ", headers=[("SCRIPT_NAME", value)])
            assert r.status == 400
    e = environ(server, ("Script-Name", "/my"))
    assert (e["SCRIPT_NAME"], e["HTTP_SCRIPT_NAME"]) == ("", "/my")


# ---- nginx in front ----

SITE = """
    underscores_in_headers on;
    server {{
        listen 127.0.0.1:{port};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header Forwarded
            "$http_forwarded,for=$remote_addr:$remote_port;proto=https";
        proxy_set_header X-Forwarded-Proto https;
        location /plain/ {{ proxy_pass http://{upstream}/; }}
        location /my/ {{
            proxy_set_header SCRIPT_NAME /my;
            proxy_pass http://{upstream};
        }}
    }}
"""


@pytest.fixture
def nginx(server, tmp_path):
    """A server with an nginx in front, both on loopback: its url."""
    if NGINX is None:
        pytest.skip("nginx is missing")
    server.on_port()
    place = tmp_path / "nginx"
    place.mkdir()
    front = Nginx(place, f"127.0.0.1:{server.address[1]}", SITE)
    try:
        yield front.url
    finally:
        front.stop()


def ask(url, **headers):
    headers = {k.replace("__", "-"): v for k, v in headers.items()}
    return requests.get(url, headers=headers, timeout=scaled(20))


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
def test_nginx_tells_scheme_client_and_mount_point(server, nginx, name):
    # nginx is 127.0.0.1, and so is its client: a made up hop is not read.
    server.with_config(remote_addr_header=name,
                       forwarded_allow_ips="127.0.0.1").start()
    e = ask(nginx + "/plain/environ").json()
    assert e["wsgi.url_scheme"] == "https"
    assert e["REMOTE_ADDR"] == "127.0.0.1"
    e = ask(nginx + "/plain/environ", X__Forwarded__For="203.0.113.5",
            Forwarded="for=203.0.113.5", X__Forwarded__Proto="http").json()
    assert e["REMOTE_ADDR"] == "203.0.113.5"
    assert e["wsgi.url_scheme"] == "https"
    e = ask(nginx + "/my/environ", SCRIPT_NAME="/evil").json()
    assert (e["SCRIPT_NAME"], e["PATH_INFO"]) == ("/my", "/environ")
    assert ask(nginx + "/plain/environ",
               X__Forwarded__SSL="off").status_code == 400


def test_nginx_that_is_not_believed(server, nginx):
    server.with_config(remote_addr_header="X-Forwarded-For",
                       forwarded_allow_ips=NOBODY).start()
    e = ask(nginx + "/my/environ", X__Forwarded__For="203.0.113.5")
    assert e.status_code == 404  # /my is no path of the application
    e = ask(nginx + "/plain/environ", X__Forwarded__For="203.0.113.5").json()
    assert e["REMOTE_ADDR"] == "127.0.0.1"
    assert e["wsgi.url_scheme"] == "http"


# ---- what else may be permitted ----

def test_obsolete_folding(make_server):
    folded = (b"GET /environ HTTP/1.1\r\nHost: test\r\nX-A: one\r\n two\r\n"
              b"X-B: 3\r\n\r\n")
    strict, lax = make_server().start(), make_server()
    lax.with_config(permit_obsolete_folding=True).start()
    with RawClient(strict.address) as c:
        c.send(folded)
        assert c.response().status == 400
        c.expect_close()
    with RawClient(lax.address) as c:
        c.send(folded + folded)
        for _ in range(2):
            e = c.response().json()
            assert e["HTTP_X_A"].split() == ["one", "two"]
            assert e["HTTP_X_B"] == "3"
        c.send(folded.replace(b"X-A: one", b"Content-Length: 0"))
        assert c.response().status == 400
        c.expect_close()


def test_unconventional_methods(make_server):
    strict, lax = make_server().start(), make_server()
    lax.with_config(permit_unconventional_http_method=True).start()
    for method in ("get", "A", "x#y", "A" * 21):
        with RawClient(strict.address) as c:
            assert c.request(method, "/environ").status == 400
        with RawClient(lax.address) as c:
            e = c.request(method, "/environ").json()
            assert e["REQUEST_METHOD"] == method
