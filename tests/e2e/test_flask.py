# SPDX-License-Identifier: MIT
"""A Flask application, unmodified."""
import hashlib
import os

import pytest

from server import Server


@pytest.fixture(scope="module")
def flask(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("flask"))
    s.with_config(wsgi_app="flask_app:app", workers=2, threads=2)
    with s.serving():
        yield s


def test_page(flask, session):
    assert session.get(flask.url + "/").text == "Hello from Flask"


def test_session_cookie_counts_over_both_workers(flask, session):
    for n in range(1, 11):
        headers = {"Connection": "close"} if n % 2 else {}
        r = session.get(flask.url + "/count", headers=headers)
        assert r.json()["n"] == n


def test_form_redirects_and_flashes(flask, session):
    r = session.post(flask.url + "/form", data={"name": "Zoë & co"})
    assert r.url.endswith("/thanks")
    assert r.text == "thank you, Zoë &amp; co" \
        or r.text == "thank you, Zoë & co"


def test_multipart_upload(flask, session):
    data = os.urandom(3 << 20)
    r = session.post(flask.url + "/upload",
                     files={"file": ("name.bin", data)})
    assert r.json() == {"name": "name.bin", "length": len(data),
                        "sha256": hashlib.sha256(data).hexdigest()}


def test_json_round_trip(flask, session):
    value = {"a": [1, 2.5, None, "ü"]}
    r = session.post(flask.url + "/json", json=value)
    assert r.json() == {"got": value}


def test_streamed_response(flask, session):
    r = session.get(flask.url + "/stream")
    assert r.headers["Transfer-Encoding"] == "chunked"
    assert r.text.splitlines() == [f"row {i}" for i in range(1000)]


def test_absolute_urls_use_the_host_field(flask, session):
    r = session.get(flask.url + "/url", headers={"Host": "shop.example:81"})
    assert r.text == "http://shop.example:81/"


def test_error_is_a_500_and_logged_by_flask(flask, session):
    assert session.get(flask.url + "/error").status_code == 500
    # Flask's logger writes to wsgi.errors.
    flask.log_contains("RuntimeError: flask failed")


def test_not_found_and_bad_method(flask, session):
    assert session.get(flask.url + "/none").status_code == 404
    assert session.post(flask.url + "/count").status_code == 405
    assert session.options(flask.url + "/").headers["Allow"]
    assert session.head(flask.url + "/").text == ""
