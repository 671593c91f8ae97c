# SPDX-License-Identifier: MIT
"""The forkserver: preload, hooks of the master, and what a bad one does."""
import os
import re
import subprocess
from pathlib import Path
from signal import (SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGTTIN,
                    SIGTTOU, SIGUSR1, SIGUSR2)

import pytest
from harness import (SANITIZER, free_port, scaled, server_python, title_of,
                     wait_for)
from hooks import hook_lines, with_hooks

MASTER_HOOKS = ["on_starting", "when_ready", "on_reload", "nworkers_changed",
                "pre_fork", "child_exit", "on_exit"]


def forkservers(server):
    return [p for p in server.processes()
            if title_of(p).startswith("gthreadd: forkserver [")]


def forkserver(server):
    return wait_for("one forkserver", lambda: len(
        found := forkservers(server)) == 1 and found)[0]


def write_app(server, version, extra=""):
    (server.dir / "versioned.py").write_text(
        "import os\nfrom wsgi_app import app as plain\n"
        "IMPORTED = os.getpid()\n" + extra + "\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/log':\n"
        "        return plain(environ, start_response)\n"
        "    start_response('200 OK', [])\n"
        f"    return [b'{version} %d %d' % (IMPORTED, os.getpid())]\n")
    os.utime(server.dir / "versioned.py", (version * 10, version * 10))


def preloaded(server, extra="", **settings):
    write_app(server, 1, extra)
    return server.with_config(wsgi_app="versioned:app", preload=True,
                              **settings).start()


def facts(server):
    """Version of the app, process that imported it, process that serves."""
    return [int(x) for x in server.get("/").text.split()]


def ppid(pid):
    return int(re.search(r"^PPid:\s+(\d+)", Path(
        f"/proc/{pid}/status").read_text(), re.M)[1])


# ---- preload ----

def test_there_is_no_forkserver_unless_it_is_asked_for(server):
    with_hooks(server, "post_fork", "pre_request", "worker_exit").start()
    server.get("/")
    assert not forkservers(server)
    assert len(server.processes()) == 2


def test_preload_imports_once_and_the_master_is_the_parent(server):
    preloaded(server, workers=3)
    fork = forkserver(server)
    version, imported, pid = facts(server)
    assert version == 1 and imported == fork and pid in server.worker_pids()
    assert {ppid(p) for p in server.worker_pids()} == {server.process.pid}
    assert all(re.fullmatch(r"gthreadd: worker \[versioned:app\]", title_of(p))
               for p in server.worker_pids())
    assert title_of(fork) == "gthreadd: forkserver [versioned:app]"


def test_a_forkserver_holds_no_socket_and_no_channel_of_others(server):
    preloaded(server, workers=2)
    pid = forkserver(server)

    def sockets():
        return [x for x in server.fds(pid) if x.startswith("socket:")]
    # Those of a worker go a moment after that is ready; its channel stays.
    wait_for("one socket", lambda: len(sockets()) == 1)
    listening = set(server.fds(server.process.pid))
    for pid in server.worker_pids():
        own = [x for x in server.fds(pid) if x.startswith("socket:")]
        # the listening socket and its channel
        assert len(own) == 2 and len(listening & set(own)) == 1


def test_hup_of_a_preloaded_server_loads_new_code(server):
    """R-15; parity: gunicorn keeps the old code"""
    preloaded(server, workers=2)
    old = forkserver(server)
    write_app(server, 2)
    server.signal(SIGHUP)
    server.log_contains("reload is complete, generation 2")
    assert facts(server)[0] == 2
    new = forkserver(server)  # the old one has ended with its workers
    assert new != old and facts(server)[1] == new
    assert server.get("/").status == 200


