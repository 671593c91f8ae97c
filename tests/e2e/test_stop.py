# SPDX-License-Identifier: MIT
"""What TERM waits for, and what it does not wait for."""
import signal
import time

import pytest

from control import Control
from harness import SANITIZER, scaled, wait_for
from load import Load
from manager import Manager


def test_server_accepts_until_stop_delay_is_over(server, tmp_path):
    """R-14"""
    path = str(tmp_path / "notify")
    manager = Manager(path)
    control = Control(server)
    server.with_config(workers=2, stop_delay=f"{scaled(2):g}")
    server.with_env(NOTIFY_SOCKET=path).start()
    pids = server.worker_pids()
    assert control.ask("/healthz").status == 200
    with Load(server.address, target="/hello", keep_alive=2,
              one_shot=4) as load:
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        server.log_contains("stopping in .*stop-delay")
        manager.wait("STOPPING")
        assert control.ask("/healthz").status == 503
        assert control.post("/reload").status == 409
        load.wait_for(20)
        server.signal(signal.SIGHUP)
        server.log_contains("reload refused: the server is stopping")
        server.signal(signal.SIGUSR2)
        server.log_contains("upgrade refused: the server is stopping")
        assert server.worker_pids() == pids
        load.check()
    server.wait()
    assert time.monotonic() - began >= scaled(2)
    assert len(manager.having("STOPPING")) == 1
    manager.close()
    server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_second_signal_ends_the_delay(server, number):
    server.with_config(stop_delay="1000").start()
    server.signal(signal.SIGTERM)
    server.log_contains("stopping in 1000000ms")
    assert server.get("/hello").status == 200
    server.signal(number)
    server.stop()


def test_a_silent_connection_holds_no_worker(server):
    """One that nothing came on has the quiet second, not header-timeout."""
    server.with_config(header_timeout="1000", graceful_timeout="1000").start()
    with server.connect() as silent, server.connect() as late:
        wait_for("both to be accepted", lambda: server.board()[0][
            "connections"] == 2)
        server.signal(signal.SIGTERM)
        server.log_contains("worker drains")
        late.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n")
        assert late.response().status == 200
        silent.expect_close()
    server.stop()


@pytest.mark.parametrize("request_, what", [
    (b"POST /try-read HTTP/1.1\r\nHost: t\r\nContent-Length: 900000\r\n\r\n"
     + b"x" * 100000, r"read failed after \d+: ClientDisconnected"),
    (b"GET /write-on HTTP/1.1\r\nHost: t\r\n\r\n",
     "write raised ClientDisconnected"),
], ids=["upload", "download"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM,
                                    signal.SIGHUP])
def test_who_waits_for_a_client_does_not_spoil_the_exit(server, request_, what,
                                                        number):
    """Its wait ends with the connection; what Python does at exit is done."""
    (server.dir / "last.py").write_text(
        "import atexit, sys\nfrom wsgi_app import app\n"
        "atexit.register(print, 'last words', file=sys.stderr)\n")
    server.with_config(wsgi_app="last:app", threads=1, body_timeout="1000",
                       write_timeout="1000", capture_output=True,
                       graceful_timeout=f"{scaled(0.5):g}").start()
    pid = server.worker_pids()[0]
    with server.connect(rcvbuf=4096) as c:
        c.send(request_)
        wait_for("the app to wait", lambda: server.cells("waiting"))
        server.signal(number)
        # The exit has one second; a sanitizer may need more for it.
        if not SANITIZER:
            server.log_contains(what)
            server.log_contains("^last words$")
            server.log_contains(f"worker exits pid={pid}")
            assert "while requests run" not in server.error_log()
        wait_for("its end", lambda: pid not in server.processes())
    server.stop()


APP = """\
import atexit, pathlib, time
def mark(name):
    pathlib.Path(name).touch()
atexit.register(mark, "left")
class Body(list):
    def close(self):
        mark("closing")
        while not pathlib.Path("gate").exists():
            time.sleep(0.01)
        mark("closed")
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return Body([b"ok"])
"""


def test_a_request_whose_client_has_its_answer_is_finished(server):
    """close() after the last octet; on a unix socket its end shows."""
    (server.dir / "closing.py").write_text(APP)
    server.on_unix().with_config(wsgi_app="closing:app", chdir=server.dir,
                                 graceful_timeout="1000").start()
    with server.connect() as c:
        assert c.get("/").body == b"ok"
    wait_for("close()", (server.dir / "closing").exists)
    wait_for("the client to be gone", lambda: server.board()[0][
        "connections"] == 0)
    server.signal(signal.SIGTERM)
    server.log_contains("worker drains")
    (server.dir / "gate").touch()
    server.wait()
    assert (server.dir / "closed").exists() and (server.dir / "left").exists()
    assert len(server.access_log(1)) == 1
    assert "requests run" not in server.error_log()
