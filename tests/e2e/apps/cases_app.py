# SPDX-License-Identifier: MIT
"""Cases of PEP 3333 and of framing, one small function per path.

Together with its client a case may wait at a gate: GET /open lets it go on,
so no test depends on time.
"""
import gzip
import io
import json
import os
import sys
import tempfile
import threading

TEXT = [("Content-Type", "text/plain")]
HINT = [("Link", "</a.css>; rel=preload; as=style")]
gate = threading.Semaphore(0)
kept = {}


def query(environ):
    parts = environ["QUERY_STRING"].split("&")
    return dict(p.partition("=")[::2] for p in parts)


def length(n):
    return TEXT + [("Content-Length", str(n))]


def answer(start_response, body):
    body = body.encode() if isinstance(body, str) else body
    start_response("200 OK", length(len(body)))
    return [body]


def answer_json(start_response, value):
    return answer(start_response, json.dumps(value))


def outcome(function, *args):
    """The name of what it raises, or its value."""
    try:
        return repr(function(*args))
    except BaseException as e:
        return type(e).__name__


def in_thread(function, *args):
    found = []
    t = threading.Thread(target=lambda: found.append(outcome(function, *args)))
    t.start()
    t.join()
    return found[0]


def open_gate(environ, start_response):
    gate.release()
    return answer(start_response, "open")


def plain(environ, start_response):
    return answer(start_response, "plain")


class Parts:
    """Not a list or tuple; what happens in close() is the case's."""

    def __init__(self, parts, at_close=None):
        self.parts = iter(parts)
        self.at_close = at_close

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        if self.at_close:
            self.at_close()


class Sized(Parts):
    """Says how many parts it has."""

    def __init__(self, parts, n):
        super().__init__(parts)
        self.n = n

    def __len__(self):
        return self.n


# ---- how a body may be given ----

def shape(environ, start_response):
    """As how= says; cl= announces a length, code= is the status."""
    q = query(environ)
    body = b"x" * int(q.get("n", 10))
    half = len(body) // 2
    parts = [body[:half], body[half:]]
    headers = length(q["cl"]) if "cl" in q else list(TEXT)
    code = q.get("code", "200")
    headers = [h for h in headers if code not in ("204", "304", "205")
               or h[0] != "Content-Type"]
    w = start_response(code + " Case", headers)
    how = q["how"]
    if how == "list":
        return parts
    if how == "tuple":
        return tuple(parts)
    if how == "bytes":
        return body
    if how == "iter":
        return Parts(parts)
    if how == "one":
        return Parts([body])
    if how == "sized":
        return Sized([body], 1)
    if how == "liar":
        return Sized(parts, 1)
    if how == "late-empty":
        return Parts([b"", body, b"", b""])
    if how == "write":
        w(body)
        return []
    if how == "write+list":
        w(parts[0])
        return [parts[1]]
    if how == "file":
        return environ["wsgi.file_wrapper"](io.BytesIO(body))
    if how == "sendfile":
        return environ["wsgi.file_wrapper"](temporary(body))
    raise KeyError(how)


# ---- fields ----

def hop_by_hop(environ, start_response):
    start_response("200 OK", length(2) + [
        ("Connection", "close, X-Keep"), ("Keep-Alive", "timeout=1"),
        ("Proxy-Connection", "close"), ("Proxy-Authenticate", "x"),
        ("TE", "trailers"), ("Trailer", "X-T"), ("Upgrade", "h2c"),
        ("Transfer-Encoding", "chunked"), ("transfer-encoding", "gzip"),
        ("Server", "evil"), ("Date", "never"), ("X-Keep", "kept")])
    return [b"ok"]


def raw_field(environ, start_response):
    """name= and value= in hexadecimal, latin-1."""
    q = query(environ)
    name, value = (bytes.fromhex(q[k]).decode("latin-1")
                   for k in ("name", "value"))
    start_response("200 OK", length(2) + [(name, value)])
    return [b"ok"]


def raw_status(environ, start_response):
    line = bytes.fromhex(query(environ)["line"]).decode("latin-1")
    start_response(line, TEXT)
    return [b"ok"]


