# SPDX-License-Identifier: MIT
"""conf/gthreadd.logrotate with logrotate(8) itself, under load."""
import gzip
import shutil
import subprocess

import pytest

from debian import Root
from harness import scaled, wait_for
from load import Load
from users import ROOT, nobody, open_to_all

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(LOGROTATE is None,
                                reason="logrotate is missing")


@pytest.fixture
def server(make_server):
    """Its files where the packages have them; workers without rights."""
    s = make_server()
    s.root = Root(s.dir / "root")
    s.root.run.mkdir()
    open_to_all(s)
    s.error_path = s.root.log / "error.log"
    s.access_path = s.root.log / "access.log"
    s.with_config(pid=s.root.run / "gthreadd.pid", workers=2,
                  error_logfile=s.error_path, access_logfile=s.access_path)
    if ROOT:
        s.with_config(user="nobody", group=nobody()[1])
    return s


def rotate(server):
    conf = server.root.rendered("gthreadd.logrotate")
    subprocess.run([LOGROTATE, "-f", "-s", str(server.root.dir / "state"),
                    str(conf)], check=True, timeout=scaled(30))


def lines(server, name="access.log"):
    """Of all files, the compressed ones too."""
    found = []
    for path in sorted(server.root.log.glob(name + "*")):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        found += data.splitlines()
    return found


def has_old_files(server):
    return [x for pid in server.processes() for x in server.fds(pid)
            if "log." in x.rpartition("/")[2]]


def test_no_line_is_lost_under_load(server):
    server.start()
    with Load(server.address, "/hello", keep_alive=8, one_shot=8) as load:
        for turn in range(1, 4):
            server.access_log(1)  # an empty file is not rotated
            rotate(server)
            load.wait_for(100)
            wait_for("the old files to be left",
                     lambda: not has_old_files(server))
            assert len(list(server.root.log.glob("access.log*"))) == turn + 1
    load.check()
    n = len(load.answers)
    wait_for("a line for each answer", lambda: len(lines(server)) >= n)
    found = lines(server)
    assert len(found) == n
    assert all(x.count(b'"GET /hello HTTP/1.1" 200 ') == 1 for x in found)
    assert (server.root.log / "access.log.2.gz").exists()


@pytest.mark.skipif(not ROOT, reason="only root can switch")
def test_files_belong_to_the_user_of_the_workers(server):
    server.start()
    user, _ = nobody()
    server.access_path.chmod(0o640)
    server.get("/hello")
    server.access_log(1)
    rotate(server)
    wait_for("the new file", server.access_path.exists)
    wait_for("the old files to be left", lambda: not has_old_files(server))
    for path in (server.access_path, server.error_path,
                 server.root.log / "access.log.1"):
        assert (path.stat().st_uid, path.stat().st_gid) == (
            user.pw_uid, user.pw_gid)
    assert server.access_path.stat().st_mode & 0o777 == 0o640
    assert server.root.log.stat().st_uid == 0
    seen = server.get("/script").json()
    assert seen["uid"] == user.pw_uid


def test_rotation_without_a_server_is_no_error(server):
    (server.root.log / "access.log").write_text("a line\n")
    (server.root.run / "gthreadd.pid").write_text("99999999\n")
    rotate(server)
    assert (server.root.log / "access.log.1").read_text() == "a line\n"


def test_upgrades_other_half_is_told_too(server):
    """Both masters of an upgrade have the files open."""
    server.start()
    (server.root.run / "gthreadd.pid").rename(
        server.root.run / "gthreadd.pid.2")
    server.get("/hello")
    server.access_log(1)
    rotate(server)
    wait_for("the old files to be left", lambda: not has_old_files(server))
