# SPDX-License-Identifier: MIT
"""Starting, or not: exit codes, reasons, all errors at once, no fork storm."""
import os
import re
import socket
import subprocess

import pytest

from harness import APPS, free_port, scaled

BROKEN = {
    "missing module": ("no_such_module:app", r"No module named '?no_such"),
    "missing name": ("wsgi_app:nothing", r"nothing"),
    "not callable": ("wsgi_app:not_callable", r"callable"),
    "failing factory": ("wsgi_app:factory(1, 2, 3)", r"TypeError|factory"),
    "python file": ("wsgi_app.py", r"wsgi_app"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_unimportable_app_is_exit_4_with_the_reason(server, case):
    app, reason = BROKEN[case]
    r = server.with_config(wsgi_app=app, workers=2).run()
    assert r.returncode == 4, server.error_log() + r.stderr
    assert re.search(reason, server.error_log() + r.stderr)


def write_app(server, text):
    (server.dir / "local_app.py").write_text(text)
    return server.with_config(wsgi_app="local_app:app",
                              pythonpath=server.dir)


def test_syntax_error_is_exit_4_with_the_traceback(server):
    r = write_app(server, "def app(\n").run()
    assert r.returncode == 4
    assert re.search(r"SyntaxError", server.error_log() + r.stderr)
    assert "local_app.py" in server.error_log() + r.stderr


def test_name_that_raises_is_exit_4_with_the_traceback(server):
    write_app(server, "class Lazy:\n    @property\n    def app(self):\n"
              "        raise RuntimeError('not now')\nlazy = Lazy()\n")
    r = server.with_config(wsgi_app="local_app:lazy.app").run()
    assert r.returncode == 4
    assert "'lazy.app' of module 'local_app' failed" in server.error_log()
    assert "RuntimeError: not now" in server.error_log()


def test_app_that_exits_at_import_is_exit_4(server):
    r = write_app(server, "import sys; sys.exit(0)\n").run()
    assert r.returncode == 4


@pytest.mark.parametrize("text", [
    "import os; os._exit(5)\n", "import os; os.kill(os.getpid(), 9)\n"])
def test_worker_that_dies_booting_is_exit_3(server, text):
    r = write_app(server, text).with_config(workers=2).run()
    assert r.returncode == 3, server.error_log() + r.stderr


def test_boot_timeout_is_exit_3(server):
    """R-17"""
    r = write_app(server, "import time; time.sleep(600)\n").with_config(
        boot_timeout="1").run()
    assert r.returncode == 3, server.error_log() + r.stderr


def test_failed_boot_is_tried_once(server):
    mark = server.dir / "tries"
    write_app(server, f"open({str(mark)!r}, 'a').write('x'); 1/0\n")
    r = server.with_config(workers=1).run()
    assert r.returncode == 4
    assert mark.read_text() == "x"


def test_failed_boot_leaves_no_socket_and_no_pidfile(server):
    server.on_unix().with_config(wsgi_app="no_such_module",
                                 pid=server.dir / "pid")
    assert server.run().returncode == 4
    assert not (server.dir / "app.sock").exists()
    assert not (server.dir / "pid").exists()


def test_address_in_use_is_exit_1(server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        server.with_config(bind=f"127.0.0.1:{s.getsockname()[1]}")
        r = server.run()
    assert r.returncode == 1
    assert re.search(r"in use", server.error_log() + r.stderr)


def test_more_addresses_than_can_be_served_are_refused(server):
    server.with_config(bind=[f"unix:{n}.sock" for n in range(65)])
    server.write_ini()
    for more in ((), ("--check-config",)):
        r = server.run("-c", str(server.ini), *more)
        assert r.returncode == 1
        assert re.search(r"gthreadd\.ini:\d+: setting 'bind': 65 addresses, "
                         "and 64 are the most", r.stderr), r.stderr


def test_unknown_settings_are_all_reported_with_file_and_line(server):
    server.ini.write_text(
        "[gthreadd]\nwsgi-app = wsgi_app\nworkerz = 2\nthreads = many\n"
        "timeout = 5 parsecs\n[other]\nx = 1\n")
    r = server.run("-c", str(server.ini))
    assert r.returncode == 1
    for line, name in ((3, "workerz"), (4, "threads"), (5, "timeout")):
        assert re.search(rf"{re.escape(str(server.ini))}:{line}:.*'{name}'",
                         r.stderr), r.stderr
    assert re.search(r"gthreadd\.ini:[67]:.*other", r.stderr)
    assert "did you mean 'workers'" in r.stderr


def test_unknown_flag_gets_a_suggestion(server):
    r = server.run("--wokers", "2", "wsgi_app")
    assert r.returncode == 1
    assert "wokers" in r.stderr and "workers" in r.stderr


def test_wrong_values_on_the_command_line_are_all_reported(server):
    r = server.run("--workers=x", "--threads=0", "--bind=:::", "wsgi_app")
    assert r.returncode == 1
    for name in ("workers", "threads", "bind"):
        assert f"'{name}'" in r.stderr


def test_wrong_access_format_is_found_at_load(server):
    r = server.with_config(access_logformat="%(h)s %(nope)s").run()
    assert r.returncode == 1
    assert re.search(r"gthreadd\.ini:\d+:.*'access-logformat'.*%\(nope\)s",
                     r.stderr)


def test_missing_app_is_exit_1(server):
    del server.settings["wsgi-app"]
    r = server.run()
    assert r.returncode == 1
    assert "wsgi-app" in r.stderr


def test_missing_ini_is_exit_1(server):
    r = server.run("-c", "/nonexistent.ini")
    assert r.returncode == 1
    assert "/nonexistent.ini" in r.stderr


def test_check_config_imports_the_app(server):
    server.on_port().write_ini()
    good = server.run("-c", str(server.ini), "--check-config")
    assert good.returncode == 0, good.stderr + server.error_log()
    bad = server.run("-c", str(server.ini), "--check-config", "no_such_app")
    assert bad.returncode != 0
    assert "no_such_app" in bad.stderr + bad.stdout + server.error_log()


def test_check_config_opens_no_socket(server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        server.with_config(bind=f"127.0.0.1:{s.getsockname()[1]}")
        server.write_ini()
        r = server.run("-c", str(server.ini), "--check-config")
    assert r.returncode == 0


UNWRITABLE = {
    "error-logfile": ("missing/error.log", "No such file"),
    "access-logfile": (".", "Is a directory"),
    "pid": ("missing/pid", "No such file"),
    "bind": ("unix:missing/sock", "No such file"),
    "control-socket": ("gthreadd.ini", "File exists"),
    "metrics-bind": ("no-such-host.invalid:9000", "not known|resolution"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_check_config_finds_what_could_not_be_opened(server, name):
    value, why = UNWRITABLE[name]
    server.on_port().with_config(**{name: value})
    server.write_ini()
    r = server.run("-c", str(server.ini), "--check-config")
    assert r.returncode == 1
    assert re.search(rf"\[ERROR\] {name} .*: .*({why})", r.stderr), r.stderr
    assert r.stderr.count("[ERROR]") == 1


@pytest.mark.parametrize("name", [
    "error-logfile", "access-logfile", "pid", "bind", "control-socket"])
def test_start_without_a_place_for_its_files_is_exit_1(server, name):
    value = "missing/file"
    server.on_port().with_config(
        **{name: f"unix:{value}" if name == "bind" else value})
    r = server.run()
    assert r.returncode == 1
    assert re.search(r"missing/file: No such file or directory", r.stderr)


def test_check_config_leaves_a_running_server_alone(server):
    server.on_unix().with_config(pid=server.dir / "pid").start()
    args = "-c", str(server.ini), "--check-config"
    before = sorted(os.listdir(server.dir))
    r = subprocess.run([server.program, *args], env=server.env(),
                       capture_output=True, text=True, check=False)
    assert (r.returncode, r.stderr) == (0, "")
    assert sorted(os.listdir(server.dir)) == before
    assert server.get("/").status == 200


ASYNC = {
    "function": "async def app(scope, receive, send): pass",
    "object": "class App:\n    async def __call__(self, *args): pass\n"
              "app = App()",
}


@pytest.mark.parametrize("kind", ASYNC)
def test_an_asgi_application_is_refused_by_name(server, kind):
    r = write_app(server, ASYNC[kind] + "\n").run()
    assert r.returncode == 4
    assert "'local_app:app' is an ASGI application" in server.error_log()


def test_script_name_without_a_slash_is_refused(server):
    r = server.with_env(SCRIPT_NAME="app").run()
    assert r.returncode == 1
    assert r.stderr == ("gthreadd: environment SCRIPT_NAME: 'app' does not "
                        "begin with a slash\n")


def test_missing_upload_directory_is_warned_of(server):
    server.on_port().with_config(body_spool="1m", tmp_upload_dir="missing")
    server.write_ini()
    r = server.run("-c", str(server.ini), "--check-config")
    assert r.returncode == 0
    assert f"tmp-upload-dir={server.dir}/missing is no directory" in r.stderr


def test_print_config_shows_values_and_origins(server):
    server.on_port().with_config(workers=3, env=["SECRET=hush"])
    server.with_env(GTHREADD_ARGS="--backlog 77")
    server.write_ini()
    r = server.run("-c", str(server.ini), "--threads", "9", "--print-config")
    assert r.returncode == 0
    lines = {name: next((x for x in r.stdout.splitlines()
                         if re.match(rf"\W*{name}\b", x)), "")
             for name in ("workers", "threads", "backlog", "keep-alive")}
    assert re.search(r"3.*gthreadd\.ini:\d+", lines["workers"])
    assert re.search(r"9.*command line", lines["threads"])
    assert re.search(r"77.*(environment|GTHREADD_ARGS)", lines["backlog"])
    assert re.search(r"75.*default", lines["keep-alive"])
    assert "hush" not in r.stdout


def test_help_lists_every_flag(server):
    r = server.run("--help")
    assert r.returncode == 0
    for flag in ("-b", "--bind", "-w", "--workers", "--threads",
                 "--access-logformat", "--graceful-timeout"):
        assert flag in r.stdout


def test_version_names_python_and_libevent(server):
    r = server.run("--version")
    assert r.returncode == 0
    assert "gthreadd" in r.stdout and "Python 3" in r.stdout


def test_gunicorn_command_line_is_accepted(server):
    server.on_port()
    host, port = server.address
    r = server.run("-k", "gthread", "-w", "2", "--threads", "2", "-b",
                   f"{host}:{port}", "--limit-request-field_size", "4000",
                   "--log-file", "-", "--access-logfile", "-", "--pythonpath",
                   server.settings["pythonpath"], "--check-config",
                   "wsgi_app:app")
    assert r.returncode == 0, r.stderr


def test_log_to_stderr_is_the_default(server):
    server.on_port()
    del server.settings["error-logfile"]
    server.start()
    server.get("/log?text=to+stderr")
    server.stop()
    text = server.read(server.stderr_path)
    assert re.search(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] "
                     r"\[\d+\] \[INFO\] ", text, re.M)
    assert "to stderr" in text


def test_respawned_worker_that_cannot_boot_does_not_storm(server):
    """R-16: after a first success the server stays and tries with back-off."""
    mark, broken = server.dir / "tries", server.dir / "broken"
    write_app(server, f"""
import os
open({str(mark)!r}, 'a').write('x')
if os.path.exists({str(broken)!r}):
    raise RuntimeError('broken now')
from wsgi_app import app
""")
    server.with_config(pythonpath=[server.dir, APPS]).start()
    broken.touch()
    server.signal(9, server.worker_pids()[0])
    server.log_contains("broken now")
    with pytest.raises(AssertionError):
        # Two seconds of trying: far fewer tries than a storm makes.
        server.log_contains("never logged", 2 / scaled(1))
    assert server.process.poll() is None
    assert 2 <= len(mark.read_text()) < 20
    broken.unlink()
    server.wait_ready()
    assert server.get("/hello").status == 200


def test_free_port_is_really_used(server):
    port = free_port()
    server.address = ("127.0.0.1", port)
    server.with_config(bind=f":{port}").start()
    assert server.get("/hello").status == 200


def test_a_setting_below_env_is_told(server):
    """As when it is appended to a file that ends with that section."""
    server.on_port().write_ini()
    with open(server.ini, "a") as f:
        f.write("[env]\nTIMEOUT = 3\nworker_connections = 8\n")
    number = sum(1 for _ in open(server.ini))
    r = server.run("-c", str(server.ini), "--check-config")
    assert r.returncode == 0
    assert (f"[WARNING] {server.ini}:{number}: 'worker_connections' is an "
            "environment variable here: the setting belongs into [gthreadd]\n"
            ) in r.stderr
    assert "TIMEOUT" not in r.stderr
