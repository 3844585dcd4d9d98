"""Expressions as Python text: nothing of the mapping gets into it, no name hides another, parts are shared."""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulesengine import linking, translate
from rulesengine.expressions import compile_expression
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD

# Texts that would end a string, a line, a comment, a format or the process if they were pasted into a program.
HOSTILE = [
    "it's",
    '"quoted"',
    "a\"'''b",
    "new\nline",
    "\r\n",
    "tab\there",
    "back\\slash",
    "\\",
    "{braces} {0} %s %(a)s",
    "# comment",
    "'] + __import__('os').abort() + ['",
    "');raise SystemExit#",
    "a b",
    "ünïcödé",
    "\u2028line separator",
    "\x00null",
    "\x1b[31m",
    "😀",
    "a" * 500,
    "",
]
PLAIN_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")

# Fields that have the name of something the program may itself use.
PYTHON_NAMES = sorted(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *(name for name in dir(builtins) if not name.startswith("__")),
        *("item", "fields", "root", "parent", "request", "part", "found", "element", "each", "search", "self"),
        *("events", "event", "metric", "data", "identifiers", "selected", "holds", "value", "key", "text", "flat"),
        *("__class__", "__builtins__", "__debug__", "__name__", "_lower", "TEXT_a", "NOTHING", "map_item", "EMITTED"),
    }
)


def quoted(name: str) -> str:
    """A field as an expression writes it, whatever its name."""
    return json.dumps(name)


def raw(text: str) -> str:
    """A text as an expression writes it; JSON since `'...'` has no way to end in a backslash."""
    return "`" + json.dumps(text).replace("`", "\\u0060") + "`"


def assert_only_plain_words(source: str) -> None:
    """The source parses, and the only texts in it are plain words."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and not PLAIN_WORD.fullmatch(text)] == []
    for line in source.splitlines():
        code, _, comment = line.partition("#")
        assert code.isascii()
        assert comment.isprintable()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_never_becomes_program(text: str) -> None:
    field, literal = quoted(text), raw(text)
    compiled = compile_expression(
        f"{{field: {field}, below: a.{field}, all: list[*].{field}, literal: {literal}, same: @.{field} == {literal}, "
        f"{field}: {literal}, found: list[?{field} == {literal}], in: contains([{literal}, 'x'], {field}), "
        f"object: `{json.dumps({text: [text]}).replace('`', chr(92) + 'u0060')}`}}"
    )
    item = {text: text, "a": {text: 1}, "list": [{text: 2}, {text: text}]}
    expected = {
        "field": text,
        "below": 1,
        "all": [2, text],
        "literal": text,
        "same": True,
        "found": [{text: text}],
        "in": True,
        "object": {text: [text]},
    }
    assert compiled.search(item) == {**expected, text: text}
    assert_only_plain_words(compiled.source)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True), texts=st.data())
def test_any_text_stays_data(names: list[str], texts: st.DataObject) -> None:
    """Fields and literals of any spelling keep their values apart, however many stand in one expression."""
    literals = texts.draw(st.lists(st.text(max_size=8), min_size=len(names), max_size=len(names)))
    parts = [f"{quoted(name)}, {raw(literal)}" for name, literal in zip(names, literals, strict=True)]
    compiled = compile_expression(f"[{', '.join(parts)}]")
    item = {name: number for number, name in enumerate(names)}
    assert compiled.search(item) == [one for number, literal in enumerate(literals) for one in (number, literal)]
    assert_only_plain_words(compiled.source)


def test_an_unknown_function_is_no_name_of_the_program() -> None:
    for name in ("eval", "__import__", "_lower", "search", "isinstance", "dict"):
        compiled = compile_expression(f"[a, {name}(a)]")
        with pytest.raises(ValueError, match=f"Unknown function: {name}"):
            compiled.search({"a": "1 + 1"})


@pytest.mark.parametrize("name", PYTHON_NAMES)
def test_names_that_python_uses_are_fields_too(name: str) -> None:
    field = quoted(name)
    compiled = compile_expression(
        f"[{field}, a.{field}, list[*].{field}, list[?{field} == `1`] | length(@), map(&{field}, list), "
        f"{{{field}: {field} || a}}, type({field}), contains(['x', 'y'], {field}), list[0].{field} && {field}, "
        f"sort_by(list, &{field})[0].{field}, keys(a) | [0]]"
    )
    item = {name: "x", "a": {name: 3}, "list": [{name: 2}, {name: 1}]}
    if name in ("a", "list"):
        return
    assert compiled.search(item) == ["x", 3, [2, 1], 1, [2, 1], {name: "x"}, "string", True, "x", 1, name]


@pytest.mark.parametrize("name", STANDARD)
def test_a_field_may_have_the_name_of_a_standard_function(name: str) -> None:
    """Neither hides the other, nor one function another."""
    called = (
        f"length({name}), contains({name}, 'x'), join('-', ['a', {name}]), to_string({name}), not_null(nil, {name})"
    )
    compiled = compile_expression(
        f"[{name}, list[*].{name}, map(&{name}, list), type({name}), {called}, {{{name}: {name}}}]"
    )
    item = {name: "xy", "list": [{name: 1}, {name: 2}]}
    assert compiled.search(item) == ["xy", [1, 2], [1, 2], "string", 2, True, "a-xy", "xy", "xy", {name: "xy"}]


class Watched(dict[str, Any]):
    """An object that counts how often each field is asked for."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.asked: Counter[str] = Counter()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] += 1
        return super().get(key, default)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often lower() and trim() are called by what is compiled from here on."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> Any:
        body: Any = FUNCTIONS[name].body

        def count(*arguments: Any) -> Any:
            counted[name] += 1
            return body(*arguments)

        return replace(FUNCTIONS[name], body=count, inline="")

    table = {**FUNCTIONS, "lower": counting("lower"), "trim": counting("trim")}
    monkeypatch.setattr(translate, "FUNCTIONS", table)
    monkeypatch.setattr(linking, "FUNCTIONS", table)
    return counted


