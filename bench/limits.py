#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How near gthreadd is to what is possible, in one run.

    bench/limits.py [--rounds N] [--seconds N]

Prints, as medians over rounds:
  Flask and Django: the CPU time of a request less the reference's for a fixed
    answer, and less the application's own, as a share of the request. Its own
    is measured twice: called in a loop within the same server, and between
    the system calls of a bare epoll loop in Python (inline.py, less the same
    loop with a fixed answer), where it finds its caches no warmer than here;
  10 ms of sleep on 32 threads: requests a second, as a share of what 32 plain
    Python threads reach that only sleep.
The server has one CPU, the load another. GTHREADD=PROGRAM as for bench.py.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True

import peers  # noqa: E402
from bench import PYTHON, build_reference, check_build, cpus_of  # noqa: E402
from entries import APPS, BENCH, SCENARIOS  # noqa: E402
from load import child_setup  # noqa: E402
from measure import Process, measured_run  # noqa: E402

SLEEPERS = """
import sys, threading, time
counts, end = [0] * 32, time.monotonic() + float(sys.argv[1])
def loop(i):
    while time.monotonic() < end:
        time.sleep(0.01)
        counts[i] += 1
threads = [threading.Thread(target=loop, args=(i,)) for i in range(32)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sum(counts) / float(sys.argv[1]))
"""


def run(server, scenario, seconds):
    ours, wrks = cpus_of("pinned")
    with tempfile.TemporaryDirectory() as tmp, \
            Process(server, scenario, ours, tmp) as process:
        return measured_run(process, seconds, wrks)


def inner_us(server, name):
    """CPU microseconds of a call of the app, within the server."""
    scenario = replace(named(name), app="inner", path=f"/{APPS[name].target}")
    ours, _ = cpus_of("pinned")
    with tempfile.TemporaryDirectory() as tmp, \
            Process(server, scenario, ours, tmp) as process:
        return json.loads(process.get()[1])["us"]


def inline_us(name, seconds):
    """CPU microseconds of a call of the app, between system calls."""
    args = (str(BENCH / "inline.py"), "{port}", "{apps}", "{target}")
    both = [run(peers.Server("inline", PYTHON, args + more), named(name),
                seconds)["cpu_us"] for more in ((), ("fixed",))]
    return both[0] - both[1]


def sleepers_rate(seconds):
    ours, _ = cpus_of("pinned")
    done = subprocess.run([PYTHON, "-c", SLEEPERS, str(seconds)], check=True,
                          capture_output=True, preexec_fn=child_setup(ours))
    return float(done.stdout)


def named(name):
    return next(s for s in SCENARIOS if s.name == name)


def measure(gthreadd, reference, args):
    shares = {"flask": [], "flask, inline": [], "django": [],
              "django, inline": [], "sleep": []}
    for number in range(args.rounds):
        fixed = run(reference, named("hello-32"), args.seconds)["cpu_us"]
        for name in ("flask", "django"):
            own = run(gthreadd, named(name), args.seconds)["cpu_us"]
            inner = inner_us(gthreadd, name)
            inline = inline_us(name, args.seconds)
            shares[name].append((own - fixed - inner) / own)
            shares[f"{name}, inline"].append((own - fixed - inline) / own)
            print(f"round {number + 1}: {name} {own:.1f} us, called in a "
                  f"loop {inner:.1f}, inline {inline:.1f}, reference "
                  f"{fixed:.1f}: the server is {shares[name][-1]:.1%}, "
                  f"{shares[f'{name}, inline'][-1]:.1%}", flush=True)
        rate = run(gthreadd, named("sleep-32"), args.seconds)["rps"]
        ideal = sleepers_rate(args.seconds)
        shares["sleep"].append(rate / ideal)
        print(f"round {number + 1}: sleep {rate:.0f}/s, plain threads "
              f"{ideal:.0f}/s: {rate / ideal:.1%}", flush=True)
    return shares


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3, metavar="N")
    p.add_argument("--seconds", type=int, default=2, metavar="N")
    args = p.parse_args()
    program = Path(os.environ.get(
        "GTHREADD", BENCH.parent / "build" / "gthreadd")).resolve()
    check_build(program)
    with tempfile.TemporaryDirectory(prefix="gthreadd-limits-") as tmp:
        build_reference(tmp)
        known = {s.name: peers.resolve(s)
                 for s in peers.servers(program, [], tmp)}
        shares = measure(known["gthreadd"], known["reference"], args)
    for name, found in shares.items():
        print(f"{name}: median {statistics.median(found):.1%}")


if __name__ == "__main__":
    main()
