"""What is told of items: the outcomes are those of `Engine.apply`, and the rest is what the mapping says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine import Engine, Result
from rulesengine.explaining.derivation import Derivation
from rulesengine.explaining.why import EMITTED, OUTCOMES, Explanation
from rulesengine.testing.cases import Case
from tests import cases
from tests.conftest import engine_of, item_of

MAPPING = """\
mapping: 1
provider: test
payload:
  each: [entry, changes, "merge(@, {kind: type || sort, who: {mail: lower(email)}})"]
  event: kind
  events: [opened, bounced, left, test]
event:
  identifiers: {email: who.mail}
  data: {n: n && abs(n), account: parent().id}
tables:
  kinds: {hard: hard_bounce, soft: soft_bounce, out-of-office: ignore}
rules:
  - name: opened late
    when: kind == 'opened' && late && !(n == `1`)
    emit: click
  - name: opened
    when: kind == 'opened'
    emit: open
  - name: bounced
    when: kind == 'bounced'
    emit:
      - {table: kinds, key: trim(class)}
      - metric: list_unsubscribe
        list_id: list
  - name: left
    when: kind == 'left' && list && contains(['a', 'b'], list)
    emit: {type: "'list'", action: "'unsubscribe'"}
    list_id: list
  - when: kind == 'test'
    ignore: a test
"""


def why(*items: Any, engine: Engine | None = None) -> list[Explanation]:
    """The explanations of items of MAPPING."""
    return (engine or engine_of(MAPPING)).why("test", {"entry": [{"changes": list(items)}]})


def steps(derivation: Derivation | None) -> list[tuple[str, Any]]:
    return [] if derivation is None else [(step.text, step.value) for step in derivation.steps]


# -- the same as `apply` ----------------------------------------------------------------------------------------------


def assert_told_as_applied(told: Sequence[Explanation], result: Result) -> None:
    """Each item has the outcome, rule and events that it has in the result, and events the fields that are derived."""
    assert [one.index for one in told] == list(range(result.items))
    assert [event for one in told for event in one.events] == result.events
    assert sum(one.outcome == EMITTED for one in told) == result.emitted
    for name in OUTCOMES:
        ours = [
            (one.index, one.rule.rule.label if one.rule else None, one.code, one.place, one.message, one.item)
            for one in told
            if one.outcome == name
        ]
        theirs = [(one.index, one.rule, one.code, one.place, one.message, one.item) for one in getattr(result, name)]
        assert ours == theirs
    for one in told:
        assert_fields_are_derived(one)


def assert_fields_are_derived(told: Explanation) -> None:
    for emitted in told.emissions:
        if emitted.event is None:
            continue
        derived: dict[str, Any] = {"identifiers": {}, "data": {}}
        for field in emitted.fields:
            part, name = field.name.split(".", 1)
            assert field.fault is None
            if field.value is not None and (part, field.value) != ("identifiers", ""):
                derived[part][name] = field.value
        made = {part: dict(emitted.event[part]) for part in derived}
        made["data"].pop("reachability_update_type", None)
        assert derived == made


def assert_rules_are_those_that_ran(told: Sequence[Explanation], labels: frozenset[str]) -> None:
    """A rule on whose event an item failed in the end may have been noted, or not."""
    took = [(one.rule.rule.label, one.outcome) for one in told if one.rule is not None and one.rule.holds]
    assert {label for label, outcome in took if outcome in (EMITTED, "ignored")} <= labels <= {one for one, _ in took}


def labels_that_ran(provider: str) -> Iterator[tuple[Case, frozenset[str]]]:
    """Each case of a provider with the rules that a program noted to have run."""
    suite = cases.suite_of(provider)
    rules = {rule.place: rule.label for rule in suite.tested.mapping.rules}
    for trial in suite.trials:
        yield trial.case, frozenset(rules[place] for place in trial.seen if place in rules)


@pytest.mark.parametrize("provider", cases.providers())
def test_cases_are_told_as_applied(provider: str) -> None:
    tested = cases.tested(provider)
    explainers = {channel: engine.explainer(provider) for channel, engine in tested.engines.items()}
    for case, labels in labels_that_ran(provider):
        channel = tested.channel_for(case)
        assert channel is not None
        engine = tested.engines[channel]
        if case.body is None:
            bodies: list[tuple[bytes, Any]] = [(b"", case.payload)]
            result = engine.apply(provider, case.payload, request=case.request)
        else:
            bodies = list(engine.bodies(provider, case.body))
            result = engine.apply_bytes(provider, case.body, request=case.request)
        told = [explain() for _, explain in explainers[channel].each(bodies, case.request)]
        assert_told_as_applied(told, result)
        assert_rules_are_those_that_ran(told, labels)


ODD: list[Any] = [None, 7, "x", [], {}, True, "", -1.5, [None], {"a": None}, "2026-01-01T00:00:00Z", [[[]]]]


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from paths_in(value[key], (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A value with something else in one place."""
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = changed(value[path[0]], path[1:], new)
    return value


