# SPDX-License-Identifier: MIT
"""The promises of the master under constant load, at full length.

Too long for every change: ./dev acceptance runs it and prints how many
requests were answered and how many seconds each recovery took. 16 clients
keep their connection and 16 connect anew for each request; none retries.
"""
import random
import re
import signal
import time

import pytest

from harness import scaled, wait_for
from load import Load
from rawclient import RawClient
from reloading import reload, version, write_app

ROWS = []


@pytest.fixture(scope="module", autouse=True)
def table(request):
    yield
    rows = [("what", "requests answered", "failed", "seconds"),
            ("---", "--:", "--:", "---"), *ROWS]
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        for row in rows:
            print("|", " | ".join(str(x) for x in row), "|")


def report(what, load, seconds=()):
    ROWS.append((what, len(load.answers) if load else "-",
                 len(load.failures) if load else "-",
                 " ".join(f"{s:.2f}" for s in seconds)))


def timed(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


# ---- nothing may fail ----

def test_twenty_reloads(reloaded):
    server = reloaded.with_config(workers=3).start()
    seconds = []
    with Load(server.address) as load:
        for v in range(2, 22):
            write_app(server, v)
            seconds.append(timed(lambda: reload(server)))
            assert version(server) == v
            load.wait_for(32)
    report("20 HUPs (fastest, slowest)", load, (min(seconds), max(seconds)))
    load.check()


def reloads_fail(server, load, v):
    write_app(server, v, "raise RuntimeError('broken on purpose')")
    reload(server, fails=True)
    load.wait_for(32)
    server.ini.write_text(server.ini.read_text() + "no-such-setting = 1\n")
    server.signal(signal.SIGHUP)
    server.log_contains("no-such-setting")
    load.wait_for(32)
    server.write_ini()


def test_broken_reloads(reloaded):
    server = reloaded.with_config(workers=3).start()
    with Load(server.address) as load:
        reloads_fail(server, load, 2)
        assert version(server) == 1
        write_app(server, 3)
        reload(server)
        assert version(server) == 3
    report("a broken application, a broken INI, then a good HUP", load)
    load.check()


class Upgrading:
    """A server with a pidfile, and its newest master."""

    def __init__(self, server):
        self.server = server
        self.pidfile = server.dir / "gthreadd.pid"
        server.with_config(workers=3, pid=str(self.pidfile)).start()

    def pid(self, suffix=""):
        try:
            return int((self.pidfile.parent / (self.pidfile.name + suffix))
                       .read_text())
        except (OSError, ValueError):
            return None

    def workers(self, pid):
        return [w["pid"] for w in self.server.board(pid) if w["ready"] == 1]

    def begin(self):
        """USR2, until the new master and its workers are ready."""
        old = self.pid()
        self.server.signal(signal.SIGUSR2, old)
        wait_for("the new master", lambda: self.pid(".2"), 30)
        new = self.pid(".2")
        wait_for("its workers", lambda: len(self.workers(new)) == 3, 30)
        return old, new

    def gone(self, pid):
        wait_for("a master to end", lambda: pid not in
                 self.server.processes(), 30)


def test_five_upgrades(reloaded):
    up = Upgrading(reloaded)
    seconds = []

    def upgrade():
        old, new = up.begin()
        up.server.signal(signal.SIGTERM, old)
        up.server.process.poll()
        up.gone(old)
        wait_for("promotion", lambda: up.pid() == new and not up.pid(".2"))
    with Load(up.server.address) as load:
        for _ in range(5):
            seconds.append(timed(upgrade))
            load.wait_for(32)
    report("5 USR2 upgrades (fastest, slowest)", load,
           (min(seconds), max(seconds)))
    load.check()
    up.server.signal(signal.SIGTERM, up.pid())
    wait_for("all to end", lambda: not up.server.processes(), 20)
    up.server.stopped = True


def test_two_rollbacks(reloaded):
    up = Upgrading(reloaded)
    seconds = []

    def roll_back():
        old, new = up.begin()
        up.server.signal(signal.SIGWINCH, old)
        wait_for("no old workers", lambda: not up.workers(old), 20)
        load.wait_for(32)
        up.server.signal(signal.SIGHUP, old)
        wait_for("old workers", lambda: len(up.workers(old)) == 3, 20)
        up.server.signal(signal.SIGTERM, new)
        up.gone(new)
        assert up.pid() == old and not up.pid(".2")
    with Load(up.server.address) as load:
        for _ in range(2):
            seconds.append(timed(roll_back))
            load.wait_for(32)
    report("2 rollbacks", load, seconds)
    load.check()


def test_workers_come_and_go(reloaded):
    server = reloaded.with_config(workers=2).start()
    with Load(server.address) as load:
        for number, counts in ((signal.SIGTTIN, (3, 4, 5)),
                               (signal.SIGTTOU, (4, 3, 2))):
            for n in counts:
                server.signal(number)
                wait_for(f"{n} workers", lambda n=n:
                         len(server.worker_pids()) == n)
                load.wait_for(32)
    report("TTIN x3, TTOU x3", load)
    load.check()


def test_max_requests_for_twenty_seconds(reloaded):
    server = reloaded.with_config(workers=2, max_requests=50,
                                  max_requests_jitter=20).start()
    fewest = []
    with Load(server.address) as load:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            fewest.append(server.ready_count())
            time.sleep(0.02)
    n = len(re.findall("is to be replaced: max-requests", server.error_log()))
    report(f"max-requests 50 with jitter, 20 s: {n} replacements, "
           f"never under {min(fewest)} ready", load)
    load.check()
    assert n >= 8 and min(fewest) >= 2


class LastLoad(Load):
    """Who cannot connect any more has not been failed."""

    def run(self, client):
        try:
            while not self.stopping.is_set():
                client()
        except ConnectionRefusedError:
            return
        except (OSError, EOFError, ValueError) as e:
            self.failures.append(f"{client.__name__}: {e!r}")


def test_term_with_requests_in_flight(reloaded):
    server = reloaded.with_config(workers=3, threads=8).start()
    with LastLoad(server.address, target="/?100") as load:
        seconds = timed(lambda: server.stop())
    report("TERM with requests of 0.1 s in flight", load, [seconds])
    load.check()


# ---- only what was in its hands fails ----

class KillLoad(Load):
    """Remembers which worker a client was with when its request failed."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.lost = []  # (when, pid of the worker; None: it is not known)

    def keep_alive(self):
        pid = None
        try:
            with RawClient(self.address) as c:
                while not self.stopping.is_set():
                    r = c.get(self.target)
                    assert r.status == 200
                    pid = r.json()["pid"]
                    self.answers.append(pid)
                    if (r.get("Connection") or "").lower() == "close":
                        return
                    self.rest()
        except (OSError, EOFError):
            self.lost.append((time.monotonic(), pid))

    def one_shot(self):
        try:
            super().one_shot()
        except (OSError, EOFError):
            self.lost.append((time.monotonic(), None))


def test_killed_workers_lose_what_they_held(reloaded):
    server = reloaded.with_config(workers=3).start()
    kills, seconds = [], []
    with KillLoad(server.address, target="/?5") as load:
        for _ in range(10):
            pid = random.choice(server.worker_pids())
            kills.append((time.monotonic(), pid))
            server.signal(signal.SIGKILL, pid)
            seconds.append(timed(lambda pid=pid: wait_for(
                "a replacement", lambda: pid not in server.worker_pids()
                and len(server.worker_pids()) == 3, 20)))
            load.wait_for(64)
    ROWS.append(("10 kill -9 of random workers (fastest, slowest)",
                 len(load.answers), f"{len(load.lost)} of the killed",
                 f"{min(seconds):.2f} {max(seconds):.2f}"))
    load.check()
    dead = {pid for _, pid in kills}
    for when, pid in load.lost:
        assert pid in dead or pid is None
        assert any(0 <= when - t < scaled(1) for t, _ in kills)


# ---- stuck for ever ----

STUCK = """
import ctypes
def app(environ, start_response, plain=app):
    what = environ["PATH_INFO"]
    if what == "/sleep":
        time.sleep(3600)
    if what == "/hold":
        ctypes.PyDLL(None).sleep(3600)
    return plain(environ, start_response)
"""


def write_stuck(server):
    write_app(server, 1)
    path = server.dir / "served.py"
    path.write_text(path.read_text() + STUCK)


def recovery(server, start):
    """Seconds until the next 200, by a client that tries again."""
    def answered():
        try:
            with server.connect(timeout=0.5) as c:
                return c.get("/").status == 200
        except (OSError, EOFError):
            return False
    wait_for("the next 200", answered, 30)
    return time.monotonic() - start


def ask(server, target):
    c = server.connect(timeout=60)
    c.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    return c


def test_all_threads_stuck(reloaded):
    server = reloaded.with_config(workers=1, threads=4,
                                  request_timeout=f"{scaled(2):g}",
                                  interrupt_timeout=f"{scaled(1):g}")
    write_stuck(server)
    server.start()
    old = server.worker_pids()
    start = time.monotonic()
    clients = [ask(server, "/sleep") for _ in range(4)]
    assert [c.response().status for c in clients] == [504] * 4
    answered = time.monotonic() - start
    again = recovery(server, start)
    wait_for("another worker", lambda: server.worker_pids() not in ([], old),
             30)
    report("all 4 threads stuck, request-timeout 2 s, interrupt-timeout 1 s: "
           "504, next 200, another worker", None,
           (answered, again, time.monotonic() - start))


def test_gil_held_for_ever(reloaded):
    server = reloaded.with_config(workers=1, threads=4,
                                  timeout=f"{scaled(3):g}")
    write_stuck(server)
    server.start()
    start = time.monotonic()
    c = ask(server, "/hold")
    again = recovery(server, start)
    age = int(server.log_contains(r"timed out.* age=(\d+)ms")[1]) / 1000
    assert scaled(3) <= age <= scaled(3) + 2
    report("the GIL held in C, timeout 3 s: decided at the age of "
           f"{age:.2f} s, next 200", None, [again])
    c.close()
