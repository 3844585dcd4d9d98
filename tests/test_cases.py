"""`rules test`: cases read, tried, compared; coverage, updates and mutants."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner, Result

from rulesengine import flow, source
from rulesengine.cli import main

MAPPING = """\
mapping: 1
provider: acme
payload: {event: event, events: [open, bounce, gone]}
event:
  identifiers: {email: lower(email)}
  data: {ts: epoch(ts), message_id: id}
tables:
  kind:
    hard: hard_bounce
    soft: soft_bounce
    none: ignore
rules:
  - name: opened
    when: event == 'open'
    emit: open
  - name: bounced
    when: event == 'bounce'
    emit: {table: kind, key: kind}
  - name: gone
    when: event == 'gone'
    ignore: no outcome
"""
APP = """\
channel:
  type: email
  metrics: {engagement: [open], reachability: [hard_bounce, soft_bounce]}
"""
OPEN = {"event": "open", "email": "Ann@Example.com", "ts": 1795000000, "id": "m-1"}
OPENED: dict[str, Any] = {
    "type": "email",
    "action": "open",
    "identifiers": {"email": "ann@example.com"},
    "data": {"ts": 1795000000, "message_id": "m-1"},
}
CASES = """\
# A comment that stays.
cases:
  - about: an open
    payload: {event: open, email: Ann@Example.com, ts: 1795000000, id: m-1}
    expect:
      events:
        - {type: email, action: open, identifiers: {email: ann@example.com},
           data: {ts: 1795000000, message_id: {matches: '^m-\\d$'}}}

  - about: gone
    body: '{"event": "gone"}'
    expect: {ignored: [gone]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a mapping and two cases, to stand in."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "acme" / "cases.yml").write_text(CASES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["test", *arguments], prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def write(*cases: dict[str, Any]) -> None:
    Path("acme/cases.yml").write_text(yaml.safe_dump({"cases": list(cases)}, sort_keys=False))


def case(**keys: Any) -> dict[str, Any]:
    return {"about": "a case", "payload": OPEN, "expect": {"events": [OPENED]}, **keys}


def differing(**keys: Any) -> str:
    """What is said of a case that fails, without the place of its rule."""
    write(case(**keys))
    first, told, *_ = rules("acme.yml", status=1).stdout.splitlines()
    assert first == "acme/cases.yml:2:10: failed: a case"
    return told.strip()


def test_all_pass() -> None:
    assert rules("acme.yml").stdout == "2 cases of 1 mapping: 2 passed, 0 failed\n"
    assert rules(".").stdout == "2 cases of 1 mapping: 2 passed, 0 failed\n"


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"data": {"ts": 1, "message_id": "m-1"}}, "events[0].data.ts: expected 1, found 1795000000"),
        ({"data": {"ts": True, "message_id": "m-1"}}, "events[0].data.ts: expected true, found 1795000000"),
        ({"data": {"ts": 1795000000}}, 'events[0].data.message_id: expected nothing, found "m-1"'),
        ({"data": {**OPENED["data"], "tags": None}}, "events[0].data.tags: expected null, found nothing"),
        (
            {"data": {"ts": 1795000000, "message_id": {"matches": "^x"}}},
            'events[0].data.message_id: expected {"matches": "^x"}, found "m-1"',
        ),
        ({"identifiers": {"email": "Ann@Example.com"}},
         'events[0].identifiers.email: expected "Ann@Example.com", found "ann@example.com"'),
    ],
    ids=str,
)  # fmt: skip
def test_a_difference_is_told_by_field_and_rule(expected: dict[str, Any], told: str) -> None:
    assert differing(expect={"events": [{**OPENED, **expected}]}) == f"{told} (rule 'opened', acme.yml:13:5)"