@given(st.data())
def test_odd_payloads_are_told_as_applied(data: st.DataObject) -> None:
    provider = data.draw(st.sampled_from(cases.providers()))
    tested = cases.tested(provider)
    suitable = [one for one in tested.cases if one.body is None and tested.channel_for(one)]
    case = data.draw(st.sampled_from(suitable))
    payload = case.payload
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths_in(payload))))
        payload = changed(payload, path, data.draw(st.sampled_from(ODD)))
    engine = tested.engines[tested.channel_for(case) or ""]
    told = engine.why(provider, payload, request=case.request)
    assert_told_as_applied(told, engine.apply(provider, payload, request=case.request))


# -- rules ------------------------------------------------------------------------------------------------------------


def test_the_rule_that_took_it_and_those_that_did_not() -> None:
    (told,) = why(item_of(type="opened", late=True, n=1))
    assert told.outcome == EMITTED
    assert told.rule is not None
    assert (told.rule.rule.label, told.rule.holds) == ("opened", True)
    assert [(part.text, part.holds) for part in told.rule.parts] == [("kind == 'opened'", True)]
    (above,) = told.above
    assert (above.rule.label, above.holds) == ("opened late", False)
    assert [(part.text, part.holds) for part in above.parts] == [("n == `1`", True)]


def test_equal_conditions_have_places_of_their_own() -> None:
    (told,) = why(item_of(type="bounced", **{"class": "hard"}, list="l"))
    assert [tried.parts[0].text for tried in told.above] == ["kind == 'opened'"] * 2
    assert [tried.parts[0].place.line for tried in told.above] == [14, 17]


def test_a_rule_that_fails_is_told_as_such() -> None:
    engine = engine_of({"rules": [{"name": "big", "when": "abs(n) > `1`", "emit": "open"}, {"ignore": "small"}]})
    (told,) = engine.why("test", item_of(n="five"))
    assert (told.outcome, told.code, told.above) == ("rejected", "E506", ())
    assert told.rule is not None
    assert (told.rule.rule.label, told.rule.holds) == ("big", False)
    assert [part.fault for part in told.rule.parts] == ["abs() takes number, got string 'five'"]


def test_a_rule_without_condition_takes_what_is_left() -> None:
    (told,) = engine_of({"rules": [{"ignore": "all"}]}).why("test", item_of())
    assert told.rule is not None
    assert (told.rule.holds, told.rule.parts, told.message) == (True, (), "all")


def test_the_nearest_rule_has_the_most_conditions_true() -> None:
    (told,) = why(item_of(type="left", list="c"))
    assert (told.code, told.rule, len(told.above)) == ("E511", None, 5)
    nearest = told.nearest
    assert nearest is not None
    assert (nearest.rule.label, nearest.true, nearest.total) == ("left", 2, 3)
    assert [part.text for part in nearest.parts] == ["contains(['a', 'b'], list)"]


