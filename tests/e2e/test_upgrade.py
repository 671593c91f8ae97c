# SPDX-License-Identifier: MIT
"""USR2: a new program takes over, or not, and no request is lost."""
import fcntl
import os
import re
import shutil
import signal
import socket

import pytest

from control import Control
from harness import GTHREADD, free_port, title_of, wait_for
from load import Load
from manager import Manager
from reloading import changed, version, write_app
from upgrading import end, masters, start_upgrade, upgrade, wait_gone


# ---- under load ----

def test_upgrades_under_load_lose_no_request(chain):
    """R-23"""
    server = chain.start()
    master = server.process.pid
    with Load(server.address) as load:
        for v in (2, 3, 4):
            write_app(server, v)
            new = upgrade(server, master)
            load.wait_for(32)
            end(server, master)
            server.log_contains(f"old master {master} is gone")
            assert version(server) == v
            master = new
            load.wait_for(32)
    load.check()
    assert masters(server) == [master]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGWINCH])
def test_old_master_is_dismissed_before_the_new_one_is_ready(chain, number):
    server = chain.start()
    old = server.process.pid
    with Load(server.address) as load:
        write_app(server, 2, "time.sleep(1)")
        new = start_upgrade(server, old)
        os.kill(old, number)
        server.log_contains(f"(stop waits|workers stay) until new master "
                            f"{new} is ready")
        if number == signal.SIGTERM:
            wait_gone(server, old)
        else:
            wait_for("the old workers to end", lambda: not server.board(old),
                     20)
        assert version(server) == 2
        load.wait_for(32)
    load.check()


def test_upgrade_on_a_unix_socket(chain):
    """R-23"""
    server = chain.on_unix() or chain
    server.start()
    master = server.process.pid
    with Load(server.address) as load:
        new = upgrade(server, master)
        end(server, new)  # back
        load.wait_for(32)
        new = upgrade(server, master)
        end(server, master)
        load.wait_for(32)
    load.check()
    assert os.path.exists(server.address)
    end(server, new)
    assert not os.path.exists(server.address)


def test_upgrade_keeps_sockets_of_the_service_manager(chain):
    server = chain
    with socket.create_server(("127.0.0.1", 0)) as passed:
        server.address = passed.getsockname()
        path = str(server.dir / "own.sock")
        server.with_config(bind=f"unix:{path}")
        start_with_listen_fds(server, passed)
    master = server.process.pid
    listening = r"listening at: http://%s:%d \(\d+\) name=web$" \
        % server.address
    server.log_contains(listening)
    with Load(server.address) as load:
        for i in range(2):
            new = upgrade(server, master)
            end(server, master)
            load.wait_for(16)
            assert len(re.findall(listening, server.error_log(), re.M)) \
                == 2 + i
            master = new
    load.check()
    server.address = path
    assert version(server) == 1


def start_with_listen_fds(server, sock):
    """As systemd does: descriptor 3, LISTEN_PID is the process itself."""
    helper = server.dir / "activate.py"
    helper.write_text(
        "import os, sys\n"
        "os.dup2(int(sys.argv[1]), 3, inheritable=True)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()),\n"
        "                  LISTEN_FDNAMES='web')\n"
        "os.execv(sys.argv[2], sys.argv[2:])\n")
    server.write_ini()
    server.program = "/usr/bin/python3"
    server.start(str(helper), str(sock.fileno()), str(GTHREADD), "-c",
                 str(server.ini), pass_fds=[sock.fileno()])


def test_addresses_that_change_with_the_upgrade(chain):
    server = chain.start()
    first, old = server.address, server.process.pid
    second = ("127.0.0.1", free_port())
    with Load(first) as load:
        changed(server, bind=[server.settings["bind"], "%s:%d" % second])
        new = upgrade(server, old)
        end(server, old)
        load.wait_for(16)
        server.address = second
        assert version(server) == 1
        changed(server, bind="%s:%d" % second)
    load.check()
    with Load(second) as load:
        last = upgrade(server, new)
        end(server, new)
        load.wait_for(16)
    load.check()
    assert masters(server) == [last]
    server.address = first
    with pytest.raises(ConnectionRefusedError):
        server.connect()


# ---- what is started ----

