# SPDX-License-Identifier: MIT
"""Hooks that tell of themselves, and an application that they watch.

Each hook logs one line "hook NAME pid=... ..."; a hook that is named in the
variable HOOK_FAILS (NAME=raise, =hang, =crash, =exit) does that instead.
"""
import json
import os
import signal
import sys
import time

from wsgi_app import app as plain

FAILS = dict(x.split("=") for x in os.environ.get("HOOK_FAILS", "").split())


def tell(obj, name, **facts):
    text = " ".join(f"{k}={v!r}" for k, v in facts.items())
    obj.log.info("hook %s pid=%d %s", name, os.getpid(), text)
    how = FAILS.get(name)
    if how == "raise":
        raise RuntimeError(f"{name} raises")
    if how == "hang":
        time.sleep(1000)
    if how == "crash":
        os.kill(os.getpid(), signal.SIGILL)
    if how == "exit":
        sys.exit(7)


def on_starting(server):
    tell(server, "on_starting", server=server.pid, workers=server.num_workers,
         bind=server.address)


def when_ready(server):
    tell(server, "when_ready", server=server.pid)


def on_reload(server):
    tell(server, "on_reload", server=server.pid)


def nworkers_changed(server, new, old):
    tell(server, "nworkers_changed", new=new, old=old)


def pre_fork(server, worker):
    worker.mark = f"mark-{worker.age}"
    tell(server, "pre_fork", age=worker.age, worker=worker.pid)


def post_fork(server, worker):
    tell(worker, "post_fork", server=server.pid, age=worker.age,
         worker=worker.pid, ppid=worker.ppid,
         mark=getattr(worker, "mark", None))


def post_worker_init(worker):
    tell(worker, "post_worker_init", wsgi=callable(worker.wsgi),
         threads=worker.cfg.threads, proc=worker.cfg.proc_name)


def worker_int(worker):
    tell(worker, "worker_int", alive=worker.alive)


def worker_abort(worker):
    tell(worker, "worker_abort", age=worker.age)


def worker_exit(server, worker):
    tell(worker, "worker_exit", nr=worker.nr, alive=worker.alive)


def child_exit(server, worker):
    tell(server, "child_exit", age=worker.age, worker=worker.pid,
         left=sorted(server.WORKERS))


def pre_exec(server):
    tell(server, "pre_exec", server=server.pid)


def on_exit(server):
    tell(server, "on_exit", left=sorted(server.WORKERS))


def pre_request(worker, req):
    worker.log.info("hook pre_request %s", json.dumps({
        "method": req.method, "uri": req.uri, "path": req.path,
        "query": req.query, "fragment": req.fragment, "headers": req.headers,
        "version": req.version, "scheme": req.scheme,
        "number": req.req_number, "pid": worker.pid, "nr": worker.nr}))
    if req.path == "/refused":
        raise PermissionError("no")


def post_request(worker, req, environ, resp):
    worker.log.info("hook post_request %s", json.dumps({
        "uri": req.uri, "environ": environ.get("PATH_INFO"),
        "status": resp.status, "code": resp.status_code, "sent": resp.sent,
        "headers": resp.headers}))
    if req.path == "/after":
        raise RuntimeError("post_request raises")


def post_request_2(worker, req):
    worker.log.info("hook post_request_2 %s", req.uri)


def post_request_3(worker, req, environ):
    worker.log.info("hook post_request_3 %s", environ["RAW_URI"])


def two_arguments(a, b):
    pass


not_callable = 5


def app(environ, start_response):
    if environ["PATH_INFO"] == "/after":
        start_response("418 Tea", [("X-Tea", "green")])
        return [b"tea"]
    return plain(environ, start_response)
