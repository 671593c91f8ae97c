# SPDX-License-Identifier: MIT
"""USR2 that is taken back, fails, or meets another order."""
import os
import shutil
import signal

import pytest

from control import Control
from harness import GTHREADD, free_port, wait_for
from load import Load
from reloading import BROKEN, changed, version, write_app
from upgrading import (end, end_workers, masters, start_upgrade, upgrade,
                       wait_gone, wait_workers)


# ---- going back ----

def test_rollbacks_under_load_lose_no_request(chain):
    """R-23"""
    server = chain.start()
    old = server.process.pid
    with Load(server.address) as load:
        for v in (2, 3):
            write_app(server, v)
            new = upgrade(server, old)
            end_workers(server, old)
            assert version(server) == v
            load.wait_for(32)
            write_app(server, v + 10)
            os.kill(old, signal.SIGHUP)
            wait_workers(server, old)
            load.wait_for(32)
            end(server, new)
            server.log_contains(f"upgrade is undone.* {new} has ended")
            assert version(server) == v + 10
            load.wait_for(32)
    load.check()
    assert masters(server) == [old]


def test_workers_come_back_when_the_new_master_dies(chain):
    server = chain.start()
    old = server.process.pid
    new = upgrade(server, old)
    end_workers(server, old)
    end(server, new, signal.SIGKILL)
    server.log_contains("upgrade is undone, .* was ended by signal 9")
    server.log_contains("workers are started again: nobody else serves")
    wait_workers(server, old)
    assert version(server) == 1


def test_going_back_by_one_signal_loses_no_request(chain):
    server = chain.start()
    old = server.process.pid
    with Load(server.address) as load:
        for v in (2, 3):
            write_app(server, v)
            new = upgrade(server, old)
            end_workers(server, old)
            load.wait_for(32)
            end(server, new)
            wait_workers(server, old)
            load.wait_for(32)
    load.check()


def test_a_reload_that_fails_brings_the_workers_back_too(chain):
    server = chain.start()
    first, old = server.settings["bind"], server.process.pid
    changed(server, bind=[first, f"127.0.0.1:{free_port()}"])
    new = upgrade(server, old)
    end_workers(server, old)
    # The second address is the new master's.
    os.kill(old, signal.SIGHUP)
    server.log_contains("reload failed, .*Address already in use")
    wait_workers(server, old)
    end(server, new)
    assert version(server) == 1


# ---- the new one fails ----

@pytest.mark.parametrize("how, says", [
    ("settings", r"gthreadd\.ini:\d+: .*thraeds.*did you mean"),
    ("program", "gthreadd cannot be run: No such file"),
    ("no format", "gthreadd cannot be run: Exec format error"),
    ("application", "RuntimeError: broken on purpose"),
    ("address", "cannot listen on .*: Cannot assign requested address"),
])
def test_what_is_wrong_with_the_new_one_changes_nothing(chain, how, says):
    server = chain
    program = server.dir / "gthreadd"
    shutil.copy(GTHREADD, program)
    server.program = str(program)
    server.start()
    old = server.process.pid
    pids = sorted(w["pid"] for w in server.board(old))
    good = server.ini.read_text()
    if how == "settings":
        server.ini.write_text(good.replace("threads = ", "thraeds = "))
    elif how == "address":
        changed(server, bind=[server.settings["bind"], "192.0.2.1:80"])
    elif how == "application":
        write_app(server, 2, BROKEN["import error"])
    else:
        program.unlink()
        if how == "no format":
            program.write_text("no program\n")
            program.chmod(0o755)
    with Load(server.address, keep_alive=2, one_shot=2) as load:
        start_upgrade(server, old)
        code = 4 if how == "application" else 1
        server.log_contains(f"upgrade failed, master {old} serves on: new "
                            rf"master \d+ exited with code {code}", 20)
        server.log_contains(says)
        assert sorted(w["pid"] for w in server.board(old)) == pids
        program.unlink(missing_ok=True)
        shutil.copy(GTHREADD, program)
        server.ini.write_text(good)
        write_app(server, 3)
        load.wait_for(8)
        upgrade(server, old)
        end(server, old)
        load.wait_for(8)
    load.check()
    assert version(server) == 3


def test_stop_is_not_forgotten_when_the_new_master_fails(chain):
    server = chain.start()
    old = server.process.pid
    write_app(server, 2, "while not os.path.exists('go'): time.sleep(0.01)\n"
              "raise RuntimeError")
    start_upgrade(server, old)
    os.kill(old, signal.SIGTERM)
    server.log_contains("stop waits until")
    (server.dir / "go").touch()
    wait_gone(server, old)
    assert server.wait() == 0


# ---- one thing at a time ----

def test_what_cannot_be_together_is_refused(chain):
    server = chain.start()
    old = server.process.pid
    write_app(server, 2, "while not os.path.exists('go'): time.sleep(0.01)")
    new = start_upgrade(server, old)
    os.kill(old, signal.SIGUSR2)
    server.log_contains("upgrade refused: one is under way already")
    os.kill(old, signal.SIGHUP)
    server.log_contains("reload refused: an upgrade is under way")
    (server.dir / "go").touch()
    server.log_contains(f"new master {new} is ready", 20)
    os.kill(new, signal.SIGUSR2)
    server.log_contains("upgrade refused: the master that started this one "
                        "still lives")
    end(server, new)
    (server.dir / "go").unlink()
    os.kill(old, signal.SIGHUP)
    server.log_contains("reloading: trying")
    os.kill(old, signal.SIGUSR2)
    server.log_contains("upgrade refused: a reload is under way")
    (server.dir / "go").touch()
    server.log_contains("reload is complete", 20)
    assert masters(server) == [old]
    assert version(server) == 2


@pytest.mark.parametrize("how", ["signal", "control"])
def test_a_reload_of_a_new_master_waits_until_it_serves(chain, how):
    """R-16, R-23"""
    control = Control(chain)
    server = chain.start()
    old = server.process.pid
    write_app(server, 2, "while not os.path.exists('go'): time.sleep(0.01)")
    new = start_upgrade(server, old)
    wait_for("its control socket", lambda: control.status()["pid"] == new)
    if how == "signal":
        os.kill(new, signal.SIGHUP)
        server.log_contains("reload waits until the server has started")
        (server.dir / "go").touch()
    else:
        with control.connect() as c:
            c.send(b"POST /reload HTTP/1.1\r\nHost: localhost\r\n"
                   b"Content-Length: 0\r\n\r\n")
            server.log_contains("reload waits until the server has started")
            (server.dir / "go").touch()
            assert c.response().status == 200
    server.log_contains(f"new master {new} is ready", 20)
    server.log_contains("reload is complete, generation 2", 20)
    end(server, old)
    assert version(server) == 2


def test_a_second_term_does_not_wait_for_the_new_master(chain):
    server = chain.start()
    old = server.process.pid
    write_app(server, 2, "while not os.path.exists('go'): time.sleep(0.01)")
    start_upgrade(server, old)
    os.kill(old, signal.SIGTERM)
    server.log_contains("stop waits until")
    os.kill(old, signal.SIGTERM)
    wait_gone(server, old)
    with server.connect() as c:  # the sockets are there
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        (server.dir / "go").touch()
        assert c.response().json()["version"] == 2
