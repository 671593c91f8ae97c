# SPDX-License-Identifier: MIT
"""The examples of gthreadd(8), as they stand in it."""
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from harness import (GTHREADD, HERE, free_port, processes_of_session,
                     scaled, server_python, wait_for)
from rawclient import RawClient

PAGE = HERE.parents[1] / "man/gthreadd.8"
APP = "def {}(environ, start_response):\n" \
      "    start_response('200 OK', [])\n    return [b'{}']\n"


def examples():
    text = PAGE.read_text().split(".Sh EXAMPLES")[1].split(".Sh")[0]
    return [line.replace("\\(dq", '"')
            for line in re.findall(r"^\.Dl (gthreadd .*)$", text, re.M)]


@pytest.fixture
def command(server):
    """command(beginning): its example, with paths of the test."""
    place = server.dir
    (place / "hello.py").write_text(APP.format("app", "hello"))
    (place / "shop").mkdir()
    (place / "shop/wsgi.py").write_text(APP.format("application", "shop"))
    (place / "factory.py").write_text(
        "def make(greeting):\n    from hello import app\n"
        "    assert greeting == 'Hi'\n    return app\n")
    (place / "gunicorn.conf.py").write_text("workers = 3\n")
    (place / "etc").mkdir()
    (place / "etc/gthreadd.ini").write_text(
        "[gthreadd]\nwsgi-app = shop.wsgi\nthreads = 7\n")
    subprocess.run([server_python(), "-m", "venv", "--without-pip",
                    str(place / "venv")], check=True)
    port = free_port()
    server.address = ("127.0.0.1", port)
    server.with_env(GTHREADD_ARGS=f"-b 127.0.0.1:{port}")

    def run(beginning):
        found = [x for x in examples() if x.startswith(beginning)]
        assert len(found) == 1, found
        text = found[0].replace("/run/", f"{place}/")
        return text.replace("/etc/", f"{place}/etc/")
    return run


def words(text):
    return shlex.split(text)[1:]


def shell(server, text):
    """Run it with gthreadd on the PATH."""
    env = server.env()
    env["PATH"] = f"{GTHREADD.parent}:{env['PATH']}"
    return subprocess.run(text, shell=True, env=env, cwd=server.dir,
                          text=True, capture_output=True, check=False,
                          timeout=scaled(30))


def test_every_example_is_run_here():
    begins = re.findall(r'command\("(.*)"\)', Path(__file__).read_text())
    for text in examples():
        assert len([x for x in begins if text.startswith(x)]) == 1, text
    assert len(examples()) == len(begins) == 6


def test_a_module_in_the_current_directory(server, command):
    server.start(*words(command("gthreadd hello:app")))
    assert server.get("/").body == b"hello"


def test_processes_and_threads_on_a_unix_socket(server, command):
    server.settings["workers"] = 4
    text = command("gthreadd -w 4")
    server.address = str(server.dir / "shop.sock")
    server.start(*words(text))
    assert {len(w["cells"]) for w in server.ready_workers()} == {8}
    assert server.get("/").body == b"shop"


def test_a_factory_in_the_background(server, command):
    r = shell(server, command("gthreadd -D"))
    assert r.returncode == 0, r.stderr
    pid = int((server.dir / "shop.pid").read_text())
    try:
        with RawClient(server.address) as c:
            assert c.get("/").body == b"hello"
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_for("its end", lambda: not processes_of_session(pid))


def test_would_it_start(server, command):
    text = command("gthreadd -c /etc/gthreadd.ini --check-config")
    assert shell(server, text).returncode == 0
    (server.dir / "shop/wsgi.py").write_text("import nothing_of_this_name\n")
    r = shell(server, text)
    assert r.returncode == 1 and "nothing_of_this_name" in r.stderr


def test_settings_and_their_origin(server, command):
    text = command("gthreadd -c /etc/gthreadd.ini --print-config")
    r = shell(server, text)
    assert r.returncode == 0, r.stderr
    assert re.search(r"^threads = 7 .*gthreadd.ini:3", r.stdout, re.M)


def test_the_file_of_the_manual_is_right(server):
    text = PAGE.with_name("gthreadd.ini.5").read_text()
    text = re.search(r"\n\.Sh EXAMPLES\n\.Bd [^\n]*\n(.*?)\.Ed", text, re.S)[1]
    assert "[gthreadd]" in text and "[env]" in text
    server.dir.joinpath("x.ini").write_text(
        text.replace("user = shop", "user = nobody")
        .replace("/srv/shop/current", str(server.dir)))
    r = shell(server, "gthreadd -c x.ini --print-config")
    assert (r.returncode, r.stderr) == (0, "")
    assert re.search(r"^env = DJANGO_SETTINGS_MODULE=\*\*\* +\(x.ini:\d+\)",
                     r.stdout, re.M)


def test_from_gunicorn(server, command):
    r = shell(server, command("gthreadd --import-gunicorn"))
    assert r.returncode == 0, r.stderr
    assert "\nworkers = 3\n" in (server.dir / "gthreadd.ini").read_text()
