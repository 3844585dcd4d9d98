"""What sample bodies say of how to map them: envelope, event, recipient, time and ids, each with its evidence.

Limits: a first draft for a person to look over. An event is text in a field; what only several fields say together is
not found. Of the items of one event the first hundred are looked at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rulesengine.drafting import hints
from rulesengine.drafting.candidates import Finding, distance, either, finding, ranked, weight
from rulesengine.drafting.envelopes import Envelope, Item, Step, envelopes, opened
from rulesengine.drafting.fields import Field, fields_of, value_at
from rulesengine.drafting.hints import Reading, class_of, reading_of
from rulesengine.drafting.traits import (
    find_data,
    find_event,
    find_identifiers,
    find_named,
    rank_events,
    rank_people,
    rank_times,
)

_OF_AN_EVENT = 100  # items that are looked at
_OF_ALL = 2_000  # to find the event itself
_BODIES = 400  # to find the envelope
_DECIDING = 3  # fields named beside a question
_CLASS = re.compile(r"[\w. /-]{1,30}")
_CLASS_VALUES = 12


@dataclass(frozen=True, slots=True)
class Classes:
    """A field that classes bounces: its expression, and what each value seen stands for, None where unknown."""

    expression: str
    metrics: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A name of an event: how often it came, what it means, and what its items have besides.

    `deciding` are fields that may tell what to make of it, each with its values.
    """

    name: str
    count: int
    reading: Reading
    classes: Classes | None
    url: Finding | None
    reason: Finding | None
    list_id: Finding | None
    deciding: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inference:
    """All that was found: `identifiers` and `data` by name, `names` the event of each item, '' where it has none."""

    steps: tuple[Step, ...]
    items: tuple[Item, ...]
    names: tuple[str, ...]
    event: Finding | None
    kinds: tuple[Kind, ...]
    identifiers: Mapping[str, Finding]
    data: Mapping[str, Finding]


def infer(bodies: Sequence[Any], channel: str) -> Inference:
    """What decoded bodies say, for an app of this channel type."""
    steps = _best_envelope(bodies).steps
    items = opened(bodies, steps).items
    some = _spread(items, _OF_ALL)
    event = find_event(_fields(some), len(some))
    names = tuple(_name_of(event, item) for item in items)
    by_name: defaultdict[str, list[Item]] = defaultdict(list)
    for name, item in zip(names, items, strict=True):
        if len(by_name[name]) < _OF_AN_EVENT:
            by_name[name].append(item)
    looked_at = [item for few in by_name.values() for item in few]
    fields, of = _fields(looked_at), len(looked_at)
    counts = Counter(names)
    event = replace(event, seen=len(items) - counts[""], of=len(items)) if event is not None else None
    kinds = tuple(_kind(name, counts[name], few, event) for name, few in by_name.items() if name)
    return Inference(steps, items, names, event, kinds, find_identifiers(fields, of, channel), find_data(fields, of))


def _spread(values: Sequence[Any], most: int) -> list[Any]:
    """Some of the values, from all over them."""
    return list(values[:: max(1, -(-len(values) // most))])


def _fields(items: Sequence[Item]) -> list[Field]:
    """The fields of items, and those of bodies that are no items themselves, without what lies in lists there."""
    apart = [item.body if item.body is not item.value and isinstance(item.body, dict) else None for item in items]
    around = [one for one in fields_of(apart, "root()") if not any(isinstance(part, int) for part in one.path)]
    return [*fields_of([item.value for item in items]), *(one for one in around if one.path)]


# -- the envelope -----------------------------------------------------------------------------------------------------


def _best_envelope(bodies: Sequence[Any]) -> Envelope:
    """The envelope whose items say most by themselves; of equals the plainest."""
    thin = [body[:_OF_AN_EVENT] if isinstance(body, list) else body for body in _spread(bodies, _BODIES)]
    return max(envelopes(thin), key=_worth)


def _worth(envelope: Envelope) -> float:
    """A list within an item may have a status or an address, but seldom also a time: that is another item's."""
    items = _spread(envelope.items, _BODIES)
    fields, of = fields_of([item.value for item in items]), len(items)
    events = rank_events(fields, of)
    found = [finding(one, of, either) for one in (events, rank_people(fields, of), rank_times(fields, of))]
    told = sum(mark * one.seen / one.of for mark, one in zip((3, 2, 1.5), found, strict=True) if one is not None)
    lost = sum(any(field.elements > 1 for field in one.fields) for one in found if one is not None)
    return told + 0.5 * (events[0][0] if events else 0) - 0.2 * len(envelope.steps) - lost


# -- events -----------------------------------------------------------------------------------------------------------


def _name_of(event: Finding | None, item: Item) -> str:
    """The name of an item's event, '' if it has none."""
    for field in event.fields if event is not None else ():
        value = value_at(item.body if field.scope else item.value, field.path)
        if value not in (None, "", [], {}, False):
            return value if isinstance(value, str) else ""
    return ""


def _kind(name: str, count: int, items: Sequence[Item], event: Finding | None) -> Kind:
    own = {field.path for field in event.fields} if event is not None else set()
    fields, of = [field for field in _fields(items) if field.path not in own], len(items)
    reading = reading_of(name) or hints.UNKNOWN
    links = [field for field in fields if any("://" in str(value) for value in field.values.values())]
    return Kind(
        name,
        count,
        reading,
        classes=_classes(fields, of) if reading.question else None,
        url=find_named(links, of, hints.URL) if reading.metric == "click" else None,
        reason=find_named(fields, of, hints.REASON),
        list_id=find_named(fields, of, _list_names(fields), lambda found: f"text({either(found)})"),
        deciding=tuple(_deciding(fields)) if reading.question else (),
    )


def _list_names(fields: Sequence[Field]) -> dict[str, float]:
    """What a field of a list may be called, those of these fields included that end so: `newsletter_list_id`."""
    ending = (name for field in fields for name in field.names[-1:] if name.endswith(hints.LIST_ENDINGS))
    return {**dict.fromkeys(ending, 0.8), **hints.LIST_ID}


def _classing(fields: Sequence[Field]) -> Iterator[tuple[Field, Counter[str]]]:
    """Fields that are named like a class and have few values, words or codes; and their values."""
    own = [field for field in fields if not field.scope and not weight(hints.TAGS, field)]
    for _, field in ranked(own, lambda field: weight(hints.CLASS, field) - distance(field), 0.3):
        scalars = not any(isinstance(value, bool | list) for value in field.values.values())
        values = Counter(str(value) for value in field.values.values())
        if scalars and len(values) <= _CLASS_VALUES and all(map(_CLASS.fullmatch, values)):
            yield field, values


def _classes(fields: Sequence[Field], of: int) -> Classes | None:
    """A field that says of most items whether the bounce was hard or soft."""
    for field, values in _classing(fields):
        metrics = {value: class_of(value) for value in values}
        if 2 * len(field.values) >= of and set(metrics.values()) & {"hard_bounce", "soft_bounce"}:
            return Classes(field.expression, metrics)
    return None


def _deciding(fields: Sequence[Field]) -> Iterator[str]:
    for field, values in list(_classing(fields))[:_DECIDING]:
        told = ", ".join(f"{value} {count}" for value, count in values.most_common(4))
        yield f"{field.expression}: {told}{', ...' if len(values) > 4 else ''}"
