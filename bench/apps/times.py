# SPDX-License-Identifier: MIT
"""Applications that take time: waiting, computing, both beside each other."""
import threading
import time

BODY = b"Done\n"


def answer(start_response, body=BODY):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(body)))])
    return [body]


def sleep(environ, start_response):
    """Waits 10 ms without the GIL, as for a database."""
    time.sleep(0.01)
    return answer(start_response)


def compute(environ, start_response):
    """About 1 ms of Python."""
    n = 0
    for i in range(16000):
        n += i & 7
    return answer(start_response)


def mixed(environ, start_response):
    """/slow waits 50 ms, everything else is fast."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    return answer(start_response)


def burn(environ, start_response):
    """/slow is 50 ms of pure Python, everything else is fast."""
    if environ["PATH_INFO"] == "/slow":
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
    return answer(start_response)


class Background:
    """Threads of the application: one computes, one wakes every 1 ms."""

    def __init__(self):
        self.ticks = 0
        self.started = False
        self.lock = threading.Lock()

    def start(self):
        with self.lock:
            if self.started:
                return
            self.started = True
        for target in (self.compute, self.tick):
            threading.Thread(target=target, daemon=True).start()

    def compute(self):
        n = 0
        while True:
            n = (n + 1) & 0xffff

    def tick(self):
        while True:
            time.sleep(0.001)
            self.ticks += 1

    def __call__(self, environ, start_response):
        self.start()
        if environ["PATH_INFO"] == "/count":
            return answer(start_response, b"Done %d\n" % self.ticks)
        return answer(start_response)


background = Background()
