"""`rules retry`: what apply left, run again by the mended mapping, is what apply makes of it now, and no more."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rulesengine import Engine
from rulesengine.cli import main
from rulesengine.limits import DEFAULT_LIMITS
from rulesengine.retrying import Retrier
from tests.conftest import assert_adds_up

APP = "channel: {type: email, metrics: {engagement: [open, click], reachability: [hard_bounce, soft_bounce]}}\n"
FLAT = """\
mapping: 1
provider: acme
payload: {format: json, event: kind, events: [open, click, seen]}
event:
  identifiers: {email: email}
  data: {id: id, at: request().received_at}
rules:
  - when: kind == 'open'
    emit: open
  - when: kind == 'click'
    emit: click
  - when: kind == 'seen'
    ignore: seen
"""
STEPS = """\
mapping: 1
provider: acme
payload:
  each: [batches, "not_null(messages, broken.list)"]
  event: kind
  events: [open, click]
event:
  identifiers: {email: to}
  data: {id: id, batch: parent().name, account: root().account}
rules:
  - when: kind == 'open'
    emit: open
  - when: kind == 'click'
    emit: click
"""
ADD_CLICKED = ("rules:\n", "rules:\n  - when: kind == 'clicked'\n    emit: click\n")
ADD_EVENT = ("[open, click", "[clicked, open, click")
BATCHES = {
    "account": "a-1",
    "batches": [
        {"name": "b-0", "messages": [{"kind": kind, "to": "a@x.y", "id": kind} for kind in ("open", "clicked")]},
        {"name": "b-1", "messages": []},
        {"name": "b-2", "lost": [{"kind": "click", "to": "b@x.y", "id": "l"}, {"kind": "odd", "to": "b@x.y"}]},
        {"name": "b-3", "messages": {"kind": "clicked", "to": "c@x.y", "id": "one"}},
        {"name": "b-4", "messages": [{"kind": "clicked", "to": "a@x.y", "id": "clicked"}, {"kind": "open"}]},
    ],
}


def item(kind: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "email": "a@x.y", "id": number, **more}


def lines(*items: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in items)


@dataclass(frozen=True)
class Case:
    """Payload files, a mapping, and how it is mended: by other texts in the place of some."""

    files: dict[str, bytes]
    mapping: str = FLAT
    mended: list[tuple[str, str]] = field(default_factory=lambda: [ADD_CLICKED, ADD_EVENT])
    arguments: tuple[str, ...] = ()


CASES = {
    "lines": Case({"in.ndjson": lines(item("open"), item("clicked"), item("seen"), item("odd"), item("clicked"))}),
    "a list": Case({"in.json": json.dumps([item("open", 1), item("clicked", 2), None, item("odd", 3)]).encode()}),
    "lines of lists": Case({"in.ndjson.gz": gzip.compress(lines([item("clicked", 1), item("open")], item("clicked")))}),
    "a request": Case({"in.ndjson": lines(item("clicked", 1))}, arguments=("--received-at", "1795000000")),
    "steps": Case({"in.ndjson": lines(BATCHES, {"account": "none"}, BATCHES)}, STEPS),
    "one body with steps": Case({"in.json": json.dumps(BATCHES, indent=1).encode()}, STEPS),
    "the last step was wrong": Case(
        {"in.ndjson": lines(BATCHES, BATCHES)}, STEPS, [ADD_CLICKED, ADD_EVENT, ("broken.list", "lost")]
    ),
    "a step before it was wrong": Case(
        {"in.ndjson": lines({"b": BATCHES["batches"]}, BATCHES)}, STEPS, [("[batches,", '["batches || b",')]
    ),
    "a step that makes items what they are": Case(
        {"in.json": json.dumps([item("open", 1), item("KLICK", 2)]).encode()},
        FLAT.replace("payload: {", "payload: {each: \"[@][].merge(@, {kind: lower(kind)})\", "),
        [("lower(kind)", "replace(lower(kind), 'klick', 'click')")],
    ),
    "the body of a list": Case(
        {"in.json": json.dumps([item("open", 1), item("clicked", 2), item("clicked", 3)]).encode()},
        FLAT.replace("id: id", "id: id, all: length(root())"),
    ),
    "another format": Case(
        {"in.txt": b"kind=open&email=a%40x.y&id=1", "in.json": b'{"kind": "op'},
        mended=[("format: json", "format: [json, form]")],
    ),
    "lines in a text": Case(
        {"in.txt": lines(item("clicked", 1)) + b'{"kind": \n' + lines([item("open"), item("clicked")], item("odd"))},
        FLAT.replace("format: json", "format: [json, ndjson]"),
    ),
    "numbers out of range": Case(
        {"in.ndjson": lines([item("open", to="b@x"), 1], [item("clicked", to="b@x")]).replace(b' 0', b' 0, "x": 1e400'),
         "in.json": json.dumps(item("clicked", 10**29, to="b@x.y")).encode()},
        mended=[ADD_CLICKED, ADD_EVENT, ("emit: click\n", "emit: click\n    identifiers: {email: to}\n")],
    ),
    "numbers out of range within steps": Case(
        {"in.ndjson": lines(BATCHES).replace(b'"a-1"', b'"a-1", "x": 1e400')}, STEPS
    ),
    "bytes that are not UTF-8": Case({"in.ndjson": b'{"kind": "\xff"}\n' + lines(item("clicked", 1))}),
    "a form": Case(
        {"in.txt": b"kind=clicked&email=a%40x.y&id=1&data[a]=1"}, FLAT.replace("format: json", "format: form")
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an app.yml and a mapping to stand in."""
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "m.yml").write_text(FLAT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str, stdin: bytes | None = None, status: int | None = None) -> Result:
    counted = (
        ["--summary", "counts.json"] if arguments[0] in ("apply", "retry") and "--summary" not in arguments else []
    )
    result = CliRunner().invoke(main, [*arguments, *counted], input=stdin, prog_name="rules")
    assert result.exit_code in ((0, 1) if status is None else (status,)), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert status is not None or ": error " not in result.stderr
    if counted and result.exit_code < 2:
        assert_adds_up(json.loads(Path("counts.json").read_bytes()))
    return result


