# SPDX-License-Identifier: MIT
"""Access and error log: atoms of a real request, escaping, one line each."""
import os
import re
import socket
from signal import SIGCONT, SIGHUP, SIGSTOP, SIGUSR1

from control import Control
from harness import scaled, wait_for

COMBINED = re.compile(
    r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"GET /hello\?a=b HTTP/1\.1" 200 14 "http://from/" "agent/1"$')

ALL = ("h=%(h)s l=%(l)s u=%(u)s r=%(r)s s=%(s)s m=%(m)s U=%(U)s q=%(q)s"
       " H=%(H)s b=%(b)s B=%(B)s f=%(f)s a=%(a)s T=%(T)s D=%(D)s M=%(M)s"
       " L=%(L)s p=%(p)s Q=%(Q)s G=%(G)s P=%(P)s k=%(k)s R=%(R)s"
       " i=%({X-In}i)s o=%({content-TYPE}o)s e=%({wsgi.url_scheme}e)s"
       " none=%({x-no}i)s%({x-no}o)s%({no}e)s %%")


def one_line(server, target="/hello", count=1, **kw):
    server.get(target, **kw)
    lines = server.access_log(count)
    assert len(lines) == count
    return lines[-1]


def test_default_format_is_gunicorns(server):
    server.start()
    line = one_line(server, "/hello?a=b", headers=[
        ("Referer", "http://from/"), ("User-Agent", "agent/1")])
    assert COMBINED.match(line), line


def test_every_atom_of_a_real_request(server):
    server.with_config(access_logformat=ALL, threads=1).start()
    with server.connect() as c:
        c.get("/hello")
        body = b"x" * 321
        c.request("POST", "/echo?q=1", body=body, headers=[
            ("X-In", "in"), ("Content-Type", "text/mine"),
            ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("User-Agent", "me")])
    line = server.access_log(2)[1]
    pid = server.worker_pids()[0]
    for part in ("h=127.0.0.1 l=- u=Aladdin r=POST /echo?q=1 HTTP/1.1 s=200 "
                 "m=POST U=/echo q=q=1 H=HTTP/1.1 b=321 B=321 f=- a=me ",
                 f" p=<{pid}> ", " P=1 k=2 ",
                 " i=in o=text/mine e=http none=--- %"):
        assert part in line, line
    atoms = dict(re.findall(r"\b([TDMLQGR])=([\d.]+)", line))
    assert int(atoms["D"]) // 1000 == int(atoms["M"])
    assert re.fullmatch(r"0\.\d{6}", atoms["L"])
    assert 321 < int(atoms["R"]) < 1000


def test_duration_is_that_of_the_request(server):
    server.with_config(access_logformat="%(D)s").start()
    line = one_line(server, "/sleep?ms=300")
    assert 290000 < int(line) < scaled(5) * 1000000


def test_octets_are_counted_without_framing(server):
    server.with_config(access_logformat="%(b)s %(s)s").start()
    want = []
    for target, sent in (("/stream?n=10", "70 200"), ("/204", "- 204"),
                         ("/file?n=100000", "100000 200"),
                         ("/file?n=1000&off=1", "999 200"),
                         ("/write", "29 200"), ("/big?n=1000000",
                                                "1000000 200")):
        server.get(target)
        want.append(sent)
        server.access_log(len(want))
    assert server.access_log() == want


def test_a_line_is_one_line_whatever_is_sent(server):
    server.with_config(access_logformat='"%(r)s" "%(a)s" %(U)s').start()
    with server.connect() as c:
        c.send(b'GET /hello?"%0a\\ HTTP/1.1\r\nHost: t\r\n'
               b'User-Agent: a"b\\c\td\xff\r\n\r\n')
        c.response()
    line = server.access_log(1)
    assert len(line) == 1
    assert line[0].isascii() and line[0].isprintable()
    assert '\\"' in line[0]
    server.get("/nope%0A[2026-01-01]%20[1]%20[ERROR]%20forged")
    lines = server.access_log(2)
    assert len(lines) == 2
    assert "\\x0A[2026" in lines[1]


def test_refused_requests_are_logged_once(server):
    server.start()
    bad = [b"GET / HTTP/1.1\r\nHost: t\r\nBad Name: 1\r\n\r\n",
           b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: t\r\n\r\n",
           b"\x16\x03\x01\x02\x00\r\n\r\n"]
    for n, octets in enumerate(bad, 1):
        with server.connect() as c:
            c.send(octets)
            assert c.response().status in (400, 414)
        lines = server.access_log(n)
        assert len(lines) == n
        assert re.search(r'" (400|414) ', lines[-1])


def test_client_that_leaves_is_logged_once(server):
    server.start()
    c = server.connect(rcvbuf=4096)
    c.send(b"GET /bigstream?n=50000000 HTTP/1.1\r\nHost: t\r\n\r\n")
    c.head()
    c.reset()
    assert len(server.access_log(1)) == 1
    assert one_line(server, count=2).count("/hello") == 1


def test_no_line_is_lost_under_load(server):
    server.with_config(threads=4, workers=2,
                       access_logformat="%(q)s").start()
    with server.connect() as c:
        for start in range(0, 2000, 50):
            c.send(b"".join(b"GET /hello?%d HTTP/1.1\r\nHost: t\r\n\r\n" % i
                            for i in range(start, start + 50)))
            for _ in range(50):
                c.response()
    assert server.access_log(2000) == [str(i) for i in range(2000)]
    assert all(w["log_dropped"] == 0 for w in server.ready_workers())


def test_lines_are_written_before_the_end(server):
    server.with_config(threads=2).start()
    with server.connect() as c:
        for _ in range(50):
            c.get("/hello")
    server.stop()
    assert len(server.access_log()) == 50


def test_dash_means_standard_output(server):
    server.with_config(access_logfile="-").start()
    server.get("/hello")
    server.stop()
    assert '"GET /hello HTTP/1.1" 200' in server.read(server.stdout_path)


def test_dev_stdout_may_be_a_socket(server):
    """As the journal of systemd is: nobody can open it by its name."""
    ours, theirs = socket.socketpair()

    def use_sockets():
        os.dup2(theirs.fileno(), 1)
        os.dup2(theirs.fileno(), 2)
    with ours, theirs:
        server.with_config(access_logfile="/dev/stdout",
                           error_logfile="/dev/stderr")
        server.on_port().spawn(preexec_fn=use_sockets)
        ours.settimeout(scaled(10))
        text = read_until(ours, b"is ready")
        server.signal(SIGUSR1)
        text += read_until(ours, b"USR1")
        server.get("/hello")
        read_until(ours, b'"GET /hello HTTP/1.1" 200')
    server.stop()


def read_until(sock, mark):
    text = b""
    while mark not in text:
        text += sock.recv(65536)
    return text


def test_no_access_log_is_the_default(server):
    del server.settings["access-logfile"]
    server.start()
    server.get("/hello")
    server.stop()
    assert not server.access_path.exists()
    assert "GET /hello" not in server.read(server.stdout_path)


def test_error_log_lines_have_gunicorns_format(server):
    server.start()
    server.stop()
    pattern = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] "
                         r"\[\d+\] \[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\] .")
    lines = server.error_log().splitlines()
    assert lines
    assert all(pattern.match(x) for x in lines), server.error_log()


