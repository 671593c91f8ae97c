# SPDX-License-Identifier: MIT
"""What settings do that belong to no larger area, and warnings of the start."""
import re
import resource
import socket
from pathlib import Path

import pytest

SOMAXCONN = int(Path("/proc/sys/net/core/somaxconn").read_text())


# ---- server-header ----

@pytest.mark.parametrize("value,fields", [
    (None, ["gthreadd"]), ("shop/1.0", ["shop/1.0"]), ("", [])])
def test_server_header_is_in_every_response(server, value, fields):
    server.with_config(server_header=value).start()
    assert server.get("/").all("Server") == fields
    with server.connect() as c:  # one that the server makes itself
        c.send(b"nonsense\r\n\r\n")
        r = c.response()
        assert r.status == 400 and r.all("Server") == fields


# ---- switch-interval ----

@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("text,seconds", [(None, 0.005), ("20ms", 0.02)])
def test_switch_interval_is_pythons(server, text, seconds, preload):
    (server.dir / "interval.py").write_text(
        "import sys\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%.6f' % sys.getswitchinterval()]\n")
    server.with_config(wsgi_app="interval:app", switch_interval=text,
                       preload=preload).start()
    assert float(server.get("/").body) == pytest.approx(seconds)


# ---- backlog ----

def waiting_connections(address, most):
    """How many the kernel takes while nobody accepts."""
    made = []
    try:
        for _ in range(most):
            s = socket.create_connection(address, timeout=0.3)
            made.append(s)
    except socket.timeout:
        pass
    finally:
        for s in made:
            s.close()
    return len(made)


@pytest.mark.parametrize("backlog,taken", [(2, range(2, 5)),
                                           (64, range(12, 13))])
def test_backlog_is_how_many_connections_the_kernel_holds(server, backlog,
                                                          taken):
    server.with_config(workers=0, backlog=backlog).start()
    server.log_contains("listening at")
    assert waiting_connections(server.address, 12) in taken
    assert "backlog is capped" not in server.error_log()


@pytest.mark.skipif(SOMAXCONN >= 65535, reason="somaxconn is at its largest")
def test_a_backlog_that_the_kernel_cuts_is_warned_of(server):
    server.with_config(backlog=SOMAXCONN + 1).start()
    server.log_contains(rf"backlog is capped by the kernel backlog="
                        rf"{SOMAXCONN + 1} net.core.somaxconn={SOMAXCONN}$")


# ---- worker-connections ----

def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))


def test_more_connections_than_descriptors_are_warned_of(server):
    server.with_config(worker_connections=500).start(preexec_fn=few_descriptors)
    server.log_contains(r"\[WARNING\] descriptors may run out limit=300 "
                        "worker-connections=500")
    assert server.get("/").status == 200


def test_the_soft_limit_of_descriptors_is_raised(server):
    def soft():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    server.with_config(worker_connections=200).start(preexec_fn=soft)
    limits = Path(f"/proc/{server.worker_pids()[0]}/limits").read_text()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", limits).groups()
    assert soft == hard
    assert "descriptors may run out" not in server.error_log()


@pytest.mark.parametrize("settings,says", [
    ({"worker_connections": 3, "threads": 8},
     "worker-connections=3 leaves some of threads=8 without work"),
    ({"limit_request_line": 8190, "limit_request_head": 4096},
     "limit-request-line is above limit-request-head, which holds first"),
    ({"limit_request_field_size": 8000, "limit_request_head": 4096},
     "limit-request-field-size is above limit-request-head, which holds")])
def test_limits_that_do_not_fit_together_are_warned_of(server, settings,
                                                       says):
    server.with_config(**settings).write_ini()
    r = server.run("-c", str(server.ini), "--print-config")
    assert r.returncode == 0
    assert says in r.stderr


# ---- max-lifetime-jitter ----

def test_max_lifetime_jitter_spreads_the_ends_of_workers(server):
    server.with_config(workers=6, max_lifetime="100ms", reload_surge=6,
                       max_lifetime_jitter="30m").start()
    # Each chose from half an hour: that all six chose the same second, or
    # that one of them chose the first, does not happen.
    first = server.worker_pids()
    for _ in range(10):
        assert server.get("/sleep?ms=40").status == 200
    assert server.worker_pids() == first


def test_without_max_lifetime_the_jitter_does_nothing(server):
    server.with_config(max_lifetime_jitter="1ms").start()
    first = server.worker_pids()
    with server.connect() as c:
        for _ in range(20):
            assert c.get("/sleep?ms=10").status == 200
    assert server.worker_pids() == first


# ---- the start ----

def test_what_clients_can_make_it_hold_is_told_when_debugging(make_server):
    server = make_server().with_config(
        workers=2, worker_connections=16, log_level="debug",
        limit_request_head="64k", body_buffer="192k",
        response_buffer="256k").start()
    server.log_contains("clients can make it hold 16m of memory, 512k each")
    server = make_server().start()
    server.log_contains(" user=")
    assert "clients can make it" not in server.error_log()
