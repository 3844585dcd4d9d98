"""What a run counts: outcomes, events, faults, and values that a mapping has nothing for, each with its first source.

Parts of a run are counted by themselves and added up in input order, so that a run in several processes counts the same
as one. Only the whole run forgets: its `Tally` has a `limit`, since garbage has no end of different values.

Limits: past the limit, what was not seen before counts as an item and is not told apart, however often it still comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import escaped, shortened, shown
from rulesengine.flows import Flows
from rulesengine.program import event_key
from rulesengine.running import Outcome, Result

# Faults and values that a run keeps apart, unless said otherwise.
MOST_KINDS = 1_000
_LONGEST_VALUE = 200  # characters
COUNTS = ("bodies", "items", "emitted", "events", "ignored", "unmatched", "rejected")
_Kind = TypeVar("_Kind")


class Source(NamedTuple):
    """Where an item came from; `line` is None where the file is one body, `item` counts those of a body from 0."""

    path: str
    line: int | None
    item: int

    def __str__(self) -> str:
        return f"{self.path}{'' if self.line is None else f':{self.line}'} item {self.item}"

    def after(self, lines: int) -> Source:
        """The same, in a part of its file that so many lines come before."""
        return self if self.line is None else self._replace(line=self.line + lines)


class Seen(NamedTuple):
    """How many times something came, and where it was first."""

    times: int
    first: Source


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of fault that items are rejected for: the code, the sentence, the place in the mapping or empty."""

    code: str
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value that a mapping has nothing for: an event, or what `table` was asked for, as text.

    None stands for null and for an event that is not known; `place` is where in the mapping it could be added.
    """

    provider: str
    code: str
    place: str
    table: str | None
    value: str | None

    def __str__(self) -> str:
        return f"{'event' if self.table is None else f'table {self.table}'} {shown(self.value)}"


@dataclass(slots=True)
class Tally:
    """The counts of a run or a part of it; `by_event` by type/action[/reachability_update_type].

    `flows` are the ways that items went, where the run was watched.
    """

    bodies: int = 0
    items: int = 0
    emitted: int = 0
    events: int = 0
    ignored: int = 0
    unmatched: int = 0
    rejected: int = 0
    by_event: Counter[str] = field(default_factory=Counter)
    problems: dict[Problem, Seen] = field(default_factory=dict)
    unmapped: dict[Unmapped, Seen] = field(default_factory=dict)
    limit: int | None = None
    flows: Flows | None = None

    def add(self, other: Tally) -> None:
        """Add the counts of a later part of the run."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.by_event.update(other.by_event)
        for problem, seen in other.problems.items():
            self._count(self.problems, problem, seen)
        for value, seen in other.unmapped.items():
            self._count(self.unmapped, value, seen)
        if other.flows is not None:
            self.flows = self.flows or Flows()
            self.flows.add(other.flows)

    def take(self, result: Result, provider: str, source_of: Callable[[Outcome], Source]) -> None:
        """Count the items of a result that were not emitted."""
        self.ignored += len(result.ignored)
        self.unmatched += len(result.unmatched)
        self.rejected += len(result.rejected)
        for one in result.unmatched:
            value = Unmapped(provider, one.code or "", str(one.place), one.table, _as_text(one.value))
            self._count(self.unmapped, value, Seen(1, source_of(one)))
        for one in result.rejected:
            problem = Problem(one.code or "", one.message, str(one.place or ""))
            self._count(self.problems, problem, Seen(1, source_of(one)))

    def _count(self, kinds: dict[_Kind, Seen], kind: _Kind, seen: Seen) -> None:
        known = kinds.get(kind)
        if known is not None:
            kinds[kind] = known._replace(times=known.times + seen.times)
        elif self.limit is None or len(kinds) < self.limit:
            kinds[kind] = seen

    def after(self, lines: int) -> Tally:
        """The same, of a part that so many lines of its file come before."""
        return replace(self, problems=_moved(self.problems, lines), unmapped=_moved(self.unmapped, lines))

    def redacted(self) -> Tally:
        """The same without values of bodies: faults by the titles of their codes, values by their lengths."""
        told = Tally()
        for problem, seen in self.problems.items():
            told._count(told.problems, replace(problem, message=BY_NUMBER[problem.code].title), seen)
        for value, seen in self.unmapped.items():
            told._count(told.unmapped, replace(value, value=_length(value.value)), seen)
        return replace(self, problems=told.problems, unmapped=told.unmapped)

    def most_unmapped(self) -> list[tuple[Unmapped, Seen]]:
        """What is not mapped, the most frequent first, then what came first."""
        return sorted(self.unmapped.items(), key=lambda one: -one[1].times)

    def as_dict(self) -> dict[str, Any]:
        """The object that `--summary` writes."""
        counts = {name: getattr(self, name) for name in COUNTS}
        unmapped = [_as_dict(value, seen) for value, seen in self.most_unmapped()]
        return {**counts, "by_event": dict(sorted(self.by_event.items())), "unmapped": unmapped}


def _moved(kinds: dict[_Kind, Seen], lines: int) -> dict[_Kind, Seen]:
    return {kind: seen._replace(first=seen.first.after(lines)) for kind, seen in kinds.items()}


def _as_dict(value: Unmapped, seen: Seen) -> dict[str, Any]:
    return {
        "kind": "event" if value.table is None else "table",
        "provider": value.provider,
        "table": value.table,
        "value": value.value,
        "count": seen.times,
        "first": escaped(str(seen.first)),
    }


def _length(value: str | None) -> str | None:
    return None if value is None else f"<text of {len(value)}>"


def _as_text(value: Any) -> str | None:
    """A value as it is kept: text of bounded length, None for null."""
    if value is None:
        return None
    return shortened(value if isinstance(value, str) else shown(value), _LONGEST_VALUE)


def by_event(events: Sequence[Any]) -> Counter[str]:
    """How often each type/action[/reachability_update_type] was emitted; records of events know theirs."""
    found: Counter[str] = Counter()
    classes: Counter[Any] = Counter(map(type, events))
    if classes.pop(dict, 0):
        found.update(kind_of(one) for one in events if type(one) is dict)
    for one, count in classes.items():
        found[one.kind] += count
    return found


def kind_of(event: dict[str, Any]) -> str:
    """What an event is counted under: type/action[/reachability_update_type]."""
    return "/".join(filter(None, event_key(event)))
