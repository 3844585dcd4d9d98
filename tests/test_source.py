"""YAML with places: what a scalar means, where each character of it stands, what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine.diagnostics import Diagnostic
from rulesengine.positions import Source
from rulesengine.source import MAX_BYTES, MAX_DEPTH, Node, read


def good(text: str, *, strict: bool = True) -> Node:
    root, faults = read("a.yml", text.encode(), strict=strict)
    assert root is not None
    assert faults == []
    return root


def bad(text: str | bytes) -> list[Diagnostic]:
    _, faults = read("a.yml", text if isinstance(text, bytes) else text.encode())
    return faults


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2026-11-23", "2026-11-23"),
        ("30003", 30003),
        ("'010'", "010"),
        ('"on"', "on"),
        ("event == 'open'", "event == 'open'"),
        ("y", "y"),
    ],
)
def test_scalars_mean_what_they_mean_in_json(written: str, meant: object) -> None:
    value = good(f"a: {written}\n").data["a"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    "written",
    ["on", "off", "yes", "No", "True", "NULL", "010", "0x1F", "1_000", "12:30", "+5", ".5", "5.", ".inf", ".nan"],
)
def test_what_yaml_versions_read_differently_must_be_quoted(written: str) -> None:
    (fault,) = bad(f"a: {written}\n")
    assert fault.code.number == "E105"
    assert (fault.place.line, fault.place.column) == (1, 4)
    assert f"'{written}'" in fault.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [("no", "no"), ("0100", 100), ("1:30", "1:30"), ("True", True), ("NULL", None), ("2026-01-01", "2026-01-01")],
)
def test_app_yml_is_read_as_js_yaml_does(written: str, meant: object) -> None:
    assert good(f"a: {written}\n", strict=False).data == {"a": meant}


def test_app_yml_may_use_tags_and_merge_keys() -> None:
    root = good("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: !!str 5\nd: !own {}\n", strict=False)
    assert root.data["b"] == {"y": 3, "x": 1}


def test_number_in_a_key_is_the_text_as_written() -> None:
    assert good("010: a\n30003: b\n1.10: c\n").data == {"010": "a", "30003": "b", "1.10": "c"}


def test_document_start_bom_crlf_and_json_are_accepted() -> None:
    assert good("\ufeff---\r\na: b\r\nc:\r\n  - d\r\n").data == {"a": "b", "c": ["d"]}
    assert good('{"a": [1, null, true]}').data == {"a": [1, None, True]}


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=3))
def test_what_json_escapes_is_read(data: dict[str, str]) -> None:
    """Also characters beyond 16 bits, for which JSON takes two escapes and YAML one."""
    assert good(json.dumps({"data": data, "more": "\U0001f600 \\\\ud83d"})).data["data"] == data


def test_aliases_repeat_a_value() -> None:
    assert good("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


SCALARS = """\
plain: event == 'x'
single: 'it''s "é" b'
double: "a\\u00e9\\tb \\"q\\""
literal: |
  line one
    line two

  line four
folded: >
  folded one
  folded two

  three
over: plain
  continued   here
quoted: "quoted
  cont \\
  joined"
