"""Candidates for what a mapping needs, weighed: which fields of the samples are the best, and what that rests on.

Where the best field is missing from some items, the next best that stand there follow it: `Email || Recipient`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rulesengine.drafting.fields import Field

_FIELDS = 6  # in one expression at most
_ALSO = 3  # named as possible, too


@dataclass(frozen=True, slots=True)
class Finding:
    """An expression, the fields in it, in how many of the items looked at they stand, others that may be meant.

    `doubt` is what the samples leave open, a sentence for a TODO.
    """

    expression: str
    fields: tuple[Field, ...]
    seen: int
    of: int
    also: tuple[str, ...] = ()
    doubt: str | None = None


Ranked = list[tuple[float, Field]]


def weight(table: Mapping[str, float], field: Field) -> float:
    """How surely the name of a field means what a table of `hints` is about."""
    names = [".".join(field.names[-length:]) for length in (1, 2, 3)]
    if len(field.names) == 1:
        names.append(f"^{field.names[0]}")
    return max(table.get(name, 0.0) for name in names)


def ranked(fields: Sequence[Field], score: Callable[[Field], float], least: float) -> Ranked:
    """The fields with at least this score, the best first."""
    found = [(score(field), field) for field in fields]
    return sorted(((mark, field) for mark, field in found if mark >= least), key=lambda one: -one[0])


def presence(field: Field, of: int) -> float:
    """What a mark is multiplied by: less than 1 where items lack the field."""
    return 0.6 + 0.4 * len(field.values) / max(of, 1)


def distance(field: Field) -> float:
    """What being deep in an item, in a list or around the item costs a candidate."""
    return 0.04 * len(field.path) + 0.1 * any(isinstance(one, int) for one in field.path) + 0.15 * bool(field.scope)


def finding(
    found: Ranked, of: int, make: Callable[[list[Field]], str], doubt: str | None = None, least: float = 0.5
) -> Finding | None:
    """What the best of some candidates make; none of them less than `least` times as good as the best."""
    good = [field for mark, field in found if mark >= least * found[0][0]]
    chosen = _covering(good)
    if not chosen:
        return None
    also = tuple(field.expression for field in good if field not in chosen)[:_ALSO]
    seen = len({number for field in chosen for number in field.values})
    longest = max(field.elements for field in chosen)
    if longest > 1 and doubt is None:
        doubt = f"lists have up to {longest} elements, and the first is taken: should each be an item?"
    return Finding(make(chosen), tuple(chosen), seen, of, also, doubt)


def _covering(fields: Sequence[Field]) -> list[Field]:
    """The first field, and those that stand where the ones before do not."""
    chosen: list[Field] = []
    covered: set[int] = set()
    for field in fields:
        if not field.values.keys() <= covered and len(chosen) < _FIELDS:
            # What lies in a list or object is asked for before what may be that itself: to[0].number || to
            within = (number for number, one in enumerate(chosen) if one.path == field.path[: len(one.path)])
            chosen.insert(next(within, len(chosen)), field)
            covered |= field.values.keys()
    return chosen


def either(fields: Sequence[Field]) -> str:
    """The first of the fields that there is."""
    return " || ".join(field.expression for field in fields)


def as_text(fields: Sequence[Field]) -> str:
    """The same as text."""
    return either(fields) if all(field.is_all(str) for field in fields) else f"text({either(fields)})"
