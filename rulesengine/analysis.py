"""What an expression can yield, decided from its tree alone, before there is any payload.

Three questions, each answered or left open, never guessed: `possible` gives the finite set of values an expression can
have; `decide` tells whether a condition holds when some of its parts are known; `type_of` names the type of a value.
Parts are recognised by structure, so `data.type` is known to be 'open' under `data.type == 'open'` wherever it is
repeated.

Limits: numbers, arrays and objects are not followed; all values that JMESPath holds for false count as null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import Tree


class AnyOther(Enum):
    """In place of a known text: any value that the expressions at hand do not compare it with, null included."""

    ANY_OTHER = "any other"


ANY_OTHER = AnyOther.ANY_OTHER
Known = str | AnyOther

# Texts and None; None (the object, not the set) stands for "cannot be bounded".
Values = frozenset[str | None]

SCOPES = ("root", "parent", "request", "channel")  # what surrounds an item: reading it cannot fail
_TEXT_FUNCTIONS = ("lower", "upper", "trim")
_RETURNS = {
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), "number"),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), "boolean"),
    **dict.fromkeys(("join", "to_string", "type"), "string"),
    **dict.fromkeys(("keys", "map", "sort", "sort_by", "to_array", "values"), "array"),
    "merge": "object",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known around an expression: values of parts by `Tree.key`, the channel type, the values of tables."""

    parts: Mapping[str, Values] = field(default_factory=dict)
    channel: str | None = None
    tables: Mapping[str, Values] = field(default_factory=dict)


def possible(tree: Tree, facts: Facts) -> Values | None:
    """Every value the expression can have under these facts, or None when they cannot be bounded."""
    if tree.key in facts.parts:
        return frozenset(value or None for value in facts.parts[tree.key])
    follow = _POSSIBLE.get(tree.kind)
    return follow(tree, facts) if follow else None


def _literal(tree: Tree, facts: Facts) -> Values | None:
    if isinstance(tree.value, str):
        return frozenset([tree.value or None])
    return frozenset([None]) if tree.value is None or tree.value is False or tree.value in ([], {}) else None


def _or(tree: Tree, facts: Facts) -> Values | None:
    left = possible(tree.children[0], facts)
    if left is None or None not in left:
        return left
    right = possible(tree.children[1], facts)
    return None if right is None else (left - {None}) | right


def _and(tree: Tree, facts: Facts) -> Values | None:
    left, right = possible(tree.children[0], facts), possible(tree.children[1], facts)
    if right is None or (left is not None and None not in left):
        return right
    return right | {None}


def _call(tree: Tree, facts: Facts) -> Values | None:
    name, arguments = tree.value, tree.children
    if name == "channel" and not arguments:
        return frozenset([facts.channel]) if facts.channel else None
    if name == "lookup" and len(arguments) == 2:
        values = facts.tables.get(arguments[0].value) if arguments[0].kind == "literal" else None
        return None if values is None else values | {None}
    if name in _TEXT_FUNCTIONS and len(arguments) == 1:
        return _mapped(name, possible(arguments[0], facts))
    return None


def _mapped(name: str, values: Values | None) -> Values | None:
    body: Callable[[Any], Any] | None = FUNCTIONS[name].body
    if values is None or body is None:
        return None
    return frozenset(None if value is None else (body(value) or None) for value in values)


_POSSIBLE: Mapping[str, Callable[[Tree, Facts], Values | None]] = {
    "literal": _literal,
    "or_expression": _or,
    "and_expression": _and,
    "function_expression": _call,
}


def narrowed(when: Tree | None) -> dict[str, Values]:
    """What is known of the parts of a condition where it holds: `a == 'x' && contains(['y', 'z'], b)`."""
    if when is None:
        return {}
    if when.kind == "and_expression":
        left, right = (narrowed(child) for child in when.children)
        both = {key: left[key] & right[key] for key in left.keys() & right.keys()}
        return {**left, **right, **both}
    if when.kind == "or_expression":
        left, right = (narrowed(child) for child in when.children)
        return {key: left[key] | right[key] for key in left.keys() & right.keys()}
    subject, values = _membership(when)
    return {subject.key: values} if subject is not None else {}


def _membership(tree: Tree) -> tuple[Tree | None, Values]:
    """`x == 'a'` or `contains(['a', 'b'], x)` as x and its texts; otherwise None."""
    if tree.kind == "comparator" and tree.value == "eq":
        for subject, other in (tree.children, tree.children[::-1]):
            if other.kind == "literal" and isinstance(other.value, str) and subject.kind != "literal":
                return subject, frozenset([other.value])
    if tree.kind == "function_expression" and tree.value == "contains" and len(tree.children) == 2:
        texts = _texts_of(tree.children[0])
        if texts is not None:
            return tree.children[1], texts
    return None, frozenset()


