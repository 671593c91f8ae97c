# SPDX-License-Identifier: MIT
"""nginx in front, over TCP and over a unix socket, with its keep-alive."""
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import scaled, wait_for
from nginx import NGINX, Nginx
from server import Server

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is missing")


@pytest.fixture(scope="module", params=["tcp", "unix"])
def behind(request, tmp_path_factory):
    """(server, nginx), joined by the kind of socket."""
    s = Server(tmp_path_factory.mktemp("behind"))
    nginx = None
    s.with_config(threads=4, workers=2)
    try:
        if request.param == "unix":
            s.on_unix()
            upstream = f"unix:{s.address}"
        else:
            s.on_port()
            upstream = f"127.0.0.1:{s.address[1]}"
        s.start()
        nginx = Nginx(tmp_path_factory.mktemp("nginx"), upstream)
        yield s, nginx
        assert "[error]" not in nginx.errors(), nginx.errors()
        s.stop()
    finally:
        if nginx is not None:
            nginx.stop()
        s.kill()


@pytest.fixture
def url(behind):
    return behind[1].url


def test_pages_and_errors_pass(url):
    assert requests.get(url + "/hello").text == "Hello, world!\n"
    assert requests.get(url + "/nowhere").status_code == 404
    assert requests.get(url + "/error/before").status_code == 500
    assert requests.head(url + "/head").headers["Content-Length"] == "32"


@pytest.mark.parametrize("prefix", ["", "/unbuffered"])
def test_upload_and_download(url, prefix):
    data = os.urandom(10 << 20)
    r = requests.post(url + prefix + "/upload", data=data)
    assert r.json()["sha256"] == hashlib.sha256(data).hexdigest()
    r = requests.get(url + prefix + "/bigstream?n=10000000")
    assert len(r.content) == 10000000
    r = requests.get(url + prefix + "/file?n=10000000")
    assert len(r.content) == 10000000


def test_chunked_upload(url):
    r = requests.post(url + "/unbuffered/echo",
                      data=iter([b"a" * 1000, b"b" * 1000]))
    assert r.content == b"a" * 1000 + b"b" * 1000


def test_forwarded_fields_arrive(behind):
    server, nginx = behind
    e = requests.get(nginx.url + "/environ",
                     headers={"Host": "shop.example"}).json()
    assert e["HTTP_HOST"] == "shop.example"
    assert e["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    is_unix = isinstance(server.address, str)
    assert e["REMOTE_ADDR"] == ("" if is_unix else "127.0.0.1")
    assert ("REMOTE_PORT" in e) is not is_unix
    assert e["SERVER_PORT"].isdigit()


def test_many_clients_over_kept_connections(url):
    def one(i):
        return requests.post(url + "/echo", data=b"%d" % i).content
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(300))) == \
            [b"%d" % i for i in range(300)]


def test_streams_pass_unbuffered(url):
    r = requests.get(url + "/unbuffered/trickle?n=5&ms=20", stream=True)
    assert b"".join(r.iter_content(None)) == \
        b"".join(b"line %d\n" % i for i in range(5))


def test_graceful_stop_loses_no_request(tmp_path):
    """Requests run through nginx while the server behind it is stopped."""
    server = Server(tmp_path / "server").on_unix()
    (tmp_path / "nginx").mkdir()
    server.with_config(threads=8).start()
    nginx = Nginx(tmp_path / "nginx", f"unix:{server.address}")
    results = []

    def one():
        results.append(requests.get(nginx.url + "/sleep?ms=500").status_code)
    threads = [threading.Thread(target=one) for _ in range(8)]
    try:
        for t in threads:
            t.start()
        wait_for("8 to run", lambda: len(server.busy_cells()) == 8)
        server.stop()
        for t in threads:
            t.join(scaled(10))
        assert results == [200] * 8
    finally:
        server.kill()
        nginx.stop()
