"""Bodies from anyone: what becomes of each kind of hostile one, in Python and on the terminal (docs/security.md).

Whatever a body is, nothing is raised, each of its items has one outcome, and nothing a terminal or a browser could obey
gets into a report.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rulesengine import Engine
from rulesengine.cli import main
from rulesengine.source import read
from tests.conftest import APP, assert_adds_up, assert_all_accounted_for, engine_of
from tests.test_codegen import SMUGGLED

MAPPING = """\
mapping: 1
provider: test
payload: {event: kind, events: [open, skip]}
event:
  identifiers: {email: email}
  data: {value: value, constructor: __class__}
rules:
  - {when: kind == 'skip', ignore: skipped}
  - {when: kind == 'open', emit: open}
"""
DEEP = 100_000
ESCAPES = "\x1b[2J\x07\r\x9b31m\u202e"
MARKUP = "<script>alert(1)</script>]]>&\"'"


def body(value: bytes) -> bytes:
    """A body of one item whose field `value` is this JSON."""
    return b'{"kind": "open", "email": "a", "value": %b}' % value


# What the event's `value` becomes; None where the item is rejected with the code.
DECIDED: dict[str, tuple[bytes, Any]] = {
    "NUL in text": (body(rb'"\u0000"'), "\x00"),
    "NUL as a byte": (body(b'"\x00"'), "E501"),
    "lone surrogate": (body(rb'"\ud800"'), "E501"),
    "lone second half": (body(rb'"\udc00 x"'), "E501"),
    "pair": (body(rb'"\ud83d\ude00"'), "\U0001f600"),
    "10^6 digits": (body(b"1" * 10**6), "E501"),
    "10^6 digits after the point": (body(b"0." + b"1" * 10**6), 0.1111111111111111),
    "10^6 digits as text": (body(b'"' + b"1" * 10**6 + b'"'), "1" * 10**6),
    "out of range": (body(b"1e400"), "E501"),
    "tiny": (body(b"1e-400"), 0.0),
    "NaN": (body(b"NaN"), "E501"),
    "Infinity": (body(b"-Infinity"), "E501"),
    "repeated key": (body(b'1, "value": 2'), 2),
    "repeated key, escaped": (body(rb'1, "v\u0061lue": 2'), 2),
    "byte order mark": (b"\xef\xbb\xbf" + body(b"1"), 1),
    "UTF-16": (body(b"1").decode().encode("utf-16"), "E501"),
    "UTF-16 without a mark": (body(b"1").decode().encode("utf-16-le"), "E501"),
    "UTF-32": (body(b"1").decode().encode("utf-32"), "E501"),
    "Latin-1": (body(b'"\xe9"'), "E501"),
    "overlong UTF-8": (body(b'"\xc0\xaf"'), "E501"),
    "deep": (body(b"[" * DEEP + b"]" * DEEP), "E513"),
    "deep and open": (body(b'{"a":' * DEEP), "E513"),
    "comment": (body(b"1 /* 2 */"), "E501"),
    "escape codes": (body(json.dumps(ESCAPES).encode()), ESCAPES),
}


@pytest.mark.parametrize("spread", [b"", b" " * 9_000], ids=["small", "large"])
@pytest.mark.parametrize("listed", [False, True], ids=["object", "list"])
@pytest.mark.parametrize("name", DECIDED)
def test_what_is_decided(name: str, listed: bool, spread: bytes) -> None:
    data, decided = DECIDED[name]
    if listed and not data.startswith(b'{"kind"'):
        pytest.skip("a list of it would begin otherwise")
    data = b"[" + data + spread + b"]" if listed else data + spread
    result = engine_of(MAPPING).apply_bytes("test", data)
    assert_all_accounted_for(result)
    assert result.items == 1
    found = [event["data"]["value"] for event in result.events] or [one.code for one in result.rejected]
    assert found == [decided]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r\n", b"\n \t\n"])
def test_lines_may_end_in_any_way(end: bytes) -> None:
    """But for a carriage return alone: to JSON it is white space."""
    result = engine_of(MAPPING).apply_bytes("test", end.join([body(b"1"), body(b"2"), b""]), formats=["ndjson"])
    assert_all_accounted_for(result)
    assert [event["data"]["value"] for event in result.events] == [1, 2]
    result = engine_of(MAPPING).apply_bytes("test", body(b"1") + b"\r" + body(b"2"), formats=["ndjson"])
    assert_all_accounted_for(result)
    (rejected,) = result.rejected
    assert "several JSON documents in one line" in rejected.message


NAMES = [
    "__class__",
    "__init__",
    "__dict__",
    "__proto__",
    "constructor",
    "self",
    "None",
    "f0",
    "",
    "\x00",
    "a.b",
    "${x}",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_python_are_names(name: str) -> None:
    """A key is no more than text: it reaches no attribute, and none takes the place of a field that is missing."""
    engine = engine_of(MAPPING)
    item = {"kind": "open", "email": "a", "value": {name: 1}}
    for data in (json.dumps(item), json.dumps([item]) + " " * 9_000, json.dumps({**item, name: 5})):
        result = engine.apply_bytes("test", data.encode())
        assert_all_accounted_for(result)
        expected = {"value": {name: 1}} | ({"constructor": 5} if name == "__class__" and data.endswith("5}") else {})
        assert [event["data"] for event in result.events] == [expected]


# -- what is told of them ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("m.yml").write_text(MAPPING)
    Path("app.yml").write_text(APP)
    return tmp_path


def told(*arguments: str) -> str:
    """What a verb says to people, which leaves out the events of `apply`; that it raises nothing."""
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.stderr if arguments[0] == "apply" else done.stdout + done.stderr


def obeyed(text: str) -> set[str]:
    """The characters in a text that a terminal could obey."""
    return {char for char in text if not char.isprintable() and char != "\n"}


VERBS = {
    "apply": ["apply", "m.yml", "in.json"],
    "apply, another event": ["apply", "m.yml", "odd.json"],
    "apply, a hostile name": ["apply", "m.yml", "\x1b[2J\u202e.json"],
    "apply, a missing file": ["apply", "m.yml", "\x1b[2J\u202e none.json"],
    "why": ["why", "m.yml", "in.json"],
    "why, another event": ["why", "m.yml", "odd.json"],
    "why, a hostile name": ["why", "m.yml", "\x1b[2J\u202e.json"],
    "diff": ["diff", "m.yml", "other.yml", "in.json", "odd.json"],
    "check": ["check", "m.yml", "--samples", "."],
    "new": ["new", "\x1b[2J", "--from", "odd.json"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_a_terminal_obeys_is_told(folder: Path, verb: str) -> None:
    Path("in.json").write_bytes(body(json.dumps(ESCAPES).encode()))
    odd = {"kind": ESCAPES, "email": MARKUP, "value": MARKUP, ESCAPES: 1}
    for name in ("odd.json", "\x1b[2J\u202e.json"):
        Path(name).write_text(json.dumps(odd))
    Path("other.yml").write_text(MAPPING.replace("value: value", "value: upper(value)"))
    assert obeyed(told(*VERBS[verb])) == set()


def test_the_page_holds_no_markup_of_others(folder: Path) -> None:
    name = "<img src=x onerror=alert(1)>.json"
    Path(name).write_text(json.dumps([{"kind": MARKUP}, {"kind": "open", "email": 5, MARKUP: ESCAPES}]))
    told("apply", "m.yml", name, "--report", "page.html")
    page = Path("page.html").read_text()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert obeyed(page) == set()


def test_the_page_holds_no_markup_of_a_mapping(folder: Path) -> None:
    marked = json.dumps(MARKUP)
    rules = (
        f"  - {{name: {marked}, when: kind == 'open', emit: open}}\n  - {{when: kind == 'skip', ignore: {marked}}}\n"
    )
    Path("<img>.yml").write_text(MAPPING.partition("rules:")[0] + "rules:\n" + rules)
    Path("in.json").write_text(json.dumps([{"kind": kind, "email": "a"} for kind in ("open", "skip", "odd")] * 2))
    said = told("apply", "<img>.yml", "in.json", "--report", "page.html")
    page = Path("page.html").read_text()
    assert "2 emitted" in said
    assert ("<script>alert" in page, "<img" in page, "&lt;script&gt;" in page) == (False, False, True)


def names_in(expression: str) -> list[str]:
    """The quoted names in an expression."""
    return [json.loads(name) for name in re.findall(r'"(?:[^"\\]|\\.)*"', expression)]


@pytest.mark.parametrize("text", SMUGGLED, ids=ascii)
def test_a_draft_of_hostile_names_is_yaml_that_says_no_more(folder: Path, text: str) -> None:
    """What `rules new` writes holds names and values of bodies: as text, and in no other part of the file."""
    inner = [{"event": event, "email": f"{event}@x.y", "ts": 1513299569} for event in ("open", "click") * 3]
    bodies = [{text: one} for one in inner]
    Path("in.json").write_text(json.dumps(bodies))
    told("new", "acme", "--from", "in.json")
    raw = Path("acme.yml").read_bytes()
    root, faults = read("acme.yml", raw)
    assert (faults, root is None) == ([], False)
    assert obeyed(raw.decode()) == set()
    assert root is not None
    assert root.data["payload"]["events"] == ["open", "click"]
    held = root.data["payload"].get("each", "") + root.data["event"]["identifiers"]["email"]
    assert text.isidentifier() or text in names_in(held)
    assert root.data.keys() <= {"mapping", "provider", "title", "docs", "reviewed", "channels"} | {
        "payload", "event", "tables", "rules",
    }  # fmt: skip


VERBS_OF_DEEP = {
    "apply": ["apply", "m.yml", "deep.ndjson", "--rejects", "r.ndjson", "--summary", "s.json", "--report", "p.html"],
    "apply --jobs 2": ["apply", "m.yml", "deep.ndjson", "--jobs", "2"],
    "why": ["why", "m.yml", "deep.ndjson"],
    "diff": ["diff", "m.yml", "other.yml", "deep.ndjson"],
    "new": ["new", "acme", "--from", "deep.ndjson"],
    "check": ["check", "m.yml", "--samples", "samples"],
}


@pytest.mark.parametrize("verb", VERBS_OF_DEEP)
def test_no_verb_fails_on_deep_bodies(folder: Path, verb: str) -> None:
    """Neither on those that can be read, nor on those that cannot."""
    depths = (50, 200, 320, 480, 500, 900, 960, DEEP)
    data = b"".join(body(b"[" * depth + b"]" * depth) + b"\n" for depth in depths)
    Path("samples").mkdir()
    for name in ("deep.ndjson", "samples/deep.ndjson"):
        Path(name).write_bytes(data)
    Path("other.yml").write_text(MAPPING.replace("value: value", "value: text(value)"))
    told(*VERBS_OF_DEEP[verb])
    if Path("s.json").exists():
        counts = json.loads(Path("s.json").read_text())
        assert_adds_up(counts, bodies=len(depths))
        assert counts["items"] == len(depths)
        assert len(Path("r.ndjson").read_bytes().splitlines()) == counts["rejected"] > 0
        told("retry", "r.ndjson", "--summary", "again.json")
        assert_adds_up(json.loads(Path("again.json").read_text()), bodies=counts["rejected"])


CONSTANTS = MAPPING.replace("value: value", "value: value, more: 'not_null(value, `[]`)'")


@pytest.mark.parametrize("depth", [100, 320, 480, 500, 520, 700, 900])
def test_a_constant_beside_a_deep_value_changes_nothing(depth: int) -> None:
    """The value is the item's, and the constant the mapping's: neither way of reading has trouble with the two."""
    engine = engine_of(CONSTANTS)
    data = body(b"[" * depth + b"]" * depth)
    found = [
        Engine.apply_bytes(engine, "test", one, formats=formats)
        for one, formats in ((data, ["json"]), (data, ["ndjson"]), (b"[" + data + b" " * 9_000 + b"]", ["json"]))
    ]
    for one in found:
        assert_all_accounted_for(one)
    assert len({one.emitted for one in found}) == 1


@pytest.mark.parametrize("verb", ["apply", "retry"])
def test_redacted_nothing_of_a_body_is_told(verb: str, folder: Path) -> None:
    """Faults of one kind become one, whatever their values."""
    secret = "ann.secret@example.com"
    bodies = [
        {"kind": "open", "email": {secret: 1}},
        {"kind": "open", "email": {f"x{secret}": 1}},
        {"kind": secret},
        {"kind": f"y{secret[1:]}"},
        {"kind": None},
    ]
    Path("in.ndjson").write_text("".join(json.dumps(one) + "\n" for one in bodies))
    told("apply", "m.yml", "in.ndjson", "--rejects", "left.ndjson")
    arguments = {"apply": ["apply", "m.yml", "in.ndjson"], "retry": ["retry", "left.ndjson"]}[verb]
    plain = told(*arguments)
    text = told(*arguments, "--redact", "--summary", "s.json")
    summary = json.loads(Path("s.json").read_text())
    assert "secret" in plain
    assert "secret" not in text + json.dumps(summary)
    assert "rejected E507: m.yml:5:24: not text  (2 times)\n  first in in.ndjson:1 item 0\n" in text
    assert [(one["value"], one["count"]) for one in summary["unmapped"]] == [("<text of 22>", 2), (None, 1)]
    assert_adds_up(summary, 5)
