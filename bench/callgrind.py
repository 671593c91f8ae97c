#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions per request, counted by valgrind: a figure without noise.

    bench/callgrind.py [--app NAME] [--headers] [--close] [--connections N]
                       [--compare PROGRAM]

Starts gthreadd with one worker under callgrind, sends requests, one at a time
on each connection, and prints what a request costs in instructions outside the
kernel: in all, by layer of src/, by library, by function, and how often it
allocates. Build with CFLAGS='-O2 -g': without names there are no layers.
"""
import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from entries import APPS, APPS_DIR, TWENTY  # noqa: E402
from measure import clean_environment, free_port, tree  # noqa: E402

START_SECONDS = 60
ALLOCATORS = ("malloc", "calloc", "realloc", "free")


# --- reading what callgrind wrote

class Profile:
    """Own cost by (object, file, function), and calls by function."""

    def __init__(self, path):
        self.names = {}
        self.cost = Counter()
        self.calls = Counter()
        self.where = {"ob": "", "fl": "", "fn": ""}
        self.callee = ""
        self.skip = False
        for line in path.read_text().splitlines():
            self.take(line)

    def name(self, kind, text):
        """Names are written once: "(7) name", then "(7)"."""
        number, _, name = text.partition(" ")
        if name:
            self.names[kind, number] = name
        return self.names.get((kind, number), number)

    def take(self, line):
        key, sign, value = line.partition("=")
        if sign and key in ("ob", "fl", "fi", "fe", "fn"):
            kind = "fl" if key in ("fi", "fe") else key
            self.where[kind] = self.name(kind, value)
        elif sign and key in ("cob", "cfi", "cfl", "cfn"):
            kind = {"cob": "ob", "cfn": "fn"}.get(key, "fl")
            name = self.name(kind, value)
            if key == "cfn":
                self.callee = name
        elif key == "calls":
            self.calls[self.callee] += int(value.split()[0])
            self.skip = True    # the next line is the callee's cost
        elif re.match(r"[+*\d-]", line):
            if not self.skip:
                self.cost[tuple(self.where.values())] += \
                    int(line.split()[1])
            self.skip = False


def part_of(obj, file):
    """A layer of src/, or the library."""
    found = re.search(r"/(?:src|include/gthreadd)/(\w+)/", file)
    if found and os.path.basename(obj).startswith("gthreadd"):
        return "src/" + found[1]
    return re.sub(r"\.so.*", "", os.path.basename(obj)) or "?"


# --- a server under callgrind

def request_bytes(args):
    lines = ["GET / HTTP/1.1", "Host: 127.0.0.1:8000"]
    if args.headers:
        lines += TWENTY
    if args.close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(sock):
    """Read one answer; its body is as long as it says."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise SystemExit(f"callgrind: answered only {data!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    while len(body) < length:
        body += sock.recv(65536)
    return head


def send(port, request, n, args):
    """n requests; with several connections, one on each and then answers."""
    socks = []
    for _ in range(n // args.connections):
        socks = socks or [socket.create_connection(("127.0.0.1", port))
                          for _ in range(args.connections)]
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            head = answer(sock)
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"callgrind: answered {head!r}")
        if args.close:
            while socks:
                socks.pop().close()
    for sock in socks:
        sock.close()


def wait_for_port(port, popen):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and popen.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("callgrind: the server does not listen")


def run(program, args, n):
    """The profile of a worker's life with n requests."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gthreadd-callgrind-") as tmp:
        argv = ["valgrind", "-q", "--tool=callgrind",
                f"--callgrind-out-file={tmp}/out.%p", str(program), "-w", "1",
                "--threads", "4", "--timeout", "0", "--chdir", str(APPS_DIR),
                "-b", f"127.0.0.1:{port}", "--log-level", "warning",
                APPS[args.app].target]
        popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                 env=clean_environment(), cwd=tmp,
                                 start_new_session=True)
        try:
            wait_for_port(port, popen)
            send(port, request_bytes(args), n, args)
            worker = max(tree(popen.pid) - {popen.pid})
        finally:
            popen.terminate()
            popen.wait(30)
        return Profile(Path(f"{tmp}/out.{worker}"))


def profile(program, args):
    """The difference of two runs: what args.requests requests cost."""
    few = run(program, args, args.warm)
    many = run(program, args, args.warm + args.requests)
    many.cost.subtract(few.cost)
    many.calls.subtract(few.calls)
    return many


# --- the report

def totals(prof, n):
    parts = Counter()
    for (obj, file, _), cost in prof.cost.items():
        parts[part_of(obj, file)] += cost / n
    return parts


def allocations(prof, n):
    return sum(c for name, c in prof.calls.items()
               if re.sub(r"[@'].*", "", name) in ALLOCATORS) / n


def show(prof, n, top):
    parts = totals(prof, n)
    print(f"{'all':40}{sum(parts.values()):10.0f}")
    for part, cost in parts.most_common():
        if cost >= 1:
            print(f"  {part:38}{cost:10.0f}")
    print(f"{'calls of malloc, calloc, realloc, free':40}"
          f"{allocations(prof, n):10.2f}")
    functions = Counter()
    for (obj, file, name), cost in prof.cost.items():
        functions[f"{part_of(obj, file)}: {name}"] += cost / n
    for name, cost in functions.most_common(top):
        print(f"  {name[:60]:60}{cost:8.0f}")


def compare(old, new, n):
    before, after = totals(old, n), totals(new, n)
    print(f"{'':28}{'before':>10}{'after':>10}{'change':>9}")
    rows = [("all", sum(before.values()), sum(after.values()))]
    rows += [(part, before[part], after[part])
             for part in sorted(before | after,
                                key=lambda p: -max(before[p], after[p]))]
    rows.append(("allocations", allocations(old, n), allocations(new, n)))
    for name, a, b in rows:
        change = f"{b / a - 1:+.1%}" if a >= 1 else "-"
        print(f"{name:28}{a:10.1f}{b:10.1f}{change:>9}")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--app", choices=sorted(APPS), default="hello")
    p.add_argument("--headers", action="store_true",
                   help="with twenty request fields")
    p.add_argument("--close", action="store_true",
                   help="a new connection for each request")
    p.add_argument("--connections", type=int, default=1, metavar="N")
    p.add_argument("--compare", metavar="PROGRAM", help="an older build")
    p.add_argument("--requests", type=int, default=2000, metavar="N")
    p.add_argument("--warm", type=int, default=200, metavar="N")
    p.add_argument("--top", type=int, default=25, metavar="N")
    args = p.parse_args()
    program = Path(os.environ.get(
        "GTHREADD", BENCH.parent / "build" / "gthreadd")).resolve()
    new = profile(program, args)
    if args.compare:
        compare(profile(Path(args.compare).resolve(), args), new,
                args.requests)
    else:
        show(new, args.requests, args.top)


if __name__ == "__main__":
    main()
