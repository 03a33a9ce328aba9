"""A viewer by the package httpx-sse: prints each event as a line of JSON, and comes back with the last id."""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse

last_id, retry_ms = "", 200
with httpx.Client(timeout=60) as client:
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            with connect_sse(client, "GET", sys.argv[1], headers=headers) as source:
                for event in source.iter_sse():
                    last_id, retry_ms = event.id, event.retry or retry_ms
                    # It hands out a block with only an id as well.
                    if event.data:
                        line = {"type": event.event, "id": event.id, "data": event.data}
                        print(json.dumps(line), flush=True)
        except httpx.TransportError as error:
            print(error, file=sys.stderr)
        time.sleep(retry_ms / 1000)
