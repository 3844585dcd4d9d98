"""Urlencoded text to nested data, as PHP nests it, but with nothing lost: `data[merges][EMAIL]=x`, `a[]=1&a[]=2`.

Strict enough that JSON, XML or prose does not pass as a form: every field needs a `=`, and a key may hold neither
white space nor quotes, braces or angle brackets, which every encoder escapes (an escaped one is taken: Mailgun posts
`ordinary+field=...`). Values are free: some providers post JSON in them, encoded or not.

Limits: values stay text, an empty list or object has no form, and an object whose keys are 0, 1, 2, ... reads as a
list. Where PHP keeps the last of several values or guesses (`a=1&a=2`, `a=1&a[b]=2`), this keeps all or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from rulesengine import codes
from rulesengine.diagnostics import shown
from rulesengine.errors import PayloadError

_NAME_AND_BRACKETS = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
_SEGMENT = re.compile(r"[^\[\]]+|(?<=\[)(?=\])")
_NOT_IN_A_RAW_KEY = re.compile(r"""[\s\x00-\x1f"'`{}<>]""")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BEFORE_QUERY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|/)[^?\s]*")


@dataclass(frozen=True, slots=True)
class _Field:
    """One `key=value`: `a[b][]` is the path ("a", "b", ""), where "" stands for the next place of a list."""

    path: tuple[str, ...]
    value: str


def parse_form(text: str, fields: int = 10_000, depth: int = 32) -> dict[str, object]:
    """The fields of an `application/x-www-form-urlencoded` body; a line break at its end is dropped.

    `fields` and `depth` are the most fields, and the most names in one key, that are accepted. Raises PayloadError
    (E501), which names the field, for whatever is no form or cannot be read in one way only.
    """
    text = text.removesuffix("\n").removesuffix("\r")
    _refuse_other_text(text)
    # Counted before splitting: a million fields shall not be made to find that they are too many.
    if text.count("&") >= fields:
        _refuse(f"the form has more than {fields:,} fields")
    found: dict[str, list[_Field]] = {}
    for part in filter(None, text.split("&")):
        field = _field(part, depth)
        found.setdefault(field.path[0], []).append(field)
    return {name: _value(group, 1) for name, group in found.items()}


def parse_query(text: str, fields: int = 10_000, depth: int = 32) -> dict[str, object]:
    """The same for a query string, bare, after a `?`, or as part of a URL or of a path that begins with `/`."""
    if before := _BEFORE_QUERY.match(text):
        text = text[before.end() :]
        if not text.startswith("?"):
            _refuse("the URL has no query")
    return parse_form(text.removeprefix("?"), fields, depth)


def _refuse(sentence: str) -> NoReturn:
    raise PayloadError(codes.E501, sentence)


def _refuse_other_text(text: str) -> None:
    start = text.lstrip()[:1]
    if not start:
        _refuse("the form is empty")
    if start in "{[":
        _refuse(f"it starts with {start} and so looks like JSON, not like a form")


def _field(part: str, depth: int) -> _Field:
    raw_key, equals, raw_value = part.partition("=")
    if not equals:
        _refuse(f"the field {shown(part)} has no '='")
    if wrong := _NOT_IN_A_RAW_KEY.search(raw_key):
        _refuse(f"the key {shown(raw_key)} has {shown(wrong.group())} in it, unescaped: is this a form?")
    key = _decoded(raw_key, f"the key {shown(raw_key)}")
    path = _path(key, depth)
    # No encoder leaves a line break in a value; two forms on two lines would be read as one.
    if ("\n" in raw_value or "\r" in raw_value) and not raw_value.lstrip().startswith(("{", "[")):
        _refuse(f"the value of {shown(key)} has a line break: are these several forms?")
    return _Field(path, _decoded(raw_value, f"the value of {shown(key)}"))


def _decoded(raw: str, what: str) -> str:
    """`raw` without its escapes; `what` is how a message names it."""
    if broken := _BROKEN_ESCAPE.search(raw):
        _refuse(f"{what} has a broken escape {shown(raw[broken.start() : broken.start() + 3])}")
    try:
        return unquote(raw.replace("+", " "), errors="strict")
    except UnicodeDecodeError:
        _refuse(f"{what} has escapes that are not UTF-8")


def _path(key: str, depth: int) -> tuple[str, ...]:
    """The names in a key, outermost first."""
    if key.count("[") >= depth:
        _refuse(f"the key {shown(key)} is nested more than {depth} deep")
    if not _NAME_AND_BRACKETS.fullmatch(key):
        _refuse(f"the key {shown(key)} is not a name, or a name with [...] after it")
    return tuple(_SEGMENT.findall(key))


def _value(group: Sequence[_Field], level: int) -> object:
    """The data of all fields that share their first `level` names."""
    ending = [field.value for field in group if len(field.path) == level]
    if not ending:
        return _nested(group, level)
    if len(ending) < len(group):
        _refuse(f"the key {shown(_key(group[0].path[:level]))} has both a value and names in [...] below it")
    return ending if len(ending) > 1 else ending[0]


def _nested(group: Sequence[_Field], level: int) -> object:
    """An object of the names at `level`, or a list if they are `[]`, or 0, 1, 2, ... in any order."""
    found: dict[str, list[_Field]] = {}
    for field in group:
        found.setdefault(field.path[level], []).append(field)
    if "" in found:
        if len(found) > 1:
            _refuse(f"the key {shown(_key(group[0].path[:level]))} has both [] and names in [...] below it")
        return [_value([field], level + 1) for field in group]
    data = {name: _value(fields, level + 1) for name, fields in found.items()}
    numbers = [str(number) for number in range(len(data))]
    return [data[number] for number in numbers] if data.keys() == set(numbers) else data


def _key(path: Sequence[str]) -> str:
    return path[0] + "".join(f"[{name}]" for name in path[1:])
