"""Bytes to data and back, with limits: one body in JSON, urlencoded or as a query string.

`decode` turns one body into data, or raises a PayloadError that says for each format why it does not fit. A `reader`
reads JSON for who wants only parts of it, which is several times as fast, and leaves every fault to `decode`.

Limits: UTF-8 only. A repeated key in a JSON object keeps its last value. Positions in messages count bytes from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypedDict, Union

import msgspec

from rulesengine import codes
from rulesengine.diagnostics import shown
from rulesengine.errors import PayloadError
from rulesengine.limits import DEFAULT_LIMITS, Limits, beyond, beyond_of_form

_BOM = b"\xef\xbb\xbf"
_BEFORE_JSON = _BOM + b" \t\r\n"
_OTHER_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}

# As msgspec words them.
_TRUNCATED = "Input data was truncated"
_TRAILING = "trailing characters"
_MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")
_HALF_A_PAIR = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89abAB][0-9a-fA-F]{2}(?:[^\\]|\\[^u])")

_JSON = msgspec.json.Decoder()
_TO_JSON = msgspec.json.Encoder()


def decode(
    body: bytes, formats: Sequence[str], limits: Limits = DEFAULT_LIMITS, wanted: Wanted | None = None
) -> object:
    """The data of `body` in the first of `formats` (of FORMATS) that fits; `ndjson` means one line of it.

    JSON gives an object or a list, the others give an object of text, lists and objects. Where JSON holds a number out
    of range, only what is `wanted` is read, if that is given. Raises PayloadError: E501 if none fits, saying why for
    each; E502, E513 or E516 if it is beyond a limit.
    """
    if len(body) > limits.body_bytes:
        raise PayloadError(
            codes.E502, f"the body is {len(body):,} bytes long, more than the limit of {limits.body_bytes:,} bytes"
        )
    reasons = []
    for name in formats:
        try:
            return _READERS[name](body, limits, wanted)
        except PayloadError as error:
            if error.code is not codes.E501:
                raise
            reasons.append(error.message)
        except RecursionError:
            raise PayloadError(codes.E513, "the body is nested too deeply to be read") from None
    raise PayloadError(codes.E501, _why_none(body) or _why_each(formats, reasons))


def _why_none(body: bytes) -> str | None:
    """What is wrong with the body whatever its format, or None."""
    if not body.removeprefix(_BOM).strip():
        return "the body is empty"
    for mark, encoding in _OTHER_BOMS.items():
        if body.startswith(mark):
            return f"the body is encoded in {encoding}, not in UTF-8"
    if b"\x00" in body[:4]:
        return "the body has zero bytes at its start, as UTF-16 and UTF-32 have: it must be encoded in UTF-8"
    return None


def _why_each(formats: Sequence[str], reasons: Sequence[str]) -> str:
    if len(reasons) == 1:
        return reasons[0]
    each = "; ".join(f"as {name}: {reason}" for name, reason in zip(formats, reasons, strict=True))
    return f"the body fits none of its formats: {each or 'there are none'}"


@dataclass(frozen=True, slots=True)
class _Wording:
    """What is said of several documents in one body, and after that it is truncated."""

    several: str
    truncated: str


_DOCUMENT = _Wording(
    "several JSON documents in one body: this looks like NDJSON: name the file .ndjson, or ask for that format", ""
)
_LINE = _Wording("several JSON documents in one line", " (one document over several lines is --format json)")


def _read_json(wording: _Wording, body: bytes, limits: Limits, wanted: Wanted | None) -> object:
    if (fault := beyond(body, limits)) and body.lstrip(_BEFORE_JSON)[:1] in (b"{", b"["):
        raise fault
    try:
        data = _read_despite_numbers(body.removeprefix(_BOM), wanted)
    except msgspec.ValidationError as error:
        raise PayloadError(codes.E501, _why_not_number(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PayloadError(codes.E501, _why_not_json(body, str(error), wording)) from None
    if isinstance(data, (dict, list)):
        return data
    raise PayloadError(codes.E501, f"the body is the JSON {_scalar(data)}, not an object or array")


def _read_despite_numbers(body: bytes, wanted: Wanted | None) -> object:
    """All of a document, or the wanted parts of one that holds a number out of range elsewhere."""
    try:
        return _JSON.decode(body)
    except msgspec.ValidationError:
        if wanted is None or body.lstrip()[:1] not in (b"{", b"[") or not is_utf8(body):
            raise
    return reader(wanted)(body)


def _why_not_number(error: msgspec.ValidationError) -> str:
    """Without a type to decode to, msgspec finds nothing invalid but numbers."""
    _, _, path = str(error).partition(" - at ")
    return "a number in the JSON is out of range" + (f" at {path.strip('`')}" if path else "")


def _why_not_json(body: bytes, message: str, wording: _Wording) -> str:
    """The message of msgspec, or of the UTF-8 decoder it calls for each string, in the user's terms."""
    if message == _TRUNCATED:
        return _why_truncated(body, wording.truncated)
    # Sought in the whole body: a decoder's position is that in one string, and msgspec has no word for it elsewhere.
    if bad_byte := _not_utf8(body):
        return bad_byte
    found = _MALFORMED.fullmatch(message)
    if not found:
        return f"not JSON: {message}"
    reason, offset = found[1], _offset(int(found[2]), found[1], body)
    if offset >= len(body):
        return _why_truncated(body, wording.truncated)
    if reason == _TRAILING and body[offset : offset + 1] in b"{[":
        return wording.several
    return f"not JSON at byte {offset + 1:,}: {reason}"


