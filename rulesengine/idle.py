"""Parts of an expression that cannot do what they stand there for: they always hold, never hold, or are never used.

`lower(type) == 'Bounce'` never holds, since no capital letter comes out of `lower`; `event != 'a' || event != 'b'`
always holds; behind `'bounce' || type` the field is never used. None of them can have been meant.

Limits: only what follows from the expression itself; nothing is known of the fields in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rulesengine import codes
from rulesengine.analysis import NOTHING, evaluate
from rulesengine.diagnostics import Diagnostic, listed, shown
from rulesengine.jmes import Tree
from rulesengine.model import Expression
from rulesengine.narrowing import assume, membership
from rulesengine.possible import (
    ANY,
    FORMS,
    NULL,
    Possible,
    constant_of,
    named_types,
    true_part,
    truth,
    values_of,
    without,
)  # fmt: skip

_SIDES = ("and_expression", "or_expression")
_PROJECTIONS = ("projection", "flatten", "filter_projection", "value_projection")
_OPERATORS = {"and_expression": "&&", "or_expression": "||"}


def check_idle(expression: Expression, *, is_condition: bool) -> Iterator[Diagnostic]:
    """The idle parts of an expression, outermost first; below one that is told no more is."""
    assert expression.tree is not None
    found = list(_check(expression, expression.tree))
    if is_condition and not found:
        found += _check_whole(expression, expression.tree)
    if not is_condition and not found:
        found += _check_choices(expression)
    yield from found


def _check(expression: Expression, part: Tree) -> list[Diagnostic]:
    if part.kind in _SIDES:
        found = list(_check_sides(expression, part))
    elif part.kind in (*_PROJECTIONS, "subexpression", "index_expression", "pipe"):
        found = list(_check_path(expression, part))
    else:
        found = list(_check_membership(expression, part))
    return found or [one for child in part.children for one in _check(expression, child)]


def _check_whole(expression: Expression, when: Tree) -> Iterator[Diagnostic]:
    """A condition that does not depend on the item; `` `true` `` says so openly."""
    verdict = True if when.kind in ("multi_select_list", "multi_select_dict") else truth(evaluate(when))
    if verdict is not None and when.kind != "literal":
        yield (codes.E337 if verdict else codes.E336).at(expression.place, why=_why(when, verdict))


def _why(tree: Tree, verdict: bool) -> str:
    is_number = verdict and evaluate(tree).types == {"number"}
    return "a number is never false, not even 0" if is_number else "whatever the item holds"


def _check_sides(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    left, right = part.children
    is_or = part.kind == "or_expression"
    verdict = truth(evaluate(left))
    if verdict is is_or:
        state = "never null, false or empty" if is_or else "always null, false or empty"
        yield codes.E338.at(expression.span_of(right), operator=_OPERATORS[part.kind], state=state)
    elif verdict is False:
        yield codes.E336.at(expression.span_of(left), why=_why(left, False))
    elif verdict is True and left.kind != "literal":
        yield codes.E337.at(expression.span_of(left), why=_why(left, True))
    elif verdict is None and truth(evaluate(right)) is None:
        yield from _check_together(expression, part)


def _check_together(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """Sides that each depend on the item, and together do not: `a == 'x' && a == 'y'`."""
    left, right = part.children
    is_or = part.kind == "or_expression"
    beyond = NOTHING.knowing(assume(left, holds=not is_or))
    if truth(evaluate(right, beyond)) is is_or:
        code, other = (codes.E337, "&&") if is_or else (codes.E336, "||")
        why = "it does wherever what stands before || does not" if is_or else "it contradicts what stands before &&"
        yield code.at(expression.span_of(right), why=why, hint=f"was {other} meant?")


def _check_path(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """Fields of what is no object, elements of what is no list."""
    base, *following = part.children if part.kind not in _PROJECTIONS else part.children[:1]
    current = evaluate(base)
    for child in following:
        found = NULL if current.is_empty else evaluate(child, NOTHING.about(current))
        if child.kind in ("field", "index") and found == NULL and not current.types <= {"null"}:
            place = expression.place_of(child) if child.kind == "field" else expression.span_of(base)
            yield codes.E339.at(place, found=_named(current), what=_sought(child))
        current = found
    if part.kind in _PROJECTIONS and evaluate(part) == NULL and not current.types <= {"null"}:
        yield codes.E339.at(expression.span_of(base), found=_named(current), what=_sought(part))


def _named(one: Possible) -> str:
    return named_types(without(one, [constant_of(None)]))


def _sought(part: Tree) -> str:
    if part.kind == "field":
        return f"field {part.value!r}"
    return "fields" if part.kind == "value_projection" else "elements"


def _check_membership(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """Values that the other side never has."""
    subject, values = membership(part)
    if subject is None:
        yield from _check_substring(expression, part)
        return
    found = evaluate(subject)
    for value in values:
        if not found.is_empty and not found.admits(constant_of(value)):
            place = expression.place_of(_written(part, value))
            yield codes.E335.at(place, value=shown(value), hint=_never(found, value))


def _check_substring(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """`starts_with(lower(x), 'Bounce')`: what is no longer in the text."""
    if part.value not in ("contains", "starts_with", "ends_with") or len(part.children) != 2:
        return
    subject, sought = evaluate(part.children[0]), part.children[1]
    forms = [form for form in ("lower", "upper") if form in subject.forms]
    if sought.kind == "literal" and isinstance(sought.value, str) and subject.types <= {"string", "null"}:
        for form in (one for one in forms if FORMS[one](sought.value) != sought.value):
            hint = f"the text went through {form}(): write '{FORMS[form](sought.value)}'"
            yield codes.E335.at(expression.place_of(sought), value=shown(sought.value), hint=hint)


def _written(part: Tree, value: object) -> Tree:
    """The part where a value is written."""
    return next((one for one in part.walk() if one.kind == "literal" and one.value == value), part)


def _never(found: Possible, value: object) -> str:
    """Why a value never comes, and what does."""
    if isinstance(value, str):
        form = next((form for form in sorted(found.forms) if FORMS[form](value) != value), None)
        if form is not None and "string" in found.open:
            return f"the other side went through {form}(): write '{FORMS[form](value)}'"
    known = values_of(found)
    if known is not None:
        return f"the other side is one of {listed(sorted(map(shown, known)))}"
    return f"the other side is {named_types(found)}"


def _check_choices(expression: Expression) -> Iterator[Diagnostic]:
    """`contains(tags, 'x') || 'unknown'`: where the left side is rightly false, the right side is taken."""
    assert expression.tree is not None
    for part in expression.tree.walk():
        if part.kind == "or_expression":
            left, right = map(evaluate, part.children)
            is_literal = part.children[1].kind == "literal" and part.children[1].value is not False
            is_default = is_literal or (right != ANY and "boolean" not in right.types)
            if true_part(left).types == {"boolean"} and is_default:
                yield codes.W309.at(expression.span_of(part.children[0]))
