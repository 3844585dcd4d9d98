"""How much is read before it is refused: each limit at its edge, on every way that a body can take, and as options."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from rulesengine import Engine, Limits, Result
from rulesengine.cli import main
from rulesengine.errors import PayloadError
from rulesengine.limits import DEFAULT_LIMITS, beyond, is_deeper
from rulesengine.payloads import decode
from tests.conftest import APP, assert_adds_up, assert_all_accounted_for, engine_of, files_of

FLAT: dict[str, Any] = {
    "payload": {"event": "kind", "events": ["open"]},
    "rules": [{"when": "kind == 'open'", "emit": "open"}],
}
ALONE = {**FLAT, "event": {"identifiers": {"email": "root().email || email"}}}
STEPS = {**FLAT, "payload": {"each": ["people", "events"], "event": "kind", "events": ["open"]}}

texts = st.text(st.sampled_from('[]{}"\\/ aé'), max_size=6)
data = st.recursive(
    st.none() | st.integers(0, 99) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
).filter(lambda one: isinstance(one, list | dict))


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in texts_of(one))]
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    return [value] if isinstance(value, str) else []


@given(data, st.integers(0, 6))
@example([[["]"]]], 2)
@example([[["[", "]"]]], 2)
@example({"\\": {'"': [1]}}, 2)
def test_how_deep_a_document_is(document: Any, depth: int) -> None:
    assert is_deeper(json.dumps(document).encode(), depth) == (depth_of(document) > depth)


@given(st.lists(st.dictionaries(texts, data, max_size=2), max_size=4), st.integers(0, 6))
@example([{}, {"": [[[1]]]}, {}, {}], 5)
@example([{}, {"": [[[1]]]}, {}, {}], 4)
def test_how_deep_a_list_of_objects_is(objects: list[Any], depth: int) -> None:
    assert is_deeper(json.dumps(objects).encode(), depth, len(objects)) == (depth_of(objects) > depth)


@pytest.mark.parametrize("depth", [7, 8, 9, 10, 11])
def test_depth_is_told_alike_on_both_sides_of_the_usual(depth: int) -> None:
    text = b"[" + b",".join(b'{"a":' * depth + b"[]" + b"}" * depth for _ in range(40)) + b"]"
    assert is_deeper(text, depth + 1)
    assert not is_deeper(text, depth + 2)


@given(data, st.integers(1, 12), st.booleans())
@example(["a", *range(50), "b"], 5, False)
@example([*range(50), "abcdefghijkl"], 5, False)
@example(['"\\' * 9], 12, False)
def test_how_long_texts_are(document: Any, limit: int, ascii_only: bool) -> None:
    longest = max((len(json.dumps(one, ensure_ascii=ascii_only).encode()) - 2 for one in texts_of(document)), default=0)
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    found = beyond(body, Limits(text_bytes=limit))
    assert (found.code.number if found else None) == ("E516" if longest > limit else None)


@given(st.binary(), st.integers(1, 4), st.integers(1, 4))
def test_what_is_no_json_raises_nothing(body: bytes, depth: int, limit: int) -> None:
    beyond(body * 20, Limits(depth=depth, text_bytes=limit))


# -- at the edge, on every way ----------------------------------------------------------------------------------------

ITEM = {"kind": "open", "email": "a"}
PAD = b" " * 9_000


def nested(levels: int, **more: Any) -> dict[str, Any]:
    """An item, as many levels deep, itself counted."""
    value: Any = {} if levels > 1 else None
    for _ in range(levels - 2):
        value = [value]
    return {**ITEM, **more, "value": value}


def code_of(result: Result) -> str | None:
    """The code of the one body that is rejected, None if nothing is."""
    assert_all_accounted_for(result)
    assert (not result.rejected) or (result.items, result.bodies) == (1, 1)
    return next((one.code for one in result.rejected), None)


# Deeper than the item by so many levels.
WAYS: dict[str, tuple[dict[str, Any], Any, bytes, int]] = {
    "an object": (FLAT, lambda item: item, b"", 0),
    "an object that asks for its root": (ALONE, lambda item: item, b"", 0),
    "a long object": (FLAT, lambda item: item, PAD, 0),
    "a list": (FLAT, lambda item: [ITEM, item], b"", 1),
    "a long list": (FLAT, lambda item: [ITEM, item], PAD, 1),
    "a long list that asks for its root": (ALONE, lambda item: [ITEM, item], PAD, 1),
    "steps": (STEPS, lambda item: {"people": [{"events": [item]}]}, b"", 4),
}


@pytest.mark.parametrize("formats", [("json",), ("ndjson",), ("json", "form")], ids="-".join)
@pytest.mark.parametrize("way", WAYS)
def test_the_edge_of_depth(way: str, formats: tuple[str, ...]) -> None:
    mapping, around, spaces, more = WAYS[way]
    engine = Engine(files_of(mapping), Limits(depth=40))
    for levels, code in ((40, None), (41, "E513")):
        body = json.dumps(around(nested(levels - more))).encode() + spaces
        assert code_of(engine.apply_bytes("test", body, formats=formats)) == code


@pytest.mark.parametrize("formats", [("json",), ("ndjson",), ("json", "form")], ids="-".join)
@pytest.mark.parametrize("way", WAYS)
def test_the_edge_of_text(way: str, formats: tuple[str, ...]) -> None:
    mapping, around, spaces, _ = WAYS[way]
    engine = Engine(files_of(mapping), Limits(text_bytes=50))
    for length, code in ((50, None), (51, "E516")):
        body = json.dumps(around({**ITEM, "value": "x" * length})).encode() + spaces
        assert code_of(engine.apply_bytes("test", body, formats=formats)) == code


def test_the_edge_of_a_field_of_a_form() -> None:
    limits = Limits(text_bytes=6)
    assert decode(b"a=1&b=1234", ["form"], limits) == {"a": "1", "b": "1234"}
    with pytest.raises(PayloadError, match="a field of the form has more than 6 bytes") as caught:
        decode(b"a=1&b=12345", ["json", "form"], limits)
    assert caught.value.code.number == "E516"


MANY: dict[str, tuple[dict[str, Any], Any, bytes]] = {
    "a list": (FLAT, lambda many: [ITEM] * many, b""),
    "a list in part": (FLAT, lambda many: [ITEM] * many, PAD),
    "a list that asks for its root": (ALONE, lambda many: [ITEM] * many, PAD),
    "a list of nothing": (FLAT, lambda many: [None] * many, b""),
    "one step": ({**FLAT, "payload": {**FLAT["payload"], "each": "all"}}, lambda many: {"all": [ITEM] * many}, PAD),
    "steps": (STEPS, lambda many: {"people": [{"events": [ITEM] * (many - 5)}, {"events": [ITEM] * 5}]}, b""),
    "steps that yield nothing": (STEPS, lambda many: {"people": [{"events": []}] * many}, b""),
    "steps that fail": (STEPS, lambda many: {"people": [{}] * many}, b""),
}


@pytest.mark.parametrize("formats", [("json",), ("ndjson",)], ids="-".join)
@pytest.mark.parametrize("way", MANY)
def test_the_edge_of_items(way: str, formats: tuple[str, ...]) -> None:
    mapping, body_of, spaces = MANY[way]
    engine = Engine(files_of(mapping), Limits(items=20))
    for many in (20, 21):
        body = json.dumps(body_of(many)).encode() + spaces
        results = [engine.apply_bytes("test", body, formats=formats), engine.apply("test", json.loads(body))]
        for result in results:
            assert_all_accounted_for(result)
            too_many = [one.code for one in result.rejected] == ["E515"]
            assert too_many == (many > 20)
            assert not (too_many and result.events)
        told = [one.outcome for one in engine.why("test", json.loads(body))]
        assert told == ["emitted"] * results[0].emitted + ["rejected"] * len(results[0].rejected)


def test_items_that_multiply_are_stopped_while_they_do() -> None:
    """A step that asks for the body again gives all of it for each element: ten thousand would be a hundred million."""
    each = ["all", "root().all", "root().all"]
    engine = engine_of({**FLAT, "payload": {**FLAT["payload"], "each": each}})
    result = engine.apply("test", {"all": [ITEM] * 10_000})
    assert_all_accounted_for(result)
    (rejected,) = result.rejected
    assert rejected.code == "E515"


def test_depth_does_not_hang_on_how_deep_the_calls_are() -> None:
    engine = engine_of(FLAT)
    bodies = [json.dumps([nested(levels)]).encode() + spaces for levels in (255, 256) for spaces in (b"", PAD)]

    def codes(calls: int) -> list[str | None]:
        return codes(calls - 1) if calls else [code_of(engine.apply_bytes("test", body)) for body in bodies]

    assert codes(0) == codes(400) == [None, None, "E513", "E513"]


@pytest.mark.parametrize("formats", [("json",), ("ndjson",), ("json", "form")], ids="-".join)
@pytest.mark.parametrize("way", WAYS)
def test_the_edge_of_values(way: str, formats: tuple[str, ...]) -> None:
    """Of JSON without texts that have commas in them, it is what the body holds: brackets and what commas part."""
    mapping, around, spaces, _ = WAYS[way]
    for many in (30, 31):
        body = json.dumps(around({**ITEM, "value": [1] * many})).encode() + spaces
        marks = sum(body.count(mark) for mark in (b",", b"{", b"["))
        for limit, code in ((marks, None), (marks - 1, "E517")):
            engine = Engine(files_of(mapping), Limits(values=limit))
            assert code_of(engine.apply_bytes("test", body, formats=formats)) == code


@pytest.mark.parametrize("limit", [one.name for one in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True])
def test_what_is_no_limit_is_refused_at_once(limit: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{limit} must be a whole number above 0, not {value!r}$"):
        Limits(**{limit: value})


# -- gz ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [False, True])
def test_a_gz_bomb_is_refused_by_its_ratio(tmp_path: Path, lines: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.yml").write_text(APP)
    Path("m.yml").write_bytes(files_of(FLAT).mappings[0].raw)
    name = "in.ndjson.gz" if lines else "in.json.gz"
    item = json.dumps(ITEM).encode() + b"\n"
    Path(name).write_bytes(gzip.compress(item + b" " * (20 * 2**20 - 1) + b"\n" + item))
    refused = rules("m.yml", name, status=1)
    assert "rejected E503: the gz file unpacks to more than 500 times its size, the limit" in refused.stderr
    assert len(refused.stdout.splitlines()) == int(lines)
    taken = rules("m.yml", name, "--limit", "gz_ratio=2000", status=0 if lines else 1)
    assert len(taken.stdout.splitlines()) == (2 if lines else 0)


def test_a_small_file_may_repeat_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.yml").write_text(APP)
    Path("m.yml").write_bytes(files_of(FLAT).mappings[0].raw)
    Path("in.ndjson.gz").write_bytes(gzip.compress((json.dumps(ITEM).encode() + b"\n") * 10_000))
    assert len(rules("m.yml", "in.ndjson.gz", "--limit", "gz_ratio=2").stdout.splitlines()) == 10_000


# -- options ----------------------------------------------------------------------------------------------------------


def rules(*arguments: str, status: int = 0) -> Any:
    done = CliRunner().invoke(main, ["apply", *arguments, "--summary", "sum.json"])
    assert done.exit_code == status, done.output
    counts = json.loads(Path("sum.json").read_text())
    assert_adds_up(counts)
    assert counts["events"] == len(done.stdout.splitlines())
    return done


@pytest.mark.parametrize("verb", ["apply", "why", "retry"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("item=5", "'item' is no limit; did you mean 'items'?"),
        ("speed=5", "'speed' is no limit; there are: body_bytes, items, depth, "),
        ("items", "items must be a whole number above 0, as in items=250000"),
        ("items=", "items must be a whole number above 0"),
        ("items=0", "items must be a whole number above 0"),
        ("items=-1", "items must be a whole number above 0"),
        ("items=1e3", "items must be a whole number above 0"),
        ("items=\u0663", "items must be a whole number above 0"),
        ("body_bytes=1MB", "body_bytes must be a whole number above 0"),
    ],
)
def test_a_limit_that_is_none(verb: str, given: str, told: str) -> None:
    done = CliRunner().invoke(main, [verb, "--limit", given, "sendgrid", "in.json"])
    assert done.exit_code == 2
    assert told in re.sub(r"\s+", " ", done.stderr)


@pytest.mark.parametrize("limit", [one.name for one in fields(Limits)])
def test_each_limit_is_an_option(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit of 1 a body with two of everything is refused, and without it is taken."""
    monkeypatch.chdir(tmp_path)
    Path("app.yml").write_text(APP)
    payload = {"event": "kind", "events": ["open"], "format": ["json", "form"]}
    Path("m.yml").write_bytes(files_of({**FLAT, "payload": payload}).mappings[0].raw)
    form, body = b"kind=open&email=a&x[a][b]=1", json.dumps([ITEM, ITEM]).encode()
    Path("in.txt").write_bytes(form if limit.startswith("form") else body)
    if limit == "gz_ratio":
        Path("in.txt").write_bytes(gzip.compress(body + b" " * 17 * 2**20))
    rules("m.yml", "in.txt", "--limit", f"{limit}={10**9}")
    refused = rules("m.yml", "in.txt", "--limit", f"{limit}=1", status=1)
    assert refused.stderr.startswith("rejected E5")
    assert "more than 1" in refused.stderr


