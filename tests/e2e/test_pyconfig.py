# SPDX-License-Identifier: MIT
"""gunicorn's Python configs: -c FILE.py and --import-gunicorn."""
import os
import re
from signal import (SIGHUP, SIGKILL, SIGSTOP, SIGTERM, SIGTTIN, SIGUSR1,
                    SIGUSR2)
from textwrap import dedent

import pytest

from harness import APPS, wait_for
from server import printed

FILE = """\
import multiprocessing, os
from pathlib import Path
wsgi_app = "wsgi_app:app"
workers = len([1, 2])
worker_class = "gunicorn.workers.gthread.ThreadWorker"
threads = 3
umask = 0o027
keepalive = 5
timeout = 30
raw_env = ["A=1", "B=x,y"]
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
forwarded_allow_ips = "*"
worker_tmp_dir = "/dev/shm"
loglevel = "INFO"
pidfile = Path("/run/x.pid")
proc_name = b"shop"
accesslog = None
if os.getcwd():
    limit_request_fields = 50
cores = multiprocessing.cpu_count()
def helper(): pass
"""
SHOWN = ["wsgi-app = wsgi_app:app", "workers = 2", "worker-class = gthread",
         "threads = 3", "umask = 027", "keep-alive = 5s", "timeout = 30s",
         "env = A=***", "env = B=***",
         "secure-scheme-headers = X-FORWARDED-PROTO=https",
         "forwarded-allow-ips = *", "log-level = info", "pid = /run/x.pid",
         "name = shop", "access-logfile =", "limit-request-fields = 50"]


@pytest.fixture
def config(server):
    """Write a config beside the server; returns its path."""
    def write(text, name="g.py"):
        (server.dir / name).write_text(dedent(text))
        return name
    return write


@pytest.mark.parametrize("word", ["g.py", "file:g.py", "python:g"])
def test_a_python_config_says_what_it_says_in_gunicorn(server, config, word):
    config(FILE)
    r = server.run("-c", word, "--print-config")
    assert r.returncode == 0, r.stderr
    for line in SHOWN:
        assert line in printed(r)
    assert re.search(r"^limit-request-fields = 50 +\(.*g(\.py)?:19\)$",
                     r.stdout, re.M)
    assert r.stderr.count("\n") == 1
    assert "'worker-tmp-dir' has no effect" in r.stderr


def test_the_command_line_holds_before_a_python_config(server, config):
    r = server.run("-c", config("workers = 3\nbind = [':1', ':2']\n"), "-w1",
                   "-b", ":9", "--print-config")
    assert "workers = 1" in printed(r)
    assert [x for x in printed(r) if x.startswith("bind ")] \
        == ["bind = :9"]


def test_a_python_config_sees_modules_of_chdir_and_pythonpath(server, config):
    (server.dir / "sub").mkdir()
    config("N = 7\n", "sub/values.py")
    config("M = 8\n", "more.py")
    path = config("from values import N\nfrom more import M\n"
                  "import os, sys\nworkers, threads = N, M\n"
                  "name = os.path.basename(os.getcwd()) + __name__\n")
    r = server.run("-c", path, "--chdir", "sub", "--pythonpath",
                   str(server.dir), "--print-config")
    assert r.returncode == 0, r.stderr
    for line in ("workers = 7", "threads = 8", "name = sub__config__"):
        assert line in printed(r)


@pytest.mark.parametrize("text,said", [
    ("workers = 1\nx = 1 / 0\n", r'g\.py", line 2, .*\n(.*\n)*ZeroDivisionEr'),
    ("workers = (\n", r'g\.py", line 1\n(.*\n)*SyntaxError'),
    ("import sys\nsys.exit('no')\n", r"SystemExit: no"),
    ("import os\nos._exit(0)\n", r"its process ended early"),
    ("workers = 'many'\n", r"g\.py:1: setting 'workers': 'many' is not"),
])
def test_a_python_config_that_fails_ends_the_start(server, config, text, said):
    r = server.run("-c", config(text), "wsgi_app:app")
    assert r.returncode == 1
    assert re.search(said, r.stderr), r.stderr


