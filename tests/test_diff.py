"""`rules diff`: two versions over the same bodies, from files and from git."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings

from rulesengine.cli import main
from rulesengine.comparing.changes import Changes
from rulesengine.comparing.reports import as_data
from rulesengine.comparing.versions import Version, Versions
from rulesengine.lean import alike
from rulesengine.limits import DEFAULT_LIMITS
from tests.conftest import APP, engine_of
from tests.test_lean import MAPPINGS, RULES, blocks

OLD = """\
mapping: 1
provider: postino
payload:
  each: events || [@][]
  event: type
  events: [opened, clicked, bounced, delayed]
event:
  identifiers:
    email: to
  data:
    ts: at
tables:
  returned: {full: soft_bounce, gone: hard_bounce, policy: hard_bounce}
rules:
  - name: opened
    when: type == 'opened'
    emit: open
  - name: clicked
    when: type == 'clicked'
    emit: click
  - name: bounced
    when: type == 'bounced'
    emit: {table: returned, key: why}
  - name: delayed
    when: type == 'delayed'
    ignore: the outcome will come
"""
NEW = OLD.replace("policy: hard_bounce", "policy: soft_bounce")
ITEMS: list[dict[str, Any]] = [
    {"type": "opened", "to": "a@example.com", "at": 1795000000},
    {"type": "bounced", "why": "policy", "to": "b@example.com", "at": 1795000001},
    {"type": "bounced", "why": "gone", "to": "c@example.com", "at": 1795000002},
    {"type": "delayed", "to": "d@example.com"},
    {"type": "levitated"},
    {"type": "opened"},
]
OPENED, SKIPPED = b'{"kind":"open","email":"a@b.c"}', b'{"kind":"skip"}'
CLICKED = b'{"kind":"click","email":"a@b.c","ts":1513299569,"at":{"link":"u"}}'
TABLE = """\
items  change                      rule
    1  hard_bounce -> soft_bounce  bounced (old.yml:21 -> new.yml:21)
