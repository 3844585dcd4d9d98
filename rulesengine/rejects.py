"""Items that were not mapped, each as a line of JSON with all that it takes to run it again: written, and read.

`item` is the item. One that is a part of its body also says where: `at` is its number at each step of `each`, and `of`
how many there were. Where such an item may depend on the rest of its body, that is kept too, as `body`, once: by the
first line that needs it; lines of the same `body_sha256` share it. What JSON cannot say again as it was read, above all
a body that could not be decoded, is kept as text in `body`, or in `base64` if it is not UTF-8.

Limits: of what was not read to its end there is only the beginning; such a line is `cut`, and cannot be run again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from rulesengine.bodies import sha256
from rulesengine.bundled import bundled_mapping
from rulesengine.diagnostics import escaped, listed
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError, RulesEngineError
from rulesengine.limits import Limits
from rulesengine.parts import Items, Position
from rulesengine.payloads import FORMATS, decode, encode
from rulesengine.program import Program
from rulesengine.running import Outcome, Result
from rulesengine.tally import Source

_Kind = TypeVar("_Kind")
# Levels of nesting: a line has one more than its item, and the calls around its reader take some, too.
_ROOM = 64


class CannotRetry(RulesEngineError):
    """A line that cannot be run again; the text says why."""


# -- what a line keeps ------------------------------------------------------------------------------------------------


class Kept:
    """One body, and what lines keep of it: its data, and its `text` where JSON could not say that data again.

    `items` is None where there is no data, as the body could not be decoded; it is one item then.
    """

    def __init__(
        self,
        program: Program,
        data: Any,
        request: Any,
        text: dict[str, Any] | None = None,
        *,
        keeps_body: bool = False,
    ) -> None:
        self._data, self._text = data, text
        self.items = None if isinstance(data, PayloadError) else Items(program, data, request)
        self._keeps_body = keeps_body or bool(program.steps) or program.asks_root

    @property
    def positions(self) -> Sequence[Position]:
        """Of its items."""
        return self.items.positions if self.items is not None else [()]

    def fields(self, position: Position, item: Any) -> dict[str, Any]:
        """What a line keeps of an item, but for a `body` that lines share."""
        is_text_only = self._text is not None and (isinstance(item, bytes) or not _is_shallow(item))
        fields = {} if is_text_only else {"item": item}
        if self.items is None or not position:
            return {**fields, **(self._text or {})}
        fields |= {"at": position, "of": self.items.sizes(position)}
        return {**fields, "body_sha256": self.digest} if self.digest is not None else fields

    @cached_property
    def digest(self) -> str | None:
        """Tells the body that lines share from others; None where there is none."""
        return sha256(encode(self.body)) if self._text is not None or self._keeps_body else None

    @property
    def body(self) -> dict[str, Any]:
        """What the first of the lines that share a body has besides."""
        return self._text if self._text is not None else {"body": self._data}


def _is_shallow(data: Any) -> bool:
    """Whether JSON of some data can be written, and read again in a line by who has less room for nesting."""
    for _ in range(_ROOM):
        data = [data]
    try:
        encode(data)
    except PayloadError:
        return False
    return True


def text_fields(text: bytes, formats: Sequence[str] | None) -> dict[str, Any]:
    """What a line keeps of a body as it came, and the formats it is to be read in, if the mapping is not to decide."""
    read_as = {} if formats is None else {"formats": formats}
    try:
        return {"body": text.decode(), **read_as}
    except UnicodeDecodeError:
        return {"base64": b64encode(text).decode(), **read_as}


# -- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes lines about the items of a payload file; `formats` is None where the mapping decides.

    `mapping` is what lines say of the provider's mapping: see `mapping_named`.
    Each line that it makes lacks its end, the number of the line that the item came from: see `ended`.
    """

    engine: Engine
    provider: str
    file: str
    request: Any
    formats: tuple[str, ...] | None
    mapping: Mapping[str, str]
    attempts: int = 1

    def lines(self, body: bytes, result: Result, before: int = 0, first: int = 0) -> Iterator[bytes]:
        """What was not mapped of a body, in order.

        `before` is how many items of `result` are not of this body; its own are numbered from `first` on.
        """
        slots = ((kept, position) for kept in self._kept(body) for position in kept.positions)
        number, last = before, None
        for name, one in in_order(result):
            for _ in range(one.index - number):
                next(slots)
            kept, position = next(slots)
            number = one.index + 1
            fields = kept.fields(position, one.item)
            has_body = kept is not last and "body_sha256" in fields
            yield self.line(name, one, first + one.index - before, {**fields, **kept.body} if has_body else fields)
            last = kept

    def cut_lines(self, body: bytes, result: Result, before: int = 0) -> Iterator[bytes]:
        """The same of a body that was not read to its end."""
        for name, one in in_order(result):
            yield self.line(name, one, one.index - before, {"cut": True, **text_fields(body, None)})

    def line(self, name: str, one: Outcome, number: int, fields: Mapping[str, Any]) -> bytes:
        """A line about an item that has this number in its body."""
        record = {**self._head(name, one), **fields, "source": {"file": escaped(self.file), "item": number, "line": 0}}
        try:
            text = encode(record)
        except PayloadError:  # an item that `each` made, nested more deeply than its body
            text = encode({key: value for key, value in record.items() if key != "item"})
        return text.removesuffix(b"0}}")

    def _kept(self, body: bytes) -> Iterator[Kept]:
        program = self.engine.program(self.provider)
        for text, data in self.engine.bodies(self.provider, body, self.formats):
            formats = self.formats if text == body else ("ndjson",)
            as_text = None if self._says_all(text, data) else text_fields(text, formats)
            yield Kept(program, data, self.request, as_text)

    def _says_all(self, text: bytes, data: Any) -> bool:
        """Whether JSON can be written of the data and says all of the body: only parts of it may have been read."""
        if isinstance(data, PayloadError) or not _is_shallow(data):
            return False
        try:
            decode(text, self.formats or self.engine.formats(self.provider), self.engine.limits)
        except PayloadError:
            return False
        return True

    def _head(self, name: str, one: Outcome) -> dict[str, Any]:
        head = {
            "outcome": name,
            "code": one.code,
            "message": one.message,
            "rule": one.rule,
            "place": escaped(str(one.place)) if one.place else None,
            "provider": self.provider,
            "mapping": self.mapping,
            "attempts": self.attempts,
        }
        return head if self.request is None else {**head, "request": self.request}


