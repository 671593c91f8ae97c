#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure gthreadd beside other servers. bench/README tells how to read it."""
import argparse
import fnmatch
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

sys.dont_write_bytecode = True

import page  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
from entries import APPS, BENCH, SCENARIOS  # noqa: E402
from load import RunError  # noqa: E402
from measure import Process, measured_run, traced_run  # noqa: E402
from peers import BASELINE  # noqa: E402

PYTHON = "/usr/bin/python3"
PLACEMENTS = ("pinned", "free")
LIMIT = "reference"


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments():
    p = argparse.ArgumentParser(
        prog="bench", description=__doc__,
        epilog="NAMES are separated by commas and may hold * and ?.")
    p.add_argument("--only", metavar="NAMES", default="*",
                   help="scenarios to run")
    p.add_argument("--servers", metavar="NAMES", default="*",
                   help="servers to run")
    p.add_argument("--rounds", type=int, default=3, metavar="N")
    p.add_argument("--seconds", type=int, default=2, metavar="N",
                   help="length of a run")
    p.add_argument("--placement", choices=PLACEMENTS + ("both",),
                   default="both",
                   help="pinned: server on one CPU, wrk on another")
    p.add_argument("--also", action="append", default=[],
                   metavar="NAME=PROGRAM", help="one more build of gthreadd")
    p.add_argument("--syscalls", action="store_true",
                   help="one more run of each under strace")
    p.add_argument("--quick", action="store_true",
                   help="every scenario for a moment: does it all work?")
    p.add_argument("--report", action="store_true",
                   help="everything in twelve minutes: runs of 1 s, pinned "
                        "where that is possible; the peers in one round, "
                        "gthreadd and the limit in three")
    p.add_argument("--json", metavar="FILE",
                   help="write everything there, and beside it a page with "
                        "plots, FILE.html")
    p.add_argument("--list", action="store_true",
                   help="print servers and scenarios, then exit")
    args = p.parse_args()
    if args.rounds < 1 or args.seconds < 1:
        p.error("--rounds and --seconds must be at least 1")
    if args.quick:
        args.rounds, args.seconds, args.placement = 1, 0.1, "free"
    elif args.report:
        args.rounds, args.seconds, args.placement = 3, 1, "pinned"
    args.also = [tuple(a.partition("=")[::2]) for a in args.also]
    if not all(name and path for name, path in args.also):
        p.error("--also needs NAME=PROGRAM")
    return args


def choose(items, names):
    """The items that names choose; a name that chooses none is an error."""
    chosen = []
    for pattern in names.split(","):
        found = [i for i in items if fnmatch.fnmatch(i.name, pattern)]
        if not found:
            known = ", ".join(i.name for i in items)
            sys.exit(f"bench: no {pattern!r}; there are: {known}")
        chosen += found
    return [i for i in items if i in chosen]


def cpus_of(placement):
    """(server's CPUs, wrk's CPUs)."""
    allowed = sorted(os.sched_getaffinity(0))
    if placement == "free":
        return None, None
    return {allowed[0]}, {allowed[1]}


def placements(args, scenario):
    """Where to run a scenario: a short look has one place for each."""
    if args.quick:
        return ["free"]
    found = [p for p in scenario.placements if args.placement in (p, "both")]
    if args.report and not found:
        found = list(scenario.placements)
    if len(os.sched_getaffinity(0)) < 2 and "pinned" in found:
        say(f"bench: {scenario.name}, pinned, is skipped: only one CPU")
        found.remove("pinned")
    return found


def check_build(gthreadd):
    """What the binary was built with; a slow build is said aloud."""
    if not gthreadd.is_file():
        sys.exit(f"bench: {gthreadd} is not built (./dev build, or GTHREADD=)")
    try:
        text = (gthreadd.parent / "Makefile").read_text()
        flags = re.search(r"^CFLAGS = (.*)", text, re.M)[1]
    except (OSError, TypeError):
        flags = None
    if flags is not None and not re.search(r"-O[23s]", flags):
        say(f"bench: WARNING: {gthreadd} is not optimised: CFLAGS={flags}")
    if re.search(rb"__(asan|tsan)_init", gthreadd.read_bytes()):
        say(f"bench: WARNING: {gthreadd} has a sanitizer")
    return flags


def build_reference(tmp):
    """Compile reference.c; without a compiler the entry is skipped."""
    try:
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", f"{tmp}/reference",
                        str(BENCH / "reference.c")], check=True)
    except (OSError, subprocess.CalledProcessError) as e:
        say(f"bench: the reference cannot be built: {e}")


