"""What is known of the parts of a condition where it holds, or where it does not.

Under `a == 'x' && contains(['y', 'z'], b)` a is 'x', and b one of two texts. Parts are told apart by `Tree.key`, so
what is known of one is known wherever it is repeated.

Limits: only comparisons with a scalar that is written out, membership in a list of texts that is written out, and truth
tell something; of a part that is computed from another nothing follows for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rulesengine.jmes import Tree
from rulesengine.possible import (
    ANY,
    FALSY,
    TRUTHY,
    Possible,
    both,
    constant_of,
    either,
    of,
    of_types,
    without,
)

# Values of parts, by `Tree.key`.
Parts = Mapping[str, Possible]


def known_as(tree: Tree, *values: object) -> Parts:
    """The knowledge that an expression has one of these values."""
    return {tree.key: of(*values)}


def joined(one: Parts, other: Parts) -> Parts:
    """What is known where both hold."""
    shared = {key: both(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **shared}


def _shared(one: Parts, other: Parts) -> Parts:
    """What is known where one of two holds, and nobody knows which."""
    return {key: either(one[key], other[key]) for key in one.keys() & other.keys()}


def assume(tree: Tree | None, *, holds: bool = True) -> Parts:
    """What is known of the parts of a condition where it holds, or where it does not; of no condition nothing."""
    if tree is None or tree.kind == "literal":
        return {}
    kept: Parts | None = tree.memo.get(_ASSUMED[holds])
    if kept is None:
        kept = tree.memo[_ASSUMED[holds]] = _assumed(tree, holds)
    return kept


_ASSUMED = ("where it does not hold", "where it holds")  # in the memo of a tree: what `assume` says


def _assumed(tree: Tree, holds: bool) -> Parts:
    if tree.kind == "not_expression":
        return assume(tree.children[0], holds=not holds)
    if tree.kind in ("and_expression", "or_expression"):
        sides = [assume(child, holds=holds) for child in tree.children]
        all_hold = (tree.kind == "and_expression") is holds
        return joined(*sides) if all_hold else _shared(*sides)
    return {tree.key: TRUTHY if holds else FALSY, **_of_operands(tree, holds)}


def _of_operands(tree: Tree, holds: bool) -> Parts:
    subject, values = membership(tree)
    if subject is not None:
        is_one = holds is (tree.value != "ne")
        return {subject.key: of(*values) if is_one else without(ANY, map(constant_of, values))}
    if tree.kind == "function_expression" and tree.value in ("starts_with", "ends_with") and tree.children:
        return {tree.children[0].key: of_types("string")}
    return {}


def membership(tree: Tree) -> tuple[Tree | None, tuple[Any, ...]]:
    """`x == 'a'`, `x != 'a'` or `contains(['a', 'b'], x)` as x and what it is compared with; None for all else."""
    if tree.kind == "comparator" and tree.value in ("eq", "ne"):
        for subject, other in (tree.children, tree.children[::-1]):
            if subject.kind != "literal" and other.kind == "literal" and not isinstance(other.value, list | dict):
                return subject, (other.value,)
    if tree.kind == "function_expression" and tree.value == "contains" and len(tree.children) == 2:
        texts = written_texts(tree.children[0])
        if texts is not None and tree.children[1].kind != "literal":
            return tree.children[1], tuple(texts)
    return None, ()


def written_texts(tree: Tree) -> list[str] | None:
    """The texts of a list that is written out: `['a', 'b']`, or a literal."""
    written = tree.value if tree.kind == "literal" else literal_list(tree)
    is_texts = isinstance(written, list) and all(isinstance(one, str) for one in written)
    return list(written) if written is not None and is_texts else None


def literal_list(tree: Tree) -> list[Any] | None:
    """The list that a multi-select of nothing but literals always yields; None for any other tree."""
    if tree.kind == "multi_select_list" and all(child.kind == "literal" for child in tree.children):
        return [child.value for child in tree.children]
    return None
