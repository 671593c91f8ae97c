# SPDX-License-Identifier: MIT
"""Logs and metrics for other programs: syslog over every transport, statsd.

The receivers are sockets of the test; nothing of the machine's own syslog is
touched.
"""
import re
import socket
import time
from pathlib import Path
from signal import SIGHUP, SIGTERM, SIGTTIN

import pytest

from harness import free_port, wait_for
from users import ROOT, open_to_all

RFC3164 = re.compile(
    r"<(\d+)>([A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d) (\S+): \[(\d+)\] (.*)",
    re.S)
RFC5424 = re.compile(
    r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) (\S+) (\d+)"
    r" - - (.*)", re.S)


class Datagrams:
    """A socket that collects what is sent to it."""

    def __init__(self, where):
        unix = not isinstance(where, tuple)
        self.sock = socket.socket(
            socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(str(where) if unix else where)
        self.sock.setblocking(False)
        self.address = self.sock.getsockname()
        self.seen = []

    def all(self):
        while True:
            try:
                self.seen.append(self.sock.recv(65536).decode())
            except BlockingIOError:
                return self.seen

    def wait(self, pattern, what=None):
        def found():
            return [m for m in (re.search(pattern, s, re.M)
                                for s in self.all()) if m]
        return wait_for(what or f"a datagram {pattern!r}", found)[0]

    def close(self):
        self.sock.close()


@pytest.fixture
def unix_log(server):
    d = Datagrams(server.dir / "log")
    server.with_config(log_syslog=True, log_syslog_to=f"unix://{d.address}")
    yield d
    d.close()


@pytest.fixture
def udp():
    d = Datagrams(("127.0.0.1", 0))
    yield d
    d.close()


def test_syslog_gets_both_logs_on_a_unix_socket(server, unix_log):
    server.with_config(log_syslog_prefix="shop").start()
    server.get("/hello?a=b")
    server.get("/error/before")
    m = RFC3164.fullmatch(unix_log.wait("GET /hello").string)
    assert m, unix_log.seen
    assert m[1] == "14"  # user.info
    assert m[3] == "gunicorn.shop.access"
    assert int(m[4]) == server.worker_pids()[0]
    assert '"GET /hello?a=b HTTP/1.1" 200 14' in m[5]
    m = RFC3164.fullmatch(unix_log.wait(r"raceback").string)
    assert (m[1], m[3]) == ("11", "gunicorn.shop.error")  # user.err
    # The master's own lines.
    m = RFC3164.fullmatch(unix_log.wait("worker .* is ready").string)
    assert (m[1], int(m[4])) == ("14", server.process.pid)
    # The kernel holds few datagrams that nobody reads.
    server.signal(SIGTERM)
    unix_log.wait("shutting down: master")
    server.stop()
    # What is in the file is there as well.
    lines = [x for x in server.error_log().splitlines()
             if re.match(r"\[\d{4}-", x)]
    sent = "\n".join(unix_log.all())
    assert not [x for x in lines if x.split("] ", 3)[-1] not in sent]


def test_first_lines_of_children_are_told_to_syslog(server, unix_log):
    server.with_config(preload=True).start()
    worker, = server.worker_pids()
    unix_log.wait("booting forkserver with pid: ")
    unix_log.wait(f"booting worker with pid: {worker}$")
    # The line is in the file once.
    assert server.error_log().count("booting worker") == 1


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_directory_that_the_user_cannot_enter_is_told_to_syslog(server,
                                                                unix_log):
    open_to_all(server)
    Path(unix_log.address).chmod(0o666)
    closed = server.dir / "closed"
    closed.mkdir(0o700)
    server.with_config(user="nobody", chdir=closed)
    assert server.run().returncode == 3
    assert unix_log.wait("directory .* cannot be entered: Permission")


def test_boot_failure_is_told_to_syslog(server, unix_log):
    server.with_config(wsgi_app="no_such_module:app").run()
    assert unix_log.wait("ModuleNotFoundError: No module named")


def test_access_lines_can_stay_out_of_syslog(server, unix_log):
    server.with_config(disable_redirect_access_to_syslog=True).start()
    server.get("/hello")
    server.get("/log?text=marker")
    unix_log.wait("marker")
    server.access_log(2)
    server.stop()
    assert not [s for s in unix_log.all() if ".access" in s]


def test_syslog_has_requests_without_an_access_logfile(server, unix_log):
    server.with_config(access_logfile=None, log_syslog_facility="local3",
                       access_log_exclude="/healthz", name="my app").start()
    server.get("/healthz")
    server.get("/hello")
    m = RFC3164.fullmatch(unix_log.wait("GET /").string)
    assert "GET /hello" in m[5]
    assert (m[1], m[3]) == (str(19 * 8 + 6), "gunicorn.my_app.access")


def test_syslog_over_udp_is_rfc5424(server, udp):
    port = udp.address[1]
    server.with_config(log_syslog=True,
                       log_syslog_to=f"udp://localhost:{port}",
                       access_log_json=True).start()
    before = time.time()
    server.get("/hello")
    m = RFC5424.fullmatch(udp.wait("/hello").string)
    assert m, udp.seen
    assert m[1] == "14"
    assert m[2] >= time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before))
    assert m[3] == socket.gethostname()
    assert m[4] == "gunicorn.wsgi_app.app.access"
    assert int(m[5]) == server.worker_pids()[0]
    assert m[6].startswith('{"time":')


