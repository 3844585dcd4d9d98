"""`rules why`: which items it tells, in which form, and what it answers to bad input."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rulesengine.cli import main
from rulesengine.explaining import why

APP = "channel: {type: email, metrics: {engagement: [open]}}\n"
MAPPING = """\
mapping: 1
provider: acme
payload: {format: [json, ndjson], event: kind, events: [open, odd]}
event:
  identifiers: {email: email}
  data: {ts: at || request().received_at}
rules:
  - when: kind == 'open'
    emit: open
  - when: kind == 'odd'
    ignore: odd
"""
OPEN = {"kind": "open", "email": "ann@example.com"}
ODD = {"kind": "odd"}
NEW = {"kind": "new"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a mapping, an app.yml and payloads, to stand in."""
    (tmp_path / "acme.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "list.json").write_text(json.dumps([OPEN, ODD, NEW]))
    (tmp_path / "lines.ndjson").write_text("".join(json.dumps(one) + "\n" for one in (OPEN, [ODD, NEW])))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules_why(*arguments: str, stdin: bytes | None = None, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["why", *arguments], input=stdin, prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def told(result: Result) -> list[str]:
    """The first line of each item."""
    return [line for line in result.stdout.splitlines() if not line.startswith(" ")]


def data(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in rules_why(*arguments, "--format", "json").stdout.splitlines()]


def test_all_items_of_all_files_in_order(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.ndjson.gz").write_bytes(gzip.compress((folder / "lines.ndjson").read_bytes()))
    (folder / "in" / "b.json").write_bytes((folder / "list.json").read_bytes())
    result = rules_why("acme.yml", "in", "-", stdin=json.dumps(ODD).encode())
    assert [line.split(", at")[0].split(": ")[0] for line in told(result)] == [
        "in/a.ndjson.gz:1 item 0",
        "in/a.ndjson.gz:2 item 0",
        "in/a.ndjson.gz:2 item 1",
        "in/b.json item 0",
        "in/b.json item 1",
        "in/b.json item 2",
        "- item 0",
    ]
    assert result.stderr == ""


def test_items_are_numbered_as_apply_numbers_them() -> None:
    applied = CliRunner().invoke(main, ["apply", "acme.yml", "lines.ndjson"], prog_name="rules")
    assert "first in lines.ndjson:2 item 1" in applied.stderr
    (line,) = told(rules_why("acme.yml", "lines.ndjson", "--item", "2:1"))
    assert line.startswith("lines.ndjson:2 item 1, at [1]: unmatched E511")


def test_lines_in_one_body_are_numbered_throughout(folder: Path) -> None:
    (folder / "list.txt").write_text("".join(json.dumps(one) + "\n" for one in (OPEN, [ODD, NEW], "x")))
    result = rules_why("acme.yml", "list.txt", status=1)
    assert [line.split(", ")[0].split(":")[0] for line in told(result)] == [f"list.txt item {n}" for n in range(4)]


@pytest.mark.parametrize(
    ("item", "outcomes"),
    [
        ("0", ["emitted", "emitted", "ignored"]),
        ("1", ["ignored", "unmatched"]),
        ("2:0", ["ignored"]),
        ("2", ["unmatched"]),
    ],
)
def test_only_the_items_asked_for(item: str, outcomes: list[str]) -> None:
    assert [one["outcome"] for one in data("acme.yml", "list.json", "lines.ndjson", "--item", item)] == outcomes


def test_what_is_not_asked_for_is_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    explained = []
    explain = why.Explainer._explain

    def noted(self: why.Explainer, one: Any) -> why.Explanation:
        explained.append(one)
        return explain(self, one)

    monkeypatch.setattr(why.Explainer, "_explain", noted)
    rules_why("acme.yml", "list.json", "--item", "1")
    assert len(explained) == 1


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("3", "there is no item 3 in any body: they are numbered from 0 to 2"),
        ("3:0", "there is no item 0 in line 3 of any file: there are none"),
        ("1:1", "there is no item 1 in line 1 of any file: they are numbered from 0 to 0"),
        ("-1", "'-1' is no number from 0, nor LINE:NUMBER as in 12:0"),
        ("0:1", "'0:1' is no number from 0"),
        ("first", "'first' is no number from 0"),
    ],
)
def test_an_item_that_is_not_there(item: str, problem: str) -> None:
    result = rules_why("acme.yml", "list.json", "lines.ndjson", "--item", item, status=2)
    assert problem in result.stderr
    assert result.stdout == ""


def test_no_items_are_told_as_none(folder: Path) -> None:
    (folder / "none.json").write_text("[]")
    result = rules_why("acme.yml", "none.json")
    assert (result.stdout, result.stderr) == ("", "no items: the payloads hold none\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.json", b"", "rejected E501: the body fits none of its formats"),
        ("binary.json", b"\xff\xfe\x00\x01", "rejected E501"),
        ("deep.json", b"[" * 100_000 + b"]" * 100_000, "rejected E513"),
        ("null.json", b"[null]", "rejected E514: the item is null"),
        ("cut.json.gz", b"\x1f\x8b", "rejected E503"),
        ("empty.ndjson", b"", "rejected E501: the file is empty"),
    ],
)
def test_what_cannot_be_read_is_rejected(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    result = rules_why("acme.yml", name, status=1)
    assert message.split(":")[0] in result.stdout
    assert len(told(result)) == 1
    (line,) = rules_why("acme.yml", name, "--format", "json", "--redact", status=1).stdout.splitlines()
    assert json.loads(line)["outcome"] == "rejected"


def test_a_file_that_is_not_there_is_rejected() -> None:
    assert "rejected E504: cannot read nope.json" in rules_why("acme.yml", "nope.json", status=1).stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("", 2),
        ("acme.yml", 2),
        ("nope list.json", 2),
        ("acme.yml list.json --app nope.yml", 2),
        ("acme.yml list.json --provider nope", 2),
        ("acme.yml list.json --received-at yesterday", 2),
        ("acme.yml list.json --format xml", 2),
        ("broken.yml list.json", 1),
    ],
)
def test_wrong_usage_is_one_message(folder: Path, arguments: str, status: int) -> None:
    (folder / "broken.yml").write_text(MAPPING.replace("'open'", "open'"))
    result = rules_why(*shlex.split(arguments), status=status)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr


