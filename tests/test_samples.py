"""`rules check --samples`: what bodies say of a mapping. The pages of W5xx show each kind, this the finer points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rulesengine.cli import main

MAPPING = """\
mapping: 1
provider: acme
payload: {each: events, event: kind, events: [open]}
event:
  identifiers: {email: to.email}
  data:
    ts: at
    first: tags[0]
    inner: msg.id
    each: clicks[*].url
    all: "{a: kind, b: msg.id}"
rules:
  - when: kind == 'open'
    emit: open
"""
APP = "channel: {type: email, metrics: {engagement: [open]}}\n"
ITEM = {
    "kind": "open",
    "at": 1513299569,
    "to": {"email": "ann@example.com"},
    "tags": ["a"],
    "msg": {"id": 1},
    "clicks": [{"uri": "x"}],
}


def advice(folder: Path, *items: object) -> list[tuple[str, int, int]]:
    (folder / "m.yml").write_text(MAPPING)
    (folder / "app.yml").write_text(APP)
    (folder / "in" / "acme").mkdir(parents=True)
    (folder / "in" / "acme" / "a.json").write_text(json.dumps({"events": items}))
    (folder / "in" / "other.json").write_text("not of this provider")
    paths = [str(folder / "m.yml"), "--app", str(folder / "app.yml"), "--samples", str(folder / "in")]
    result = CliRunner().invoke(main, ["check", *paths, "--format", "json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["diagnostics"]
    return [(one["code"], one["line"], one["column"]) for one in found]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([ITEM], []),
        ([], []),
        ([{**ITEM, "msg": {"ids": 1}}], [("W501", 9, 16), ("W501", 11, 28)]),
        ([{**ITEM, "msg": None}], []),  # nothing is known of what lies below
        ([{**ITEM, "msg": {}}, ITEM], []),  # one that has it is enough
        ([{**ITEM, "kind": "shut"}], [("W502", 3, 38), ("W504", 3, 47), ("W503", 12, 1)]),
        ([{**ITEM, "to": {"mail": "x"}}, ITEM], [("W503", 14, 11)]),
        ([ITEM, {**ITEM, "at": 1513299569123}], [("W505", 7, 9)]),
    ],
)
def test_advice(tmp_path: Path, items: list[object], expected: list[tuple[str, int, int]]) -> None:
    assert advice(tmp_path, *items) == expected


def test_a_body_of_another_shape_is_told_once(tmp_path: Path) -> None:
    advice(tmp_path)
    for name in "bcd":
        (tmp_path / "in" / "acme" / f"{name}.json").write_text('{"data": 1}')
    paths = [str(tmp_path / "m.yml"), "--app", str(tmp_path / "app.yml"), "--samples", str(tmp_path / "in")]
    result = CliRunner().invoke(main, ["check", *paths])
    assert result.stdout.count("advice W503") == 1


def test_samples_must_be_a_folder(tmp_path: Path) -> None:
    advice(tmp_path)
    paths = [str(tmp_path / "m.yml"), "--app", str(tmp_path / "app.yml"), "--samples", str(tmp_path / "nowhere")]
    assert CliRunner().invoke(main, ["check", *paths]).exit_code == 2


CASES = """\
cases:
  - about: an open
    payload: {events: [{kind: open, at: 1, to: {email: ann@example.com}, msg: {ids: 1}, tags: [a], clicks: []}]}
  - about: no JSON
    body: "{bad"
    expect: {rejected: [E501]}
"""


def test_the_cases_beside_a_mapping_are_samples(tmp_path: Path) -> None:
    """Of fields and of events that could be emitted; their outcomes are told elsewhere."""
    (tmp_path / "m.yml").write_text(MAPPING.replace("[open]", "[open, shut, gone]") + "  - ignore: the rest\n")
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "cases.yml").write_text(CASES)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "m.yml"), "--app", str(tmp_path / "app.yml")])
    assert result.exit_code == 0
    assert [line.split(": ")[1:3] for line in result.stdout.splitlines() if "advice W" in line] == [
        ["advice W501", "no sample has 'msg.id'"],
        ["advice W501", "no sample has 'msg.id'"],
    ]
    (tmp_path / "m" / "cases.yml").write_text("cases:\n  - payload: {events: [{kind: shut, msg: {id: 1}}]}\n")
    result = CliRunner().invoke(main, ["check", str(tmp_path / "m.yml"), "--app", str(tmp_path / "app.yml")])
    assert "m.yml:3:47: advice W504: no sample has the documented events open\n" in result.stdout
    assert "gone" not in result.stdout.split("W504")[1].splitlines()[0]
