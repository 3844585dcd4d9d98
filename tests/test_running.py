"""A program over a body: what an outcome says, how items are counted, and that no payload raises."""

from __future__ import annotations

from typing import Any

import pytest

from rulesengine import Outcome, Place, Result
from rulesengine.errors import PayloadError
from rulesengine.running import run_body
from tests.conftest import assert_all_accounted_for, engine_of, item_of

MAPPING = """\
mapping: 1
provider: test
payload:
  each: [batches, items]
  event: type
  events: [opened, bounced, test]
event:
  identifiers: {email: email}
  data: {batch: parent().id}
tables:
  kinds: {hard: hard_bounce, soft: soft_bounce}
rules:
  - name: opened
    when: type == 'opened'
    emit: open
    data: {n: n && abs(n)}
  - when: type == 'bounced'
    emit: {table: kinds, key: kind}
  - when: type == 'test'
    ignore: a test
"""


def one_outcome(item: Any) -> Outcome:
    """The outcome of an item that is not emitted."""
    result = engine_of(MAPPING).apply("test", {"batches": [{"items": [item]}]})
    assert_all_accounted_for(result)
    (outcome,) = [*result.ignored, *result.unmatched, *result.rejected]
    return outcome


def where(outcome: Outcome) -> tuple[str, int, int] | None:
    place = outcome.place
    return None if place is None else (place.file, place.line, place.column)


# -- what an outcome says ---------------------------------------------------------------------------------------------


def test_an_ignored_item_says_rule_and_reason() -> None:
    outcome = one_outcome({"type": "test"})
    assert outcome == Outcome(0, "rules[2]", None, None, "a test", {"type": "test"})


def test_an_item_no_rule_takes_says_its_event() -> None:
    outcome = one_outcome({"type": "opend"})
    assert (outcome.rule, outcome.code, where(outcome)) == (None, "E511", ("0.yml", 12, 1))
    assert "'opend'" in outcome.message
    assert outcome.item == {"type": "opend"}


def test_a_value_a_table_lacks_is_named_with_the_table_and_the_rule() -> None:
    outcome = one_outcome({"type": "bounced", "kind": "firm"})
    assert (outcome.rule, outcome.code, where(outcome)) == ("rules[1]", "E512", ("0.yml", 11, 3))
    assert "'kinds'" in outcome.message
    assert "'firm'" in outcome.message


def test_a_fault_says_where_and_why() -> None:
    outcome = one_outcome({"type": "opened", "email": "ann@example.com", "n": "five"})
    assert (outcome.rule, outcome.code, where(outcome)) == ("opened", "E506", ("0.yml", 16, 20))
    assert outcome.message == "rules[0].data.n: abs() takes number, got string 'five'"


def test_a_value_in_a_message_is_shortened() -> None:
    outcome = one_outcome({"type": "opened", "email": "ann@example.com", "n": "x" * 10_000})
    assert len(outcome.message) < 200
    assert len(outcome.item["n"]) == 10_000


def test_a_value_in_a_message_cannot_command_a_terminal() -> None:
    outcome = one_outcome({"type": "bounced", "kind": "\x1b[31mred\n"})
    assert outcome.message.isprintable()


def test_the_item_of_an_outcome_is_the_item_itself() -> None:
    item = {"type": "test"}
    result = engine_of(MAPPING).apply("test", {"batches": {"items": item}})
    assert result.ignored[0].item is item


def test_a_body_that_cannot_be_decoded_is_its_own_item() -> None:
    result = engine_of(MAPPING).apply_bytes("test", b"\xff")
    assert [(one.code, one.item, one.index, one.place, one.rule) for one in result.rejected] == [
        ("E501", b"\xff", 0, None, None)
    ]


# -- counting ---------------------------------------------------------------------------------------------------------


def test_indices_count_all_items_in_order() -> None:
    opened = {"type": "opened", "email": "ann@example.com"}
    body = {"batches": [{"items": [opened, {"type": "test"}]}, {}, {"items": [{}, None, opened, {"type": "opened"}]}]}
    result = engine_of(MAPPING).apply("test", body)
    assert (result.bodies, result.items, result.emitted) == (1, 7, 2)
    assert [one.index for one in result.ignored] == [1]
    assert [(one.index, one.code) for one in result.rejected] == [(2, "E505"), (4, "E514"), (6, "E508")]
    assert [one.index for one in result.unmatched] == [3]
    assert_all_accounted_for(result)


def test_an_item_of_several_events_is_one_item() -> None:
    result = engine_of({"rules": [{"emit": ["open", "click"]}]}).apply("test", item_of())
    assert (result.items, result.emitted, len(result.events)) == (1, 1, 2)


def test_a_body_without_items_is_counted_as_a_body() -> None:
    result = engine_of(MAPPING).apply("test", {"batches": []})
    assert (result.bodies, result.items) == (1, 0)