def raw_length(environ, start_response):
    values = query(environ)["values"].split(";")
    start_response("200 OK", [
        ("Content-Length", bytes.fromhex(v).decode()) for v in values])
    return [b"ok"]


def replaced(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"),
                              ("Content-Length", "1000"), ("X-Old", "1"),
                              ("Set-Cookie", "old=1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start_response("500 Oops", length(8), sys.exc_info())
    return [b"replaced"]


# ---- early hints ----

def hints(environ, start_response):
    """The client has the hints before the app goes on."""
    assert environ["wsgi.early_hints"](HINT) is None
    if query(environ).get("wait"):
        gate.acquire()
    return answer(start_response, "final")


def hints_often(environ, start_response):
    for i in range(int(query(environ)["n"])):
        environ["wsgi.early_hints"](HINT + [("X-N", str(i))])
    return answer(start_response, "final")


def hints_started(environ, start_response):
    """Behind start_response, before the head goes."""
    start_response("200 OK", length(5) + [("X-Final", "1")])
    environ["wsgi.early_hints"](HINT)
    return [b"final"]


def hints_late(environ, start_response):
    """Behind the head there is no place for them."""
    w = start_response("200 OK", TEXT)
    w(b"first")
    environ["wsgi.early_hints"](HINT)
    return [b"last"]


def hints_stream(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    start_response("200 OK", TEXT)
    return Parts([b"a", b"b"])


def hints_large(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    return answer(start_response, b"z" * (1 << 20))


def hints_file(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](temporary(b"f" * 300000))


def hints_error(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    start_response("200 OK", length(5))
    raise ValueError("behind the hints")


def hints_read(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    return answer(start_response, environ["wsgi.input"].read())


def hints_behind_read(environ, start_response):
    body = environ["wsgi.input"].read()
    environ["wsgi.early_hints"](HINT)
    return answer(start_response, body)


def hints_refuse(environ, start_response):
    environ["wsgi.early_hints"](HINT)
    start_response("403 Forbidden", length(2))
    return [b"no"]


def hints_wrong(environ, start_response):
    early = environ["wsgi.early_hints"]
    wrong = [None, 5, ["ab"], [("A",)], [("A", 1)], [("A", b"1")],
             [(b"A", "1")], [("A", "x\r\nX-Evil: 1")], [("A b", "1")],
             [("A\r\nX-Evil", "1")], [("", "1")], [("A", "\u20ac")],
             [("A", "1\0")], [("Content-Length", "-1")]]
    found = [outcome(early, w) for w in wrong]
    found += [outcome(early), outcome(early, [], [])]
    return answer_json(start_response, found)


def hints_hop(environ, start_response):
    environ["wsgi.early_hints"](HINT + [
        ("Connection", "close"), ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"), ("Date", "never"),
        ("Server", "evil"), ("Keep-Alive", "x")])
    return answer(start_response, "final")


def hints_thread(environ, start_response):
    found = in_thread(environ["wsgi.early_hints"], HINT)
    return answer(start_response, found)


def hints_over(environ, start_response):
    """One that an earlier request has left behind."""
    old = kept.get("hints")
    kept["hints"] = environ["wsgi.early_hints"]
    return answer(start_response, outcome(old, HINT) if old else "first")


# ---- files ----

def temporary(octets):
    f = tempfile.TemporaryFile()
    f.write(octets)
    f.seek(0)
    return f


class AtClose:
    """Passes read on and does something before it closes."""

    def __init__(self, f, at_close):
        self.f = f
        self.read = f.read
        self.at_close = at_close

    def close(self):
        self.at_close(self.f)
        self.f.close()


def wrapped(environ, start_response):
    """kind= of file; cl= announces a length."""
    q = query(environ)
    kind = q["kind"]
    body = bytes(range(256)) * 400
    headers = length(q["cl"]) if "cl" in q else TEXT
    block = int(q.get("block", 8192))
    f = temporary(body)
    if kind == "empty":
        f = temporary(b"")
    elif kind == "offset":
        f.seek(1000)
    elif kind == "read-ahead":
        assert f.read(10) == body[:10]
    elif kind == "end":
        f.seek(0, 2)
    elif kind == "beyond":
        f.seek(1 << 20)
    elif kind == "grows":
        f = AtClose(f, lambda f: (f.seek(0, 2), f.write(b"more"), f.flush()))
    elif kind == "shrinks":
        f = AtClose(f, lambda f: os.ftruncate(f.fileno(), 50))
    elif kind == "pipe":
        r, w = os.pipe()
        os.write(w, body[:5000])
        os.close(w)
        f = os.fdopen(r, "rb")
    elif kind == "proc":
        f = open("/proc/self/cmdline", "rb")
    elif kind == "unbuffered":
        f = open(os.dup(f.fileno()), "rb", 0)
        f.seek(7)
    elif kind == "memory":
        f = io.BytesIO(body)
    elif kind == "gzip":
        packed = io.BytesIO(gzip.compress(body))
        f = gzip.GzipFile(fileobj=temporary(packed.getvalue()))
    elif kind == "written":
        f = tempfile.TemporaryFile()
        f.write(b"still in the buffer")
        f.seek(0)
    elif kind == "text":
        f = open(__file__, encoding="utf-8")
    elif kind == "closed":
        f.close()
    elif kind == "no-close":
        class ReadOnly:
            read = f.read
        f = ReadOnly()
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](f, block)


shared_file = temporary(b"0123456789" * 100000)
positions = []


class Shared:
    """Requests share one file object; nobody closes it."""
    read = shared_file.read

    def close(self):
        positions.append(shared_file.tell())


def shared(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](Shared())


def show_positions(environ, start_response):
    return answer_json(start_response, positions)


# ---- environ, input, threads ----

def show_types(environ, start_response):
    def is_native(v):
        return type(v) is str and max(map(ord, v), default=0) < 256
    return answer_json(start_response, {
        "type": type(environ).__name__,
        "keys": {k: type(v).__name__ for k, v in environ.items()},
        "foreign": [k for k, v in environ.items() if not is_native(k)
                    or (isinstance(v, str) and not is_native(v))]})


def show_path(environ, start_response):
    return answer_json(start_response, {
        k: environ[k] for k in ("PATH_INFO", "RAW_URI", "QUERY_STRING",
                                "SCRIPT_NAME")})


def beyond_end(environ, start_response):
    source = environ["wsgi.input"]
    found = [source.read(0), source.read(3), source.read(1000), source.read(),
             source.read(5), source.readline(), source.readline(3),
             source.read(None), source.read(-1)]
    found = [x.decode() for x in found]
    found += [source.readlines(), list(source),
              outcome(source.read, "1"), outcome(source.read, 1.5),
              outcome(source.read, 1, 2), outcome(next, source)]
    return answer_json(start_response, found)


def behind_error(environ, start_response):
    """The client leaves in the middle: every further read says so."""
    source = environ["wsgi.input"]
    found = [outcome(source.read)]
    found += [outcome(f) for f in (source.read, source.readline,
                                   source.readlines, lambda: list(source))]
    found.append(in_thread(source.read))
    print("reads gave", *found, file=environ["wsgi.errors"])
    return answer(start_response, "in vain")


def two_readers(environ, start_response):
    """Every octet goes to exactly one of two threads."""
    source, parts = environ["wsgi.input"], []

    def read():
        while (part := source.read(100)):
            parts.append(part)
    threads = [threading.Thread(target=read) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    count = [b"".join(parts).count(bytes([i])) for i in range(256)]
    return answer_json(start_response, count)


def outlives(environ, start_response):
    """A thread that goes on when its request is over."""
    def run(source=environ["wsgi.input"], errors=environ["wsgi.errors"],
            gone=environ["gthreadd.client_disconnected"]):
        gate.acquire()
        print("thread says", outcome(source.read), outcome(start_response,
              "200 OK", []), gone(), file=errors)
        kept["done"] = True
    threading.Thread(target=run, name="outlives").start()
    return answer(start_response, "left")


def begins_late(environ, start_response):
    """A thread is in start_response() when its request is over."""
    gate = threading.Event()
    inside = threading.Event()
    kept["gate"], kept["left"] = gate, threading.Event()

    def fields():
        inside.set()
        gate.wait(5)
        yield "X-Late", "late"

    def run():
        kept["outcome"] = outcome(start_response, "200 OK", fields())
        kept["left"].set()
    threading.Thread(target=run, name="begins-late").start()
    inside.wait()
    raise ValueError("too early")


def behind_late(environ, start_response):
    """The next request: it lets that thread go on first."""
    kept["gate"].set()
    kept["left"].wait()
    return answer(start_response, "mine")


def show_threads(environ, start_response):
    return answer_json(start_response, {
        "current": threading.current_thread().name,
        "main": threading.main_thread().name,
        "is_main": threading.current_thread() is threading.main_thread(),
        "daemon": threading.current_thread().daemon,
        "all": sorted(t.name for t in threading.enumerate()),
        "count": threading.active_count()})


def started_thread(environ, start_response):
    """A thread of the app, begun and ended within the request."""
    names = []
    t = threading.Thread(target=lambda: names.append(
        threading.current_thread().name), name="mine")
    t.start()
    t.join()
    return answer_json(start_response, names)


local = threading.local()


def thread_local(environ, start_response):
    local.n = getattr(local, "n", 0) + 1
    return answer_json(start_response, [threading.get_ident(), local.n])


# ---- results and errors ----

def bad_iter():
    raise ValueError("in iter()")


class BadIter:
    def __iter__(self):
        bad_iter()

    def close(self):
        print("closed after all", file=sys.stderr)


class BadClose(Parts):
    @property
    def close(self):
        raise ValueError("close cannot be had")


def at_close(error):
    def fail():
        raise error
    return fail


RESULTS = {
    "none": lambda: None, "str": lambda: "text", "int": lambda: 5,
    "list-str": lambda: ["text"], "list-none": lambda: [None],
    "list-mixed": lambda: [b"x", "text"], "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: [memoryview(b"x")], "dict": lambda: {"a": 1},
    "iter-str": lambda: iter(["text"]), "iter-int": lambda: iter([1]),
    "bad-iter": BadIter, "class": lambda: Parts,
    "first-exit": lambda: Parts(sys.exit(1) for _ in "x"),
}
CLOSES = {
    "error": lambda: Parts([b"ok"], at_close(ValueError("closing"))),
    "exit": lambda: Parts([b"ok"], at_close(SystemExit(1))),
    "keyboard": lambda: Parts([b"ok"], at_close(KeyboardInterrupt())),
    "no-attribute": lambda: BadClose([b"ok"]),
}


def result(environ, start_response):
    start_response("200 OK", TEXT)
    return RESULTS[query(environ)["kind"]]()


def closing(environ, start_response):
    start_response("200 OK", length(2))
    return CLOSES[query(environ)["kind"]]()


PATHS = {
    "/open": open_gate, "/plain": plain, "/shape": shape, "/hop": hop_by_hop,
    "/field": raw_field, "/status": raw_status, "/length": raw_length,
    "/replaced": replaced, "/hints": hints, "/hints/often": hints_often,
    "/hints/started": hints_started, "/hints/late": hints_late,
    "/hints/stream": hints_stream, "/hints/large": hints_large,
    "/hints/file": hints_file, "/hints/error": hints_error,
    "/hints/read": hints_read, "/hints/behind-read": hints_behind_read,
    "/hints/refuse": hints_refuse, "/hints/wrong": hints_wrong,
    "/hints/hop": hints_hop, "/hints/thread": hints_thread,
    "/hints/over": hints_over, "/wrapped": wrapped, "/shared": shared,
    "/positions": show_positions, "/types": show_types,
    "/beyond-end": beyond_end, "/behind-error": behind_error,
    "/two-readers": two_readers, "/outlives": outlives,
    "/begins-late": begins_late, "/behind-late": behind_late,
    "/threads": show_threads, "/started-thread": started_thread,
    "/thread-local": thread_local, "/result": result, "/closing": closing,
}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/path"):
        return show_path(environ, start_response)
    return PATHS[path](environ, start_response)
