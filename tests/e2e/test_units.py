# SPDX-License-Identifier: MIT
"""The units and snippets for systemd, read by systemd's own programs."""
import re
import shutil
import subprocess

import pytest

from debian import CONF, Root
from harness import scaled
from users import ROOT

ANALYZE = shutil.which("systemd-analyze")
pytestmark = pytest.mark.skipif(ANALYZE is None, reason="systemd is missing")


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path / "root")


def unit(root, name):
    """The unit as conf/local.mk makes it."""
    instance = "%i" if "@" in name else "gthreadd"
    ini = f"{root.etc}/gthreadd/%i.ini" if "@" in name \
        else f"{root.etc}/gthreadd.ini"
    return root.rendered(name, name.replace("@", ""), ini=ini, pid=instance,
                         what="")


def run(*command):
    r = subprocess.run([str(x) for x in command], text=True, check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=scaled(60))
    return r.returncode, r.stdout


@pytest.mark.parametrize("name", [
    "gthreadd.service", "gthreadd@.service", "gthreadd.socket"])
def test_verify_has_nothing_to_say(root, name):
    path = unit(root, name)
    if name == "gthreadd.socket":
        unit(root, "gthreadd.service")
    named = str(path).replace("@.", "@shop.")
    code, said = run(ANALYZE, "verify", "--man=no", "--recursive-errors=no",
                     named)
    assert (code, said) == (0, "")


def test_verify_would_say_something(root):
    path = unit(root, "gthreadd.service")
    path.write_text(path.read_text().replace("Restart=", "Restrat="))
    assert "Restrat" in run(ANALYZE, "verify", "--man=no", path)[1]


def test_the_service_is_hardened(root):
    path = unit(root, "gthreadd.service")
    code, said = run(ANALYZE, "security", "--offline=true", path)
    assert code == 0
    exposure = re.search(r"exposure level for gthreadd.service: ([\d.]+)",
                         said)
    assert float(exposure[1]) < 5.0, said


def condition(root, text):
    """Would the unit start with this INI file?"""
    (root.etc / "gthreadd.ini").write_text(text)
    line = re.search(r"^ExecCondition=(.*)$",
                     unit(root, "gthreadd.service").read_text(), re.M)[1]
    return subprocess.run(["sh", "-c", line], check=False).returncode == 0


def test_a_service_without_application_is_passed_over(root):
    assert not condition(root, "[gthreadd]\n#wsgi-app = a\nuser = x\n")
    assert not condition(root, "[gthreadd]\nwsgi-app =\n")
    assert condition(root, "[gthreadd]\nwsgi-app = a:b\n")
    assert condition(root, "[gthreadd]\n wsgi_app=a\n")


@pytest.mark.skipif(not ROOT, reason="only root can give it away")
def test_tmpfiles_and_sysusers(root):
    conf = root.rendered("gthreadd.tmpfiles", runstatedir="/run",
                         localstatedir="/var")
    place = root.dir / "place"
    (place / "etc").mkdir(parents=True)
    (place / "etc/group").write_text("root:x:0:\nadm:x:4:\n")
    (place / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    code, said = run("systemd-tmpfiles", "--create", f"--root={place}", conf)
    assert code == 0, said
    assert (place / "run/gthreadd").stat().st_mode & 0o7777 == 0o755
    log = (place / "var/log/gthreadd").stat()
    assert (log.st_mode & 0o7777, log.st_uid, log.st_gid) == (0o750, 0, 4)
    code, said = run("systemd-sysusers", f"--root={place}",
                     CONF / "gthreadd.sysusers")
    assert code == 0, said
    user = [line for line in (place / "etc/passwd").read_text().splitlines()
            if line.startswith("gthreadd:")]
    assert len(user) == 1 and user[0].endswith("nologin")


def test_the_packages_own_file_is_right(server):
    """As installed, and with an application named in it."""
    text = (CONF.parent / "debian/gthreadd.ini").read_text()
    for name in ("user", "group"):  # which the package makes
        assert f"\n{name} = gthreadd\n" in text
        text = text.replace(f"\n{name} = gthreadd\n", f"\n{name} = 0\n")
    server.ini.write_text(text)
    r = server.run("--print-config", "-c", str(server.ini))
    assert r.returncode == 0, r.stderr
    assert re.search("^workers = 2 ", r.stdout, re.M)
    commented = re.findall(r"^#([a-z-]+ = .*)$", text, re.M)
    assert len(commented) == 5
    text = re.sub(r"(?m)^#([\w-]+ = )", r"\1", text)
    text = text.replace("/srv/mysite\n", f"{server.dir}\n")
    server.ini.write_text(re.sub("(?m)^virtualenv = .*", "", text))
    r = server.run("--print-config", "-c", str(server.ini))
    assert r.returncode == 0, r.stderr
    assert re.search("^wsgi-app = mysite.wsgi ", r.stdout, re.M)