def test_an_event_too_many_or_too_few_does_not_shift_the_others() -> None:
    first, second = {**OPEN, "id": "m-1"}, {**OPEN, "id": "m-2"}
    two = [{**OPENED, "data": {**OPENED["data"], "message_id": name}} for name in ("m-1", "m-2")]
    assert differing(payload=[first, second], expect={"events": two[1:]}).startswith("events[0]: expected nothing")
    assert differing(payload=[second], expect={"events": two}).startswith('events[0]: expected {"type"')


def test_outcomes_are_told_with_their_reason() -> None:
    write(case(payload=[OPEN, {"event": "new"}, {"event": "open", "ts": 1}]))
    said = rules("acme.yml", status=1).stdout
    assert 'unmatched[0]: expected nothing, found "E511"' in said
    assert 'rejected[0]: expected nothing, found "E508"' in said
    assert "unmatched item 1: E511: no rule takes this item (event 'new') (acme.yml:12:1)" in said


def test_a_number_is_the_same_written_otherwise() -> None:
    write(case(expect={"events": [{**OPENED, "data": {"ts": 1795000000.0, "message_id": "m-1"}}]}))
    rules("acme.yml")


def test_named_rules_must_have_run() -> None:
    write(case(rules=["opened"]))
    rules("acme.yml")
    assert differing(rules=["gone"]) == "rules: 'gone' did not run"


def test_a_body_may_lie_in_a_file(folder: Path) -> None:
    (folder / "acme" / "body.json").write_text('{"event": "gone"}')
    write({"about": "a case", "file": "body.json", "expect": {"ignored": ["gone"]}})
    rules("acme.yml")
    write({"about": "a case", "file": "no.json", "expect": {"ignored": ["gone"]}})
    assert "E101: cannot read acme/no.json: no such file" in rules("acme.yml", status=1).stderr


def test_items_are_counted() -> None:
    write(case(payload=[], expect={"items": 0}))
    rules("acme.yml")
    assert differing(payload=[OPEN], expect={"items": 0, "events": [OPENED]}) == "items: expected 0, found 1"


# -- what does not pass by accident -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expect": {}}, "E601"),
        ({"expect": {"events": [], "ignored": []}}, "E601"),
        ({"rules": ["opend"]}, "E602"),
        ({"expect": {"events": [{"type": {"matches": "("}}]}}, "E603"),
        ({"expct": {}}, "E201"),
        ({"expect": {"event": []}}, "E201"),
        ({"body": "{}"}, "E205"),
        ({"app": "emial"}, "E605"),
    ],
    ids=str,
)
def test_a_case_with_a_fault_fails_and_others_still_run(folder: Path, change: dict[str, Any], code: str) -> None:
    (folder / "acme.yml").write_text(MAPPING.replace("payload:", "channels: [email]\npayload:"))
    (folder / "acme" / "good.yml").write_text(CASES)
    write(case(**change))
    result = rules("acme.yml", status=1)
    assert f"error {code}: " in result.stderr
    assert "2 passed, 0 failed" in result.stdout


def test_a_mapping_without_cases_fails(folder: Path) -> None:
    (folder / "acme" / "cases.yml").unlink()
    assert "E604" in rules("acme.yml", status=1).stderr
    (folder / "acme").rmdir()
    assert "E604" in rules("acme.yml", status=1).stderr


def test_a_mapping_with_faults_is_not_tried(folder: Path) -> None:
    (folder / "acme.yml").write_text(MAPPING.replace("emit: open", "emit: opened"))
    result = rules("acme.yml", status=1)
    assert "E305" in result.stderr
    assert result.stdout == ""
    before = (folder / "acme" / "cases.yml").read_text()
    rules("acme.yml", "--update", status=1)
    assert (folder / "acme" / "cases.yml").read_text() == before