def _texts_of(tree: Tree) -> Values | None:
    """The texts of a list that is written out: `['a', 'b']` or a literal."""
    written = tree.value if tree.kind == "literal" else literal_list(tree)
    if isinstance(written, list) and all(isinstance(one, str) for one in written):
        return frozenset(written)
    return None


def literal_list(tree: Tree) -> list[Any] | None:
    """The list that a multi-select of nothing but literals always yields; None for any other tree."""
    if tree.kind == "multi_select_list" and all(child.kind == "literal" for child in tree.children):
        return [child.value for child in tree.children]
    return None


def decide(when: Tree | None, known: Mapping[str, Known], *, exact: bool = False) -> bool | None:
    """Whether a condition holds when the parts in `known` have these values: yes, no, or None for "it depends".

    Where it says no, or yes, the condition may still fail while it is evaluated; with `exact` it then depends. None as
    the condition is the condition of a rule without `when`: it always holds.
    """
    if when is None:
        return True
    if when.kind in ("and_expression", "or_expression"):
        return _decide_both(when, known, exact)
    if when.kind == "not_expression":
        inner = decide(when.children[0], known, exact=exact)
        return None if inner is None else not inner
    if when.kind == "literal":
        return when.value not in ("", None, [], {}) and when.value is not False
    subject, values = _membership(when)
    if subject is not None and (value := _known_value(subject, known)) is not None:
        return value in values if isinstance(value, str) else False
    return _decide_other(when, known)


def _known_value(tree: Tree, known: Mapping[str, Known]) -> Known | None:
    """The value of a part that is known, or of `lower`, `upper` or `trim` of one whose text is known."""
    if tree.key in known:
        return known[tree.key]
    if tree.kind == "function_expression" and tree.value in _TEXT_FUNCTIONS and len(tree.children) == 1:
        value, body = _known_value(tree.children[0], known), FUNCTIONS[tree.value].body
        return str(body(value)) if isinstance(value, str) and body is not None else None
    return None


def _decide_both(when: Tree, known: Mapping[str, Known], exact: bool) -> bool | None:
    settles = when.kind == "or_expression"  # true settles an or, false an and
    left, right = (decide(side, known, exact=exact) for side in when.children)
    if left is settles:
        return settles
    if exact and left is None and _can_fail(when.children[0]):
        return None
    if right is settles:
        return settles
    return None if None in (left, right) else not settles


def _can_fail(tree: Tree) -> bool:
    """Whether evaluating may raise, as calls do, orders over mixed sides and slices with a step of 0."""
    return any(
        (part.kind == "function_expression" and part.value not in SCOPES)
        or (part.kind == "comparator" and part.value not in ("eq", "ne"))
        or part.kind == "slice"
        for part in tree.walk()
    )


def _decide_other(when: Tree, known: Mapping[str, Known]) -> bool | None:
    if isinstance(known.get(when.key), str):
        return bool(known[when.key])
    if when.kind == "comparator" and when.value == "ne":
        equal = decide(replace(when, value="eq"), known)
        return None if equal is None else not equal
    if when.kind == "function_expression" and when.value in ("starts_with", "ends_with") and len(when.children) == 2:
        subject, part = when.children
        text = known.get(subject.key)
        if isinstance(text, str) and part.kind == "literal" and isinstance(part.value, str):
            return text.startswith(part.value) if when.value == "starts_with" else text.endswith(part.value)
    return None


def mentioned(when: Tree | None, subject: Tree) -> list[str]:
    """The texts that a condition compares a part with, for the nearest name when none of them is right."""
    texts: list[str] = []
    for part in when.walk() if when is not None else ():
        found, values = _membership(replace(part, value="eq") if part.value == "ne" else part)
        if found is not None and found.key == subject.key:
            texts.extend(sorted(value for value in values if value is not None))
    return texts


def type_of(tree: Tree) -> str | None:
    """The JMESPath type of all that an expression can yield but null, where there is only one."""
    if tree.kind == "expref":
        return "expref"
    if tree.kind in ("comparator", "not_expression"):
        return "boolean"
    if tree.kind == "function_expression":
        added = FUNCTIONS[tree.value].returns if tree.value in FUNCTIONS else "any"
        return _RETURNS.get(tree.value, None if added == "any" else added)
    if tree.kind != "literal":
        return None
    types = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return types.get(type(tree.value), "null")
