# SPDX-License-Identifier: MIT
"""Another user than the test's, and what it may reach."""
import grp
import os
import pwd
import shutil
import subprocess

import pytest

from harness import APPS

ROOT = os.geteuid() == 0


def nobody():
    user = pwd.getpwnam("nobody")
    return user, grp.getgrgid(user.pw_gid).gr_name


def open_to_all(server):
    """Everything a worker without rights must reach."""
    path = server.dir
    while path != path.parent and path.stat().st_uid == os.geteuid() \
            and path.name:
        if str(path) in ("/tmp", "/"):
            break
        path.chmod(0o755)
        path = path.parent
    # Where the source is, such as below /root, may be closed to it.
    apps = shutil.copytree(APPS, server.dir / "apps", dirs_exist_ok=True)
    server.with_config(pythonpath=apps)


def mount_namespace():
    """The program that makes one; the test is skipped where it cannot."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--mount", "true"],
                                     capture_output=True,
                                     check=False).returncode:
        pytest.skip("no mount namespace can be made")
    return unshare
