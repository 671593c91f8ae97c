#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the C source of a page: its octets, and the policy that lets only its
own style and script run (Content-Security-Policy, by their hashes)."""
import base64
import hashlib
import re
import sys


def digest(text):
    return "'sha256-%s'" % base64.b64encode(
        hashlib.sha256(text.encode()).digest()).decode()


def inline(page, tag):
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    if not found:
        sys.exit(f"the page has no <{tag}>")
    return " ".join(digest(text) for text in found)


def literal(data):
    """Lines of a C string; every octet that could act is written in octal."""
    for at in range(0, len(data), 60):
        part = data[at:at + 60]
        yield '\t"%s"' % "".join(
            chr(c) if 32 <= c < 127 and c not in b'"\\?'
            else "\\%03o" % c for c in part)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        page = f.read()
    policy = ("default-src 'none'; style-src %s; script-src %s; "
              "connect-src 'self'; img-src data:; base-uri 'none'; "
              "form-action 'none'; frame-ancestors 'none'"
              % (inline(page, "style"), inline(page, "script")))
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made from page.html by tools/embed-page.py. */")
    print('#include "ctl_priv.h"\n')
    print("const char gt_ctl_page[] =\n%s;" % "\n".join(
        literal(page.encode())))
    print("const size_t gt_ctl_page_len = sizeof(gt_ctl_page) - 1;")
    print('const char gt_ctl_page_policy[] =\n\t"%s";' % policy)


main()
