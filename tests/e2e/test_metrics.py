# SPDX-License-Identifier: MIT
"""/metrics and /healthz: true, valid, and never served by root."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from control import Control, controlled
from harness import TESTS, free_port, wait_for
from hooks import with_hooks
from rawclient import RawClient

NAME = r"[a-z_][a-z0-9_]*"
SAMPLE = re.compile(rf'({NAME})(?:{{({NAME})="((?:[^"\\\n]|\\.)*)"}})? '
                    r"(\d+(?:\.\d+)?)")


def parse(text):
    """{name: {label value or "": number}}, or an assertion fails."""
    assert text.endswith("\n")
    types, found, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in types, f"{current} is in two places"
            assert line.endswith(".")
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == current
            assert kind in ("gauge", "counter", "histogram")
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, _, label, value = match.groups()
            base = name
            if types[current] == "histogram":
                base = re.sub("_(bucket|sum|count)$", "", name)
            assert base == current
            assert (types[current] == "counter") == name.endswith("_total")
            samples = found.setdefault(name, {})
            assert (label or "") not in samples, line
            samples[label or ""] = float(value)
    return found


def check_histogram(m, name):
    bounds = m[name + "_bucket"]
    values = list(bounds.values())
    assert values == sorted(values) and list(bounds)[-1] == "+Inf"
    assert bounds["+Inf"] == m[name + "_count"][""]


@pytest.fixture
def control(server):
    return controlled(server, workers=2, threads=2)


def metrics(control):
    r = control.ask("/metrics")
    assert r.status == 200
    assert r.get("Content-Type").startswith("text/plain; version=0.0.4")
    return parse(r.text)


class Http:
    """What metrics-bind serves."""

    def __init__(self, server):
        self.address = ("127.0.0.1", free_port())
        server.with_config(metrics_bind="%s:%d" % self.address)

    def get(self, target, method="GET"):
        with RawClient(self.address) as c:
            return c.request(method, target)


def metrics_process(server):
    """Its pid; None: there is none."""
    for pid in server.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().startswith(b"gthreadd: metrics"):
                    return pid
        except OSError:
            pass
    return None


# ---- the numbers ----

def test_metrics_are_valid_and_each_is_documented(control):
    control.server.start()
    control.server.get("/")
    text = control.ask("/metrics").text
    m = parse(text)
    for name in ("gthreadd_queue_wait_seconds", "gthreadd_request_seconds"):
        check_histogram(m, name)
    here = os.path.dirname(os.path.abspath(__file__))
    page = os.path.join(here, "../../man/gthreadd-metrics.7")
    with open(page, encoding="utf-8") as f:
        documented = set(re.findall(r"^\.It Cm (gthreadd_\w+)", f.read(),
                                    re.M))
    shown = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    assert shown == documented


def test_examples_of_the_manual_ask_for_what_is_there(control):
    control.server.start()
    control.server.get("/")
    samples = metrics(control)
    page = (TESTS.parent / "man/gthreadd-metrics.7").read_text()
    text = page.split(".Sh EXAMPLES")[1]
    asked = re.findall(r"(gthreadd_\w+)(?:\{(?:\w+)=~?\"([^\"]+)\"\})?", text)
    assert len(asked) >= 4
    for name, values in asked:
        assert name in samples
        for value in values.split("|"):
            assert not value or value in samples[name], (name, value)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool_has_nothing_to_say(control):
    control.server.start()
    r = subprocess.run(["promtool", "check", "metrics"], text=True,
                       input=control.ask("/metrics").text,
                       capture_output=True, check=False)
    assert (r.returncode, r.stdout + r.stderr) == (0, "")


def test_requests_are_counted_by_class_octets_and_time(server):
    c = Control(server)
    server.with_config(threads=2).start()
    with server.connect() as conn:
        for _ in range(7):
            assert conn.get("/").status == 200
        body = b"x" * 10000
        assert conn.request("POST", "/echo", body=body).status < 500
        assert conn.get("/nothing-is-here").status in (200, 404)
    with server.connect() as conn:
        conn.send(b"BAD\r\n\r\n")
        assert conn.response().status == 400

    def counted():
        m = metrics(c)
        return m if m["gthreadd_responses_total"]["4xx"] >= 1 else None
    m = wait_for("the bad request to be counted", counted)
    n = m["gthreadd_requests_total"][""]
    assert n == 9
    assert sum(m["gthreadd_responses_total"].values()) == n + 1
    assert m["gthreadd_queue_wait_seconds_count"][""] == n
    assert m["gthreadd_request_seconds_count"][""] == n
    assert m["gthreadd_request_seconds_sum"][""] > 0
    assert m["gthreadd_request_bytes_total"][""] > 10000
    assert m["gthreadd_response_bytes_total"][""] > 0
    assert m["gthreadd_connections_accepted_total"][""] == 2


def test_gauges_show_busy_threads_and_the_queue(control, tmp_path):
    s = control.server.with_config(workers=1).start()
    gate = tmp_path / "gate"
    conns = [s.connect() for _ in range(3)]
    for c in conns:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())

    def full():
        m = metrics(control)
        return m if (m["gthreadd_threads"]["running"] == 2
                     and m["gthreadd_queue_length"][""] == 1) else None
    m = wait_for("two to run and one to wait", full)
    assert m["gthreadd_connections"][""] == 3
    assert m["gthreadd_oldest_request_seconds"][""] > 0
    gate.touch()
    for c in conns:
        assert c.response().status == 200
    wait_for("the threads to be free", lambda: metrics(control)[
        "gthreadd_threads"]["parked"] == 2)
    # The loop may sleep until its next tick before it shows this.
    wait_for("an empty queue", lambda: metrics(control)[
        "gthreadd_queue_length"][""] == 0)
    m = metrics(control)
    assert m["gthreadd_queue_wait_seconds_sum"][""] > 0
    wait_for("the loop to see them parked", lambda: metrics(control)
             ["gthreadd_connections_parked"][""] == 3)
    for c in conns:
        c.close()


def test_counters_do_not_fall_when_workers_are_replaced(control):
    s = control.server.start()
    last = {}

    def check():
        m = metrics(control)
        for name, samples in m.items():
            if not name.endswith(("_total", "_count", "_sum", "_bucket")):
                continue
            for label, value in samples.items():
                assert value >= last.get((name, label), 0), (name, label)
                last[name, label] = value
        return m
    for _ in range(20):
        s.get("/")
    check()
    assert control.post("/reload").status == 200
    check()
    wait_for("the old workers to be gone", lambda: check()
             ["gthreadd_workers"]["draining"] == 0)
    s.signal(signal.SIGKILL, s.worker_pids()[0])
    wait_for("two workers again", lambda: check()
             ["gthreadd_workers_started_total"][""] == 5
             and len(s.ready_workers()) == 2)
    for _ in range(5):
        s.get("/")
    wait_for("all answers to be counted", lambda: check()
             ["gthreadd_responses_total"]["2xx"] == 25)
    m = check()
    assert m["gthreadd_requests_total"][""] == 25
    assert m["gthreadd_responses_total"]["2xx"] == 25
    assert m["gthreadd_workers_started_total"][""] == 5
    assert m["gthreadd_workers_ended_total"]["reload"] == 2
    assert m["gthreadd_workers_ended_total"]["killed"] == 1
    assert m["gthreadd_reloads_total"]["ok"] == 1


def test_time_limits_are_counted_by_their_setting(control):
    s = control.server.with_config(
        header_timeout="200ms", keep_alive="200ms").start()
    with s.connect() as c:
        c.send(b"GET / HT")
        assert c.response().status == 408
    with s.connect() as c:
        assert c.get("/").status == 200
        c.expect_close()
    wait_for("both to be counted", lambda: metrics(control)
             ["gthreadd_timeouts_total"]["keep-alive"] >= 1)
    assert metrics(control)["gthreadd_timeouts_total"]["header-timeout"] == 1


def test_hooks_of_the_master_that_fail_are_counted(control):
    s = with_hooks(control.server, "when_ready").with_env(
        HOOK_FAILS="when_ready=raise").start()
    s.log_contains("hook 'when_ready' has failed failures=1")
    assert metrics(control)["gthreadd_hook_failures_total"][""] == 1
    assert control.status()["hook_failures"] == 1


# ---- metrics-bind ----

def test_a_process_without_privileges_serves_them(server):
    h = Http(server)
    server.with_config(workers=2).start()
    assert h.get("/healthz").text == "ok\n"
    r = h.get("/metrics")
    assert r.status == 200
    assert parse(r.text)["gthreadd_workers"]["serving"] == 2
    pid = metrics_process(server)
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        uids = re.search(r"^Uid:\s+(.*)$", f.read(), re.M)[1].split()
    assert "0" not in uids
    # It has its sockets, and nothing of the server.
    kinds = [x.split(":")[0] for x in server.fds(pid)] \
        if os.access(f"/proc/{pid}/fd", os.R_OK) else []
    assert kinds.count("socket") <= 3
    assert not [x for x in server.fds(pid) if "memfd" in x or ".log" in x]


def test_only_two_pages_and_only_to_look(server):
    h = Http(server)
    server.start()
    assert h.get("/status").status == 404
    assert h.get("/").status == 404
    with RawClient(h.address) as c:
        # A body would stand in the way of the next answer.
        assert c.request("HEAD", "/healthz").get("Content-Length") == "3"
        assert c.get("/healthz").text == "ok\n"
    with RawClient(h.address) as c:
        c.send(b"POST /metrics HTTP/1.1\r\nHost: t\r\n"
               b"Content-Length: 0\r\n\r\n")
        assert c.response().status in (405, 501)
    with RawClient(h.address) as c:
        c.send(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n")
        assert c.response().status in (400, 413)
    assert h.get("/healthz").status == 200


def test_many_connections_do_not_hold_it_up(server):
    h = Http(server)
    server.start()
    silent = [socket.create_connection(h.address) for _ in range(40)]
    try:
        with RawClient(h.address) as c:
            c.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
            for s in silent[:20]:
                s.close()
            assert c.response().status == 200
    finally:
        for s in silent:
            s.close()
    assert server.get("/").status == 200


def test_it_lives_on_when_connections_have_taken_all_descriptors(server):
    h = Http(server)
    server.start()
    wait_for("the process", lambda: metrics_process(server))
    pid = metrics_process(server)
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        limit = int(re.search(r"Max open files +(\d+)", f.read())[1])
    clients = [RawClient(h.address) for _ in range(40)]
    try:
        wait_for("no room", lambda: len(server.fds(pid)) == limit)
        # The master's answer is a descriptor, too.
        assert clients[0].get("/metrics").status == 503
    finally:
        for c in clients:
            c.close()
    assert metrics_process(server) == pid
    assert h.get("/healthz").status == 200


def test_health_tells_why_not(control, tmp_path):
    h = Http(control.server)
    s = control.server.with_config(
        workers=1, saturation_warning="200ms").start()
    gate = tmp_path / "gate"
    conns = [s.connect() for _ in range(2)]
    for c in conns:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    wait_for("saturation", lambda: h.get("/healthz").text ==
             "saturated: all threads are busy")
    assert h.get("/healthz").status == 503
    assert control.ask("/healthz").status == 503
    assert parse(h.get("/metrics").text)["gthreadd_healthy"][""] == 0
    control.post("/workers?n=0")
    wait_for("no worker", lambda: h.get("/healthz").text ==
             "no worker is ready")
    gate.touch()
    for c in conns:
        assert c.response().status == 200
        c.close()
    control.post("/workers?n=1")
    wait_for("health", lambda: h.get("/healthz").status == 200)
    gate.unlink()
    with s.connect() as c:
        c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        wait_for("it to run", lambda: len(s.busy_cells()) == 1)
        s.signal(signal.SIGTERM)
        wait_for("the stop to be told", lambda: h.get("/healthz").text ==
                 "stopping")
        gate.touch()
        assert c.response().status == 200
    assert s.wait() == 0


def test_it_comes_back_when_killed_and_goes_with_the_master(server):
    h = Http(server)
    server.start()
    old = metrics_process(server)
    os.kill(old, signal.SIGTERM)  # of a group: it is not its business
    assert h.get("/healthz").status == 200
    assert metrics_process(server) == old
    os.kill(old, signal.SIGKILL)
    server.log_contains(f"metrics process {old} has ended")
    wait_for("another", lambda: metrics_process(server) not in (None, old))
    assert h.get("/healthz").status == 200
    server.process.kill()
    server.process.wait()
    wait_for("all to end", lambda: not server.processes())
    server.stopped = True


def test_an_address_in_use_is_refused_with_the_reason(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "%s:%d" % taken.getsockname()
        r = server.with_config(metrics_bind=address).run()
    assert r.returncode == 1
    wrong = server.with_config(metrics_bind="127.0.0.1:port").run()
    assert wrong.returncode == 1 and "'metrics-bind'" in wrong.stderr
    assert f"cannot listen on {address}" in server.output() + r.stderr


def test_metrics_and_control_go_with_an_upgrade_and_come_back(control):
    h = Http(control.server)
    s = control.server.with_config(workers=1).start()
    old = s.process.pid
    assert control.post("/upgrade").status == 202
    new = int(s.log_contains(r"new master (\d+) is ready", timeout=30)[1])
    assert control.status()["pid"] == new
    assert h.get("/healthz").status == 200
    # Back: the old one makes the file anew.
    os.kill(new, signal.SIGTERM)
    s.log_contains("upgrade is undone")

    def pid():
        try:
            return control.status()["pid"]
        except OSError:
            return None
    wait_for("the old master to have it again", lambda: pid() == old)
    assert control.post("/upgrade").status == 202
    new = int(wait_for("the second upgrade", lambda: re.findall(
        r"new master (\d+) is ready", s.error_log())[1:])[0])
    try:
        os.kill(old, signal.SIGTERM)
        assert s.wait() == 0
        assert control.status()["pid"] == new

        def served():
            try:
                return h.get("/healthz").status == 200
            except OSError:
                return False
        wait_for("the new one's metrics", served)
        assert os.path.exists(control.path)
    finally:
        os.kill(new, signal.SIGTERM)
    wait_for("all to end", lambda: not s.processes(), 20)
    assert not os.path.exists(control.path)
    s.stopped = True
