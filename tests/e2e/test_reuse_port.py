# SPDX-License-Identifier: MIT
"""reuse-port: a socket for each worker, and none is lost with its worker."""
import os
import signal

import pytest

from harness import free_port, wait_for
from load import Load
from reloading import changed, reload, version, write_app
from upgrading import end, start_upgrade, upgrade


def listening(port):
    """The inodes of the sockets that listen there."""
    lines = open("/proc/net/tcp").read().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sorted(f[9] for f in fields
                  if f[3] == "0A" and int(f[1].split(":")[1], 16) == port)


def pids_that_answer(server, n=200):
    return {server.get("/").json()["pid"] for _ in range(n)}


def settle(server, n):
    wait_for(f"{n} workers", lambda: len(server.worker_pids()) == n)


def test_each_worker_has_a_socket_and_they_outlive_it(chain):
    server = chain.with_config(workers=3, reuse_port=True).start()
    port = server.address[1]
    sockets = listening(port)
    assert len(sockets) == 3
    assert pids_that_answer(server) == set(server.worker_pids())
    with Load(server.address) as load:
        for v in (2, 3):
            write_app(server, v)
            reload(server)
            assert version(server) == v
            load.wait_for(32)
        changed(server, workers=2, max_requests=40, max_requests_jitter=20)
        reload(server)
        wait_for("workers to be replaced", lambda: server.error_log().count(
            "is to be replaced: max-requests") >= 6, 30)
        load.wait_for(32)
    load.check()
    # The socket of a worker too many stays: others accept from it.
    assert listening(port) == sockets
    assert all(version(server) == 3 for _ in range(50))


def test_workers_that_come_and_go_lose_no_request(chain):
    server = chain.with_config(workers=2, reuse_port=True).start()
    with Load(server.address) as load:
        for number, n in ((signal.SIGTTIN, 3), (signal.SIGTTOU, 2),
                          (signal.SIGTTOU, 1), (signal.SIGTTIN, 2)):
            os.kill(server.process.pid, number)
            settle(server, n)
            load.wait_for(48)
        changed(server, workers=4)
        reload(server)
        load.wait_for(48)
    load.check()
    assert len(listening(server.address[1])) == 4
    assert pids_that_answer(server) == set(server.worker_pids())


def test_connections_of_a_killed_worker_wait_for_another(chain):
    server = chain.with_config(workers=2, reuse_port=True).start()
    write_app(server, 2, "time.sleep(1000)")  # no successor comes
    dead = server.worker_pids()[0]
    os.kill(dead, signal.SIGKILL)
    server.log_contains(f"worker {dead} was killed")
    assert dead not in pids_that_answer(server, 50)
    write_app(server, 3)


def test_upgrade_keeps_the_sockets_of_all_workers(chain):
    """R-23"""
    server = chain.with_config(workers=3, reuse_port=True).start()
    master, port = server.process.pid, server.address[1]
    sockets = listening(port)
    with Load(server.address) as load:
        for _ in range(2):
            new = upgrade(server, master)
            load.wait_for(32)
            end(server, master)
            load.wait_for(32)
            master = new
        end(server, upgrade(server, master))
        load.wait_for(32)
    load.check()
    assert listening(port) == sockets


def test_unix_sockets_and_several_addresses_go_with_it(chain):
    server = chain
    path = str(server.dir / "x.sock")
    ports = [free_port(), free_port()]
    server.address = ("127.0.0.1", ports[0])
    server.with_config(workers=2, reuse_port=True, bind=[
        f"127.0.0.1:{ports[0]}", f"unix:{path}", f"127.0.0.1:{ports[1]}"])
    server.start()
    assert [len(listening(p)) for p in ports] == [2, 2]
    for server.address in (path, ("127.0.0.1", ports[1])):
        assert version(server) == 1
    changed(server, bind=[f"127.0.0.1:{ports[1]}"])
    reload(server)
    wait_for("the socket to go", lambda: not listening(ports[0]))
    assert version(server) == 1


@pytest.mark.parametrize("on", [True, False])
def test_turning_it_on_or_off_needs_a_restart(chain, on):
    """HUP keeps what is, USR2 is refused at once; both name the setting."""
    server = chain.with_config(reuse_port=not on).start()
    sockets = listening(server.address[1])
    changed(server, reuse_port=on)
    reload(server)
    server.log_contains("setting 'reuse-port' was changed: that needs a "
                        "restart, the old value holds")
    start_upgrade(server, server.process.pid)
    server.log_contains("cannot listen on .*: reuse-port was turned "
                        f"{'on' if on else 'off'}, that needs a restart")
    server.log_contains("upgrade failed, master .* serves on")
    assert "next try in" not in server.error_log()
    assert listening(server.address[1]) == sockets
    assert version(server) == 1
