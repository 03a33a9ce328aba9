"""Checks blocks of real streams against the schema that the API's description gives of them.

events.py DOCUMENT < BLOCKS: a block a line, as JSON: {"event", "data", "id"?}. Prints the names of the
events that were right; ends with 1 at the first that is not as described.
"""

import json
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

SCHEMAS = "#/components/schemas/"


def validate(document, schema, value):
    Draft202012Validator({**document, **schema}).validate(value)


def is_of(kind, name):
    return Draft202012Validator(kind["properties"]["event"]).is_valid(name)


def check(document, block):
    validate(document, {"$ref": SCHEMAS + "StreamEvent"}, block)
    # `contentSchema` says what a string is once it is decoded, and by the rules asserts nothing.
    kinds = document["components"]["schemas"]["StreamEvent"]["oneOf"]
    kind = next(kind for kind in kinds if is_of(kind, block["event"]))
    validate(document, kind["properties"]["data"]["contentSchema"], json.loads(block["data"]))
    if "id" in block and "id" not in kind["properties"]:
        raise ValidationError(f"{block['event']} is described without id")


def main():
    with open(sys.argv[1]) as file:
        document = json.load(file)
    names = set()
    for line in sys.stdin:
        block = json.loads(line)
        try:
            check(document, block)
        except ValidationError as error:
            sys.exit(f"{line}: {error.message}")
        names.add(block["event"])
    print(" ".join(sorted(names)))


main()