def records(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def mend(case: Case) -> str:
    text = case.mapping
    for old, new in case.mended:
        assert old in text
        text = text.replace(old, new)
    return text


def events_of(result: Result) -> Counter[str]:
    return Counter(result.stdout.splitlines())


def still_failing(path: str) -> Counter[str]:
    """What lines of rejects are about, but for how often it was tried and which of them has the body."""
    left_out = ("attempts", "body", "base64", "formats", "body_sha256", "source", "mapping")
    shown = [{key: value for key, value in one.items() if key not in left_out} for one in records(path)]
    return Counter(json.dumps(one, sort_keys=True) for one in shown)


@pytest.fixture(params=CASES)
def applied(request: pytest.FixtureRequest, folder: Path) -> tuple[Case, Result]:
    """A case, after its payloads were applied by the mapping as it was."""
    case = CASES[request.param]
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    (folder / "m.yml").write_text(case.mapping)
    result = rules("apply", "m.yml", *case.files, *case.arguments, "--rejects", "r.ndjson")
    assert records("r.ndjson")
    return case, result


def test_apply_and_retry_come_to_what_apply_makes_with_the_mended_mapping(
    applied: tuple[Case, Result], folder: Path
) -> None:
    case, first = applied
    (folder / "m.yml").write_text(mend(case))
    second = rules("retry", "r.ndjson", "--rejects", "left.ndjson")
    expected = rules("apply", "m.yml", *case.files, *case.arguments, "--rejects", "expected.ndjson")
    assert events_of(first) + events_of(second) == events_of(expected)
    assert still_failing("left.ndjson") == still_failing("expected.ndjson")
    assert "kept as it is" not in second.stderr


def test_an_unchanged_mapping_leaves_the_same_lines(applied: tuple[Case, Result]) -> None:
    for before, after, attempts in (("r", "s", 2), ("s", "t", 3)):
        result = rules("retry", f"{before}.ndjson", "--rejects", f"{after}.ndjson")
        assert result.stdout == ""
        found = records(f"{after}.ndjson")
        assert found == [{**one, "attempts": attempts} for one in records(f"{before}.ndjson")]


def test_a_body_is_kept_once_for_all_its_items(folder: Path) -> None:
    many = {"account": "a", "batches": [{"messages": [{"kind": "odd", "to": "a", "id": n} for n in range(1_000)]}]}
    (folder / "in.ndjson").write_bytes(lines(many, many))
    (folder / "m.yml").write_text(STEPS)
    rules("apply", "m.yml", "in.ndjson", "--rejects", "r.ndjson")
    assert [number for number, one in enumerate(records("r.ndjson")) if "body" in one] == [0, 1_000]
    assert (folder / "r.ndjson").stat().st_size < 2_000 * 600
    (folder / "m.yml").write_text(STEPS.replace("kind == 'open'", "kind == 'open' || id == `0`"))
    rules("retry", "r.ndjson", "--rejects", "left.ndjson")
    assert [number for number, one in enumerate(records("left.ndjson")) if "body" in one] == [0, 999]
    assert len(records("left.ndjson")) == 2_000 - 2


# -- what cannot be run ------------------------------------------------------------------------------------------------


def rejected(folder: Path, *items: Any, mapping: str = FLAT) -> list[bytes]:
    """The lines that apply writes of some items, in r.ndjson too."""
    (folder / "in.ndjson").write_bytes(lines(*items))
    (folder / "m.yml").write_text(mapping)
    rules("apply", "m.yml", "in.ndjson", "--rejects", "r.ndjson")
    return (folder / "r.ndjson").read_bytes().splitlines(keepends=True)


def changed(line: bytes, **fields: Any) -> bytes:
    """A line with other fields; those that are None are left out."""
    record = {**json.loads(line), **fields}
    return lines({key: value for key, value in record.items() if value is not None})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not JSON"),
        (b"[1]", "it is a list"),
        (b"{}", "it has no 'source'"),
        (b'{"outcome": "unm', "truncated"),
        (b"\xff{}", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        ({"provider": 5}, "'provider'"),
        ({"item": None}, "neither 'item' nor 'body'"),
        ({"item": 5}, "is no body"),
        ({"at": ["x"], "of": [1]}, "'at' is no list of numbers"),
        ({"at": [1]}, "'of' does not go with 'at'"),
        ({"base64": "%"}, "'base64'"),
        ({"formats": ["xml"]}, "'formats'"),
        ({"source": {"file": "x", "item": 0, "line": "1"}}, "'line'"),
        ({"provider": "other"}, "m.yml has no mapping for 'other', only for acme"),
        ({"item": None, "at": [0], "of": [1], "body_sha256": "0"}, "its body stands in another line"),
        ({"at": [5], "of": [1], "body_sha256": "0", "body": [{}]}, "no longer finds items where it did"),
    ],
)
def test_a_line_that_cannot_be_run_is_kept_and_told(folder: Path, line: bytes | dict[str, Any], why: str) -> None:
    good, *_ = rejected(folder, item("clicked", 1))
    bad = line + b"\n" if isinstance(line, bytes) else changed(good, **line)
    (folder / "r.ndjson").write_bytes(good + b"\n" + bad.rstrip(b"\n"))
    (folder / "m.yml").write_text(mend(Case({})))
    result = rules("retry", "r.ndjson", "--summary", "s.json", status=1)
    assert len(result.stdout.splitlines()) == 1
    (told,) = re.findall(r"^r\.ndjson:3: kept as it is: .*", result.stderr, re.M)
    assert why in told
    assert "1 item left in r.left.ndjson" in result.stderr
    assert (folder / "r.left.ndjson").read_bytes() == bad
    counts = json.loads((folder / "s.json").read_text())
    assert counts["kept"] == 1
    assert_adds_up(counts, bodies=1)


