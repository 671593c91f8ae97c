# SPDX-License-Identifier: MIT
"""The test application: one small function per path.

Every path says by its name what it does; "error" ones break a rule of
PEP 3333 or raise at a certain stage.
"""
import ctypes
import functools
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from urllib.parse import parse_qs

TEXT = [("Content-Type", "text/plain")]
lock = threading.Lock()
counters = {"running": 0, "max_running": 0, "calls": 0, "closed": 0,
            "background": 0}


def count_up(name, by=1):
    with lock:
        counters[name] = counters.get(name, 0) + by


def answer(start_response, body, status="200 OK", headers=None):
    if isinstance(body, str):
        body = body.encode()
    start_response(status, (headers or TEXT)
                   + [("Content-Length", str(len(body)))])
    return [body]


def answer_json(start_response, value):
    return answer(start_response, json.dumps(value),
                  headers=[("Content-Type", "application/json")])


def arg(environ, name, default):
    found = parse_qs(environ["QUERY_STRING"]).get(name)
    return type(default)(found[0]) if found else default


class Counted:
    """An iterable that counts its close()."""

    def __init__(self, parts, error=None):
        self.parts = iter(parts)
        self.error = error

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        count_up("closed")
        if self.error:
            raise self.error


# ---- ordinary answers ----

def hello(environ, start_response):
    return answer(start_response, "Hello, world!\n")


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    kind = environ.get("CONTENT_TYPE") or "application/octet-stream"
    return answer(start_response, body, headers=[("Content-Type", kind)])


def stream(environ, start_response):
    n = arg(environ, "n", 5)
    start_response("200 OK", TEXT)
    return (b"line %d\n" % i for i in range(n))


def trickle(environ, start_response):
    """n lines, ms apart."""
    start_response("200 OK", TEXT)
    for i in range(arg(environ, "n", 3)):
        yield b"line %d\n" % i
        time.sleep(arg(environ, "ms", 100) / 1000)


def big(environ, start_response):
    return answer(start_response, b"x" * arg(environ, "n", 1000))


@functools.lru_cache
def large_body():
    return b"x" * 8_000_000


def large(environ, start_response):
    """Eight megabytes that all responses share."""
    return answer(start_response, large_body())


def bigstream(environ, start_response):
    """n octets in parts of size, with or without Content-Length."""
    n, size = arg(environ, "n", 1 << 20), arg(environ, "size", 1 << 16)
    headers = list(TEXT)
    if arg(environ, "cl", 0):
        headers.append(("Content-Length", str(n)))
    start_response("200 OK", headers)
    part = b"0123456789abcdef" * (size // 16)

    def parts():
        left = n
        while left > 0:
            yield part[:left]
            count_up("produced", min(len(part), left))
            left -= len(part)
    return Counted(parts())


def file(environ, start_response):
    """n octets of a file from offset off, by wsgi.file_wrapper."""
    n, off = arg(environ, "n", 1000), arg(environ, "off", 0)
    f = tempfile.TemporaryFile()
    pattern = b"0123456789abcdef" * 4096
    for at in range(0, n, len(pattern)):
        f.write(pattern[: n - at])
    f.seek(off)
    headers = list(TEXT)
    if arg(environ, "cl", 0):
        headers.append(("Content-Length", str(arg(environ, "cl", 0))))
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](f)


class NoFile:
    """Read only, no fileno(): the wrapper must iterate."""

    def __init__(self, n):
        self.left = n

    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        return b"n" * size

    def close(self):
        count_up("closed")


def nofile(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](NoFile(arg(environ, "n", 100)), 64)


def sleep(environ, start_response):
    with lock:
        counters["running"] += 1
        counters["max_running"] = max(counters["max_running"],
                                      counters["running"])
    time.sleep(arg(environ, "ms", 50) / 1000)
    count_up("running", -1)
    return answer(start_response, "slept\n",
                  headers=TEXT + [("X-Pid", str(os.getpid()))])


def hold(environ, start_response):
    """Keep the GIL in a C call that never gives it away."""
    ctypes.PyDLL(None).sleep(arg(environ, "s", 1000))
    return answer(start_response, "held\n")


def spin(environ, start_response):
    end = time.monotonic() + arg(environ, "ms", 100) / 1000
    while time.monotonic() < end:
        pass
    return answer(start_response, "spun\n")


def show_environ(environ, start_response):
    return answer_json(start_response, {
        k: v if isinstance(v, (str, bool, int, tuple)) else repr(v)
        for k, v in environ.items()})


def headers(environ, start_response):
    own = arg(environ, "id", "")
    return answer(start_response, "headers\n", headers=[
        *([("X-REQUEST-id", own)] if own else []),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
        ("X-Latin", "caf\xe9"), ("X-Empty", "")])


def status(environ, start_response):
    return answer(start_response, "",
                  status=f"{arg(environ, 'code', 200)} Some Reason")


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []


