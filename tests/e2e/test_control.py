# SPDX-License-Identifier: MIT
"""The control socket: what it shows, what it does, and for whom."""
import os
import signal
import socket
import stat
import subprocess

import pytest

from control import Control, ask, controlled, write_app
from harness import PYTHON, together, wait_for
from server import Server
from users import ROOT


@pytest.fixture
def control(server):
    return controlled(server, workers=2, threads=3)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One that the tests which only look share."""
    s = Server(tmp_path_factory.mktemp("control"))
    s.sections["env"] = {"DB_PASSWORD": "hunter2"}
    c = controlled(s, workers=2, threads=3)
    with s.serving():
        yield c


# ---- what it shows ----

def test_status_tells_version_pid_workers_and_listeners(running):
    s = running.status()
    assert s["server"] == "gthreadd" and s["state"] == "running"
    assert s["pid"] == running.server.process.pid
    assert s["version"] and s["uptime"] > 0
    assert s["generation"] == 1 and s["reload"]["state"] == "none"
    assert s["listeners"] == ["%s:%d" % running.server.address]
    assert s["workers_wanted"] == 2 and s["workers_started"] == 2
    assert [w["state"] for w in s["workers"]] == ["serving"] * 2
    assert sorted(w["pid"] for w in s["workers"]) == \
        running.server.worker_pids()
    for w in s["workers"]:
        assert w["rss"] > 1 << 20 and w["boot_seconds"] > 0
        assert w["generation"] == 1 and len(w["threads"]) == 3
        assert w["loop_beat_age"] is not None
        assert w["gil_beat_age"] is not None


def test_status_has_settings_with_origin_and_hides_secrets(running):
    r = running.ask("/status")
    settings = {s["name"]: s for s in r.json()["settings"]}
    assert settings["workers"]["value"] == "2"
    assert "gthreadd.ini:" in settings["workers"]["origin"]
    assert settings["keep-alive"]["origin"] == "default"
    assert settings["env"]["value"] == "DB_PASSWORD=***"
    assert b"hunter2" not in r.body


def test_status_shows_what_a_thread_does(running, tmp_path):
    gate = tmp_path / "gate"
    with running.server.connect() as c:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())

        def busy():
            return [t for w in running.status()["workers"]
                    for t in w["threads"] if t["state"] == "running"]
        t = wait_for("the request to be shown", busy)[0]
        assert f"GET /slow?{gate}".startswith(t["text"])
        assert t["peer"] == "127.0.0.1"
        assert t["request_seconds"] >= 0 and t["request"] >= 1
        gate.touch()
        assert c.response().status == 200
    wait_for("the thread to be free", lambda: not busy())


def test_connections_are_kept_alive_and_answered_in_turn(running):
    with running.connect() as c:
        assert ask(c, "/healthz").json() == {"ok": True, "message": "ok"}
        assert ask(c, "/status").status == 200
        assert ask(c, "/status", "HEAD").body == b""


def test_wrong_requests_are_told_what_is_wrong(running):
    assert running.ask("/nothing").status == 404
    assert running.ask("/reload").status == 405
    assert running.post("/status").status == 405
    assert running.post("/workers").json() == {
        "ok": False, "message": "parameter n is missing"}
    for n in ("-1", "1025", "x", ""):
        assert running.post(f"/workers?n={n}").status == 400
    assert running.post("/log-level?level=loud").status == 400
    assert running.post("/workers/1/recycle").status == 404
    assert running.post("/workers/x/recycle").status == 404
    assert running.ask("/status", "DELETE").status in (405, 501)
    assert running.status()["workers_wanted"] == 2


def test_pages_of_other_hosts_can_neither_act_nor_read(running):
    """Who has a tunnel to the socket also has a browser."""
    r = running.ask("/stop", "POST",
                    headers=[("Origin", "http://evil.example")])
    assert r.status == 403
    with running.connect() as c:
        c.send(b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert c.response().status == 403
        c.send(b"GET /status HTTP/1.1\r\nHost: localhost:8080\r\n\r\n")
        assert c.response().status == 200
    assert running.status()["state"] == "running"


def test_stacks_show_where_the_threads_are(running, tmp_path):
    gate = tmp_path / "gate"
    with running.server.connect() as c:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        wait_for("the request to run", running.server.busy_cells)
        r = running.ask("/stacks")
        assert r.status == 200
        assert r.text.count("== worker ") == 2
        assert "served.py" in r.text
        assert f'request="GET /slow?{gate}'[:40] in r.text
        gate.touch()
        assert c.response().status == 200


def test_a_worker_whose_gil_is_held_says_so_in_the_stacks(control):
    """The master waits two seconds for it, and goes on meanwhile."""
    app = control.server.dir / "served.py"
    app.write_text("""