def test_log_level_hides_what_is_below(server):
    server.with_config(log_level="error").start()
    server.get("/error/before")
    server.log_contains(r"\[ERROR\]")
    server.stop()
    assert "[INFO]" not in server.error_log()
    assert "[WARNING]" not in server.error_log()


def test_full_pipe_does_not_stop_the_service(server):
    """Nobody reads the access log: lines are dropped, requests are not."""
    fifo = server.dir / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        server.with_config(access_logfile=fifo, access_logformat="%(U)s"
                           + "x" * 2000).start()
        with server.connect() as c:
            for _ in range(1500):
                assert c.get("/hello").status == 200
    finally:
        os.close(reader)
    server.stop(timeout=30)


def test_named_pipe_needs_no_reader_at_the_start(server):
    fifo = server.dir / "fifo"
    os.mkfifo(fifo)
    server.with_config(access_logfile=fifo,
                       access_logformat="%(U)s").start()
    assert server.get("/hello").status == 200
    with open(fifo, encoding="ascii") as reader:
        assert reader.readline() == "/hello\n"


def test_full_disk_is_counted_and_told(server):
    server.with_config(access_logfile="/dev/full").start()
    for _ in range(3):
        assert server.get("/hello").status == 200
    server.log_contains(r"\[WARNING\] log lines dropped: \d+ ")
    wait_for("the count", lambda: server.ready_workers()[0]["log_dropped"]
             == 3)


def fill(fifo):
    """Open a named pipe and put in what goes in."""
    fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(fd, b"x" * 4095 + b"\n")
    except BlockingIOError:
        return fd


def drain(fd):
    parts = []
    try:
        while True:
            parts.append(os.read(fd, 65536))
    except BlockingIOError:
        return b"".join(parts).decode()


def test_worker_that_stood_still_has_the_new_log_files_in_the_end(server):
    """It reads nothing meanwhile, until the master cannot say more."""
    control = Control(server)
    server.with_config(timeout="0").start()
    pid = server.worker_pids()[0]
    server.signal(SIGSTOP, pid)
    for _ in range(10000):
        r = control.post("/log-level?level=info")
        if r.status != 200:
            break
    assert r.status == 503
    assert r.json()["message"] == "workers that could not be told: 1"
    assert "could not be asked" in control.ask("/stacks").text
    server.error_path.rename(server.dir / "old.log")
    server.signal(SIGUSR1)
    wait_for("the new log", server.error_path.exists)
    server.signal(SIGCONT, pid)

    def logged():
        server.get("/log?text=after+all")
        return "after all" in server.error_log()
    wait_for("its lines in the new log", logged)
    assert control.post("/log-level?level=info").status == 200
    assert server.worker_pids() == [pid]


def test_error_log_that_nobody_reads_stops_nothing(server):
    """A full pipe from before the start: boot, serve, reload, then read it."""
    fifo = server.dir / "fifo"
    os.mkfifo(fifo)
    fd = fill(fifo)
    try:
        server.with_config(error_logfile=fifo, log_level="debug").start()
        assert server.get("/error/before").status == 500
        old = server.worker_pids()
        server.signal(SIGHUP)
        wait_for("a new worker", lambda: server.worker_pids() and not
                 set(old) & set(server.worker_pids()))
        assert server.get("/hello").status == 200
        text = drain(fd)

        def told():
            nonlocal text
            server.signal(SIGUSR1)  # the master says something, too
            server.get("/error/before")
            text += drain(fd)
            return re.search(
                rf"\[{server.process.pid}\] \[WARNING\] log lines dropped: "
                r"[1-9]\d* \(the error log", text) and "Traceback" in text
        wait_for("the master's report", told)
    finally:
        os.close(fd)
    server.stop()
