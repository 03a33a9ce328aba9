"""What schemathesis has to be told of chorus."""

import json
import re
import zlib

import schemathesis

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
VIDEO = re.compile(r"[A-Za-z0-9_-]{1,64}")


@schemathesis.deserializer("application/x-ndjson")
def ndjson(context, response):
    """The description has lines as text; here each must be JSON."""
    text = response.content.decode()
    for line in text.splitlines():
        json.loads(line)
    return text


@schemathesis.hook
def map_body(context, body):
    """Every other comment answers none: one that is drawn by chance is not there."""
    answered = body.get("reply_to") if isinstance(body, dict) else None
    if isinstance(answered, str) and ID.fullmatch(answered) and zlib.crc32(answered.encode()) % 2:
        del body["reply_to"]
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every other video is one of three: what one request leaves there, others come upon."""
    video = (path_parameters or {}).get("video")
    if isinstance(video, str) and VIDEO.fullmatch(video):
        chance = zlib.crc32(video.encode())
        if chance % 2:
            path_parameters["video"] = f"room-{chance % 3}"
    return path_parameters