import ctypes
def app(environ, start_response):
    if environ["PATH_INFO"] == "/hold":
        ctypes.PyDLL(None).usleep(4000000)
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
""")
    control.server.with_config(workers=2).start()
    with control.server.connect() as c, control.connect() as k:
        c.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("the request to run", control.server.busy_cells)
        k.send(b"GET /stacks HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert control.ask("/healthz").status == 200
        r = k.response()
        assert r.text.count("== worker ") == 2
        assert r.text.count("does not answer within 2s") == 1
        assert c.response().status == 200


# ---- bounds ----

def test_large_heads_and_bodies_are_refused(running):
    with running.connect() as c:
        c.send(b"GET /status HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n")
        assert c.response().status in (400, 413)
    with running.connect() as c:
        c.send(b"POST /reopen HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: 70000\r\n\r\n")
        assert c.response().status == 413


def test_connections_are_bounded_and_silent_ones_are_closed(running):
    def accepted():
        """By the kernel: those in its queue have no inode yet."""
        with open("/proc/self/net/unix", encoding="utf-8") as f:
            rows = [line.split() for line in f]
        return sum(r[7].startswith(running.path) and r[5] == "03"
                   and r[6] != "0" for r in rows if len(r) == 8)
    wait_for("earlier connections to end", lambda: accepted() == 0)
    silent = []

    def connect():
        try:
            silent.append(running.connect())
        except BlockingIOError:  # the kernel's queue is full for a moment
            pass
        return len(silent) == 40
    try:
        wait_for("40 connections", connect)
        wait_for("connections to be taken", lambda: accepted() >= 32)
        assert accepted() == 32
        # The first are closed for their silence; then the others' turn comes.
        assert running.status()["state"] == "running"
        assert silent[0].sock.recv(1) == b""
    finally:
        for c in silent:
            c.close()
    wait_for("connections to be closed", lambda: accepted() == 0)


# ---- for whom ----

def test_socket_is_for_its_owner(running):
    st = os.stat(running.path)
    assert stat.S_ISSOCK(st.st_mode)
    assert stat.S_IMODE(st.st_mode) == 0o600


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_other_users_are_refused_whatever_the_mode(control, tmp_path):
    control.server.with_config(control_socket_mode="0666").start()
    for p in (control.server.dir, *control.server.dir.parents[:4]):
        if str(p) != "/tmp":
            os.chmod(p, 0o755)
    code = ("import os,socket,sys; os.setgid(65534); os.setuid(65534);"
            "s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "s.sendall(b'GET /status HTTP/1.0\\r\\n\\r\\n');"
            "print(s.recv(100).split()[1].decode())")
    r = subprocess.run([PYTHON, "-c", code, control.path], text=True,
                       capture_output=True, check=False)
    assert r.stdout.strip() == "403", r.stderr
    control.server.log_contains(r"control socket: refused uid=65534")
    assert control.status()["state"] == "running"


def test_workers_do_not_inherit_it(running):
    with running.connect() as c:
        assert ask(c, "/healthz").status == 200
        old = running.server.worker_pids()
        assert running.post(f"/workers/{old[0]}/recycle").status == 202
        wait_for("the successor", lambda: old[0] not in
                 running.server.worker_pids()
                 and len(running.server.worker_pids()) == 2)
        new = max(running.status()["workers"], key=lambda w: w["age"])["pid"]
        tables = open(f"/proc/{new}/net/unix", encoding="utf-8").read()
        inodes = {line.split()[6] for line in tables.splitlines()
                  if running.path in line}
        held = {x[8:-1] for x in running.server.fds(new)
                if x.startswith("socket:")}
        assert inodes and not inodes & held


# ---- what it does ----

def test_reload_answers_when_the_new_generation_serves(control):
    s = control.server.start()
    write_app(s, "two")
    r = control.post("/reload")
    assert r.status == 200, r.body
    assert r.json() == {"ok": True, "message": "generation 2 serves"}
    assert s.get("/").text == "two"
    st = control.status()
    assert st["reload"]["state"] == "none" and st["reload"]["last_ok"] is True
    assert st["generation"] == 2
    wait_for("the old workers to end",
             lambda: control.status()["ended"]["reload"] == 2)


def test_failed_reload_answers_409_and_says_why(control):
    s = control.server.start()
    write_app(s, "bad", "raise RuntimeError('boom')")
    r = control.post("/reload")
    assert r.status == 409
    assert "could not import the application" in r.json()["message"]
    s.ini.write_text(s.ini.read_text() + "threadz = 3\n")
    r = control.post("/reload")
    assert r.status == 409
    assert "gthreadd.ini:" in r.json()["message"]
    assert "threadz" in r.json()["message"]
    st = control.status()
    assert st["reload"]["last_ok"] is False and st["generation"] == 1
    assert s.get("/").text == "one"


def test_every_reload_that_is_asked_for_at_once_is_answered(control):
    control.server.start()
    write_app(control.server, "two")
    assert together(4, lambda _: control.post("/reload").status) == [200] * 4
    assert control.server.get("/").text == "two"


def test_a_client_that_does_not_wait_for_the_reload_harms_nothing(control):
    s = control.server.start()
    write_app(s, "two")
    with control.connect() as c:
        c.send(b"POST /reload HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: 0\r\n\r\n")
        s.log_contains("trying generation 2")
    s.log_contains("reload is complete")
    assert control.status()["generation"] == 2


def test_stop_while_a_reload_is_tried_answers_both(control):
    s = control.server.start()
    write_app(s, "hangs", "time.sleep(600)")
    with control.connect() as c:
        c.send(b"POST /reload HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: 0\r\n\r\n")
        s.log_contains("trying generation 2")
        assert control.post("/stop").status == 202
        r = c.response()
        assert r.status == 409
        assert r.json()["message"].startswith("the server stops")
    assert s.wait() == 0


def test_workers_are_scaled(control):
    s = control.server.start()
    assert control.post("/workers?n=3").json()["message"] == "workers=3"
    wait_for("three workers", lambda: len(s.ready_workers()) == 3)
    assert control.post("/workers?n=1").status == 200
    wait_for("one worker", lambda: len(s.ready_workers()) == 1)
    wait_for("the ends to be counted",
             lambda: control.status()["ended"]["scale"] == 2)
    assert control.post("/workers?n=0").status == 200
    wait_for("no worker", lambda: not control.status()["workers"])
    assert control.ask("/healthz").json() == {
        "ok": False, "message": "no worker is ready"}
    assert control.post("/workers?n=2").status == 200
    wait_for("two workers", lambda: control.ask("/healthz").status == 200)


def test_a_worker_is_recycled_and_its_end_is_counted(control):
    s = control.server.start()
    pid = s.worker_pids()[0]
    r = control.post(f"/workers/{pid}/recycle")
    assert r.status == 202
    wait_for("the end to be counted",
             lambda: control.status()["ended"]["recycle"] == 1)
    assert pid not in s.worker_pids() and len(s.worker_pids()) == 2


def test_ends_of_workers_are_told_apart(control):
    s = control.server.start()
    os.kill(s.worker_pids()[0], signal.SIGKILL)
    wait_for("the kill", lambda: control.status()["ended"]["killed"] == 1)
    wait_for("two workers", lambda: len(s.ready_workers()) == 2)
    # Not SIGSEGV: AddressSanitizer makes an exit of it.
    os.kill(s.worker_pids()[0], signal.SIGTRAP)
    wait_for("the crash", lambda: control.status()["ended"]["crash"] == 1)
    assert sum(control.status()["ended"].values()) == 2


def test_what_cannot_be_done_now_is_refused_with_the_reason(control):
    """A worker that drains, and a reload that is being tried."""
    s = control.server.start()
    gate, go = s.dir / "gate", s.dir / "go"
    with s.connect() as c:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        wait_for("it to run", s.busy_cells)
        pid = next(w["pid"] for w in s.ready_workers()
                   if any(x["state"] == "running" for x in w["cells"]))
        assert control.post(f"/workers/{pid}/recycle").status == 202
        s.log_contains(f"worker {pid} is told to end")
        r = control.post(f"/workers/{pid}/recycle")
        assert r.status == 409
        assert r.json()["message"] == f"worker {pid} does not serve"
        gate.touch()
        assert c.response().status == 200
    write_app(s, "two", f"while not os.path.exists({str(go)!r}): "
              "time.sleep(0.01)")
    s.signal(signal.SIGHUP)
    s.log_contains("reloading: trying")
    r = control.post("/workers?n=3")
    assert r.status == 409
    assert r.json()["message"] == "a reload is being tried"
    go.touch()
    s.log_contains("reload is complete")
    assert control.post("/workers?n=3").status == 200


def test_log_level_changes_in_master_and_workers(control):
    s = control.server.start()
    s.get("/")
    assert " [DEBUG] " not in s.error_log()
    assert control.post("/log-level?level=debug").status == 200

    def served():
        s.get("/")
        return f"[{os.getpid()}]" not in s.error_log() and \
            "[DEBUG] connection closed" in s.error_log()
    wait_for("a debug line", served)
    assert control.post("/workers?n=3").status == 200
    wait_for("three workers", lambda: len(s.ready_workers()) == 3)
    young = max(control.status()["workers"], key=lambda w: w["age"])["pid"]
    s.log_contains(rf"\[{young}\] \[DEBUG\]")
    assert control.post("/log-level?level=error").status == 200


def test_log_level_can_be_set_while_workers_end(control):
    control.server.start()
    for _ in range(3):
        assert control.post("/reload").status == 200
        r = control.post("/log-level?level=debug")
        assert r.status == 200, r.text


def test_reopen_opens_the_logs_again(control):
    s = control.server.start()
    s.error_path.rename(s.dir / "old.log")
    assert control.post("/reopen").status == 202
    wait_for("the new log", s.error_path.exists)


def test_stop_and_quit_end_the_server_and_the_file_goes(make_server):
    for verb in ("stop", "quit"):
        s = make_server()
        write_app(s, "one")
        s.with_config(wsgi_app="served:app")
        c = Control(s)
        s.start()
        assert c.post(f"/{verb}").status == 202
        assert s.wait() == 0
        assert not os.path.exists(c.path)


# ---- the file ----

def test_a_file_that_a_dead_server_left_is_replaced(control):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(control.path)
    control.server.start()
    assert control.status()["state"] == "running"


def test_an_address_in_use_or_unusable_is_refused_with_the_reason(
        control, make_server, tmp_path):
    control.server.start()
    other = make_server()
    write_app(other, "one")
    other.with_config(wsgi_app="served:app", control_socket=control.path)
    r = other.run()
    assert r.returncode == 1
    assert "another server listens there" in other.output() + r.stderr
    assert control.status()["state"] == "running"
    for path, why in ((tmp_path / "none" / "c", "No such file"),
                      ("/proc/c.sock", "control socket /proc/c.sock: "),
                      (other.ini, "not a socket"),
                      (tmp_path / ("x" * 100), "too long")):
        other.with_config(control_socket=str(path))
        r = other.run()
        assert r.returncode == 1
        assert why in other.output() + r.stderr


def test_reload_keeps_the_socket_and_names_a_changed_one(control):
    s = control.server.start()
    inode = os.stat(control.path).st_ino
    s.with_config(control_socket=str(s.dir / "other.sock"))
    s.write_ini()
    assert control.post("/reload").status == 200
    s.log_contains("control-socket.*restart")
    assert os.stat(control.path).st_ino == inode
    assert not (s.dir / "other.sock").exists()


def test_a_removed_file_is_made_anew(control):
    s = control.server.start()
    os.unlink(control.path)
    s.log_contains("control socket made anew", timeout=20)
    assert control.status()["state"] == "running"


def test_there_is_none_by_default(server):
    server.start()
    assert not [x for x in os.listdir(server.dir) if x.endswith(".sock")]
    assert "control socket" not in server.error_log()
