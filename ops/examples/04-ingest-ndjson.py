#!/usr/bin/env python3
"""Publishes many documents in one request (NDJSON) and waits until the last one can be found.

Each line has a result of its own: a bad line does not stop the others. Standard library only.
"""

import json
import os
import sys
import time
import urllib.request

FRESHET = os.environ.get("FRESHET", "http://127.0.0.1:8787")
TENANT = os.environ.get("TENANT", "demo")


def call(path, body=None, content_type="application/json"):
    headers = {"x-tenant": TENANT}
    if body is not None:
        headers["content-type"] = content_type
    request = urllib.request.Request(FRESHET + path, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


documents = [
    {"id": f"example-04-room-{number}", "text": f"Room {number} has {number % 7 + 2} seats."}
    for number in range(1, 21)
]
lines = [json.dumps(document) for document in documents]
lines.insert(3, "this is not JSON")
results = call("/v1/documents", "\n".join(lines).encode(), "application/x-ndjson")["results"]

stored = [result for result in results if "seq" in result]
refused = [result for result in results if "error" in result]
print(f"{len(stored)} stored, {len(refused)} refused")
for result in refused:
    print(f"line {result['line']}: {result['error']['code']}: {result['error']['message']}")

last = stored[-1]
deadline = time.monotonic() + 60
while call(f"/v1/documents/{last['id']}")["status"] != "visible":
    if time.monotonic() > deadline:
        sys.exit(f"{last['id']} is not visible after a minute")
    time.sleep(0.1)
print(f"{last['id']} is visible")

if len(stored) != 20 or [result["line"] for result in refused] != [4]:
    sys.exit("not what was expected")