@pytest.mark.parametrize("value", ["3", "[print]", "int", "{'a': 1}"])
def test_a_hook_that_is_no_function_is_an_error(server, config, value):
    r = server.run("-c", config(f"post_fork = {value}\n"), "wsgi_app:app")
    assert r.returncode == 1
    assert r.stderr == ("gthreadd: g.py:1: setting 'post_fork': must be a "
                        "function\n")


def test_settings_of_tls_that_are_empty_ask_for_nothing(server, config):
    r = server.run("-c", config("certfile = keyfile = ''\npost_fork = None\n"
                                "wsgi_app = 'wsgi_app:app'\n"),
                   "--pythonpath", APPS, "--check-config")
    assert (r.returncode, r.stderr) == (0, "")


def test_a_python_config_that_hangs_is_given_up(server, config):
    path = config("import time\nwhile True: time.sleep(1)\n")
    r = server.run("-c", path, "--boot-timeout", "500ms", "wsgi_app:app")
    assert r.returncode == 1
    assert "g.py: the file takes longer than boot-timeout" in r.stderr


def serve(server, config, text, *args):
    server.on_port()
    host, port = server.address
    common = f"""\
        wsgi_app = "wsgi_app:app"
        bind = "{host}:{port}"
        pythonpath = "{server.settings['pythonpath']}"
        errorlog = "{server.error_path}"
        """
    config(dedent(common) + text)
    if server.process is None:
        server.settings["workers"] = 1
        server.start("-c", "g.py", *args)


def test_hup_reads_a_python_config_again(server, config):
    serve(server, config, "workers = 1\n")
    before = server.worker_pids()
    text = (server.dir / "g.py").read_text()
    (server.dir / "g.py").write_text(text + "workers = 2\n")
    server.signal(SIGHUP)
    server.log_contains("generation 2 takes over")
    wait_for("two new workers", lambda: len(
        set(server.worker_pids()) - set(before)) == 2)
    assert server.get("/").status == 200
    server.stop()


def test_functions_of_a_python_config_are_hooks(server, config):
    serve(server, config, """
def post_worker_init(worker):
    worker.log.info("post_worker_init of pid %d", worker.pid)
""")
    found = server.log_contains(r"post_worker_init of pid (\d+)")
    assert [int(found[1])] == server.worker_pids()
    server.stop()


@pytest.mark.parametrize("text,said", [
    ("workers = 1 / 0\n", "ZeroDivisionError: division by zero"),
    ("workers = 'x'\n", r"g\.py:\d: setting 'workers': 'x' is not a number"),
])
def test_hup_with_a_broken_python_config_changes_nothing(server, config, text,
                                                         said):
    serve(server, config, "workers = 1\n")
    before = server.worker_pids()
    (server.dir / "g.py").write_text(text)
    server.signal(SIGHUP)
    server.log_contains(said)
    server.log_contains("reload failed, generation 1 serves on")
    assert server.worker_pids() == before
    assert server.get("/").status == 200
    server.stop()


SLOW = """
import os, time
open("reading", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
os.remove("go")
"""


def read_slowly(server, more=""):
    """HUP with a config that is not done before the file "go" is there."""
    text = (server.dir / "g.py").read_text()
    (server.dir / "g.py").write_text(text + SLOW + more)
    server.signal(SIGHUP)
    wait_for("the config to run", (server.dir / "reading").exists)


def test_the_master_goes_on_while_a_python_config_is_run_anew(server, config):
    """R-15, R-16, R-42: signals, dead workers and clients do not wait."""
    serve(server, config, "workers = 1\ntimeout = 1\n")
    (before,) = server.worker_pids()
    read_slowly(server, "workers = 2\n")
    os.kill(before, SIGKILL)
    wait_for("another worker", lambda: server.worker_pids()
             not in ([], [before]))
    assert server.get("/").status == 200
    server.error_path.rename(server.dir / "old.log")
    server.signal(SIGUSR1)
    wait_for("a new log", server.error_path.exists)
    server.signal(SIGUSR2)
    server.log_contains("upgrade refused: a reload is under way")
    server.signal(SIGTTIN)  # what the new settings say comes first
    server.signal(SIGHUP)
    server.log_contains("reload waits until the one before has been tried")
    stopped = server.worker_pids()
    os.kill(stopped[0], SIGSTOP)  # the watchdog is awake, too
    server.log_contains(f"worker {stopped[0]} timed out", 20)
    (server.dir / "go").touch()
    server.log_contains("generation 2 takes over", 20)
    server.log_contains("workers=3")
    wait_for("the second reload to read", lambda:
             not (server.dir / "go").exists())
    (server.dir / "go").touch()
    server.log_contains("reload is complete, generation 3 workers=2", 30)
    assert server.get("/").status == 200
    server.stop()