@pytest.mark.parametrize("how, what", [
    ("raise ValueError('bad import')", "could not import the application"),
    ("import os; os._exit(9)", "exited with code 9"),
    # Not SIGSEGV: a sanitizer would report it.
    ("import os, signal; os.kill(os.getpid(), signal.SIGILL)",
     "was ended by signal 4"),
    ("import time; time.sleep(1000)", "not ready within boot-timeout"),
])
def test_a_bad_import_on_hup_leaves_the_old_generation_whole(
        server, how, what):
    """R-16"""
    hangs = "sleep" in how
    preloaded(server, workers=2,
              boot_timeout=f"{scaled(1.5 if hangs else 60):g}")
    old, pids = forkserver(server), server.worker_pids()
    write_app(server, 2, how)
    server.signal(SIGHUP)
    server.log_contains(f"reload failed, generation 1 serves on: .*{what}")
    assert server.worker_pids() == pids and forkserver(server) == old
    assert facts(server)[0] == 1
    server.signal(SIGKILL, pids[0])  # the old one still forks
    wait_for("another worker", lambda: len(
        now := server.worker_pids()) == 2 and pids[0] not in now)
    assert facts(server)[:2] == [1, old]
    write_app(server, 3)
    server.signal(SIGHUP)
    server.log_contains("reload is complete")
    assert facts(server)[0] == 3


def test_a_bad_import_at_the_start_ends_the_server(server):
    write_app(server, 1, "raise ValueError('bad import')")
    server.with_config(wsgi_app="versioned:app", preload=True)
    result = server.run()
    assert result.returncode == 4
    assert "forkserver could not import the application" in server.output()
    assert "ValueError: bad import" in server.output()


def test_workers_stay_when_the_forkserver_dies_and_another_one_follows(server):
    preloaded(server, workers=2)
    old, pids = forkserver(server), server.worker_pids()
    server.signal(SIGKILL, old)
    server.log_contains("forkserver was ended by signal 9")
    new = wait_for("another forkserver", lambda: [
        p for p in forkservers(server) if p != old])[0]
    assert server.worker_pids() == pids
    server.signal(SIGKILL, pids[0])
    wait_for("another worker", lambda: len(
        now := server.worker_pids()) == 2 and pids[0] not in now)
    fresh = [p for p in server.worker_pids() if p not in pids][0]
    wait_for("its answer", lambda: facts(server)[1:] == [new, fresh])


FORK_FAILS = "os.environ['FAIL_CALLS'] = 'clone=11'\n" \
             "import failing_calls_app"


def test_a_forkserver_that_cannot_fork_fails_the_start(server):
    """As when the master cannot: RLIMIT_NPROC, pids.max."""
    write_app(server, 1, FORK_FAILS)
    result = server.with_config(wsgi_app="versioned:app", preload=True).run()
    assert result.returncode == 3
    server.log_contains("server cannot start: worker cannot be started: "
                        "Resource temporarily unavailable")


def test_a_forkserver_that_cannot_fork_fails_the_reload(server):
    preloaded(server)
    old = server.worker_pids()
    write_app(server, 2, FORK_FAILS)
    server.signal(SIGHUP)
    server.log_contains("reload failed, generation 1 serves on: worker cannot "
                        "be started: Resource temporarily unavailable")
    assert server.worker_pids() == old and facts(server)[0] == 1
    write_app(server, 3)
    server.signal(SIGHUP)
    server.log_contains("reload is complete")
    assert facts(server)[0] == 3
    assert server.error_log().count("worker cannot be started") == 1


def test_a_forkserver_that_is_stopped_is_killed_and_the_worker_comes(server):
    preloaded(server, hook_timeout=f"{scaled(0.4):g}")
    old, pid = forkserver(server), server.worker_pids()[0]
    os.kill(old, 19)  # STOP
    server.signal(SIGKILL, pid)
    server.log_contains("worker was not forked within hook-timeout")
    wait_for("another worker", lambda: server.worker_pids() not in ([], [pid]))
    assert forkserver(server) != old


def test_signals_of_the_group_do_not_end_a_forkserver(server):
    preloaded(server)
    fork = forkserver(server)
    for number in (SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1):
        os.kill(fork, number)
    server.signal(SIGTTIN)
    wait_for("a second worker", lambda: len(server.worker_pids()) == 2)
    assert forkservers(server) == [fork]