def mapping_named(engine: Engine, provider: str) -> dict[str, str]:
    """Which mapping a line is from: its file, or its name if it is `bundled`, and the SHA-256 of its text."""
    file, digest = engine.mapping_id(provider)
    if str(bundled_mapping(provider)) == file:
        return {"bundled": provider, "sha256": digest}
    return {"file": escaped(file), "sha256": digest}


def in_order(result: Result) -> list[tuple[str, Outcome]]:
    """The items that were unmatched or rejected, each with that word, as they came."""
    found = [("unmatched", one) for one in result.unmatched] + [("rejected", one) for one in result.rejected]
    return sorted(found, key=lambda one: one[1].index)


def ended(line: bytes, number: int | None) -> bytes:
    """A line with its end: the number of the line that its item came from, or None for a file that is one body."""
    return b"%b%b}}\n" % (line, b"null" if number is None else b"%d" % number)


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reject:
    """A line, read again.

    `mapping` is a file, or the name of a mapping that comes with the package if it `is_bundled`. `text` is the body as
    it came, where that was kept; `shared` is what of `record` further lines of this body do not have.
    """

    record: dict[str, Any]
    provider: str
    mapping: str
    is_bundled: bool
    source: Source
    attempts: int
    at: Position
    of: list[int | None]
    text: bytes | None
    formats: tuple[str, ...] | None

    @property
    def digest(self) -> str | None:
        """Tells the body that the line shares with others; None where it shares none."""
        found: str | None = self.record.get("body_sha256")
        return found

    @property
    def shared(self) -> dict[str, Any]:
        """What of the line further lines about the same body do not have."""
        if self.digest is None or not self.record.keys() & {"body", "base64"}:
            return {}
        return {key: self.record[key] for key in ("body", "base64", "formats") if key in self.record}


def read_reject(line: bytes, limits: Limits) -> Reject:
    """What a line says. Raises `CannotRetry` for one that `Writer` cannot have written."""
    try:
        record = decode(line, ("ndjson",), limits)
    except PayloadError as fault:
        raise CannotRetry(f"no rejected item: {fault}") from None
    if not isinstance(record, dict):
        raise CannotRetry("no rejected item: it is a list")
    source, mapping = _held(record, "source", dict), _held(record, "mapping", dict)
    is_bundled = "bundled" in mapping
    if not record.keys() & ({"item", "body_sha256"} if record.get("at") else {"item", "body", "base64"}):
        raise CannotRetry("no rejected item: it has neither 'item' nor 'body'")
    at, of = _numbers(record, "at"), _numbers(record, "of")
    if len(at) != len(of):
        raise CannotRetry("no rejected item: its 'of' does not go with 'at'")
    return Reject(
        record,
        _held(record, "provider", str),
        _held(mapping, "bundled" if is_bundled else "file", str),
        is_bundled,
        Source(_held(source, "file", str), _line_of(source), _held(source, "item", int)),
        _held({"attempts": 1, **record}, "attempts", int),
        tuple(at),
        of,
        _text_of(record),
        _formats(record),
    )


def _held(record: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    value = record.get(key)
    if not isinstance(value, kind):
        raise CannotRetry(f"no rejected item: it has no {key!r}, or one of another type")
    return value


def _line_of(source: Mapping[str, Any]) -> int | None:
    return None if source.get("line") is None else _held(source, "line", int)


def _numbers(record: Mapping[str, Any], key: str) -> list[Any]:
    found = _held({key: [], **record}, key, list)
    if not all(type(one) is int or (one is None and key == "of") for one in found):
        raise CannotRetry(f"no rejected item: its {key!r} is no list of numbers")
    return found


def _formats(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    found = tuple(_held({"formats": [], **record}, "formats", list))
    if not set(map(str, found)) <= set(FORMATS):
        raise CannotRetry(f"no rejected item: its 'formats' are not of {listed(FORMATS)}")
    return found or None


def _text_of(record: Mapping[str, Any]) -> bytes | None:
    if "base64" in record:
        try:
            return b64decode(_held(record, "base64", str), validate=True)
        except ValueError:
            raise CannotRetry("no rejected item: its 'base64' is none") from None
    body = record.get("body")
    return body.encode() if isinstance(body, str) else None