def test_of_two_as_near_the_one_that_asks_for_this_event_is_told() -> None:
    payload = {"event": "kind", "events": ["opened"]}
    rules = [
        {"name": "late", "when": "late && kind == 'opened'", "emit": "open"},
        {"name": "opened", "when": "kind == 'opened' && n", "emit": "open"},
    ]
    engine = engine_of({"payload": payload, "rules": rules})
    told = [engine.why("test", item_of(kind=kind, late=True))[0].nearest for kind in ("opend", "opened")]
    assert [one and (one.rule.label, one.true) for one in told] == [("late", 1), None]
    (told_opened,) = engine.why("test", item_of(kind="opened"))
    assert told_opened.nearest is not None
    assert told_opened.nearest.rule.label == "late"


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ({"type": "opend"}, "did you mean 'opened'?"),
        ({"type": "levitated"}, ""),
        ({"type": "left"}, ""),
        ({"type": 7}, ""),
        ({"type": "bounced", "class": "hrad"}, "did you mean 'hard'?"),
        ({"type": "bounced", "class": "levitated"}, ""),
    ],
)
def test_a_hint_for_what_is_spelt_alike(item: dict[str, Any], hint: str) -> None:
    (told,) = why(item_of(**item))
    assert (told.outcome, told.hint) == ("unmatched", hint)


# -- events -----------------------------------------------------------------------------------------------------------


def test_events_are_told_with_the_entries_that_chose_them() -> None:
    (told,) = why(item_of(type="bounced", **{"class": " hard"}, list="l"), engine=engine_of(MAPPING))
    first, second = told.emissions
    assert steps(first.choice[0]) == [("class", " hard"), ("trim(class)", "hard")]
    assert first.entry is not None
    assert (first.entry.key, first.entry.value, first.entry.key_place.line) == ("hard", "hard_bounce", 11)
    assert first.event is not None
    assert first.event["data"]["reachability_update_type"] == "hard_bounce"
    assert second.event is not None
    assert [field.name for field in second.fields] == [
        "identifiers.email", "data.n", "data.account", "data.list_id",
    ]  # fmt: skip


def test_an_entry_that_ignores_makes_no_event_and_the_others_stay() -> None:
    (told,) = why(item_of(type="bounced", **{"class": "out-of-office"}, list="l"))
    assert [one.event is None for one in told.emissions] == [True, False]
    assert [one.event["action"] for one in told.emissions if one.event] == ["unsubscribe"]
    assert told.emissions[0].fields == ()


def test_of_what_a_table_lacks_only_the_key_is_told() -> None:
    (told,) = why(item_of(type="bounced", **{"class": "firm"}, list="l"))
    assert (told.outcome, told.code) == ("unmatched", "E512")
    assert told.emissions[0].entry is None
    assert steps(told.emissions[0].choice[0])[-1] == ("trim(class)", "firm")
    assert [one.fields for one in told.emissions] == [(), ()]


def test_a_computed_event_is_told_by_its_parts() -> None:
    (told,) = why(item_of(type="left", list="a"))
    assert [(one.name, one.value) for one in told.emissions[0].choice] == [("type", "list"), ("action", "unsubscribe")]


def test_fields_of_a_rejected_item_are_told_up_to_the_fault() -> None:
    (told,) = why(item_of(type="opened", n="five"))
    assert (told.outcome, told.code) == ("rejected", "E506")
    (emitted,) = told.emissions
    assert emitted.event is None
    fields = {field.name: field for field in emitted.fields}
    assert fields["identifiers.email"].value == "ann@example.com"
    assert fields["data.n"].fault == "abs() takes number, got string 'five'"


# -- where items come from --------------------------------------------------------------------------------------------


def test_the_way_to_an_item() -> None:
    body = {"entry": {"changes": [item_of(type="test"), item_of(type="test")]}}
    told = engine_of(MAPPING).why("test", body)
    assert [[(level.text[:7], level.index) for level in one.path] for one in told] == [
        [("entry", None), ("changes", index), ("merge(@", None)] for index in (0, 1)
    ]


@pytest.mark.parametrize(("body", "indexes"), [(item_of(), [None]), ([item_of(), item_of()], [0, 1])])
def test_without_steps_the_body_is_the_way(body: Any, indexes: list[int | None]) -> None:
    told = engine_of({"rules": [{"emit": "open"}]}).why("test", body)
    assert [one.path[0].index for one in told] == indexes


