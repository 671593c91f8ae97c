# SPDX-License-Identifier: MIT
"""PasteDeploy: --paste FILE#NAME."""
import pytest

pytest.importorskip("paste.deploy")

APP = """\
import logging

def make(conf, **local):
    text = "%s %s %s" % (conf.get("shop", "none"), local["color"],
                         conf["here"])
    def app(environ, start_response):
        logging.getLogger("shop").warning("asked")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode()]
    return app
"""
FILE = """\
[app:main]
paste.app_factory = pasted:make
color = red
[app:other]
paste.app_factory = pasted:make
color = blue
"""
LOGGING = """\
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = file
[handler_file]
class = FileHandler
args = ("%(here)s/shop.log",)
formatter = plain
[formatter_plain]
format = %(levelname)s of %(name)s: %(message)s
"""


@pytest.fixture
def paste(server):
    (server.dir / "pasted.py").write_text(APP)
    (server.dir / "shop.ini").write_text(FILE)
    server.with_config(wsgi_app=None, pythonpath=None)
    return server


def test_an_application_of_paste_is_served(paste):
    paste.with_config(paste="shop.ini").start()
    assert paste.get("/").body == f"none red {paste.dir}".encode()
    paste.stop()


def test_name_and_variables_choose(paste):
    paste.on_port().with_config(workers=1)
    host, port = paste.address
    paste.start("--paste", "shop.ini#other", "--paste-global", "shop=a,b=c",
                "-b", f"{host}:{port}", "--log-file", str(paste.error_path))
    assert paste.get("/").body == f"a,b=c blue {paste.dir}".encode()
    paste.stop()


def test_loggers_of_the_file_are_configured(paste):
    with open(paste.dir / "shop.ini", "a", encoding="utf-8") as f:
        f.write(LOGGING)
    paste.with_config(paste="shop.ini").start()
    assert paste.get("/").status == 200
    assert (paste.dir / "shop.log").read_text() \
        == "WARNING of shop: asked\n"
    paste.stop()


@pytest.mark.parametrize("uri,said", [
    ("nofile.ini", "FileNotFoundError"), ("shop.ini#missing", "LookupError")])
def test_what_cannot_be_loaded_is_told(paste, uri, said):
    r = paste.with_config(paste=uri, error_logfile="-").run()
    assert r.returncode == 4
    assert f"{uri}' cannot be loaded" in r.stderr
    assert said in r.stderr


def test_check_config_loads_it(paste):
    assert paste.run("--check-config", "--paste", "shop.ini").returncode == 0
    r = paste.run("--check-config", "--paste", "shop.ini#x")
    assert r.returncode == 1 and "LookupError" in r.stderr


def test_paste_takes_the_place_of_an_application(paste):
    r = paste.run("--check-config", "--paste", "shop.ini", "no_such:app")
    assert r.returncode == 0
    assert "paste takes the place of wsgi-app" in r.stderr
