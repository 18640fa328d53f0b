#!/usr/bin/env python3
"""Deletes a document and shows that it is gone from the next answer on.

The question names the delete's `seq` as `min_seq`, so it cannot be answered from before it. Nothing
is left then: `no_results`, a 404 with a typed error, and no model is asked. Standard library only.
"""

import json
import os
import sys
import urllib.error
import urllib.request

FRESHET = os.environ.get("FRESHET", "http://127.0.0.1:8787")
TENANT = os.environ.get("TENANT", "demo")
ID = "example-08-sale"


def call(method, path, value=None):
    headers = {"x-tenant": TENANT}
    body = None
    if value is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(value).encode()
    request = urllib.request.Request(FRESHET + path, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def search(min_seq):
    question = {
        "query": "Where is the sale?",
        "mode": "search",
        "filter": {"id": ID},
        "min_seq": min_seq,
    }
    return call("POST", "/answer", question)


_, published = call("POST", "/v1/documents", {"id": ID, "text": "The sale is in hall two."})
before_status, before = search(published["seq"])
print(f"before: {before_status}, sources: {[source['id'] for source in before.get('sources', [])]}")

_, deleted = call("DELETE", f"/v1/documents/{ID}")
after_status, after = search(deleted["seq"])
print(f"after: {after_status}, {after.get('code')}: {after.get('detail')}")

if before_status != 200 or (after_status, after.get("code")) != (404, "no_results"):
    sys.exit("not what was expected")