def test_received_at_is_what_the_mapping_asks_for() -> None:
    (one,) = data("acme.yml", "list.json", "--item", "0", "--received-at", "1795000000")
    fields = {field["name"]: field["value"] for field in one["emissions"][0]["fields"]}
    assert fields["data.ts"] == 1795000000


def test_of_several_mappings_the_folder_names_the_provider(folder: Path) -> None:
    (folder / "maps").mkdir()
    (folder / "maps" / "acme.yml").write_text(MAPPING)
    (folder / "maps" / "other.yml").write_text(MAPPING.replace("acme", "other"))
    (folder / "other").mkdir()
    (folder / "other" / "x.json").write_text(json.dumps(OPEN))
    assert [one["provider"] for one in data("maps", "other")] == ["other"]
    assert "which provider is it from?" in rules_why("maps", "list.json", status=2).stderr
    assert {one["provider"] for one in data("maps", "list.json", "--provider", "acme")} == {"acme"}


def test_values_are_redacted() -> None:
    for form in ("text", "json"):
        plain = rules_why("acme.yml", "list.json", "--item", "0", "--format", form).stdout
        hidden = rules_why("acme.yml", "list.json", "--item", "0", "--format", form, "--redact").stdout
        assert "ann@example.com" in plain
        assert "ann@example.com" not in hidden
        assert "<text of 15>" in hidden
    assert '"new"' not in rules_why("acme.yml", "list.json", "--item", "2", "--redact").stdout


def test_a_reader_that_goes_away_is_no_fault(folder: Path) -> None:
    (folder / "many.json").write_text(json.dumps([OPEN] * 20_000))
    command = [sys.executable, "-m", "rulesengine", "why", "acme.yml", "many.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"many.json item 0")
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_example_of_its_help_runs(folder: Path) -> None:
    help_text = " ".join(rules_why("--help").stdout.split())
    example = help_text.partition("Example: rules why ")[2].partition(" MAPPING")[0]
    (folder / "body.json").write_text(
        json.dumps([{"event": "processed", "email": "a@example.com", "timestamp": 1795000000}])
    )
    metrics = "delivery: [delivery], engagement: [open, click], reachability: [hard_bounce, soft_bounce]"
    disengagement = "disengagement: [opt-out, spam_report, list_unsubscribe]"
    (folder / "app.yml").write_text(f"channel: {{type: email, metrics: {{{metrics}, {disengagement}}}}}\n")
    assert "ignored" in rules_why(*shlex.split(example)).stdout