def test_a_body_that_was_not_read_to_its_end_is_kept(folder: Path) -> None:
    (folder / "in.ndjson").write_bytes(b'{"kind": "%b"}\n' % (b"x" * 2**20))
    rules("apply", "m.yml", "in.ndjson", "missing.json", "--max-body", "1", "--rejects", "r.ndjson", status=1)
    result = rules("retry", "r.ndjson", status=1)
    assert "r.ndjson:1: kept as it is: its body was not read to its end: apply in.ndjson again" in result.stderr
    assert (folder / "r.left.ndjson").read_bytes() == (folder / "r.ndjson").read_bytes()


TWO_BATCHES = {"account": "a-1", "batches": [BATCHES["batches"][index] for index in (0, 4)]}


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        (TWO_BATCHES, STEPS, STEPS.replace("each: [batches,", 'each: ["batches[1:]",')),
        (TWO_BATCHES, STEPS, STEPS.replace("[batches,", '[batches, "@",')),
        (TWO_BATCHES, STEPS, re.sub("each: .*", "each: batches", STEPS).replace("parent", "root")),
        ([item("clicked")], FLAT, FLAT.replace("id: id", 'id: "root()[0].id"')),
        ([item("clicked")], FLAT, FLAT.replace("payload: {", 'payload: {each: "[@][]", ')),
    ],
)
def test_an_item_that_cannot_be_found_again_is_kept(folder: Path, body: Any, before: str, after: str) -> None:
    """Items that stand elsewhere now could be others, that were emitted."""
    rejected(folder, body, mapping=before)
    (folder / "m.yml").write_text(after.replace(*ADD_CLICKED).replace(*ADD_EVENT))
    result = rules("retry", "r.ndjson", status=1)
    assert result.stdout == ""
    assert "apply in.ndjson:1 item" in result.stderr
    assert (folder / "r.left.ndjson").read_bytes() == (folder / "r.ndjson").read_bytes()


