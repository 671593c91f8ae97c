# SPDX-License-Identifier: MIT
"""What every test may need: where things are, bounds, ports, processes.

Nothing here sleeps for a fixed time: whatever is expected is polled for until
a bound, and all bounds grow with GT_TEST_SLOW (sanitizer builds are slow).
"""
import os
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
APPS = HERE / "apps"
BUILD = Path(os.environ.get("top_builddir", HERE.parents[1] / "build"))
GTHREADD = Path(os.environ.get("GTHREADD", BUILD / "gthreadd")).resolve()
BOARD = Path(os.environ.get("GT_BOARD", BUILD / "tests/tools/board"))
PYTHON = "/usr/bin/python3"


def server_python():
    """The interpreter that belongs to the server's libpython."""
    try:
        text = (BUILD / "config.h").read_text()
    except OSError:
        return PYTHON
    found = re.search(r'GT_PYTHON_PATH "(.+)"', text)
    return found[1] if found else PYTHON


def sanitizer():
    """Which sanitizer the binary was built with: "asan", "tsan" or ""."""
    try:
        text = GTHREADD.read_bytes()
    except OSError:
        return ""
    for name in ("asan", "tsan"):
        if b"__%s_init" % name.encode() in text:
            return name
    return ""


def is_free_threaded():
    """Is there no GIL in the Python that it was built with?"""
    try:
        out = subprocess.run([str(GTHREADD), "--version"], text=True,
                             capture_output=True, check=True).stdout
    except OSError:
        return False
    return re.search(r"Python [\d.]+t\b", out) is not None


TESTS = HERE.parent
SANITIZER = sanitizer()
FREE_THREADED = is_free_threaded()
needs_gil = pytest.mark.skipif(FREE_THREADED, reason="this Python has no GIL")
SLOW = float(os.environ.get("GT_TEST_SLOW", 5 if SANITIZER else 1))


def scaled(seconds):
    return seconds * SLOW


def wait_for(what, condition, timeout=10.0):
    """Poll until condition() is true and return its value."""
    end = time.monotonic() + scaled(timeout)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {scaled(timeout):g} s for {what}")
        time.sleep(0.01)


def together(n, work):
    """work(0) to work(n - 1) at once, a thread each; what they return."""
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(work, range(n)))


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def session_of(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, _, _, session = stat.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)


def processes_of_session(session):
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [pid for pid in pids if session_of(pid) == session]


def title_of(pid):
    """What ps shows; "" when it is gone."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return text.split(b"\0")[0].decode().rstrip()


def rss_kib(pid, field="RssAnon"):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1])
