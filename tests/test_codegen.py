"""A mapping as a Python function: its texts stay data, its lines lead back to the mapping, its events are fresh."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulesengine import Engine
from rulesengine.program import Program
from tests.conftest import APP, assert_all_accounted_for, engine_of, item_of
from tests.test_translate import HOSTILE, PYTHON_NAMES, assert_only_plain_words, quoted, raw

# YAML and empty keys: a control character and an empty key cannot stand in a mapping at all.
SMUGGLED = [text for text in HOSTILE if text and "\x00" not in text and "\x1b" not in text]


def program_of(engine: Engine) -> Program:
    return engine._programs["test"]


# -- texts stay data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SMUGGLED, ids=ascii)
def test_texts_of_a_mapping_stay_data(text: str) -> None:
    mapping = {
        "title": text,
        "event": {"identifiers": {"email": "email", text: f"a.{quoted(text)}"}, "data": {text: quoted(text)}},
        "tables": {
            text: {text: "open", "default": "ignore"},
            f"{text} too": {text: text, "default": f"not {text}"},
            "only": {"x": "open"},
        },
        "rules": [
            {"name": text, "when": f"how == 'ignore' && @.{quoted(text)} == {raw(text)}", "ignore": text},
            {
                "name": f"list {text}",
                "when": "how == 'list'",
                "emit": "list_unsubscribe",
                "list_id": raw(text),
                "data": {text: f"lookup({raw(f'{text} too')}, {quoted(text)})"},
            },
            {"when": "how == 'unknown'", "name": f"only {text}", "emit": {"table": "only", "key": quoted(text)}},
            {"when": "how == 'length'", "emit": "open", "data": {text: f"length({quoted(text)}.{quoted(text)})"}},
            {"emit": {"table": text, "key": quoted(text)}},
        ],
    }
    engine = engine_of(mapping)
    assert_only_plain_words(engine.source("test"))
    item = item_of(**{"a": {text: "id"}, text: text})
    result = engine.apply("test", [{**item, "how": how} for how in ("ignore", "list", "unknown", "length", None)])

    identifiers = {"email": "ann@example.com", text: "id"}
    assert result.events == [
        {"type": "list", "action": "unsubscribe", "identifiers": identifiers, "data": {text: text, "list_id": text}},
        {"type": "email", "action": "open", "identifiers": identifiers, "data": {text: text}},
    ]
    assert [(one.rule, one.message) for one in result.ignored] == [(text, text)]
    assert [(one.rule, one.code) for one in result.unmatched] == [(f"only {text}", "E512")]
    assert [(one.rule, one.code) for one in result.rejected] == [("rules[3]", "E506")]
    assert_all_accounted_for(result)


def test_a_file_name_stays_data() -> None:
    from rulesengine.loading import File, Files

    name = "a'''\"\n# {x}\\.yml"
    text = "mapping: 1\nprovider: test\nevent: {identifiers: {email: email}}\nrules:\n  - emit: open\n"
    engine = Engine(Files((File(name, text.encode()),), File("app.yml", APP.encode())))
    assert_only_plain_words(engine.source("test"))
    assert engine.apply("test", item_of()).emitted == 1
    rejected = engine.apply("test", {}).rejected[0]
    assert rejected.place is not None
    assert rejected.place.file == name


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff"), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=3, max_size=8, unique=True))
def test_any_texts_of_a_mapping_stay_data(some: list[str]) -> None:
    """Each rule answers for its own text, whatever the others are."""
    rules = [
        {
            "name": f"{number} {text}",
            "when": f"kind == {raw(text)}",
            "emit": "open",
            "data": {text: f"text({raw(text)})"},
        }
        for number, text in enumerate(some)
    ]
    engine = engine_of({"rules": rules})
    assert_only_plain_words(engine.source("test"))
    result = engine.apply("test", [item_of(kind=text) for text in some])
    assert [event["data"] for event in result.events] == [{text: text} for text in some]


@pytest.mark.parametrize("name", PYTHON_NAMES)
def test_names_that_python_uses_are_fields_of_an_item(name: str) -> None:
    field = quoted(name)
    mapping = {
        "event": {"identifiers": {"email": "email", name: f"a.{field}"}, "data": {name: field}},
        "tables": {name: {"x": "click"}},
        "rules": [
            {"name": name, "when": f"none.{field}", "ignore": name},
            {
                "when": f"a.{field} && @.{field} == 'x'",
                "emit": [{"metric": "open", "data": {"all": f"l[*].{field}"}}, {"table": name, "key": field}],
            },
        ],
    }
    item = item_of(**{"a": {name: "id"}, "l": [{name: 1}, {name: 2}], name: "x"})
    result = engine_of(mapping).apply("test", item)
    identifiers = {"email": "ann@example.com", name: "id"}
    assert result.rejected == []
    assert result.events == [
        {"type": "email", "action": "open", "identifiers": identifiers, "data": {name: "x", "all": [1, 2]}},
        {"type": "email", "action": "click", "identifiers": identifiers, "data": {name: "x"}},
    ]


@pytest.mark.parametrize("number", range(2, 40))
def test_a_literal_is_not_taken_for_a_numbered_constant(number: int) -> None:
    """`open` is bound twice, as a literal and as an action; a literal may look like the name of the second."""
    mapping = {"rules": [{"when": f"x == 'open' || x == 'open_{number}'", "emit": "open"}, {"emit": "click"}]}
    events = engine_of(mapping).apply("test", [item_of(x=f"open_{number}"), item_of(x="open")]).events
    assert [event["action"] for event in events] == ["open", "open"]


# -- sharing ----------------------------------------------------------------------------------------------------------


def test_what_several_rules_ask_for_is_computed_once() -> None:
    mapping = {
        "rules": [
            {"when": "lower(e) == 'a'", "ignore": "a"},
            {"when": "lower(e) == 'b'", "emit": "open", "data": {"e": "lower(e)"}},
            {"when": "lower(e) == 'c'", "emit": ["open", "click"], "data": {"t": "epoch(ts)"}},
        ]
    }
    source = engine_of(mapping).source("test")
    assert source.count("_lower(") == 1
    assert source.count("fields.get('e')") == 1
    assert source.count("_epoch(") == 1


def test_what_one_rule_asks_for_is_not_computed_for_another() -> None:
    """A fault in a rule's data does not reach the items of the next rule."""
    mapping = {"rules": [{"when": "a", "emit": "open", "data": {"n": "length(n)"}}, {"emit": "click"}]}
    result = engine_of(mapping).apply("test", [item_of(n=5), item_of(a=1, n=5)])
    assert (result.emitted, len(result.rejected)) == (1, 1)


