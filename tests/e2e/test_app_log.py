# SPDX-License-Identifier: MIT
"""What an application says reaches the error log: logging, capture-output."""
import re
from signal import SIGHUP, SIGUSR1
from urllib.parse import urlencode

import pytest
from harness import wait_for

LINE = r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[%d\] \[%s\] %s$"


@pytest.fixture
def app(server):
    return server.with_config(wsgi_app="log_app:app")


def ask(server, path, **q):
    r = server.get(path + "?" + urlencode(q))
    assert r.status == 200
    return r.text


def line(server, level, text):
    pattern = LINE % (server.worker_pids()[0], level, text)
    server.log_contains(pattern)


def test_loggers_reach_the_error_log_after_install(app):
    app.start()
    ask(app, "/log", text="too early")
    ask(app, "/install")
    for level, name in ((20, "INFO"), (30, "WARNING"), (40, "ERROR"),
                        (50, "CRITICAL"), (35, "WARNING"), (60, "CRITICAL")):
        ask(app, "/log", text=f"level {level}", level=level)
        line(app, name, f"level {level}")
    ask(app, "/log", name="gthreadd.error", text="the other name")
    line(app, "INFO", "the other name")
    ask(app, "/log", text="too fine", level=10)
    ask(app, "/log", text="the end")
    line(app, "INFO", "the end")
    assert "too early" not in app.error_log()
    assert "too fine" not in app.error_log()


def test_install_takes_names_and_a_level(app):
    app.start()
    ask(app, "/install", name="shop,", level=10)
    ask(app, "/install", name="shop")  # twice is once; log-level holds
    assert ask(app, "/log", name="shop", text="one") == "20"
    ask(app, "/log", name="anything.else", text="by the root", level=10)
    line(app, "INFO", "one")
    line(app, "DEBUG", "by the root")
    assert app.error_log().count("] one\n") == 1


def test_log_level_of_the_server_is_the_default(app):
    app.with_config(log_level="error").start()
    ask(app, "/install")
    assert ask(app, "/log", text="hidden", level=30) == "40"
    ask(app, "/log", text="seen", level=40)
    line(app, "ERROR", "seen")
    assert "hidden" not in app.error_log()


def test_a_traceback_follows_its_line(app):
    app.start()
    ask(app, "/install")
    ask(app, "/log", text="it failed", **{"raise": 1})
    app.log_contains(r"\[ERROR\] it failed\nTraceback \(most recent call last"
                     r"\):\n(  .*\n)+ValueError: inside\n")
    ask(app, "/log", text="where", stack=1)
    app.log_contains(r"\[INFO\] where\nStack \(most recent call last\):\n  ")


def test_a_record_cannot_forge_a_line(app):
    app.start()
    ask(app, "/install")
    ask(app, "/log", text="a\n[2026-01-01 00:00:00 +0000] [1] [ERROR] b\0\x1b")
    app.log_contains(r"\[INFO\] a\\x0a\[2026-01-01 .*\[ERROR\] "
                     r"b\\x00\\x1b$")
    ask(app, "/log", text="\u00e9\u20ac ", lone=1)
    app.log_contains("é€ ")


def test_the_handler_stands_in_a_logging_configuration(app):
    app.start()
    ask(app, "/configure")
    ask(app, "/log", name="shop.cart", text="sold")
    line(app, "INFO", "shop.cart - sold")
    assert ask(app, "/bad") == "[False, True]"


def test_capture_output_takes_all_that_is_printed(app):
    app.with_config(capture_output=True).start()
    app.log_contains("^printed at import$")
    ask(app, "/say", text="said")
    for how in ("by print", "to stderr", "by a program", "by write"):
        app.log_contains(f"^said {how}$")
    app.stop()
    for path in (app.stdout_path, app.stderr_path):
        assert "said" not in app.read(path)


def test_captured_output_follows_the_log_file(app):
    """A renamed file gets nothing after USR1 and after HUP."""
    app.with_config(capture_output=True).start()
    for n, number in enumerate((SIGUSR1, SIGHUP)):
        old = app.dir / f"error.log.{n}"
        app.error_path.rename(old)
        app.signal(number)

        def reopened(n=n):
            ask(app, "/say", text=f"probe{n}")
            return f"probe{n} by print" in app.error_log()
        wait_for("the output to follow", reopened)
        ask(app, "/say", text=f"after{n}")
        app.log_contains(f"^after{n} by a program$")
        assert f"after{n}" not in app.read(old)


def test_without_capture_output_stdout_is_stdout(app):
    app.start()
    ask(app, "/say", text="said")
    app.stop()
    assert "said by print" in app.read(app.stdout_path)
    assert "said by write" in app.read(app.stderr_path)
    assert "said" not in app.error_log()


def test_captured_output_of_a_log_on_stderr(app):
    app.with_config(capture_output=True, error_logfile="-").start()
    ask(app, "/say", text="said")
    app.stop()
    text = app.read(app.stderr_path)
    assert re.search("^said by print$", text, re.M)
    assert re.search("^said by write$", text, re.M)
    assert "said" not in app.read(app.stdout_path)