def test_a_stop_does_not_wait_for_a_python_config(server, config):
    serve(server, config, "workers = 1\n")
    read_slowly(server)
    server.signal(SIGTERM)
    assert server.wait() == 0
    wait_for("the child to end", lambda: not server.processes())


def test_a_python_config_that_hangs_on_hup_changes_nothing(server, config):
    serve(server, config, "workers = 1\n", "--boot-timeout", "2s")
    before = server.worker_pids()
    read_slowly(server)
    server.log_contains("the file takes longer than boot-timeout", 20)
    server.log_contains("reload failed, generation 1 serves on")
    assert server.worker_pids() == before
    text = (server.dir / "g.py").read_text().replace(SLOW, "")
    (server.dir / "g.py").write_text(text)
    server.signal(SIGHUP)
    server.log_contains("reload is complete, generation")
    server.stop()


def test_an_imported_config_says_the_same(server, config):
    config(FILE)
    r = server.run("--import-gunicorn", "g.py")
    assert r.returncode == 0, r.stderr
    (server.dir / "made.ini").write_text(r.stdout)
    made = server.run("-c", "made.ini", "--print-config")
    assert made.returncode == 0, made.stderr
    direct = server.run("-c", "g.py", "--print-config")
    assert printed(made) == printed(direct)
    assert "B = x,y" in r.stdout
    assert "# worker-tmp-dir = /dev/shm\n#   without effect" in r.stdout


def test_an_import_keeps_what_cannot_be_said_as_a_comment(server, config):
    r = server.run("--import-gunicorn", config(
        "workers = [1, 2]\nthreads = len\nwhen_ready = 5\n"
        "bind = ':1\\n:2'\ntimeout = 'soon'\n"))
    assert r.returncode == 0, r.stderr
    for text in ("# workers = 2\n#   must be one value, not a list or dict\n",
                 "# threads = ", "\n#   must be a text, a number, a bool or a "
                 "list\n", "# when_ready = 5\n#   must be a function\n",
                 "# bind = :1 :2\n#   the value has more than one line\n",
                 "# timeout = soon\n#   "):
        assert text in r.stdout
    (server.dir / "made.ini").write_text(r.stdout)
    assert server.run("-c", "made.ini", "--print-config").returncode == 0


def test_an_import_tells_of_defaults_that_differ(server, config):
    r = server.run("--import-gunicorn", config("workers = 2\n"))
    assert r.returncode == 0, r.stderr
    for text in ("75 here; gunicorn's default is 2", "#keep-alive = 2",
                 "4 here; gunicorn's default is 1", "#threads = 1",
                 "#worker-class = sync", "#umask = 0"):
        assert text in r.stdout


def test_an_import_of_a_sync_worker_tells_of_no_threads(server, config):
    r = server.run("--import-gunicorn", config("worker_class = 'sync'\n"))
    assert r.returncode == 0, r.stderr
    assert "#umask = 0" in r.stdout
    assert "threads" not in r.stdout and "keep-alive" not in r.stdout
    r = server.run("--import-gunicorn",
                   config("worker_class = 'sync'\nthreads = 2\n"))
    assert "#keep-alive = 2" in r.stdout  # that is gthread


def test_a_config_that_is_not_named_is_not_read_and_a_warning_says_how(
        server, config):
    config("workers = 'x'\n", "gunicorn.conf.py")
    r = server.run("--check-config", "--pythonpath", str(APPS), "wsgi_app:app")
    assert r.returncode == 0
    assert ("[WARNING] ./gunicorn.conf.py is not read without "
            "-c gunicorn.conf.py\n") in r.stderr
    r = server.run("--check-config", "-c", "gunicorn.conf.py", "wsgi_app:app")
    assert r.returncode == 1 and "is not read" not in r.stderr
