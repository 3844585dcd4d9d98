"""`rules new`: what it writes, prints and refuses, and that the result passes `rules check` and `rules test`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rulesengine.cli import main
from tests.conftest import APP

NOW = 1795000000
EVENTS = [
    {"type": "delivered", "to": "Ann@corp.test", "at": NOW, "id": "m-1"},
    {"type": "opened", "to": "Ann@corp.test", "at": NOW + 60, "id": "m-1"},
    {"type": "bounced", "to": "bob@corp.test", "at": NOW + 3, "id": "m-2", "class": "no-mailbox"},
    {"type": "parked", "to": "bob@corp.test", "at": NOW + 4, "id": "m-3"},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an app.yml and a body, to stand in."""
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "monday.json").write_text(json.dumps({"events": EVENTS}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str, stdin: bytes | None = None, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments), input=stdin, prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def rule_of(event: str) -> list[str]:
    """The lines of an event's rule in postino.yml, without notes."""
    lines = [re.sub(r"(?<=\S) +# .*", "", line) for line in Path("postino.yml").read_text().splitlines()]
    start = lines.index(f"  - name: {event}")
    return lines[start + 1 : lines.index("", start) if "" in lines[start:] else None]


MAPPING = """\
# Made by `rules new` from 4 items in 1 body; what these leave open is marked.
mapping: 1
provider: postino
# TODO title, docs (the provider's page of webhook events), reviewed (the day you compared with it)
channels: [email]

payload:
  format: json
  each: events
  event: type                       # in 4 of 4 items
  # TODO these came in the samples: which others does the provider document?
  events: [delivered, opened, bounced, parked]

event:
  identifiers:
    email: lower(trim(to))          # in 4 of 4 items
  data:
    ts: epoch(at)                   # in 4 of 4 items
    target_address: to
    message_id: id                  # in 4 of 4 items

rules:
  - name: delivered                 # 1 item
    when: type == 'delivered'
    emit: delivery

  - name: opened                    # 1 item
    when: type == 'opened'
    emit: open

  - name: bounced                   # 1 item
    when: type == 'bounced'
    # class: no-mailbox 1
    ignore: TODO hard_bounce or soft_bounce, and by which field? ignore it where the provider tries again

  - name: parked                    # 1 item
    when: type == 'parked'
    ignore: TODO decide what becomes of this event
"""


def test_the_mapping_and_its_cases() -> None:
    result = rules("new", "postino", "--from", "monday.json")
    assert Path("postino.yml").read_text() == MAPPING
    assert rules("check", "postino.yml").exit_code == 0
    assert "1 case of 1 mapping: 1 passed" in rules("test", "postino.yml").stdout
    assert result.stdout.splitlines()[0] == (
        "postino.yml: from 4 items in 1 body; of these now 2 emitted, 2 ignored, 0 unmatched, 0 rejected"
    )
    assert "left to do: 4 TODOs, then" in result.stdout
    assert "--redact" in result.stderr


def test_a_case_fails_when_the_mapping_no_longer_does_what_it_did() -> None:
    rules("new", "postino", "--from", "monday.json")
    Path("postino.yml").write_text(MAPPING.replace("emit: open", "emit: click"))
    assert "0 passed, 1 failed" in rules("test", "postino.yml", status=1).stdout


def test_several_files_folders_and_standard_input() -> None:
    Path("more").mkdir()
    Path("more/\U0001f4e8 'x'.json").write_text("{}")
    Path("more/a.ndjson").write_text("\n".join(map(json.dumps, EVENTS[:2])))
    result = rules(
        "new", "postino", "--from", "monday.json", "more", "-", "-o", "out", stdin=json.dumps(EVENTS).encode()
    )
    assert result.stdout.startswith("out/postino.yml: from 11 items in 5 bodies;")
    assert "  rules check out/postino.yml\n" in result.stdout
    text = Path("out/postino/samples.yml").read_text()
    assert "(standard input)" in text
    assert "(a.ndjson:2)" in text
    assert rules("test", "out/postino.yml").exit_code == 0


def test_a_form_stays_a_form() -> None:
    Path("a.txt").write_text("event=opened&to=Ann%40corp.test&at=1795000000")
    rules("new", "postino", "--from", "a.txt")
    assert "format: form" in Path("postino.yml").read_text()
    assert 'body: "event=opened&to=Ann%40corp.test&at=1795000000"' in Path("postino/samples.yml").read_text()
    assert rules("test", "postino.yml").exit_code == 0


def test_redact_leaves_no_address_behind() -> None:
    Path("a.txt").write_text("event=opened&to=Ann%40corp.test&at=1795000000")
    result = rules("new", "postino", "--redact", "--from", "monday.json", "a.txt")
    written = Path("postino.yml").read_text() + Path("postino/samples.yml").read_text()
    assert "corp.test" not in written
    assert "person1@example.com" in written
    assert "--redact" not in result.output
    assert rules("test", "postino.yml").exit_code == 0


def test_names_that_are_not_utf8_are_written_with_escapes() -> None:
    name, folder = os.fsdecode(b"b\xff.json"), os.fsdecode(b"o\xff")
    Path(name).write_text(json.dumps(EVENTS))
    result = rules("new", "postino", "--from", name, "-o", folder)
    assert result.stdout.startswith("o\\udcff/postino.yml: from 4 items")
    assert "b\\udcff.json" in (Path(folder) / "postino/samples.yml").read_text()
    assert rules("test", f"{folder}/postino.yml").exit_code == 0


@pytest.mark.parametrize("there", ["postino.yml", "postino/samples.yml"])
def test_nothing_is_overwritten(there: str) -> None:
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")
    result = rules("new", "postino", "--from", "monday.json", status=2)
    assert f"{there} is there already" in result.stderr
    assert Path(there).read_text() == "mine"
    assert sorted(map(str, Path().rglob("*.yml"))) == sorted(["app.yml", there])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Postino", "--from", "monday.json"], "'Postino' is no name of a provider"),
        (["monday.json", "--from", "monday.json"], "'monday.json' is no name of a provider"),
        (["postino"], "Missing option '--from'"),
        (["postino", "--from", "monday.json", "--app", "none.yml"], "cannot read none.yml"),
        (["postino", "--from", "monday.json", "-o", "app.yml"], "app.yml is no folder"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    assert message in rules("new", *arguments, status=2).stderr
    assert not Path("postino.yml").exists()


def test_an_app_with_errors_is_told_first() -> None:
    Path("app.yml").write_text("channel: {type: email, metrics: {engagement: [opened]}}")
    assert "error E406" in rules("new", "postino", "--from", "monday.json", status=1).stderr
    assert not Path("postino.yml").exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"hello", "not JSON"),
        (b"[" * 5000, "nested more than 256 levels deep"),
    ],
)
def test_bodies_that_cannot_be_read(body: bytes, message: str) -> None:
    Path("a.json").write_bytes(body)
    result = rules("new", "postino", "--from", "a.json", status=1)
    assert result.stderr.startswith("a.json: ")
    assert message in result.stderr
    assert not Path("postino.yml").exists()


