# SPDX-License-Identifier: MIT
"""What was written for gunicorn runs as it is."""
import contextlib
import os
import re
import subprocess
from signal import SIGTERM

import pytest

from gunicorn_flags import IDLE, REFUSED, SAME, SETTINGS
from harness import GTHREADD, wait_for
from server import printed


def words(flag, value):
    return [flag] if value is None else [flag, value]


@pytest.mark.parametrize("flag,value,line", SAME)
def test_a_flag_of_gunicorn_means_the_same(server, flag, value, line):
    r = server.run(*words(flag, value), "--print-config", "wsgi_app:app")
    assert r.returncode == 0, r.stderr
    assert line in printed(r)
    assert "has no effect" not in r.stderr


def test_flags_that_do_nothing_here_have_one_warning_each(server):
    args = [w for flag, value in IDLE for w in words(flag, value)]
    r = server.run(*args, *args, "--print-config", "wsgi_app:app")
    assert r.returncode == 0, r.stderr
    for flag, _ in IDLE:
        found = re.findall(rf"setting '{flag[2:]}' has no effect: \w+",
                           r.stderr)
        assert len(found) == 1, flag


def test_flags_of_what_is_lacking_are_all_refused_with_the_reason(server):
    args = [w for flag, value, _ in REFUSED for w in words(flag, value)]
    r = server.run(*args, "wsgi_app:app")
    assert r.returncode == 1
    for flag, _, why in REFUSED:
        assert re.search(rf"setting '{flag[2:]}': .*{re.escape(why)}",
                         r.stderr), flag


@pytest.mark.skipif(not os.path.exists("/usr/bin/gunicorn"),
                    reason="gunicorn is not installed")
def test_no_flag_of_an_installed_gunicorn_is_forgotten(server):
    text = subprocess.run(["/usr/bin/gunicorn", "--help"], check=True,
                          capture_output=True, text=True,
                          env=server.env()).stdout
    flags = set(re.findall(r"^  (-\w)\b|(--[a-z][\w-]+)", text, re.M))
    flags = {a or b for a, b in flags}
    ours = {row[0] for row in SAME + IDLE + REFUSED}
    commands = {"-h", "--help", "-v", "--version", "-c", "--config",
                "--check-config", "--print-config"}
    assert len(flags) > 50
    assert flags - ours - commands == set()


@pytest.mark.parametrize("spell", [str, lambda s: s.replace("-", "_")])
def test_every_name_of_a_setting_is_known(server, spell):
    text = "".join(f"{spell(name)} = ?\n" for name in SETTINGS)
    (server.dir / "x.ini").write_text(f"[gthreadd]\n{text}")
    r = server.run("-c", "x.ini", "--print-config")
    assert r.returncode == 1
    assert "is unknown" not in r.stderr
    (server.dir / "x.ini").write_text("[gthreadd]\nno_such = ?\n")
    r = server.run("-c", "x.ini", "--print-config")
    assert "setting 'no_such': is unknown" in r.stderr


def test_gunicorns_variable_runs_as_it_is(server):
    server.with_env(GUNICORN_CMD_ARGS="--bind=127.0.0.1:2 -w 3 "
                    "--access-logformat '%(h)s \"x y\"' --worker-tmp-dir /x")
    r = server.run("-w", "4", "--print-config", "wsgi_app:app")
    assert r.returncode == 0, r.stderr
    assert re.search(r"^bind = 127.0.0.1:2 +\(environment GUNICORN_CMD_ARGS",
                     r.stdout, re.M)
    assert re.search(r"^workers = 4 +\(command line", r.stdout, re.M)
    assert 'access-logformat = %(h)s "x y"' in printed(r)
    assert r.stderr.count("has no effect") == 1


def test_a_gunicorn_command_line_serves(server):
    server.on_port().settings["workers"] = 2
    host, port = server.address
    server.start("--bind", f"{host}:{port}", "--workers=2", "--threads", "2",
                 "-k", "gthread", "--worker-tmp-dir", "/dev/shm",
                 "--log-file", str(server.error_path), "--log-level=info",
                 "--access-logfile", "-", "--timeout", "30", "--name", "shop",
                 "--forwarded-allow-ips=*", "--max-requests", "1000",
                 "--max-requests-jitter", "50", "--pythonpath",
                 server.settings["pythonpath"], "wsgi_app:app")
    assert server.get("/").status == 200
    server.stop()


def test_all_mistakes_are_told_at_once_with_their_places(server):
    (server.dir / "x.ini").write_text(
        "[gthreadd]\nwokers = 2\ntimeout = soon\ncertfile = x\n"
        "[secure-scheme-header]\nX=y\n")
    server.with_env(GTHREADD_ARGS="--threads many")
    r = server.run("-c", "x.ini", "--log-level", "warn", "wsgi_app:app")
    assert r.returncode == 1
    for text in ("x.ini:2: setting 'wokers': is unknown (did you mean "
                 "'workers'?)",
                 "x.ini:3: setting 'timeout': 'soon' is not a duration",
                 "x.ini:4: setting 'certfile': this build",
                 "x.ini:5: section [secure-scheme-header] is unknown (did "
                 "you mean 'secure-scheme-headers'?)",
                 "environment GTHREADD_ARGS: setting 'threads': 'many' is "
                 "not a number",
                 "command line: setting 'log-level': 'warn' is none of"):
        assert "gthreadd: " + text in r.stderr