def test_a_field_is_followed_into_the_step_that_wrote_it() -> None:
    (told,) = why(item_of(sort="opened", id="a-1"))
    assert steps(told.event) == [("type", None), ("sort", "opened"), ("type || sort", "opened"), ("kind", "opened")]
    assert told.event is not None
    assert [step.where for step in told.event.steps] == [*["payload.each[2]"] * 3, "payload.event"]
    (emitted,) = told.emissions
    fields = {field.name: field for field in emitted.fields}
    assert steps(fields["identifiers.email"])[-2:] == [
        ("{mail: lower(email)}", {"mail": "ann@example.com"}),
        ("who.mail", "ann@example.com"),
    ]
    assert steps(fields["data.account"]) == [("parent().id", "a-1")]


@pytest.mark.parametrize(
    ("each", "body", "found"),
    [
        (["@", "{x: y}"], {"y": 1}, ["y", "x"]),
        (["{x: y}", "merge(@, {z: x})"], {"y": 1}, ["y", "x"]),
        (["{x: y}", "@"], {"y": 1}, ["y", "x"]),
        (["merge({x: y}, @)", "@"], {"y": 1}, ["y", "x"]),
        # The field of the body comes later, so it is the one that is left.
        (["merge({x: y}, @)", "@"], {"y": 1, "x": 2}, ["x"]),
        (["merge(@, y)", "@"], {"y": {"x": 1}}, ["x"]),
        (["{x: `1`}", "y"], {"y": {"x": 1}}, None),
        (["[y]", "@"], {"y": {"x": 1}}, ["x"]),
    ],
)
def test_which_step_wrote_a_field(each: list[str], body: Any, found: list[str] | None) -> None:
    event = {"identifiers": {"email": "text(x)"}}
    (told,) = engine_of({"payload": {"each": each}, "event": event, "rules": [{"emit": "open"}]}).why("test", body)
    texts = [step for one in told.emissions for step, _ in steps(one.fields[0])]
    assert texts == ([*found, "text(x)"] if found else [])


def test_a_step_that_fails_is_told_in_place_of_its_items() -> None:
    body = {"entry": [{"changes": [item_of(type="test")]}, {"chances": 1}]}
    _, told = engine_of(MAPPING).why("test", body)
    assert (told.index, told.outcome, told.code, told.item) == (1, "rejected", "E505", {"chances": 1})
    assert [(level.text, level.index) for level in told.path] == [("entry", 1)]
    assert told.event is not None
    assert (told.event.name, steps(told.event)) == ("payload.each[1]", [("changes", None)])
    assert (told.rule, told.above) == (None, ())


def test_a_null_item_is_told_without_rules() -> None:
    told = engine_of({"rules": [{"emit": "open"}]}).why("test", [None, item_of()])
    assert [(one.outcome, one.code, one.rule is None) for one in told] == [
        ("rejected", "E514", True), (EMITTED, None, False),
    ]  # fmt: skip


# -- bytes ------------------------------------------------------------------------------------------------------------

LINES = {"payload": {"format": ["json", "ndjson"]}, "rules": [{"emit": "open"}]}
ONLY_LINES = {"payload": {"format": "ndjson"}, "rules": [{"emit": "open"}]}
GOOD = b'{"email": "ann@example.com"}'


@pytest.mark.parametrize("mapping", [LINES, ONLY_LINES])
@pytest.mark.parametrize(
    "body",
    [GOOD, GOOD + b"\n\n" + GOOD, GOOD + b"\n{bad\n" + GOOD, b"", b"\n", b"{bad", b"[" + GOOD + b",null]", b"\xff"],
)
def test_bytes_are_read_as_they_are_applied(mapping: dict[str, Any], body: bytes) -> None:
    engine = engine_of(mapping)
    assert_told_as_applied(engine.why_bytes("test", body), engine.apply_bytes("test", body))


def test_bytes_are_read_in_the_formats_asked_for() -> None:
    engine = engine_of({"rules": [{"emit": "open"}]})
    (told,) = engine.why_bytes("test", b"email=ann@example.com", formats=["form"])
    assert told.outcome == EMITTED
    with pytest.raises(ValueError, match="formats must be of"):
        engine.why_bytes("test", b"{}", formats=["xml"])


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(LookupError, match="no mapping for provider 'tset'"):
        engine_of(MAPPING).why("tset", {})
