#!/usr/bin/env python3
"""Publishes and asks over NATS with nats-py: a streamed answer, and one that is cancelled.

A streamed reply is a message for each piece, numbered by the header Freshet-Seq; the last one has
Freshet-Event done, or the headers Nats-Service-Error and Nats-Service-Error-Code.
"""

import asyncio
import json
import os
import sys
import uuid

import nats

NATS_URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
TENANT = os.environ.get("TENANT", "demo")


class Refused(Exception):
    pass


async def stream(connection, question, request_id):
    """The pieces of an answer as (event, value). Raises Refused, and TimeoutError after a silence."""
    inbox = connection.new_inbox()
    replies = await connection.subscribe(inbox)
    headers = {"Freshet-Request-Id": request_id}
    body = json.dumps({**question, "stream": True}).encode()
    await connection.publish(f"query.{TENANT}", body, reply=inbox, headers=headers)
    expected = 0
    try:
        while True:
            message = await replies.next_msg(timeout=60)
            head = message.headers or {}
            if head.get("Status") == "503":
                raise Refused("no engine answers on this NATS")
            value = json.loads(message.data)
            if "Nats-Service-Error-Code" in head:
                raise Refused(f"{head['Nats-Service-Error-Code']} {value['error']['code']}")
            expected += 1
            if head["Freshet-Seq"] != str(expected):
                raise Refused("a piece was lost")
            yield head["Freshet-Event"], value
            if head["Freshet-Event"] == "done":
                return
    finally:
        await replies.unsubscribe()


async def main():
    connection = await nats.connect(NATS_URL)
    document = {"id": "example-12-dam", "text": "The dam above Hollow Creek holds 12 metres."}
    reply = await connection.request(f"api.{TENANT}.publish", json.dumps(document).encode(), timeout=30)
    seq = json.loads(reply.data)["seq"]

    question = {"query": "How many metres does the dam hold?", "min_seq": seq, "wait_ms": 30000}
    events = []
    async for event, value in stream(connection, question, str(uuid.uuid4())):
        events.append(event)
        print(event, value.get("text") or value.get("answer") or len(value["sources"]))
    ok = events[0] == "retrieval" and events[-1] == "done"

    # A question that waits for what was never published, and is cancelled meanwhile.
    request_id = str(uuid.uuid4())
    never = {"query": "dam", "min_seq": seq + 1000, "wait_ms": 30000}

    async def cancel():
        await asyncio.sleep(0.5)
        await connection.publish(f"api.{TENANT}.cancel", request_id.encode())

    cancelling = asyncio.create_task(cancel())
    refused = ""
    try:
        async for event, _ in stream(connection, never, request_id):
            print(event)
    except Refused as error:
        refused = str(error)
    await cancelling
    print(refused)

    status = await connection.request(f"api.{TENANT}.status", b"", timeout=10)
    print(json.loads(status.data)["tenants"])
    await connection.close()
    if not ok or refused != "499 cancelled":
        sys.exit("not what was expected")


asyncio.run(main())