# -- lines lead back --------------------------------------------------------------------------------------------------

TRACED = """\
mapping: 1
provider: test
payload:
  each: items
event:
  identifiers:
    email: lower(email)
    id: id
  data:
    ts: epoch(ts)
tables:
  kinds: {a: open, b: list_unsubscribe}
rules:
  - name: first
    when: kind && length(first) > `1`
    emit: open
  - name: second
    when: |
      kind == 'second'
        && starts_with(second, 'x')
    emit:
      - click
      - metric: list_unsubscribe
        list_id: upper(list)
        identifiers: {id: trim(other)}
      - type: channel()
        action: say && 'engage'
        data:
          sum: "sum(numbers)"
  - name: third
    emit: {table: kinds, key: 'replace(key, '' '', '''')'}
    list_id: split(lists, ',')[0]
    data:
      ts: >
        epoch_ms(at)
"""

# The same with the event named, so that the engine may go straight to the rules of an event: no line moves.
TRACED_BY_EVENT = TRACED.replace(
    "payload:\n  each: items\n", "payload: {each: items, event: kind,\n  events: [x, second, third]}\n"
)

# What an item must hold to fail, and where in the mapping: rule, line and the text that begins at the column.
FAULTS: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "when": ({"kind": "x", "first": 5}, "first", 15, "length(first)"),
    "identifier": ({"kind": "x", "first": "xx", "email": 5}, "first", 7, "lower(email)"),
    "identifier that is no text": ({"kind": "x", "first": "xx", "id": 5}, "first", 8, "id"),
    "data": ({"kind": "x", "first": "xx", "ts": "no"}, "first", 10, "epoch(ts)"),
    "no identifier": ({"kind": "x", "first": "xx", "email": None}, "first", 16, "open"),
    "when of several lines": ({"kind": "second", "first": ""}, "second", 20, "starts_with(second"),
    "data of the first of several": (
        {"kind": "second", "first": "", "second": "x", "say": 1, "ts": []}, "second", 10, "epoch(ts)",
    ),
    "identifier of an emission": (
        {"kind": "second", "first": "", "second": "x", "say": 1, "other": 5, "list": "l"}, "second", 25, "trim(other)",
    ),
    "list_id": ({"kind": "second", "first": "", "second": "x", "say": 1, "list": 5}, "second", 24, "upper(list)"),
    "list_id missing": ({"kind": "second", "first": "", "second": "x", "say": 1}, "second", 24, "upper(list)"),
    "action": ({"kind": "second", "first": "", "second": "x", "list": "l"}, "second", 27, "say && 'engage'"),
    "data of an emission": (
        {"kind": "second", "first": "", "second": "x", "list": "l", "say": 1, "numbers": 5}, "second", 29, "sum(numb",
    ),
    "key": ({"key": 5}, "third", 31, "replace(key"),
    "rule's list_id": ({"key": "b", "lists": 5}, "third", 32, "split(lists"),
    "folded": ({"key": "a", "at": "x"}, "third", 35, ""),  # in a folded scalar the line is right
}  # fmt: skip


