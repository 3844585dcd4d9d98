"""A tree as text: it parses to the same tree again, whatever part of whatever expression it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine.jmes import Tree, parse
from rulesengine.unparse import unparse
from tests import cases
from tests.test_expressions import CASES, deep_expressions, expressions

# These stand only within others: `[0]` alone is about the item, and `[]` alone a projection.
_NEVER_ALONE = ("key_val_pair", "index", "slice", "flatten", "expref")


def whole_parts(tree: Tree) -> Iterator[Tree]:
    """The parts of an expression that are expressions themselves."""
    for part in tree.walk():
        sliced = part.kind == "index_expression" and part.children[-1].kind == "slice"
        if part.kind not in _NEVER_ALONE and not sliced:
            yield part


def assert_parts_come_back(text: str) -> None:
    for part in whole_parts(parse(text)):
        assert parse(unparse(part)).key == part.key, unparse(part)


def test_what_the_specification_has() -> None:
    texts = {case.expression for case in CASES if case.data.get("error") != "syntax"}
    assert len(texts) > 1000
    for text in texts:
        assert_parts_come_back(text)


@pytest.mark.parametrize("provider", cases.providers())
def test_what_the_mappings_have(provider: str) -> None:
    mapping = cases.engine_for(provider).program(provider).mapping
    for expression, _ in mapping.expressions():
        assert_parts_come_back(expression.text)


@given(st.one_of(expressions, deep_expressions()))
def test_anything(text: str) -> None:
    assert_parts_come_back(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a  ||'b'", "a || 'b'"),
        ("(a||b)&&c", "(a || b) && c"),
        ("((a))", "a"),
        ("a||(b||c)", "a || (b || c)"),
        ("!(a.b)", "!(a.b)"),
        ("! a", "!a"),
        ('"a b"."c"', '"a b".c'),
        (r"'it\'s'", r"'it\'s'"),
        (r"'a\\b'", r"`" + '"' + r"a\\\\b" + '"' + "`"),
        ("`1.0`", "`1.0`"),
        ("`null`", "`null`"),
        ("a [? b == `1` ] . c | [0]", "a[?b == `1`].c | [0]"),
        ("(a[*]).b", "(a[*]).b"),
        ("a[1:2].b", "a[1:2].b"),
        ("a[::2]", "a[::2]"),
        ("map(& (a || b), @)", "map(&a || b, @)"),
        ("x.{a:b,'c d':e}".replace("'", '"'), 'x.{a: b, "c d": e}'),
        ("*.a", "*.a"),
        ("a.*", "a.*"),
    ],
)
def test_written(text: str, written: str) -> None:
    assert unparse(parse(text)) == written
