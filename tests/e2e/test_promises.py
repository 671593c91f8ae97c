# SPDX-License-Identifier: MIT
"""What users of other servers have suffered from and shall not here.

R-numbers are those of the requirements; most stand with the tests of their
area, these have none but this one.
"""
import os
import re
import signal
import socket
import threading
import time

import pytest

from harness import SANITIZER, TESTS, scaled, wait_for
from load import Load
from rawclient import RawClient
from stuck import occupy, replaced, start

APP = """
import os, threading, time
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
{extra}
def app(environ, start_response):
    body = b"plain"
    if environ["PATH_INFO"] == "/later":
        open("taken", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        body = pool.submit(lambda: b"from the pool").result()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def write_app(server, extra=""):
    (server.dir / "promised.py").write_text(APP.format(extra=extra))
    return server.with_config(wsgi_app="promised:app")


def test_a_stuck_thread_does_not_delay_a_recycle(server):
    """R-11: the successor serves while the stuck one still drains."""
    start(server, request_timeout="0", max_requests=5, threads=2)
    pid = server.worker_pids()[0]
    c, = occupy(server, "/block")
    while server.worker_pids() == [pid]:
        assert server.get("/hello").status == 200
    new = replaced(server, pid)
    for _ in range(3):
        assert server.get("/hello").status == 200
    assert pid in server.processes() and new != pid
    c.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_requests_that_run_find_python_whole(server, number):
    """R-12: nothing is shut down before the last request has ended."""
    write_app(server).start()
    with server.connect() as c:
        c.send(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("the request to run", (server.dir / "taken").exists)
        server.signal(number)
        server.log_contains("worker drains")
        (server.dir / "go").touch()
        assert c.response().body == b"from the pool"
    if number == signal.SIGHUP:
        server.stop()
    assert server.wait() == 0
    assert "shutdown" not in server.error_log()


def test_threads_of_the_app_that_never_end_do_not_hold_the_exit(server):
    """R-13: and it is not called a lack of memory."""
    write_app(server, "threading.Thread(target=time.sleep,"
              " args=(1000,)).start()")
    server.with_config(graceful_timeout=f"{scaled(1):g}").start()
    assert server.get("/").status == 200
    server.stop(signal.SIGTERM, timeout=8)
    assert "memory" not in server.error_log()
    # TSan's exit takes a second of its own.
    assert SANITIZER == "tsan" or "is killed" not in server.error_log()


def test_boot_time_is_not_counted_against_timeout(server):
    """R-17: nor does a worker accept before it is ready."""
    write_app(server, "while not os.path.exists('boot'): time.sleep(0.01)")
    server.with_config(timeout="500ms", workers=1)
    server.on_port().spawn()
    pid = wait_for("the worker", lambda: [
        w["pid"] for w in server.board() if w["pid"]])[0]
    with wait_for("the socket", lambda: connect(server)) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        began = time.monotonic()
        wait_for("several timeouts",
                 lambda: time.monotonic() - began > 1.6)
        (server.dir / "boot").touch()
        assert c.response().status == 200
    assert server.worker_pids() == [pid]
    assert "timed out" not in server.error_log()


def connect(server):
    try:
        return RawClient(server.address)
    except OSError:
        return None


def threads_of(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_the_master_has_one_thread_whatever_it_does(server):
    """R-29, R-30: so it can fork."""
    write_app(server).with_config(
        preload=True, workers=2, control_socket=str(server.dir / "ctl"),
        metrics_bind="127.0.0.1:0").start()
    master = server.process.pid
    server.signal(signal.SIGHUP)
    server.log_contains("reload is complete")
    assert threads_of(master) == 1
    assert server.get("/").status == 200


def test_python_is_the_main_interpreter(server):
    """R-32: extension modules that know no other one work."""
    write_app(server, """
try:
    import _interpreters as i
except ImportError:
    import _xxsubinterpreters as i
assert i.get_current() == i.get_main()
def here():
    assert i.get_current() == i.get_main()
pool.submit(here).result()
""").start()
    assert server.get("/").status == 200


def test_what_preload_has_imported_is_frozen(server):
    """R-49: the garbage collector does not unshare its pages."""
    write_app(server, """
import gc
def app2(environ, start_response):
    body = b"%d" % gc.get_freeze_count()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
""")
    server.with_config(preload=True, wsgi_app="promised:app2").start()
    assert int(server.get("/").body) > 1000


def test_a_storm_of_signals_harms_nothing(server):
    """R-42: handlers do nothing; the loop does it, in turn."""
    write_app(server).with_config(workers=2, threads=4).start()
    stop = threading.Event()

    def storm():
        while not stop.is_set():
            for pid in [server.process.pid, *server.worker_pids()]:
                for number in (signal.SIGUSR1, signal.SIGWINCH
                               if pid != server.process.pid
                               else signal.SIGCHLD):
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        pass
    thread = threading.Thread(target=storm)
    with Load(server.address) as load:
        thread.start()
        for _ in range(3):
            before = len(re.findall("reload is complete",
                                    server.error_log()))
            server.signal(signal.SIGHUP)
            wait_for("a reload", lambda n=before: len(re.findall(
                "reload is complete", server.error_log())) > n, 30)
        stop.set()
        thread.join()
    load.check()


def test_term_after_term_hastens(server):
    """Parity: gunicorn does not hear a second TERM."""
    server.with_config(threads=1, graceful_timeout="60").start()
    with server.connect() as c:
        c.send(b"GET /sleep?ms=60000 HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("the request", server.busy_cells)
        server.signal(signal.SIGTERM)
        server.log_contains("worker drains")
        server.stop(signal.SIGTERM, timeout=8)


def test_an_address_that_is_soon_free_is_waited_for_at_the_start(server):
    """Parity: five tries, a second apart."""
    server.on_port()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(server.address)
        s.listen()
        server.spawn()
        server.log_contains("in use")
        s.close()
    wait_for("the server", lambda: connect(server))
    assert server.get("/hello").status in (200, 404)


def test_each_promise_of_the_master_stands_with_its_test():
    numbers = [1, 2, 3, *range(10, 20), 23, 24, *range(28, 35), 42, 44, 45,
               49]
    text = "".join(p.read_text() for ending in ("py", "c")
                   for p in TESTS.rglob(f"test_*.{ending}"))
    assert [n for n in numbers if f"R-{n:02}" not in text] == []
