# SPDX-License-Identifier: MIT
"""One run: start a server, load it, read what it cost, end it.

Every process started here is ended here. Costs are those of the server's
whole process tree, read from /proc before and after the load.
"""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from entries import APPS
from load import RunError, child_setup, children_cpu_ns, run_wrk

START_SECONDS = 20
STOP_SECONDS = 10
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clean_environment():
    """Ours without what would configure a server or choose a Python."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("PYTHON", "GUNICORN_", "GTHREADD", "UWSGI_",
                                "DJANGO_", "FLASK_", "VIRTUAL_ENV"))}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    return env


# --- processes

def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def started(pid):
    """When a process was started, to tell it from a later one's number."""
    fields = stat_fields(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def tree(root):
    """Live pids of root's session and their descendants."""
    parent, members = {}, set()
    for name in os.listdir("/proc"):
        fields = stat_fields(name) if name.isdigit() else None
        if fields is None or fields[0] in "ZX":
            continue
        parent[int(name)] = int(fields[1])
        if int(name) == root or int(fields[3]) == root:
            members.add(int(name))
    grown = True
    while grown:
        more = {p for p, up in parent.items()
                if up in members and p not in members}
        members |= more
        grown = bool(more)
    return members


def cpu_ns(pid):
    """CPU time of a process with its ended threads and reaped children."""
    fields = stat_fields(pid)
    if fields is None:
        return 0
    try:
        # The clock that clock_getcpuclockid(3) gives: exact, not in ticks.
        own = time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0
    return own + (int(fields[13]) + int(fields[14])) * TICK_NS


def switches(pids):
    """{thread id: (voluntary, involuntary)} of all threads."""
    found = {}
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            pair = re.findall(r"voluntary_ctxt_switches:\s+(\d+)", text)
            found[status.parent.name] = tuple(map(int, pair))
    return found


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total


def machine_busy_ns():
    """CPU time the whole machine has spent so far, in ticks' precision."""
    with open("/proc/stat", encoding="ascii") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) * TICK_NS


class Sample:
    """The counters of a process tree at one moment."""

    def __init__(self, root):
        self.pids = tree(root)
        self.cpu = sum(cpu_ns(p) for p in self.pids)
        self.busy = machine_busy_ns()
        self.switches = switches(self.pids)
        self.time = time.monotonic_ns()

    def switches_since(self, before):
        """Voluntary and involuntary switches; threads that ended are lost."""
        total = [0, 0]
        for thread, now in self.switches.items():
            then = before.switches.get(thread, (0, 0))
            for i in (0, 1):
                total[i] += now[i] - then[i]
        return total


# --- a server