def test_cases_of_another_channel_are_not_run_and_counted(folder: Path) -> None:
    (folder / "acme.yml").write_text(MAPPING.replace("payload:", "channels: [email, sms]\npayload:"))
    write(case(), case(app="sms"))
    said = "1 passed, 0 failed, 1 not run for want of their channel's app.yml (--app)\n"
    assert rules("acme.yml").stdout.endswith(said)
    (folder / "sms.yml").write_text(APP.replace("email", "sms"))
    write(case(), case(app="sms", expect={"events": [{**OPENED, "type": "sms"}]}))
    assert rules("acme.yml", "--app", "app.yml", "--app", "sms.yml").stdout.endswith(": 2 passed, 0 failed\n")
    write(case(app="sms"))
    assert "acme.yml: none of its cases ran: name an app.yml for sms (--app)" in rules("acme.yml", status=1).stdout
    write(case())
    assert "none of its cases ran" in rules("acme.yml", "--app", "sms.yml", status=1).stdout, "they are for e-mail"


def test_a_mapping_of_which_nothing_ran_fails_beside_one_that_did(folder: Path) -> None:
    (folder / "other.yml").write_text(
        MAPPING.replace("payload:", "channels: [sms, email]\npayload:").replace("acme", "other")
    )
    (folder / "other").mkdir()
    (folder / "other" / "cases.yml").write_text(CASES)
    assert "other.yml: none of its cases ran" in rules("acme.yml", "other.yml", status=1).stdout


def test_mappings_of_several_channels_are_each_tried_for_their_own(folder: Path) -> None:
    (folder / "acme.yml").write_text(MAPPING.replace("payload:", "channels: [email]\npayload:"))
    (folder / "other.yml").write_text(MAPPING.replace("payload:", "channels: [sms]\npayload:").replace("acme", "other"))
    (folder / "other").mkdir()
    (folder / "other" / "cases.yml").write_text(CASES.replace("type: email", "type: sms"))
    (folder / "sms.yml").write_text(APP.replace("email", "sms"))
    both = ("--app", "app.yml", "--app", "sms.yml")
    assert rules("acme.yml", "other.yml", *both).stdout == "4 cases of 2 mappings: 4 passed, 0 failed\n"
    assert "E316" in rules("other.yml", status=1).stderr
    (folder / "other.yml").write_text(MAPPING.replace("payload:", "channels: [api]\npayload:").replace("acme", "other"))
    assert "E316" in rules("acme.yml", "other.yml", *both, status=1).stderr


def test_some_cases_are_chosen_by_what_they_are_about() -> None:
    assert rules("acme.yml", "-k", "gone").stdout == "1 case of 1 mapping: 1 passed, 0 failed\n"
    assert "no case is about 'levitation'" in rules("acme.yml", "-k", "levitation", status=2).stderr


# -- coverage ---------------------------------------------------------------------------------------------------------


def test_what_no_case_makes_run_is_named() -> None:
    assert rules("acme.yml", "--coverage").stdout.splitlines() == [
        "2 cases of 1 mapping: 2 passed, 0 failed",
        "acme.yml:9:5: not run: entry kind: hard",
        "acme.yml:10:5: not run: entry kind: soft",
        "acme.yml:11:5: not run: entry kind: none",
        "acme.yml:16:5: not run: rule bounced",
        "33.3 % covered: 2 of 3 rules, 0 of 3 entries",
    ]


def test_fail_under_is_never_rounded_up() -> None:
    rules("acme.yml", "--fail-under", "33.3")
    assert "less than 33.4 % is covered" in rules("acme.yml", "--fail-under", "33.4", status=1).stderr
    rules("acme.yml", "--fail-under", "100.5", status=2)
    rules("acme.yml", "--fail-under", "nan", status=2)
    write(*[case(payload={**OPEN, "event": "bounce", "kind": kind}, expect={"items": 1, "events": []})
            for kind in ("hard", "soft", "none")])  # fmt: skip
    assert "66.6 % covered" in rules("acme.yml", "--coverage", status=1).stdout


