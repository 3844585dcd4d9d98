"""The fields of sample items: where values stand, and how an expression names the place.

A field is a path of names from an item, or from the whole body, to text, a number, true, false or a list of these. Of
a list its first element is looked into, and how long the list gets is noted.

Limits: so many levels, fields of an item and fields in all are looked at; what lies beyond is not seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from rulesengine.drafting.hints import words

Path = tuple[str | int, ...]

_LEVELS = 9
_OF_AN_ITEM = 400
_IN_ALL = 4_000
# A field of such a name is taken for the value, in an expression that compares it.
_VALUES = frozenset(("true", "false", "null", "none"))
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Field:
    """A field of some items: `values` by the number of the item, null and '' left out; `scope` is `root()` or ''.

    `elements` is the length of the longest list that the path goes through, 1 without one.
    """

    path: Path
    values: Mapping[int, Any]
    scope: str = ""
    elements: int = 1

    @cached_property
    def expression(self) -> str:
        """The JMESPath to it."""
        return expression_of(self.path, self.scope)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names in the path, each with its words joined in lower case."""
        return tuple("".join(words(part)) for part in self.path if isinstance(part, str))

    @cached_property
    def words(self) -> frozenset[str]:
        """All words in the path."""
        return frozenset(word for part in self.path if isinstance(part, str) for word in words(part))

    def is_all(self, kind: type) -> bool:
        """Whether all values are of a type."""
        return all(isinstance(value, kind) for value in self.values.values())


def expression_of(path: Path, scope: str = "") -> str:
    """A path as JMESPath; the empty path is the item itself."""
    text = scope
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{_name(part)}"
    return text.removeprefix(".") or "@"


def _name(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def fields_of(items: Sequence[Any], scope: str = "") -> list[Field]:
    """The fields of some items, in the order in which they are met."""
    values: dict[Path, dict[int, Any]] = {}
    elements: dict[Path, int] = {}
    for number, item in enumerate(items):
        for path, value, length in islice(_leaves(item, (), 1), _OF_AN_ITEM):
            if value not in (None, "", []) and (path in values or len(values) < _IN_ALL):
                values.setdefault(path, {})[number] = value
                elements[path] = max(length, elements.get(path, 1))
    return [Field(path, found, scope, elements[path]) for path, found in values.items()]


def _leaves(value: Any, path: Path, length: int) -> Iterator[tuple[Path, Any, int]]:
    """Paths to what is no object, values, and the length of the longest list on the way."""
    if len(path) > _LEVELS:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.lower() not in _VALUES:
                yield from _leaves(inner, (*path, key), length)
    elif isinstance(value, list):
        if value and not any(isinstance(one, dict | list) for one in value):
            yield path, value, length
        yield from _leaves(value[0], (*path, 0), max(length, len(value))) if value else ()
    else:
        yield path, value, length


def value_at(item: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(part, int):
            item = item[part] if isinstance(item, list) and len(item) > part else None
        else:
            item = item.get(part) if isinstance(item, dict) else None
    return item
