"""How much is read before it is refused, and what a body in JSON is found to hold before it is read.

A body that is short cannot be deep, so most are passed by their length alone; of others the brackets are counted, and
only where there are many is it told how they nest, which takes a tenth of the time of mapping them.

Limits: what is no JSON may pass, or be called deep by the brackets in it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from itertools import accumulate

from rulesengine import codes
from rulesengine.errors import PayloadError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read before it is refused.

    `body_bytes`: one JSON document, one NDJSON line or one form, unpacked; `items`: of one body; `depth`: objects and
    lists within each other in a body of JSON; `values`: what such a body holds at all, as its commas and brackets tell,
    those in texts too; `text_bytes`: one text in JSON or one field of a form, as it was sent;
    `gz_ratio`: what a gz file unpacks to for each byte of it, looked at from 16 MiB on; `form_fields`: fields of a
    form; `form_depth`: names in one of its keys, `a[b][c]` being three. Raises ValueError for what is not above 0.
    """

    body_bytes: int = 64 * 2**20
    items: int = 250_000
    depth: int = 256
    values: int = 8_000_000
    text_bytes: int = 16 * 2**20
    gz_ratio: int = 500
    form_fields: int = 10_000
    form_depth: int = 32

    def __post_init__(self) -> None:
        """Refuse here what would be found out at the first body."""
        for name, limit in asdict(self).items():
            if type(limit) is not int or limit < 1:
                raise ValueError(f"{name} must be a whole number above 0, not {limit!r}")


DEFAULT_LIMITS = Limits()

# All that tells how JSON nests, and all brackets as one kind: it does not matter here whether they match.
_ALIKE = bytes.maketrans(b"[]", b"{}")
_OTHERS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_TEXT = re.compile(rb'"[^"]*"')
_UP = ord("{")
# Innermost pairs are taken out so many times before the rest is counted one by one: of a webhook nothing is left then.
_USUAL_DEPTH = 8


def occurrences(data: bytes, byte: bytes) -> int:
    """How many there are of a byte. `count` looks at each byte; `replace` leaps from one to the next."""
    return len(data) - len(data.replace(byte, b""))


def beyond(data: bytes, limits: Limits, objects: int = 0) -> PayloadError | None:
    """E513, E516 or E517 if a body in JSON is nested too deeply, has too long a text or too much in it, else None.

    `objects` says that it is a list of so many, where that is known.
    """
    if is_deeper(data, limits.depth, objects):
        return PayloadError(
            codes.E513, f"the body is nested more than {limits.depth:,} levels deep, which is the limit"
        )
    if len(data) > limits.text_bytes and _has_longer_text(data, limits.text_bytes):
        return _long("a text in the body", limits)
    if holds_more(data, limits.values):
        return PayloadError(codes.E517, f"the body has more than {limits.values:,} values in it, which is the limit")
    return None


def holds_more(data: bytes, values: int) -> bool:
    """Whether a body in JSON holds more values than that."""
    if len(data) <= 2 * values:  # each takes two bytes at least, with the comma after it
        return False
    return sum(occurrences(data, mark) for mark in (b",", b"{", b"[")) > values


def has_beyond(lines: bytes, limits: Limits) -> bool:
    """Whether one of some lines of NDJSON is beyond these limits."""
    short = min(2 * limits.depth, limits.text_bytes, 2 * limits.values)
    return any(len(line) > short and beyond(line, limits) for line in lines.split(b"\n"))


def beyond_of_form(data: bytes, limits: Limits) -> PayloadError | None:
    """E516 if a field of a form is too long, else None."""
    if len(data) <= limits.text_bytes or max(map(len, data.split(b"&"))) <= limits.text_bytes:
        return None
    return _long("a field of the form", limits)


def _long(what: str, limits: Limits) -> PayloadError:
    return PayloadError(codes.E516, f"{what} has more than {limits.text_bytes:,} bytes, which is the limit")


def is_deeper(data: bytes, depth: int, objects: int = 0) -> bool:
    """Whether some JSON is nested more deeply than that. `objects` is as for `beyond`."""
    if len(data) <= 2 * depth:
        return False
    # Each of a list of objects closes what it opens before the next: it has one and what is over.
    others = max(0, objects - 1)
    if occurrences(data, b"{") + occurrences(data, b"[") - others <= depth:
        return False
    marks = _brackets(data)
    return b"{" * (depth + 1) in marks or _depth(marks) > depth


def _brackets(data: bytes) -> bytes:
    """The brackets of some JSON as { and }, but for those in texts."""
    marks = _without_escapes(data).translate(_ALIKE, _OTHERS).replace(b'""', b"")
    return _TEXT.sub(b"", marks).partition(b'"')[0] if b'"' in marks else marks


def _depth(marks: bytes) -> int:
    """How deeply brackets nest."""
    for level in range(_USUAL_DEPTH):
        if not marks:
            return level
        marks = marks.replace(b"{}", b"")
    return _USUAL_DEPTH + max(accumulate(1 if mark == _UP else -1 for mark in marks), default=0)


def _without_escapes(data: bytes) -> bytes:
    """The same, as long, where each quote begins or ends a text."""
    return data.replace(rb"\\", b"..").replace(rb"\"", b"..") if b"\\" in data else data


def _has_longer_text(data: bytes, limit: int) -> bool:
    data = _without_escapes(data)
    end = quotes = counted = 0
    while end + limit < len(data):  # what is between two quotes and longer than that lies around this place
        place = end + limit
        start, end = data.rfind(b'"', 0, place) + 1, data.find(b'"', place)
        end = end if end >= 0 else len(data)
        if start and end - start > limit:
            quotes, counted = quotes + data.count(b'"', counted, start), start
            if quotes % 2:
                return True
    return False