def test_workers_of_a_forkserver_have_default_signals(server):
    preloaded(server)
    text = Path(f"/proc/{server.worker_pids()[0]}/status").read_text()
    ignored = int(re.search(r"SigIgn:\s+(\w+)", text)[1], 16)
    blocked = int(re.search(r"SigBlk:\s+(\w+)", text)[1], 16)
    assert blocked == 0
    assert ignored & sum(1 << n - 1 for n in (SIGINT, SIGTERM, SIGQUIT)) == 0


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_stop_while_the_forkserver_boots_is_quick(server, number):
    write_app(server, 1, "import time; time.sleep(1000)")
    server.with_config(wsgi_app="versioned:app", preload=True).on_port()
    server.spawn()
    server.log_contains("booting forkserver")
    server.stop(number)


def test_everything_ends_when_the_master_is_killed(server):
    preloaded(server, workers=2)
    server.signal(SIGKILL)
    server.stopped = True
    wait_for("all processes to end", lambda: not server.processes())


def test_threads_and_sockets_that_an_import_leaves_are_warned_of(server):
    """R-29, R-49"""
    preloaded(server, "import socket, threading, time\n"
              "S = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "S.connect(('127.0.0.1', 9))\n"
              "threading.Thread(target=time.sleep, args=(1000,),"
              " daemon=True, name='sleeper').start()\n")
    server.log_contains(r"\[WARNING\] import has started threads, which "
                        r"workers will not have n=1 names=\"sleeper\"")
    server.log_contains(r"\[WARNING\] import has left sockets open, which "
                        r"all workers will share fds=\"\d+ to 127.0.0.1:9\"")
    assert facts(server)[0] == 1


def test_threads_that_python_does_not_know_are_warned_of(server):
    preloaded(server, "import ctypes\nC = ctypes.CDLL(None)\n"
              "assert C.pthread_create(ctypes.byref(ctypes.c_ulong()), None,"
              " C.pause, None) == 0\n")
    n = r"\d+" if SANITIZER else "1"  # sanitizers have some of their own
    server.log_contains(r"\[WARNING\] import has started threads outside of "
                        rf"python, which workers will not have n={n}$")
    assert facts(server)[0] == 1


def test_env_chdir_and_pythonpath_hold_in_the_forkserver(server):
    (server.dir / "sub").mkdir()
    preloaded(server, "assert os.environ['WHO'] == 'me'\n"
              "assert os.getcwd().endswith('sub')\n"
              "import sys\nassert sys.path[0].endswith('sub')\n",
              env="WHO=me", chdir=str(server.dir / "sub"),
              pythonpath=[str(server.dir), server.settings["pythonpath"]])
    assert facts(server)[0] == 1


def test_the_logs_of_a_preloaded_server_can_be_rotated(server):
    preloaded(server)
    server.error_path.rename(server.dir / "error.old")
    server.signal(SIGUSR1)
    wait_for("a new log", server.error_path.exists)
    server.signal(SIGTTIN)
    server.log_contains(r"\[INFO\] booting worker with pid")