def test_a_result_can_take_several_bodies() -> None:
    engine, result = engine_of({"rules": [{"emit": "open"}]}), Result()
    for body in (b'{"email": "ann@example.com"}', b"no", b'[{}, {"email": "bob@example.com"}]'):
        assert engine.apply_bytes("test", body, into=result) is result
    assert (result.bodies, result.items, result.emitted) == (3, 4, 2)
    assert [one.index for one in result.rejected] == [1, 2]
    assert_all_accounted_for(result)


def test_what_taking_the_events_raises_is_a_fault_of_the_item() -> None:
    """A result that writes events out may find that one cannot be written; the others are."""

    class Writing(Result):
        def emit(self, events: list[dict[str, Any]]) -> None:
            if "bad" in events[0]["data"]:
                from rulesengine import codes

                raise PayloadError(codes.E501, "cannot be written")
            super().emit(events)

    result = Writing()
    engine = engine_of({"rules": [{"emit": "open", "data": {"bad": "bad"}}]})
    run_body(engine._programs["test"], [item_of(), item_of(bad=1), item_of()], None, result)
    assert (result.items, result.emitted, len(result.events)) == (3, 2, 2)
    assert [(one.index, one.code, one.message) for one in result.rejected] == [(1, "E501", "cannot be written")]


# -- nothing raises ---------------------------------------------------------------------------------------------------

DEEP: Any = []
for _ in range(50_000):
    DEEP = [DEEP]

USES: dict[str, dict[str, Any]] = {
    "argument of a function": {"rules": [{"emit": "open", "data": {"x": "abs(x)"}}]},
    "argument of an added function": {"rules": [{"emit": "open", "data": {"x": "upper(x)"}}]},
    "value": {"rules": [{"emit": "open", "data": {"x": "x"}}]},
    "value beside a literal": {"rules": [{"emit": "open", "data": {"x": "x || `[]`"}}]},
    "comparison": {"rules": [{"when": "x == y", "emit": "open"}, {"emit": "click"}]},
    "member of a list": {"rules": [{"when": "contains(['a', 'b'], x)", "emit": "open"}, {"emit": "click"}]},
    "text": {"rules": [{"emit": "open", "data": {"x": "text(x)", "y": "to_string(x)"}}]},
    "identifier": {"rules": [{"emit": "open", "identifiers": {"id": "x"}}]},
    "list_id": {"rules": [{"emit": "list_unsubscribe", "list_id": "x"}]},
    "key": {"tables": {"t": {"a": "open", "b": "ignore"}}, "rules": [{"emit": {"table": "t", "key": "x"}}]},
    "default": {"tables": {"t": {"default": "ignore"}}, "rules": [{"emit": {"table": "t", "key": "x"}}]},
    "event": {"payload": {"event": "x", "events": ["a"]}, "rules": [{"when": "x == 'a'", "emit": "open"}]},
    "step": {"payload": {"each": ["@", "from_json(x)"]}, "rules": [{"emit": "open"}]},
    "items": {"payload": {"each": "x"}, "rules": [{"when": "abs(@) == `1`", "emit": "open"}]},
    "order": {"rules": [{"when": "x > `5` || sort([x, y])", "emit": "open"}, {"emit": "click"}]},
}  # fmt: skip
STRANGE = {
    "a number of 5,000 digits": 10**5_000,
    "such numbers in a list": [10**5_000, {"a": -(10**5_000)}],
    "50,000 lists in one another": DEEP,
    "an object of them": {"a": DEEP},
    "half a surrogate pair": "\ud800",
    "half a surrogate pair in a list": ["\udfff"],
    "not a number": float("nan"),
    "infinity": float("-inf"),
    "a control character": "\x00\x1b\n",
    "a long text": "ä" * 100_000,
}


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("use", USES)
def test_no_value_raises(use: str, value: str) -> None:
    """Whatever a field holds, the item is accounted for, in a few words."""
    result = engine_of(USES[use]).apply("test", [item_of(x=STRANGE[value], y="b")])
    assert_all_accounted_for(result)
    assert result.items >= 1
    assert all(len(one.message) < 500 for one in [*result.unmatched, *result.rejected, *result.ignored])


@pytest.mark.parametrize(
    "body", [None, 5, 1.5, True, "text", [], {}, [[]], [None], {"a": None}, DEEP], ids=lambda b: str(type(b))
)
@pytest.mark.parametrize("use", USES)
def test_no_body_raises(use: str, body: Any) -> None:
    assert_all_accounted_for(engine_of(USES[use]).apply("test", body))


@pytest.mark.parametrize("request_", [None, 5, "x", [], {"headers": 5}, {"headers": {"x": "y"}}], ids=repr)
def test_no_request_raises(request_: Any) -> None:
    mapping = {"rules": [{"when": "request().headers.x == 'y'", "emit": "click"}, {"emit": "open"}]}
    result = engine_of(mapping).apply("test", item_of(), request=request_)
    assert result.emitted == 1


def test_a_place_is_a_place_of_the_mapping() -> None:
    outcome = one_outcome({"type": "opened", "email": 5})
    assert outcome.place == Place("0.yml", 8, 24, 8, 29)
    assert outcome.place.snippet == "  identifiers: {email: email}"
