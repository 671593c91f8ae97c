#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a file includes a header that its layer may not see.

The table is that of HACKING: a layer sees the public headers of
the layers below it, and each foreign header is allowed in few places.
"""
import os
import re
import sys

ORDER = ("base config net http stats exchange python wsgi worker ctl arbiter"
         " main").split()
BELOW = {layer: set(ORDER[: i + 1]) for i, layer in enumerate(ORDER)}
BELOW["python"] -= {"net", "http", "stats", "exchange"}
BELOW["ctl"] -= {"http", "exchange", "python", "wsgi", "worker"}
BELOW["arbiter"] -= {"http", "exchange", "python", "wsgi", "worker"}

# Foreign header: the layers that may include it.
ONLY_IN = {
    r"Python\.h|structmember\.h": {"python", "wsgi"},
    r"event2?/.*|event\.h": {"worker", "ctl", "arbiter"},
    r"openssl/.*": {"net"},
    r"nghttp2/.*": {"http"},
    r"ini\.h": {"config"},
    r"pthread\.h": {"base"},
    r"jansson\.h|n?curses\.h": {"main"},
}
# http is octets in, octets out; the master has one thread.
NEVER_IN = {
    "http": r"gthreadd/base/(fd|log|lock|os)\.h|unistd\.h|fcntl\.h|poll\.h"
            r"|sys/(socket|uio|epoll|select|time)\.h",
    "arbiter": r"gthreadd/base/lock\.h|pthread\.h|threads\.h",
    "net": r"sys/epoll\.h",
}
# Headers that need Python.h: only sources of these layers see them.
PYTHON_HEADERS = {"gthreadd/python/%s.h" % n for n in ("nogil", "pyobj", "pyerr")}
PYTHON_LAYERS = {"python", "wsgi"}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_own(place, layer, inc):
    """A header of ours, by its public name."""
    own = re.match(r"gthreadd/(\w+)/", inc)
    if not own:
        return
    if own[1] not in BELOW[layer]:
        yield f"{layer} must not include {own[1]}"
    if inc in PYTHON_HEADERS and place["public"] and \
            f"gthreadd/{place['path']}" not in PYTHON_HEADERS:
        yield f"a public header must not include {inc}"
    if inc in PYTHON_HEADERS and layer not in PYTHON_LAYERS:
        yield f"{inc} is not for {layer}"


def check_foreign(place, layer, inc):
    for pattern, allowed in ONLY_IN.items():
        if re.fullmatch(pattern, inc) and layer not in allowed:
            yield f"{inc} is not for {layer}"
    if layer in NEVER_IN and re.fullmatch(NEVER_IN[layer], inc):
        yield f"{layer} must not include {inc}"
    if inc == "Python.h" and place["public"] and \
            f"gthreadd/{place['path']}" not in PYTHON_HEADERS:
        yield "this header must stay free of Python.h"


def check_relative(place, layer, inc):
    """A quoted name: a table, or a private header beside the file."""
    if inc.endswith(".def"):
        return
    if place["public"]:
        yield f'a public header must not include "{inc}"'
    elif inc != "config.h" and not is_private(layer, inc):
        yield f'"{inc}" is neither a table nor a private header of {layer}'


def is_private(layer, name):
    """The layer's private header, or that of one of its units."""
    unit = name.removesuffix("_priv.h")
    return name.endswith("_priv.h") and "/" not in name and (
        unit == layer
        or os.path.exists(os.path.join(TOP, "src", layer, unit + ".c")))


def check_file(root, layer, path):
    place = {"public": root != "src", "path": path}
    with open(os.path.join(TOP, root, path), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            inc = match[2]
            found = list(check_own(place, layer, inc))
            found += check_foreign(place, layer, inc)
            if match[1] == '"' and not inc.startswith("gthreadd/"):
                found += check_relative(place, layer, inc)
            for what in found:
                print(f"{root}/{path}:{number}: {what}")
                yield what


def files_of(root):
    base = os.path.join(TOP, root)
    for folder, _, names in sorted(os.walk(base)):
        layer = os.path.relpath(folder, base).split(os.sep)[0]
        for name in sorted(names):
            if name.endswith((".c", ".h", ".def")):
                yield layer, os.path.relpath(os.path.join(folder, name), base)


def main():
    bad = seen = 0
    private = {}
    for root in ("src", "include/gthreadd"):
        for layer, path in files_of(root):
            seen += 1
            if layer not in BELOW:
                print(f"{root}/{path}: {layer} is no layer")
                bad += 1
                continue
            if path.endswith("_priv.h"):
                private.setdefault(layer, []).append(path)
            bad += len(list(check_file(root, layer, path)))
    for layer, paths in private.items():
        for path in paths:
            if not is_private(layer, path.split("/", 1)[1]):
                print(f"src/{path}: named after neither its layer nor a unit")
                bad += 1
    if seen == 0:
        print(f"no sources under {TOP}")
    print(f"layers: {seen} files, {bad} violations")
    return 1 if bad or not seen else 0


TOP = os.environ.get("top_srcdir", ".")
sys.exit(main())
