# SPDX-License-Identifier: MIT
"""Extension modules, wherever the interpreter was linked from."""
import os
import subprocess

from harness import GTHREADD


def links_libpython():
    out = subprocess.run(["ldd", str(GTHREADD)], capture_output=True,
                         text=True, check=True).stdout
    return "libpython" in out


def test_extension_modules_find_the_one_interpreter(server):
    """R-32"""
    found = server.with_config(wsgi_app="extension_app:app").start() \
        .get("/").json()
    assert found["sqlite"] == 42 and found["ssl"]
    assert found["decimal"] == "0.25" and found["initialized"] == 1
    assert found["numpy"] in (285, None)
    assert os.access(found["executable"], os.X_OK)
    assert len(found["libpython"]) == (1 if links_libpython() else 0)