1 of 6 items in 1 body changes; the others: 2 emitted, 1 ignored, 1 unmatched, 1 rejected
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two versions of a mapping, an app.yml and a body, to stand in."""
    for name, text in (("old.yml", OLD), ("new.yml", NEW), ("app.yml", APP), ("body.json", json.dumps(ITEMS))):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str, stdin: bytes | None = None, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["diff", *arguments], input=stdin, prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def data_of(*arguments: str, status: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rules(*arguments, "--format", "json", status=status).stdout)
    return found


def kinds_of(data: dict[str, Any]) -> dict[str, int]:
    return {f"{one['before']} -> {one['after']} {' '.join(one['fields'])}".strip(): one["count"]
            for one in data["changes"]}  # fmt: skip


# -- what is told -----------------------------------------------------------------------------------------------------


def test_a_change_is_told_with_its_count_and_rules_and_fails() -> None:
    result = rules("old.yml", "new.yml", "body.json", status=1)
    assert (result.stdout, result.stderr) == (TABLE, "")


def test_nothing_changed_is_said_and_passes() -> None:
    shutil.copy("old.yml", "same.yml")
    assert rules("old.yml", "same.yml", "body.json").stdout.startswith("nothing changes: 6 items in 1 body, ")


def test_examples_show_the_item_and_both_results() -> None:
    lines = rules("old.yml", "new.yml", "body.json", "--examples", "3", status=1).stdout.splitlines()
    assert lines[2:6] == [
        "    body.json item 1",
        '      item    {"type":"bounced","why":"policy","to":"b@example.com","at":1795000001}',
        '      before  {"type":"reachability","action":"unreachable","identifiers":{"email":"b@example.com"},'
        '"data":{"ts":1795000001,"reachability_update_type":"hard_bounce"}}',
        '      after   {"type":"email","action":"soft_bounce","identifiers":{"email":"b@example.com"},'
        '"data":{"ts":1795000001}}',
    ]


def test_json_has_the_same() -> None:
    data = data_of("old.yml", "new.yml", "body.json", "--examples", "1")
    assert kinds_of(data) == {"hard_bounce -> soft_bounce": 1}
    assert data["same"] == {"emitted": 2, "ignored": 1, "unmatched": 1, "rejected": 1}
    assert data["changes"][0]["examples"][0]["source"] == {"file": "body.json", "line": None, "item": 1}


CHANGES: list[tuple[str, str, dict[str, int]]] = [
    ("ts: at", "ts: at\n    id: to", {"open -> open data.id added": 1, "hard_bounce -> hard_bounce data.id added": 2}),
    ("emit: open", "ignore: nobody asked", {"open -> ignored": 1, "rejected E508 -> ignored": 1}),
    ("emit: open", "emit: [open, click]", {"open -> open + click": 1}),
    ("'delayed'\n    ignore: the outcome will come", "'delayed'\n    emit: open", {"ignored -> open": 1}),
    ("gone: hard_bounce, ", "", {"hard_bounce -> unmatched E512": 1}),
    ("email: to", "email: text(to)\n    phone: nosuch", {}),
    ("type == 'opened'", "type == 'opened' && to", {"rejected E508 -> unmatched E511": 1}),
    ("- name: opened\n", "- name: spam\n    when: type == 'opened' && spam\n    ignore: x\n  - name: opened\n", {}),
    ("the outcome will come", "in other words", {}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES, ids=[new for _, new, _ in CHANGES])
def test_how_items_change(folder: Path, old: str, new: str, expected: dict[str, int]) -> None:
    assert OLD.count(old) == 1
    (folder / "new.yml").write_text(OLD.replace(old, new))
    (folder / "body.ndjson").write_text("\n".join(map(json.dumps, ITEMS)))
    for body in ("body.json", "body.ndjson"):
        data = data_of("old.yml", "new.yml", body, status=1 if expected else 0)
        assert kinds_of(data) == expected
        assert data["changed"] == sum(expected.values()) == 6 - sum(data["same"].values())


def test_rules_that_took_the_item_are_named_even_where_another_version_has_none(folder: Path) -> None:
    (folder / "new.yml").write_text(OLD.replace("    when: type == 'opened'", "    when: type == 'opened' && nosuch"))
    (one, _) = data_of("old.yml", "new.yml", "body.json")["changes"]
    assert one["old_rule"] == {"rule": "opened", "file": "old.yml", "line": 15}
    assert one["new_rule"] is None


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_bodies_of_all_kinds(folder: Path) -> None:
    (folder / "in" / "deeper").mkdir(parents=True)
    lines = b"\n".join(json.dumps(one).encode() for one in ITEMS * 2) + b"\n"
    (folder / "in" / "lines.ndjson").write_bytes(lines)
    (folder / "in" / "deeper" / "lines.jsonl.gz").write_bytes(gzip.compress(lines))
    (folder / "in" / "a.txt").write_text(json.dumps(ITEMS))
    data = data_of("old.yml", "new.yml", "in", "body.json")
    assert (data["bodies"], data["items"], kinds_of(data)) == (26, 36, {"hard_bounce -> soft_bounce": 6})


def test_standard_input_in_a_format_asked_for() -> None:
    lines = b"\n".join(json.dumps(one).encode() for one in ITEMS)
    assert rules(
        "old.yml", "new.yml", "-", "--payload-format", "ndjson", stdin=lines, status=1
    ).stdout == TABLE.replace("1 body", "6 bodies")
    result = rules("old.yml", "new.yml", "-", stdin=lines, status=1)
    assert result.stderr.startswith("not compared: -: several JSON documents in one body")


def test_lines_keep_their_numbers(folder: Path) -> None:
    text = "\n".join([*(json.dumps(ITEMS[0]) for _ in range(2_000)), json.dumps(ITEMS[1])])
    (folder / "body.ndjson").write_text(text)
    (one,) = data_of("old.yml", "new.yml", "body.ndjson", "--examples", "1")["changes"]
    assert one["examples"][0]["source"] == {"file": "body.ndjson", "line": 2_001, "item": 0}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("no.json", None, "cannot read no.json: no such file or directory"),
        ("empty.json", b"", "empty.json: the body is empty"),
        ("empty.ndjson", b"", "empty.ndjson:1: the file is empty"),
        ("cut.ndjson", b'{}\n{"type": "op', "cut.ndjson:2: "),
        ("bytes.json", b"\xff", "bytes.json: not UTF-8"),
        ("deep.json", b"[" * 100_000, "deep.json: the body is nested more than 256 levels deep"),
        ("no.json.gz", b"no gzip", "no.json.gz: the file's name ends in .gz"),
    ],
)
def test_what_cannot_be_read_is_told_and_fails(folder: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    shutil.copy("old.yml", "same.yml")
    result = rules("old.yml", "same.yml", name, "body.json", status=1)
    assert result.stderr.startswith(f"not compared: {told}")
    assert "nothing changes" in result.stdout


def test_a_body_that_only_one_version_can_read_is_compared(folder: Path) -> None:
    (folder / "old.yml").write_text(OLD.replace("payload:\n", "payload:\n  format: form\n"))
    (folder / "body.json").write_text(json.dumps(ITEMS[:2]))
    shutil.copy("body.json", "body.txt")
    data = data_of("old.yml", "new.yml", "body.txt")
    assert (data["old_items"], data["new_items"], data["items"]) == (1, 2, 2)


def test_lines_as_one_version_reads_them_and_a_whole_body_as_the_other_does(folder: Path) -> None:
    (folder / "new.yml").write_text(OLD.replace("payload:\n", "payload:\n  format: ndjson\n"))
    (folder / "body.txt").write_text("\n".join(map(json.dumps, ITEMS[:3])))
    data = data_of("old.yml", "new.yml", "body.txt")
    assert kinds_of(data) == {"rejected E501 -> open": 1, "no item -> hard_bounce": 2}


def test_another_number_of_items_is_told_and_equal_items_are_compared(folder: Path) -> None:
    (folder / "new.yml").write_text(OLD.replace("events || [@][]", "(events || [@][])[?type != 'delayed']"))
    assert rules("old.yml", "new.yml", "body.json", status=1).stdout == (
        "items  change              rule\n"
        "    1  ignored -> no item  delayed (old.yml:24) -> no rule\n"
        "6 -> 5 items: their number changes in 1 of 1 body\n"
        "1 of 6 items in 1 body changes; the others: 3 emitted, 0 ignored, 1 unmatched, 1 rejected\n"
    )


def test_what_request_gives(folder: Path) -> None:
    (folder / "new.yml").write_text(OLD.replace("ts: at", "ts: request().received_at"))
    data = data_of("old.yml", "new.yml", "body.json", "--received-at", "1795000000")
    assert "open -> open data.ts changed" not in kinds_of(data)
    assert "hard_bounce -> hard_bounce data.ts changed" in kinds_of(data)


CASES = """\
cases:
  - about: a refusal
    payload: {type: bounced, why: policy, to: a@example.com, at: 1}
    expect: {items: 1}
  - about: text
    body: '[{"type": "bounced", "why": "policy", "to": "a@example.com", "at": 1}]'
    expect: {items: 1}
  - about: for another app
    app: sms
    payload: {type: bounced, why: policy, to: a@example.com, at: 1}
    expect: {items: 1}
