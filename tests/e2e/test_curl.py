# SPDX-License-Identifier: MIT
"""curl, with the options people use."""
import hashlib
import os
import subprocess

import pytest

from harness import scaled


def curl(*args, data=None):
    return subprocess.run(
        ["curl", "-sS", "--max-time", str(scaled(30)), *args],
        input=data, capture_output=True, check=True).stdout


def test_get_and_head(shared):
    assert curl(shared.url + "/hello") == b"Hello, world!\n"
    head = curl("-I", shared.url + "/hello").decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 14" in head


def test_form_post(shared):
    assert curl("-d", "a=1&b=2", shared.url + "/echo") == b"a=1&b=2"


@pytest.mark.parametrize("extra", [[], ["-H", "Expect: 100-continue"],
                                   ["-H", "Transfer-Encoding: chunked"],
                                   ["-0"]])
def test_upload_from_a_file(shared, tmp_path, extra):
    data = os.urandom(3 << 20)
    path = tmp_path / "data"
    path.write_bytes(data)
    out = curl("-T", str(path), *extra, shared.url + "/upload")
    assert hashlib.sha256(data).hexdigest().encode() in out


def test_upload_from_a_pipe_is_chunked(shared):
    data = b"line\n" * 50000
    out = curl("-T", "-", shared.url + "/upload", data=data)
    assert hashlib.sha256(data).hexdigest().encode() in out


def test_connection_is_used_again(shared):
    out = subprocess.run(
        ["curl", "-sv", shared.url + "/hello", shared.url + "/stream",
         shared.url + "/file?n=1000"], capture_output=True, check=True,
        timeout=scaled(30)).stderr.decode()
    assert out.count("Connected to") == 1
    assert out.count("Re-using existing ") == 2


def test_multipart(shared, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"content")
    out = curl("-F", f"file=@{path}", "-F", "a=b", shared.url + "/echo")
    assert b"content" in out and b'name="a"' in out


def test_http_10(shared):
    assert curl("-0", shared.url + "/stream?n=3") == \
        b"line 0\nline 1\nline 2\n"


def test_unix_socket(server):
    server.on_unix().start()
    assert curl("--unix-socket", server.address,
                "http://x/hello") == b"Hello, world!\n"


def test_many_in_parallel(shared):
    urls = [f"{shared.url}/echo?{i}" for i in range(50)]
    out = curl("--parallel", "--parallel-max", "20", "-d", "x", *urls)
    assert out == b"x" * 50
