#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Memory per connection: idle ones, and ones that hold half a head.

    bench/memory.py [GTHREADD]

Starts GTHREADD (build/gthreadd) with one worker and prints, from the worker's
RssAnon: octets per idle keep-alive connection for 8,000 of them (each has had
one answer), octets per connection for 1,000 that each hold a head of which
only the last octets are missing, and what is left when all are closed. Kernel
memory of sockets is not in it. The descriptor limit is raised as far as it
may be; client and server are processes of their own.
"""
import os
import re
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/e2e"))

IDLE, HEADS = 8000, 1000
HEAD_ROOM = 65536 - 100
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def rss(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s+(\d+)", text, re.M)[1]) * 1024


def settled_rss(pid):
    """Once it does not fall any more (the server tidies up by a tick)."""
    least, since = rss(pid), time.monotonic()
    while time.monotonic() - since < 3:
        time.sleep(0.1)
        now = rss(pid)
        if now < least - 65536:
            least, since = now, time.monotonic()
    return rss(pid)


def connect(server, n):
    return [socket.create_connection(server.address) for _ in range(n)]


def serve_all(server, socks, data):
    for s in socks:
        s.sendall(data)
        assert s.recv(65536).startswith(b"HTTP/1.1 200"), "no answer"


def maximal_head():
    """Fields of the largest size, all but the end of the head."""
    field = b"X-%02d: " + b"v" * 8100 + b"\r\n"
    data = b"GET / HTTP/1.1\r\nHost: x\r\n"
    n = 0
    while len(data) + 8109 < HEAD_ROOM:
        data += field % n
        n += 1
    return data + b"Y: " + b"y" * (HEAD_ROOM - len(data) - 3)


def send_heads(server, n):
    data = maximal_head()
    socks = connect(server, n)
    for s in socks:
        s.sendall(data)
    return socks


def close_all(server, pid, socks):
    for s in socks:
        s.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and server.board()[0]["connections"] > 0:
        time.sleep(0.05)
    return settled_rss(pid)


def show(what, before, after, n):
    print(f"{what:44}{after / 1024:10.0f} KiB"
          f"{(after - before) / n:10.0f} octets each")


def baseline(server):
    """After some requests: what Python and the server have for themselves."""
    pid = server.worker_pids()[0]
    socks = connect(server, 1)
    serve_all(server, socks * 200, REQUEST)
    socks[0].close()
    before = settled_rss(pid)
    print(f"{'before':44}{before / 1024:10.0f} KiB")
    return pid, before


def measure_idle(server):
    pid, before = baseline(server)
    socks = []
    for _ in range(IDLE):
        socks += connect(server, 1)
        serve_all(server, socks[-1:], REQUEST)
    show(f"{IDLE} served one by one, at once", before, rss(pid), IDLE)
    show(f"{IDLE} idle between requests", before, settled_rss(pid), IDLE)
    show("all of them closed", before, close_all(server, pid, socks), IDLE)


def measure_burst(server):
    """All come and ask at once, so that all requests are in flight."""
    pid, before = baseline(server)
    socks = []
    for _ in range(IDLE):
        socks += connect(server, 1)
        socks[-1].sendall(REQUEST)
    for s in socks:
        assert s.recv(65536).startswith(b"HTTP/1.1 200"), "no answer"
    show(f"{IDLE} served together, at once", before, rss(pid), IDLE)
    show(f"{IDLE} idle after that", before, settled_rss(pid), IDLE)
    show("all of them closed", before, close_all(server, pid, socks), IDLE)


def measure_heads(server):
    pid, before = baseline(server)
    socks = send_heads(server, HEADS)
    show(f"{HEADS} with half a head of {len(maximal_head())} octets", before,
         settled_rss(pid), HEADS)
    show("all of them closed", before, close_all(server, pid, socks), HEADS)


def run(measure):
    from server import Server
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory).with_config(
            threads=4, worker_connections=IDLE + 100, queue_size=IDLE,
            keep_alive=600, header_timeout=600, backlog=2048,
            access_logfile=None)
        try:
            server.start()
            measure(server)
            server.stop()
        finally:
            server.kill()


def main():
    if len(sys.argv) > 1:
        os.environ["GTHREADD"] = sys.argv[1]
    os.environ.setdefault("top_builddir", str(TOP / "build"))
    hard = raise_limit()
    assert hard > IDLE + 200, f"descriptor limit {hard} is too small"
    run(measure_idle)
    run(measure_burst)
    run(measure_heads)


if __name__ == "__main__":
    main()
