# SPDX-License-Identifier: MIT
"""What is in examples/ works as it stands, each with its INI file."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from harness import (GTHREADD, HERE, PYTHON, free_port, server_python,
                     wait_for)
from nginx import NGINX, Nginx

EXAMPLES = HERE.parents[1] / "examples"
ACTIVATE = shutil.which("systemd-socket-activate")


@pytest.fixture
def example(server):
    """example(name): a server that runs a copy of it, on another port."""
    shutil.copytree(EXAMPLES, server.dir / "examples")

    def start(name, *args):
        port = free_port()
        server.address = ("127.0.0.1", port)
        ini = f"examples/{name}.ini"
        text = (server.dir / ini).read_text()
        found = re.search(r"^workers = (\d+)", text, re.M)
        server.settings["workers"] = found[1] if found else 1
        server.start("-c", ini, "-b", f"127.0.0.1:{port}", "--error-logfile",
                     str(server.error_path), *args)
        return server
    return start


def text_of(server, path, **kw):
    r = requests.get(server.url + path, **kw)
    assert r.status_code == 200, r.text
    return r.text


def test_every_ini_file_is_tried_here():
    tried = set(re.findall(r'example\("(\w+)"\)|examples/(\w+)\.ini',
                           (HERE / "test_examples.py").read_text()))
    names = {a or b for a, b in tried}
    assert {p.stem for p in EXAMPLES.glob("*.ini")} <= names


def test_bundled_example_and_configuration(example):
    server = example("gthreadd")
    page = requests.get(server.url + "/")
    assert page.status_code == 200
    assert "gthreadd serves this" in page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert requests.get(server.url + "/hello").text == "Hello, world!\n"
    assert "wsgi.version = (1, 0)" in requests.get(
        server.url + "/environ").text
    assert requests.get(server.url + "/none").status_code == 404
    r = requests.get(server.url + "/stream", stream=True)
    assert next(r.iter_lines()) == b"line 0"
    r.close()
    server.stop()
    assert '"GET / HTTP/1.1" 200' in server.read(server.stdout_path)


def test_flask_example(example):
    server = example("flask")
    assert text_of(server, "/greet/Ann") == "Hello, Ann\n"
    assert requests.post(server.url + "/echo", data=b"x").content == b"x"


def test_bottle_example(example):
    pytest.importorskip("bottle")
    server = example("bottle")
    assert text_of(server, "/greet/Ann") == "Good day, Ann\n"
    r = requests.post(server.url + "/size", data=b"12345")
    assert r.json() == {"octets": 5}


def test_django_example(example, server, session):
    pytest.importorskip("django")
    manage = [PYTHON, "examples/django_site/manage.py"]
    env = {**server.env(), "DJANGO_SUPERUSER_PASSWORD": "secret"}
    for words in (["migrate", "-v", "0"], [
            "createsuperuser", "--noinput", "--username", "ann", "--email",
            "ann@shop.example"]):
        subprocess.run(manage + words, cwd=server.dir, env=env, check=True,
                       stdout=subprocess.DEVNULL)
    server = example("django")
    assert text_of(server, "/") == "Hello from Django\n"
    login = server.url + "/admin/login/?next=/admin/"
    session.get(login)
    page = session.post(login, {
        "username": "ann", "password": "secret",
        "csrfmiddlewaretoken": session.cookies["csrftoken"]})
    assert page.status_code == 200 and "Site administration" in page.text


def test_streaming_example(example):
    server = example("streaming")
    r = requests.get(server.url + "/events", stream=True)
    lines = r.iter_lines()
    assert [next(lines) for _ in range(3)] == [
        b"data: event 1", b"", b"data: event 2"]
    assert requests.post(server.url + "/count", data=iter(
        [b"x" * 100000] * 10)).text == "1000000 octets\n"
    r.close()
    server.log_contains(r"events: sent \d+")
    server.wait_idle()


def test_background_example(example):
    server = example("background")
    wait_for("ticks without requests", lambda: text_of(
        server, "/") not in ("0 ticks\n", "1 ticks\n"))
    server.stop()
    assert re.search(r"clock: ended after \d+ ticks",
                     server.read(server.stdout_path))


def test_hooks_example(example):
    server = example("hooks")
    assert text_of(server, "/hello") == "Hello, world!\n"
    server.log_contains(r"hook: GET /hello 200 took \d+ ms")
    server.stop()
    server.log_contains(r"hook: worker \d+ begins")
    server.log_contains(r"hook: worker \d+ ends after 1 requests")


def test_virtualenv_example(example, server):
    """R-28: As its comment says, without the network: flask is installed."""
    subprocess.run([server_python(), "-m", "venv", "--without-pip",
                    str(server.dir / "examples/venv")], check=True)
    site = next((server.dir / "examples/venv/lib").glob("python3*")) \
        / "site-packages"
    flask = subprocess.run(
        [server_python(), "-c", "import flask; print(flask.__path__[0])"],
        capture_output=True, text=True, check=True).stdout
    (site / "system.pth").write_text(str(Path(flask).parent) + "\n")
    (site / "only_here.py").write_text("")
    app = server.dir / "examples/flask_app.py"
    app.write_text(app.read_text() + "\nimport only_here, sys\n"
                   "app.add_url_rule('/prefix', view_func=lambda: "
                   "sys.prefix, endpoint='prefix')\n")
    server = example("virtualenv")
    assert text_of(server, "/prefix") == str(server.dir / "examples/venv")


@pytest.mark.skipif(NGINX is None, reason="nginx is missing")
def test_nginx_example(server):
    """With conf/nginx.conf, which the class Nginx uses."""
    shutil.copytree(EXAMPLES, server.dir / "examples")
    path = str(server.dir / "shop.sock")
    ini = server.dir / "examples/nginx.ini"
    ini.write_text(ini.read_text().replace("/run/gthreadd/shop.sock", path))
    server.address = path
    server.settings["workers"] = 2
    server.start("-c", "examples/nginx.ini")
    assert os.stat(path).st_mode & 0o777 == 0o666
    nginx = Nginx(server.dir, f"unix:{path}")
    try:
        page = requests.get(nginx.url + "/environ").text
        assert "REMOTE_ADDR = '127.0.0.1'" in page
        assert "wsgi.url_scheme = 'http'" in page
    finally:
        nginx.stop()


@pytest.mark.skipif(ACTIVATE is None, reason="systemd is missing")
def test_socket_activation_example(server):
    """systemd-socket-activate plays systemd and its .socket unit."""
    shutil.copytree(EXAMPLES, server.dir / "examples")
    server.address = str(server.dir / "front.sock")
    with open(server.stderr_path, "ab") as log:
        server.process = subprocess.Popen(
            [ACTIVATE, "-l", server.address, *(
                x for k, v in server.env().items()
                if k.endswith("_OPTIONS") or k == "PYTHONMALLOC"
                for x in ("-E", f"{k}={v}")),
             str(GTHREADD), "-c", "examples/socket.ini"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=server.env(), cwd=server.dir, start_new_session=True)
    wait_for("the socket", lambda: "Listening on" in server.output())
    assert "starting gthreadd" not in server.output()
    assert server.get("/hello").body == b"Hello, world!\n"
    assert "listening at: unix:" in server.output()
    assert server.get("/environ").status == 200