"""


def test_without_payloads_the_cases_are_the_bodies(folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "cases.yml").write_text(CASES)
    data = data_of("old.yml", "new.yml", "--examples", "1")
    assert kinds_of(data) == {"hard_bounce -> soft_bounce": 2}
    source = {"file": os.path.join("new", "cases.yml"), "line": 2, "item": 0}
    assert data["changes"][0]["examples"][0]["source"] == source
    (folder / "new" / "cases.yml").write_text(CASES.replace("payload", "payoad"))
    assert "E201" in rules("old.yml", "new.yml", status=1).stderr


def test_without_cases_a_payload_is_asked_for() -> None:
    assert "name a PAYLOAD" in rules("old.yml", "new.yml", status=2).stderr


# -- mappings ---------------------------------------------------------------------------------------------------------


def test_both_versions_must_be_valid_and_are_told_together(folder: Path) -> None:
    for name in ("old.yml", "new.yml"):
        (folder / name).write_text(OLD.replace("emit: open", "emit: opend"))
    result = rules("old.yml", "new.yml", "body.json", status=1)
    assert result.stdout == ""
    assert "new.yml:17:11: error E305" in result.stderr
    assert "old.yml:17:11: error E305" in result.stderr
    assert result.stderr.endswith("2 errors\n")


def test_the_old_version_may_have_its_own_app(folder: Path) -> None:
    (folder / "before.yml").write_text(APP)
    (folder / "app.yml").write_text(APP.replace(", hard_bounce", "").replace("[hard_bounce, ", "["))
    (folder / "new.yml").write_text(OLD.replace("hard_bounce", "soft_bounce"))
    assert "add --old-app" in rules("old.yml", "new.yml", "body.json", status=1).stderr
    wrong = rules("old.yml", "new.yml", "body.json", "--old-app", "./app.yml", status=1).stderr
    assert "E304" in wrong
    assert "add --old-app" not in wrong
    data = data_of("old.yml", "new.yml", "body.json", "--old-app", "before.yml")
    assert kinds_of(data) == {"hard_bounce -> soft_bounce": 2}


def test_mappings_of_other_names_are_compared_where_they_are_the_only_ones(folder: Path) -> None:
    (folder / "new.yml").write_text(NEW.replace("provider: postino", "provider: posta"))
    assert rules("old.yml", "new.yml", "body.json", status=1).stdout == TABLE
    assert rules("old.yml", "new.yml", "body.json", "--provider", "posta", status=1).stdout == TABLE


@pytest.fixture
def folders(folder: Path) -> None:
    """Two folders of mappings: `postino` is in both and changes, `other` is new; and bodies of either."""
    for name, text in (("before", OLD), ("after", NEW)):
        (folder / name).mkdir()
        (folder / name / "postino.yml").write_text(text)
        (folder / name / "same.yml").write_text(OLD.replace("provider: postino", "provider: same"))
    (folder / "after" / "other.yml").write_text(OLD.replace("provider: postino", "provider: other"))
    for provider in ("postino", "same", "other"):
        (folder / "in" / provider).mkdir(parents=True)
        shutil.copy("body.json", f"in/{provider}/body.json")


@pytest.mark.usefixtures("folders")
def test_folders_of_mappings_are_compared_by_provider() -> None:
    result = rules("before", "after", "in", status=1)
    assert "bounced (before/postino.yml:21 -> after/postino.yml:21)" in result.stdout
    assert "1 of 12 items in 2 bodies changes" in result.stdout
    assert result.stderr == "left out: OLD has no mapping for other\n"
    assert "1 of 6 items" in rules("before", "after", "body.json", "--provider", "postino", status=1).stdout


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("before", "after", "body.json"), "which provider is it from?"),
        (("before", "after", "body.json", "--provider", "nosuch"), "no mapping for 'nosuch'"),
        (("before", "after", "body.json", "--provider", "other"), "OLD has no mapping for 'other'"),
        (("before", "after", "--provider", "other"), "OLD has no mapping for 'other'"),
        (("before", "after", "--provider", "nosuch"), "no mapping for 'nosuch'"),
        (("before", "after"), "name a PAYLOAD"),
        (("old.yml", "new.yml", "body.json", "--provider", "nosuch"), "no mapping for 'nosuch'"),
        (("old.yml", "nosuch.yml", "body.json"), "nosuch.yml"),
        (("old.yml", "new.yml", "body.json", "--app", "nosuch.yml"), "nosuch.yml"),
        (("old.yml", "new.yml", "body.json", "--old-app", "nosuch.yml"), "nosuch.yml"),
        (("old.yml", "new.yml", "body.json", "--vocabulary", "nosuch.yml"), "nosuch.yml"),
        (("old.yml", "new.yml", "body.json", "--received-at", "never"), "--received-at"),
        (("old.yml", "new.yml", "body.json", "--examples", "-1"), "--examples"),
        (("old.yml",), "Missing argument 'NEW'"),
    ],
)
def test_wrong_usage(arguments: Sequence[str], told: str) -> None:
    result = rules(*arguments, status=2)
    assert told in result.stderr
    assert result.stdout == ""


# -- git --------------------------------------------------------------------------------------------------------------

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


@pytest.fixture
def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose last commit has the old mapping in `mappings`, and the new one stands there."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    (folder / "mappings").mkdir()
    shutil.copy("old.yml", "mappings/postino.yml")
    for arguments in (("init", "-q"), ("add", "mappings", "app.yml", "body.json"), ("commit", "-q", "-m", "old")):
        subprocess.run(["git", *arguments], check=True)
    shutil.copy("new.yml", "mappings/postino.yml")
    return folder


@needs_git
@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("HEAD:mappings/postino.yml", "mappings/postino.yml"),
        ("HEAD:./mappings/postino.yml", "mappings"),
        ("HEAD:mappings", "mappings"),
        ("HEAD:mappings/", "new.yml"),
        (":mappings/postino.yml", "new.yml"),
    ],
)
def test_versions_of_a_repository(old: str, new: str) -> None:
    file = old if old.endswith(".yml") else f"{old.rstrip('/')}/postino.yml"
    result = rules(old, new, "body.json", status=1)
    assert f"hard_bounce -> soft_bounce  bounced ({file}:21 -> " in result.stdout


@needs_git
@pytest.mark.usefixtures("repository")
def test_the_example_of_its_help_runs() -> None:
    example = rules("--help").stdout.partition("Example: rules diff ")[2].partition("\n\n")[0]
    assert "bounced (HEAD:mappings/postino.yml:21" in rules(*example.split(), status=1).stdout


@needs_git
@pytest.mark.usefixtures("repository")
def test_an_app_of_a_repository_and_a_folder_at_its_root(folder: Path) -> None:
    shutil.copy("mappings/postino.yml", "postino.yml")
    subprocess.run(["git", "add", "postino.yml"], check=True)
    subprocess.run(["git", "commit", "-q", "-m", "more"], check=True)
    (folder / "app.yml").write_text(APP.replace("open, ", ""))
    (folder / "new.yml").write_text(NEW.replace("emit: open", "emit: click"))
    data = data_of("HEAD:", "new.yml", "body.json", "--old-app", "HEAD:app.yml")
    assert kinds_of(data) == {"open -> click": 1}


@needs_git
@pytest.mark.usefixtures("repository")
def test_a_mapping_of_a_folder_for_another_channel_is_left_out(folder: Path) -> None:
    other = OLD.replace("provider: postino", "provider: other\nchannels: [sms]")
    (folder / "mappings" / "other.yml").write_text(other)
    subprocess.run(["git", "add", "mappings/other.yml"], check=True)
    subprocess.run(["git", "commit", "-q", "-m", "more"], check=True)
    assert (
        "left out: HEAD:mappings/other.yml is for another channel"
        in rules("HEAD:mappings", "old.yml", "body.json").stderr
    )


@needs_git
@pytest.mark.usefixtures("repository")
def test_a_file_that_is_really_called_so_goes_first() -> None:
    shutil.copy("new.yml", "HEAD:new.yml")
    assert "nothing changes" in rules("HEAD:new.yml", "new.yml", "body.json").stdout


@needs_git
@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("HEAD:nosuch.yml", "path 'nosuch.yml' does not exist in 'HEAD'\n  hint: paths count from the root"),
        ("HEAD~7:mappings/postino.yml", "invalid object name 'HEAD~7'"),
        ("nosuch:mappings/postino.yml", "invalid object name 'nosuch'"),
        ("HEAD:new.yml", "path 'new.yml' exists on disk, but not in 'HEAD'"),
        ("HEAD:", "the folder has no mapping (*.yml, *.yaml) in it"),
    ],
)
def test_what_git_does_not_have(name: str, told: str) -> None:
    result = rules(name, "new.yml", "body.json", status=2)
    assert f"error E101: cannot read {name}: {told}" in result.stderr
    assert told in rules("old.yml", "new.yml", "body.json", "--old-app", name, status=2).stderr or name == "HEAD:"


@needs_git
def test_outside_of_a_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    assert "not a git repository" in rules("HEAD:old.yml", "new.yml", "body.json", status=2).stderr


def test_without_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert "git cannot be run: no such file" in rules("HEAD:old.yml", "new.yml", "body.json", status=2).stderr


def test_a_name_that_could_be_an_option_of_git_is_none_of_its_names() -> None:
    assert "no such file, folder or bundled mapping" in rules("--", "-x:y", "new.yml", "body.json", status=2).stderr


# -- the short way ----------------------------------------------------------------------------------------------------


def changed(mapping: dict[str, Any]) -> dict[str, Any]:
    """Another version: it opens other items, ignores some more, and adds a field to clicks."""
    opening = {**RULES[0], "when": "kind == 'open' && !ts"}
    clicking = {**RULES[1], "data": {**RULES[1]["data"], "more": "gone"}}
    short = {"when": "kind == 'len' && spare", "ignore": "too long"}
    others = [rule for rule in mapping["rules"] if rule not in RULES[:2]]
    return {**mapping, "rules": [opening, clicking, short, *others]}


@pytest.fixture(scope="module")
def versions() -> dict[str, Versions]:
    engines = {name: [engine_of(one) for one in (mapping, changed(mapping))] for name, mapping in MAPPINGS.items()}
    return {name: Versions(*(Version(engine, "test") for engine in both)) for name, both in engines.items()}


def compared(versions: Versions, file: Path) -> dict[str, Any]:
    changes = Changes(keep=3)
    versions.compare_file(str(file), changes)
    return as_data(changes)


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=blocks)
@example(data=OPENED + b"\n" + SKIPPED + b"\n" + OPENED)
@example(data=OPENED.replace(b"}", b',"ts":1}') + b"\n" + CLICKED)
@example(data=CLICKED.replace(b'"u"', b'{"a":1e400}') + b"\n" + CLICKED.replace(b"}}", b'},"gone":1}'))
def test_lines_that_are_only_counted_are_those_that_do_not_change(
    versions: dict[str, Versions], tmp_path: Path, name: str, data: bytes
) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_bytes(data)
    found = compared(versions[name], file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rulesengine.comparing.versions.alike", lambda *_: None)
        assert found == compared(versions[name], file)


def test_lines_that_do_not_change_are_only_counted(versions: dict[str, Versions]) -> None:
    old, new = (one.engine.program("test") for one in (versions["fields"].old, versions["fields"].new))
    unmatched, rejected = b'{"kind":"nosuch"}', b'{"kind":"open"}'
    lines = [OPENED, SKIPPED, unmatched, CLICKED, CLICKED.replace(b"}}", b'},"gone":1}'), rejected, OPENED]
    assert alike(old, new, b"\n".join(lines), None, DEFAULT_LIMITS) == (3, 1, [2, 4, 5])


def test_items_that_change_places_are_found(folder: Path) -> None:
    """The events of all lines together are the same; it is other items that make them."""
    shutil.copy("old.yml", "new.yml")
    (folder / "old.yml").write_text(OLD.replace("'opened'\n", "'opened' && !machine\n"))
    (folder / "new.yml").write_text(OLD.replace("'opened'\n", "'opened' && machine\n"))
    for file in ("old.yml", "new.yml"):
        text = (folder / file).read_text()
        (folder / file).write_text(f"{text}  - when: type == 'opened'\n    ignore: a double\n")
    lines = [json.dumps(ITEMS[0]), json.dumps({**ITEMS[0], "machine": True})]
    (folder / "body.ndjson").write_text("\n".join(lines))
    assert kinds_of(data_of("old.yml", "new.yml", "body.ndjson")) == {"open -> ignored": 1, "ignored -> open": 1}
