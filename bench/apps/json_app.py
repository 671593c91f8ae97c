# SPDX-License-Identifier: MIT
"""Reads the query, answers about 1 KiB of JSON."""
import json
from urllib.parse import parse_qs

ROWS = [{"id": i, "name": f"item {i}", "price": i * 1.5, "stock": i % 7}
        for i in range(16)]


def app(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    body = json.dumps({"query": query, "rows": ROWS}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]
