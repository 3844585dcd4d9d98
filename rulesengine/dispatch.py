"""Which rules can take an item whose event is known: the plan for a dict in place of a chain of conditions.

`payload.event` is evaluated once. For each text that the conditions compare it with, the rules that could still take
the item are kept, each with what is left of its condition; what surely does not hold is dropped, and nothing follows a
rule that surely takes all. So the cost of an item does not grow with the number of rules for other events.

Limits: there is no plan where evaluating `payload.event` could fail or call a function, since then it must happen when
the first rule asks for it and not before; nor where it would not tell rules apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rulesengine import model
from rulesengine.analysis import SCOPES, Facts
from rulesengine.conditions import alike, decide, mentioned
from rulesengine.jmes import Tree
from rulesengine.model import Rule
from rulesengine.narrowing import assume, known_as
from rulesengine.possible import ANY, constant_of, without

# Reading these cannot fail and costs little: they may come before the rules.
_PLAIN = (
    "field",
    "subexpression",
    "index_expression",
    "index",
    "current",
    "literal",
    "or_expression",
    "and_expression",
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that could take the item; `when` is what is left of its condition, None when it surely takes it."""

    rule: Rule
    when: Tree | None


@dataclass(frozen=True, slots=True)
class Branch:
    """The events that share the same candidates, and these in order; no events stand for any other event."""

    events: tuple[str, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The expression that tells the branches apart, a branch for each group of events, and one for all others."""

    event: Tree
    branches: tuple[Branch, ...]
    other: Branch


def plan(mapping: model.Mapping) -> Plan | None:
    """How to tell a mapping's rules apart by the event, or None where that cannot be done."""
    event = mapping.payload.event.tree if mapping.payload.event is not None else None
    if event is None or not _is_plain(event):
        return None
    names = dict.fromkeys(name for rule in mapping.rules for name in _compared(rule, event))
    if not names:
        return None
    conditions = [rule.when.tree for rule in mapping.rules if rule.when is not None and rule.when.tree is not None]
    rules = [_of_events(rule, event, names) for rule in mapping.rules]
    groups: dict[tuple[tuple[int, str], ...], tuple[list[str], tuple[Candidate, ...]]] = {}
    for some in alike(names, conditions, event):
        found = _in_turn(of_event[some[0]] for of_event in rules)
        groups.setdefault(_identity(found), ([], found))[0].extend(some)
    branches = tuple(Branch(tuple(some), found) for some, found in groups.values())
    any_other = Facts({event.key: without(ANY, map(constant_of, names))})
    return Plan(event, branches, Branch((), _in_turn(_candidate(rule, any_other) for rule in mapping.rules)))


def _is_plain(tree: Tree) -> bool:
    return all(
        part.kind in _PLAIN or (part.kind == "function_expression" and part.value in SCOPES and not part.children)
        for part in tree.walk()
    )


def _compared(rule: Rule, event: Tree) -> list[str]:
    return mentioned(rule.when.tree, event) if rule.when is not None else []


def _identity(candidates: tuple[Candidate, ...]) -> tuple[tuple[int, str], ...]:
    return tuple((one.rule.index, one.when.key if one.when is not None else "") for one in candidates)


def _of_events(rule: Rule, event: Tree, names: Iterable[str]) -> Mapping[str, Candidate | None]:
    """What is left of a rule for each event, decided once for all that its own condition does not tell apart."""
    conditions = [rule.when.tree] if rule.when is not None and rule.when.tree is not None else []
    found: dict[str, Candidate | None] = {}
    for some in alike(names, conditions, event):
        found.update(dict.fromkeys(some, _candidate(rule, Facts(known_as(event, some[0])))))
    return found


def _candidate(rule: Rule, known: Facts) -> Candidate | None:
    """What is left of a rule where this is known, None where it surely does not take the item."""
    tree = rule.when.tree if rule.when is not None else None
    verdict = decide(tree, known, exact=True)
    if verdict is False:
        return None
    return Candidate(rule, None if verdict or tree is None else residual(tree, known))


def _in_turn(candidates: Iterable[Candidate | None]) -> tuple[Candidate, ...]:
    """The candidates up to the first that surely takes the item."""
    found: list[Candidate] = []
    for one in candidates:
        found += [one] if one is not None else []
        if one is not None and one.when is None:
            break
    return tuple(found)


def residual(tree: Tree, known: Facts) -> Tree:
    """What is left of a condition that is not decided: a side of `&&` or `||` that does not decide it falls away."""
    if tree.kind not in ("and_expression", "or_expression"):
        return tree
    left, right = tree.children
    neutral = tree.kind == "and_expression"
    beyond = known.knowing(assume(left, holds=neutral))
    if decide(left, known, exact=True) is neutral:
        return residual(right, known)
    if decide(right, beyond, exact=True) is neutral:
        return residual(left, known)
    sides = (residual(left, known), residual(right, beyond))
    key = f"{tree.kind}:({' '.join(side.key for side in sides)})"
    return Tree(tree.kind, None, sides, tree.start, tree.length, False, key)