def body_for_head(environ, start_response):
    return answer(start_response, "a body that HEAD must not carry\n")


def write(environ, start_response):
    w = start_response("200 OK", TEXT)
    w(b"written, ")
    w(b"")
    w(b"twice, ")
    return [b"and returned\n"]


def one_part(environ, start_response):
    """No Content-Length, one part: the server can count."""
    start_response("200 OK", TEXT)
    return [b"one part\n"]


def empty(environ, start_response):
    start_response("200 OK", TEXT)
    return []


def many_parts(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"a", b"", b"bc", b"d" * 70000]


def wrapped(environ, start_response):
    """One block behind an iterator, its length given: as frameworks do."""
    n = arg(environ, "n", 100)
    start_response("200 OK", TEXT + [("Content-Length", str(n))])
    return Counted([b"y" * n])


def closing(environ, start_response):
    start_response("200 OK", TEXT)
    return Counted([b"a", b"b"])


def app_close(environ, start_response):
    return answer(start_response, "bye\n",
                  headers=TEXT + [("Connection", "close")])


def show_counters(environ, start_response):
    with lock:
        return answer_json(start_response, dict(counters))


def thread(environ, start_response):
    return answer_json(start_response, {
        "name": threading.current_thread().name,
        "ident": threading.get_ident(), "pid": os.getpid()})


def script(environ, start_response):
    return answer_json(start_response, {
        "path": sys.path, "cwd": os.getcwd(), "executable": sys.executable,
        "prefix": sys.prefix, "uid": os.getuid(), "gid": os.getgid(),
        "groups": os.getgroups(), "environ": dict(os.environ)})


# ---- request bodies ----

def upload(environ, start_response):
    """Count and hash a body in parts, keeping nothing."""
    digest, n = hashlib.sha256(), 0
    while True:
        part = environ["wsgi.input"].read(arg(environ, "size", 1 << 16))
        if not part:
            break
        digest.update(part)
        n += len(part)
        time.sleep(arg(environ, "ms", 0) / 1000)
    return answer_json(start_response,
                       {"length": n, "sha256": digest.hexdigest()})


def count(environ, start_response):
    """Count a body in parts."""
    n, size = 0, arg(environ, "size", 1 << 16)
    read = environ["wsgi.input"].read
    while (part := read(size)):
        n += len(part)
    return answer_json(start_response, {"length": n})


def pipe(environ, start_response):
    """Each part of the body goes back as soon as it is there."""
    start_response("200 OK", TEXT)
    while (part := environ["wsgi.input"].read(arg(environ, "size", 1000))):
        yield part


def late_read(environ, start_response):
    time.sleep(arg(environ, "ms", 100) / 1000)
    return echo(environ, start_response)


def read_in_stream(environ, start_response):
    """The response begins before the body is asked for."""
    start_response("200 OK", TEXT)
    yield b"begun\n"
    yield b"read %d\n" % len(environ["wsgi.input"].read())


def catch_read(environ, start_response):
    """Answers whatever reading the body raises."""
    try:
        environ["wsgi.input"].read()
    except OSError as e:
        return answer(start_response, f"caught {type(e).__name__}\n",
                      status="422 Caught")
    return answer(start_response, "read\n")


def until_gone(environ, start_response):
    """Runs until its client has gone, and tells the log."""
    is_gone = environ["gthreadd.client_disconnected"]
    end = time.monotonic() + arg(environ, "s", 60)
    before = is_gone()
    print(f"there before={before}", file=environ["wsgi.errors"])
    while not is_gone() and time.monotonic() < end:
        time.sleep(0.01)
    print(f"gone now={is_gone()}", file=environ["wsgi.errors"])
    return answer(start_response, "gone\n")


def write_on(environ, start_response):
    """write() until it raises; tells the log what."""
    write = start_response("200 OK", TEXT)
    try:
        for _ in range(10000):
            write(b"x" * 65536)
            time.sleep(0.001)
    except BaseException as e:
        print(f"write raised {type(e).__name__} {isinstance(e, OSError)}",
              file=environ["wsgi.errors"])
        raise
    return []


def lines(environ, start_response):
    """The body by readline, readlines and iteration, as how= says."""
    source, how = environ["wsgi.input"], arg(environ, "how", "iter")
    if how == "readline":
        found = list(iter(source.readline, b""))
    elif how == "limited":
        found = list(iter(lambda: source.readline(4), b""))
    elif how == "readlines":
        found = source.readlines()
    else:
        found = list(source)
    found.append(source.read())
    return answer_json(start_response, [x.decode("latin-1") for x in found])


def no_read(environ, start_response):
    return answer(start_response, "not read\n")


def refuse(environ, start_response):
    return answer(start_response, "no\n", status="403 Forbidden")


def try_read(environ, start_response):
    """Tell the log how reading ended: the client may be gone."""
    try:
        n = 0
        while (part := environ["wsgi.input"].read(1000)):
            n += len(part)
        print(f"read all {n}", file=environ["wsgi.errors"])
    except BaseException as e:
        print(f"read failed after {n}: {type(e).__name__} "
              f"{isinstance(e, OSError)}", file=environ["wsgi.errors"])
        raise
    return answer(start_response, f"read {n}\n")