def test_the_program_that_is_there_now_is_run(chain):
    """R-23"""
    server = chain
    releases = [server.dir / "1", server.dir / "2"]
    for release in releases:
        release.mkdir()
        shutil.copy(GTHREADD, release / "gthreadd")
    current = server.dir / "current"
    current.symlink_to("1")
    server.on_port().write_ini()
    server.with_env(PWD=str(current))
    server.program = "./gthreadd"
    server.start("--error-logfile", str(server.error_path), "served:app", "-c",
                 "../gthreadd.ini", cwd=current)
    master = server.process.pid
    # A symbolic link that is switched.
    current.unlink()
    current.symlink_to("2")
    new = upgrade(server, master)
    assert os.readlink(f"/proc/{new}/exe") == str(releases[1] / "gthreadd")
    assert os.readlink(f"/proc/{new}/cwd") == str(releases[1])
    end(server, master)
    # A file that is replaced, as dpkg does it.
    shutil.copy(GTHREADD, releases[1] / "gthreadd.new")
    os.rename(releases[1] / "gthreadd.new", releases[1] / "gthreadd")
    assert os.readlink(f"/proc/{new}/exe").endswith("(deleted)")
    last = upgrade(server, new)
    assert os.readlink(f"/proc/{last}/exe") == str(releases[1] / "gthreadd")
    end(server, new)
    assert version(server) == 1


def test_environment_is_that_of_the_start(chain):
    """R-23"""
    server = chain.with_env(WHO="me", LISTEN_PID="1", LISTEN_FDS="3",
                            LISTEN_FDNAMES="a:b:c").start()
    old = server.process.pid
    new = upgrade(server, old)
    end(server, old)
    assert server.get("/").json()["env"] == "me"
    write_app(server, 2, "assert not {'GTHREADD_UPGRADE', 'LISTEN_FDS', "
              "'LISTEN_FDNAMES'} & set(os.environ)")
    os.kill(new, signal.SIGHUP)
    server.log_contains("reload is complete", 20)
    assert version(server) == 2


def test_descriptors_of_the_old_master_do_not_leak(chain):
    server = chain.with_config(pid="pid").start()
    old = server.process.pid
    before = sorted(x.split(":")[0] for x in server.fds(old))
    new = upgrade(server, old)
    end(server, old)
    server.log_contains(f"old master {old} is gone")
    wait_for("the same descriptors", lambda: before == sorted(
        x.split(":")[0] for x in server.fds(new)))


# ---- pid files ----

def test_pid_file_of_the_new_master_becomes_the_pid_file(chain):
    server = chain.with_config(pid="pid").start()
    old = server.process.pid
    first, second = server.dir / "pid", server.dir / "pid.2"
    new = upgrade(server, old)
    assert (first.read_text(), second.read_text()) == (f"{old}\n", f"{new}\n")
    assert title_of(new) == "gthreadd: master [served:app.2]"
    end(server, old)
    wait_for("the pid file to move", lambda: not second.exists())
    assert first.read_text() == f"{new}\n"
    assert title_of(new) == "gthreadd: master [served:app]"
    last = upgrade(server, new)
    end(server, last)
    wait_for("one pid file", lambda: not second.exists())
    assert first.read_text() == f"{new}\n"
    refused = server.run()
    assert refused.returncode == 1
    assert f"is held by {new}" in refused.stderr
    end(server, new)
    assert not first.exists()


@pytest.mark.parametrize("how, says", [
    ("another server", r"another server has \S+/pid/file$"),
    ("no directory", "No such file or directory$")])
def test_pid_file_that_cannot_be_taken_over_stays_and_it_is_told(
        chain, how, says):
    server = chain.with_config(pid="pid/file")
    first, second = server.dir / "pid/file", server.dir / "pid/file.2"
    first.parent.mkdir()
    server.start()
    old = server.process.pid
    new = upgrade(server, old)
    if how == "another server":
        first.unlink()
    else:
        shutil.rmtree(first.parent)
    with open(first if first.parent.exists() else os.devnull, "w+",
              encoding="ascii") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("1\n")
        other.flush()
        end(server, old)
        server.log_contains(rf"pid file stays \S+/pid/file\.2: {says}")
        assert version(server) == 1
        end(server, new)
    if how == "another server":
        assert first.read_text() == "1\n"
        assert not second.exists()


