"""What two versions of a mapping make of the same items, side by side: which items change, how, and by which rules.

An item changes when its outcome does (`soft_bounce -> hard_bounce`, `ignored -> open`, `unmatched E511 -> click`), or
when a field of its events does (`open: data.ts changed`). Values are compared as JSON has them: 1 is 1.0 and is not
true, and the order of keys is nothing. Another rule, or another reason, with the same outcome is no change.

The items of a body are paired by their order. Where one version finds more of them, those that are equal are paired,
and what lies between them by its order; an item that then has no partner changes from or to `no item`.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

from rulesengine.errors import PayloadError
from rulesengine.payloads import encode
from rulesengine.tally import Source

OUTCOMES = EMITTED, IGNORED, UNMATCHED, REJECTED = ("emitted", "ignored", "unmatched", "rejected")
_UNREAD_TOLD = 20


class RuleAt(NamedTuple):
    """A rule as reports name it."""

    label: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Made:
    """What a version made of one item.

    `name` says it in a word: the metrics of its events, or the outcome with its code. `rule` is what took the item, if
    a rule did; `message` is the fault, or the reason for ignoring; `written` are the events as JSON. An item that could
    not be decoded is bytes.
    """

    outcome: str
    name: str
    rule: RuleAt | None
    item: Any
    events: Sequence[dict[str, Any]] = ()
    written: Sequence[bytes] = ()
    message: str = ""


NO_ITEM = Made("no item", "no item", None, None)


class Kind(NamedTuple):
    """How items change: from what to what and by which rules; or, where the metrics are the same, in which `fields`.

    A field is told as `data.ts changed`, `data.url added` or `identifiers.phone removed`.
    """

    before: str
    after: str
    fields: tuple[str, ...]
    old_rule: RuleAt | None
    new_rule: RuleAt | None

    def __str__(self) -> str:
        return f"{self.before}: {', '.join(self.fields)}" if self.fields else f"{self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Example:
    """An item that changes, and where it is from: its number is the new version's, or else the old one's."""

    source: Source
    before: Made
    after: Made

    @property
    def item(self) -> Any:
        """The item as the new version finds it, or else the old one."""
        return (self.before if self.after is NO_ITEM else self.after).item


@dataclass(slots=True)
class Group:
    """The items that change in one way: how many, and the first of them."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Changes:
    """All that changes over some bodies; of each kind so many examples are kept as `keep` says.

    `items` counts pairs, `same` those that do not change, by outcome; `uneven` counts the bodies in which the versions
    find different numbers of items. Bodies and files that cannot be read are `not_compared`, and the first of them told
    in sentences, in `unread`.
    """

    keep: int = 0
    bodies: int = 0
    items: int = 0
    old_items: int = 0
    new_items: int = 0
    uneven: int = 0
    not_compared: int = 0
    unread: list[str] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)
    groups: defaultdict[Kind, Group] = field(default_factory=lambda: defaultdict(Group))

    @property
    def changed(self) -> int:
        """How many items change."""
        return self.items - self.same.total()

    def in_order(self) -> list[tuple[Kind, Group]]:
        """The kinds of change, the most frequent first."""
        return sorted(self.groups.items(), key=lambda one: (-one[1].count, *map(str, one[0])))

    def add_same(self, bodies: int, outcomes: Mapping[str, int]) -> None:
        """Count bodies in which nothing changes, and their items by outcome."""
        self.bodies += bodies
        self.same.update(outcomes)
        for name in ("items", "old_items", "new_items"):
            setattr(self, name, getattr(self, name) + sum(outcomes.values()))

    def add_unread(self, sentence: str) -> None:
        """Count something that cannot be read."""
        self.not_compared += 1
        if len(self.unread) < _UNREAD_TOLD:
            self.unread.append(sentence)

    def add_body(self, old: Sequence[Made], new: Sequence[Made], source: Callable[[int], Source]) -> None:
        """Compare what the versions make of a body; `source` says where an item is from, given its number from 0."""
        self.bodies += 1
        self.old_items, self.new_items = self.old_items + len(old), self.new_items + len(new)
        self.uneven += len(old) != len(new)
        lost = added = 0
        for number, (before, after) in enumerate(pairs(old, new)):
            lost, added = lost + (after is NO_ITEM), added + (before is NO_ITEM)
            self.items += 1
            kind = change(before, after)
            if kind is None:
                self.same[after.outcome] += 1
                continue
            group = self.groups[kind]
            group.count += 1
            if len(group.examples) < self.keep:
                own = number - (added if after is NO_ITEM else lost)
                group.examples.append(Example(source(own), before, after))


# -- one item ---------------------------------------------------------------------------------------------------------


def change(before: Made, after: Made) -> Kind | None:
    """How an item changes; None if it does not."""
    if before.name != after.name:
        fields: tuple[str, ...] = ()
    elif before.written == after.written or not (fields := tuple(_field_changes(before.events, after.events))):
        return None
    return Kind(before.name, after.name, fields, before.rule, after.rule)


def _field_changes(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What differs between events of the same metrics."""
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        event = f"events[{number}]." if len(before) > 1 else ""
        old, new = _fields(one), _fields(other)
        for path in dict.fromkeys((*old, *new)):
            if path not in new:
                yield f"{event}{path} removed"
            elif path not in old:
                yield f"{event}{path} added"
            elif not _is_same(old[path], new[path]):
                yield f"{event}{path} changed"


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    """The values of an event by their paths; a value in `data` is one, whatever is in it."""
    parts = {f"{part}.{name}": value for part in ("identifiers", "data") for name, value in event[part].items()}
    return {"type": event["type"], "action": event["action"], **parts}


def _is_same(one: Any, other: Any) -> bool:
    """Whether JSON values are the same, however deep: with a list of what is left to compare, and no recursion."""
    if type(one) is type(other) is str:
        return bool(one == other)
    left = [(one, other)]
    while left:
        one, other = left.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            left += [(value, other[key]) for key, value in one.items()]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            left += zip(one, other, strict=True)
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            return False
    return True


# -- the items of a body ----------------------------------------------------------------------------------------------


def pairs(old: Sequence[Made], new: Sequence[Made]) -> Iterator[tuple[Made, Made]]:
    """The items of a body as two versions find them, each with its partner or `NO_ITEM`."""
    if len(old) == len(new):
        yield from zip(old, new, strict=True)
        return
    i = k = 0
    for j, m in [*_equal(old, new), (len(old), len(new))]:
        yield from zip_longest(old[i:j], new[k:m], fillvalue=NO_ITEM)
        yield from zip(old[j : j + 1], new[m : m + 1], strict=True)
        i, k = j + 1, m + 1


def _equal(old: Sequence[Made], new: Sequence[Made]) -> Iterator[tuple[int, int]]:
    """The numbers of items that are equal, in order, each found as early as it can be."""
    places: defaultdict[bytes, deque[int]] = defaultdict(deque)
    for m, made in enumerate(new):
        places[_text(made.item)].append(m)
    last = -1
    for j, made in enumerate(old):
        found = places[_text(made.item)]
        while found and found[0] < last:
            found.popleft()
        if found:
            last = found.popleft()
            yield j, last


def _text(item: Any) -> bytes:
    """What tells an item from others; items that cannot be written are told apart by nothing."""
    if isinstance(item, bytes):
        return item
    try:
        return encode(item)
    except PayloadError:
        return b""
