# SPDX-License-Identifier: MIT
"""The examples of gthreadctl(8), run as they stand there."""
import json
import re
import shutil
import subprocess

import pytest

from control import Control, write_app
from harness import BUILD, TESTS, scaled

PAGE = TESTS.parent / "man" / "gthreadctl.8"


def commands():
    text = PAGE.read_text().split(".Sh EXAMPLES")[1].split(".Sh")[0]
    return [x.replace("\\-", "-")
            for x in re.findall(r"^\$ (.*)$", text, re.M)]


@pytest.fixture
def shop(server):
    write_app(server, "one")
    server.with_config(wsgi_app="served:app", workers=2)
    Control(server)
    return server.start()


def shell(server, command):
    for there, here in (("/etc/gthreadd/shop.ini", server.ini),
                        ("/run/gthreadd/shop.ctl",
                         server.settings["control-socket"])):
        command = command.replace(there, str(here))
    env = server.env()
    env["PATH"] = f"{BUILD}:{env['PATH']}"
    return subprocess.run(command, shell=True, env=env, cwd=server.dir,
                          text=True, capture_output=True, check=False,
                          timeout=scaled(30))


def test_what_is_typed_in_the_examples_works(shop):
    seen = {}
    for command in commands():
        if command.startswith("ssh ") or (
                "jq" in command and shutil.which("jq") is None):
            continue
        r = shell(shop, command)
        assert r.returncode == 0, (command, r.stderr)
        seen[re.search(r"reload|status \||status|threads|stacks|$",
                       command)[0]] = r.stdout
    assert seen["reload"] == "generation 2 serves\ndeployed\n"
    assert "== worker " in seen["stacks"] and "parked" in seen["threads"]
    assert json.loads(seen["status"])["generation"] == 2  # of curl


def test_what_ssh_forwards_is_the_socket(shop):
    """ssh(1) connects to it as we do; the address is what matters here."""
    found = [x for x in commands() if x.startswith("ssh ")]
    assert found == ["ssh -L 8900:/run/gthreadd/shop.ctl root@server"]
    assert "http://localhost:8900/" in PAGE.read_text()
    r = shell(shop, "curl -s --unix-socket /run/gthreadd/shop.ctl "
              "http://localhost:8900/")
    assert r.stdout.startswith("<!DOCTYPE html>")
