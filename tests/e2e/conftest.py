# SPDX-License-Identifier: MIT
"""Fixtures: servers that end with their test, and nothing else does."""
import signal
import sys

import pytest
import requests

sys.dont_write_bytecode = True

from harness import GTHREADD, SANITIZER, SLOW, wait_for  # noqa: E402
from reloading import write_app  # noqa: E402
from server import Server  # noqa: E402
from upgrading import end, masters  # noqa: E402


def pytest_report_header(config):
    return f"gthreadd: {GTHREADD} {SANITIZER} bounds x{SLOW:g}"


def pytest_configure(config):
    if not GTHREADD.is_file():
        raise pytest.UsageError(f"{GTHREADD} is not built (make, or GTHREADD=)")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    setattr(item, "report_" + report.when, report)


@pytest.fixture
def make_server(tmp_path, request):
    """make_server() -> Server, not started; each is stopped and checked."""
    servers = []

    def make():
        server = Server(tmp_path / f"server{len(servers)}")
        servers.append(server)
        return server

    yield make
    report = getattr(request.node, "report_call", None)
    try:
        for server in servers:
            if server.process is None or server.stopped:
                continue
            if report is not None and report.failed:
                # Shown by pytest beside the failure.
                print(f"---- log of {server.dir.name}")
                print(server.output()[-8000:])
            else:
                server.stop()
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def server(make_server):
    """One server, to be configured and started by the test."""
    return make_server()


@pytest.fixture
def reloaded(server):
    """A server whose application changes; not started."""
    write_app(server, 1)
    server.with_config(wsgi_app="served:app", workers=2, threads=4)
    return server


@pytest.fixture
def chain(server):
    """A server to be upgraded; whichever master is the last ends here."""
    write_app(server, 1)
    server.with_config(wsgi_app="served:app", workers=2, threads=4)
    yield server
    if server.process is None:
        return
    for pid in reversed(masters(server)):
        end(server, pid)
    assert server.wait() in (0, -signal.SIGKILL)
    wait_for("all processes to end", lambda: not server.processes(), 10)
    server.check_reports(server.output())
    server.stopped = True


@pytest.fixture
def session():
    """A client that keeps cookies and its connection."""
    with requests.Session() as s:
        yield s


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A running server that the harmless tests of a module share."""
    s = Server(tmp_path_factory.mktemp("shared"))
    s.with_config(threads=4)
    with s.serving():
        yield s


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The same, with the application of special cases."""
    s = Server(tmp_path_factory.mktemp("cases"))
    s.with_config(wsgi_app="cases_app:app", threads=4)
    with s.serving():
        yield s
