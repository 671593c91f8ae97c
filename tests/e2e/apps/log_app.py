# SPDX-License-Identifier: MIT
"""Everything by which an application says something: logging, print, stderr."""
import logging
import logging.config
import os
import subprocess
import sys
from urllib.parse import parse_qs

import gthreadd
import gthreadd.logging
from gthreadd.logging import GthreaddHandler

print("printed at import")


def log(q):
    name, text = q.get("name", "gunicorn.error"), q.get("text", "hello")
    if "lone" in q:
        text += "\ud83d"  # half of a pair: no UTF-8 says that
    logger = logging.getLogger(name)
    if "raise" in q:
        try:
            raise ValueError("inside")
        except ValueError:
            logger.exception(text)
    else:
        logger.log(int(q.get("level", "20")), text, stack_info="stack" in q)
    return logger.level


def install(q):
    names = q["name"].split(",") if "name" in q else ()
    level = {"level": int(q["level"])} if "level" in q else {}
    handler = gthreadd.logging.install(*names, **level)
    assert isinstance(handler, GthreaddHandler)
    return "ok"


def configure(_):
    logging.config.dictConfig({
        "version": 1, "formatters": {"f": {"format": "%(name)s - %(message)s"}},
        "handlers": {"h": {"class": "gthreadd.logging.GthreaddHandler",
                           "formatter": "f"}},
        "loggers": {"shop": {"handlers": ["h"], "level": "INFO"}}})
    return "ok"


def say(q):
    text = q["text"]
    print(text + " by print")
    print(text + " to stderr", file=sys.stderr)
    subprocess.run(["echo", text, "by a program"], check=True)
    os.write(2, (text + " by write\n").encode())
    return "ok"


def bad(_):
    return repr([hasattr(gthreadd.logging, "nothing"),
                 sys.modules["gthreadd.logging"] is gthreadd.logging])


def app(environ, start_response):
    q = {k: v[0] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
    f = {"/log": log, "/install": install, "/configure": configure,
         "/say": say, "/bad": bad}[environ["PATH_INFO"]]
    body = str(f(q)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
