#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What gunicorn makes of the cases of tests/e2e/test_smuggling.py.

    tests/parity/smuggling.py [--all] [GUNICORN]

Starts GUNICORN (Debian's, if none is named) with threads on the same app and
prints a table of the cases in which it does otherwise: the statuses it
answers, what the app sees, whether the connection is closed. Not part of the
tests.
"""
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
E2E = Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))

from attacks import catalogue, corpus  # noqa: E402
from harness import free_port  # noqa: E402

QUIET = 0.4  # s without an octet: the server waits for more


def start(gunicorn, port, directory):
    process = subprocess.Popen(
        [gunicorn, "-k", "gthread", "--threads", "4", "-b",
         f"127.0.0.1:{port}", "--pythonpath", str(E2E / "apps"),
         "--chdir", directory, "--log-level", "critical", "seen_app:app"],
        stdin=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("gunicorn does not start")


def converse(port, octets):
    """All that comes back, and whether the server closed."""
    data = b""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(QUIET)
        try:
            s.sendall(octets)
            while (part := s.recv(65536)):
                data += part
            return data, True
        except socket.timeout:
            return data, False
        except OSError:
            return data, True


def statuses(data):
    return [int(x) for x in
            re.findall(rb"^HTTP/1\.[01] (\d{3}) .*\r$", data, re.M)]


class Peer:
    def __init__(self, port, directory):
        self.port = port
        self.path = Path(directory) / "seen"
        self.used = 0

    def calls(self):
        text = self.path.read_text() if self.path.exists() else ""
        new, self.used = text[self.used:], len(text)
        return [json.loads(x) for x in new.splitlines()]

    def measure(self, case):
        self.calls()
        data, closed = converse(self.port, case.octets)
        paths = [x["path"] for x in self.calls()]
        return statuses(data), paths, closed


def differs(case, found, paths, closed):
    if case.verdict == "again":
        return bool(paths)
    if case.verdict == "ok" or case.status == 200:
        return found[:1] != [200]
    return found != [case.status] or bool(paths) or not closed


def weight(case, paths):
    """The worst first."""
    if "/evil" in paths:
        return "EVIL SERVED"
    if paths and case.status != 200:
        return "served"
    return "status"


def main():
    arguments = [x for x in sys.argv[1:] if x != "--all"]
    gunicorn = arguments[0] if arguments else "/usr/bin/gunicorn"
    cases = [c for c in catalogue() + corpus() if not c.limits]
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        process = start(gunicorn, port, directory)
        try:
            peer = Peer(port, directory)
            for case in cases:
                found, paths, closed = peer.measure(case)
                if "--all" in sys.argv or differs(case, found, paths, closed):
                    rows.append((weight(case, paths), case, found, paths,
                                 closed))
        finally:
            process.terminate()
            process.wait()
    rows.sort(key=lambda r: (r[0], r[1].group))
    print(f"{'what':12}{'case':42}{'gthreadd':10}{'peer':16}{'closed':8}app")
    for kind, case, found, paths, closed in rows:
        wanted = case.status if case.verdict != "again" else "-"
        print(f"{kind:12}{case.id:42}{wanted!s:10}"
              f"{','.join(map(str, found)) or '-':16}"
              f"{'yes' if closed else 'no':8}{' '.join(paths)}")
    print(f"{len(rows)} of {len(cases)} cases differ")


if __name__ == "__main__":
    main()
