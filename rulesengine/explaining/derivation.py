"""How a value came about, and why a condition holds or does not: the parts of an expression that were computed.

`lower(trim(to))` has three: `to`, `trim(to)` and the whole. They come from the inside out, each with what it gave, the
right side of `||` and `&&` only where it had its say. A path of fields is one part; so is a projection, beside what it
is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rulesengine.diagnostics import Place
from rulesengine.explaining.probing import Answer
from rulesengine.jmes import Tree
from rulesengine.model import Expression
from rulesengine.narrowing import literal_list
from rulesengine.unparse import unparse

_SURROUNDINGS = ("root", "parent", "request", "channel")
_CHAINS = ("subexpression", "index_expression")
_PROJECTIONS = ("projection", "filter_projection", "value_projection", "flatten", "pipe")
_NEVER_SHOWN = ("literal", "current", "expref")


@dataclass(frozen=True, slots=True)
class Step:
    """A part of an expression and what it gave, or the `fault` it raised; `where` is the key it stands under."""

    text: str
    where: str
    place: Place
    value: Any
    fault: str | None


@dataclass(frozen=True, slots=True)
class Derivation:
    """A value by the name of what it is for, its expression, and the steps to it: the last is the expression itself."""

    name: str
    expression: str
    place: Place
    steps: tuple[Step, ...]

    @property
    def value(self) -> Any:
        """What came out; None where a step failed."""
        return self.steps[-1].value

    @property
    def fault(self) -> str | None:
        """Why nothing came out."""
        return self.steps[-1].fault


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a condition that decided it: whether it holds, and the values that it looked at."""

    text: str
    place: Place
    holds: bool
    fault: str | None
    saw: tuple[Step, ...]


class Labels:
    """Texts and places of parts of expressions. To find a place takes longer than to compute a value: each once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, Place]] = {}  # by identity: equal parts stand in several places

    def of(self, expression: Expression, tree: Tree) -> tuple[str, Place]:
        """The text of a part and its place."""
        known = self._known.get(id(tree))
        return known or self._known.setdefault(id(tree), (unparse(tree), expression.place_of(tree)))

    def whole(self, expression: Expression) -> Place:
        """The place of an expression."""
        known = self._known.get(id(expression))
        return (known or self._known.setdefault(id(expression), (expression.text, expression.place)))[1]


@dataclass(frozen=True, slots=True)
class View:
    """What expressions are about: `ask` computes a part, `before` gives the steps that a field was written by."""

    ask: Callable[[Tree], Answer]
    before: Callable[[str], Sequence[Step]]
    labels: Labels


# -- values -----------------------------------------------------------------------------------------------------------


def derive(name: str, expression: Expression, view: View) -> Derivation:
    """How the value of an expression came about."""
    assert expression.tree is not None
    steps = steps_to(expression, expression.tree, view)
    return Derivation(name, expression.text, view.labels.whole(expression), tuple(steps))


def steps_to(expression: Expression, tree: Tree, view: View) -> list[Step]:
    """The steps to the value of a part, which is the last; they end where one fails."""
    found: dict[tuple[str, str], Step] = {}
    for part in _inputs(tree, view.ask):
        for step in steps_to(expression, part, view):
            found.setdefault((step.where, step.text), step)
            if step.fault is not None:
                return list(found.values())
    field = _first_field(tree)
    before = view.before(field) if field is not None else ()
    return [*found.values(), *before, _step(expression, tree, view)]


def _step(expression: Expression, tree: Tree, view: View) -> Step:
    (text, place), answer = view.labels.of(expression, tree), view.ask(tree)
    return Step(text, expression.where, place, answer.value, answer.fault)


def _inputs(tree: Tree, ask: Callable[[Tree], Answer]) -> Iterator[Tree]:
    """The parts that were computed for this one and are about the same item; constants are not told."""
    for part in _computed(tree, ask):
        if part.kind not in _NEVER_SHOWN and literal_list(part) is None:
            yield part


def _computed(tree: Tree, ask: Callable[[Tree], Answer]) -> Iterator[Tree]:
    if is_path(tree) or tree.kind in _NEVER_SHOWN:
        return
    if tree.kind in ("and_expression", "or_expression"):
        left, right = tree.children
        yield from _computed(left, ask) if left.kind == tree.kind else (left,)  # `a || b || c` has three
        if ask(left).holds is (tree.kind == "and_expression"):
            yield right
    elif tree.kind in _PROJECTIONS:
        base = tree.children[0]
        yield base.children[0] if base.kind == "flatten" else base
    elif tree.kind in _CHAINS:
        yield from (child for child in tree.children[:1] if not is_path(child))
    elif tree.kind == "multi_select_dict":
        yield from (pair.children[0] for pair in tree.children)
    else:
        yield from tree.children


def is_path(tree: Tree) -> bool:
    """Whether an expression only goes from field to field, from the item or what surrounds it."""
    if tree.kind == "function_expression":
        return tree.value in _SURROUNDINGS and not tree.children
    if tree.kind in _CHAINS:
        return all(map(is_path, tree.children))
    return tree.kind in ("field", "current", "index", "slice")


def _first_field(tree: Tree) -> str | None:
    """The field of the item that a path begins with."""
    while tree.kind in _CHAINS and is_path(tree):
        tree = tree.children[0]
    return tree.value if tree.kind == "field" else None


# -- conditions -------------------------------------------------------------------------------------------------------


def decided_by(expression: Expression, tree: Tree, view: View) -> list[Part]:
    """The parts of a condition that made it what it is: of `a && b` the one that is false, or both."""
    if tree.kind == "not_expression":
        return decided_by(expression, tree.children[0], view)
    if tree.kind not in ("and_expression", "or_expression"):
        return [_part(expression, tree, view)]
    ends_with = tree.kind == "or_expression"  # what a side has to be so that the other is of no account
    left, right = tree.children
    answer = view.ask(left)
    if answer.fault is not None or answer.holds is ends_with:
        return decided_by(expression, left, view)
    answer = view.ask(right)
    if answer.fault is not None or answer.holds is ends_with:
        return decided_by(expression, right, view)
    return [*decided_by(expression, left, view), *decided_by(expression, right, view)]


def _part(expression: Expression, tree: Tree, view: View) -> Part:
    answer = view.ask(tree)
    looked_at = [tree] if is_path(tree) else _inputs(tree, view.ask)
    saw = tuple(_step(expression, part, view) for part in looked_at)
    text, place = view.labels.of(expression, tree)
    return Part(text, place, answer.holds, answer.fault, saw)


def conjuncts(tree: Tree) -> Iterator[Tree]:
    """The conditions that `&&` joins."""
    if tree.kind == "and_expression":
        for child in tree.children:
            yield from conjuncts(child)
    else:
        yield tree
