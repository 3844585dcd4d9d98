"""Parts of expressions by themselves: they give what the whole language gives, and never raise."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine.explaining.probing import Probes, Scope
from rulesengine.expressions import compile_expression
from rulesengine.jmes import parse
from rulesengine.unparse import unparse
from tests.conftest import engine_of
from tests.test_expressions import answer, data, exact, expressions
from tests.test_unparse import whole_parts

MAPPING = {"tables": {"kinds": {"a": "x"}}, "rules": [{"emit": "open", "data": {"kind": "lookup('kinds', k)"}}]}


@pytest.fixture(scope="module")
def probes() -> Probes:
    engine = engine_of(MAPPING)
    return Probes(engine.program("test").mapping, engine.target)


def scope_of(item: Any) -> Scope:
    return Scope(item, {"all": 1}, {"up": 2}, {"received_at": 3})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a", "x"),
        ("@", {"a": "x"}),
        ("upper(a)", "X"),
        ("root().all", 1),
        ("parent().up", 2),
        ("request().received_at", 3),
        ("channel()", "email"),
        ("lookup('kinds', 'a')", "x"),
        ("lookup('kinds', 'b')", None),
    ],
)
def test_values(probes: Probes, expression: str, value: Any) -> None:
    found = probes.ask(parse(expression), scope_of({"a": "x"}))
    assert (found.value, found.fault) == (value, None)


@pytest.mark.parametrize(
    ("item", "holds"), [("x", True), (0, True), (True, True), ("", False), ([], False), (None, False), (False, False)]
)
def test_holds_as_jmespath_holds(probes: Probes, item: Any, holds: bool) -> None:
    assert probes.ask(parse("@"), scope_of(item)).holds is holds


def test_a_fault_is_a_sentence(probes: Probes) -> None:
    found = probes.ask(parse("abs(a)"), scope_of({"a": "five"}))
    assert (found.value, found.fault, found.holds) == (None, "abs() takes number, got string 'five'", False)


def test_what_goes_too_deep_is_a_fault(probes: Probes) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert probes.ask(parse("to_string(@)"), scope_of(deep)).fault == "it is nested too deeply"


@given(expressions, st.lists(data, min_size=1, max_size=3))
def test_any_part_gives_what_the_language_gives(probes: Probes, text: str, values: list[Any]) -> None:
    for part in whole_parts(parse(text)):
        search = compile_expression(unparse(part)).search
        for value in values:
            found = probes.ask(part, scope_of(value))
            kind, expected = answer(partial(search, value))
            assert (found.fault is not None) is (kind == "raises")
            assert found.fault is not None or exact(found.value) == expected
