# SPDX-License-Identifier: MIT
"""The switch to the user of the workers: who, what it has, who may."""
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from harness import GTHREADD, wait_for
from users import ROOT, mount_namespace, nobody, open_to_all


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


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_workers_have_the_supplementary_groups_of_the_user(server):
    """/etc/group with one more group, in a mount namespace."""
    unshare = mount_namespace()
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


def test_unknown_user_is_exit_1(server):
    r = server.with_config(user="no-such-user-here").run()
    assert r.returncode == 1
    assert "no-such-user-here" in r.stderr + server.error_log()
