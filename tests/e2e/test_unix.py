# SPDX-License-Identifier: MIT
"""Addresses: unix and abstract sockets, fd://, IPv6, several; user switch."""
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from harness import GTHREADD, free_port, wait_for
from rawclient import RawClient
from users import ROOT, nobody, open_to_all


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


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_workers_run_as_user_and_group(server):
    user, group = nobody()
    open_to_all(server)
    server.with_config(user="nobody", group=group).start()
    seen = server.get("/script").json()
    assert (seen["uid"], seen["gid"]) == (user.pw_uid, user.pw_gid)
    assert 0 not in seen["groups"]
    assert os.stat(f"/proc/{server.process.pid}").st_uid == 0


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_a_number_without_a_name_has_its_group_only(server):
    open_to_all(server)
    server.with_config(user="54321", group="54322").start()
    seen = server.get("/script").json()
    assert (seen["uid"], seen["gid"], seen["groups"]) == (54321, 54322,
                                                          [54322])


def has_namespace():
    """The program that makes a mount namespace; else the test is skipped."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--mount", "true"],
                                     capture_output=True,
                                     check=False).returncode:
        pytest.skip("no mount namespace can be made")
    return unshare


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_workers_have_the_supplementary_groups_of_the_user(server):
    """/etc/group with one more group, in a mount namespace."""
    unshare = has_namespace()
    open_to_all(server)
    groups = server.dir / "group"
    groups.write_text(Path("/etc/group").read_text()
                      + "gthreadd-test:x:54323:nobody\n")
    groups.chmod(0o644)
    server.on_port().with_config(user="nobody").write_ini()
    server.program = unshare
    server.start("--mount", "sh", "-c", 'mount --bind "$0" /etc/group; '
                 'exec "$@"', str(groups), str(GTHREADD), "-c",
                 str(server.ini))
    user, _ = nobody()
    assert set(server.get("/script").json()["groups"]) \
        == {user.pw_gid, 54323}


@pytest.mark.skipif(not ROOT, reason="only root can start it as another")
@pytest.mark.parametrize("name, value", [
    ("user", "daemon"), ("group", "daemon")])
def test_user_that_the_starter_cannot_become_is_refused(server, name, value):
    user, _ = nobody()
    open_to_all(server)
    server.dir.chmod(0o777)
    server.program = shutil.copy(GTHREADD, server.dir / "program")
    server.on_port().with_config(**{name: value}).write_ini()
    ini, starter = str(server.ini), {"user": user.pw_uid,
                                     "group": user.pw_gid}
    number = next(n for n, text in enumerate(open(ini), 1)
                  if text.startswith(name))
    for more in ((), ("--check-config",)):
        server.spawn("-c", ini, *more, **starter)
        assert server.wait() == 1, server.output()
        assert (f"gthreadd: {ini}:{number}: setting '{name}': '{value}': only "
                f"root can switch to it, and this is uid {user.pw_uid}: start "
                "as root, or leave the setting out\n"
                ) in server.stderr_path.read_text()
        server.stderr_path.unlink()
    # To look at the settings is nobody's secret.
    server.spawn("-c", ini, "--print-config", **starter)
    assert server.wait() == 0
    # Who is that user already, may say so.
    server.with_config(**{name: "nobody" if name == "user"
                          else str(user.pw_gid)})
    server.start(**starter)
    assert server.get("/script").json()["uid"] == user.pw_uid


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_root_without_the_capabilities_is_told(server):
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("no setpriv")
    server.on_port().with_config(user="nobody").write_ini()
    server.program = setpriv
    server.spawn("--bounding-set=-setuid,-setgid", str(GTHREADD), "-c",
                 str(server.ini))
    assert server.wait() == 1
    server.stopped = True
    assert re.search(r"setting 'user': 'nobody': cannot be switched to: "
                     r"Operation not permitted: root needs CAP_SETUID",
                     server.stderr_path.read_text())


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_files_that_cannot_be_given_to_the_user_are_told(server):
    """As in a container without CAP_CHOWN; it serves all the same."""
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("no setpriv")
    open_to_all(server)
    server.on_unix().with_config(user="nobody").write_ini()
    server.program = setpriv
    server.start("--bounding-set=-chown", str(GTHREADD), "-c",
                 str(server.ini))
    for what in ("a log file", f"unix:{server.address}"):
        assert f"[WARNING] owner of {what} cannot be set: Operation not " \
            "permitted\n" in server.output()
    assert os.stat(server.address).st_uid == 0
    assert server.get("/hello").status == 200


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_reload_keeps_the_user_and_says_so(server):
    _, group = nobody()
    open_to_all(server)
    server.with_config(user="nobody", group=group).start()
    server.with_config(user="daemon").write_ini()
    server.signal(signal.SIGHUP)
    server.log_contains("setting 'user' was changed: that needs a restart")
    server.log_contains("reload is complete", 20)
    assert server.get("/script").json()["uid"] == nobody()[0].pw_uid


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_logs_are_reopened_after_the_switch(server):
    _, group = nobody()
    open_to_all(server)
    server.with_config(user="nobody", group=group).start()
    server.get("/hello")
    server.access_log(1)
    server.access_path.rename(server.dir / "access.log.1")
    server.signal(signal.SIGUSR1)
    wait_for("the new file", server.access_path.exists)

    def logged():
        server.get("/hello")
        return server.access_log()
    wait_for("lines in the new file", logged)
    server.get("/log?text=still+logged")
    server.log_contains("still logged")


@pytest.mark.skipif(not ROOT, reason="only root can mount")
@pytest.mark.parametrize("lines,code", [
    ("127.0.0.1 twofold\n192.0.2.1 twofold\n", 0),
    ("192.0.2.1 twofold\n", 1)])
def test_name_may_have_addresses_of_others_but_not_only(server, lines, code):
    """/etc/hosts with one more name, in a mount namespace."""
    unshare = has_namespace()
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


def test_unknown_user_is_exit_1(server):
    r = server.with_config(user="no-such-user-here").run()
    assert r.returncode == 1
    assert "no-such-user-here" in r.stderr + server.error_log()