@pytest.mark.parametrize("value,shown", [("y", "true"), ("TRUE", "true"),
                                         ("no", "false"), ("on", "false")])
def test_sendfile_of_the_environment_is_read_as_gunicorn_does(server, value,
                                                              shown):
    server.with_env(SENDFILE=value)
    r = server.run("--print-config", "wsgi_app:app")
    assert f"sendfile = {shown}" in printed(r)


def test_secrets_are_not_shown(server):
    (server.dir / "x.ini").write_text("[env]\nKEY = hunter2\n")
    r = server.run("-c", "x.ini", "-e", "B=hunter2", "--print-config")
    assert r.returncode == 0, r.stderr
    assert "hunter2" not in r.stdout + r.stderr
    assert "env = B=***" in printed(r)


# ---- worker classes ----

@pytest.mark.parametrize("name", [
    "gunicorn.workers.gthread.ThreadWorker", "egg:gunicorn#gthread"])
def test_long_names_of_gthread_are_known(server, name):
    r = server.run("-k", name, "--print-config")
    assert r.returncode == 0, r.stderr
    assert "worker-class = gthread" in printed(r)


@pytest.mark.parametrize("name,hint", [
    ("gevent", "gthread serves slow and idle clients"),
    ("gunicorn.workers.ggevent.GeventWorker", "gthread serves slow"),
    ("eventlet", "gthread serves slow"), ("tornado", "gthread serves slow"),
    ("uvicorn.workers.UvicornWorker", "ASGI applications are not served"),
    ("gthred", "did you mean 'gthread'?")])
def test_a_worker_class_that_is_not_here_is_named_with_those_that_are(
        server, name, hint):
    r = server.run("-k", name, "wsgi_app:app")
    assert r.returncode == 1
    assert f"'{name}' is none of gthread, sync" in r.stderr
    assert hint in r.stderr


def test_sync_is_one_thread_without_keep_alive(server):
    server.with_config(worker_class="sync").start()
    server.log_contains("using worker: sync")
    with server.connect() as c:
        r = c.get("/thread")
        assert r.status == 200 and r.get("Connection") == "close"
        c.expect_close()
    assert not server.get("/environ").json()["wsgi.multithread"]
    assert all(len(w["cells"]) == 1 for w in server.ready_workers())
    server.stop()


@pytest.mark.parametrize("name", ["sync", "gunicorn.workers.sync.SyncWorker",
                                  "egg:gunicorn#sync"])
def test_sync_with_several_threads_means_gthread(server, name):
    r = server.run("-k", name, "--threads", "3", "--print-config")
    assert r.returncode == 0, r.stderr
    assert "worker-class = gthread" in printed(r)
    assert "keep-alive = 75s" in printed(r)
    assert "sync with threads=3 means gthread" in r.stderr


# ---- the start ----

def test_the_start_tells_in_few_lines_what_is_served_and_how(server):
    pid = server.dir / "x.pid"
    server.with_config(workers=2, threads=3, pid=pid).start()
    text = server.error_log()
    host, port = server.address
    for said in (f"listening at: http://{host}:{port} (", "using worker: gthread",
                 f"application=wsgi_app:app directory={server.dir} workers=2 "
                 "threads=3", r"virtualenv=none",
                 f"error-logfile={server.error_path} access-logfile="
                 f"{server.access_path} pid={pid} user="):
        assert said in text
    assert re.search(r"python=3\.\d+\.\d+t? ", text)
    assert len(text.splitlines()) < 24
    server.stop()


def start_on_terminal(server, **env):
    """Its output, on a terminal, up to the first worker."""
    master, slave = os.openpty()
    server.on_port().with_config(error_logfile="-").with_env(
        TERM="xterm", **env)
    server.write_ini()
    server.process = subprocess.Popen(
        [str(GTHREADD), "-c", str(server.ini)], stdin=subprocess.DEVNULL,
        stdout=slave, stderr=slave, env=server.env(), cwd=server.dir,
        start_new_session=True)
    os.close(slave)
    text = b""
    while b"is ready" not in text:
        text += os.read(master, 4096)
    server.signal(SIGTERM)
    with contextlib.suppress(OSError): # EIO is the end of a terminal
        while chunk := os.read(master, 4096):
            text += chunk
    os.close(master)
    assert server.wait() == 0
    server.stopped = True
    return text.decode()


def test_the_log_has_colors_on_a_terminal(server):
    text = start_on_terminal(server)
    assert "\x1b[32m[INFO]\x1b[0m using worker: gthread" in text
    assert "\x1b[32m[INFO]\x1b[0m worker exits pid=" in text  # of a worker


def test_no_color_is_honoured(server):
    assert "\x1b" not in start_on_terminal(server, NO_COLOR="1")


# ---- spew ----

def test_spew_writes_every_line_that_is_run(server):
    server.with_config(spew=True).start()
    assert server.get("/thread").status == 200
    text = wait_for("the lines of the request", lambda: (
        "wsgi_app:" in (t := server.read(server.stderr_path))
        and "def thread(" in t and "return answer" in t and t))
    assert re.search(r"^wsgi_app:\d+: def hello\(", text, re.M)
    server.stop()
