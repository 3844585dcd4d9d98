"""What the checker must see and what it must not; most of it is data, in tests/language and tests/diagnostics."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rulesengine.errors import FunctionFault
from rulesengine.expressions import compile_expression
from tests.conftest import check, engine_of, item_of


def errors(mapping: str | dict[str, Any]) -> list[str]:
    return [one.code.number for one in check(mapping).diagnostics if one.is_error]


@pytest.mark.parametrize("emit", ["nope", {"table": "none", "key": "a"}])
def test_unknown_names_are_errors_in_rules_of_another_channel(emit: Any) -> None:
    assert errors({"rules": [{"when": "channel() == 'sms'", "emit": emit}, {"emit": "open"}]})


@pytest.mark.parametrize("name", ["reachability_update_type", "list_id"])
def test_data_does_not_forge_what_makes_the_event(name: str) -> None:
    assert errors({"rules": [{"emit": "soft_bounce", "data": {name: "'hard_bounce'"}}]})


def test_every_format_of_a_list_is_tried() -> None:
    mapping = {"payload": {"format": ["ndjson", "form"]}, "rules": [{"emit": "open"}]}
    assert errors(mapping) or engine_of(mapping).apply_bytes("test", b"email=ann@example.com").emitted == 1


def test_events_are_json() -> None:
    mapping = {"rules": [{"emit": "open", "data": {"n": "to_number(n)"}}]}
    for event in engine_of(mapping).apply("test", [item_of(n="nan"), item_of(n="1e999")]).events:
        json.dumps(event, allow_nan=False)


def test_a_hyphenated_field_may_be_compared() -> None:
    assert errors({"rules": [{"when": "\"err-code\" == '0'", "emit": "open"}]}) == []


def test_a_false_literal_is_bounded() -> None:
    rule = {"emit": {"type": "channel()", "action": "a && 'open' || `false`"}}
    assert errors({"rules": [rule]}) == []


def test_no_word_is_suggested_in_place_of_itself() -> None:
    found = check({"rules": [{"emit": {"type": "'sms'", "action": "'open'"}}]}).diagnostics
    assert [one.hint for one in found if one.code.number == "E315" and "'open'" in one.hint] == []


@pytest.mark.parametrize("text", ["matches(a, b)", "lower()"])
def test_a_known_function_is_not_called_unknown(text: str) -> None:
    with pytest.raises(FunctionFault) as caught:
        compile_expression(text).search({"a": "a", "b": "b"})
    assert "Unknown function" not in str(caught.value)
