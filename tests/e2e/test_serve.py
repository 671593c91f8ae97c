# SPDX-License-Identifier: MIT
"""Ordinary requests over TCP, the shapes of a response, several workers."""
import json
import os

import pytest
import requests

from harness import free_port, processes_of_session, title_of, wait_for


def test_hello_is_served(shared):
    r = shared.get("/hello")
    assert (r.version, r.status, r.reason) == ("HTTP/1.1", 200, "OK")
    assert r.body == b"Hello, world!\n"
    assert r.get("Content-Type") == "text/plain"
    assert r.get("Content-Length") == "14"
    assert r.get("Server") == "gthreadd"
    assert r.get("Date").endswith(" GMT")


def test_unknown_path_is_the_apps_own_404(shared):
    r = shared.get("/nowhere")
    assert (r.status, r.body) == (404, b"no such path\n")


def test_requests_library_talks_to_it(shared):
    with requests.Session() as s:
        for i in range(20):
            r = s.post(shared.url + "/echo", data=b"%d" % i * 100)
            assert r.content == b"%d" % i * 100


@pytest.mark.parametrize("workers,threads", [(1, 1), (2, 2), (3, 4)])
def test_every_worker_becomes_ready_and_serves(server, workers, threads):
    server.with_config(workers=workers, threads=threads).start()
    pids = server.worker_pids()
    assert len(pids) == workers
    assert all(len(w["cells"]) == threads for w in server.ready_workers())
    for _ in range(20):
        assert server.get("/thread").json()["pid"] in pids


def test_board_counts_what_happened(server):
    server.with_config(threads=2).start()
    with server.connect() as c:
        for _ in range(5):
            c.get("/hello")
        w = wait_for("5 requests on the board", lambda: [
            w for w in server.ready_workers() if w["requests"] >= 5])[0]
        assert w["connections"] == 1
        wait_for("a parked connection", lambda:
                 server.ready_workers()[0]["parked"] == 1)
    wait_for("no connection", lambda:
             server.ready_workers()[0]["connections"] == 0)
    done = sum(c["done"] for c in server.ready_workers()[0]["cells"])
    assert done == 5


def test_pool_threads_have_names_for_threading(shared):
    names = {shared.get("/thread").json()["name"] for _ in range(8)}
    assert names <= {f"gthreadd-{n}" for n in range(1, 5)}


def test_app_threads_run_from_import_on(server):
    """R-33"""
    server.with_config(wsgi_app="background:app", threads=1).start()
    first = server.get("/").json()["count"]
    wait_for("the counter to run without requests",
             lambda: server.get("/").json()["count"] > first + 10)


def test_app_threads_run_while_a_request_computes(server):
    """R-33"""
    server.with_config(wsgi_app="background:app", threads=1).start()
    before = server.get("/").json()["count"]
    assert server.get("/spin").json()["count"] > before


def test_switches_find_app_and_settings(server):
    server.on_port()
    host, port = server.address
    server.spawn("-w", "2", "--threads=2", "--worker-class=gthread",
                 "-b", f"{host}:{port}", "--pythonpath",
                 server.settings["pythonpath"], "--error-logfile",
                 str(server.error_path), "wsgi_app:app")
    server.settings["workers"] = 2
    server.wait_ready()
    assert server.get("/hello").status == 200


def test_sync_class_means_one_thread_and_no_keep_alive(server):
    server.with_config(worker_class="sync", threads=1).start()
    with server.connect() as c:
        assert c.get("/hello").get("Connection") == "close"
        c.expect_close()


@pytest.mark.parametrize("app,body", [
    ("wsgi_app", b"Hello, world!\n"),
    ("wsgi_app:application", b"Hello, world!\n"),
    ("wsgi_app:factory()", b"made\n"),
    ("wsgi_app:factory('a', suffix='b')", b"ab\n"),
    ("wsgi_app:holder.inner", b"object\n"),
])
def test_every_spelling_of_the_app_is_understood(server, app, body):
    server.with_config(wsgi_app=app).start()
    assert server.get("/").body == body


