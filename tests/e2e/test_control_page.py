# SPDX-License-Identifier: MIT
"""The page of the control socket: self-contained, and true in a browser."""
import base64
import hashlib
import http.server
import re
import shutil
import subprocess
import threading

import pytest

from control import ask, controlled
from harness import scaled, wait_for
from rawclient import RawClient
from server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("page"))
    c = controlled(s, workers=2, threads=3, name="shop")
    with s.serving():
        yield c


def test_page_needs_nothing_from_elsewhere(running):
    r = running.ask("/")
    assert r.status == 200
    assert r.get("Content-Type") == "text/html; charset=utf-8"
    page = r.body.decode()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "@import" not in page and "url(" not in page
    # Names of SVG are no addresses.
    addresses = set(re.findall(r"https?://[^\s\"']+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_policy_lets_only_the_pages_own_code_run(running):
    r = running.ask("/")
    page, policy = r.body.decode(), r.get("Content-Security-Policy")
    rules = dict(x.strip().split(" ", 1) for x in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy and "*" not in policy
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
        assert rules[rule] == f"'sha256-{digest.decode()}'"
    # No attribute that the policy forbids, no text taken for markup.
    body = page.split("<body>")[1].split("<script>")[0]
    assert not re.findall(r"\son\w+\s*=|\sstyle\s*=", body)
    assert "innerHTML" not in page and "document.write" not in page


class Tunnel(http.server.ThreadingHTTPServer):
    """What ssh -L would be: TCP to the control socket."""

    def __init__(self, path):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                with RawClient(path) as c:
                    r = ask(c, self.path)
                self.send_response(r.status)
                for name, value in r.headers:
                    if name.lower() not in ("connection", "date"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(r.body)

            def log_message(self, *args):
                pass
        super().__init__(("127.0.0.1", 0), Handler)


@pytest.mark.skipif(not CHROMIUM, reason="no chromium")
def test_a_browser_shows_workers_threads_and_requests(running, tmp_path):
    gate = tmp_path / "gate"
    tunnel = Tunnel(running.path)
    threading.Thread(target=tunnel.serve_forever, daemon=True).start()
    try:
        with running.server.connect() as c:
            c.send(f"GET /slow?{gate} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
            wait_for("the request to run", running.server.busy_cells)
            r = subprocess.run(
                [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
                 f"--user-data-dir={tmp_path}/chromium",
                 "--virtual-time-budget=3000", "--enable-logging=stderr",
                 "--dump-dom", f"http://127.0.0.1:{tunnel.server_port}/"],
                text=True, capture_output=True, timeout=scaled(60),
                check=False)
            gate.touch()
            assert c.response().status == 200
    finally:
        tunnel.shutdown()
        tunnel.server_close()
    assert "CONSOLE" not in r.stderr, r.stderr
    assert ">running</span>" in r.stdout and ">shop</span>" in r.stdout
    for pid in running.server.worker_pids():
        assert f"<td>{pid}</td>" in r.stdout
    assert f"GET /slow?{gate}"[:60] in r.stdout
    assert "1 of 6" in r.stdout and "2 of 2" in r.stdout
    assert r.stdout.count('class="running"') == 1
