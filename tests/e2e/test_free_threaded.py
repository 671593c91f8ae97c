# SPDX-License-Identifier: MIT
"""A Python without a GIL: nothing of the server's brings it back."""
import re

import pytest

from control import Control
from harness import FREE_THREADED, scaled, wait_for

pytestmark = pytest.mark.skipif(not FREE_THREADED,
                                reason="this Python has a GIL")
SPIN = b"GET /spin HTTP/1.1\r\nHost: t\r\n\r\n"
GIL_ON = "python has turned its GIL on"


@pytest.fixture
def free(server):
    return server.with_config(wsgi_app="free_app:app", threads=4)


def test_requests_run_without_a_gil(free):
    free.start()
    assert free.get("/gil").body == b"False"
    assert GIL_ON not in free.output()


@pytest.mark.parametrize("preload", [False, True])
def test_a_request_that_computes_does_not_hold_another(free, preload):
    """With a GIL it would: the application has it switched rarely."""
    free.with_config(preload=preload).start()
    with free.connect(timeout=60) as c:
        c.send(SPIN)
        wait_for("it to run", free.busy_cells)
        assert free.get("/meet").body == b"here"
        assert c.response().body == b"True"


def test_who_turns_the_gil_on_is_warned(free):
    free.with_env(PYTHON_GIL="1").start()
    assert free.get("/gil").body == b"True"
    free.log_contains(GIL_ON)


def test_stacks_are_read_while_threads_run(free):
    control = Control(free)
    free.start()
    with free.connect(timeout=60) as a, free.connect(timeout=60) as b:
        a.send(SPIN)
        b.send(SPIN)
        wait_for("two to run", lambda: len(free.busy_cells()) == 2)
        for _ in range(50):
            text = control.ask("/stacks").text
            assert len(re.findall(r"free_app.py\", line \d+, in spin", text)) \
                == 2, text
        assert free.get("/meet").body == b"here"
        assert a.response().body == b.response().body == b"True"


def test_worker_whose_threads_cannot_be_stopped_is_replaced(free):
    """The garbage collector waits for all threads, and all for it."""
    free.with_config(timeout=f"{scaled(2):g}").start()
    pid, = free.worker_pids()
    with free.connect(timeout=60) as a, free.connect(timeout=60) as b:
        a.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for("it to run", free.busy_cells)
        assert free.get("/gil").body == b"False"
        b.send(b"GET /collect HTTP/1.1\r\nHost: t\r\n\r\n")
        free.log_contains(rf"worker {pid} timed out", 20)
        wait_for("another worker",
                 lambda: set(free.worker_pids()) - {pid}, 20)
    assert free.get("/gil").body == b"False"
