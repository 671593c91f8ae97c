# SPDX-License-Identifier: MIT
"""A Django project as startproject makes it, unmodified."""
import hashlib
import os
import re

import pytest

from harness import APPS
from server import Server


@pytest.fixture(scope="module")
def django(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("django"))
    s.with_config(wsgi_app="djproj.wsgi", workers=2, threads=2,
                  chdir=APPS / "djproj")
    del s.settings["pythonpath"]
    with s.serving():
        yield s


def test_page(django, session):
    assert session.get(django.url + "/").text == "Hello from Django"


def token(text):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)[1]


def test_form_with_csrf_token(django, session):
    page = session.get(django.url + "/order/")
    r = session.post(django.url + "/order/", data={
        "csrfmiddlewaretoken": token(page.text), "name": "Zoë", "count": 3})
    assert r.url.endswith("/done/")
    assert r.text.strip() == "ordered: 3 for Zoë"


def test_form_without_token_is_refused(django, session):
    r = session.post(django.url + "/order/", data={"name": "x", "count": 1})
    assert r.status_code == 403


def test_invalid_form_is_shown_again(django, session):
    page = session.get(django.url + "/order/")
    r = session.post(django.url + "/order/", data={
        "csrfmiddlewaretoken": token(page.text), "name": "x", "count": 0})
    assert r.status_code == 200
    assert "greater than or equal to 1" in r.text


def test_sessions_count_over_both_workers(django, session):
    for n in range(1, 11):
        headers = {"Connection": "close"} if n % 2 else {}
        r = session.get(django.url + "/count/", headers=headers)
        assert r.json()["n"] == n


def test_streaming_response(django, session):
    r = session.get(django.url + "/stream/")
    assert r.text.splitlines() == [f"row {i}" for i in range(1000)]


def test_file_response_uses_the_file_wrapper(django, session):
    r = session.get(django.url + "/file/")
    want = (APPS / "djproj/shop/views.py").read_bytes()
    assert r.content == want
    assert r.headers["Content-Length"] == str(len(want))


def test_upload_to_a_temporary_file(django, session):
    data = os.urandom(5 << 20)
    r = session.post(django.url + "/upload/", files={"file": ("x", data)})
    assert r.json() == {"length": len(data),
                        "sha256": hashlib.sha256(data).hexdigest()}


def test_missing_slash_redirects(django, session):
    r = session.get(django.url + "/count", allow_redirects=False)
    assert (r.status_code, r.headers["Location"]) == (301, "/count/")


def test_error_is_djangos_500(django, session):
    assert session.get(django.url + "/error/").status_code == 500
    assert session.get(django.url + "/").status_code == 200
