# SPDX-License-Identifier: MIT
"""Addresses: unix and abstract sockets, fd://, IPv6, several."""
import os
import socket
import stat

import pytest

from harness import GTHREADD, free_port
from rawclient import RawClient
from users import ROOT, mount_namespace


def test_unix_socket_is_served_and_removed(server):
    server.on_unix().start()
    e = server.get("/environ").json()
    assert e["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in e
    assert e["HTTP_HOST"] == "test"
    assert e["SERVER_NAME"] == "test"
    server.stop()
    assert not os.path.exists(server.address)


def test_unix_requests_are_logged_with_a_dash(server):
    server.on_unix().start()
    server.get("/hello")
    assert server.access_log(1)[0].startswith("- - - [")


@pytest.mark.parametrize("settings,mode", [
    ({}, 0o666), ({"umask": "077"}, 0o600), ({"umask": "0"}, 0o666),
    ({"socket_mode": "0660"}, 0o660)])
def test_mode_of_the_socket(server, settings, mode):
    server.on_unix().with_config(**settings).start()
    assert stat.S_IMODE(os.stat(server.address).st_mode) == mode


def test_stale_socket_is_replaced(server):
    server.on_unix()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(server.address)
    server.start()
    assert server.get("/hello").status == 200


def test_socket_in_use_is_left_alone(make_server):
    one, two = make_server(), make_server()
    one.on_unix().start()
    two.address = one.address
    r = two.with_config(bind=f"unix:{one.address}").run()
    assert r.returncode == 1
    assert one.get("/hello").status == 200


def test_file_in_the_way_is_left_alone(server):
    server.on_unix()
    with open(server.address, "w", encoding="ascii") as f:
        f.write("precious")
    assert server.run().returncode == 1
    with open(server.address, encoding="ascii") as f:
        assert f.read() == "precious"


def test_abstract_socket(server):
    name = f"gthreadd-test-{os.getpid()}"
    server.address = "\0" + name
    server.with_config(bind=f"unix:@{name}").start()
    assert server.get("/hello").status == 200


def test_inherited_descriptor(server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(100)
        server.address = s.getsockname()
        server.with_config(bind=f"fd://{s.fileno()}")
        server.write_ini()
        server.start("-c", str(server.ini), pass_fds=[s.fileno()])
        assert server.get("/hello").status == 200


def test_closed_descriptor_is_exit_1(server):
    assert server.with_config(bind="fd://77").run().returncode == 1


def has_ipv6():
    try:
        free_port("::1")
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
def test_ipv6(server):
    server.on_port("::1").start()
    e = server.get("/environ").json()
    assert e["REMOTE_ADDR"] == "::1"
    assert e["SERVER_NAME"] == "::1"
    assert server.access_log(1)[0].startswith("::1 - - [")


def test_several_addresses_at_once(server):
    a, b = free_port(), free_port()
    path = str(server.dir / "s")
    server.address = ("127.0.0.1", a)
    server.with_config(bind=[f"127.0.0.1:{a}", f"127.0.0.1:{b}",
                             f"unix:{path}"], workers=2).start()
    for address in (("127.0.0.1", a), ("127.0.0.1", b), path):
        for _ in range(3):
            with RawClient(address) as c:
                assert c.get("/hello").status == 200


def test_a_name_is_resolved(server):
    port = free_port()
    server.address = ("127.0.0.1", port)
    server.with_config(bind=f"localhost:{port}").start()
    assert server.get("/hello").status == 200


@pytest.mark.skipif(not ROOT, reason="only root can mount")
@pytest.mark.parametrize("lines,code", [
    ("127.0.0.1 twofold\n192.0.2.1 twofold\n", 0),
    ("192.0.2.1 twofold\n", 1)])
def test_name_may_have_addresses_of_others_but_not_only(server, lines, code):
    """/etc/hosts with one more name, in a mount namespace."""
    unshare = mount_namespace()
    hosts = server.dir / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + lines)
    port = free_port()
    server.address = ("127.0.0.1", port)
    server.with_config(bind=f"twofold:{port}").write_ini()
    server.program = unshare
    server.spawn("--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts; '
                 'exec "$@"', str(hosts), str(GTHREADD), "-c",
                 str(server.ini))
    if code == 0:
        server.wait_ready()
        assert server.get("/hello").status == 200
    else:
        assert server.wait() == code
        server.stopped = True
        assert "Cannot assign requested address" in server.output()