def test_the_others_are_taken_when_a_body_cannot_be_read() -> None:
    Path("a.json").write_text("{")
    result = rules("new", "postino", "--from", "a.json", "monday.json", status=1)
    assert "a.json: " in result.stderr
    assert Path("postino.yml").read_text() == MAPPING


# -- what becomes of an event -----------------------------------------------------------------------------------------


def drafted(*items: dict[str, Any], app: str = APP) -> None:
    Path("app.yml").write_text(app)
    Path("a.json").write_text(json.dumps([{"to": "ann@example.com", **item} for item in items]))
    rules("new", "postino", "--from", "a.json")


@pytest.mark.parametrize(
    ("item", "lines"),
    [
        ({"event": "clicked", "url": "https://example.com/"},
         ["emit: click", "data:", "campaign_event_value: url"]),
        ({"event": "hard_bounce", "reason": "550 no"}, ["emit: hard_bounce", "data:", "value: reason"]),
        ({"event": "group_unsubscribe", "group_id": 12}, ["emit: list_unsubscribe", "list_id: text(group_id)"]),
        ({"event": "group_unsubscribe"}, ["ignore: TODO list_unsubscribe with which list_id? or opt-out"]),
        ({"event": "unsubscribe"}, ["emit: opt-out"]),
        ({"event": "unsubscribe", "list_id": 7},
         ["# TODO list_unsubscribe, if it is about one list: text(list_id)", "emit: opt-out"]),
        *(({"event": "unsubscribe", name: "n"},
           [f"# TODO list_unsubscribe, if it is about one list: text({name})", "emit: opt-out"])
          for name in ("newsletter_list_id", "suppressionGroupId", "stream", "topic")),
        ({"event": "proxy_open"}, ["ignore: opened by a machine, not by a person"]),
        ({"event": "sent"},
         ["# TODO emit delivery, if the provider means that the receiving side has accepted it",
          "ignore: on its way; Optimizely makes the sent events itself"]),
        ({"event": "invalid_token"}, ["ignore: TODO emit invalid_token, once app.yml declares it"]),
        ({"event": "bounce", "type": "blocked"},
         ["# type: blocked 1",
          "ignore: TODO hard_bounce or soft_bounce, and by which field? ignore it where the provider tries again"]),
    ],
)  # fmt: skip
def test_rule_of_an_event(item: dict[str, Any], lines: list[str]) -> None:
    drafted(item)
    assert [line.strip() for line in rule_of(item["event"])[1:]] == lines


