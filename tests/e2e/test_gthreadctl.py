# SPDX-License-Identifier: MIT
"""gthreadctl: what it prints, what it does, and its exit codes."""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from control import controlled, write_app
from harness import BUILD, SANITIZER, scaled, wait_for
from server import Server
from users import ROOT, nobody, open_to_all

GTHREADCTL = os.environ.get("GTHREADCTL", str(BUILD / "gthreadctl"))
DONE, REFUSED, USAGE, NO_SERVER = range(4)


def ctl(server, *args, socket=True):
    command = [GTHREADCTL]
    if socket:
        command += ["-s", server.settings["control-socket"]]
    r = subprocess.run([*command, *args], stdin=subprocess.DEVNULL, text=True,
                       capture_output=True, env=server.env(),
                       timeout=scaled(30), check=False)
    server.check_reports(r.stderr)
    return r


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("ctl"))
    controlled(s, workers=2, threads=3)
    with s.serving():
        yield s


@pytest.fixture
def changing(server):
    controlled(server, workers=1, threads=2)
    return server.start()


def test_status_is_a_summary(running):
    r = ctl(running, "status")
    assert (r.returncode, r.stderr) == (DONE, "")
    assert f"master {running.process.pid}, up " in r.stdout
    assert "listens at   %s:%d" % running.address in r.stdout
    assert re.search(r"^workers +2 of 2 serve, 2 started, \d+", r.stdout, re.M)
    assert "threads      0 of 6 busy" in r.stdout


def test_workers_have_a_line_each(running):
    r = ctl(running, "workers")
    lines = r.stdout.splitlines()
    assert len(lines) == 3 and lines[0].split()[:4] == [
        "PID", "AGE", "GEN", "STATE"]
    assert sorted(int(x.split()[0]) for x in lines[1:]) == \
        running.worker_pids()
    assert all(x.split()[3] == "serving" for x in lines[1:])


def test_threads_and_top_show_the_request_that_runs(running, tmp_path):
    gate = tmp_path / "gate"
    with running.connect() as c:
        # An octet that would act on a terminal.
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        wait_for("the request to run", running.busy_cells)
        lines = ctl(running, "threads").stdout.splitlines()
        assert len(lines) == 7
        busy = [x for x in lines if " running " in x]
        assert len(busy) == 1 and f"GET /slow?{gate}"[:60] in busy[0]
        top = ctl(running, "top", "--batch", "-n", "2")
        assert top.returncode == DONE
        assert top.stdout.count("gthreadd ") == 2
        assert top.stdout.count(f"GET /slow?{gate}"[:60]) == 2
        assert re.search(r"^requests/s +-", top.stdout, re.M)
        assert re.search(r"^requests/s +\d+\.\d", top.stdout, re.M)
        assert "served.py" in ctl(running, "stacks").stdout
        gate.touch()
        assert c.response().status == 200


def test_json_is_what_the_server_says(running):
    r = ctl(running, "--json", "status")
    status = json.loads(r.stdout)
    assert status["pid"] == running.process.pid
    r = ctl(running, "-j", "recycle", "1")
    assert r.returncode == REFUSED
    assert json.loads(r.stdout) == {
        "ok": False, "message": "no worker has the pid 1"}


def test_metrics_and_health_are_printed(running):
    assert "\ngthreadd_workers{state=\"serving\"} 2\n" in \
        ctl(running, "metrics").stdout
    assert ctl(running, "health").stdout == "ok\n"


def test_the_socket_is_found_by_the_settings(running):
    r = ctl(running, "-c", str(running.ini), "status", socket=False)
    assert r.returncode == DONE and str(running.process.pid) in r.stdout
    other = running.dir / "other.ini"
    other.write_text("[gthreadd]\nworkers = 1\n")
    r = ctl(running, "-c", str(other), "status", socket=False)
    assert r.returncode == USAGE and "control-socket is not set" in r.stderr
    other.write_text("[gthreadd]\nworkerz = 1\n")
    r = ctl(running, "-c", str(other), "status", socket=False)
    assert r.returncode == USAGE and "workerz" in r.stderr


@pytest.mark.parametrize("args, why", [
    ((), "which command?"),
    (("dance",), "there is no command 'dance'"),
    (("scale",), "it takes one argument, N"),
    (("scale", "1", "2"), "it takes one argument, N"),
    (("recycle", "1/../.."), "it takes one argument, PID"),
    (("status", "now"), "'status' takes no argument"),
    (("--frobnicate",), "frobnicate"),
    (("-d", "0", "top"), "not a delay: 0"),
    (("-n", "x", "top"), "not a count: x"),
])
def test_wrong_command_lines_are_told(running, args, why):
    r = ctl(running, *args)
    assert r.returncode == USAGE and why in r.stderr
    assert "--help" in r.stderr and r.stdout == ""


def test_help_and_version_need_no_server(running):
    r = ctl(running, "--help", socket=False)
    assert r.returncode == DONE
    for name in ("status", "reload", "scale N", "log-level LEVEL", "stacks"):
        assert f"\n  {name} " in r.stdout
    assert all(len(x) <= 80 for x in r.stdout.splitlines())
    assert ctl(running, "-v", socket=False).stdout.startswith("gthreadctl ")