def _why_truncated(body: bytes, hint: str) -> str:
    # msgspec calls it truncated, too, when nothing but the end of the text follows the first half of a pair.
    if _HALF_A_PAIR.search(body[-32:]):
        return r"the JSON has a \u escape near its end that is half of a surrogate pair"
    return f"the JSON is truncated: it ends in the middle, after {len(body):,} bytes{hint}"


def _offset(number: int, reason: str, body: bytes) -> int:
    """Where in `body` (from 0, its byte order mark counted) the byte is that msgspec calls `number`."""
    # From 0 as well, but from 1 for trailing characters.
    return number - (reason == _TRAILING) + (len(_BOM) if body.startswith(_BOM) else 0)


def _scalar(data: object) -> str:
    if isinstance(data, str):
        return f"string {shown(data)}"
    if isinstance(data, bool) or data is None:
        return f"value {encode(data).decode()}"
    return f"number {shown(data)}"


def _not_utf8(body: bytes) -> str | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start + 1:,}"
    return None


def _form_text(body: bytes, limits: Limits) -> str:
    if fault := beyond_of_form(body, limits):
        raise fault
    if bad_byte := _not_utf8(body):
        raise PayloadError(codes.E501, bad_byte)
    return body.decode().removeprefix("\ufeff")


def _read_form(body: bytes, limits: Limits, _: Wanted | None) -> object:
    from rulesengine.forms import parse_form  # most bodies are JSON

    return parse_form(_form_text(body, limits), limits.form_fields, limits.form_depth)


def _read_query(body: bytes, limits: Limits, _: Wanted | None) -> object:
    from rulesengine.forms import parse_query  # as above

    return parse_query(_form_text(body, limits), limits.form_fields, limits.form_depth)


_READERS: dict[str, Callable[[bytes, Limits, Wanted | None], object]] = {
    "json": partial(_read_json, _DOCUMENT),
    "ndjson": partial(_read_json, _LINE),
    "form": _read_form,
    "query": _read_query,
}
FORMATS = tuple(_READERS)


# -- parts of JSON ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a value: these fields if it is an object, this of each element if it is a list; None is all."""

    fields: tuple[tuple[str, Wanted | None], ...]
    elements: Wanted | None


@dataclass(frozen=True, slots=True)
class FieldsReader:
    """Reads objects in JSON as records of their wanted fields: `.f0`, `.f1`, ..., None where there is none.

    `one` reads an object, or a list of them, and `lines` a block of NDJSON, where each line must be an object. What is
    not wanted is skipped, so bytes that are no UTF-8 must have been looked for before. Both raise an exception of
    msgspec's, or RecursionError, for whatever is not of this shape: then `decode` is to be asked.
    """

    one: Callable[[bytes], Any]
    lines: Callable[[bytes], list[Any]]


