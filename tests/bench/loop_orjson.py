"""A plain good loop over NDJSON, as a script: each line decoded and written again, and nothing done in between."""

import sys

import orjson

with open(sys.argv[1], "rb") as lines, open(sys.argv[2], "wb", buffering=2**20) as out:
    for line in lines:
        out.write(orjson.dumps(orjson.loads(line), option=orjson.OPT_APPEND_NEWLINE))