def test_without_a_server_it_says_so(running, tmp_path):
    r = subprocess.run([GTHREADCTL, "status"], text=True, check=False,
                       capture_output=True, env=running.env())
    assert r.returncode == USAGE and "which server?" in r.stderr
    r = subprocess.run([GTHREADCTL, "-s", str(tmp_path / "none"), "status"],
                       text=True, check=False, capture_output=True,
                       env=running.env())
    assert r.returncode == NO_SERVER and "No such file" in r.stderr
    r = subprocess.run([GTHREADCTL, "-s", "x" * 200, "status"], text=True,
                       check=False, capture_output=True, env=running.env())
    assert r.returncode == NO_SERVER and "too long" in r.stderr


def test_reload_waits_and_its_exit_code_tells(changing):
    write_app(changing, "two")
    r = ctl(changing, "reload")
    assert (r.returncode, r.stdout) == (DONE, "generation 2 serves\n")
    assert changing.get("/").text == "two"
    write_app(changing, "three", "raise RuntimeError('boom')")
    r = ctl(changing, "reload")
    assert r.returncode == REFUSED and r.stdout == ""
    assert "could not import the application" in r.stderr
    assert changing.get("/").text == "two"


def test_status_tells_of_the_last_reload_and_of_ends(changing):
    assert "last reload" not in ctl(changing, "status").stdout
    assert ctl(changing, "reload").returncode == DONE
    assert re.search(r"^generation +2, last reload [\d.]+s ago: ok$",
                     ctl(changing, "status").stdout, re.M)
    write_app(changing, "two", "raise RuntimeError('boom')")
    assert ctl(changing, "reload").returncode == REFUSED
    assert re.search(r"^generation +2, last reload [\d.]+s ago: .*could not "
                     "import", ctl(changing, "status").stdout, re.M)
    write_app(changing, "three")
    os.kill(changing.worker_pids()[0], signal.SIGKILL)
    wait_for("the end to be counted", lambda: re.search(
        r"^ended +.*killed 1\b", ctl(changing, "status").stdout, re.M))


def test_what_does_not_speak_as_gthreadd_is_told(running, tmp_path):
    path = str(tmp_path / "other.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()

        def answer():
            for text in (b"", b"hello\r\n\r\n",
                         b"HTTP/1.0 200 OK\r\n\r\nhello"):
                c = other.accept()[0]
                c.recv(65536)
                c.sendall(text)
                c.close()
        thread = threading.Thread(target=answer)
        thread.start()
        for why in ("the server has ended", "this is not gthreadd",
                    "the answer is not JSON"):
            r = ctl(running, "-s", path, "status", socket=False)
            assert r.returncode == NO_SERVER and why in r.stderr
        thread.join()


def test_the_other_commands_act(changing):
    assert ctl(changing, "scale", "2").stdout == "workers=2\n"
    wait_for("two workers", lambda: len(changing.ready_workers()) == 2)
    pid = changing.worker_pids()[0]
    assert ctl(changing, "recycle", str(pid)).returncode == DONE
    wait_for("it to be replaced", lambda: pid not in changing.worker_pids()
             and len(changing.ready_workers()) == 2)
    assert ctl(changing, "log-level", "debug").stdout == "log-level=debug\n"
    assert ctl(changing, "log-level", "loud").returncode == REFUSED
    changing.error_path.rename(changing.dir / "old.log")
    assert ctl(changing, "reopen").returncode == DONE
    wait_for("the new log", changing.error_path.exists)
    assert ctl(changing, "scale", "0").returncode == DONE
    wait_for("no worker", lambda: ctl(changing, "health").returncode
             == REFUSED)
    assert ctl(changing, "stop").returncode == DONE
    assert changing.wait() == 0
    r = ctl(changing, "status")
    assert r.returncode == NO_SERVER


@pytest.mark.skipif(SANITIZER == "tsan", reason="curses keeps its screen")
def test_top_draws_on_a_terminal_and_q_ends_it(running):
    fd, terminal = pty.openpty()
    env = dict(running.env(), TERM="xterm", COLUMNS="100", LINES="30",
               LSAN_OPTIONS="detect_leaks=0")
    with subprocess.Popen(
            [GTHREADCTL, "-s", running.settings["control-socket"], "top"],
            stdin=terminal, stdout=terminal, stderr=terminal, env=env,
            start_new_session=True) as process:
        os.close(terminal)
        try:
            seen = b""

            def drawn():
                nonlocal seen
                if select.select([fd], [], [], 0.05)[0]:
                    seen += os.read(fd, 4096)
                return b"STATE" in seen and b"serving" in seen
            wait_for("the screen", drawn)
            assert b"gthreadd " in seen
            os.write(fd, b"q")
            assert process.wait(scaled(10)) == DONE
        finally:
            process.kill()
            os.close(fd)


@pytest.mark.skipif(not ROOT, reason="only root can be another")
def test_who_could_not_start_the_server_is_told_of_the_socket(server):
    """Not that the file's user would need root."""
    open_to_all(server)
    program = shutil.copy(GTHREADCTL, server.dir / "ctl")
    controlled(server, user="daemon")
    server.start()
    user, _ = nobody()
    r = subprocess.run([program, "-c", str(server.ini), "status"], text=True,
                       capture_output=True, check=False, user=user.pw_uid,
                       env=server.env(), timeout=scaled(30))
    assert (r.returncode, r.stderr) == (
        NO_SERVER, "gthreadctl: %s: Permission denied\n"
        % server.settings["control-socket"])