def test_new_master_takes_over_when_the_old_one_is_killed(chain):
    server = chain.with_config(pid="pid").start()
    old, workers = server.process.pid, set(server.worker_pids())
    new = upgrade(server, old)
    end(server, old, signal.SIGKILL)
    server.log_contains(f"old master {old} is gone")
    # They leave at once, but may take a connection along.
    wait_for("its workers to end",
             lambda: not workers & set(server.processes()))
    wait_for("the pid file", lambda: (
        server.dir / "pid").read_text() == f"{new}\n")
    assert not (server.dir / "pid.2").exists()
    assert version(server) == 1


def test_control_socket_goes_over_and_comes_back(chain):
    control = Control(chain)
    server = chain.start()
    old = server.process.pid
    assert control.status()["pid"] == old
    new = upgrade(server, old)
    assert control.status()["pid"] == new
    end(server, new)
    wait_for("the file", lambda: os.path.exists(control.path))
    assert control.status()["pid"] == old
    new = upgrade(server, old)
    end(server, old)
    assert control.status()["pid"] == new


# ---- who is told ----

def test_service_manager_follows_the_main_process(chain, tmp_path):
    """R-23, R-24"""
    path = str(tmp_path / "notify")
    manager = Manager(path)
    try:
        server = chain.with_env(NOTIFY_SOCKET=path, WATCHDOG_USEC="20000000")
        server.start()
        old = server.process.pid
        manager.wait("READY")
        new = upgrade(server, old)
        assert manager.wait("MAINPID")["MAINPID"] == str(new)
        end(server, new)
        assert manager.wait("MAINPID", 2)["MAINPID"] == str(old)
        new = upgrade(server, old)
        assert manager.wait("MAINPID", 3)["MAINPID"] == str(new)
        end(server, old)
        assert not manager.having("STOPPING")
        os.kill(new, signal.SIGHUP)
        manager.wait("RELOADING")
        end(server, new)
        manager.wait("STOPPING")
    finally:
        manager.close()


def test_the_master_that_serves_tells_the_watchdog(chain, tmp_path):
    """R-24: WATCHDOG_PID of the start is not the new master's."""
    path = str(tmp_path / "notify")
    manager = Manager(path)

    def told_by(pid):
        """Only by it, for several times."""
        mark = len(manager.read())

        def four():
            last = [m["pid"] for m in manager.read()[mark:]
                    if "WATCHDOG" in m][-4:]
            return last == [pid] * 4
        wait_for(f"the watchdog to hear of {pid} alone", four, 20)
    try:
        start = chain.dir / "start"
        start.write_text(
            f"#!/bin/sh\nexport WATCHDOG_PID=$$\nexec {GTHREADD} \"$@\"\n")
        start.chmod(0o755)
        chain.program = str(start)
        server = chain.with_env(NOTIFY_SOCKET=path, WATCHDOG_USEC="400000")
        server.start()
        old = server.process.pid
        told_by(old)
        new = upgrade(server, old)
        told_by(new)
        os.kill(old, signal.SIGWINCH)
        end(server, new)
        told_by(old)
        new = upgrade(server, old)
        end(server, old)
        told_by(new)
    finally:
        manager.close()


def test_daemon_is_upgraded(server):
    """R-23"""
    write_app(server, 1)
    server.on_port().with_config(wsgi_app="served:app", daemon=True,
                                 pid="pid")
    assert server.run().returncode == 0
    pid_file = server.dir / "pid"
    old = int(pid_file.read_text())
    try:
        os.kill(old, signal.SIGUSR2)
        server.log_contains(r"new master \d+ is ready", 20)
        os.kill(old, signal.SIGTERM)
        wait_for("promotion", lambda: server.read(pid_file) not in
                 ("", f"{old}\n"), 20)
        new = int(pid_file.read_text())
        assert version(server) == 1
        assert [os.readlink(f"/proc/{new}/fd/{n}") for n in range(3)] \
            == ["/dev/null"] * 3
        os.kill(new, signal.SIGTERM)
        wait_for("the end", lambda: not os.path.exists(f"/proc/{new}"), 20)
        assert not pid_file.exists()
    finally:
        for path in (pid_file, server.dir / "pid.2"):
            if path.exists():
                os.kill(int(path.read_text()), signal.SIGKILL)
