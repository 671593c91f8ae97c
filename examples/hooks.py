# SPDX-License-Identifier: MIT
"""Functions that the server calls: hooks.ini names them in [hooks]."""
import time


def post_fork(server, worker):
    worker.log.info("hook: worker %s begins", worker.pid)


def pre_request(worker, req):
    req.began = time.monotonic()


def post_request(worker, req, environ, resp):
    ms = (time.monotonic() - req.began) * 1000
    worker.log.info("hook: %s %s %s took %d ms", req.method, req.path,
                    resp.status_code, ms)


def worker_exit(server, worker):
    worker.log.info("hook: worker %s ends after %s requests", worker.pid,
                    worker.nr)
