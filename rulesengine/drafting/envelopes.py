"""Which envelopes sample bodies may have: the steps by which `payload.each` could get from a body to its items.

A step opens a list of objects, JSON that stands as text in a field, or an object whose only key is another in each
body, as `{"msys": {"track_event": {...}}}`. Where not every body has what a step opens, the others stay as they are.

Limits: what is opened lies at most four names deep in a body or item; four steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rulesengine.drafting.fields import Path, expression_of, value_at
from rulesengine.errors import PayloadError
from rulesengine.payloads import decode

_NAMES = 4
_STEPS = 4
_TRIED = 60
_LIST, _TEXT, _ONLY_KEY = "list", "text", "only key"
_LEAST = {_LIST: 0.1, _TEXT: 0.1, _ONLY_KEY: 1.0}  # this share of the values must have what a step opens


@dataclass(frozen=True, slots=True)
class Step:
    """A step of `each`; `is_total` when all values it was made for have what it opens.

    There are several paths where each value has a list at one of them.
    """

    kind: str
    paths: tuple[Path, ...]
    is_total: bool

    @property
    def expression(self) -> str:
        """The step in the mapping language."""
        path = ", ".join(map(expression_of, self.paths))
        if self.kind == _ONLY_KEY:
            return f"values({path})"
        if self.kind == _LIST:
            rest = "" if self.is_total else ", @"
            return path if self.is_total and len(self.paths) == 1 else f"not_null({path}{rest})"
        if self.is_total:
            return f"from_json({path})"
        return rf"matches(text({path}), '^\s*[\[{{]') && from_json(text({path})) || @"

    def open(self, value: Any) -> list[Any]:
        """The items that the step makes of a value."""
        inner = next((found for path in self.paths if (found := value_at(value, path)) is not None), None)
        if self.kind == _TEXT:
            inner = _parsed(inner)
        elif self.kind == _ONLY_KEY and isinstance(inner, dict):
            inner = list(inner.values())
        found = value if inner is None else inner
        return found if isinstance(found, list) else [found]


@dataclass(frozen=True, slots=True)
class Item:
    """An item and the body it is from."""

    value: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """Steps from bodies to items."""

    steps: tuple[Step, ...]
    items: tuple[Item, ...]


def envelopes(bodies: Sequence[Any]) -> Iterator[Envelope]:
    """The envelopes that bodies may have, the plainest first: that without a step, where lists are lists of items."""
    yield from islice(_within(opened(bodies, ())), _TRIED)


def opened(bodies: Sequence[Any], steps: tuple[Step, ...]) -> Envelope:
    """Bodies taken apart by some steps."""
    items = [Item(value, body) for body in bodies for value in (body if isinstance(body, list) else [body])]
    for step in steps:
        items = [Item(value, item.body) for item in items for value in step.open(item.value)]
    return Envelope(steps, tuple(items))


def _within(envelope: Envelope) -> Iterator[Envelope]:
    yield envelope
    if len(envelope.steps) < _STEPS:
        for step in _steps([item.value for item in envelope.items]):
            items = [Item(value, item.body) for item in envelope.items for value in step.open(item.value)]
            if items:
                yield from _within(Envelope((*envelope.steps, step), tuple(items)))


def _steps(values: Sequence[Any]) -> Iterator[Step]:
    """What can be opened in enough of these values."""
    numbers: defaultdict[tuple[str, Path], set[int]] = defaultdict(set)
    keys: defaultdict[Path, set[str]] = defaultdict(set)
    for number, value in enumerate(values):
        for kind, path, key in _openings(value, ()):
            numbers[kind, path].add(number)
            keys[path].add(key)
    for (kind, path), found in numbers.items():
        if len(found) >= _LEAST[kind] * len(values) and (kind != _ONLY_KEY or len(keys[path]) > 1):
            yield Step(kind, (path,), is_total=len(found) == len(values))
    yield from _by_turns({path: found for (kind, path), found in numbers.items() if kind == _LIST}, len(values))


def _by_turns(lists: dict[Path, set[int]], of: int) -> Iterator[Step]:
    """Lists side by side of which each value has one: `value.statuses` or `value.messages`."""
    beside: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in sorted(lists, key=lambda path: -len(lists[path])):
        if all(lists[path].isdisjoint(lists[other]) for other in beside[path[:-1]]):
            beside[path[:-1]].append(path)
    for paths in beside.values():
        found = set().union(*(lists[path] for path in paths))
        if len(paths) > 1 and len(found) >= _LEAST[_LIST] * of:
            yield Step(_LIST, tuple(paths), is_total=len(found) == of)


def _openings(value: Any, path: Path) -> Iterator[tuple[str, Path, str]]:
    """The kind of what can be opened in a value, where it is, and the only key of an object that has one."""
    if isinstance(value, list):
        if path and all(isinstance(one, dict) for one in value):
            yield _LIST, path, ""
    elif isinstance(value, str):
        if _parsed(value) is not None:
            yield _TEXT, path, ""
    elif isinstance(value, dict) and len(path) < _NAMES:
        if path and len(value) == 1 and isinstance(next(iter(value.values())), dict):
            yield _ONLY_KEY, path, next(iter(value))
        for key, inner in value.items():
            yield from _openings(inner, (*path, key))


def _parsed(text: Any) -> Any:
    """The object or list that a text is the JSON of; None if it is none."""
    if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
        with suppress(PayloadError):
            return decode(text.encode(), ("json",))
    return None