def test_lines_that_were_picked_out_say_that_they_lack_their_body(folder: Path) -> None:
    first, second, *_ = rejected(folder, BATCHES, mapping=STEPS)
    assert b'"body":' in first
    (folder / "r.ndjson").write_bytes(second)
    assert "its body stands in another line, which is not above it" in rules("retry", "r.ndjson", status=1).stderr


def test_a_line_is_not_run_in_the_body_of_another(folder: Path) -> None:
    found = rejected(folder, BATCHES, {**BATCHES, "account": "a-2"}, mapping=STEPS)
    (folder / "m.yml").write_text(STEPS.replace(*ADD_CLICKED).replace(*ADD_EVENT))
    (folder / "r.ndjson").write_bytes(found[0] + found[-1])
    result = rules("retry", "r.ndjson", status=1)
    assert len(result.stdout.splitlines()) == 1
    assert "r.ndjson:2: kept as it is: its body stands in another line" in result.stderr


def test_a_body_is_found_again_whatever_is_written_between(folder: Path) -> None:
    """A body that had no items at all has some now, and they share it; then comes a line of the body before."""
    found = rejected(folder, BATCHES, {"b": BATCHES["batches"]}, mapping=STEPS)
    (whole,) = (line for line in found if b"E505" in line and b'"at"' not in line)
    others = [line for line in found if line is not whole]
    (folder / "r.ndjson").write_bytes(others[0] + whole + b"".join(others[1:]))
    (folder / "m.yml").write_text(STEPS.replace("[batches,", '["batches || b",'))
    rules("retry", "r.ndjson", "--rejects", "s.ndjson", status=1)
    assert len(records("s.ndjson")) > len(found)
    assert "kept as it is" not in rules("retry", "s.ndjson", status=1).stderr


def test_a_body_is_kept_though_the_mapping_does_not_ask_for_it_now(folder: Path) -> None:
    asks = FLAT.replace("id: id", "id: id, all: length(root())")
    rejected(folder, [item("odd"), item("clicked")], mapping=asks)
    (folder / "m.yml").write_text(FLAT)
    rules("retry", "r.ndjson", "--rejects", "s.ndjson", status=0)
    (folder / "m.yml").write_text(asks.replace(*ADD_CLICKED).replace(*ADD_EVENT))
    (event,) = rules("retry", "s.ndjson", status=0).stdout.splitlines()
    assert json.loads(event)["data"]["all"] == 2


def test_a_body_that_is_several_now_is_kept(folder: Path) -> None:
    (folder / "in.json").write_text('[{"kind": "odd", "x": 1e400},\n {"kind": "odd"}]\n')
    rules("apply", "m.yml", "in.json", "--rejects", "r.ndjson")
    (folder / "m.yml").write_text(FLAT.replace("format: json", "format: ndjson"))
    result = rules("retry", "r.ndjson", status=1)
    assert result.stderr.count("the mapping now finds several bodies in its body: apply in.json item") == 2
    assert (folder / "r.left.ndjson").read_bytes() == (folder / "r.ndjson").read_bytes()