def pss_kib(pid):
    """Its share of all memory that it has mapped."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1])


@pytest.mark.skipif(SANITIZER != "", reason="shadow memory is in the sum")
def test_preloaded_workers_of_a_django_app_share_their_memory(make_server):
    """R-49: gc.freeze()"""
    pytest.importorskip("django")
    sums = []
    for preload in (False, True):
        server = make_server().with_config(
            workers=4, threads=2, preload=preload,
            wsgi_app="djadmin.wsgi:application",
            env=["DJANGO_SETTINGS_MODULE=djadmin.settings",
                 "DJADMIN_DATABASE=:memory:"]).start()
        for pid in server.worker_pids():
            wait_for("an answer of each",
                     lambda p=pid: server.get("/admin/login/").status and any(
                         w["requests"] > 0 for w in server.board()
                         if w["pid"] == p))
        # The forkserver counts for those that it is there for.
        pids = server.worker_pids() + forkservers(server)
        sums.append(sum(pss_kib(p) for p in pids))
        server.stop()
    separate, shared = sums
    print(f"PSS of 4 workers: separate {separate} KiB, "
          f"preloaded {shared} KiB")
    assert shared < 0.7 * separate


# ---- the end of workers ----

def test_workers_with_numpy_and_a_thread_end_cleanly_thirty_times(server):
    """R-31"""
    if subprocess.run([server_python(), "-c", "import numpy"],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("numpy is not installed")
    (server.dir / "numbers_app.py").write_text(
        "import atexit, sys, threading, time\nimport numpy\n"
        "M = numpy.random.rand(64, 64)\n"
        "def work():\n"
        "    while True:\n"
        "        numpy.linalg.inv(M + numpy.eye(64) * 64)\n"
        "        time.sleep(0.001)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "atexit.register(print, 'at exit', file=sys.stderr, flush=True)\n"
        "def app(environ, start_response):\n"
        "    body = repr(float((M @ M).sum())).encode()\n"
        "    start_response('200 OK', [('Content-Length',"
        " str(len(body)))])\n"
        "    return [body]\n")
    server.with_config(wsgi_app="numbers_app:app", max_requests=1,
                       workers=2).start()
    while server.error_log().count(" exited\n") < 30:
        assert server.get("/").status == 200
    text = server.error_log()
    assert not re.search(r"worker \d+ (was|exited with|could)", text)
    server.stop()
    text = server.error_log()
    ended = len(re.findall(r"worker \d+ exited$", text, re.M))
    said = server.read(server.stderr_path).count("at exit")
    # Slow enough, the deadline of the exit may come first.
    assert 30 <= said <= ended and (SANITIZER or said == ended), text[-4000:]


# ---- hooks of the master ----

def names(server):
    return [name for name, _ in hook_lines(server)]


def test_hooks_of_the_master_run_in_order_with_their_arguments(server):
    with_hooks(server, *MASTER_HOOKS, "post_fork", "worker_exit")
    server.with_config(workers=2).start()
    fork, master = forkserver(server), server.process.pid
    one, two = sorted(server.worker_pids())
    assert names(server) == [
        "nworkers_changed", "on_starting", "when_ready", "pre_fork",
        "pre_fork", "post_fork", "post_fork"] or names(server) == [
        "nworkers_changed", "on_starting", "when_ready", "pre_fork",
        "post_fork", "pre_fork", "post_fork"]
    text = dict(hook_lines(server))
    assert text["nworkers_changed"] == f"pid={fork} new=2 old=None"
    assert f"pid={fork} server={master} workers=2 bind=['127" in \
        text["on_starting"]
    assert "age=2 worker=None" in text["pre_fork"]
    # What pre_fork has set is there: the worker is a copy.
    server.log_contains(rf"hook post_fork pid=\d+ server={master} age=2 "
                        rf"worker=\d+ ppid={master} mark='mark-2'")
    server.signal(SIGTTIN)
    server.log_contains("hook nworkers_changed .* new=3 old=2")
    wait_for("three", lambda: len(server.worker_pids()) == 3)
    server.signal(SIGTTOU)
    server.log_contains("hook nworkers_changed .* new=2 old=3")
    gone = server.log_contains(r"hook child_exit pid=\d+ age=1 worker=(\d+) "
                               r"left=\[(.*)\]")
    assert int(gone[1]) in (one, two) and gone[1] not in gone[2]
    assert len(gone[2].split(",")) == 2
    server.stop()
    assert names(server)[-1] == "on_exit"
    assert hook_lines(server)[-1][1] == f"pid={fork} left=[]"
    assert names(server).count("child_exit") == 3


def test_on_reload_runs_in_the_new_forkserver_before_its_workers(server):
    with_hooks(server, "on_reload", "pre_fork", "nworkers_changed").start()
    old = forkserver(server)
    server.signal(SIGHUP)
    server.log_contains("reload is complete")
    new = forkserver(server)
    server.log_contains("hook nworkers_changed .* new=1 old=1")
    later = hook_lines(server)[2:]
    assert [n for n, _ in later] == ["on_reload", "pre_fork",
                                     "nworkers_changed"]
    assert new != old and all(f"pid={new} " in t for _, t in later)


def test_the_application_is_not_imported_for_hooks_alone(server):
    write_app(server, 1)
    with_hooks(server, "on_starting").with_config(wsgi_app="versioned:app")
    server.start()
    version, imported, pid = facts(server)
    assert imported == pid != forkserver(server)


def test_pre_exec_runs_before_an_upgrade_and_may_fail(server):
    with_hooks(server, "pre_exec", "on_starting")
    server.with_env(HOOK_FAILS="pre_exec=crash").start()
    first = forkserver(server)
    server.signal(SIGUSR2)
    server.log_contains("hook 'pre_exec' has ended the forkserver")
    found = server.log_contains(r"upgrading: new master (\d+) is started")
    text = server.error_log()
    assert text.index(f"hook pre_exec pid={first}") < text.index("upgrading")
    new = int(found[1])
    server.log_contains(rf"hook on_starting pid=\d+ server={new} ")
    server.log_contains("new master .* is ready")
    server.signal(SIGTERM, new)
    wait_for("the new one to end", lambda: not title_of(new))


@pytest.mark.parametrize("how", ["raise", "exit", "hang", "crash"])
def test_bad_hooks_of_the_master_cannot_take_it_down(server, how):
    with_hooks(server, *MASTER_HOOKS)
    server.with_env(HOOK_FAILS=" ".join(f"{n}={how}" for n in MASTER_HOOKS))
    server.with_config(workers=2, hook_timeout=f"{scaled(0.2):g}").start()
    assert server.get("/").status == 200
    pid = server.worker_pids()[0]
    server.signal(SIGKILL, pid)
    server.log_contains("hook 'child_exit' has ")
    wait_for("another worker", lambda: len(
        now := server.worker_pids()) == 2 and pid not in now)
    server.signal(SIGHUP)
    server.log_contains("reload is complete", timeout=20)
    server.log_contains("hook 'on_reload' has ")
    assert server.get("/").status == 200
    server.stop()
    server.log_contains("hook 'on_starting' has .* failures=")


def test_a_hook_that_hangs_does_not_hold_up_the_master(server):
    with_hooks(server, "child_exit").with_env(HOOK_FAILS="child_exit=hang")
    server.with_config(workers=2, hook_timeout=60).start()
    server.signal(SIGKILL, server.worker_pids()[0])
    server.log_contains("hook child_exit")
    server.signal(SIGUSR1)
    server.log_contains("handling signal: USR1")
    assert server.get("/").status == 200
    server.signal(SIGTTOU)
    server.log_contains("workers=1")
    server.settings["workers"] = 1
    server.signal(SIGKILL, forkserver(server))


def test_a_preloaded_server_serves_on_over_many_reloads(server):
    preloaded(server, workers=2)
    for n in range(2, 8):
        write_app(server, n)
        server.signal(SIGHUP)
        server.log_contains(f"reload is complete, generation {n}")
        assert facts(server)[0] == n
    wait_for("the old ones to end", lambda: len(server.processes()) == 4)


def test_more_sockets_than_a_message_holds_reach_the_workers(server):
    """With reuse-port there is one for each worker and address."""
    port = free_port()
    addresses = [(f"127.0.0.{n}", port) for n in range(1, 65)]
    server.address = addresses[0]
    preloaded(server, workers=4, reuse_port=True,
              bind=[f"{host}:{port}" for host, port in addresses])
    for server.address in addresses[0], addresses[63]:
        assert facts(server)[0] == 1
    for pid in server.worker_pids():
        assert sum("socket:" in x for x in server.fds(pid)) > 4 * 64


def test_reuse_port_and_preload_go_together(server):
    preloaded(server, workers=2, reuse_port=True)
    found = {facts(server)[2] for _ in range(30)}
    assert found <= set(server.worker_pids())
    server.signal(SIGHUP)
    server.log_contains("reload is complete")
    assert facts(server)[0] == 1


def test_python_that_does_not_start_is_told(server):
    server.with_config(preload=True).with_env(PYTHONMALLOC="no-such")
    r = server.run()
    assert r.returncode == 3
    assert "unknown allocator" in server.output()
    assert "signal" not in server.output()
