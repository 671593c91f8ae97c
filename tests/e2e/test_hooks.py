# SPDX-License-Identifier: MIT
"""[hooks]: what is called when, with what, and what a bad hook does."""
import json
import os
import re
from signal import SIGINT, SIGTERM

import pytest

from harness import needs_gil, scaled, wait_for
from hooks import facts_of, hook_lines, with_hooks


def test_hooks_of_a_worker_run_in_order_with_their_arguments(server):
    with_hooks(server, "post_fork", "post_worker_init", "worker_exit")
    server.with_config(threads=3).start()
    pid = server.worker_pids()[0]
    server.get("/")
    server.stop()
    master = server.process.pid
    lines = hook_lines(server)
    assert [name for name, _ in lines] == [
        "post_fork", "post_worker_init", "worker_exit"]
    assert all(f"pid={pid} " in text for _, text in lines)
    assert f"server={master} age=1 worker={pid} ppid={master}" in lines[0][1]
    assert "wsgi=True threads=3 proc='hook_app:app'" in lines[1][1]
    assert "nr=1 alive=False" in lines[2][1]


def test_post_fork_runs_before_the_application_is_imported(server):
    with_hooks(server, "post_fork")
    (server.dir / "tells.py").write_text(
        "import sys\nprint('imports', file=sys.stderr, flush=True)\n"
        "from wsgi_app import app\n")
    server.with_config(wsgi_app="tells:app", error_logfile="-").start()
    text = server.output()
    assert text.index("hook post_fork") < text.index("imports")


def test_requests_are_shown_to_their_hooks(server):
    with_hooks(server, "pre_request", "post_request").start()
    with server.connect() as c:
        c.get("/x?skip")
        server.log_contains("hook post_request")
        answer = c.request("POST", "/after?a=b%20c", body=b"12345",
                           headers=[("X-Odd-Name", "\xfcber")])
    assert answer.status == 418 and answer.body == b"tea"
    server.log_contains("hook 'post_request' failed")
    before = json.loads(hook_lines(server, "pre_request")[-1][1])
    assert before["headers"] == [["HOST", "test"], ["X-ODD-NAME", "\xfcber"],
                                 ["CONTENT-LENGTH", "5"]]
    assert before["method"] == "POST" and before["uri"] == "/after?a=b%20c"
    assert before["path"] == "/after" and before["query"] == "a=b%20c"
    assert before["version"] == [1, 1] and before["scheme"] == "http"
    assert before["number"] == 2 and before["fragment"] == ""
    assert before["pid"] == server.worker_pids()[0]
    after = json.loads(hook_lines(server, "post_request")[-1][1])
    assert after == {"uri": "/after?a=b%20c", "environ": "/after",
                     "status": "418 Tea", "code": 418, "sent": 3,
                     "headers": [["X-Tea", "green"]]}


def test_post_request_that_raises_is_logged_and_nothing_else(server):
    with_hooks(server, "post_request").start()
    assert server.get("/after").status == 418
    server.log_contains(r"hook 'post_request' failed \(.*gthreadd.ini:\d+\)")
    server.log_contains("^RuntimeError: post_request raises")
    assert server.get("/after").status == 418


def test_pre_request_that_raises_is_answered_500(server):
    with_hooks(server, "pre_request", "post_request").start()
    assert server.get("/refused").status == 500
    server.log_contains("^PermissionError: no")
    after = facts_of(server, "post_request")
    assert after["code"] == 500 and after["environ"] is None
    assert server.get("/").status == 200


def test_post_request_sees_an_application_that_failed(server):
    with_hooks(server, "post_request").start()
    assert server.get("/error/before").status == 500
    after = facts_of(server, "post_request")
    assert after["status"] == "500 Internal Server Error"
    assert after["environ"] == "/error/before"


@pytest.mark.parametrize("count", [2, 3])
def test_post_request_may_take_fewer_arguments(server, count):
    with_hooks(server, post_request=f"hook_app:post_request_{count}").start()
    server.get("/few")
    server.log_contains(f"hook post_request_{count} /few")


def test_a_hook_may_live_in_a_file_that_is_no_module(server):
    (server.dir / "my hooks.py").write_text(
        "def post_fork(server, worker):\n"
        "    worker.log.info('from %s', __file__)\n"
        "class Two:\n"
        "    @staticmethod\n"
        "    def init(worker):\n"
        "        worker.log.warning('second %s', __name__)\n")
    with_hooks(server, post_fork="file:my hooks.py:post_fork",
               post_worker_init=f"file:{server.dir}/my hooks.py:Two.init")
    server.start()
    server.log_contains(r"\[INFO\] from .*/my hooks.py$")
    server.log_contains(r"\[WARNING\] second gthreadd_hooks$")


def test_worker_int_is_called_on_a_quick_stop_only(make_server):
    quick = with_hooks(make_server(), "worker_int", "worker_exit").start()
    quick.stop(SIGINT)
    assert [n for n, _ in hook_lines(quick)] == ["worker_int", "worker_exit"]
    slow = with_hooks(make_server(), "worker_int", "worker_exit").start()
    slow.stop(SIGTERM)
    assert [n for n, _ in hook_lines(slow)] == ["worker_exit"]


def test_worker_int_that_hangs_does_not_stop_a_quick_stop(server):
    with_hooks(server, "worker_int").with_env(HOOK_FAILS="worker_int=hang")
    server.start()
    server.stop(SIGINT, timeout=8)
    server.log_contains("hook 'worker_int' has not returned in time")


def hold(server):
    """A worker whose GIL is held in C from /hold until let_go()."""
    fifo = server.dir / "fifo"
    os.mkfifo(fifo)
    (server.dir / "holds.py").write_text(
        "import ctypes\nfrom hook_app import app as plain\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/hold':  # and Python's lock\n"
        f"        ctypes.PyDLL(None).open(b'{fifo}', 0)\n"
        "    return plain(environ, start_response)\n")
    server.with_config(timeout=f"{scaled(1.2):g}", wsgi_app="holds:app")