def log(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write(arg(environ, "text", "something") + "\n")
    errors.writelines(["two ", "parts\n"])
    errors.flush()
    return answer(start_response, "logged\n")


# ---- errors at every stage ----

def error_before(environ, start_response):
    raise ValueError("before start_response")


def error_started(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("after start_response")


def error_first(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("before the first part")
    yield b"never"


def error_stream(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"x" * 100
    raise ValueError("in the stream")


def error_close(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "3")])
    return Counted([b"abc"], ValueError("in close"))


def error_stream_close(environ, start_response):
    start_response("200 OK", TEXT)

    def parts():
        yield b"abc"
        raise ValueError("then closed")
    return Counted(parts())


def error_exit(environ, start_response):
    sys.exit(3)


def error_keyboard(environ, start_response):
    raise KeyboardInterrupt


def error_str(environ, start_response):
    start_response("200 OK", TEXT)
    return ["a str, not bytes"]


def error_none(environ, start_response):
    start_response("200 OK", TEXT)


def error_no_start(environ, start_response):
    return [b"never started"]


def error_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"twice"]


def error_status(environ, start_response):
    start_response("200 OK\r\nX-Evil: 1", TEXT)
    return [b"split"]


def error_empty_status(environ, start_response):
    start_response("", TEXT)
    return [b"no status"]


def error_header(environ, start_response):
    start_response("200 OK", [("X-A", "b\r\nX-Evil: 1")])
    return [b"split"]


def error_header_name(environ, start_response):
    start_response("200 OK", [("X A", "b")])
    return [b"name"]


def error_length(environ, start_response):
    start_response("200 OK", [("Content-Length", "-1")])
    return [b"length"]


def replaced(environ, start_response):
    """exc_info replaces what was not sent yet."""
    start_response("200 OK", [("Content-Type", "text/html"),
                              ("Content-Length", "1"), ("X-Old", "1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start_response("500 Oops", [("Content-Type", "text/plain"),
                                    ("X-New", "1")], sys.exc_info())
    return [b"replaced\n"]


def replaced_late(environ, start_response):
    """exc_info after octets were sent: start_response raises it again."""
    w = start_response("200 OK", TEXT)
    w(b"sent")
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"never"]


def too_short(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "10")])
    return [b"short"]


def too_long(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return [b"long enough"]


PATHS = {
    "/": hello, "/hello": hello, "/echo": echo, "/stream": stream,
    "/trickle": trickle, "/big": big, "/bigstream": bigstream, "/file": file,
    "/nofile": nofile, "/sleep": sleep, "/hold": hold, "/spin": spin,
    "/environ": show_environ, "/headers": headers, "/status": status,
    "/204": no_content, "/304": not_modified, "/head": body_for_head,
    "/write": write, "/one-part": one_part, "/empty": empty,
    "/many-parts": many_parts, "/closing": closing, "/wrapped": wrapped,
    "/app-close": app_close,
    "/counters": show_counters, "/thread": thread, "/script": script,
    "/upload": upload, "/count": count,
    "/large": large, "/pipe": pipe, "/late-read": late_read, "/catch-read": catch_read,
    "/read-in-stream": read_in_stream, "/until-gone": until_gone,
    "/write-on": write_on, "/lines": lines, "/no-read": no_read,
    "/refuse": refuse, "/try-read": try_read, "/log": log,
    "/error/before": error_before, "/error/started": error_started,
    "/error/first": error_first, "/error/stream": error_stream,
    "/error/close": error_close, "/error/stream-close": error_stream_close,
    "/error/exit": error_exit, "/error/keyboard": error_keyboard,
    "/error/str": error_str, "/error/none": error_none,
    "/error/no-start": error_no_start, "/error/twice": error_twice,
    "/error/status": error_status,
    "/error/empty-status": error_empty_status,
    "/error/header": error_header, "/error/header-name": error_header_name,
    "/error/length": error_length, "/replaced": replaced,
    "/replaced-late": replaced_late, "/too-short": too_short,
    "/too-long": too_long,
}


def app(environ, start_response):
    count_up("calls")
    handler = PATHS.get(environ["PATH_INFO"])
    if handler is None:
        if environ["PATH_INFO"].startswith("/environ/"):
            return show_environ(environ, start_response)
        return answer(start_response, "no such path\n", "404 Not Found")
    return handler(environ, start_response)


application = app


def factory(prefix="made", suffix=""):
    def made(environ, start_response):
        return answer(start_response, f"{prefix}{suffix}\n")
    return made


class AppObject:
    """An instance as application, reached by a dotted name."""

    def __call__(self, environ, start_response):
        return answer(start_response, "object\n")


class holder:
    inner = AppObject()


not_callable = 42
