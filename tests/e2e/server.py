# SPDX-License-Identifier: MIT
"""The server under test: set up, started, looked at, ended."""
import json
import os
import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

from harness import (APPS, BOARD, FREE_THREADED, GTHREADD, SANITIZER, TESTS,
                     free_port, processes_of_session, scaled, wait_for)
from rawclient import RawClient

REPORT = re.compile(
    r"(ERROR|WARNING): (Address|Thread|Leak|UndefinedBehavior)Sanitizer"
    r"|runtime error:|gthreadd: .* check failed", re.I)


def printed(result):
    """The lines of --print-config, without the origins."""
    return [re.sub(r" +\(.*", "", line)
            for line in result.stdout.splitlines()]


class Server:
    """One gthreadd in its own directory and session."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.error_path = self.dir / "error.log"
        self.access_path = self.dir / "access.log"
        self.stderr_path = self.dir / "stderr"
        self.stdout_path = self.dir / "stdout"
        self.settings = {
            "wsgi-app": "wsgi_app:app",
            "chdir": str(self.dir),
            "pythonpath": str(APPS),
            "error-logfile": str(self.error_path),
            "access-logfile": str(self.access_path),
            "graceful-timeout": f"{scaled(10):g}",
            "timeout": f"{scaled(30):g}",
            "boot-timeout": f"{scaled(60):g}",
        }
        self.sections = {}  # of the file, besides [gthreadd]
        self.environment = {}
        self.address = None  # of the first bind
        self.process = None
        self.program = str(GTHREADD)
        self.stopped = False

    # ---- settings ----

    def with_config(self, **settings):
        """threads=2, bind=[...]; None removes a setting."""
        for name, value in settings.items():
            self.settings[name.replace("_", "-")] = value
        return self

    def with_env(self, **environment):
        self.environment.update(environment)
        return self

    def on_port(self, host="127.0.0.1"):
        port = free_port(host)
        text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.settings["bind"] = text
        self.address = (host, port)
        return self

    def on_unix(self, name="app.sock"):
        self.address = str(self.dir / name)
        self.settings["bind"] = f"unix:{self.address}"
        return self

    @property
    def ini(self):
        return self.dir / "gthreadd.ini"

    def write_ini(self):
        lines = ["[gthreadd]"]
        for name, value in self.settings.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            for v in values:
                if v is not None:
                    text = str(v).lower() if isinstance(v, bool) else str(v)
                    lines.append(f"{name} = {text}")
        for section, values in self.sections.items():
            lines.append(f"[{section}]")
            lines += [f"{name} = {v}" for name, v in values.items()]
        self.ini.write_text("\n".join(lines) + "\n")

    def env(self):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("GUNICORN_", "GTHREADD_"))
               and k not in ("PORT", "WEB_CONCURRENCY", "VIRTUAL_ENV",
                             "PYTHONHOME", "PYTHONPATH", "NOTIFY_SOCKET")}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if SANITIZER:
            # The app's memory errors are seen too; reports go to stderr.
            if not FREE_THREADED:  # which has one allocator only
                env["PYTHONMALLOC"] = "malloc"
            # Freed memory is kept for reports; not so much that tests of
            # bounded memory would see it.
            env.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")
            env.setdefault("LSAN_OPTIONS", f"suppressions={TESTS}/lsan.supp:"
                           "print_suppressions=0")
            # A worker that leaves a stuck thread behind does so on purpose.
            env["TSAN_OPTIONS"] = env.get(
                "TSAN_OPTIONS", f"suppressions={TESTS}/tsan.supp") \
                + ":report_thread_leaks=0:die_after_fork=0"
            env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        env.update(self.environment)
        return env

    # ---- life ----

    def spawn(self, *args, **kw):
        """Start the process; args replace "-c INI"."""
        if not args:
            self.write_ini()
            args = ("-c", str(self.ini))
        with open(self.stdout_path, "ab") as out, \
                open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                [self.program, *args], stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, env=self.env(), cwd=kw.pop("cwd", self.dir),
                start_new_session=True, **kw)
        return self

    def start(self, *args, **kw):
        if self.address is None:
            self.on_port()
        self.spawn(*args, **kw)
        self.wait_ready()
        return self

    def wait_ready(self, timeout=30.0):
        want = int(self.settings.get("workers", 1))

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"gthreadd ended with {self.process.returncode}:\n"
                    + self.output())
            return len(self.ready_workers()) >= want
        wait_for("the workers to be ready", ready, timeout)

    def run(self, *args, timeout=30.0):
        """A start that is expected to end by itself."""
        if not args:
            if "bind" not in self.settings:
                self.on_port()
            self.write_ini()
            args = ("-c", str(self.ini))
        result = subprocess.run(
            [str(GTHREADD), *args], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, env=self.env(), cwd=self.dir,
            timeout=scaled(timeout), start_new_session=True, check=False)
        self.stopped = True
        self.check_reports(result.stderr)
        return result

    def signal(self, number, pid=None):
        os.kill(pid or self.process.pid, number)

    def wait(self, timeout=20.0):
        try:
            return self.process.wait(scaled(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError("gthreadd does not end:\n"
                                 + self.output()) from None

    def stop(self, number=SIGTERM, code=0, timeout=20.0):
        """End it and check that it leaves nothing behind."""
        if self.stopped:
            return
        if self.process.poll() is None:
            self.signal(number)
        status = self.wait(timeout)
        self.stopped = True
        assert status == code, f"exit {status}, not {code}:\n{self.output()}"
        wait_for("all processes to end", lambda: not self.processes(), 5)
        self.check_reports(self.output())

    def kill(self):
        """After a failure: nothing may survive the test."""
        if self.process is None:
            return
        for pid in self.processes():
            try:
                os.kill(pid, SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    @contextmanager
    def serving(self, *args):
        """Started, and ended as a test's own server is: for a module's."""
        try:
            self.start(*args)
            yield self
            self.stop()
        finally:
            self.kill()

    def check_reports(self, text):
        found = REPORT.search(text)
        assert not found, f"sanitizer report:\n{text[found.start():][:6000]}"

    # ---- looking at it ----

    def processes(self):
        return processes_of_session(self.process.pid)

    def board(self, pid=None):
        text = subprocess.run([str(BOARD), str(pid or self.process.pid)],
                              capture_output=True, check=False).stdout
        return json.loads(text)["workers"] if text else []

    def ready_workers(self):
        return [w for w in self.board() if w["ready"] == 1 and w["pid"] > 0]

    def ready_count(self):
        """How many are ready now, and never too few.

        Boards are read one after the other: a successor may become ready
        behind our back before its predecessor is looked at. The second
        reading sees it.
        """
        return len({w["pid"] for _ in range(2) for w in self.ready_workers()})

    def worker_pids(self):
        return sorted(w["pid"] for w in self.ready_workers())

    def cells(self, *states):
        return [c for w in self.ready_workers() for c in w["cells"]
                if c["state"] in states]

    def busy_cells(self):
        return self.cells("running", "waiting")

    def wait_idle(self, timeout=10.0):
        """A thread is done a moment after its client has the answer."""
        wait_for("all threads to be free",
                 lambda: not self.busy_cells(), timeout)

    def fds(self, pid):
        links = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
        return links

    @staticmethod
    def read(path):
        try:
            return path.read_text("utf-8", "backslashreplace")
        except FileNotFoundError:
            return ""

    def error_log(self):
        return self.read(self.error_path)

    def output(self):
        return self.error_log() + self.read(self.stderr_path)

    def log_contains(self, pattern, timeout=10.0):
        """Wait for a line of the error log; return the match."""
        try:
            return wait_for(f"log line {pattern!r}", lambda: re.search(
                pattern, self.error_log(), re.M), timeout)
        except AssertionError as e:
            raise AssertionError(f"{e}:\n{self.output()}") from None

    def log_counts(self, pattern, count):
        """Lines that match, once there are count of them at least."""
        wait_for(f"{count} log lines {pattern!r}", lambda: len(
            re.findall(pattern, self.error_log(), re.M)) >= count)
        # The log is written in order: what was said before this is there.
        mark = f"mark {time.monotonic_ns()}"
        self.get("/log?text=" + quote(mark))
        self.log_contains(mark)
        return len(re.findall(pattern, self.error_log(), re.M))

    def access_log(self, count=0, timeout=10.0):
        """Its lines, once there are count of them at least."""
        def lines():
            text = self.read(self.access_path)
            found = text.split("\n")[:-1]
            return len(found) >= count and [found]
        return wait_for(f"{count} access lines", lines, timeout)[0]

    # ---- talking to it ----

    def connect(self, **kw):
        return RawClient(self.address, **kw)

    def get(self, target, **kw):
        with self.connect() as c:
            return c.get(target, **kw)

    def post(self, target, body, **kw):
        with self.connect() as c:
            return c.request("POST", target, body=body, **kw)

    @property
    def url(self):
        if isinstance(self.address, str):
            return "http+unix://" + quote(self.address, safe="")
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host \
            else f"http://{host}:{port}"