def test_items_at_the_limit_of_nesting_are_not_lost(folder: Path) -> None:
    """How deep JSON can be read and written hangs on how deep the calls are, where the limit is above that."""

    def deeper(calls: int, then: Callable[[], Result]) -> Result:
        return deeper(calls - 1, then) if calls else then()

    nested = [b'{"kind": "clicked", "email": "a@x.y", "id": %b%b}\n' % (b"[" * n, b"]" * n) for n in range(800, 1_000)]
    (folder / "in.ndjson").write_bytes(b"".join(nested))
    (folder / "m.yml").write_text(FLAT.replace("id: id", "id: length(id)"))
    rules("apply", "m.yml", "in.ndjson", "--rejects", "r.ndjson", "--limit", "depth=5000")
    (folder / "m.yml").write_text(mend(Case({})).replace("id: id", "id: length(id)"))
    done = deeper(30, lambda: rules("retry", "r.ndjson", "--limit", "depth=5000"))
    left = records("r.left.ndjson")
    assert len(done.stdout.splitlines()) + len(left) == len(nested)
    assert "kept as it is" not in done.stderr
    assert {one["code"] for one in left} == {"E513"}
    assert [one["body"].encode() + b"\n" for one in left] == nested[-len(left) :]


def test_what_is_told_of_an_item_is_where_it_came_from(folder: Path) -> None:
    rejected(folder, BATCHES, mapping=STEPS)
    (folder / "m.yml").write_text(STEPS.replace("broken.list", "lost").replace(*ADD_CLICKED).replace(*ADD_EVENT))
    result = rules("retry", "r.ndjson")
    assert "1  event 'odd'  E511 m.yml:10:1  first in in.ndjson:1 item 3\n" in result.stderr
    assert [one["source"]["item"] for one in records("r.left.ndjson")] == [3, 5]


def test_an_event_that_json_cannot_hold_is_its_items_fault(folder: Path) -> None:
    """Nothing decoded from JSON is such a value, so the mapping's result is made one here."""
    (line, other) = rejected(folder, item("odd", 1), item("odd", 2))
    engine = Engine.load("m.yml", app="app.yml")
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    event = {"type": "email", "action": "open", "identifiers": {"email": "a"}, "data": {}}

    def item_of(found: Any, *_: Any) -> Any:
        return {**event, "data": {"deep": deep}} if found["id"] == 1 else event

    program = replace(engine.program("acme"), item=item_of, direct=None, of_fields=lambda: None)
    retrier = Retrier(lambda _: engine.with_program("acme", program), DEFAULT_LIMITS)
    bad, good = retrier.retry(line), retrier.retry(other)
    assert (json.loads(bad.left)["code"], bad.events) == ("E513", b"")
    assert (good.left, json.loads(good.events)) == (b"", event)


def test_a_kept_line_gets_the_body_that_went_with_another(folder: Path) -> None:
    """The line that has the body is mapped now; one after it, which shares the body, is kept."""
    found = rejected(folder, BATCHES, mapping=STEPS)
    kept = changed(found[1], provider="other")
    (folder / "r.ndjson").write_bytes(found[0] + kept + kept)
    (folder / "m.yml").write_text(STEPS.replace(*ADD_CLICKED).replace(*ADD_EVENT))
    rules("retry", "r.ndjson", status=1)
    first, second = records("r.left.ndjson")
    assert first == {**json.loads(kept), "body": BATCHES}
    assert second == json.loads(kept)


# -- files and mappings ------------------------------------------------------------------------------------------------


def test_what_still_fails_goes_beside_the_file_unless_it_is_said(folder: Path) -> None:
    line, *_ = rejected(folder, item("odd"))
    for name, left in (
        ("r.ndjson", "r.left.ndjson"),
        ("r.left.ndjson", "r.left.left.ndjson"),
        ("r.ndjson.gz", "r.left.ndjson.gz"),
        ("rejects", "rejects.left.ndjson"),
        ("many/", "many.left.ndjson"),
    ):
        if name == "many/":
            (folder / "many").mkdir()
            (folder / "many" / "a.jsonl").write_bytes(line)
        else:
            (folder / name).write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
        before = (folder / name).read_bytes() if name != "many/" else b""
        assert f"1 item left in {left}\n" in rules("retry", name, status=0).stderr
        text = (folder / left).read_bytes()
        assert json.loads(gzip.decompress(text) if left.endswith(".gz") else text)["attempts"] == 2
        assert name == "many/" or (folder / name).read_bytes() == before