def test_reports_for_other_programs(folder: Path) -> None:
    write(case(), case(about="fails", expect={"ignored": ["gone"]}), case(app="sms"))
    rules("acme.yml", "--lcov", "l", "--cobertura", "c", "--junit", "j", status=1)
    lines = {9: 0, 10: 0, 11: 0, 13: 1, 16: 0, 19: 0}
    data = "".join(f"DA:{line},{hits}\n" for line, hits in lines.items())
    assert (folder / "l").read_text() == f"TN:\nSF:acme.yml\n{data}LF:6\nLH:1\nend_of_record\n"
    cobertura = ElementTree.parse(folder / "c").getroot()
    assert {int(one.attrib["number"]): int(one.attrib["hits"]) for one in cobertura.iter("line")} == lines
    assert (cobertura.attrib["lines-covered"], cobertura.attrib["lines-valid"]) == ("1", "6")
    suite = ElementTree.parse(folder / "j").getroot()[0]
    assert {name: suite.attrib[name] for name in ("name", "tests", "failures", "skipped")} == {
        "name": "acme", "tests": "3", "failures": "1", "skipped": "1",
    }  # fmt: skip
    assert [one.attrib["name"] for one in suite if one.find("failure") is not None] == ["fails"]


def test_a_report_says_what_kept_cases_from_running(folder: Path) -> None:
    (folder / "acme" / "cases.yml").unlink()
    rules("acme.yml", "--junit", "j", status=1)
    suite = ElementTree.parse(folder / "j").getroot()[-1]
    assert (suite.attrib["errors"], suite[0][0].tag) == ("1", "error")


@pytest.mark.parametrize("file", ["acme.yml", "app.yml", "acme/cases.yml", "acme/body.json"])
def test_no_report_takes_the_place_of_an_input(folder: Path, file: str) -> None:
    (folder / "acme" / "body.json").write_text('{"event": "gone"}')
    write({"about": "a case", "file": "body.json", "expect": {"ignored": ["gone"]}})
    before = (folder / file).read_bytes()
    for option in ("--lcov", "--cobertura", "--junit"):
        assert "would overwrite" in rules("acme.yml", option, file, status=2).stderr
    assert "would overwrite" in rules("acme.yml", "--lcov", "x", "--junit", "x", status=2).stderr
    assert (folder / file).read_bytes() == before


# -- update -----------------------------------------------------------------------------------------------------------


def test_update_writes_what_came_out_and_keeps_the_rest(folder: Path) -> None:
    file = folder / "acme" / "cases.yml"
    file.write_text(CASES.replace("1795000000, message_id", "1, message_id").replace("[gone]", "[opened]"))
    assert rules("acme.yml", "--update").stdout.splitlines() == [
        "acme/cases.yml: 2 cases updated",
        "2 cases of 1 mapping: 2 passed, 0 failed",
    ]
    text = file.read_text()
    assert text.startswith("# A comment that stays.\ncases:\n  - about: an open\n    payload: {event: open, email:")
    assert yaml.safe_load(text) == yaml.safe_load(CASES), "with its pattern, which still holds"
    rules("acme.yml", "--update")
    assert file.read_text() == text


def test_update_drops_a_pattern_that_no_longer_holds(folder: Path) -> None:
    file = folder / "acme" / "cases.yml"
    file.write_text(CASES.replace("^m-", "^x-"))
    rules("acme.yml", "--update")
    assert yaml.safe_load(file.read_text())["cases"][0]["expect"]["events"] == [OPENED]


def test_update_keeps_a_case_in_flow_style_one(folder: Path) -> None:
    file = folder / "acme" / "cases.yml"
    file.write_text("cases: [{about: gone, payload: {event: gone}, expect: {ignored: [opened]}}]\n")
    rules("acme.yml", "--update")
    assert yaml.safe_load(file.read_text())["cases"][0]["expect"] == {"ignored": ["gone"]}


