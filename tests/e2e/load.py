# SPDX-License-Identifier: MIT
"""Constant load by clients that do not forgive.

A keep-alive client sends its next request on the connection it has, within
the quiet window of a draining worker, and never sends one twice. A one-shot
client connects anew for each request. Whatever is not a complete 200 counts
as a failure.
"""
import random
import threading
import time

from harness import scaled
from rawclient import RawClient


class Load:
    def __init__(self, address, target="/", keep_alive=16, one_shot=16,
                 pause=0.02):
        self.address = address
        self.target = target
        self.pause = pause
        self.failures = []
        self.answers = []  # (time, body) of all that were good
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(one,))
                        for one in [self.keep_alive] * keep_alive
                        + [self.one_shot] * one_shot]

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.wait_for(len(self.threads) * 2)
        return self

    def __exit__(self, *args):
        self.stopping.set()
        for t in self.threads:
            t.join()

    def run(self, client):
        while not self.stopping.is_set():
            try:
                client()
            except (OSError, EOFError, ValueError, AssertionError) as e:
                self.failures.append(f"{client.__name__}: {e!r}")
                time.sleep(0.05)

    def ask(self, c):
        r = c.get(self.target)
        if r.status != 200:
            raise ValueError(f"status {r.status}")
        self.answers.append((time.monotonic(), r.body))
        return (r.get("Connection") or "").lower() != "close"

    def rest(self):
        self.stopping.wait(random.uniform(0, 2 * self.pause))

    def keep_alive(self):
        with RawClient(self.address) as c:
            while self.ask(c) and not self.stopping.is_set():
                self.rest()

    def one_shot(self):
        with RawClient(self.address) as c:
            self.ask(c)
        self.rest()

    def wait_for(self, n):
        """n answers more."""
        want = len(self.answers) + n
        end = time.monotonic() + scaled(20)
        while len(self.answers) < want and time.monotonic() < end:
            time.sleep(0.01)
        assert len(self.answers) >= want, self.failures[:5]

    def check(self):
        assert not self.failures, (len(self.failures), self.failures[:5])
        assert len(self.answers) > len(self.threads)
