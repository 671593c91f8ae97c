# SPDX-License-Identifier: MIT
"""--daemon: the command returns when the workers are ready, or tells why not."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import (GTHREADD, processes_of_session, scaled, session_of,
                     wait_for)


@pytest.fixture
def daemon(server):
    server.on_port().with_config(workers=2, daemon=True, pid="pid")
    yield server
    pid = master(server)
    if pid and session_of(pid):
        for p in processes_of_session(pid):
            os.kill(p, signal.SIGKILL)


def master(server):
    text = server.read(server.dir / "pid")
    return int(text) if text else None


def has_foreign_pipe(server, pid):
    """One end only: libevent keeps both ends of its own."""
    fds = server.fds(pid)
    return any(x.startswith("pipe:") and fds.count(x) == 1 for x in fds)


def stop(server):
    pid = master(server)
    os.kill(pid, signal.SIGTERM)
    wait_for("the daemon to end", lambda: not processes_of_session(pid), 20)
    assert not (server.dir / "pid").exists()


def test_command_returns_when_all_workers_are_ready(daemon):
    result = daemon.run()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    pid = master(daemon)
    assert session_of(pid) == pid
    assert len(daemon.board(pid)) == 2
    assert all(w["ready"] == 1 for w in daemon.board(pid))
    assert daemon.get("/hello").status == 200
    for p in processes_of_session(pid):
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{p}/fd/{fd}") == "/dev/null"
        assert not has_foreign_pipe(daemon, p)
    assert os.readlink(f"/proc/{pid}/cwd") == str(daemon.dir)
    stop(daemon)


def test_flags_and_paths_are_those_of_the_start(daemon):
    daemon.write_ini()
    daemon.ini.write_text(re.sub("daemon.*\n", "", daemon.ini.read_text()))
    assert daemon.run("-D", "-c", "gthreadd.ini").returncode == 0
    os.kill(master(daemon), signal.SIGHUP)
    daemon.log_contains("reload is complete", 30)
    assert daemon.get("/hello").status == 200
    stop(daemon)


def test_log_on_standard_error_is_seen_until_all_are_ready(daemon):
    daemon.with_config(error_logfile="-", access_logfile="-")
    result = daemon.run()
    assert result.returncode == 0
    assert "daemon without an error-logfile" in result.stderr
    assert len(re.findall("is ready", result.stderr)) == 2
    pid = master(daemon)
    assert daemon.get("/log?text=nobody+sees+this").status == 200
    for p in processes_of_session(pid):
        wait_for("the pipe to be gone",
                 lambda p=p: not has_foreign_pipe(daemon, p))
    first = set(processes_of_session(pid)) - {pid}
    os.kill(pid, signal.SIGHUP)
    wait_for("other workers", lambda: not first & set(
        processes_of_session(pid)), 30)
    assert daemon.get("/hello").status == 200
    stop(daemon)


@pytest.mark.parametrize("settings, code, message", [
    ({"wsgi_app": "absent:app"}, 4, "could not import the application"),
    ({"wsgi_app": "dies"}, 3, "exited with code 7"),
    ({"bind": "192.0.2.1:80"}, 1, "cannot listen on 192.0.2.1:80"),
    ({"threads": "many"}, 1, "setting 'threads'"),
])
@pytest.mark.parametrize("log", ["error.log", "-"])
def test_command_returns_code_and_message_of_a_failure(
        daemon, settings, code, message, log):
    (daemon.dir / "dies.py").write_text("import os\nos._exit(7)\n")
    daemon.with_config(error_logfile=log, **settings)
    result = daemon.run()
    assert result.returncode == code
    assert message in result.stderr
    assert not (daemon.dir / "pid").exists()


def test_outputs_are_kept_when_asked(daemon):
    daemon.with_config(error_logfile="-", enable_stdio_inheritance=True)
    daemon.write_ini()
    out, err = daemon.dir / "out", daemon.dir / "err"
    with open(out, "ab") as o, open(err, "ab") as e:
        subprocess.run([str(GTHREADD), "-c", str(daemon.ini)], check=True,
                       stdin=subprocess.DEVNULL, stdout=o, stderr=e,
                       env=daemon.env(), cwd=daemon.dir,
                       timeout=scaled(30), start_new_session=True)
    pid = master(daemon)
    assert "daemon without" not in err.read_text()
    assert err.read_text().count("is ready") == 2
    assert daemon.get("/log?text=still+seen").status == 200
    wait_for("the log", lambda: "still seen" in err.read_text())
    for p in processes_of_session(pid):
        assert [os.readlink(f"/proc/{p}/fd/{n}") for n in range(3)] \
            == ["/dev/null", str(out), str(err)]
        assert not has_foreign_pipe(daemon, p)
    stop(daemon)


def test_terminal_is_not_kept(daemon):
    daemon.with_config(enable_stdio_inheritance=True)
    daemon.write_ini()
    ours, theirs = os.openpty()
    try:
        subprocess.run([str(GTHREADD), "-c", str(daemon.ini)], check=True,
                       stdin=theirs, stdout=theirs, stderr=theirs,
                       env=daemon.env(), cwd=daemon.dir,
                       timeout=scaled(30), start_new_session=True)
    finally:
        os.close(theirs)
        os.close(ours)
    for p in processes_of_session(master(daemon)):
        assert {os.readlink(f"/proc/{p}/fd/{n}") for n in range(3)} \
            == {"/dev/null"}
    stop(daemon)


def test_second_daemon_is_refused(daemon):
    assert daemon.run().returncode == 0
    result = daemon.run()
    assert result.returncode == 1
    assert f"already running, pid file {daemon.dir}/pid is held by " \
        f"{master(daemon)}" in result.stderr
    assert daemon.get("/hello").status == 200
    stop(daemon)


def test_master_killed_while_it_boots_is_a_failure(daemon):
    (daemon.dir / "slow.py").write_text(
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")
    daemon.with_config(wsgi_app="slow", workers=1)
    result = daemon.run()
    assert result.returncode == 3
    assert "ended by signal 9" in result.stderr
    Path(daemon.dir / "pid").unlink()
