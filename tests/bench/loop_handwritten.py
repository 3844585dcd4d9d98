"""The same loop with the work in it: what one would run instead of `rules apply`, without its accounts."""

import sys

import orjson

from tests.bench.handwritten import CannotMap, sendgrid

failed = 0
with open(sys.argv[1], "rb") as lines, open(sys.argv[2], "wb", buffering=2**20) as out:
    for line in lines:
        try:
            event = sendgrid(orjson.loads(line))
        except (CannotMap, KeyError, TypeError, ValueError, AttributeError):
            failed += 1
            continue
        if event is not None:
            out.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
sys.exit(f"{failed} lines failed" if failed else 0)
