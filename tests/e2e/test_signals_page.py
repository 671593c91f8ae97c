# SPDX-License-Identifier: MIT
"""The commands of gthreadd-signals(7), run as they stand there."""
import re
import subprocess

from harness import GTHREADD, TESTS, scaled, wait_for
from reloading import version, write_app
from upgrading import masters, wait_gone

PAGE = TESTS.parent / "man" / "gthreadd-signals.7"


def commands(server, heading):
    """The examples under a heading, with this server's paths."""
    section = re.search(rf"^\.Ss {heading}$(.*?)^\.S[sh] ", PAGE.read_text(),
                        re.M | re.S)[1]
    found = re.findall(r"^\.Bd .*?\n(.*?)^\.Ed", section, re.M | re.S)
    assert found
    return [text.replace("\\-", "-")
            .replace("/run/gthreadd/shop.pid", str(server.dir / "pid"))
            .replace("/var/log/gthreadd", str(server.dir))
            .replace("/etc/gthreadd/shop.ini", str(server.ini))
            .replace("gthreadd --", f"{GTHREADD} --") for text in found]


def run(server, script):
    subprocess.run(["sh", "-eu", "-c", script], check=True, cwd=server.dir,
                   env=server.env(), timeout=scaled(30))


def start(server):
    server.error_path = server.dir / "shop.log"
    return server.with_config(pid="pid", error_logfile=server.error_path,
                              ).start()


def test_reload_and_rotation(chain):
    server = start(chain)
    write_app(server, 2)
    for script in commands(server, "Reload"):
        run(server, script)
    server.log_contains("reload is complete", 20)
    assert version(server) == 2
    for script in commands(server, "Log rotation"):
        run(server, script)
    wait_for("a new log", lambda: (server.dir / "shop.log").exists())
    assert "reload is complete" in (server.dir / "shop.log.1").read_text()


def test_upgrade_to_its_end(chain):
    server = start(chain)
    old = server.process.pid
    write_app(server, 2)
    both, trial, ending = commands(server, "Upgrade")
    run(server, both)
    new = [p for p in masters(server) if p != old]
    assert len(new) == 1
    run(server, trial)
    wait_for("the old workers to end", lambda: not server.board(old), 20)
    assert version(server) == 2
    run(server, ending)
    wait_gone(server, old)
    wait_for("the number of the new one", lambda: server.read(
        server.dir / "pid") == f"{new[0]}\n")


def test_upgrade_and_back(chain):
    server = start(chain)
    old = server.process.pid
    write_app(server, 2)
    both, trial, _ = commands(server, "Upgrade")
    run(server, both)
    run(server, trial)
    new, = [p for p in masters(server) if p != old]
    write_app(server, 3)
    for script in commands(server, "Going back"):
        run(server, script)
    wait_gone(server, new)
    assert version(server) == 3
    # A worker bears the title of its master until it has one of its own.
    wait_for("one master", lambda: masters(server) == [old])
