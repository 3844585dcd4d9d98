"""Explanations as text and as data; and that no value gets through a mask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rulesengine import Engine
from rulesengine.explaining.reports import Mask, as_data, as_line, as_text, redacting
from rulesengine.gathering import File
from rulesengine.tally import Source
from tests import cases
from tests.conftest import engine_of, files_of, item_of

MAPPING = """\
mapping: 1
provider: test
payload:
  each: [entry, "@", "[changes][]"]
  event: type
  events: [opened, bounced, left, odd]
event:
  identifiers: {email: lower(trim(email))}
  data: {at: abs(at), note: note || tags}
tables:
  kinds: {hard: hard_bounce, soft: soft_bounce, out: ignore}
rules:
  - name: late
    when: type == 'opened' && late
    emit: click
  - name: opened
    when: type == 'opened'
    emit: open
  - name: bounced
    when: type == 'bounced'
    emit: {table: kinds, key: kind}
  - name: left
    when: type == 'left' && list == 'a'
    emit: [{type: "'list'", action: "'unsubscribe'", list_id: list}, hard_bounce]
  - name: odd
    when: type == 'odd'
    ignore: not an event
"""
SOURCE = Source("body.json", 3, 1)


def text_of(item: Any, mask: Mask | None = None) -> str:
    (told,) = engine_of(MAPPING).why("test", {"entry": [{"changes": item}]})
    return as_text(told, "body.json item 0", mask)


def masked(item: Any) -> str:
    return text_of(item, redacting(engine_of(MAPPING).program("test").mapping))


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            {"type": "opened", "email": " Ann@Example.com", "at": 5, "tags": ["x"]},
            """\
body.json item 0, at entry[0] (step 3)[0]: emitted email/open
  event: "opened", from type (line 5)
  taken by opened (0.yml:16:5)
    type == 'opened' is true
  not taken by
    late (line 13): late is null
  email/open, by the metric open (line 18)
    identifiers.email: "ann@example.com", from lower(trim(email)) (line 8)
      email is " Ann@Example.com"
      trim(email) is "Ann@Example.com"
    data.at: 5, from abs(at) (line 9)
      at is 5
    data.note: ["x"], from note || tags (line 9)
      note is null
      tags is ["x"]
""",
        ),
        (
            {"type": "opened", "late": True, "at": "five"},
            """\
body.json item 0, at entry[0] (step 3)[0]: rejected E508: the event of 'late' has no identifier with a value\
 (tried: email) (0.yml:15:11)
  event: "opened", from type (line 5)
  taken by late (0.yml:13:5)
    type == 'opened' is true
    late is true
  no event, by the metric click (line 15)
    identifiers.email: null, from lower(trim(email)) (line 8)
      email is null
      trim(email) is null
    data.at: abs(at) fails (abs() takes number, got string 'five') (line 9)
      at is "five"
    data.note: null, from note || tags (line 9)
      note is null
      tags is null
""",
        ),
        (
            {"type": "bounced", "kind": "out"},
            """\
body.json item 0, at entry[0] (step 3)[0]: ignored: table kinds ignores 'out'
  event: "bounced", from type (line 5)
  taken by bounced (0.yml:19:5)
    type == 'bounced' is true
  not taken by
    late (line 13): type == 'opened' is false
    opened (line 16): type == 'opened' is false
  no event, by the table kinds: out: ignore (line 11)
    key: "out", from kind (line 21)
""",
        ),
        (
            {"type": "left", "list": "b"},
            """\
body.json item 0, at entry[0] (step 3)[0]: unmatched E511: no rule takes this item (event 'left') (0.yml:12:1)
  event: "left", from type (line 5)
  not taken by
    late (line 13): type == 'opened' is false
    opened (line 16): type == 'opened' is false
    bounced (line 19): type == 'bounced' is false
    left (line 22): list == 'a' is false: list is "b"
    odd (line 25): type == 'odd' is false
  nearest is left (0.yml:22:5): 1 of 2 conditions hold
    list == 'a' is false: list is "b"
