"""Rejected items run again, by the mapping as it is now: line by line, in constant memory but for the body last read.

What becomes of an item is what a run over its body would make of it; its siblings, which may have been emitted, are not
touched. A line that cannot be run again is kept as it is, and told.

Limits: one item of a body is found by where it stands, so where `each` of the mended mapping finds another number of
items on the way to it, its line is kept. A body that lines share is looked for in the last line above that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from rulesengine.engine import Engine
from rulesengine.limits import Limits
from rulesengine.parts import Position
from rulesengine.payloads import encode, encode_line, encode_lines
from rulesengine.rejects import CannotRetry, Kept, Reject, Writer, ended, in_order, mapping_named, read_reject
from rulesengine.running import Result, run_items
from rulesengine.stream import CarefulSink
from rulesengine.tally import Tally, by_event


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a line: event lines, the lines of what still fails, counts.

    With a reason `why_kept` the line was not run, and is what is `left`.
    """

    events: bytes
    left: bytes
    tally: Tally
    why_kept: str | None = None


class Retrier:
    """Runs lines of rejects in turn. `engine_of` gives the engine for one, or raises `CannotRetry`."""

    def __init__(self, engine_of: Callable[[Reject], Engine], limits: Limits) -> None:
        self._engine_of, self._limits = engine_of, limits
        self._mapping_named = cache(mapping_named)
        self._with_body: Reject | None = None
        self._kept: tuple[object, Kept] | None = None
        self._written: str | None = None

    def retry(self, line: bytes) -> Retried:
        """What becomes of the item, or the items, of a line."""
        reject = None
        try:
            reject = read_reject(line, self._limits)
            if reject.shared:
                self._with_body = reject
            return self._run(reject, self._engine_of(reject))
        except CannotRetry as why:
            return Retried(b"", self._as_it_is(line, reject), Tally(), str(why))

    def _run(self, reject: Reject, engine: Engine) -> Retried:
        if reject.record.get("cut"):
            raise CannotRetry(f"its body was not read to its end: apply {reject.source.path} again")
        mapping = self._mapping_named(engine, reject.provider)
        request = reject.record.get("request")
        writer = Writer(engine, reject.provider, reject.source.path, request, None, mapping, reject.attempts + 1)
        result = CarefulSink()
        left = (self._run_part if reject.at else self._run_whole)(reject, writer, result)
        tally = Tally(1, result.items, result.emitted, len(result.events), by_event=by_event(result.events))
        tally.take(result, reject.provider, lambda one: reject.source._replace(item=reject.source.item + one.index))
        return Retried(encode_lines(result.events), b"".join(ended(one, reject.source.line) for one in left), tally)

    def _run_whole(self, reject: Reject, writer: Writer, result: Result) -> list[bytes]:
        """Run all of a body; lines for what was not mapped."""
        text, formats = reject.text, reject.formats
        if text is None:
            text, formats = _as_json(reject), ("json",)
        writer.engine.apply_bytes(reject.provider, text, request=writer.request, formats=formats, into=result)
        self._written = None
        return list(replace(writer, formats=formats).lines(text, result, first=reject.source.item))

    def _run_part(self, reject: Reject, writer: Writer, result: Result) -> list[bytes]:
        """Run what stands at the line's position in its body."""
        if reject.digest is None:
            return _run_alone(reject, writer, result)
        kept = self._body_of(reject, writer)
        items = kept.items
        if items is None or items.sizes(reject.at) != reject.of or not items.knows(reject.at):
            raise CannotRetry(f"`each` of the mapping no longer finds items where it did: apply {reject.source} again")
        positions = items.below(reject.at)
        for position in positions:
            items.run(position, result)
        self._written = None if reject.shared else self._written
        return [
            writer.line(name, one, reject.source.item + one.index, self._fields(kept, positions[one.index], one.item))
            for name, one in in_order(result)
        ]

    # -- bodies that lines share --------------------------------------------------------------------------------------

    def _body_of(self, reject: Reject, writer: Writer) -> Kept:
        """The body of a line, its items found once for all lines that share it."""
        above = self._with_body
        if above is None or above.digest != reject.digest:
            raise CannotRetry("its body stands in another line, which is not above it")
        key = (above.digest, writer.engine, reject.provider, writer.request)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, _kept(above, reject.provider, writer))
        return self._kept[1]

    def _fields(self, kept: Kept, position: Position, item: Any) -> Mapping[str, Any]:
        """What a line keeps of an item, with its body where the line written last does not share that."""
        fields = kept.fields(position, item)
        if kept.digest is None or kept.digest == self._written:
            return fields
        self._written = kept.digest
        return {**fields, **kept.body}

    def _as_it_is(self, line: bytes, reject: Reject | None) -> bytes:
        """A line that is kept, with its body where the line written last does not share that."""
        line = line.removesuffix(b"\r") + b"\n"
        above = self._with_body
        if reject is None or above is None or reject.digest in (None, self._written) or reject.digest != above.digest:
            return line
        self._written = reject.digest
        return line if reject.shared else encode_line({**reject.record, **above.shared})


def _as_json(reject: Reject) -> bytes:
    item = reject.record.get("item")
    if not isinstance(item, list | dict):
        raise CannotRetry("no rejected item: its 'item' is no body, and nothing says where in a body it is ('at')")
    return encode(item)


def _kept(above: Reject, provider: str, writer: Writer) -> Kept:
    """The body of a line that has one, and the items in it."""
    program = writer.engine.program(provider)
    if above.text is None:
        return Kept(program, above.record["body"], writer.request, keeps_body=True)
    bodies = list(writer.engine.bodies(provider, above.text, above.formats))
    if len(bodies) != 1:
        raise CannotRetry(f"the mapping now finds several bodies in its body: apply {above.source} again")
    return Kept(program, bodies[0][1], writer.request, above.shared)


def _run_alone(reject: Reject, writer: Writer, result: Result) -> list[bytes]:
    """Run an element of a list of items; the others are not known."""
    program = writer.engine.program(reject.provider)
    if program.steps or program.asks_root or len(reject.at) != 1:
        raise CannotRetry(f"the mapping now asks for the body around the item: apply {reject.source} again")
    item = reject.record["item"]
    run_items(program, (item,), None, writer.request, result)
    fields = {"item": item, "at": reject.at, "of": reject.of}
    return [writer.line(name, one, reject.source.item, fields) for name, one in in_order(result)]