class TcpLog:
    """A syslog server on TCP: octet-counted messages (RFC 6587)."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)
        self.streams = []  # [socket, octets that came]

    def pump(self):
        try:
            sock, _ = self.listener.accept()
            sock.setblocking(False)
            self.streams.append([sock, b""])
        except BlockingIOError:
            pass
        for stream in self.streams:
            try:
                stream[1] += stream[0].recv(1 << 20)
            except BlockingIOError:
                pass

    def messages(self):
        self.pump()
        found = []
        for _, data in self.streams:
            while data:
                m = re.match(rb"(\d+) ", data)
                assert m, data[:200]
                end = m.end() + int(m[1])
                if len(data) < end:
                    break
                found.append(data[m.end():end].decode())
                data = data[end:]
        return found

    def wait(self, pattern):
        return wait_for(f"a message {pattern!r}", lambda: [
            s for s in self.messages() if re.search(pattern, s)], 20)[0]

    def close(self):
        for sock, _ in self.streams:
            sock.close()
        self.listener.close()


def test_syslog_over_tcp_survives_the_other_end(server):
    """It goes away and comes back: lines in between wait and arrive."""
    port = free_port()
    log = TcpLog(port)
    server.with_config(log_syslog=True,
                       log_syslog_to=f"tcp://127.0.0.1:{port}").start()
    server.get("/log?text=first")
    m = RFC5424.fullmatch(log.wait("first"))
    assert m and m[4] == "gunicorn.wsgi_app.app.error"
    log.wait("is ready")  # the master's connection
    log.close()
    for i in range(5):
        assert server.get(f"/log?text=between{i}").status == 200
    log = TcpLog(port)
    for i in range(5):
        log.wait(f"between{i}")
    server.get("/log?text=last")
    log.wait("last")
    server.stop()
    log.close()


def test_syslog_that_nobody_reads_stops_nothing(server):
    """Connections are accepted by the kernel, never read."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port), backlog=5) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.with_config(
            log_syslog=True, log_syslog_to=f"tcp://127.0.0.1:{port}",
            access_logformat="%(U)s" + "x" * 7000).start()
        with server.connect() as c:
            for n in range(1, 801):
                assert c.get("/hello").status == 200
                if n % 80 == 0:  # lest the log thread's own buffer is full
                    server.access_log(n)
        server.log_contains(r"\[WARNING\] log lines dropped: \d+ ")
        assert server.ready_workers()[0]["log_dropped"] > 0
        assert len(server.access_log(800)) == 800
        server.stop()


def test_missing_syslog_socket_is_counted_not_fatal(server):
    server.with_config(log_syslog=True,
                       log_syslog_to=f"unix://{server.dir}/none").start()
    assert server.get("/hello").status == 200
    server.log_contains(r"\[WARNING\] log lines dropped: \d+ ")
    with_socket = Datagrams(server.dir / "none")
    server.get("/log?text=now")
    with_socket.wait("now")
    server.stop()
    with_socket.close()


