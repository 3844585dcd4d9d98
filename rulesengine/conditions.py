"""Whether a condition holds when some of its parts are known, and what it asks for.

`decide` answers yes, no, or None for "it depends", which is never reported as anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

from rulesengine.analysis import NOTHING, Facts, always_works, evaluate
from rulesengine.jmes import Tree
from rulesengine.narrowing import assume, membership
from rulesengine.possible import ANY, truth

# Parts below these are about another value than the item.
_OTHER_SCOPES = (
    "subexpression", "index_expression", "pipe", "projection", "filter_projection", "value_projection", "expref",
)  # fmt: skip


def decide(when: Tree | None, facts: Facts = NOTHING, *, exact: bool = False) -> bool | None:
    """Whether a condition holds under these facts: yes, no, or None for "it depends".

    Where it says no, or yes, the condition may still fail while it is evaluated; with `exact` it then depends. None as
    the condition is the condition of a rule without `when`: it always holds.
    """
    if when is None:
        return True
    if not exact:
        return truth(evaluate(when, facts))
    if when.kind in ("and_expression", "or_expression"):
        return _decide_both(when, facts)
    if when.kind == "not_expression":
        inner = decide(when.children[0], facts, exact=True)
        return None if inner is None else not inner
    verdict = truth(evaluate(when, facts))
    return None if verdict is None or can_fail(when, facts) else verdict


def _decide_both(when: Tree, facts: Facts) -> bool | None:
    settles = when.kind == "or_expression"  # true settles an or, false an and
    first, second = when.children
    left = decide(first, facts, exact=True)
    if left is settles:
        return settles
    right = decide(second, facts.knowing(assume(first, holds=not settles)), exact=True)
    if left is None and can_fail(first, facts):
        return None
    if right is settles:
        return settles
    return None if None in (left, right) else not settles


def can_fail(tree: Tree, facts: Facts = NOTHING) -> bool:
    """Whether evaluating may raise, as calls do, orders over mixed sides and slices with a step of 0."""
    if tree.kind == "slice":
        return True
    if tree.kind == "function_expression" and not always_works(tree, facts):
        return True
    is_order = tree.kind == "comparator" and tree.value not in ("eq", "ne")
    if is_order and any(evaluate(side, facts).types != {"number"} for side in tree.children):
        return True
    inner = facts.about(ANY) if tree.kind in _OTHER_SCOPES else facts
    return any(can_fail(child, inner) for child in tree.children)


def alike(names: Iterable[str], conditions: Iterable[Tree], subject: Tree) -> list[list[str]]:
    """The names a part may have, those together that no condition tells apart: none of them or the same ask for them.

    Where a condition asks anything else of the part, or compares it with anything but text, each name is alone.
    """
    asked = [_asked(condition, subject) for condition in conditions]
    if not all(one.is_plain for one in asked):
        return [[name] for name in names]
    asking: dict[str, list[int]] = {name: [] for name in names}
    for number, values in enumerate(chain.from_iterable(one.values for one in asked)):
        for value in asking.keys() & values:
            asking[value].append(number)
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, numbers in asking.items():
        groups.setdefault(tuple(numbers), []).append(name)
    return list(groups.values())


def mentioned(when: Tree | None, subject: Tree) -> list[str]:
    """The texts that a condition compares a part with, in the order in which they are written."""
    values = chain.from_iterable(_asked(when, subject).values) if when is not None else ()
    return [value for value in values if isinstance(value, str)]


class _Asked(NamedTuple):
    """What a condition compares a part with, and whether that is text and all that it asks of the part."""

    values: tuple[tuple[Any, ...], ...]
    is_plain: bool


def _asked(condition: Tree, subject: Tree) -> _Asked:
    kept: _Asked | None = condition.memo.get(f"asked of {subject.key}")
    return kept or condition.memo.setdefault(f"asked of {subject.key}", _found_asked(condition, subject))


def _found_asked(condition: Tree, subject: Tree) -> _Asked:
    found = [membership(part) for part in condition.walk()]
    values = tuple(values for part, values in found if part is not None and part.key == subject.key)
    is_all = len(values) == sum(part.key == subject.key for part in condition.walk())
    return _Asked(values, is_all and all(isinstance(value, str) for some in values for value in some))