def test_sent_is_in_no_doubt_beside_delivered() -> None:
    drafted({"event": "sent"}, {"event": "delivered"})
    assert rule_of("sent")[1:] == ["    ignore: on its way; Optimizely makes the sent events itself"]


def test_a_class_that_says_hard_or_soft_becomes_a_table() -> None:
    drafted(*({"event": "bounce", "type": kind} for kind in ("hard", "temporary", "odd", "soft")))
    assert rule_of("bounce")[1:] == ["    emit: {table: bounce_class, key: type}"]
    table = Path("postino.yml").read_text().partition("bounce_class:\n")[2].partition("\n\n")[0]
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "hard: hard_bounce",
        "temporary: ignore # TODO soft_bounce, if it is not tried again",
        "odd: ignore # TODO a metric",
        "soft: soft_bounce",
        "# TODO which other values does the provider document?",
    ]
    assert rules("test", "postino.yml").exit_code == 0


def test_an_item_without_an_event_is_unmatched_and_marked() -> None:
    drafted({"event": "open"}, {"event": "click"}, {"note": "?"})
    assert "# TODO 1 of 3 items have no such field, and no rule takes them" in Path("postino.yml").read_text()
    assert "unmatched: [E511]" in Path("postino/samples.yml").read_text()


def test_bodies_without_event_address_and_time_make_a_mapping_of_todos() -> None:
    Path("a.json").write_text('{"hello": 5}')
    result = rules("new", "postino", "--from", "a.json")
    assert "not found: event, address" in result.stdout
    text = Path("postino.yml").read_text()
    assert "# TODO event and events: no field of the samples names what happened" in text
    assert "    email: email\n" in text
    assert "    ts: epoch(request().received_at)\n" in text
    assert "ignore: TODO decide what becomes of these items" in text
    assert rules("test", "postino.yml").exit_code == 0


# -- cases ------------------------------------------------------------------------------------------------------------


def test_of_many_bodies_those_have_a_case_that_show_something_new() -> None:
    names = ["open"] * 60 + ["click", "open", "delivered"]
    Path("a.ndjson").write_text("\n".join(json.dumps({"event": name, "to": "a@example.com"}) for name in names))
    result = rules("new", "postino", "--from", "a.ndjson")
    assert "postino/samples.yml: 3 cases" in result.stdout
    assert "(a.ndjson:61)" in Path("postino/samples.yml").read_text()


def test_of_a_long_body_the_case_has_the_first_item_of_each_event() -> None:
    items = [{"event": ("open", "click")[n % 2], "to": f"p{n}@example.com"} for n in range(30)]
    Path("a.json").write_text(json.dumps({"events": items, "batch": 5}))
    rules("new", "postino", "--from", "a.json")
    text = Path("postino/samples.yml").read_text()
    assert "the first of each event of 30 items" in text
    assert "p1@example.com" in text
    assert "p2@example.com" not in text
    assert rules("test", "postino.yml").exit_code == 0


def test_a_body_too_long_for_a_case_is_left_out() -> None:
    Path("a.json").write_text(json.dumps({"event": "open", "to": "a@example.com", "html": "x" * 200_000}))
    result = rules("new", "postino", "--from", "a.json")
    assert "no body is short enough for a case" in result.stdout + result.stderr
    assert not Path("postino").exists()
    assert rules("check", "postino.yml").exit_code == 0


def test_what_yaml_cannot_hold_as_data_is_kept_as_text() -> None:
    Path("a.json").write_text(json.dumps({"event": "open", "to": "a@example.com", "k" * 1100: 1}))
    rules("new", "postino", "--from", "a.json")
    assert '    body: "{' in Path("postino/samples.yml").read_text()
    assert rules("test", "postino.yml").exit_code == 0