""",
        ),
    ],
)
def test_text(item: dict[str, Any], text: str) -> None:
    assert text_of(item) == text


def test_the_text_of_what_has_no_items() -> None:
    (told,) = engine_of(MAPPING).why("test", {"entries": "secret"})
    assert as_text(told, "x") == (
        "x: rejected E505: payload.each[0] (entry) yields null: the body has another shape (its keys: 'entries') "
        "(0.yml:4:10)\n  payload.each[0]: null, from entry (line 4)\n"
    )
    (told,) = engine_of(MAPPING).why_bytes("test", b"{")
    assert as_text(told, "x") == "x: rejected E501: the JSON is truncated: it ends in the middle, after 1 bytes\n"


def test_a_long_value_and_a_deep_one_are_cut() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    long = text_of(item_of(type="opened", at=1, note="x" * 10_000))
    assert max(map(len, long.splitlines())) < 300
    assert "data.note: [[[[…]]]], from note || tags" in text_of(item_of(type="opened", at=1, note=deep))
    many = {str(number): number for number in range(100)}
    assert '{"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, …}' in text_of(item_of(type="opened", at=1, note=many))


def test_what_a_terminal_could_obey_is_escaped() -> None:
    text = text_of(item_of(type="opened", at=1, note="\x1b[31m\u202ered"))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_parts_told_before_are_not_repeated() -> None:
    engine = engine_of(
        {"rules": [{"emit": "open", "data": {"id": "text(abs(id)) || widest.id || 'a rather long text'"}}]}
    )
    (told,) = engine.why("test", item_of(id=-1))
    assert as_text(told, "x").splitlines()[-4:] == [
        "    data.id: \"1\", from text(abs(id)) || widest.id || 'a rather long text' (line 1)",
        "      id is -1",
        "      abs(id) is 1",
        '      text(...) is "1"',
    ]


# -- masks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ann@example.com", "<text of 15>"),
        ("opened", "opened"),
        ("hard", "hard"),
        (12.5, "<number>"),
        pytest.param(10**5000, "<number>", id="huge"),
        (True, "<boolean>"),
        (None, None),
        (["a", "b"], "<list of 2>"),
        ({"a": 1}, "<object of 1>"),
        ([], "<list of 0>"),
    ],
)
def test_a_mask_keeps_what_the_mapping_writes_out(value: Any, shown: Any) -> None:
    with_null = MAPPING.replace("note || tags", "note || tags || `null`")
    mask = redacting(engine_of(with_null).program("test").mapping)
    assert mask(value) == shown


def test_a_number_is_kept_that_a_table_has_as_text() -> None:
    mapping = {
        "tables": {"codes": {"421": "greylisted"}},
        "rules": [{"emit": "open", "data": {"x": "lookup('codes', c)"}}],
    }
    mask = redacting(engine_of(mapping).program("test").mapping)
    assert (mask(421), mask("greylisted"), mask(422)) == (421, "greylisted", "<number>")


def test_masked_text() -> None:
    text = masked({"type": "opened", "email": "ann@example.com", "at": "five", "tags": ["x"]})
    assert "rejected E506: expression failed" in text
    assert "data.at: abs(at) fails (line 9)" in text
    assert "email is <text of 15>" in text
    assert "tags is <list of 1>" in text
    assert "type == 'opened' is true" in text
    assert "rejected E506: expression failed" in text
    assert "ignored: not an event" in masked({"type": "odd"})
    assert "ignored: a table ignores it" in masked({"type": "bounced", "kind": "out"})


def secrets_in(value: Any, mask: Mask, found: list[str]) -> Any:
    """A payload with a secret in place of each value that the mask hides, the secrets noted."""
    if isinstance(value, dict):
        return {key: secrets_in(inner, mask, found) for key, inner in value.items()}
    if isinstance(value, list):
        return [secrets_in(inner, mask, found) for inner in value]
    if mask(value) == value or isinstance(value, bool):
        return value
    secret = 7_700_000_000 + len(found)
    found.append(str(secret))
    return secret if isinstance(value, int | float) else f"+{secret}"


def masked_cases(provider: str) -> Iterator[tuple[str, list[str]]]:
    """All that is told of the cases of a provider through a mask, and the secrets that were in each."""
    tested = cases.tested(provider)
    for case in tested.cases:
        channel = tested.channel_for(case)
        if case.body is None and channel is not None:
            engine: Engine = tested.engines[channel]
            mask, secrets = redacting(engine.program(provider).mapping), list[str]()
            payload = secrets_in(case.payload, mask, secrets)
            for told in engine.why(provider, payload):
                yield as_text(told, "x", mask), secrets
                yield as_line(told, provider, SOURCE, mask).decode(), secrets


@pytest.mark.parametrize("provider", ["sendgrid", "amazon_ses", "twilio", "mandrill", "whatsapp"])
def test_nothing_of_a_payload_gets_through_a_mask(provider: str) -> None:
    some = 0
    for text, secrets in masked_cases(provider):
        some += len(secrets)
        assert [one for one in secrets if one in text] == []
    assert some > 100


# -- data -------------------------------------------------------------------------------------------------------------


def test_a_line_of_json_has_where_the_item_is_from() -> None:
    (told,) = engine_of(MAPPING).why("test", {"entry": {"changes": {"type": "left", "list": "b"}}})
    data = json.loads(as_line(told, "test", SOURCE))
    assert (data["file"], data["line"], data["provider"], data["item"]) == ("body.json", 3, "test", 0)
    assert [one["step"] for one in data["path"]] == ["entry", "@", "[changes][]"]
    assert (data["outcome"], data["code"], data["place"]) == (
        "unmatched", "E511", {"file": "0.yml", "line": 12, "column": 1},
    )  # fmt: skip
    assert (data["nearest"]["rule"], data["nearest"]["true"], data["nearest"]["conditions"]) == ("left", 1, 2)
    assert data["nearest"]["parts"][0]["saw"][0]["value"] == "b"
    assert [one["rule"] for one in data["above"]] == ["late", "opened", "bounced", "left", "odd"]


def test_the_data_of_an_event() -> None:
    (told,) = engine_of(MAPPING).why("test", {"entry": {"changes": item_of(type="bounced", kind="hard", at=1)}})
    data = as_data(told)
    (emission,) = data["emissions"]
    assert emission["entry"] == {
        "key": "hard",
        "value": "hard_bounce",
        "place": {"file": "0.yml", "line": 11, "column": 11},
    }
    assert (emission["table"], emission["event"]) == ("kinds", "reachability/unreachable/hard_bounce")
    fields = {one["name"]: one for one in emission["fields"]}
    assert fields["data.at"]["value"] == 1
    assert [step["text"] for step in fields["data.at"]["steps"]] == ["at", "abs(at)"]
    assert data["rule"]["when"] == "type == 'bounced'"


def test_a_name_that_is_not_utf8_changes_no_value() -> None:
    files = replace(files_of(MAPPING), mappings=(File("m\udcff.yml", MAPPING.encode()),))
    body = {"entry": {"changes": item_of(type="opened", at=1, note="a")}}
    (told,) = Engine(files).why("test", body)
    data = json.loads(as_line(told, "test", Source("a\udcff.json", None, 0)))
    assert (data["file"], data["rule"]["place"]["file"]) == ("a\\xff.json", "m\\xff.yml")
    fields = {one["name"]: one["value"] for one in data["emissions"][0]["fields"]}
    assert fields["data.note"] == "a"


def test_what_json_cannot_hold_is_told_as_text() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    (told,) = engine_of(MAPPING).why("test", {"entry": {"changes": item_of(type="opened", at=1, note=deep)}})
    line = as_line(told, "test", Source("a\udcff.json", None, 0))
    fields = {one["name"]: one["value"] for one in json.loads(line)["emissions"][0]["fields"]}
    assert fields["data.note"] == "[[[[…]]]]"
