"""Blocks of payload files to finished bytes and counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rulesengine import Engine
from rulesengine.stream import Chunk, run, tasks_for
from rulesengine.tally import Tally
from tests.conftest import assert_adds_up

MAPPING = """\
mapping: 1
provider: acme
payload: {event: kind, events: [open, odd, gone]}
event:
  identifiers: {email: email}
rules:
  - when: kind == 'open'
    emit: open
    data: {deep: deep}
  - when: kind == 'gone'
    emit: hard_bounce
  - when: kind == 'odd'
    ignore: odd
"""
APP = "channel: {type: email, metrics: {engagement: [open], reachability: [hard_bounce]}}\n"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    return Engine.load(tmp_path / "m.yml", app=tmp_path / "app.yml")


def chunks(engine: Engine, *paths: Path, form: str | None = None) -> list[Chunk]:
    names = map(str, paths)
    tasks = tasks_for(engine, names, provider_of=lambda _: "acme", form=form, request=None, keep_rejects=True)
    return list(run(engine, tasks))


def total(found: list[Chunk]) -> dict[str, Any]:
    tally = Tally()
    for chunk in found:
        tally.add(chunk.tally)
    assert_adds_up(tally)
    return tally.as_dict()


def test_an_event_that_json_cannot_hold_costs_its_item_only(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing decoded from JSON is such a value, so the mapping's result is made one here."""
    program = engine.program("acme")
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]

    def item(item: Any, *scopes: Any) -> Any:
        event = program.item(item, *scopes)
        if item["email"] == "b":
            event["data"]["deep"] = deep
        return event

    monkeypatch.setitem(engine._programs, "acme", _with(program, item))
    lines = [{"kind": "open", "email": email} for email in "abc"]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (chunk,) = chunks(engine, tmp_path / "in.ndjson")
    assert [json.loads(line)["identifiers"]["email"] for line in chunk.events.splitlines()] == ["a", "c"]
    assert (chunk.tally.emitted, chunk.tally.rejected, chunk.tally.items) == (2, 1, 3)
    assert json.loads(chunk.reject_lines)["code"] == "E513"


def _with(program: Any, item: Any) -> Any:
    return replace(program, item=item, direct=None, wanted=None)


def test_events_are_counted_by_what_they_are(engine: Engine, tmp_path: Path) -> None:
    items = [{"kind": kind, "email": "a"} for kind in ("open", "gone", "open", "open", "odd")]
    (tmp_path / "in.json").write_text(json.dumps(items))
    assert total(chunks(engine, tmp_path / "in.json")) == {
        "bodies": 1,
        "items": 5,
        "emitted": 4,
        "events": 4,
        "ignored": 1,
        "unmatched": 0,
        "rejected": 0,
        "by_event": {"email/open": 3, "reachability/unreachable/hard_bounce": 1},
        "unmapped": [],
    }


def test_a_kind_of_fault_is_counted_with_its_first_source(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_text('{"kind": "odd"}\n' + '{"kind": "open"}\n' * 3)
    tally = Tally()
    for chunk in chunks(engine, tmp_path / "in.ndjson"):
        tally.add(chunk.tally)
    ((problem, (count, source)),) = tally.problems.items()
    assert (problem.code, count, str(source)) == ("E508", 3, f"{tmp_path / 'in.ndjson'}:2 item 0")


def test_the_suffix_and_the_option_say_how_a_file_is_read(engine: Engine, tmp_path: Path) -> None:
    body = '{"kind": "open", "email": "a"}\n'
    for name, text, form, bodies in (
        ("a.json", body, None, 1),
        ("b.ndjson", body * 2, None, 2),
        ("c.JSONL", body * 2, None, 2),
        ("d.txt", body * 2, "ndjson", 2),
        ("e.txt", "kind=open&email=a", "form", 1),
        ("f.json", "kind=open&email=a", "form", 1),
    ):
        (tmp_path / name).write_text(text)
        found = total(chunks(engine, tmp_path / name, form=form))
        assert (found["bodies"], found["emitted"]) == (bodies, bodies), name


def test_a_folder_without_payloads_is_a_fault_and_not_nothing(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = total(chunks(engine, tmp_path / "empty"))
    assert (found["bodies"], found["rejected"]) == (1, 1)
