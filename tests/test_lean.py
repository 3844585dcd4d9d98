"""Bodies read in part: the same events, counts and rejects as bodies read whole, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rulesengine import Engine, Result
from rulesengine import engine as engine_module
from rulesengine.files import Block
from rulesengine.limits import Limits
from rulesengine.payloads import decode, fields_reader
from rulesengine.stream import Chunk, Task, run_block
from tests.conftest import assert_adds_up, engine_of

RULES: list[dict[str, Any]] = [
    {"when": "kind == 'open' && !gone", "emit": "open"},
    {"when": "kind == 'click'", "emit": "click", "data": {"value": "at.link", "ts": "epoch(ts)", "first": "list[0].a"}},
    {"when": "kind == 'skip'", "ignore": "not asked for"},
    {"when": "kind == 'two'", "emit": ["open", {"metric": "list_unsubscribe", "list_id": "text(list)"}]},
    {"when": "kind == 'obj'", "emit": "open", "data": {"value": "(at || more).link"}},
    {"when": "kind == 'len'", "emit": "open", "data": {"n": "length(list)", "names": "list[*].a"}},
]
NAMED = {"event": "kind", "events": ["open", "click", "skip", "two", "obj", "len"]}
# How a mapping reaches its items: as fields alone, the whole item, within a body, with what surrounds it.
MAPPINGS: dict[str, dict[str, Any]] = {
    "fields": {"rules": RULES},
    "fields, by event": {"payload": NAMED, "rules": RULES},
    "a name that is no word": {"payload": {"event": '"kind"', "events": NAMED["events"]}, "rules": [
        *RULES, {"when": '"x-y" == \'1\'', "emit": "open", "data": {"q": '"x\\"y"'}},
    ]},
    "the item itself": {"rules": [*RULES, {"when": "length(keys(@)) == `2`", "emit": "open"}]},
    "the body": {"rules": [*RULES, {"when": "root().kind", "ignore": "of a body"}]},
    "steps": {"payload": {"each": ["at", "list"]}, "rules": [
        {"when": "parent().link", "emit": "open", "data": {"ts": "epoch(root().ts)"}},
        {"when": "a == 'x'", "ignore": "x"},
        *RULES,
    ]},
    "one step": {"payload": {"each": "list[?a]"}, "rules": RULES},
}  # fmt: skip

SCALARS = [
    b"null", b"true", b"false", b"0", b"1", b"-0", b"1.5", b"1513299569", b'"open"', b'"click"', b'"skip"', b'"two"',
    b'"len"', b'"other"', b'"a@b.c"', b'""', b'"x"', b'" A@B.C "', b"[]", b"{}", b'[{"a":"x"},{"a":2},3]',
    b'{"link":"u","list":[{"a":"x"},{"email":"e","kind":"open"}]}', b'{"list":{"kind":"skip"}}', b'{"zzz":1}', b'"obj"',
    b'"2026-01-01"',
]  # fmt: skip
ODD = [
    b"1e400", b"-1e999", b"1e-999", b"9" * 30, b"9" * 400, b"9" * 5000, b"18446744073709551616", b"NaN", b"Infinity",
    b"01", b"+1", b"1.", b"tru", rb'"\ud800"', rb'"\ud83d\ude00"', rb'"\udc00"', rb'"\q"', b'"\xff"', b'"\xc3\xa9"',
    b'"\x00"', rb'"\u0000"', b'"', b"", b"[1,]", b'{"a":1e400}', b'[1e400]', b'{"a"}', b"[" * 3000, b'"a\nb"', b"{}{}",
    b'{"a":1,"a":2}', b'{"link":1e400}',
]  # fmt: skip
KEYS = [b"kind", b"email", b"ts", b"at", b"list", b"gone", b"more", b"spare", b"x-y", rb"x\"y", rb"ki\u006ed", b"k\xff"]

values = st.one_of(st.sampled_from(SCALARS), st.sampled_from(SCALARS), st.sampled_from(ODD))
pairs = st.tuples(st.sampled_from([*KEYS[:6], *KEYS[:3], *KEYS]), values)
objects = st.lists(pairs, max_size=6).map(lambda some: b"{" + b",".join(b'"%b":%b' % one for one in some) + b"}")
usual = st.sampled_from(
    [
        b'{"kind":"open","email":"a@b.c","more":[1,{"x":null}]}',
        b'{"kind":"click","email":"a@b.c","ts":1513299569,"at":{"link":"u"}}',
        b'{"kind":"skip"}',
        b'{"kind":"two","email":"a","list":7}',
        b'[{"kind":"open","email":"a"},{"kind":"skip","email":"b"}]',
        b'{"at":{"link":"u","list":[{"email":"e"},{"email":"f"}]},"ts":1513299569}',
    ]
)
documents = st.one_of(
    usual,
    usual,
    objects,
    st.lists(objects, max_size=3).map(lambda some: b"[" + b",".join(some) + b"]"),
    values,
    st.just(b'\xef\xbb\xbf{"kind":"skip"}'),
)
ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\n \t\n", b" \n", b"", b" "])
blocks = st.lists(st.tuples(documents, ends), min_size=1, max_size=6).map(lambda some: b"".join(map(b"".join, some)))
TWO_LINES = b'{"kind":"open",\n"email":"a"}\n{"kind":"open","email":"a"} {"kind":"open","email":"a"}\n'


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {name: engine_of(mapping) for name, mapping in MAPPINGS.items()}


def chunk(engine: Engine, data: bytes, *, lines: bool) -> Chunk:
    task = Task("test", "in", lines, ("ndjson",) if lines else None, None, keep_rejects=True)
    return run_block(engine, task, Block(1, data))


def whole_chunk(engine: Engine, data: bytes, *, lines: bool) -> Chunk:
    with read_whole():
        return chunk(engine, data, lines=lines)


@contextmanager
def read_whole() -> Iterator[None]:
    """Every line and every body is read whole."""

    def run_lines(program: Any, block: bytes, request: Any, result: Result, limits: Limits, whole: Any) -> int:
        for number, line in enumerate(block.split(b"\n")):
            if line.strip():
                whole(number, line)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "run_lines", run_lines)
        patch.setattr(engine_module, "run_list", lambda *_: False)
        yield


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=150, deadline=None)
@given(data=blocks)
@example(data=TWO_LINES)
@example(data=b'{"kind":"open","email":"a"} {"kind":"open","email":"a"}\n{"kind":"open","email":"a"}\n')
@example(data=b'{"kind":"obj","email":"a","at":{"zzz":1},"more":{"link":1}}')
@example(data=TWO_LINES.replace(b'"open",\n', b'"open","at":{}\n,'))
@example(data=b'{"kind":"open","email":"a"}\n{"kind":"open","email":"a","spare":1e400}\n')
@example(data=b'{"kind":"open","email":"a","spare":"\xff"}\n{"kind":"open","email":"b"}\n')
@example(data=b'{"kind":"skip","kind":"open","email":"a"}')
def test_lines_become_the_same_as_when_they_are_read_whole(engines: dict[str, Engine], name: str, data: bytes) -> None:
    assert chunk(engines[name], data, lines=True) == whole_chunk(engines[name], data, lines=True)


long_lists = st.lists(documents, min_size=1, max_size=5).map(
    lambda some: b"[" + b",".join([*some, *[b'{"kind":"skip"}'] * 700]) + b"]"
)


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=50, deadline=None)
@given(data=long_lists)
@example(
    data=b"["
    + b",".join([b'{"kind":"open","email":"a","spare":"\xff"}', *[b'{"kind":"open","email":"a"}'] * 400])
    + b"]"
)
def test_a_long_list_becomes_the_same_as_when_it_is_read_whole(
    engines: dict[str, Engine], name: str, data: bytes
) -> None:
    found = engines[name].apply_bytes("test", data)
    with read_whole():
        assert engines[name].apply_bytes("test", data) == found


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=100, deadline=None)
@given(data=st.one_of(usual, objects))
def test_a_line_becomes_what_its_data_becomes(engines: dict[str, Engine], name: str, data: bytes) -> None:
    """The decoded body given to `apply`: the third way to the same events."""
    try:
        payload = decode(data, ("json",))
    except Exception:  # noqa: BLE001 not JSON, then there is nothing to compare with
        return
    expected = engines[name].apply("test", payload)
    found = chunk(engines[name], data + b"\n", lines=True)
    assert [json.loads(line) for line in found.events.splitlines()] == expected.events
    assert_adds_up(found.tally, bodies=1)
    assert (found.tally.items, found.tally.ignored) == (expected.items, len(expected.ignored))


def test_what_is_read_in_part_is_read_in_part(engines: dict[str, Engine]) -> None:
    """So that the comparisons above compare two ways: which mappings are run over records, which over parts."""
    programs = {name: engine.program("test") for name, engine in engines.items()}
    assert {name for name, program in programs.items() if program.of_fields()} == {"fields", "fields, by event"}
    assert {name for name, program in programs.items() if program.wanted is None} == {"the item itself"}


def test_a_number_out_of_range_costs_only_whom_it_concerns(engines: dict[str, Engine]) -> None:
    """A field that no rule looks at may hold one; in a field that is wanted it is a fault."""
    fine, faulty = (b'{"kind":"open","email":"a","%b":1e400}' % name for name in (b"spare", b"list"))
    for body in (fine, fine + b"\n" + fine):
        result = engines["fields"].apply_bytes("test", body, formats=["ndjson"])
        assert (result.emitted, result.rejected) == (body.count(b"\n") + 1, [])
    (rejected,) = engines["fields"].apply_bytes("test", faulty).rejected
    assert (rejected.code, "out of range at $.list" in rejected.message) == ("E501", True), rejected


def test_bytes_that_are_no_text_are_found_beside_a_number_out_of_range(engines: dict[str, Engine]) -> None:
    body = b'{"kind":"open","email":"a","spare":1e400,"other":"\xff"}'
    (rejected,) = engines["fields"].apply_bytes("test", body, formats=["ndjson"]).rejected
    assert rejected.code == "E501"


@pytest.mark.parametrize("depth", range(960, 1_000))
def test_a_list_as_deep_as_python_allows_raises_nothing(engines: dict[str, Engine], depth: int) -> None:
    """What can be read is mapped or rejected, and a long list of it, too."""
    value = b"[" * depth + b"]" * depth
    body = b'[{"kind":"click","email":"a","at":{"link":' + value + b"}}" + b" " * 9_000 + b"]"
    result = Engine(engines["fields"]._files, Limits(depth=10_000)).apply_bytes("test", body)
    assert result.emitted + len(result.rejected) == 1


def test_items_that_are_kept_are_kept_whole(engines: dict[str, Engine]) -> None:
    items = [{"kind": kind, "email": "a", "more": {"deep": [1]}} for kind in ("open", "skip", "odd", "len")] * 200
    result = engines["fields"].apply_bytes("test", json.dumps(items).encode())
    assert [len(some) for some in (result.events, result.ignored, result.unmatched, result.rejected)] == [200] * 4
    kept = sorted([*result.ignored, *result.unmatched, *result.rejected], key=lambda one: one.index)
    assert [one.item for one in kept] == [one for one in items if one["kind"] != "open"]
    assert [one.index for one in kept] == [number for number, one in enumerate(items) if one["kind"] != "open"]


def test_kept_items_are_numbered_on_from_those_before(engines: dict[str, Engine]) -> None:
    result = Result()
    body = json.dumps([{"kind": "skip", "more": "x" * 100}] * 100).encode()
    for _ in range(2):
        engines["fields"].apply_bytes("test", body, into=result)
    assert [one.index for one in result.ignored] == list(range(200))
    assert (result.bodies, result.items) == (2, 200)


def test_a_field_that_no_record_can_have_is_read_whole() -> None:
    engine = engine_of({"rules": [{"when": '"x\\"y"', "emit": "open"}]})
    wanted = engine.program("test").wanted
    assert wanted is not None
    assert fields_reader(wanted) is None
    assert chunk(engine, b'{"x\\"y":1,"email":"a"}\n', lines=True).tally.emitted == 1


def test_a_part_with_a_name_that_is_not_ascii_is_read_whole() -> None:
    """msgspec 0.22 takes another key of the object for it now and then, or none."""
    engine = engine_of({"payload": {"each": "list"}, "rules": [{"emit": "open", "data": {"value": '"größe"'}}]})
    wanted = engine.program("test").wanted
    assert wanted is not None
    assert dict(wanted.fields) == {"list": None}
