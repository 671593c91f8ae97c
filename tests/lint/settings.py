#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every setting is used by a test of what it does.

The tests of names and options alone do not count, nor does what the harness
sets for every server.
"""
import glob
import os
import re
import sys

TOP = os.environ.get("top_srcdir", ".")
NAMES_ONLY = {"gunicorn_flags.py", "test_compat.py", "test_manual.py",
              "harness.py", "rawclient.py", "server.py"}
ENTRY = re.compile(
    r'GT_SETTING\(\s*\w+,\s*"([^"]+)",\s*\w+.*?\b(?:RELOAD|RESTART),\s*'
    r"(?:'(.)'|0),\s*\"([^\"]*)\"", re.S)
# Tested where the rule of the excluded files would not see it.
ELSEWHERE = {
    "spew": "test_compat.py",
    "worker-class": "test_compat.py",
}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def settings():
    """(name, all its spellings as options, INI keys and keywords)"""
    for path in sorted(glob.glob(f"{TOP}/src/config/tbl/*.def")):
        for name, short, aliases in ENTRY.findall(read(path)):
            yield name, short, [name, *aliases.split()]


def use_of(short, spellings):
    ways = [f'"-{short}"'] if short else []
    for name in spellings:
        key = re.escape(name)
        ways += [rf"(?<![\w-]){name.replace('-', '_')}=",
                 rf'"{name.replace("-", "_")}":', rf'"{key}"\]? ?[:\]=]',
                 rf"--(?:no-)?{key}(?![\w-])", rf"(?<![\w-]){key} = "]
    return re.compile("|".join(ways))


def main():
    tests = {os.path.basename(p): read(p)
             for p in glob.glob(f"{TOP}/tests/e2e/*.py")}
    ours = "".join(text for name, text in tests.items()
                   if name not in NAMES_ONLY)
    bad = seen = 0
    for name, short, spellings in settings():
        seen += 1
        text = tests.get(ELSEWHERE.get(name)) or ours
        # [hooks] and the like are sections too
        if not use_of(short, spellings).search(text) and \
                f"[{name}]" not in text and f'sections["{name}"]' not in text:
            print(f"tests/e2e: nothing tests what the setting {name} does")
            bad += 1
    print(f"settings: {seen} settings, {bad} without a test")
    return 1 if bad or seen < 80 else 0


sys.exit(main())
