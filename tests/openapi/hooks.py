"""What schemathesis has to be told of chorus."""

import itertools
import json
import re
import zlib

import schemathesis

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KEY = re.compile(r'(?P<quote>")?(?P<bare>[!#-~][!-~]{0,127}?)(?(quote)")')
NUMBERS = itertools.count()
VIDEO = re.compile(r"[A-Za-z0-9_-]{1,64}")


@schemathesis.deserializer("application/x-ndjson")
def ndjson(context, response):
    """The description has lines as text; here each must be JSON."""
    text = response.content.decode()
    for line in text.splitlines():
        json.loads(line)
    return text


@schemathesis.hook
def before_call(context, case, **kwargs):
    """No key comes twice: a sequence that is tried again would get what it deleted the last time."""
    key = (case.headers or {}).get("Idempotency-Key")
    good = isinstance(key, str) and KEY.fullmatch(key)
    if good:
        quote = good["quote"] or ""
        case.headers["Idempotency-Key"] = f"{quote}{good['bare'][:100]}-{next(NUMBERS)}{quote}"


@schemathesis.hook
def map_body(context, body):
    """Every other comment answers none: one that is drawn by chance is not there."""
    answered = body.get("reply_to") if isinstance(body, dict) else None
    if isinstance(answered, str) and ID.fullmatch(answered) and zlib.crc32(answered.encode()) % 2:
        del body["reply_to"]
    return body


@schemathesis.hook
def map_query(context, query):
    """Every other page that is asked for by two bounds, which exclude each other, keeps one."""
    bounds = [(query or {}).get(name) for name in ("before", "after")]
    if all(isinstance(bound, str) and ID.fullmatch(bound) for bound in bounds):
        if zlib.crc32(bounds[0].encode()) % 2:
            del query["after"]
    return query


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every other video is one of three: what one request leaves there, others come upon."""
    video = (path_parameters or {}).get("video")
    if isinstance(video, str) and VIDEO.fullmatch(video):
        chance = zlib.crc32(video.encode())
        if chance % 2:
            path_parameters["video"] = f"room-{chance % 3}"
    return path_parameters