SHARED = {
    "[lower(a), lower(a), lower(a)]": {"lower": 1},
    "lower(trim(a)) == 'p' || lower(trim(a)) == 'x'": {"lower": 1, "trim": 1},
    "[trim(a), lower(trim(a)), trim(b)]": {"trim": 2, "lower": 1},
    "{a: lower(a), b: b && lower(a)}": {"lower": 1},
    "lower(a) == 'x' && [lower(a), lower(b)]": {"lower": 2},
    "[a, b] | [lower(@[0]), lower(@[0])]": {"lower": 1},
    # nothing is asked for before it is needed
    "missing && lower(a)": {},
    "a || lower(b)": {},
    "list[?missing && lower(@) == 'x']": {},
    "!(a || lower(b)) && trim(b)": {},
    # what was asked for behind a condition is not known after it
    "[missing && lower(a), lower(a)]": {"lower": 1},
    "[a && lower(a), lower(a)]": {"lower": 2},
    # each element is another value
    "list[*].lower(@)": {"lower": 3},
    "list[?lower(@) == 'p' || lower(@) == 'q'].lower(@)": {"lower": 3},
    # what does not depend on the element stays outside only if it was asked for there
    "[lower(a), list[?lower(@) == 'x']]": {"lower": 4},
}


@pytest.mark.parametrize("text", SHARED)
def test_a_shared_part_is_computed_once_and_none_too_early(text: str, calls: Counter[str]) -> None:
    compile_expression(text).search({"a": "X", "b": "Y", "list": ["P", "Q", "R"]})
    assert dict(calls) == SHARED[text]


class Thing:
    """What is no JSON is written as text by `to_string`: each time it does, this counts."""

    written = 0

    def __str__(self) -> str:
        self.written += 1
        return "thing"


SHARED_STANDARD = {
    "[to_string(a), to_string(a), to_string(@.a)]": 2,  # `@.a` is another way to say it
    "to_string(a) == 'x' || to_string(a) == 'y' || length(to_string(a)) == `3`": 1,
    "{a: to_string(a), b: [to_string(a)], c: contains(to_string(a), 'x')}": 1,
    "[nil && to_string(a), to_string(a)]": 1,
    "a || to_string(a)": 0,
    "nil && to_string(a) == 'x'": 0,
    "[b && to_string(a), to_string(a)]": 2,
    "list[*].to_string(@)": 3,
    "list[?to_string(@) == 'x' || contains(to_string(@), 'y')]": 3,
    "map(&[to_string(@), to_string(@)], list)": 3,
}


@pytest.mark.parametrize("text", SHARED_STANDARD)
def test_a_call_of_a_standard_function_is_shared_as_well(text: str) -> None:
    thing = Thing()
    compile_expression(text).search({"a": thing, "b": 1, "list": [thing, thing, thing]})
    assert thing.written == SHARED_STANDARD[text]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("a == 'x' || a == 'y' || a == 'z'", {"a": 1}),
        ("[a.b, a.c, a.b]", {"a": 1}),
        ("a && (b || a) && [a, b, c]", {"a": 1, "b": 1, "c": 1}),
    ],
)
def test_a_field_is_read_once(text: str, asked: dict[str, int]) -> None:
    item = Watched({"a": {"b": 1}, "b": 2, "c": 3})
    compile_expression(text).search(item)
    assert item.asked == asked


def test_equal_constants_share_a_name_and_different_ones_do_not() -> None:
    source = compile_expression("[a == 'x', b == 'x', `1`, `1.0`, `\"1\"`, `true`, `[1]`, `[1.0]`, `[true]`]").source
    assert source.count("TEXT_x") == 2
    values = compile_expression('[`1`, `1.0`, `"1"`, `true`, `[1]`, `[1.0]`, `[true]`]').search({})
    assert [repr(value) for value in values] == ["1", "1.0", "'1'", "True", "[1]", "[1.0]", "[True]"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab0123456789_", max_size=4), min_size=1, max_size=30))
def test_names_of_constants_do_not_collide(texts: list[str]) -> None:
    """A number that is added to tell two names apart may be part of a third one."""
    compiled = compile_expression("[" + ", ".join(f"'{text}'" for text in texts) + "]")
    assert compiled.search({}) == texts


@pytest.mark.parametrize(
    "text", ["a", "a == 'x'", "length(a)", "list[?n == `1`].n", "map(&n, list)", "{a: `{}`, b: a.b}"]
)
def test_the_same_text_becomes_the_same_program(text: str) -> None:
    """Nothing of it depends on what was compiled before, on the order of a set or on the address of an object."""
    first = compile_expression(text).source
    compile_expression("[a, length(a), 'x', `1`, list[?n], map(&n, list)]")
    assert compile_expression(text).source == first


def test_the_source_reads_well() -> None:
    assert compile_expression("data.reason == 'bounce'").source == (
        "def search(item):\n"
        "    fields = item if isinstance(item, dict) else _NOTHING\n"
        "    data = fields.get('data')\n"
        "    reason = data.get('reason') if isinstance(data, dict) else None\n"
        "    return reason == TEXT_bounce\n"
    )
