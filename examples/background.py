# SPDX-License-Identifier: MIT
"""A thread in the background that works between and during requests.

It is started when a worker imports the application, so each worker has its
own. It ends with the worker: atexit runs when the last request is done.
"""
import atexit
import threading


class Clock:
    def __init__(self, seconds):
        self.ticks = 0
        self.seconds = seconds
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, name="clock",
                                       daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.wait(self.seconds):
            self.ticks += 1

    def end(self):
        self.stop.set()
        self.thread.join()
        print(f"clock: ended after {self.ticks} ticks", flush=True)


clock = Clock(0.1)
atexit.register(clock.end)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d ticks\n" % clock.ticks]
