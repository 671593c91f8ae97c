# SPDX-License-Identifier: MIT
"""Processes that the application forks: they are no second workers."""
import signal

import pytest

from harness import processes_of_session, session_of, wait_for

CAME_BACK = "came back from it and is ended"


@pytest.fixture(name="forking")
def fixture_forking(server):
    return server.with_config(wsgi_app="fork_app:app").start()


def ended(server, n):
    """
    Only the master and its worker are left, and n lines say why. A child has
    written them itself, before the worker knew of its end.
    """
    assert server.error_log().count(CAME_BACK) == n
    assert len(processes_of_session(server.process.pid)) == 2


@pytest.mark.parametrize("path, code", [
    ("/exit", b"7"), ("/none", b"0"), ("/text", b"1")])
def test_child_that_exits_has_the_code_it_asked_for(forking, path, code):
    with forking.connect() as c:
        assert c.get(path).body == code
        assert c.get(path).body == code  # nothing came from the child
    ended(forking, 0)


@pytest.mark.parametrize("path", ["/return", "/raise", "/write"])
def test_child_that_comes_back_is_ended_and_told(forking, path):
    with forking.connect() as c:
        assert c.get(path).body == b"1"
        assert c.get(path).body == b"1"
    ended(forking, 2)
    assert ("ValueError: from a child" in forking.error_log()) \
        == (path == "/raise")


@pytest.mark.parametrize("path, code", [
    ("/stream", b"1"), ("/stream/exit", b"7")])
def test_child_of_a_generator_sends_nothing(forking, path, code):
    with forking.connect() as c:
        assert c.get(path).body == b"first " + code
        assert c.get(path).body == b"first " + code
    ended(forking, 2 if code == b"1" else 0)


def test_child_reaches_the_error_log(forking):
    with forking.connect() as c:
        c.get("/exit")
    forking.log_contains("^child of /exit$")


def test_child_of_a_preloaded_worker_is_ended_too(server):
    server.with_config(wsgi_app="fork_app:app", preload=True).start()
    with server.connect() as c:
        assert c.get("/exit").body == b"7"
        assert c.get("/return").body == b"1"
    assert server.error_log().count(CAME_BACK) == 1


@pytest.mark.parametrize("how, lines", [
    ("", 1), ("import sys; sys.exit()", 0), ("1/0", 1)])
def test_child_that_an_import_leaves_behind_is_ended(server, how, lines):
    (server.dir / "leaver.py").write_text(
        f"import os\nif os.fork() == 0:\n    {how or 'pass'}\n"
        "else:\n    os.wait()\n"
        "from wsgi_app import app\n")
    server.with_config(wsgi_app="leaver:app").start()
    ended(server, lines)
    assert server.get("/").status == 200


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1",
                                  "SIGHUP"])
def test_signal_to_a_child_ends_it_and_not_the_worker(forking, name):
    """multiprocessing ends its processes by TERM."""
    pids = forking.worker_pids()
    number = signal.Signals[name]
    assert forking.get(f"/{name}").body == b"-%d" % number
    assert forking.get("/exit").body == b"7"
    assert forking.worker_pids() == pids
    assert "worker drains" not in forking.error_log()
    assert "worker quits" not in forking.error_log()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGWINCH"])
def test_signal_to_a_program_acts_as_it_does_by_default(forking, name):
    number = signal.Signals[name]
    code = 0 if name == "SIGWINCH" else -number
    assert forking.get(f"/run/{name}").body == b"%d" % code


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
@pytest.mark.parametrize("how", [
    "pid = subprocess.Popen(['sleep', '100']).pid",
    "pid = os.fork()\nif pid == 0:\n    time.sleep(100)\n    os._exit(0)",
], ids=["program", "fork"])
def test_process_of_a_preloaded_import_obeys_signals(server, how, name):
    """The forkserver, which forks it, does not."""
    (server.dir / "starter.py").write_text(
        f"import os, subprocess, time\n{how}\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%d' % pid]\n")
    server.with_config(wsgi_app="starter:app", preload=True).start()
    number, pid = signal.Signals[name], int(server.get("/").body)
    server.signal(number, pid)
    wait_for("it to end", lambda: session_of(pid) is None)
    assert int(server.get("/").body) == pid