@lru_cache(maxsize=256)
def fields_reader(wanted: Wanted) -> FieldsReader | None:
    """The reader of these fields; None where one of them has a name that msgspec cannot read a record by."""
    names = {f"f{number}": name for number, (name, _) in enumerate(wanted.fields)}
    fields = [(f"f{number}", _type(below), None) for number, (_, below) in enumerate(wanted.fields)]
    try:
        record = msgspec.defstruct("Fields", fields, rename=names, gc=False)
    except ValueError:  # a quote, a backslash or a control character
        return None
    one: Any = Union[record, list[record]]  # type: ignore[valid-type]  # noqa: UP007 made while running
    return FieldsReader(msgspec.json.Decoder(one).decode, msgspec.json.Decoder(record).decode_lines)


@lru_cache(maxsize=256)
def reader(wanted: Wanted) -> Callable[[bytes], Any]:
    """Reads an object or a list in JSON and keeps no more than what is wanted of it; raises as a FieldsReader does."""
    return msgspec.json.Decoder(Union[_types(wanted)]).decode  # noqa: UP007 made while running


def _types(wanted: Wanted) -> tuple[Any, Any]:
    """The types for msgspec of the object and of the list that a value may be."""
    keys = {name: _type(below) for name, below in wanted.fields}
    return TypedDict("Fields", keys, total=False), list[_type(wanted.elements)]  # type: ignore[misc, operator]


def _type(wanted: Wanted | None) -> Any:
    return Any if wanted is None else Union[(*_types(wanted), str, int, float, bool, None)]


def fields_record(names: tuple[str, ...]) -> Callable[..., Any]:
    """A class of records of these fields, given in this order; what is None is not written.

    Raises ValueError for a name with a quote, a backslash or a control character.
    """
    fields = [(f"f{number}", Any, None) for number in range(len(names))]
    renamed = {f"f{number}": name for number, name in enumerate(names)}
    return msgspec.defstruct("Fields", fields, rename=renamed, omit_defaults=True, gc=False)


@lru_cache(maxsize=256)
def event_record(kind: str, action: str, update: str | None) -> Callable[..., Any]:
    """A class of events of this type, given their action, identifiers and data; `kind` says which event it is."""
    fields = [("action", str), ("identifiers", Any), ("data", Any)]
    said = {"kind": "/".join(filter(None, (kind, action, update)))}
    return msgspec.defstruct("Event", fields, tag_field="type", tag=kind, namespace=said, gc=False)


def as_data(records: list[Any]) -> list[dict[str, Any]]:
    """Events as plain dicts."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(records)
    return plain


def is_utf8(body: bytes) -> bool:
    """Whether all of it is UTF-8, also what a reader of parts would skip."""
    return body.isascii() or _not_utf8(body) is None


# -- data to JSON -----------------------------------------------------------------------------------------------------


def encode(value: object) -> bytes:
    """Compact JSON of `value`; NaN and the infinities become null.

    Raises PayloadError: E501 for text or a number that JSON in UTF-8 cannot hold, E513 if it is nested too deeply.
    """
    try:
        return _TO_JSON.encode(value)
    except RecursionError:
        raise PayloadError(codes.E513, "the value is nested too deeply to be written as JSON") from None
    except (ValueError, OverflowError) as error:
        raise PayloadError(codes.E501, f"the value cannot be written as JSON: {error}") from None


def encode_lines(values: Sequence[object]) -> bytes:
    """Each value as `encode_line` gives it, in one go. Raises PayloadError as `encode` does, for all of them."""
    try:
        return _TO_JSON.encode_lines(values)
    except (ValueError, OverflowError, RecursionError):
        return b"".join(encode_line(value) for value in values)


def encode_line(value: object) -> bytes:
    """`encode` with a line break after it: one line of NDJSON."""
    return encode(value) + b"\n"