@pytest.mark.parametrize(
    "text",
    [
        "cases:\n  - about: a\n    payload: {event: open, email: a@b.c, ts: 1}\n    expect: &e {ignored: [opened]}\n"
        "  - about: b\n    payload: {event: gone}\n    expect: *e\n",
        "cases:\n  -   about: a\n      ? expect\n      : {ignored: [opened]}\n      payload: {event: gone}\n",
    ],
    ids=["alias", "explicit key"],
)
def test_update_leaves_alone_what_it_cannot_write_safely(folder: Path, text: str) -> None:
    file = folder / "acme" / "cases.yml"
    file.write_text(text)
    assert "not updated" in rules("acme.yml", "--update", status=1).stderr
    assert file.read_text() == text


def test_update_keeps_the_mark_and_the_line_ends_of_a_file(folder: Path) -> None:
    file = folder / "acme" / "cases.yml"
    file.write_bytes(b"\xef\xbb\xbf" + CASES.replace("[gone]", "[opened]").replace("\n", "\r\n").encode())
    rules("acme.yml", "--update")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf# A comment")
    assert file.read_bytes().count(b"\n") == file.read_bytes().count(b"\r\n")


def test_update_does_not_claim_what_it_cannot_help(folder: Path) -> None:
    write(case(rules=["gone"]))
    assert "updated" not in rules("acme.yml", "--update", status=1).stdout


# -- mutants ----------------------------------------------------------------------------------------------------------


def test_changes_that_no_case_notices_are_listed() -> None:
    assert rules("acme.yml", "--mutate", status=1).stdout.splitlines()[1:] == [
        "acme.yml:9:5: no case notices: without the entry kind: hard",
        "acme.yml:9:11: no case notices: kind: hard is soft_bounce",
        "acme.yml:10:5: no case notices: without the entry kind: soft",
        "acme.yml:10:11: no case notices: kind: soft is hard_bounce",
        "acme.yml:11:5: no case notices: without the entry kind: none",
        "acme.yml:11:11: no case notices: kind: none is hard_bounce",
        "acme.yml:16:5: no case notices: without the rule 'bounced'",
        "12 changes tried, 5 noticed, 7 not",
    ]


def test_cases_that_hold_everything_notice_every_change() -> None:
    bounces = [{**OPEN, "event": "bounce", "kind": kind} for kind in ("hard", "soft", "none")]
    hard = {**OPENED, "type": "reachability", "action": "unreachable",
            "data": {**OPENED["data"], "reachability_update_type": "hard_bounce"}}  # fmt: skip
    soft = {**OPENED, "action": "soft_bounce"}
    items = [*bounces, OPEN, {"event": "gone"}]
    write(case(payload=items, expect={"events": [hard, soft, OPENED], "ignored": ["bounced", "gone"]}))
    assert rules("acme.yml", "--mutate").stdout.endswith("12 changes tried, 12 noticed, 0 not\n")


def test_mutants_need_cases_that_pass() -> None:
    write(case(expect={"ignored": ["gone"]}))
    assert "mend them" in rules("acme.yml", "--mutate", status=1).stderr


# -- data in few lines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [OPENED, ["a, b", "yes", "1", "", " a", "a: b", "#x", "null", "é", "-", "a-b"], {"a b": 1.5, "true": [None, True]}],
    ids=str,
)
@pytest.mark.parametrize("width", [10, 40, 200])
def test_flow_style_means_the_same_to_a_strict_reader(value: object, width: int) -> None:
    for text in (flow.as_flow(value, width=width), flow.as_json(value, width=width)):
        root, faults = source.read("it", text.encode())
        assert root is not None
        assert not faults
        assert root.data == value


def test_a_file_of_cases_is_no_mapping(folder: Path) -> None:
    write(case())
    (found,) = [file for file in folder.rglob("*.yml") if file.parent != folder]
    path = str(found.relative_to(folder))
    said = rules(path, status=2).stderr
    assert f"{path} holds cases: name {found.parent.name}.yml" in said
    (folder / "alone.yml").write_text(found.read_text())
    assert "alone.yml holds cases: name the mapping that they are for" in rules("alone.yml", status=2).stderr
