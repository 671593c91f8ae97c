# SPDX-License-Identifier: MIT
"""A thread started at import that counts, whatever requests do."""
import json
import threading
import time

count = 0


def count_up():
    global count
    while True:
        count += 1
        time.sleep(0.001)


threading.Thread(target=count_up, name="counter", daemon=True).start()


def app(environ, start_response):
    if environ["PATH_INFO"] == "/spin":
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass
    body = json.dumps({"count": count}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
