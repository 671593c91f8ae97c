# SPDX-License-Identifier: MIT
"""What is in examples/ works as it stands."""
import shutil

import requests

from harness import HERE, free_port

EXAMPLES = HERE.parents[1] / "examples"


def copied(server):
    """The examples beside the server, as `./dev serve` finds them."""
    shutil.copytree(EXAMPLES, server.dir / "examples")
    port = free_port()
    server.address = ("127.0.0.1", port)
    server.settings["workers"] = 2
    return f"127.0.0.1:{port}"


def test_bundled_example_and_configuration(server):
    bind = copied(server)
    server.start("-c", "examples/gthreadd.ini", "-b", bind)
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


def test_flask_example(server):
    bind = copied(server)
    server.settings["workers"] = 1
    server.start("-b", bind, "--chdir", "examples", "flask_app:app")
    assert requests.get(server.url + "/greet/Ann").text == "Hello, Ann\n"
    assert requests.post(server.url + "/echo", data=b"x").content == b"x"
