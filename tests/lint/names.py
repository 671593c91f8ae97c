#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Names, sizes and banned functions: what HACKING asks of each source file."""
import os
import re
import sys

SPDX = "/* SPDX-License-Identifier: MIT */"
FILE_LINES = 500
FUNCTION_LINES = 80
# Functions that may be longer: one flat switch or table, and why.
LONG = {
    # ("src/layer/unit.c", "function"): "reason",
}
# House rule: unbounded, locale-dependent, or not thread-safe.
BANNED = re.compile(
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atof|alloca"
    r"|strtod|strtof|strftime|asctime|ctime|localtime|gmtime|rand|tmpnam)"
    r"\s*\(")
FLOAT_FORMAT = re.compile(r'%[-+#0]*[\d*]*(?:\.[\d*]*)?l?[fFeEgG](?![a-z])')
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
NO_PREFIX = {"main"}


def blank(match):
    """Keep the lines, drop the text."""
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(text):
    both = re.compile(STRING.pattern + "|" + COMMENT.pattern, re.S)
    return both.sub(
        lambda m: blank(m) if m[0].startswith(("/*", "//")) else m[0], text)


def functions(lines):
    """(name, first line, last line, is static) of each definition."""
    start = None
    for i, line in enumerate(lines):
        match = re.match(r"(\w+)\(", line)
        if match and i > 0 and re.match(r"[A-Za-z_][^;]*$", lines[i - 1]):
            static = re.search(r"\bstatic\b", lines[i - 1]) is not None
            start = (match[1], i, static)
        elif line.startswith("{") and start is None:
            continue
        elif line.startswith("}") and start is not None:
            yield start[0], start[1], i, start[2]
            start = None
        elif line.rstrip().endswith(";") and not line[:1].isspace():
            start = None


def check_function(path, layer_headers, name, size, static):
    if size > FUNCTION_LINES and (path, name) not in LONG:
        yield f"{name} has {size} lines, more than {FUNCTION_LINES}"
    if static or name in NO_PREFIX:
        return
    if not name.startswith("gt_"):
        yield f"{name} is not static and not named gt_..."
    elif not re.search(rf"\b{name}\(", layer_headers):
        yield f"{name} is in no header of its layer"


def check_text(code):
    """Banned functions and formats; code has no comments."""
    bare = STRING.sub(blank, code)
    for number, line in enumerate(bare.split("\n"), 1):
        match = BANNED.search(line)
        if match:
            yield number, f"{match[1]} is banned"
    for match in STRING.finditer(code):
        if match[0].startswith('"') and FLOAT_FORMAT.search(match[0]):
            number = code.count("\n", 0, match.start()) + 1
            yield number, f"a float format: {match[0]}"


def check_source(path, text, layer_headers):
    lines = without_comments(text).split("\n")
    for name, first, last, static in functions(lines):
        for what in check_function(path, layer_headers, name,
                                   last - first + 1, static):
            yield first + 1, what
        for i in range(first, last):
            if re.match(r"\s*#\s*if", lines[i]):
                yield i + 1, f"#if inside {name}"


def check_file(path, layer_headers):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        text = f.read()
    if not text.startswith(SPDX + "\n"):
        yield 1, f"the first line is not {SPDX}"
    count = text.count("\n")
    if count > FILE_LINES and path.endswith((".c", ".h")) \
            and not path.startswith("tests/"):
        yield count, f"{count} lines, more than {FILE_LINES}"
    if not path.startswith("tests/"):
        yield from check_text(without_comments(text))
        if path.endswith(".c"):
            yield from check_source(path, text, layer_headers)


def check_test(path):
    """What tests share lies in a module of its own; none imports another."""
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        lines = f.readlines()
    if len(lines) > FILE_LINES and "/apps/" not in path:
        yield len(lines), f"{len(lines)} lines, more than {FILE_LINES}"
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*(from|import) test_", line):
            yield number, "a test imports from a test"


def headers_of(layer):
    """All declarations of a layer, in one text."""
    text = []
    for folder in (f"include/gthreadd/{layer}", f"src/{layer}"):
        full = os.path.join(TOP, folder)
        for name in sorted(os.listdir(full)) if os.path.isdir(full) else []:
            if name.endswith(".h"):
                with open(os.path.join(full, name), encoding="utf-8") as f:
                    text.append(f.read())
    return without_comments("\n".join(text))


def files_of(root, suffixes):
    for folder, _, names in sorted(os.walk(os.path.join(TOP, root))):
        for name in sorted(names):
            if name.endswith(suffixes):
                yield os.path.relpath(os.path.join(folder, name), TOP)


def main():
    bad = seen = 0
    headers = {}
    for root in ("src", "include", "tests"):
        for path in files_of(root, (".c", ".h", ".def")):
            layer = path.split(os.sep)[1]
            if layer not in headers:
                headers[layer] = headers_of(layer)
            seen += 1
            for number, what in check_file(path, headers[layer]):
                print(f"{path}:{number}: {what}")
                bad += 1
    for path in files_of("tests/e2e", ".py"):
        seen += 1
        for number, what in check_test(path):
            print(f"{path}:{number}: {what}")
            bad += 1
    print(f"names: {seen} files, {bad} violations")
    return 1 if bad or not seen else 0


TOP = os.environ.get("top_srcdir", ".")
sys.exit(main())