flow: {x: [a, 'b c']}
"""


@pytest.mark.parametrize(
    ("path", "part", "line", "column"),
    [
        (("plain",), "'x'", 1, 17),
        (("single",), "s", 2, 14),
        (("single",), "é", 2, 17),
        (("double",), "b", 3, 19),
        (("double",), "q", 3, 23),
        (("literal",), "one", 5, 8),
        (("literal",), "two", 6, 10),
        (("literal",), "four", 8, 8),
        (("folded",), "two", 11, 9),
        (("folded",), "three", 13, 9),
        (("over",), "here", 15, 15),
        (("quoted",), "cont", 17, 3),
        (("quoted",), "joined", 18, 3),
        (("flow", "x", 1), "c", 19, 18),
    ],
)
def test_places_inside_scalars(path: tuple[str | int, ...], part: str, line: int, column: int) -> None:
    node = good(SCALARS).at(path)
    place = node.inside(node.data.index(part), len(part))
    assert (place.line, place.column) == (line, column)


def test_place_behind_the_end_of_a_scalar() -> None:
    node = good("a: 'foo('\n").at(("a",))
    assert node.inside(4).column == 9


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_every_character_of_a_double_quoted_scalar_is_found(text: str) -> None:
    """Also where it had to be escaped: the place begins with the character or with its escape."""
    written = text.replace("\\", "\\\\").replace('"', '\\"')
    root, _ = read("a.yml", f'key: "{written}"\n'.encode())
    if root is None or root.data["key"] != text:
        return  # YAML does not allow the character
    for index, char in enumerate(text):
        place = root.at(("key",)).inside(index)
        assert place.snippet[place.column - 1 :].startswith((char, "\\"))


@given(st.lists(st.text("ab é'", min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_every_character_of_a_literal_block_is_found(lines: list[str]) -> None:
    text = "\n".join(lines)
    root, _ = read("a.yml", "\n".join(["key: |2", *(f"  {line}" for line in lines), ""]).encode())
    assert root is not None
    for index, char in enumerate(text):
        if char != "\n":
            place = root.at(("key",)).inside(index)
            assert place.snippet[place.column - 1] == char


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\na: 2\n", "E104", 2, 1),
        ("a: {b: 1, b: 2}\n", "E104", 1, 11),
        ("a: &foo\n", "E113", 1, 4),
        ("a: *foo\n", "E115", 1, 4),
        ("a: &x [*x]\n", "E115", 1, 8),
        ("<<: {a: 1}\n", "E108", 1, 1),
        ("a: !x b\n", "E109", 1, 4),
        ("a: !(b.c)\n", "E109", 1, 4),
        ("a: 1\n---\nb: 2\n", "E110", 2, 1),
        ("", "E111", 1, 1),
        ("# only a comment\n", "E111", 1, 1),
        ("? [a]\n: b\n", "E114", 1, 3),
        ("on: a\n", "E105", 1, 1),
        (b"a: \xff\n", "E102", 1, 4),
        (b"\xef\xbb\xbfa: \xff\n", "E102", 1, 4),
        ("a: b\x01c\n", "E103", 1, 5),
        ("\ta: 1\n", "E103", 1, 1),
        (b"x" * (MAX_BYTES + 1), "E112", 1, 1),
        ("[" * (MAX_DEPTH + 1), "E107", 1, MAX_DEPTH + 1),
        ("[" * 100, "E107", 1, MAX_DEPTH + 1),
        ("- " * 200 + "a\n", "E107", 1, 2 * MAX_DEPTH + 1),
    ],
)
def test_refused(text: str | bytes, code: str, line: int, column: int) -> None:
    (fault,) = bad(text)
    assert (fault.code.number, fault.place.line, fault.place.column) == (code, line, column)


def test_nesting_without_end_is_refused() -> None:
    """Where it shows depends on libyaml, which may have a limit of its own."""
    _, faults = read("a.yml", b"[" * 100_000)
    assert [one.code.number for one in faults] == ["E107"]
    assert len(str(faults[0])) < 500


def test_a_hint_does_not_repeat_a_long_value() -> None:
    _, faults = read("a.yml", b"a: `" + b"b" * 10_000)
    assert [one.code.number for one in faults] == ["E103"]
    assert len(faults[0].hint) < 300


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("@.foo", "'@.foo'"),
        ("`x`", "'`x`'"),
        ("*.bar", "'*.bar'"),
        ("%x", "'%x'"),
        ("[0].foo", "'[0].foo'"),
        ("'a' == b", "\"'a' == b\""),
        ("{a: b}.a", "'{a: b}.a'"),
        ('"a-b" == c', "'\"a-b\" == c'"),
        ("x == 'a: b'", "\"x == 'a: b'\""),
    ],
)
def test_an_expression_that_yaml_cannot_read_is_shown_quoted(value: str, quoted: str) -> None:
    (fault,) = bad(f"rules:\n  - when: {value}\n")
    assert (fault.code.number, fault.place.line) == ("E103", 2)
    assert fault.hint.endswith(quoted)
    assert bad(f"rules:\n  - when: {quoted}\n") == []


def test_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    (fault,) = bad("\n".join(lines))
    assert fault.code.number == "E106"


def test_recoverable_faults_come_all_at_once() -> None:
    faults = bad("a: on\nb: 010\nb: 2\nc: &x\n")
    assert [(one.code.number, one.place.line) for one in faults] == [("E105", 1), ("E105", 2), ("E104", 3), ("E113", 4)]


@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%@`\n ,?<", max_size=60).map(str.encode))
def test_reading_never_raises(raw: bytes) -> None:
    """Whatever stands in a file: a tree, or at least one fault with a place in the file."""
    root, faults = read("a.yml", raw)
    assert root is not None or faults
    assert all(one.place.line >= 1 and one.place.column >= 1 for one in faults)


def test_lines_break_where_yaml_breaks_them() -> None:
    source = Source("a", "a\r\nb\rc\u2028d")
    assert [source.line_text(line) for line in range(1, 5)] == ["a", "b", "c", "d"]
    assert source.position(source.text.index("d")) == (4, 1)