def let_go(server):
    os.close(os.open(server.dir / "fifo", os.O_WRONLY))


def give_up_a_worker(server):
    """Until one had the time for its worker_abort hook; its pid."""
    for _ in range(4):  # a busy machine may need its second for other things
        pid = wait_for("a worker", server.worker_pids)[0]
        with server.connect() as c:
            c.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n")
            server.log_contains(f"worker {pid} timed out")
            let_go(server)
            server.log_contains(rf"worker {pid} was (aborted|killed)")
        if re.search(rf"hook worker_abort pid={pid} ", server.error_log()):
            break
    server.log_contains(r"hook worker_abort pid=\d+ age=\d")
    return pid


@needs_gil
def test_worker_abort_is_called_before_a_worker_is_killed(server):
    """R-03"""
    with_hooks(server, "worker_abort", "worker_exit")
    hold(server)
    server.start()
    give_up_a_worker(server)
    assert "worker_exit" not in [n for n, _ in hook_lines(server)]


@needs_gil
def test_worker_abort_that_hangs_does_not_save_the_worker(server):
    """R-03: the time for last words is bounded."""
    with_hooks(server, "worker_abort").with_env(HOOK_FAILS="worker_abort=hang")
    hold(server)
    server.start()
    pid = give_up_a_worker(server)
    wait_for("a worker", lambda: set(server.worker_pids()) - {pid})
    assert server.get("/").status == 200


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_worker_exit_that_hangs_does_not_stop_the_end(server, number):
    """R-13"""
    with_hooks(server, "worker_exit").with_env(HOOK_FAILS="worker_exit=hang")
    server.with_config(graceful_timeout=f"{scaled(1):g}").start()
    server.stop(number)
    assert hook_lines(server, "worker_exit")


@pytest.mark.parametrize("name", ["post_fork", "post_worker_init"])
def test_a_boot_hook_that_hangs_is_ended_by_boot_timeout(server, name):
    """R-17"""
    with_hooks(server, name).with_env(HOOK_FAILS=f"{name}=hang")
    server.with_config(boot_timeout=f"{scaled(1):g}")
    assert server.run().returncode == 3
    assert "it was not ready within boot-timeout" in server.output()


def test_worker_exit_is_called_when_a_request_never_ends(server):
    with_hooks(server, "worker_exit").start()
    with server.connect() as c:
        c.send(b"GET /sleep?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("a busy thread", server.busy_cells)
        server.stop(SIGINT)
    assert [n for n, _ in hook_lines(server)] == ["worker_exit"]


@pytest.mark.parametrize("name", ["post_fork", "post_worker_init"])
def test_a_boot_hook_that_raises_is_a_failed_boot(server, name):
    with_hooks(server, name, "worker_exit")
    server.with_env(HOOK_FAILS=f"{name}=raise")
    result = server.run()
    assert result.returncode == 3
    assert f"RuntimeError: {name} raises" in server.output()
    assert "hook worker_exit" in server.output()


@pytest.mark.parametrize("value, what", [
    ("no_such_module:f", "No module named 'no_such_module'"),
    ("hook_app:nothing", "has no attribute 'nothing'"),
    ("hook_app:not_callable", "is of type int, which cannot be called"),
    ("hook_app:two_arguments", r"called with \(worker\)"),
    ("file:/no/such/file.py:f", "/no/such/file.py"),
])
def test_a_hook_that_cannot_be_loaded_is_named_with_its_line(
        server, value, what):
    with_hooks(server, post_worker_init=value)
    result = server.run()
    assert result.returncode == 3
    number = server.ini.read_text().splitlines().index(
        f"post_worker_init = {value}") + 1
    assert re.search(rf"gthreadd.ini:{number}: hook 'post_worker_init': "
                     rf"'{value}' cannot be used", server.output())
    assert re.search(what, server.output())


def test_check_config_loads_the_hooks(server):
    with_hooks(server, post_fork="hook_app:nothing").on_port().write_ini()
    result = server.run("-c", str(server.ini), "--check-config")
    assert result.returncode == 1
    assert "hook 'post_fork'" in result.stderr + server.output()


def test_an_unknown_hook_is_an_error_with_a_suggestion(server):
    with_hooks(server, post_frok="hook_app:post_fork")
    result = server.run()
    assert result.returncode == 1
    assert "'post_frok' is no hook (did you mean 'post_fork'?)" \
        in result.stderr


def test_settings_are_read_only_and_known_by_all_their_names(server):
    (server.dir / "look.py").write_text(
        "def init(worker):\n"
        "    c = worker.cfg\n"
        "    assert c['graceful-timeout'] == c.graceful_timeout == 2.5\n"
        "    assert c.raw_env == ['A=b'] and 'workers' in c\n"
        "    assert c.worker_class == 'gthread' and c.threads == 2\n"
        "    assert c.bind == [c['bind'][0]] and not hasattr(c, 'nothing')\n"
        "    assert c.timeout == 30 and type(c.timeout) is int\n"
        "    try:\n"
        "        c.threads = 3\n"
        "    except AttributeError as e:\n"
        "        worker.log.error('%s', e, exc_info=True)\n"
        "    worker.log.info('seen %d settings', len(c))\n")
    with_hooks(server, post_worker_init="look:init")
    server.with_config(graceful_timeout="2500ms", timeout=30, env="A=b",
                       threads=2).start()
    server.log_contains("settings cannot be changed here")
    server.log_contains("^AttributeError: settings cannot")
    server.log_contains(r"seen \d+ settings")
