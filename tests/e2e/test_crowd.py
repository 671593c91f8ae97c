# SPDX-License-Identifier: MIT
"""Several threads of the application use one request at the same time."""
import pytest

from harness import together

REQUESTS = 40


def octets(response):
    """How many the answering thread has sent; the crowd sends w's."""
    assert response.status == 200
    assert set(response.body) <= set(b"mw")
    return response.body.count(b"m")


@pytest.mark.parametrize("kind,sent", [
    ("list", 5000), ("large", 200000), ("stream", 5000)])
def test_threads_of_the_app_share_a_request(server, kind, sent):
    """Each response is whole, whatever they call meanwhile and after it."""
    server.with_config(wsgi_app="crowd_app:app", threads=4).start()

    def client(_):
        with server.connect(timeout=60) as c:
            for _ in range(REQUESTS):
                r = c.request("POST", f"/?threads=3&kind={kind}", b"body\n" * 9)
                assert octets(r) == sent
    together(2, client)
    done, refused = map(int, server.get("/counts").body.split())
    assert done > REQUESTS and refused > REQUESTS


def test_write_behind_the_end_is_refused(server):
    server.with_config(wsgi_app="crowd_app:app").start()
    with server.connect() as c:
        for _ in range(3):
            assert octets(c.get("/late")) == 20
        assert c.get("/counts").body == b"0 3"