@pytest.mark.parametrize("mapping", [TRACED, TRACED_BY_EVENT], ids=["rule after rule", "by event"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leads_to_its_place(fault: str, mapping: str) -> None:
    fields, rule, line, text = FAULTS[fault]
    item = item_of(**fields)
    result = engine_of(mapping).apply("test", {"items": [item]})
    assert [one.rule for one in result.rejected] == [rule], result
    place = result.rejected[0].place
    assert place is not None
    assert place.line == line
    assert place.snippet == TRACED.splitlines()[line - 1]
    assert place.snippet[place.column - 1 :].startswith(text)


def test_a_fault_of_a_step_leads_to_the_step() -> None:
    engine = engine_of(TRACED)
    program = program_of(engine)
    lines = program.source.splitlines()
    (start,) = (number for number, line in enumerate(lines, start=1) if line.startswith("def step_1"))
    found = program.place_at(start + 2)
    assert found is not None
    assert (found[0], found[1].line, found[1].column) == ("payload.each", 4, 9)
    assert program.rule_at(start + 2) is None


@pytest.mark.parametrize("mapping", [TRACED, TRACED_BY_EVENT], ids=["rule after rule", "by event"])
def test_every_line_leads_to_the_rule_it_was_written_for(mapping: str) -> None:
    """The lines of a rule lead into it, or to the event block that all rules share."""
    program = program_of(engine_of(mapping))
    starts = [rule.place.line for rule in program.mapping.rules]
    ends = [*starts[1:], len(TRACED.splitlines()) + 1]
    led: Counter[str] = Counter()
    for number in range(1, len(program.source.splitlines()) + 1):
        rule, place = program.rule_at(number), program.place_at(number)
        if rule is not None and place is not None:
            led[rule.label] += 1
            assert starts[rule.index] <= place[1].line < ends[rule.index] or 5 <= place[1].line <= 10, number
    assert all(led[label] > 20 for label in ("first", "second", "third")), led


def test_the_source_is_that_of_functions_of_one_signature() -> None:
    tree = ast.parse(engine_of(TRACED).source("test"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {"step_1", "map_item"} <= {node.name for node in functions}
    assert all([one.arg for one in node.args.args] == ["item", "root", "parent", "request"] for node in functions)


# -- events are fresh -------------------------------------------------------------------------------------------------

CONSTANTS = [
    '`[1, {"a": []}]`',
    '`{"a": [1]}`',
    "missing || `[[]]`",
    'not_null(missing, `{"a": {}}`)',
    "[`[1]`, `{}`]",
    "{a: `[1]`}",
    'merge(`{"a": [1]}`, `{}`)',
    "to_array(`[[1]]`)",
    "reverse(`[[1], [2]]`)",
    "`[[1], [2]]`[0]",
    "`[[1], [2]]`[*]",
    "map(&`[1]`, `[1, 2]`)",
    'values(`{"a": [1]}`)',
    'items(`{"a": [1]}`)',
]


def spoil(value: Any) -> None:
    """Change everything in a value that can be changed."""
    if isinstance(value, list):
        for one in value:
            spoil(one)
        value.append("spoilt")
    elif isinstance(value, dict):
        for one in value.values():
            spoil(one)
        value["spoilt"] = True


@pytest.mark.parametrize("expression", CONSTANTS)
def test_a_literal_in_an_event_is_a_fresh_copy(expression: str) -> None:
    """What the receiver of an event does to it reaches no other event, and not the mapping."""
    engine = engine_of({"rules": [{"emit": ["open", "click"], "data": {"a": expression, "b": expression}}]})
    first, second = engine.apply("test", item_of()).events
    expected = copy.deepcopy(second["data"])
    assert expected["a"] is not None
    spoil(first)
    assert second["data"] == expected
    assert [event["data"] for event in engine.apply("test", item_of()).events] == [expected, expected]


def test_events_of_one_item_share_nothing_that_they_are_made_of() -> None:
    first, second = engine_of({"rules": [{"emit": ["open", "click"]}]}).apply("test", item_of()).events
    first["identifiers"]["x"] = first["data"]["x"] = 1
    assert second == {"type": "email", "action": "click", "identifiers": {"email": "ann@example.com"}, "data": {}}


def test_the_payload_is_not_changed() -> None:
    mapping = {
        "rules": [{"emit": "open", "data": {"a": "sort(a)", "b": 'merge(b, `{"x": 1}`)', "c": "reverse(a)", "d": "a"}}]
    }
    item = item_of(a=[3, 1, 2], b={"y": 1})
    before = copy.deepcopy(item)
    engine_of(mapping).apply("test", [item])
    assert item == before
