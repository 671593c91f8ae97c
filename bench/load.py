# SPDX-License-Identifier: MIT
"""The load: wrk, and what it counted."""
import ctypes
import json
import os
import resource
import signal
import subprocess
import time

from entries import BENCH

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class RunError(Exception):
    """A run that gave no figures, and why."""


def child_setup(cpus):
    """For the child between fork and exec: its CPUs, and its end with ours."""
    def setup():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if cpus:
            os.sched_setaffinity(0, cpus)
    return setup


def wrk_command(process, seconds, path, connections):
    scenario = process.scenario
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s",
            "-s", str(BENCH / "wrk.lua")]
    for header in scenario.headers:
        argv += ["-H", header]
    return argv + [f"http://127.0.0.1:{process.port}{path}"]


def options_of(scenario):
    """What wrk.lua is told."""
    found = []
    if scenario.pipeline > 1:
        found.append(f"pipeline={scenario.pipeline}")
    if scenario.upload:
        found.append(f"upload={scenario.upload}")
    if scenario.slow:
        found.append(f"slow={scenario.slow}")
    return ["--"] + found if found else []


def start(argv, cpus):
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, text=True,
        preexec_fn=child_setup(cpus))


def result_of(process, popen, seconds):
    """Wait for wrk, which is interrupted when its second is too long."""
    try:
        if seconds < 1:
            time.sleep(seconds)
            popen.send_signal(signal.SIGINT)
        out, _ = popen.communicate(timeout=seconds + 20)
    except subprocess.TimeoutExpired:
        raise RunError(f"{process.server.name}: wrk did not end") from None
    line = next((x for x in out.splitlines() if x.startswith("{")), None)
    if popen.returncode != 0 or line is None:
        raise RunError(f"{process.server.name}: wrk failed:\n{out}")
    return json.loads(line)


def add_probe(load, probe):
    """Both count; the latency is the probe's alone."""
    total = dict(probe, requests=load["requests"] + probe["requests"],
                 bytes=load["bytes"] + probe["bytes"])
    total["errors"] = {k: v + probe["errors"][k]
                       for k, v in load["errors"].items()}
    total["probe_requests"] = probe["requests"]
    return total


def run_wrk(process, seconds, cpus):
    """Load the server; what wrk counted."""
    scenario = process.scenario
    argvs = [wrk_command(process, seconds, scenario.path,
                         scenario.connections) + options_of(scenario)]
    if scenario.probe:
        argvs.append(wrk_command(process, seconds, scenario.probe, 1))
    popens = []
    try:
        for argv in argvs:
            popens.append(start(argv, cpus))
        found = [result_of(process, popen, seconds) for popen in popens]
    finally:
        for popen in popens:
            popen.kill()
            popen.wait()
    return add_probe(*found) if scenario.probe else found[0]


def children_cpu_ns():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((usage.ru_utime + usage.ru_stime) * 1e9)