def abandoned(path):
    """What a program leaves behind that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))


@pytest.mark.parametrize("kind", ["", "#dgram", "#stream"])
@pytest.mark.parametrize("place, why", [
    ("none", "No such file or directory"),
    ("old", "Connection refused"),
    ("file", "Connection refused")])
def test_syslog_socket_where_nobody_listens_is_told_at_once(server, place,
                                                            kind, why):
    abandoned(server.dir / "old")
    (server.dir / "file").touch()
    text = f"log-syslog-to unix://{server.dir}/{place}{kind}: {why}"
    server.with_config(log_syslog=True, statsd_host=f"unix://{server.dir}/no",
                       log_syslog_to=f"unix://{server.dir}/{place}{kind}")
    server.on_port().write_ini()
    checked = server.run("--check-config", "-c", str(server.ini))
    assert checked.returncode == 0
    server.stopped = False
    server.start()
    for said in checked.stderr, server.error_log():
        assert said.count(text) == 1 and said.count("statsd-host unix") == 1
    server.signal(SIGHUP)
    server.log_contains("reload is complete")
    assert server.error_log().count(text) == 2


def test_syslog_that_listens_is_not_warned_of(server, unix_log):
    server.start()
    unix_log.wait("is ready")
    assert "[WARNING]" not in server.error_log()


def test_check_config_sees_a_name_that_is_not_known(server):
    server.with_config(log_syslog=True,
                       log_syslog_to="udp://no-such-host.invalid")
    server.on_port().write_ini()
    result = server.run("--check-config", "-c", str(server.ini))
    assert result.returncode == 1
    assert "log-syslog-to 'udp://no-such-host.invalid'" in result.stderr


def test_reload_moves_the_logs_to_another_syslog(server, unix_log):
    server.start()
    unix_log.wait("is ready")
    other = Datagrams(server.dir / "other")
    server.with_config(log_syslog_to=f"unix://{other.address}").write_ini()
    server.signal(SIGHUP)
    other.wait("generation 2 takes over")
    server.get("/log?text=after")
    other.wait("after")
    assert "after" not in "".join(unix_log.all())
    server.stop()
    other.close()


@pytest.mark.parametrize("setting,value", [
    ("log-syslog-to", "unix:///dev/log#tcp"),
    ("log-syslog-to", "ftp://x"),
    ("log-syslog-to", "udp://h:70000"),
    ("log-syslog-facility", "lokal3"),
    ("statsd-host", ":8125"),
])
def test_wrong_address_is_an_error_with_its_setting(server, setting, value):
    result = server.with_config(log_syslog=True, **{setting: value}).run()
    assert result.returncode == 1
    assert f"setting '{setting}'" in result.stderr


def test_name_that_is_not_known_ends_the_start(server):
    result = server.with_config(
        log_syslog=True, log_syslog_to="udp://no-such-host.invalid").run()
    assert result.returncode == 1
    assert "log-syslog-to 'udp://no-such-host.invalid'" in result.stderr


# ---- statsd ----

class Statsd(Datagrams):
    def lines(self):
        return [line for d in self.all() for line in d.split("\n")]

    def sum(self, name):
        found = [re.fullmatch(re.escape(name) + r":(\d+)\|c\|@1\.0(\|#.*)?",
                              line) for line in self.lines()]
        return sum(int(m[1]) for m in found if m)


@pytest.fixture
def statsd(server):
    d = Statsd(("127.0.0.1", 0))
    server.with_config(statsd_host=f"127.0.0.1:{d.address[1]}")
    yield d
    d.close()


def test_statsd_gets_gunicorns_metrics(server, statsd):
    server.start()
    for path in ("/hello", "/hello", "/nope", "/error/before"):
        server.get(path)
    wait_for("requests", lambda: statsd.sum("gunicorn.requests") == 4)
    wait_for("statuses", lambda: [
        statsd.sum(f"gunicorn.request.status.{x}")
        for x in (200, 404, 500)] == [2, 1, 1])
    wait_for("log counters", lambda: statsd.sum("gunicorn.log.error") >= 1
             and statsd.sum("gunicorn.log.exception") == 1)
    times = [x for x in statsd.lines() if "duration" in x]
    assert len(times) == 4
    assert all(re.fullmatch(r"gunicorn\.request\.duration:\d+\.\d{3}\|ms", x)
               for x in times)
    wait_for("the gauge",
             lambda: "gunicorn.workers:1|g" in statsd.lines())
    server.signal(SIGTTIN)
    wait_for("the gauge to follow",
             lambda: "gunicorn.workers:2|g" in statsd.lines())
    assert not [x for x in statsd.lines() if "backlog" in x]


def test_statsd_prefix_tags_names_and_backlog(server, statsd):
    server.with_config(statsd_prefix="site.", statsd_names="gthreadd",
                       dogstatsd_tags="env:test,two",
                       enable_backlog_metric=True).start()
    server.get("/hello")
    wait_for("a request", lambda: statsd.sum("site.gthreadd.requests") == 1)
    assert "site.gthreadd.requests:1|c|@1.0|#env:test,two" in statsd.lines()
    wait_for("the backlog", lambda: [
        x for x in statsd.lines() if re.fullmatch(
            r"site\.gthreadd\.backlog:\d+\|h\|#env:test,two", x)])


def test_statsd_on_a_unix_socket_under_load(server):
    statsd = Statsd(server.dir / "statsd")
    server.with_config(statsd_host=f"unix://{statsd.address}", workers=2,
                       access_logfile=None).start()
    with server.connect() as a, server.connect() as b:
        for _ in range(40):
            for c in (a, b):
                c.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n" * 25)
            for c in (a, b):
                for _ in range(25):
                    c.response()
            statsd.all()
    wait_for("every request", lambda: statsd.sum("gunicorn.requests") == 2000)
    assert len([x for x in statsd.lines() if "duration" in x]) == 2000
    assert max(len(d) for d in statsd.seen) <= 1432
    server.stop()
    statsd.close()


def test_tags_are_not_shown(server, statsd):
    server.with_config(dogstatsd_tags="key:hidden").write_ini()
    result = server.on_port().run("-c", str(server.ini), "--print-config")
    assert "dogstatsd-tags = ***" in result.stdout
    assert "hidden" not in result.stdout


def test_gunicorns_flags_for_logs_are_taken(server):
    result = server.run(
        "--log-syslog", "--log-syslog-to", "udp://localhost:514",
        "--log-syslog-prefix", "p", "--log-syslog-facility", "daemon",
        "--disable-redirect-access-to-syslog",
        "--statsd-host", "localhost:8125", "--statsd-prefix", "x",
        "--dogstatsd-tags", "a:b", "--enable-backlog-metric",
        "--print-config", "wsgi_app:app")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^log-syslog-facility = daemon ", result.stdout, re.M)
