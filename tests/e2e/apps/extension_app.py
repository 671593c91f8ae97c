# SPDX-License-Identifier: MIT
"""Imports what is written in C, and tells where the interpreter is."""
import ctypes
import json
import sqlite3
import ssl
import sys
from decimal import Decimal

try:
    import numpy
except ImportError:
    numpy = None


def interpreters():
    """Files in this process that hold a Python interpreter."""
    with open("/proc/self/maps", encoding="ascii") as f:
        files = {line.split()[-1] for line in f if "/" in line}
    return sorted(f for f in files if "libpython" in f)


def app(environ, start_response):
    found = {
        "sqlite": sqlite3.connect(":memory:").execute(
            "select 6 * 7").fetchone()[0],
        "ssl": bool(ssl.create_default_context()),
        "decimal": str(Decimal(1) / 4),
        "initialized": ctypes.pythonapi.Py_IsInitialized(),
        "numpy": int(numpy.arange(10).dot(numpy.arange(10)))
        if numpy else None,
        "executable": sys.executable,
        "libpython": interpreters(),
    }
    body = json.dumps(found).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
