"""The promise: a mapping that passes its check cannot emit what app.yml does not declare, whatever the payload.

Mappings are made at random of everything that decides which event comes out; those that pass the check are given
payloads of every shape. The events are held against app.yml and the vocabulary here, by other means than the engine's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rulesengine import Engine, Result
from rulesengine.codegen import compile_mapping
from rulesengine.emitting import Target
from rulesengine.running import run_body
from rulesengine.vocabulary import default_vocabulary
from tests.conftest import assert_all_accounted_for, check, files_of

GENERATED = {"sent"}
METRICS = sorted(default_vocabulary().metrics.keys() - GENERATED)
CHANNELS = ["email", "sms"]


def app_yml(channel: str, metrics: set[str]) -> str:
    groups: dict[str, list[str]] = {}
    for metric in sorted(metrics):
        groups.setdefault(default_vocabulary().metrics[metric].group, []).append(metric)
    return json.dumps({"channel": {"type": channel, "metrics": {"delivery": [], **groups}}})


def allowed(channel: str, metrics: set[str]) -> set[tuple[str, str, str | None]]:
    """Type, action and update type of every event that these metrics stand for."""
    known = default_vocabulary().metrics
    return {(known[one].type or channel, known[one].action, known[one].update) for one in metrics}


# -- mappings ---------------------------------------------------------------------------------------------------------

WORDS = ["open", "click", "delivery", "unreachable", "hard_bounce", "spam_report", "email", "sms", "reachability",
         "list", "unsubscribe", "Open ", ""]  # fmt: skip
FIELDS = ["event", "kind", "data.type", "tags[0]", "lower(event)", "@", "parent().id", "root().event"]

words = st.sampled_from(WORDS).map(lambda word: f"'{word}'")
fields = st.sampled_from(FIELDS)
conditions = st.recursive(
    st.one_of(
        st.builds("{} == {}".format, fields, words),
        st.builds("event == {}".format, words),
        st.builds("contains([{}, {}], {})".format, words, words, fields),
        st.builds("{} != {}".format, fields, words),
        st.builds("channel() == {}".format, words),
        st.builds("starts_with({}, {})".format, fields, words),
        fields,
    ),
    lambda part: st.one_of(
        st.builds("({} && {})".format, part, part),
        st.builds("({} || {})".format, part, part),
        st.builds("!({})".format, part),
    ),
    max_leaves=4,
)
# What a type, an action, an update type or a key may be computed from.
texts = st.recursive(
    st.one_of(
        words,
        fields,
        st.sampled_from(["event", "channel()", "lookup('kinds', kind)", "lookup('texts', kind)", "`null`"]),
    ),
    lambda part: st.one_of(
        st.builds("({} || {})".format, part, part),
        st.builds("({} && {})".format, part, part),
        st.builds("{}({})".format, st.sampled_from(["lower", "upper", "trim", "text"]), part),
    ),
    max_leaves=4,
)
kinds = st.one_of(st.just("channel()"), st.sampled_from(["'reachability'", "'list'", "'email'"]), texts)
actions = st.one_of(st.sampled_from(["'open'", "'unreachable'", "'unsubscribe'", "event"]), texts)
updates = st.one_of(st.sampled_from(["'hard_bounce'", "kind && 'hard_bounce' || 'spam_report'"]), texts)
names = st.dictionaries(st.sampled_from(["email", "phone", "id"]), st.one_of(fields, texts), max_size=2)
data = st.dictionaries(st.sampled_from(["ts", "value", "type", "action"]), st.one_of(fields, texts), max_size=2)
metrics = st.sampled_from(METRICS)
list_ids = st.sampled_from(["list", "'l'", "text(list)"])


def optional(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


def joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda some: {key: value for part in some for key, value in part.items()})


extras = optional(identifiers=names, data=data)
few_extras = st.one_of(st.just({}), extras)
by_metric = st.sampled_from([one for one in METRICS if one != "list_unsubscribe"])
by_list = st.fixed_dictionaries({"metric": st.just("list_unsubscribe"), "list_id": list_ids})
by_table = st.fixed_dictionaries(
    {"table": st.sampled_from(["kinds", "others"]), "key": st.one_of(st.just("event"), fields, fields, texts)}
)
by_table = st.one_of(by_table, joined(by_table, st.fixed_dictionaries({"list_id": list_ids})))
explicit = st.one_of(
    st.sampled_from(
        [
            {"type": "channel()", "action": "event"},
            {"type": "channel()", "action": "kind && 'open' || 'click'"},
            {"type": "channel()", "action": "lookup('texts', kind)"},
            {"type": "channel()", "action": "lookup('texts', kind) || 'open'"},
            {"type": "'reachability'", "action": "'unreachable'", "reachability_update_type": "event"},
            {
                "type": "'reachability'",
                "action": "'unreachable'",
                "reachability_update_type": "kind && 'hard_bounce' || 'spam_report'",
            },
            {"type": "'list'", "action": "'unsubscribe'", "list_id": "'l'"},
        ]
    ),
    st.fixed_dictionaries({"type": kinds, "action": actions}, optional={"reachability_update_type": updates}),
)
emissions = st.one_of(
    by_metric, by_list, by_table, explicit, *(joined(one, extras) for one in (by_list, by_table, explicit))
)
outcomes = st.one_of(
    st.just({"ignore": "not of interest"}),
    joined(emissions.map(lambda one: {"emit": one}), few_extras),
    joined(st.lists(emissions, min_size=1, max_size=3).map(lambda some: {"emit": some}), few_extras),
)
when = st.one_of(st.builds("event == {}".format, words), conditions)
rules = st.builds(
    lambda first, last: [*first, *last],
    st.lists(joined(st.fixed_dictionaries({"when": when}), outcomes), min_size=1, max_size=2),
    st.lists(outcomes, max_size=1),
)
entries = st.dictionaries(
    st.sampled_from(["open", "click", "spam_report", "default", "email", "5", "true"]),
    st.one_of(by_metric, st.sampled_from(["open", "ignore", "list_unsubscribe"])),
    min_size=1,
    max_size=4,
)
scalars = st.one_of(st.sampled_from(WORDS), st.sampled_from([5, 1.5, True, False, None]))
mappings = st.builds(
    lambda kinds, others, texts, rules, identifiers, data, each: {
        "payload": {"each": each},
        "event": {"identifiers": {"email": "email", **identifiers}, "data": data},
        "tables": {"kinds": kinds, "others": others, "texts": texts},
        "rules": rules,
    },
    entries,
    entries,
    st.dictionaries(st.sampled_from(WORDS[:-1]), scalars, min_size=1, max_size=3),
    rules,
    st.one_of(st.just({}), names),
    st.one_of(st.just({}), data),
    st.sampled_from([["@", "@"], ["items", "@"]]),
)

# -- payloads ---------------------------------------------------------------------------------------------------------

leaves = st.one_of(
    st.sampled_from([*WORDS, None, True, False, 0, 1, 5, -1.5]),
    st.text(max_size=3),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
json_values = st.recursive(
    leaves,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(
            st.sampled_from(["event", "kind", "data", "type", "tags", "email", "items", "id", "list", "a"]),
            part,
            max_size=5,
        ),
    ),
    max_leaves=10,
)
likely_items = st.fixed_dictionaries(
    {
        "email": st.one_of(st.just("ann@example.com"), st.just("bob@example.com"), json_values),
        "event": st.one_of(st.sampled_from(WORDS), st.sampled_from(["open", "click", "spam_report"]), json_values),
    },
    optional={
        "kind": st.one_of(st.sampled_from(WORDS), json_values),
        "data": st.one_of(st.fixed_dictionaries({"type": st.sampled_from(WORDS)}), json_values),
        "tags": st.lists(leaves, max_size=2),
        "list": st.one_of(st.just("l"), json_values),
    },
)
payloads = st.one_of(
    json_values, likely_items, st.lists(likely_items, max_size=3), likely_items.map(lambda one: {"items": [one]})
)

# Items with every word where mappings look for one, so that most rules get some.
PROBES = [
    {"email": "ann@example.com", "event": event, "kind": kind, "list": "l", "data": {"type": event}}
    for event in WORDS
    for kind in (event, "open", None)
]


def assert_sound_event(event: Any, channel: str, declared: set[str]) -> None:
    """An event is what app.yml declares, about somebody, and fit to be sent."""
    assert set(event) == {"type", "action", "identifiers", "data"}
    update = event["data"].get("reachability_update_type")
    assert (event["type"], event["action"], update) in allowed(channel, declared)
    assert event["identifiers"]
    assert all(isinstance(value, str) and value for value in event["identifiers"].values())
    assert None not in event["data"].values()
    if event["type"] == "list":
        assert isinstance(event["data"]["list_id"], str)
        assert event["data"]["list_id"]
    else:
        assert "list_id" not in event["data"]
    assert json.loads(json.dumps(event, allow_nan=False)) == event


def accepted(mapping: dict[str, Any], app: str) -> Engine | None:
    """An engine of a mapping that passes its check, else None; nothing but its faults can keep one from being built."""
    if any(one.is_error for one in check(mapping, app=app).diagnostics):
        return None
    return Engine(files_of(mapping, app=app))


UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@settings(UNTIMED, max_examples=200)
@given(
    mapping=mappings,
    channel=st.sampled_from(CHANNELS),
    declared=st.one_of(st.just(set(METRICS)), st.sets(metrics, min_size=1)),
    bodies=st.lists(payloads, min_size=2, max_size=6),
)
def test_a_checked_mapping_emits_only_what_app_yml_declares(
    mapping: dict[str, Any], channel: str, declared: set[str], bodies: list[Any]
) -> None:
    engine = accepted(mapping, app_yml(channel, declared))
    assume(engine is not None)
    assert engine is not None
    for body in [*bodies, PROBES, {"items": PROBES}]:
        result = engine.apply("test", body)
        assert_all_accounted_for(result)
        assert result.emitted <= len(result.events)
        for event in result.events:
            assert_sound_event(event, channel, declared)


def test_enough_of_these_mappings_pass_and_emit() -> None:
    """The property above speaks of mappings that pass; here it is counted that it meets some of each kind."""
    met = {
        "passed": 0,
        "refused": 0,
        "metric": 0,
        "table": 0,
        "explicit": 0,
        "ignored": 0,
        "unmatched": 0,
        "rejected": 0,
    }

    @settings(UNTIMED, max_examples=600, database=None, derandomize=True)
    @given(mapping=mappings)
    def count(mapping: dict[str, Any]) -> None:
        engine = accepted(mapping, app_yml("email", set(METRICS)))
        met["passed" if engine is not None else "refused"] += 1
        if engine is None:
            return
        result = engine.apply("test", {"items": PROBES} if mapping["payload"]["each"][0] == "items" else PROBES)
        for name in ("ignored", "unmatched", "rejected"):
            met[name] += bool(getattr(result, name))
        for rule in mapping["rules"] if result.events else ():
            emit = rule.get("emit", [])
            for one in emit if isinstance(emit, list) else [emit]:
                met[
                    "metric" if isinstance(one, str) or "metric" in one else "table" if "table" in one else "explicit"
                ] += 1

    count()
    assert all(number >= 5 for number in met.values()), met


@settings(UNTIMED, max_examples=150)
@given(bodies=st.lists(payloads, max_size=4), mapping=mappings)
def test_the_same_payload_has_the_same_outcome(bodies: list[Any], mapping: dict[str, Any]) -> None:
    """An engine keeps nothing: not what came before, and not what became of its events."""
    engine = accepted(mapping, app_yml("email", set(METRICS)))
    assume(engine is not None)
    assert engine is not None
    alone = [engine.apply("test", body) for body in bodies]
    for body in reversed(bodies):
        engine.apply("test", body)
    assert [engine.apply("test", body) for body in bodies] == alone


EVENT_OF_CHANNEL = {"type": "channel()", "action": "event"}
ON_EVENTS = [
    "event == 'open'", "event == 'click'", "'x' == event", "event != 'open'", "!(event == 'click')", "event", "!event",
    "contains(['open', 'click'], event)", "starts_with(event, 'o')", "event == kind", "kind == 'open'", "kind",
    "abs(kind) == `1`", "event == `1`", "kind == event && event == 'open'", "data | event == 'open'",
    "items[?event == 'open']", "event == ''", "length(kind) > `1`",
]  # fmt: skip
EVENTS: list[Any] = ["open", "click", "x", "other", "", "1", None, 0, 1, True, [], ["open"], {}, {"event": "open"}]
KINDS: list[Any] = [None, "open", "x", 1, -1, [], {"event": "open"}]
ALL_PAIRS = [
    {"email": "ann@example.com", "event": event, "kind": kind, "data": kind, "items": [{"event": kind}, event]}
    for event in EVENTS
    for kind in KINDS
]
on_events = st.recursive(
    st.sampled_from(ON_EVENTS),
    lambda part: st.one_of(
        st.builds("({} && {})".format, part, part),
        st.builds("({} || {})".format, part, part),
        st.builds("!({})".format, part),
    ),
    max_leaves=4,
)


@settings(UNTIMED, max_examples=150)
@given(
    conditions=st.lists(st.one_of(on_events, st.sampled_from(ON_EVENTS)), min_size=1, max_size=5),
    name=st.sampled_from(["event", "event", "@.event", "(kind || event)", "lower(text(event))"]),
    rest=st.booleans(),
)
def test_naming_the_event_changes_no_outcome(conditions: list[str], name: str, rest: bool) -> None:
    """With `payload.event` the engine may go straight to the rules of an event; the first match still wins."""
    conditions = [when.replace("event", name) for when in conditions]
    rules: list[dict[str, Any]] = [
        {"when": when, "emit": "open", "data": {"rule": f"`{number}`", "n": "kind && length(kind)"}}
        for number, when in enumerate(conditions)
    ]
    rules += [{"ignore": "the rest"}] * rest
    named = {"payload": {"event": name, "events": ["open", "click"]}, "rules": rules}
    found = []
    for mapping in ({"rules": rules}, named):
        checked = check(mapping)
        assume(not {one.code.number for one in checked.diagnostics if one.is_error} - {"E310", "E311", "E312"})
        program = compile_mapping(checked.subjects[0].mapping, Target(checked.vocabulary, "email", frozenset(METRICS)))
        result = Result()
        run_body(program, ALL_PAIRS, None, result)
        rejected = [(one.index, one.rule, one.code, one.message) for one in result.rejected]
        unmatched = [(one.index, one.code) for one in result.unmatched]
        found.append((result.events, [(one.index, one.rule) for one in result.ignored], unmatched, rejected))
    assert found[0] == found[1]


BYPASSES: dict[str, dict[str, Any]] = {
    "a word the condition does not fix": {"when": "event == 'open' || kind", "emit": EVENT_OF_CHANNEL},
    "an inequality": {"when": "event != 'open'", "emit": EVENT_OF_CHANNEL},
    "a negated condition": {"when": "!(event != 'open' && kind)", "emit": EVENT_OF_CHANNEL},
    "a field of the same name elsewhere": {"when": "data.event == 'open'", "emit": EVENT_OF_CHANNEL},
    "an equality within another scope": {"when": "items[?event == 'open']", "emit": EVENT_OF_CHANNEL},
    "a pipe": {"when": "data | event == 'open'", "emit": EVENT_OF_CHANNEL},
    "a list with a field in it": {"when": "contains(['open', kind], event)", "emit": EVENT_OF_CHANNEL},
    "a text that contains the word": {"when": "contains(event, 'open')", "emit": EVENT_OF_CHANNEL},
    "a type from the payload": {"emit": {"type": "type", "action": "'open'"}},
    "an update type from the payload": {
        "emit": {"type": "'reachability'", "action": "'unreachable'", "reachability_update_type": "kind"},
    },
    "an undeclared entry of a table": {"emit": {"table": "kinds", "key": "kind"}},
    "an undeclared default": {"emit": {"table": "others", "key": "kind"}},
    "an undeclared word of a table": {"emit": {"type": "channel()", "action": "lookup('kinds', kind) || 'open'"}},
    "an undeclared entry of a list": {"emit": ["open", "spam_report"]},
    "an undeclared update type": {
        "emit": {"type": "'reachability'", "action": "'unreachable'", "reachability_update_type": "'spam_report'"},
    },
    "a generated metric": {"emit": "sent"},
    "a generated metric, written out": {"emit": {"type": "channel()", "action": "'sent'"}},
    "a metric under another channel": {"emit": {"type": "'sms'", "action": "'open'"}},
}  # fmt: skip


@pytest.mark.parametrize("bypass", BYPASSES)
def test_ways_around_the_check_are_refused(bypass: str) -> None:
    tables = {"kinds": {"a": "open", "b": "click"}, "others": {"a": "open", "default": "click"}}
    app = json.dumps({"channel": {"type": "email", "metrics": {"delivery": ["sent"], "engagement": ["open"]}}})
    sound = {"when": "kind == 'never'", "emit": "open"}
    mapping = {"tables": tables, "rules": [sound, BYPASSES[bypass]]}
    codes = {one.code.number for one in check(mapping, app=app).diagnostics if one.is_error}
    assert codes & {"E304", "E306", "E314", "E315"}
    assert accepted({"tables": {}, "rules": [sound]}, app) is not None