class Process:
    """A server that listens on a port of its own while the block runs."""

    def __init__(self, server, scenario, cpus, tmp):
        self.server = server
        self.scenario = scenario
        self.cpus = cpus
        self.tmp = tmp
        self.log = Path(tmp) / "server.log"
        self.port = free_port()
        self.popen = None
        self.start_ms = None

    def __enter__(self):
        argv = self.server.command(self.scenario, self.port, self.tmp)
        if self.server.files:   # it changes to a user of its own
            os.chmod(self.tmp, 0o755)
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_environment() | self.server.environment(
                    self.scenario, self.port, self.tmp),
                start_new_session=True, preexec_fn=child_setup(self.cpus),
                cwd=self.tmp)
        try:
            self.wait_for_answer(begin + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.start_ms = (time.monotonic() - begin) * 1000
        return self

    def __exit__(self, *exc):
        self.stop()

    @property
    def pid(self):
        return self.popen.pid

    def workers(self):
        """The processes that serve: all but the master when there is one."""
        pids = tree(self.pid)
        return sorted(pids - {self.pid}) or [self.pid]

    def fail(self, why):
        tail = self.log.read_text(errors="replace")[-1500:]
        raise RunError(f"{self.server.name}: {why}\n{tail}")

    def wait_for_answer(self, end):
        while True:
            try:
                status, body = self.get()
                break
            except OSError:
                pass
            if self.popen.poll() is not None:
                self.fail(f"ended with {self.popen.returncode}")
            if time.monotonic() > end:
                self.fail(f"no answer in {START_SECONDS} s")
            time.sleep(0.005)
        self.check(status, body)

    def check(self, status, body):
        """Is this what the application says?"""
        app = APPS[self.scenario.app]
        if status != 200 or app.expect not in body or \
                app.length not in (0, len(body)):
            self.fail(f"answered {status}, {len(body)} octets: "
                      f"{body[:200]!r}")

    def get(self, path=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        upload = self.scenario.upload
        try:
            conn.request("POST" if upload else "GET",
                         path or self.scenario.path,
                         body=b"x" * upload if upload else None,
                         headers={"Connection": "close"})
            response = conn.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as e:
            self.fail(f"answered badly: {e!r}")
        finally:
            conn.close()

    def count(self):
        """What the application's own threads have counted."""
        if not self.scenario.counter:
            return 0
        status, body = self.get(self.scenario.counter)
        self.check(status, body)
        return int(re.search(rb"\d+", body)[0])

    def stop(self):
        """Ask, wait, kill; nothing of its tree is left."""
        known = {p: started(p) for p in tree(self.pid)}
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        known.update((p, started(p)) for p in tree(self.pid))
        for pid, when in known.items():
            if when is not None and started(pid) == when:
                os.kill(pid, signal.SIGKILL)
        self.popen.wait()


# --- runs

@contextlib.contextmanager
def idle_connections(process):
    """As many as the scenario wants; each has had its answer."""
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(process.scenario.idle):
            sock = stack.enter_context(socket.create_connection(
                ("127.0.0.1", process.port), timeout=20))
            sock.sendall(request)
            if not sock.recv(65536).startswith(b"HTTP/1.1 200"):
                process.fail("an idle connection got no answer")
        yield


def memory_of(process):
    """PSS of the tree and of its first process."""
    return {"pss_mib": pss_kib(tree(process.pid)) / 1024,
            "master_mib": pss_kib([process.pid]) / 1024,
            "processes": len(tree(process.pid)),
            "start_ms": process.start_ms, "errors": {}}


def memory_run(process, seconds, cpus):
    """Some load, so that all workers have served; then what they hold."""
    load = run_wrk(process, seconds, cpus)
    found = memory_of(process)
    found["errors"] = {k: v for k, v in load["errors"].items() if v}
    return found


def start_run(process, _seconds, _cpus):
    return memory_of(process)


def loaded_run(process, seconds, cpus):
    """Warm up, load, and put the costs per request together."""
    run_wrk(process, min(0.4, seconds), cpus)
    with idle_connections(process):
        count = process.count()
        before, wrk_before = Sample(process.pid), children_cpu_ns()
        load = run_wrk(process, seconds, cpus)
        after = Sample(process.pid)
        load["counted"] = process.count() - count
    return costs(process, load, before, after,
                 children_cpu_ns() - wrk_before)


def costs(process, load, before, after, wrk_cpu):
    n = load["requests"]
    if n == 0:
        raise RunError(f"{process.server.name}: no request was answered")
    errors = {k: v for k, v in load.pop("errors").items() if v}
    if before.pids != after.pids:
        errors["processes changed"] = 1
    elapsed = after.time - before.time
    cpu = after.cpu - before.cpu
    voluntary, involuntary = after.switches_since(before)
    others = after.busy - before.busy - cpu - wrk_cpu
    return {
        **load,
        "rps": n / (load["duration_us"] / 1e6),
        "counted": load["counted"] / (elapsed / 1e9),
        "cpu_us": cpu / n / 1000,
        "switches": (voluntary + involuntary) / n,
        "voluntary": voluntary / n,
        "involuntary": involuntary / n,
        "pss_mib": pss_kib(after.pids) / 1024,
        "processes": len(after.pids),
        "start_ms": process.start_ms,
        "errors": errors,
        # How busy one CPU was: with wrk, with everything that is not ours.
        "wrk_cpu": wrk_cpu / elapsed,
        "server_cpu": cpu / elapsed,
        "others_cpu": max(0.0, others / elapsed),
    }


RUNS = {"load": loaded_run, "start": start_run, "memory": memory_run}


def measured_run(process, seconds, cpus):
    return RUNS[process.scenario.kind](process, seconds, cpus)


# --- system calls

def is_traced(pids):
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            if re.search(r"^TracerPid:\s+0$", status.read_text(), re.M):
                return False
    return True


def parse_strace(text):
    """{name: calls} of the table of strace -c -U calls,name."""
    rows = re.findall(r"^\s*(\d+)\s+(\w+)$", text, re.M)
    return {name: int(calls) for calls, name in rows if name != "total"}


def traced_run(process, seconds, cpus):
    """System calls per request by name, with strace on the workers."""
    run_wrk(process, 0.4, cpus)
    out = Path(process.tmp) / "strace.out"
    pids = process.workers()
    argv = ["strace", "-f", "-c", "-U", "calls,name", "-o", str(out)]
    for pid in pids:
        argv += ["-p", str(pid)]
    popen = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=child_setup(None))
    try:
        end = time.monotonic() + STOP_SECONDS
        while not is_traced(pids):
            if popen.poll() is not None or time.monotonic() > end:
                raise RunError("strace could not attach")
            time.sleep(0.02)
        load = run_wrk(process, seconds, cpus)
        popen.send_signal(signal.SIGINT)
        popen.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise RunError("strace did not end") from None
    finally:
        popen.kill()
        popen.wait()
    n = load["requests"]
    if n == 0:
        raise RunError(f"{process.server.name}: no request was answered")
    calls = parse_strace(out.read_text())
    return {"requests": n, "rps": n / (load["duration_us"] / 1e6),
            "errors": {k: v for k, v in load["errors"].items() if v},
            "calls": {name: c / n for name, c in calls.items()}}
