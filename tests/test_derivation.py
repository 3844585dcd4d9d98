"""The steps to a value, and the parts that decided a condition."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from rulesengine.explaining.derivation import Derivation, Labels, View, conjuncts, decided_by, derive
from rulesengine.explaining.probing import Answer, Probes, Scope
from rulesengine.model import Expression
from rulesengine.unparse import unparse
from tests.conftest import engine_of


def view_of(expression: str, item: Any) -> tuple[Expression, View]:
    """An expression of a mapping, and how it sees an item."""
    engine = engine_of({"rules": [{"emit": "open", "data": {"x": expression}}]})
    mapping = engine.program("test").mapping
    probes, scope = Probes(mapping, engine.target), Scope(item, {"id": 7}, None, None)

    def ask(tree: Any) -> Answer:
        return probes.ask(tree, scope)

    return mapping.rules[0].data[0].expression, View(ask, lambda field: (), Labels())


def derived(expression: str, item: Any) -> Derivation:
    return derive("x", *view_of(expression, item))


@pytest.mark.parametrize(
    ("expression", "item", "steps"),
    [
        ("to", {"to": "Ann"}, [("to", "Ann")]),
        ("'text'", {}, [("'text'", "text")]),
        ("@", {"a": 1}, [("@", {"a": 1})]),
        ("a.b[0].c", {"a": {"b": [{"c": 1}]}}, [("a.b[0].c", 1)]),
        ("root().id", {}, [("root().id", 7)]),
        ("lower(trim(to))", {"to": " A"}, [("to", " A"), ("trim(to)", "A"), ("lower(trim(to))", "a")]),
        ("join(',', [a, b])", {"a": "1", "b": "2"},
         [("a", "1"), ("b", "2"), ("[a, b]", ["1", "2"]), ("join(',', [a, b])", "1,2")]),
        ("a == 'x' && b", {"a": "x", "b": 1}, [("a", "x"), ("a == 'x'", True), ("b", 1), ("a == 'x' && b", 1)]),
        ("{k: a, l: 'b'}", {"a": 1}, [("a", 1), ("{k: a, l: 'b'}", {"k": 1, "l": "b"})]),
        ("upper(a) || upper(a)", {}, [("a", None), ("upper(a)", None), ("upper(a) || upper(a)", None)]),
        # The right side only where it had its say.
        ("a || b", {"a": 1, "b": 2}, [("a", 1), ("a || b", 1)]),
        ("a || b", {"b": 2}, [("a", None), ("b", 2), ("a || b", 2)]),
        ("a && b", {"b": 2}, [("a", None), ("a && b", None)]),
        ("a || b || c", {"c": 3}, [("a", None), ("b", None), ("c", 3), ("a || b || c", 3)]),
        ("a || b || c", {"b": 2}, [("a", None), ("b", 2), ("a || b || c", 2)]),
        # Projections are one part, beside what they are over.
        ("l[?a == `1`].b", {"l": [{"a": 1, "b": 2}]}, [("l", [{"a": 1, "b": 2}]), ("l[?a == `1`].b", [2])]),
        ("[l][].upper(@)", {"l": "a"}, [("l", "a"), ("[l]", ["a"]), ("[l][].upper(@)", ["A"])]),
        ("map(&upper(@), l)", {"l": ["a"]}, [("l", ["a"]), ("map(&upper(@), l)", ["A"])]),
        ("items(o)[*][0] | [0]", {"o": {"k": 1}},
         [("o", {"k": 1}), ("items(o)", [["k", 1]]), ("items(o)[*][0]", ["k"]), ("items(o)[*][0] | [0]", "k")]),
        ("(a || b).c", {"b": {"c": 1}}, [("a", None), ("b", {"c": 1}), ("a || b", {"c": 1}), ("(a || b).c", 1)]),
    ],
)  # fmt: skip
def test_steps(expression: str, item: Any, steps: list[tuple[str, Any]]) -> None:
    found = derived(expression, item)
    assert [(step.text, step.value) for step in found.steps] == steps
    assert (found.value, found.fault) == (steps[-1][1], None)


def test_steps_end_where_one_fails() -> None:
    found = derived("text(abs(n))", {"n": "five"})
    assert [step.text for step in found.steps] == ["n", "abs(n)"]
    assert found.value is None
    assert found.fault == "abs() takes number, got string 'five'"


def test_each_step_has_its_own_place() -> None:
    expression, view = view_of("upper(a) || upper(a.b)", {})
    places = {step.text: step.place for step in derive("x", expression, view).steps}
    start = expression.place.column
    assert {text: place.column - start for text, place in places.items()} == {
        "a": 6,
        "upper(a)": 0,
        "a.b": 18,
        "upper(a.b)": 12,
        "upper(a) || upper(a.b)": 0,
    }


@pytest.mark.parametrize(
    ("condition", "item", "parts"),
    [
        ("a == 'x'", {"a": "y"}, [("a == 'x'", False, [("a", "y")])]),
        ("a", {"a": ""}, [("a", False, [("a", "")])]),
        ("a == 'x' && b", {"a": "y", "b": 1}, [("a == 'x'", False, [("a", "y")])]),
        ("a == 'x' && b", {"a": "x"}, [("b", False, [("b", None)])]),
        ("a && b", {"a": 1, "b": 2}, [("a", True, [("a", 1)]), ("b", True, [("b", 2)])]),
        ("a || b", {}, [("a", False, [("a", None)]), ("b", False, [("b", None)])]),
        ("a || b", {"b": 1}, [("b", True, [("b", 1)])]),
        ("!(a || b)", {"a": 1}, [("a", True, [("a", 1)])]),
        ("a && !(b && c)", {"a": 1, "b": 1}, [("a", True, [("a", 1)]), ("c", False, [("c", None)])]),
        ("contains(['x'], lower(a))", {"a": "Y"}, [("contains(['x'], lower(a))", False, [("lower(a)", "y")])]),
        ("a < b", {"a": 2, "b": 1}, [("a < b", False, [("a", 2), ("b", 1)])]),
        ("channel() == 'sms'", {}, [("channel() == 'sms'", False, [("channel()", "email")])]),
    ],
)
def test_decided_by(condition: str, item: Any, parts: list[tuple[str, bool, list[tuple[str, Any]]]]) -> None:
    expression, view = view_of(condition, item)
    assert expression.tree is not None
    found = decided_by(expression, expression.tree, view)
    assert [(one.text, one.holds, [(saw.text, saw.value) for saw in one.saw]) for one in found] == parts


@pytest.mark.parametrize("condition", ["abs(n) > `1` && a", "a && abs(n) > `1`", "b || abs(n) > `1`"])
def test_a_part_that_fails_decides(condition: str) -> None:
    expression, view = view_of(condition, {"a": 1, "n": "five"})
    assert expression.tree is not None
    (part,) = decided_by(expression, expression.tree, view)
    assert (part.text, part.holds, part.fault) == ("abs(n) > `1`", False, "abs() takes number, got string 'five'")


def test_conjuncts() -> None:
    expression, _ = view_of("a && (b || c) && (d && e)", {})
    assert expression.tree is not None
    assert list(map(unparse, conjuncts(expression.tree))) == ["a", "b || c", "d", "e"]


def test_steps_of_a_field_begin_where_it_was_written() -> None:
    expression, view = view_of("text(a.b)", {"a": {"b": 1}})
    (written,) = derived("'written'", {}).steps
    view = View(view.ask, partial(lambda known, field: [known] if field == "a" else [], written), view.labels)
    assert [step.text for step in derive("x", expression, view).steps] == ["'written'", "a.b", "text(a.b)"]