def version_of(program, package=""):
    if package:
        return peers.package_version(package)
    try:
        out = subprocess.run([program, "--version"], timeout=10, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (out.stdout or out.stderr).strip().partition("\n")[0]


def takes_part(args, number, server, scenario):
    """Is the server in this round? A report repeats what is compared most."""
    return number == 0 or not args.report or \
        (scenario.kind == "load" and server.name in (BASELINE, LIMIT)) or \
        (scenario.kind == "start" and server.name == BASELINE)


def missing_module(scenario):
    module = APPS[scenario.app].module
    return module if module and find_spec(module) is None else None


class Bench:
    def __init__(self, args, servers, tmp):
        self.args = args
        self.servers = servers
        self.tmp = tmp
        self.result = {"runs": [], "summary": [], "syscalls": [],
                       "failures": []}

    def attempt(self, what, measure, server, scenario, placement):
        """One run in a folder of its own; None when it failed."""
        ours, wrks = cpus_of(placement)
        say(f"   {what} {server.name}")
        try:
            with tempfile.TemporaryDirectory(dir=self.tmp) as tmp, \
                    Process(server, scenario, ours, tmp) as process:
                return measure(process, self.args.seconds, wrks)
        except (RunError, OSError) as e:
            say(f"bench: FAILED: {e}")
            self.result["failures"].append(
                {"server": server.name, "scenario": scenario.name,
                 "placement": placement, "what": str(e)})
            return None

    def rounds(self, scenario, placement, servers):
        """Every server once per round, in a rotated order."""
        for number in range(self.args.rounds):
            first = number % len(servers)
            for server in servers[first:] + servers[:first]:
                if not takes_part(self.args, number, server, scenario):
                    continue
                run = self.attempt(f"round {number + 1}", measured_run,
                                   server, scenario, placement)
                if run is not None:
                    run.update(server=server.name, scenario=scenario.name,
                               placement=placement, round=number)
                    self.result["runs"].append(run)

    def show(self, scenario, placement):
        runs = [r for r in self.result["runs"]
                if (r["scenario"], r["placement"]) ==
                (scenario.name, placement)]
        if not runs:
            return
        rows = report.summary(runs)
        order = [s.name for s in self.servers]
        rows.sort(key=lambda row: order.index(row["server"]))
        for row in rows:
            self.result["summary"].append(
                dict(row, scenario=scenario.name, placement=placement))
        rounds = max(row["rounds"] for row in rows)
        seconds = f" x {self.args.seconds} s" \
            if scenario.kind == "load" else " times"
        print(report.table(
            f"{scenario.name}, {placement}: {scenario.text} "
            f"({rounds}{seconds})", rows, scenario.kind), flush=True)

    def syscalls(self, scenario, placement, servers):
        found = {}
        for server in servers:
            run = self.attempt("strace", traced_run, server, scenario,
                               placement)
            if run is not None:
                found[server.name] = run
                self.result["syscalls"].append(
                    dict(run, server=server.name, scenario=scenario.name,
                         placement=placement))
        if found:
            print(report.syscall_table(
                f"{scenario.name}, {placement}: system calls per request, "
                "workers under strace", found), flush=True)

    def run(self, scenario, placement):
        missing = missing_module(scenario)
        if missing:
            say(f"bench: {scenario.name} is skipped: no {missing}")
            return
        servers = [s for s in self.servers if s.can_run(scenario)]
        if not servers:
            return
        say(f"== {scenario.name}, {placement}")
        try:
            self.rounds(scenario, placement, servers)
        finally:
            self.show(scenario, placement)
        if self.args.syscalls and scenario.kind == "load":
            self.syscalls(scenario, placement, servers)


def machine(gthreadd, flags, servers):
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": version_of(PYTHON),
        "gthreadd": str(gthreadd),
        "cflags": flags,
        "versions": {s.name: version_of(s.program, s.package)
                     for s in servers
                     if not s.skip and s.name != LIMIT},
    }


def list_entries(servers):
    for server in servers:
        print(f"{server.name:<14}{server.skip or server.note}")
    print()
    for scenario in SCENARIOS:
        print(f"{scenario.name:<14}{scenario.text}")


def interrupt(*_):
    raise KeyboardInterrupt


def measure_all(args, scenarios, servers, tmp):
    where = {s.name: placements(args, s) for s in scenarios}
    runs = sum(len(where[s.name]) *
               (sum(takes_part(args, n, x, s) for n in range(args.rounds)) +
                args.syscalls)
               for s in scenarios for x in servers if x.can_run(s))
    say(f"bench: {runs} runs, about {runs * (args.seconds + 1) / 60:.0f} "
        "minutes")
    bench = Bench(args, servers, tmp)
    stopped = False
    try:
        for scenario in scenarios:
            for placement in where[scenario.name]:
                bench.run(scenario, placement)
    except KeyboardInterrupt:
        say("bench: interrupted")
        stopped = True
    print()
    print("cpu us: CPU time per request of the whole process tree; cs: "
          "context switches per request;\nratio: to gthreadd, the median of "
          "the ratios of each round (and their range)")
    for note in report.notes(servers):
        print(note)
    return bench.result, stopped


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, interrupt)
    gthreadd = Path(os.environ.get(
        "GTHREADD", BENCH.parent / "build" / "gthreadd")).resolve()
    with tempfile.TemporaryDirectory(prefix="gthreadd-bench-") as tmp:
        os.chmod(tmp, 0o755)    # for a server that changes its user
        if args.list:
            build_reference(tmp)
            list_entries([peers.resolve(s) for s in
                          peers.servers(gthreadd, args.also, tmp)])
            return 0
        flags = check_build(gthreadd)
        build_reference(tmp)
        servers = [peers.resolve(s) for s in choose(
            peers.servers(gthreadd, args.also, tmp), args.servers)]
        for server in servers:
            if server.skip:
                say(f"bench: {server.name} is skipped: {server.skip}")
        if BASELINE not in [s.name for s in servers]:
            say(f"bench: without {BASELINE} there are no ratios")
        result, stopped = measure_all(
            args, choose(SCENARIOS, args.only), servers, tmp)
        result.update(machine=machine(gthreadd, flags, servers),
                      arguments=vars(args))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
        Path(args.json + ".html").write_text(page.page(result, SCENARIOS))
    if stopped:
        return 130
    return 1 if result["failures"] or not result["runs"] else 0


if __name__ == "__main__":
    sys.exit(main())
