# SPDX-License-Identifier: MIT
"""--reload: new code is served when a file changes, broken code is shown."""
import os

import pytest

from harness import wait_for

APP = """\
import texts
def app(environ, start_response):
    if environ["PATH_INFO"] == "/lazy":
        import later
        text = later.TEXT
    else:
        text = texts.TEXT
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""


@pytest.fixture
def dev(server):
    """A server with reload whose application the test may edit."""
    def start(engine="auto", **settings):
        (server.dir / "shop.py").write_text(APP)
        write("texts", "TEXT = 'one'\n")
        write("later", "TEXT = 'late one'\n")
        server.with_config(wsgi_app="shop:app", reload=True,
                           pythonpath=None, reload_engine=engine, **settings)
        return server.start()

    def write(name, text):
        """As an editor does: a new file in the place of the old one."""
        path = server.dir / f"{name}.py"
        (server.dir / "new.tmp").write_text(text)
        os.replace(server.dir / "new.tmp", path)

    server.edit = write
    server.begin = start
    return server


def shows(server, text, target="/", **kw):
    def same():
        try:
            return text in server.get(target, **kw).text
        except (ConnectionError, EOFError):
            return False
    wait_for(f"{text!r} to be served", same)
    # The old worker serves until the master has told it to drain.
    wait_for("one worker", lambda: len(server.worker_pids()) == 1)


@pytest.mark.parametrize("engine", ["inotify", "poll"])
def test_a_change_of_a_module_is_served(dev, engine):
    dev.begin(engine)
    shows(dev, "one")
    dev.edit("texts", "TEXT = 'two'\n")
    shows(dev, "two")
    dev.log_contains(r"reload: changed file=.*/texts\.py")
    dev.log_contains("is to be replaced: reload")
    dev.edit("shop", APP.replace("texts.TEXT", "texts.TEXT * 2"))
    shows(dev, "twotwo")
    dev.stop()


def test_every_worker_takes_the_change(dev):
    dev.begin(workers=2)
    old = dev.worker_pids()
    dev.edit("texts", "TEXT = 'two'\n")
    wait_for("two new workers", lambda: len(dev.worker_pids()) == 2
             and not set(old) & set(dev.worker_pids()))
    assert dev.get("/").body == b"two"
    dev.stop()


def test_a_module_that_is_imported_later_is_watched_too(dev):
    dev.begin()
    shows(dev, "late one", "/lazy")
    # It is on the list a second later: the file is saved until that is so.
    def saved():
        dev.edit("later", "TEXT = 'late two'\n")
        return dev.get("/lazy").body == b"late two"
    wait_for("the later module", saved)
    dev.stop()


@pytest.mark.parametrize("engine", ["inotify", "poll"])
def test_broken_code_is_shown_and_healed_by_the_next_save(dev, engine):
    dev.begin(engine)
    dev.edit("texts", "TEXT = '<two>' +\n")
    shows(dev, "SyntaxError: invalid syntax")
    r = dev.get("/")
    assert r.status == 500
    assert r.get("Content-Type") == "text/plain; charset=utf-8"
    assert f'File "{dev.dir}/texts.py", line 1' in r.text
    page = dev.get("/", headers=[("Accept", "text/html,*/*")])
    assert page.get("Content-Type") == "text/html; charset=utf-8"
    assert "<pre>" in page.text and "&lt;two&gt;" in page.text
    assert "<two>" not in page.text
    dev.edit("texts", "TEXT = 1 / 0\n")
    shows(dev, "ZeroDivisionError")
    dev.edit("texts", "TEXT = 'healed'\n")
    shows(dev, "healed")
    dev.stop()


def test_a_server_starts_with_broken_code(dev):
    (dev.dir / "shop.py").write_text("import no_such_module\n")
    dev.with_config(wsgi_app="shop:app", reload=True).start()
    shows(dev, "ModuleNotFoundError: No module named 'no_such_module'")
    (dev.dir / "no_such_module.py").write_text("")
    shows(dev, "module 'shop' has no 'app'")
    (dev.dir / "texts.py").write_text("TEXT = 'well'\n")
    dev.edit("shop", APP)
    shows(dev, "well")
    dev.stop()


def test_without_reload_broken_code_ends_the_start(dev):
    (dev.dir / "shop.py").write_text("1 / 0\n")
    r = dev.with_config(wsgi_app="shop:app", error_logfile="-").run()
    assert r.returncode == 4
    assert "ZeroDivisionError" in r.stderr


@pytest.mark.parametrize("engine", ["inotify", "poll"])
def test_extra_files_and_patterns_are_watched(dev, engine):
    (dev.dir / "sub/deep").mkdir(parents=True)
    page = dev.dir / "sub/deep/x.html"
    page.write_text("1")
    (dev.dir / "extra.cfg").write_text("1")
    dev.begin(engine, reload_extra_file="extra.cfg,sub/**/*.html")
    for path in (dev.dir / "extra.cfg", page):
        old = dev.worker_pids()

        def replaced(path=path, old=old):
            path.write_text(path.read_text() + "x")
            return dev.worker_pids() and not set(old) & set(dev.worker_pids())
        wait_for(f"a new worker after {path}", replaced)
        dev.log_contains(f"reload: changed file={path}")
    dev.stop()


def test_with_preload_it_loads_the_new_code_all_the_same(dev):
    dev.begin(preload=True)
    assert "preload has no effect with reload" in dev.output()
    dev.edit("texts", "TEXT = 'two'\n")
    shows(dev, "two")
    dev.stop()


def test_no_request_is_lost_by_a_reload(dev):
    dev.begin()
    with dev.connect() as c:
        assert c.get("/").body == b"one"
        dev.edit("texts", "TEXT = 'two'\n")
        shows(dev, "two")
        assert c.get("/").status == 200
    dev.stop()