def test_nothing_left_is_an_empty_file_and_that_has_nothing_to_retry(folder: Path) -> None:
    rejected(folder, item("clicked"))
    (folder / "r.left.ndjson").write_text("from an earlier run")
    (folder / "m.yml").write_text(mend(Case({})))
    assert "left" not in rules("retry", "r.ndjson", status=0).stderr
    assert (folder / "r.left.ndjson").read_bytes() == b""
    assert "0 items in 0 lines" in rules("retry", "r.left.ndjson", status=0).stderr


def test_a_pipe_is_read_once_and_needs_a_name_for_what_is_left(folder: Path) -> None:
    (line,) = rejected(folder, item("clicked"))
    (folder / "m.yml").write_text(mend(Case({})))
    assert "--rejects" in rules("retry", "-", stdin=line, status=2).stderr
    assert len(rules("retry", "-", "--rejects", "left.ndjson", stdin=line, status=0).stdout.splitlines()) == 1
    command = [sys.executable, "-m", "rulesengine", "retry", "/dev/stdin", "--rejects", "left.ndjson"]
    done = subprocess.run(command, input=line, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 1


def test_of_a_folder_what_a_file_left_is_not_run_beside_it(folder: Path) -> None:
    line, *_ = rejected(folder, item("clicked"))
    (folder / "m.yml").write_text(mend(Case({})))
    (folder / "many").mkdir()
    for name in ("a.ndjson", "a.left.ndjson", "a.left.left.ndjson.gz", "b.left.ndjson"):
        (folder / "many" / name).write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    result = rules("retry", "many", status=0)
    assert len(result.stdout.splitlines()) == 2
    told = [one.split(",")[0] for one in result.stderr.splitlines() if one.startswith("left out")]
    assert told == ["left out: many/a.left.left.ndjson.gz", "left out: many/a.left.ndjson"]
    (folder / "many" / "a.ndjson").unlink()
    result = rules("retry", "many", status=0)
    assert len(result.stdout.splitlines()) == 2
    assert "many/a.left.left.ndjson.gz, a retry of many/a.left.* left it" in result.stderr


def test_lines_of_several_mappings_go_to_their_own(folder: Path) -> None:
    """One of them comes with the package, and its lines name it as the command line does."""
    (folder / "app.yml").write_text((Path(__file__).parent.parent / "mappings/apps/email.yml").read_text())
    (folder / "sg.json").write_text(json.dumps([{"event": "opened", "email": "a@x.y", "timestamp": 1}]))
    rules("apply", "sendgrid", "sg.json", "--rejects", "sg.ndjson")
    (line,) = rejected(folder, item("clicked", 1))
    (named,) = records("sg.ndjson")
    assert named["mapping"].keys() == {"bundled", "sha256"}
    known = changed((folder / "sg.ndjson").read_bytes(), item={"event": "open", "email": "a@x.y", "timestamp": 1})
    (folder / "both.ndjson").write_bytes(known + line)
    (folder / "m.yml").write_text(mend(Case({})))
    found = [json.loads(one)["action"] for one in rules("retry", "both.ndjson", status=0).stdout.splitlines()]
    assert found == ["open", "click"]
    result = rules("retry", "both.ndjson", "--mapping", "m.yml", status=1)
    assert len(result.stdout.splitlines()) == 1
    assert "both.ndjson:1: kept as it is: m.yml has no mapping for 'sendgrid', only for acme" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("nope.ndjson",), 2, "cannot read nope.ndjson"),
        (("empty",), 2, "no file of rejects"),
        (("in.ndjson",), 2, "no line is of `rules apply --rejects`; in.ndjson:1: no rejected item: it has no 'source'"),
        (("r.ndjson", "--app", "nope.yml"), 2, "nope.yml"),
        (("r.ndjson", "--mapping", "nope"), 2, "no such file, folder or bundled mapping"),
        (("r.ndjson", "--rejects", "r.ndjson"), 2, "would overwrite"),
        (("r.ndjson", "-o", "r.left.ndjson"), 2, "would overwrite"),
        (("r.ndjson", "--mapping", "m.yml", "-o", "m.yml"), 2, "would overwrite"),
        (("r.ndjson", "--rejects", "-"), 2, "the events, --rejects - would mix on standard output"),
        (("r.ndjson", "-o", "-", "--summary", "-"), 2, "--output -, --summary - would mix on standard output"),
        (("gone.ndjson",), 2, "gone.ndjson:1 is from the mapping gone.yml, which is not there: name it with --mapping"),
        (
            ("odd.ndjson",),
            2,
            "m\\xff.yml, which is not there (the name is no UTF-8, and stands there with escapes)",
        ),
        (("cut.ndjson.gz",), 1, "cut off: it ends in the middle of its data; nothing was written"),
        (("r.ndjson", "--mapping", "bad.yml"), 1, "error E202"),
    ],
)
def test_what_stops_a_retry_leaves_everything_as_it_was(
    folder: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    (line,) = rejected(folder, item("open", email=5))
    (folder / "empty").mkdir()
    (folder / "bad.yml").write_text("mapping: 1\n")
    (folder / "gone.ndjson").write_bytes(changed(line, mapping={"file": "gone.yml", "sha256": "0"}))
    (folder / "odd.ndjson").write_bytes(changed(line, mapping={"file": "m\\xff.yml", "sha256": "0"}))
    (folder / "cut.ndjson.gz").write_bytes(gzip.compress(line * 9)[:-9])
    before = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    result = rules("retry", *arguments, status=status)
    assert words in result.stderr
    assert result.stdout == ""
    assert {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()} == before


def test_strict_fails_on_what_is_unmatched(folder: Path) -> None:
    rejected(folder, item("odd"))
    rules("retry", "r.ndjson", status=0)
    rules("retry", "r.ndjson", "--strict", status=1)


# -- killed ------------------------------------------------------------------------------------------------------------

KILLED_AFTER = """
import os, sys
left, rename = int(sys.argv[1]), os.replace
def replace(*names):
    global left
    rename(*names)
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)
os.replace = replace
from rulesengine.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("verb", ["apply", "retry"])
def test_a_run_killed_between_two_renames_loses_and_doubles_nothing(folder: Path, verb: str) -> None:
    """The events appear last, so whoever takes them as soon as they are there takes them once."""
    rejected(folder, item("clicked", 1), item("odd", 2))
    (folder / "m.yml").write_text(mend(Case({})))
    outputs = ("events.ndjson", "left.ndjson", "s.json")
    inputs = ["apply", "m.yml", "in.ndjson"] if verb == "apply" else ["retry", "r.ndjson"]
    arguments = [*inputs, "-o", outputs[0], "--rejects", outputs[1], "--summary", outputs[2]]
    before = (folder / "r.ndjson").read_bytes()
    seen: list[set[str]] = []
    for renames in (1, 2, 3):
        command = [sys.executable, "-c", KILLED_AFTER, str(renames), *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == -9
        seen.append({name for name in outputs if (folder / name).exists()})
        assert (folder / "r.ndjson").read_bytes() == before
    assert [("events.ndjson" in one, len(one)) for one in seen] == [(False, 1), (False, 2), (True, 3)]
    complete = [(folder / name).read_bytes() for name in outputs]
    rules(*arguments, status=0)
    assert_adds_up(json.loads(complete[2]))
    assert [(folder / name).read_bytes() for name in outputs] == complete


@pytest.mark.parametrize("name", [".", "..", "in/.."])
def test_what_is_left_of_a_folder_without_a_name_needs_one(folder: Path, name: str) -> None:
    """It would be called `..left.ndjson`, and nobody would see it."""
    (folder / "in").mkdir()
    (folder / "r.ndjson").write_text("{}\n")
    assert "say with --rejects where to write what still fails" in rules("retry", name, status=2).stderr
    assert not (folder / "..left.ndjson").exists()


def test_what_is_left_on_standard_output_is_told_so(folder: Path) -> None:
    line = {"provider": "none", "mapping": {"file": "m.yml"}, "source": {"file": "x", "item": 0}, "item": {}}
    (folder / "r.ndjson").write_text(json.dumps(line) + "\n")
    told = rules("retry", "r.ndjson", "--rejects", "-", "-o", "out", status=1)
    assert "1 item left on standard output" in told.stderr
    assert json.loads(told.stdout) == line
