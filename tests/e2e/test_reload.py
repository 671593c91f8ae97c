# SPDX-License-Identifier: MIT
"""HUP, TTIN, TTOU, WINCH and recycling: no request is lost on the way."""
import os
import re
import signal
import socket

import pytest

from harness import SANITIZER, free_port, scaled, wait_for
from load import Load
from reloading import BROKEN, changed, drained, reload, version, write_app


# ---- under load ----

def test_hups_under_load_lose_no_request(reloaded):
    """R-15"""
    server = reloaded.start()
    with Load(server.address) as load:
        for v in range(2, 8):
            write_app(server, v)
            reload(server)
            assert version(server) == v
            load.wait_for(64)
    load.check()


def test_clients_that_pause_within_the_quiet_window_lose_no_request(reloaded):
    """R-14, R-15: the keep-alive race"""
    server = reloaded.start()
    with Load(server.address, one_shot=0, pause=0.35) as load:
        for v in (2, 3, 4):
            write_app(server, v)
            reload(server)
            load.wait_for(64)
    load.check()


def test_hups_on_an_inherited_socket_lose_no_request(reloaded):
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        fd = inherited.fileno()
        server = reloaded.with_config(bind=f"fd://{fd}")
        server.address = inherited.getsockname()
        server.start(pass_fds=[fd])
    with Load(server.address, keep_alive=4, one_shot=8) as load:
        for v in (2, 3, 4):
            write_app(server, v)
            reload(server)
            assert version(server) == v
            load.wait_for(16)
    load.check()


def test_hups_with_many_workers_at_a_time_lose_no_request(reloaded):
    server = reloaded.with_config(workers=4, reload_surge=4).start()
    with Load(server.address) as load:
        for v in (2, 3):
            write_app(server, v)
            reload(server)
            load.wait_for(64)
    load.check()
    assert version(server) == 3


def test_hups_on_a_unix_socket_lose_no_request(reloaded):
    server = reloaded.on_unix() or reloaded
    server.start()
    with Load(server.address) as load:
        for v in (2, 3):
            write_app(server, v)
            reload(server)
            load.wait_for(64)
    load.check()
    assert os.path.exists(server.address)
    server.stop()
    assert not os.path.exists(server.address)


def test_many_hups_at_once_end_with_the_newest_code(reloaded):
    """R-15"""
    server = reloaded.start()
    with Load(server.address) as load:
        for v in range(2, 10):
            write_app(server, v)
            server.signal(signal.SIGHUP)
            load.wait_for(8)
        wait_for("the newest code", lambda: version(server) == 9, 30)
        wait_for("no reload to run", lambda: server.error_log().rfind(
            "reload is complete") > server.error_log().rfind("reloading:"),
            30)
    load.check()
    wait_for("two workers", lambda: len(server.worker_pids()) == 2)


