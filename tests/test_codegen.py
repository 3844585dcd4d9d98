"""A mapping as Python functions: its texts stay data, its lines lead back to the mapping, its events are fresh."""

from __future__ import annotations

import ast
import copy
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulesengine import Engine
from rulesengine.diagnostics import Place
from rulesengine.jmes import JMESPathError
from rulesengine.program import Program, Spot
from rulesengine.writer import compile_lines
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
    from rulesengine.gathering import File, Files

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
    mapping = TRACED.replace("each: items", "each: items[?length(id) > `1`]")
    result = engine_of(mapping).apply("test", {"items": [{"id": 5}]})
    place = result.rejected[0].place
    assert place is not None
    assert (place.line, place.column, result.rejected[0].rule) == (4, 16, None)


def raised_by(function: Callable[..., Any], item: Any) -> list[traceback.FrameSummary]:
    """What a traceback says of the frames below this one."""
    try:
        function(item, item, None, None)
    except JMESPathError as fault:
        return list(traceback.extract_tb(fault.__traceback__))[1:]
    raise AssertionError("it did not raise")


@pytest.mark.parametrize("mapping", [TRACED, TRACED_BY_EVENT], ids=["rule after rule", "by event"])
def test_a_traceback_names_the_file_and_the_lines_of_the_mapping(mapping: str) -> None:
    program = program_of(engine_of(mapping))
    item = item_of(kind="second", first="", second="x", list="l", say=1, numbers=5)
    frames = [one for one in raised_by(program.item, item) if one.filename == program.mapping.file]
    assert frames[-1].lineno == 29
    assert [one.lineno for one in frames if one.name == "map_item"] in ([3], [29])


def functions_in(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from functions_in(one)


def spread(position: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """A position as Python tells it: first and last line, and the columns from 0."""
    line, column, length = position
    return line, line, column - 1, column - 1 + length


POSITIONS = st.tuples(st.integers(1, 70_000), st.integers(1, 5_000), st.integers(1, 300))
LINES = [
    "def f(a):",
    "    def g(b):",
    "        return [b(a) for b in a]",
    f"    if {'a.b and ' * 300}g(a):",
    "        return a",
]


@given(st.lists(POSITIONS, min_size=len(LINES), max_size=len(LINES)))
def test_all_code_of_a_line_stands_at_its_position(positions: list[tuple[int, int, int]]) -> None:
    """Wherever lines lead: back, far ahead, to columns of several bytes; and code that is of no line stays so."""
    plain = functions_in(compile("\n".join(LINES), "f", "exec"))
    for one, moved in zip(plain, functions_in(compile_lines(LINES, positions, "f")), strict=True):
        assert moved.co_firstlineno == positions[one.co_firstlineno - 1][0]
        for (number, *_), found in zip(one.co_positions(), moved.co_positions(), strict=True):
            assert found == (spread(positions[number - 1]) if number is not None else (None,) * 4)


def test_a_place_is_found_where_python_keeps_no_columns() -> None:
    """As under `python -X no_debug_ranges`: the line is still right, and the path of its key."""
    program = program_of(engine_of(TRACED))
    lines_only = {(line, column + 1_000): spot for (line, column), spot in program.spots.items()}
    where, place, rule = program.spots[10, 9]
    assert replace(program, spots=lines_only)._on_line(10) == Spot(where, Place(*place), rule)


@pytest.mark.parametrize("mapping", [TRACED, TRACED_BY_EVENT], ids=["rule after rule", "by event"])
def test_every_spot_is_in_its_rule_or_in_what_events_share(mapping: str) -> None:
    program = program_of(engine_of(mapping))
    starts = [rule.place.line for rule in program.mapping.rules]
    ends = [*starts[1:], len(TRACED.splitlines()) + 1]
    led: Counter[str] = Counter()
    for (line, _), (where, _, rule) in program.spots.items():
        if rule is None:
            assert line < starts[0] or ".identifiers." in where, (line, where)
        else:
            led[program.mapping.rules[rule].label] += 1
            assert starts[rule] <= line < ends[rule], (line, where)
    assert all(led[label] > 2 for label in ("first", "second", "third")), led


@pytest.mark.parametrize("name", ["event", "event_2", "emit_0", "on_1", "on_any_other", "branch", "map_item", "kind"])
def test_a_field_may_have_the_name_of_a_function_of_the_program(name: str) -> None:
    mapping = {
        "payload": {"event": name, "events": ["a", "b"]},
        "rules": [
            {"when": f"{name} == 'a' && x", "emit": "click", "data": {"value": name}},
            {"when": f"{name} == 'b' || y", "emit": "open", "data": {"ts": name}},
            {"emit": "open", "data": {"value": name}},
        ],
    }
    result = engine_of(mapping).apply("test", [item_of(**{name: "a", "x": 1}), item_of(**{name: "b"}), item_of()])
    assert [one["action"] for one in result.events] == ["click", "open", "open"], result


def test_the_source_is_that_of_functions_of_few_signatures() -> None:
    tree = ast.parse(engine_of(TRACED).source("test"))
    functions = {one.name: [arg.arg for arg in one.args.args] for one in tree.body if isinstance(one, ast.FunctionDef)}
    assert functions["step_1"] == functions["map_item"] == ["item", "root", "parent", "request"]
    assert functions["event"] == ["fields", "kind", "action"]


def test_what_events_share_is_written_once_and_overridden_fields_are_left_out() -> None:
    mapping = {
        "event": {"identifiers": {"email": "email"}, "data": {"ts": "length(ts)", "value": "length(value)"}},
        "rules": [
            {"when": "a", "emit": "open"},
            {"when": "b", "emit": "open", "data": {"ts": "b"}},
            {"emit": "click"},
        ],
    }
    engine = engine_of(mapping)
    assert engine.source("test").count("_length(value)") == 2
    result = engine.apply("test", [item_of(b=3, ts=None, value="xx"), item_of(b=3, ts=5, value="xx")])
    assert [one["data"] for one in result.events] == [{"value": 2, "ts": 3}] * 2


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