def test_chdir_pythonpath_and_env_reach_the_app(server, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    server.with_config(chdir=work, env=["SPEECH=hello = there", "B=2"])
    server.start()
    seen = server.get("/script").json()
    assert seen["cwd"] == str(work)
    assert seen["environ"]["SPEECH"] == "hello = there"
    assert seen["environ"]["B"] == "2"
    assert server.settings["pythonpath"] in seen["path"]
    assert os.path.realpath(work) in seen["path"] or str(work) in seen["path"]


def test_settings_come_from_the_environment(server):
    server.on_port()
    server.with_env(GTHREADD_ARGS="--threads 3 --workers 2")
    server.settings["workers"] = 2
    server.settings.pop("threads", None)
    workers = server.settings.pop("workers")
    server.write_ini()
    server.settings["workers"] = workers
    server.start("-c", str(server.ini))
    assert {len(w["cells"]) for w in server.ready_workers()} == {3}


def test_titles_name_the_processes(server):
    server.with_config(name="shop").start()

    wait_for("the title of a master that is complete", lambda: title_of(
        server.process.pid) == "gthreadd: master [shop]")
    assert title_of(server.worker_pids()[0]) == "gthreadd: worker [shop]"


def test_title_of_a_master_whose_workers_boot(server):
    gate = server.dir / "gate"
    (server.dir / "slow.py").write_text(
        "import os, time\nfrom wsgi_app import app\n"
        f"while not os.path.exists({str(gate)!r}):\n    time.sleep(.01)\n")
    server.on_port().with_config(wsgi_app="slow:app", name="shop").spawn()
    server.log_contains("booting worker")
    with open(f"/proc/{server.process.pid}/cmdline", "rb") as f:
        assert f.read().startswith(b"gthreadd: starting [shop]")
    gate.touch()
    server.wait_ready()


def test_pidfile_holds_the_master_and_goes(server):
    pidfile = server.dir / "run.pid"
    server.with_config(pid=pidfile).start()
    assert pidfile.read_text().strip() == str(server.process.pid)
    server.stop()
    assert not pidfile.exists()


def test_second_server_with_the_same_pidfile_is_refused(make_server):
    one, two = make_server(), make_server()
    pidfile = one.dir / "run.pid"
    one.with_config(pid=pidfile).start()
    r = two.with_config(pid=pidfile).run()
    assert r.returncode == 1
    assert pidfile.read_text().strip() == str(one.process.pid)
    assert one.get("/hello").status == 200


def test_descriptors_do_not_pile_up(server):
    server.with_config(threads=2).start()
    pid = server.worker_pids()[0]
    for target in ("/hello", "/file?n=100000", "/stream", "/error/before"):
        for _ in range(5):
            server.get(target)
    wait_for("no connection", lambda:
             server.ready_workers()[0]["connections"] == 0)
    before = len(server.fds(pid))
    for target in ("/hello", "/file?n=100000", "/stream", "/error/before"):
        for _ in range(30):
            server.get(target)
    wait_for("no connection", lambda:
             server.ready_workers()[0]["connections"] == 0)
    wait_for("the descriptors to be closed",
             lambda: len(server.fds(pid)) <= before)


def test_port_is_free_after_the_end(make_server):
    one, two = make_server(), make_server()
    port = free_port()
    for s in (one, two):
        s.address = ("127.0.0.1", port)
        s.with_config(bind=f"127.0.0.1:{port}").start()
        assert json.loads(s.get("/counters").body)["calls"] >= 1
        s.stop()


def test_closed_standard_descriptors_are_no_sockets(server):
    def close_all():
        for fd in range(3):
            os.close(fd)
    server.start(preexec_fn=close_all)
    for pid in processes_of_session(server.process.pid):
        for fd in range(3):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    assert server.get("/").status == 200
