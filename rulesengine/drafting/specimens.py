"""Bodies given as samples: read from payload files, and decoded in whichever format they come.

Nobody says yet how the provider's bodies come, so JSON is tried, JSON by lines, a form, and a query string. What
cannot be read is a fault with its place, and the others are taken.

Limits: the first 100,000 bodies are taken; a body nested more than 60 levels deep is a fault, as no webhook is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from rulesengine import codes
from rulesengine.errors import PayloadError
from rulesengine.files import Block, blocks, bodies_of, is_lines, payload_files
from rulesengine.limits import DEFAULT_LIMITS
from rulesengine.payloads import decode

MOST = 100_000
_LEVELS = 60
_QUERY = re.compile(rb"\?|/|[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A sample body: where it came from, its bytes, its data, and the format it was decoded as."""

    source: str
    raw: bytes
    data: Any
    form: str


@dataclass(frozen=True, slots=True)
class Specimens:
    """What was read; `faults` are sentences with a place, `is_cut` when there are more bodies than were taken."""

    bodies: tuple[Specimen, ...]
    faults: tuple[str, ...]
    is_cut: bool


def read_specimens(paths: Sequence[str], form: str | None, stdin: BinaryIO | None = None) -> Specimens:
    """The bodies in payload files, folders of such, and `-`; `form` is the format to read them as."""
    bodies: list[Specimen] = []
    faults: list[str] = []
    for file in (file for path in paths for file in payload_files(path)):
        for block in blocks(file, is_lines(file), DEFAULT_LIMITS, stdin):
            for number, found in _of_block(file, block, form):
                if isinstance(found, PayloadError):
                    faults.append(f"{_source(file, number)}: {found}")
                elif len(bodies) == MOST:
                    return Specimens(tuple(bodies), tuple(faults), is_cut=True)
                else:
                    bodies.append(found)
    return Specimens(tuple(bodies), tuple(faults), is_cut=False)


def _of_block(file: str, block: Block, form: str | None) -> Iterator[tuple[int, Specimen | PayloadError]]:
    if block.error is not None:
        yield block.line if is_lines(file) else 0, block.error
        return
    if is_lines(file):
        for number, line in bodies_of(block, lines=True):
            yield number, _specimen(_source(file, number), line, ("ndjson",), "json")
        return
    whole = _specimen(_source(file, 0), block.data, (form or _likely(block.data),), form)
    lines = [line for line in block.data.split(b"\n") if line.strip()]
    if isinstance(whole, Specimen) or len(lines) < 2 or form not in (None, "ndjson") or not _is_json(lines[0]):
        yield 0, whole
        return
    for number, line in enumerate(lines, 1):
        yield number, _specimen(_source(file, number), line, ("ndjson",), "ndjson")


def _source(file: str, line: int) -> str:
    name = "standard input" if file == "-" else file
    return f"{name}:{line}" if line else name


def _likely(body: bytes) -> str:
    """The format that a body can only be in, if it is in any."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _QUERY.match(start):
        return "query"
    return "form" if b"=" in start and start[:1] not in (b"{", b"[", b'"') else "json"


def _is_json(line: bytes) -> bool:
    return isinstance(_specimen("", line, ("ndjson",), None), Specimen)


def _specimen(source: str, body: bytes, formats: Sequence[str], form: str | None) -> Specimen | PayloadError:
    try:
        data = decode(body, formats)
    except PayloadError as fault:
        return fault
    if _is_deep(data):
        return PayloadError(codes.E513, f"the body is nested more than {_LEVELS} levels deep")
    return Specimen(source, body, data, form or formats[0])


def _is_deep(data: Any) -> bool:
    """Whether it is nested too deeply to be looked through."""
    level = [data]
    for _ in range(_LEVELS):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def formats_of(bodies: Sequence[Specimen]) -> list[str]:
    """The formats for `payload.format`, in an order in which each is reached: a URL passes as a form, too."""
    found = {one.form for one in bodies}
    return [form for form in ("json", "query", "form", "ndjson") if form in found]