def test_requests_in_flight_end_in_the_old_worker(reloaded):
    server = reloaded.with_config(workers=1).start()
    old = server.worker_pids()
    with server.connect() as c:
        c.send(b"GET /?1500 HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("the request to run", server.busy_cells)
        write_app(server, 2)
        reload(server)
        assert version(server) == 2
        r = c.response()
        assert (r.status, r.json()["version"]) == (200, 1)
        assert r.get("Connection").lower() == "close"
        c.expect_close()
    assert server.worker_pids() != old


def test_parked_connections_are_closed_after_a_quiet_second(reloaded):
    """R-14"""
    server = reloaded.with_config(workers=1).start()
    with server.connect() as quiet, server.connect() as late:
        quiet.get("/")
        late.get("/")
        write_app(server, 2)
        reload(server)
        r = late.get("/")  # within the window: answered, by the old code
        assert (r.status, r.json()["version"]) == (200, 1)
        assert r.get("Connection").lower() == "close"
        quiet.expect_close()
    wait_for("one worker", lambda: len(server.processes()) == 2)


# ---- what is wrong changes nothing ----

@pytest.mark.parametrize("how", BROKEN)
def test_broken_app_keeps_the_old_code(reloaded, how):
    """R-16"""
    if how == "segfault" and SANITIZER:
        pytest.skip("the sanitizer takes it for its own finding")
    server = reloaded.with_config(boot_timeout=f"{scaled(4):g}").start()
    old = server.worker_pids()
    with Load(server.address, keep_alive=4, one_shot=4) as load:
        write_app(server, 2, BROKEN[how])
        if how == "no app":
            (server.dir / "served.py").write_text("nothing = 1\n")
        reload(server, fails=True)
        assert server.worker_pids() == old
        assert version(server) == 1
        load.wait_for(16)
        write_app(server, 3)
        reload(server)
        assert version(server) == 3
    load.check()
    assert not set(old) & set(server.worker_pids())


def test_the_log_says_why_with_the_traceback(reloaded):
    """R-16"""
    server = reloaded.start()
    write_app(server, 2, BROKEN["import error"])
    changed(server, error_logfile=server.dir / "other.log")
    reload(server, fails=True)
    assert "RuntimeError: broken on purpose" in server.error_log()
    assert "Traceback" in server.error_log()
    server.log_contains("generation 1 serves on: could not import")


def test_broken_settings_are_named_and_change_nothing(reloaded):
    """R-16"""
    server = reloaded.start()
    old = server.worker_pids()
    server.ini.write_text(server.ini.read_text().replace(
        "threads = 4", "thraeds = 4\nworkers = many"))
    reload(server, fails=True)
    server.log_contains(r"gthreadd\.ini:\d+: .*thraeds.*did you mean")
    server.log_contains(r"gthreadd\.ini:\d+: setting 'workers'")
    assert server.worker_pids() == old
    server.ini.unlink()
    reload(server, fails=True)
    assert server.worker_pids() == old
    changed(server, threads=3)
    reload(server)
    assert len(server.ready_workers()[0]["cells"]) == 3


def test_taken_address_and_bad_log_change_nothing(reloaded, make_server):
    """R-16"""
    other = make_server().start()
    server = reloaded.start()
    old = server.worker_pids()
    good = server.settings["bind"]
    changed(server, bind=[good, other.settings["bind"]])
    reload(server, fails=True)
    changed(server, bind=good, access_logfile=server.dir / "no" / "such")
    reload(server, fails=True)
    assert server.worker_pids() == old
    assert version(server) == 1
    assert other.get("/hello").status == 200


def test_taken_address_leaves_the_socket_file_that_is_served(reloaded,
                                                             make_server):
    """R-16: a unix socket that stays, beside an address that cannot be had"""
    other = make_server().start()
    server = reloaded.on_unix().start()
    changed(server, bind=[server.settings["bind"], other.settings["bind"]])
    reload(server, fails=True)
    assert version(server) == 1


def test_an_address_that_overlaps_one_in_use_is_named(reloaded):
    server = reloaded.start()
    port = server.address[1]
    changed(server, bind=f"0.0.0.0:{port}")
    reload(server, fails=True)
    server.log_contains(f"cannot listen on 0.0.0.0:{port} beside "
                        f"127.0.0.1:{port}, which is in use by this server: "
                        "that needs a restart")
    assert version(server) == 1


def test_a_worker_killed_while_a_canary_hangs_is_replaced(reloaded):
    """R-16; parity: the master is awake during a reload"""
    server = reloaded.with_config(boot_timeout=f"{scaled(5):g}").start()
    old = server.worker_pids()
    write_app(server, 2, BROKEN["hang"])
    server.signal(signal.SIGHUP)
    wait_for("the canary to hang", (server.dir / "hangs").exists)
    # The replacement imports what is there by then.
    write_app(server, 3)
    server.signal(signal.SIGKILL, old[0])
    wait_for("two workers", lambda: len(server.worker_pids()) == 2
             and old[0] not in server.worker_pids())
    server.log_contains("reload failed", 20)
    assert server.get("/").status == 200


def test_term_during_a_reload_ends_everything(reloaded):
    server = reloaded.start()
    write_app(server, 2, BROKEN["hang"])
    server.signal(signal.SIGHUP)
    wait_for("the canary to hang", (server.dir / "hangs").exists)
    server.stop()


# ---- new settings ----

def test_new_numbers_environment_and_logs_take_effect(reloaded):
    server = reloaded.start()
    changed(server, workers=3, threads=2, env="WHO=me",
            error_logfile=server.dir / "error2.log",
            access_logfile=server.dir / "access2.log",
            access_logformat="%(m)s %(U)s")
    old = server.worker_pids()
    server.signal(signal.SIGHUP)
    server.error_path = server.dir / "error2.log"
    server.log_contains("reload is complete", 30)
    drained(server, old)
    assert [len(w["cells"]) for w in server.ready_workers()] == [2, 2, 2]
    assert server.get("/who").json()["env"] == "me"
    server.access_path = server.dir / "access2.log"
    assert "GET /who" in server.access_log(1)
    changed(server, workers=1, env=None)
    reload(server)
    wait_for("one worker", lambda: len(server.processes()) == 2)
    assert server.get("/").json()["env"] == ""


def test_addresses_come_and_go_while_others_stay(reloaded):
    server = reloaded.start()
    first, port = server.settings["bind"], free_port()
    address, second = server.address, f"127.0.0.1:{port}"
    path = str(server.dir / "x.sock")
    with Load(address) as load:
        changed(server, bind=[first, second, f"unix:{path}"])
        reload(server)
        for server.address in (address, ("127.0.0.1", port), path):
            assert version(server) == 1
        load.wait_for(32)
        server.address = address
        changed(server, bind=first)
        reload(server)
        load.wait_for(32)
        assert not os.path.exists(path)
    load.check()
    wait_for("the old workers to end", lambda: len(server.processes()) == 3)
    server.address = ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    server.address = address


def test_settings_that_need_a_restart_are_named(reloaded):
    server = reloaded.start()
    changed(server, backlog=77, umask="027", name="other", threads=3)
    reload(server)
    for name in ("backlog", "umask", "name"):
        server.log_contains(f"setting '{name}' was changed: that needs a "
                            "restart")
    assert "'socket-mode' was changed" not in server.error_log()
    assert "'chdir' was changed" not in server.error_log()
    assert len(server.ready_workers()[0]["cells"]) == 3
    title = open(f"/proc/{server.process.pid}/cmdline", "rb").read()
    assert title.startswith(b"gthreadd: master [served:app]")


# ---- how many workers ----

def test_ttin_and_ttou_under_load(reloaded):
    """R-15"""
    server = reloaded.start()
    with Load(server.address) as load:
        for n in (3, 4, 5, 4, 3, 2):
            server.signal(signal.SIGTTIN if n > len(server.worker_pids())
                          else signal.SIGTTOU)
            wait_for(f"{n} workers",
                     lambda n=n: len(server.worker_pids()) == n)
            load.wait_for(32)
        for _ in range(3):
            server.signal(signal.SIGTTOU)
        wait_for("the last worker to stay",
                 lambda: len(server.worker_pids()) == 1)
        load.wait_for(32)
        reload(server)
        wait_for("as many as are set",
                 lambda: len(server.worker_pids()) == 2)
    load.check()


@pytest.mark.parametrize("back", [signal.SIGHUP, signal.SIGTTIN])
def test_winch_ends_all_workers_until_they_are_called_back(reloaded, back):
    """R-23: not only as a daemon"""
    server = reloaded.start()
    server.signal(signal.SIGWINCH)
    wait_for("no workers", lambda: len(server.processes()) == 1)
    with server.connect() as waits:
        waits.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        server.signal(back)
        assert waits.response().status == 200
    wait_for("workers", lambda: len(server.worker_pids())
             == (2 if back == signal.SIGHUP else 1))


# ---- planned replacement ----

def test_max_requests_under_load_loses_no_request(reloaded):
    """R-10, R-11"""
    server = reloaded.with_config(max_requests=50,
                                  max_requests_jitter=20).start()
    first = server.worker_pids()
    fewest = []

    def several():
        fewest.append(server.ready_count())
        pids = re.findall(r"worker \d+ is to be replaced: max-requests",
                          server.error_log())
        return len(pids) >= 8
    with Load(server.address) as load:
        wait_for("eight replacements", several, 60)
    load.check()
    assert min(fewest) >= 2
    drained(server, first)


def test_lifetime_and_memory_replace_a_worker(reloaded):
    """R-19"""
    server = reloaded.with_config(workers=1, max_lifetime="1").start()
    first = server.worker_pids()
    server.log_contains("is to be replaced: max-lifetime")
    wait_for("another worker", lambda: server.worker_pids() not in
             ([], first) and len(server.worker_pids()) == 1)
    changed(server, max_lifetime=None, max_rss="1g")
    reload(server)
    assert "max-rss" not in server.error_log()
    write_app(server, 2, "ballast = []")
    changed(server, max_rss="1m")
    reload(server)
    server.log_contains("is to be replaced: max-rss")
    assert server.get("/").status == 200