def test_a_body_of_too_many_items_is_retried_with_another_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.yml").write_text(APP)
    Path("m.yml").write_bytes(files_of(STEPS).mappings[0].raw)
    Path("in.json").write_text(json.dumps({"people": [{"events": [ITEM] * 5}]}))
    rules("m.yml", "in.json", "--limit", "items=4", "--rejects", "r.ndjson", status=1)
    done = CliRunner().invoke(main, ["retry", "r.ndjson", "--limit", "items=5", "--summary", "sum.json"])
    assert_adds_up(json.loads(Path("sum.json").read_text()), bodies=1)
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 5)
    assert DEFAULT_LIMITS.items > 5


def test_a_body_of_too_many_values_is_read_out_of_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are held against the body: the line, which keeps more besides, is within them in any case."""
    monkeypatch.chdir(tmp_path)
    Path("app.yml").write_text(APP)
    Path("m.yml").write_bytes(files_of(FLAT).mappings[0].raw)
    Path("in.json").write_bytes(b"[" + b"1," * (DEFAULT_LIMITS.values + 10) + b"1]")
    assert "E517" in rules("m.yml", "in.json", "--rejects", "r.ndjson", status=1).stderr
    done = CliRunner().invoke(main, ["retry", "r.ndjson", "--limit", "values=1000000000"])
    assert "rejected E515" in done.stderr
    assert "kept as it is" not in done.stderr
