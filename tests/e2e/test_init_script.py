# SPDX-License-Identifier: MIT
"""The init script, as an administrator and the system's boot use it."""
import os
import shutil
import subprocess

import pytest

from debian import Root
from harness import processes_of_session, wait_for
from load import Load

LSB = os.path.exists("/lib/lsb/init-functions")
pytestmark = pytest.mark.skipif(
    not LSB or shutil.which("start-stop-daemon", path="/usr/sbin:/sbin")
    is None, reason="not Debian's init")


@pytest.fixture
def root(tmp_path):
    r = Root(tmp_path / "root")
    yield r
    r.end()


def test_start_status_stop(root):
    root.instance()
    root.init("status", code=3)
    assert "Starting WSGI HTTP server: gthreadd." in root.init("start")
    assert root.get().status == 200
    assert "is running" in root.init("status")
    pid = root.pid()
    root.init("start")  # once more is no error, and changes nothing
    assert root.pid() == pid
    root.init("stop")
    assert root.pid() is None and not processes_of_session(pid)
    root.init("status", code=3)
    root.init("stop")


def test_nothing_is_configured(root):
    """As after the installation: no application, no failure."""
    root.instance(wsgi_app=None)
    assert f"no application in {root.ini('gthreadd')}" in root.init("start")
    assert root.pid() is None
    root.init("status")
    root.ini("gthreadd").unlink()
    for action in ("start", "status", "reload", "upgrade", "restart", "stop"):
        root.init(action)


def test_several_instances(root):
    for name in ("gthreadd", "shop", "blog"):
        root.instance(name)
    root.init("start")
    pids = {name: root.pid(name) for name in root.ports}
    assert all(root.get(name=name).status == 200 for name in root.ports)
    root.init("stop", "shop")
    assert root.pid("shop") is None
    root.init("status", "blog")
    root.init("status", code=3)
    root.init("start")
    assert root.pid("shop") not in (None, pids["shop"])
    assert root.pid("blog") == pids["blog"]
    root.ini("blog").unlink()  # forgotten to stop it first
    root.init("stop")
    assert not list(root.run.iterdir())


def test_one_that_fails_does_not_keep_others_from_starting(root):
    root.instance("bad", wsgi_app="no_such_module:app")
    root.instance("good")
    said = root.init("start", code=1)
    assert "(failed) good failed!" in said
    assert root.get(name="good").status == 200
    assert root.pid("bad") is None
    root.init("stop")


def test_reload_applies_settings_and_keeps_the_master(root):
    root.instance().init("start")
    pid = root.pid()
    root.instance(workers=2)
    root.init("reload")
    wait_for("2 workers", lambda: len(root.workers()) == 2, 20)
    assert root.pid() == pid
    root.init("force-reload")
    root.init("stop")


def test_restart_changes_the_master(root):
    root.instance().init("start")
    pid = root.pid()
    root.init("restart")
    assert root.pid() != pid and root.get().status == 200
    assert not processes_of_session(pid)
    root.init("stop")
    root.init("restart")  # starts what does not run
    assert root.get().status == 200
    root.init("stop")


def test_restart_with_wrong_settings_stops_nothing(root):
    root.instance().init("start")
    pid = root.pid()
    root.instance(workers="many")
    said = root.init("restart", code=1)
    assert "setting 'workers'" in said
    assert root.pid() == pid and root.get().status == 200
    root.instance(wsgi_app="no_such_module:app")
    assert "no_such_module" in root.init("restart", code=1)
    assert root.pid() == pid and root.get().status == 200
    root.init("stop")


def test_a_stale_pid_file_harms_nobody(root):
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        try:
            root.instance()
            root.run.mkdir()
            (root.run / "gthreadd.pid").write_text(f"{innocent.pid}\n")
            for action in ("stop", "reload", "upgrade"):
                root.init(action)
            root.init("status", code=1)
            root.init("start")
            assert root.pid() != innocent.pid
            assert root.get().status == 200
            root.init("stop")
            assert innocent.poll() is None
        finally:
            innocent.kill()


def test_environment_of_the_caller_does_not_count(root):
    root.instance(workers=None)
    root.init("start", WEB_CONCURRENCY="3", GTHREADD_ARGS="--threads 7",
              VIRTUAL_ENV="/nonexistent")
    workers = root.workers()
    assert len(workers) == 1 and len(workers[0]["cells"]) == 4
    root.init("stop")


def test_defaults_file(root):
    root.instance("shop").instance("blog")
    (root.etc / "default/gthreadd").write_text(
        'GTHREADD_OPTS="--threads 3"\nINSTANCES="blog"\n')
    root.init("start")
    assert root.pid("shop") is None
    assert len(root.workers("blog")[0]["cells"]) == 3
    root.init("stop")


def test_package_removed_and_not_purged(root):
    root.instance()
    root.script.write_text(root.script.read_text().replace(
        f"DAEMON={root.daemon}", "DAEMON=/nonexistent/gthreadd"))
    for action in ("start", "stop", "status", "restart"):
        assert root.init(action) == ""


def test_usage(root):
    assert "Usage:" in root.init("dance", code=3)
    assert "Usage:" in root.init(code=3)


def test_upgrade_under_load(root):
    """The program on disk takes over, and no request is lost."""
    root.instance(workers=2).init("start")
    old = root.pid()
    address = ("127.0.0.1", root.ports["gthreadd"])
    with Load(address, "/hello", keep_alive=4, one_shot=4) as load:
        assert "gthreadd." in root.init("upgrade")
        load.wait_for(50)
    load.check()
    assert root.pid() != old and not os.path.exists(f"/proc/{old}")
    assert [x.name for x in root.run.iterdir()] == ["gthreadd.pid"]
    root.init("status")
    root.init("upgrade", "gthreadd")  # and once more
    root.init("stop")
    assert not list(root.run.iterdir())


@pytest.mark.parametrize("settings, why", [
    ({"workers": "many"}, "setting 'workers'"),
    ({"wsgi_app": "no_such_module:app"}, "No module named 'no_such_module'")])
def test_upgrade_that_would_fail_changes_nothing(root, settings, why):
    root.instance().init("start")
    old = root.pid()
    root.instance(**settings)
    said = root.init("upgrade", code=1)
    assert why in said and "(failed)" in said
    assert root.pid() == old and root.get().status == 200
    assert not (root.run / "gthreadd.pid.2").exists()
    root.instance().init("upgrade")
    assert root.pid() != old and root.get().status == 200
    root.init("stop")


def test_upgrade_to_a_program_that_hangs_is_taken_back(root):
    """It never becomes ready: its time is up, the old one serves on."""
    root.instance().init("start")
    old = root.pid()
    (root.etc / "default/gthreadd").write_text("UPGRADE_TIMEOUT=2\n")
    # The import is tried first: it hangs the second time only.
    (root.dir / "hang.py").write_text(
        "import os, time\nfrom wsgi_app import app\n"
        "if os.path.exists('tried'):\n    time.sleep(1000)\n"
        "open('tried', 'w').close()\n")
    root.instance(wsgi_app="hang:app")
    assert "(failed)" in root.init("upgrade", code=1)
    assert root.pid() == old and root.get().status == 200
    wait_for("the new one to be gone",
             lambda: not (root.run / "gthreadd.pid.2").exists())
    root.init("stop")


def test_reload_under_load(root):
    """A reload loses nothing."""
    root.instance().init("start")
    address = ("127.0.0.1", root.ports["gthreadd"])
    with Load(address, "/hello", keep_alive=4, one_shot=4) as load:
        first = root.workers()[0]["pid"]
        root.init("reload")
        wait_for("another worker", lambda: [
            w["pid"] for w in root.workers()] not in ([], [first])
            and len(root.workers()) == 1, 20)
        load.wait_for(50)
    load.check()
    root.init("stop")
