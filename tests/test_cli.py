"""The command line: streams, exit codes, files that appear complete or not at all."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete
from click.testing import CliRunner, Result

from rulesengine.bundled import bundled_mappings
from rulesengine.cli import main
from tests.conftest import assert_adds_up, wait_for_output

HERE = Path(__file__).parent
SAMPLE = (HERE / "samples" / "sendgrid.json").read_bytes()
OPEN = {"event": "open", "email": "Ann@Example.com", "timestamp": 1764547200}
EVENT = {
    "type": "email",
    "action": "open",
    "identifiers": {"email": "ann@example.com"},
    "data": {"ts": 1764547200, "target_address": "Ann@Example.com"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a mapping, an app.yml and a payload, to stand in."""
    shutil.copy(HERE / "diagnostics" / "mapping.yml", tmp_path / "m.yml")
    shutil.copy(HERE / "diagnostics" / "app.yml", tmp_path / "app.yml")
    (tmp_path / "open.json").write_text(json.dumps([OPEN]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*arguments: str, stdin: bytes | None = None, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments), input=stdin, prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def events(result: Result) -> list[object]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def process(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rulesengine", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# -- apply ------------------------------------------------------------------------------------------------------------


def test_apply_writes_events_to_stdout_and_a_summary_to_stderr() -> None:
    result = rules("apply", "m.yml", "open.json")
    assert events(result) == [EVENT]
    assert result.stderr == "1 item in 1 body: 1 emitted (1 event), 0 ignored, 0 unmatched, 0 rejected\n"


def test_payloads_from_stdin_folder_gz_and_lines_keep_their_order(folder: Path) -> None:
    lines = b"".join(json.dumps([{**OPEN, "timestamp": ts}]).encode() + b"\n" for ts in (1, 2))
    (folder / "in").mkdir()
    (folder / "in" / "b.ndjson.gz").write_bytes(gzip.compress(lines))
    (folder / "in" / "a.json").write_bytes((folder / "open.json").read_bytes())
    (folder / "in" / "notes.md").write_text("no payload")
    stdin = json.dumps({**OPEN, "timestamp": 3}).encode()
    found = [event["data"]["ts"] for event in events(rules("apply", "m.yml", "in", "-", stdin=stdin))]  # type: ignore[index]
    assert found == [OPEN["timestamp"], 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.json", None, "E504"),
        ("empty.json", b"", "E501"),
        ("bytes.json", b'{"event": "\xff"}', "E501"),
        ("cut.json", b'[{"event": "op', "E501"),
        ("text.json", b"hello", "E501"),
        ("scalar.json", b"5", "E501"),
        ("two.json", b"{}\n{}", "E501"),
        ("deep.json", b"[" * 100_000, "E513"),
        ("cut.json.gz", gzip.compress(b"[{}]" * 100)[:-9], "E503"),
        ("no.json.gz", b"no gzip", "E503"),
        ("large.json", b" " * (2**20 + 1), "E502"),
        ("bomb.json.gz", gzip.compress(b" " * 2**22), "E503"),
        ("cut.ndjson", b'{"event": "op\n', "E501"),
    ],
)
def test_a_bad_payload_costs_only_itself(folder: Path, name: str, content: bytes | None, code: str) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    result = rules("apply", "m.yml", name, "open.json", "--max-body", "1", status=1)
    assert events(result) == [EVENT]
    assert result.stderr.startswith(f"rejected {code}: ")
    assert f"first in {name}" in result.stderr
    assert "2 items in 2 bodies: 1 emitted (1 event), 0 ignored, 0 unmatched, 1 rejected" in result.stderr


def test_unmatched_items_fail_only_when_strict(folder: Path) -> None:
    (folder / "new.json").write_text('[{"event": "levitated", "email": "a@example.com"}]')
    result = rules("apply", "m.yml", "new.json")
    assert "  1  event 'levitated'  E511 m.yml:28:1  first in new.json item 0\n" in result.stderr
    rules("apply", "m.yml", "new.json", "--strict", status=1)


def test_what_is_not_mapped_is_told_once_after_the_counts(folder: Path) -> None:
    """Up to ten values, and the items with others; the same in several processes."""
    items: list[Any] = [{"event": f"new{number % 14:x}", "pad": "x" * 200} for number in range(20 * 14)]
    items += [{"event": "new3\x1b[31m"}] * 21 + [{**OPEN, "email": 5}]
    (folder / "in.ndjson").write_text("".join(json.dumps(one) + "\n" for one in items))
    told = [rules("apply", "m.yml", "in.ndjson", "--jobs", jobs, "--summary", jobs, status=1) for jobs in ("1", "2")]
    for jobs in ("1", "2"):
        assert_adds_up(json.loads(Path(jobs).read_bytes()), bodies=302)
    lines = told[0].stderr.splitlines()
    assert lines[0].startswith("rejected E506: ")
    assert lines[2] == "302 items in 302 bodies: 0 emitted (0 events), 0 ignored, 301 unmatched, 1 rejected"
    assert lines[3:6] == [
        "not mapped:",
        r"  21  event 'new3\x1b[31m'  E511 m.yml:28:1  first in in.ndjson:281 item 0",
        "  20  event 'new0'          E511 m.yml:28:1  first in in.ndjson:1 item 0",
    ]
    assert lines[14:] == ["  and 100 items with other values"]
    assert told[1].stderr == told[0].stderr
    assert (folder / "1").read_text() == (folder / "2").read_text()
    assert len(json.loads((folder / "1").read_text())["unmapped"]) == 15


def test_values_without_end_are_only_counted(folder: Path) -> None:
    (folder / "in.ndjson").write_text("".join(f'{{"event": "new{number}"}}\n' for number in range(3_000)))
    result = rules("apply", "m.yml", "in.ndjson", "--summary", "s.json")
    assert result.stderr.endswith("  and 2990 items with other values\n")
    assert len(json.loads((folder / "s.json").read_text())["unmapped"]) == 1_000


def test_summary_counts_everything(folder: Path) -> None:
    (folder / "s.json").write_bytes(SAMPLE)
    rules("apply", "m.yml", "s.json", "open.json", "--summary", "sum.json", "-o", "out.ndjson")
    assert json.loads((folder / "sum.json").read_text()) == {
        "bodies": 2,
        "items": 6,
        "emitted": 5,
        "events": 5,
        "ignored": 1,
        "unmatched": 0,
        "rejected": 0,
        "by_event": {
            "email/click": 1,
            "email/delivery": 1,
            "email/open": 1,
            "list/unsubscribe": 1,
            "reachability/unreachable/hard_bounce": 1,
        },
        "unmapped": [],
    }
    assert len((folder / "out.ndjson").read_text().splitlines()) == 5


def test_rejects_hold_the_item_whole_and_where_it_came_from(folder: Path) -> None:
    lines = [{"event": "levitated"}, {**OPEN, "email": 5}, OPEN]
    text = "\n".join(json.dumps(one) for one in lines) + "\n{cut\n"
    (folder / "in.ndjson").write_text(text)
    rules("apply", "m.yml", "in.ndjson", "--rejects", "rejects.ndjson", status=1)
    found = [json.loads(line) for line in (folder / "rejects.ndjson").read_text().splitlines()]
    assert [(one["outcome"], one["code"], one["source"]["line"]) for one in found] == [
        ("unmatched", "E511", 1),
        ("rejected", "E506", 2),
        ("rejected", "E501", 4),
    ]
    assert found[1]["item"] == lines[1]
    assert found[1]["place"] == "m.yml:17:18"
    assert found[1]["rule"] == "rules[2]"
    assert len(found[1]["mapping"]["sha256"]) == 64
    assert found[2]["body"] == "{cut"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_jobs_change_nothing_but_the_time(folder: Path, jobs: str) -> None:
    many = [{**OPEN, "timestamp": number, "pad": "x" * 500} for number in range(9_000)]
    many[5_000] = {"event": "levitated"}
    (folder / "many.ndjson").write_text("".join(json.dumps(one) + "\n" for one in many))
    result = rules("apply", "m.yml", "many.ndjson", "open.json", "--jobs", jobs, "--rejects", "r.ndjson")
    found = [event["data"]["ts"] for event in events(result)]  # type: ignore[index]
    assert found == [*(n for n in range(9_000) if n != 5_000), OPEN["timestamp"]]
    assert json.loads((folder / "r.ndjson").read_text())["source"]["line"] == 5_001


def test_format_overrides_the_mapping(folder: Path) -> None:
    (folder / "form.txt").write_text("event=open&email=ann%40example.com&timestamp=7")
    assert len(events(rules("apply", "m.yml", "form.txt", "--format", "form"))) == 1
    (folder / "lines.txt").write_text((json.dumps(OPEN) + "\n") * 3)
    assert len(events(rules("apply", "m.yml", "lines.txt", "--format", "ndjson"))) == 3


def test_received_at_reaches_the_mapping(folder: Path) -> None:
    text = (folder / "m.yml").read_text().replace("ts: epoch(timestamp)", "ts: request().received_at")
    (folder / "m.yml").write_text(text)
    (event,) = events(rules("apply", "m.yml", "open.json", "--received-at", "2026-01-31T12:00:00Z"))
    assert event["data"]["ts"] == 1769860800  # type: ignore[index]
    assert "--received-at" in rules("apply", "m.yml", "open.json", "--received-at", "noon", status=2).stderr


def test_several_mappings_go_by_the_payloads_folder(folder: Path) -> None:
    (folder / "maps").mkdir()
    for provider in ("one", "two"):
        text = (folder / "m.yml").read_text().replace("provider: sendgrid", f"provider: {provider}")
        (folder / "maps" / f"{provider}.yml").write_text(text)
    (folder / "in" / "two").mkdir(parents=True)
    shutil.copy("open.json", "in/two/open.json")
    assert events(rules("apply", "maps", "in")) == [EVENT]
    assert events(rules("apply", "maps", "open.json", "--provider", "one")) == [EVENT]
    assert "--provider" in rules("apply", "maps", "open.json", status=2).stderr


def test_an_output_file_appears_complete_or_not_at_all(folder: Path) -> None:
    (folder / "out.ndjson").write_text("what was there before\n")
    (folder / "bad.yml").write_text("mapping: 1\n")
    rules("apply", "bad.yml", "open.json", "-o", "out.ndjson", status=1)
    assert (folder / "out.ndjson").read_text() == "what was there before\n"
    rules("apply", "m.yml", "open.json", "-o", "out.ndjson.gz")
    assert json.loads(gzip.decompress((folder / "out.ndjson.gz").read_bytes())) == EVENT
    assert sorted(one.name for one in folder.iterdir() if ".part" in one.name) == []
    assert "cannot write nowhere/x: " in rules("apply", "m.yml", "open.json", "-o", "nowhere/x", status=1).stderr


def test_interrupt_leaves_no_file_and_no_process(folder: Path) -> None:
    """The run reads from a pipe that stays open, so it can only end by the signal."""
    running = process("apply", "m.yml", "-", "--format", "ndjson", "-o", "out", "--jobs", "2")
    with running:
        assert running.stdin is not None
        running.stdin.write((json.dumps(OPEN) + "\n").encode() * 30_000)
        running.stdin.flush()
        wait_for_output(running.pid, folder)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 128 + signal.SIGINT
        assert running.stderr is not None
        assert running.stderr.read() == b""
        assert [one.name for one in folder.iterdir() if "out" in one.name or "part" in one.name] == []


@pytest.mark.parametrize("module", ["rulesengine.cli", "rulesengine.engine", "rulesengine.commands.apply"])
@pytest.mark.parametrize("arguments", [("apply", "m.yml", "open.json"), ("--help",)], ids=" ".join)
def test_an_interrupt_while_modules_are_loaded_is_quiet(folder: Path, module: str, arguments: Sequence[str]) -> None:
    (folder / "interrupted.py").write_text(
        "import runpy, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.argv[0] = 'rules'\n"
        "runpy.run_module('rulesengine', run_name='__main__')\n"
    )
    command = [sys.executable, "interrupted.py", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (128 + signal.SIGINT, "", "")


def test_a_closed_pipe_is_no_error_to_shout_about(folder: Path) -> None:
    (folder / "many.ndjson").write_text((json.dumps(OPEN) + "\n") * 50_000)
    with process("apply", "m.yml", "many.ndjson") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "sendgird", "open.json"), "did you mean 'sendgrid'?"),
        (("apply", "m.yml"), "Missing argument"),
        (("apply", "m.yml", "open.json", "--app", "nope.yml"), "cannot read nope.yml"),
        (("apply", "m.yml", "open.json", "--jobs", "0"), "--jobs"),
        (("apply", "m.yml", "open.json", "--format", "xml"), "--format"),
        (("apply", "m.yml", "open.json", "--provider", "two"), "no mapping for 'two'"),
        (("check",), "Missing argument"),
        (("check", "nope.yml"), "no such file, folder or bundled mapping"),
        (("explain", "E999"), "there is no code E999"),
        (("functions", "lowr"), "did you mean 'lower'?"),
        (("aply",), "No such command"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments: Sequence[str], words: str) -> None:
    result = rules(*arguments, status=2)
    assert words in result.stderr
    assert result.stdout == ""


def test_a_folder_does_not_hide_the_bundled_mapping_of_its_name(folder: Path) -> None:
    (folder / "sendgrid").mkdir()
    shutil.copy("open.json", "sendgrid/open.json")
    app = HERE.parent / "mappings" / "apps" / "email.yml"
    (event,) = events(rules("apply", "sendgrid", "sendgrid", "--app", str(app)))
    assert event["action"] == "open"  # type: ignore[index]


# -- check ------------------------------------------------------------------------------------------------------------


def test_check_says_that_all_is_well() -> None:
    result = rules("check", "m.yml")
    assert result.stdout == "1 mapping: all well\n"


def test_check_reports_all_faults_of_all_files(folder: Path) -> None:
    text = (folder / "m.yml").read_text()
    (folder / "a.yml").write_text(text.replace("emit: open", "emit: opened").replace("sendgrid", "a_provider"))
    (folder / "b.yml").write_text(text.replace("titel", "title").replace("title:", "titel:"))
    (folder / "app.yml").write_text((folder / "app.yml").read_text().replace("type: email", "type: emial"))
    result = rules("check", "a.yml", "b.yml", status=1)
    places = [line.split(" ")[0] for line in result.stdout.splitlines() if ": error " in line]
    assert places == ["a.yml:36:11:", "app.yml:3:9:", "b.yml:3:1:"]
    assert result.stdout.endswith("3 errors, 0 advice in 2 mappings\n")


def test_check_as_json(folder: Path) -> None:
    (folder / "m.yml").write_text((folder / "m.yml").read_text().replace("emit: open", "emit: opened"))
    found = json.loads(rules("check", "m.yml", "--format", "json", status=1).stdout)
    assert (found["errors"], found["advice"]) == (1, 0)
    (one,) = found["diagnostics"]
    assert {**one, "message": ""} == {
        "code": "E305",
        "severity": "error",
        "file": "m.yml",
        "line": 36,
        "column": 11,
        "end_line": 36,
        "end_column": 17,
        "message": "",
        "hint": "did you mean 'open'?",
    }


def test_advice_fails_only_when_strict(folder: Path) -> None:
    (folder / "app.yml").write_text(
        (folder / "app.yml").read_text().replace("[open, click]\n    att", "[open, click, engage]\n    att")
    )
    assert "advice W402: 'engage'" in rules("check", "m.yml").stdout
    rules("check", "m.yml", "--strict", status=1)


def test_a_mapping_of_a_folder_for_another_channel_is_left_out(folder: Path) -> None:
    (folder / "maps").mkdir()
    shutil.copy("m.yml", "maps/m.yml")
    text = (folder / "m.yml").read_text().replace("channels: [email]", "channels: [sms]")
    (folder / "maps" / "other.yaml").write_text(text.replace("provider: sendgrid", "provider: other"))
    result = rules("check", "maps")
    assert result.stdout == "left out: maps/other.yaml is for another channel\n1 mapping: all well\n"
    assert "E316" in rules("check", "maps/other.yaml", status=1).stdout


def test_vocabulary_can_be_replaced(folder: Path) -> None:
    own = (HERE.parent / "rulesengine" / "data" / "odp.yml").read_text()
    (folder / "own.yml").write_text(own.replace("action: open,", "action: seen,"))
    (event,) = events(rules("apply", "m.yml", "open.json", "--vocabulary", "own.yml"))
    assert event["action"] == "seen"  # type: ignore[index]
    (folder / "own.yml").write_text(own.replace("standing: page", "standing: hearsay", 1))
    assert "own.yml:19:64: error E409" in rules("check", "m.yml", "--vocabulary", "own.yml", status=1).stdout


# -- the other verbs --------------------------------------------------------------------------------------------------


def test_compile_prints_python_that_names_the_rules() -> None:
    source = rules("compile", "m.yml").stdout
    compile(source, "compiled", "exec")
    assert "# rules[2]  m.yml:35:5" in source


def test_explain_prints_the_page() -> None:
    assert rules("explain", "e304").stdout.startswith("# E304: metric not declared\n")


def test_providers_are_listed() -> None:
    assert re.search(
        r"^twilio +sms, whatsapp +\d+ +\d{4}-\d\d-\d\d  Twilio Programmable", rules("providers").stdout, re.M
    )
    found = {one["provider"]: one for one in json.loads(rules("providers", "--format", "json").stdout)}
    assert list(found) == [path.stem for path in bundled_mappings()]
    assert all(one["events"] and one["reviewed"] and one["title"] and one["docs"] for one in found.values())


def test_functions_are_listed_and_shown() -> None:
    listed = rules("functions").stdout
    assert "e164(s: string|number[, country: string|number]) -> string" in listed
    assert "not_null(" in listed
    assert '"ann@example.com"' in rules("functions", "lower").stdout.lower()


# -- outputs and the system -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "open.json"),
        ("-o", "app.yml"),
        ("--rejects", "./open.json"),
        ("-o", "x", "--summary", "x"),
        ("-o", "x", "--rejects", "y/../x"),
    ],
)
def test_an_output_never_overwrites_an_input_or_another_output(folder: Path, arguments: Sequence[str]) -> None:
    (folder / "y").mkdir()
    before = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    assert "would overwrite" in rules("apply", "m.yml", "open.json", *arguments, status=2).stderr
    assert {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()} == before


@pytest.mark.parametrize("name", ["--rejects", "--summary", "--report"])
def test_standard_output_takes_one_output(folder: Path, name: str) -> None:
    result = rules("apply", "m.yml", "open.json", name, "-", status=2)
    assert f"the events, {name} - would mix on standard output: name a file for all but one" in result.stderr
    assert result.stdout == ""
    rules("apply", "m.yml", "open.json", name, "-", "-o", "out")
    assert json.loads((folder / "out").read_text()) == EVENT


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "m.yml", "-"),
        ("why", "m.yml", "-"),
        ("diff", "m.yml", "m.yml", "-"),
        ("new", "postino", "--from", "-"),
        ("retry", "-", "--rejects", "left.ndjson"),
    ],
    ids=lambda one: one[0],
)
def test_a_closed_standard_input_is_wrong_usage(arguments: Sequence[str]) -> None:
    command = ["sh", "-c", 'exec "$0" -m rulesengine "$@" <&-', sys.executable, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2, run.stderr
    assert "standard input is closed: name a file in place of -" in run.stderr


def test_an_output_follows_links_keeps_the_mode_and_writes_to_devices(folder: Path) -> None:
    (folder / "real.ndjson").write_text("before")
    (folder / "real.ndjson").chmod(0o600)
    (folder / "link.ndjson").symlink_to("real.ndjson")
    rules("apply", "m.yml", "open.json", "-o", "link.ndjson")
    assert (folder / "link.ndjson").is_symlink()
    assert json.loads((folder / "real.ndjson").read_text()) == EVENT
    assert (folder / "real.ndjson").stat().st_mode & 0o777 == 0o600
    rules("apply", "m.yml", "open.json", "-o", "/dev/null")
    assert not Path("/dev/null").is_file()


def test_a_full_device_is_told_in_a_line() -> None:
    for arguments in (("apply", "m.yml", "open.json", "-o", "/dev/full"), ("functions",), ("--help",)):
        with open("/dev/full", "wb") as full:
            command = [sys.executable, "-m", "rulesengine", *arguments]
            run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        assert run.returncode == 1
        assert b"no space left on device" in run.stderr
        assert b"Traceback" not in run.stderr


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_termination_clears_up(folder: Path, jobs: str, how: str) -> None:
    if not hasattr(signal, how):
        pytest.skip(f"no {how}")
    number = getattr(signal, how)
    with process("apply", "m.yml", "-", "--format", "ndjson", "-o", "out", "--jobs", jobs) as running:
        assert running.stdin is not None
        running.stdin.write((json.dumps(OPEN) + "\n").encode() * 30_000)
        running.stdin.flush()
        wait_for_output(running.pid, folder)
        running.send_signal(number)
        assert running.wait(30) == 128 + number
        assert list(folder.glob("out")) + list(folder.glob(".rules.*")) == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals of POSIX")
def test_a_run_that_is_to_outlive_its_terminal_does(folder: Path) -> None:
    """`nohup` has the signal ignored before the program begins."""
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code = ignoring + "from rulesengine.cli import main; main(prog_name='rules')"
    command = [sys.executable, "-c", code, "apply", "m.yml", "-", "--format", "ndjson", "-o", "out", "--jobs", "2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        running.stdin.write((json.dumps(OPEN) + "\n").encode() * 30_000)
        running.stdin.flush()
        wait_for_output(running.pid, folder)
        running.send_signal(signal.SIGHUP)
        running.stdin.close()
        assert running.wait(60) == 0
    assert (folder / "out").read_bytes().count(b"\n") == 30_000


def test_a_name_that_is_not_utf8_is_written_with_escapes(folder: Path) -> None:
    name = os.fsdecode(b"b\xff.json")
    (folder / name).write_text('[{"event": "levitated"}]')
    rules("apply", "m.yml", name, "--rejects", "r.ndjson")
    assert json.loads((folder / "r.ndjson").read_text())["source"]["file"] == "b\\xff.json"


def test_a_mapping_goes_before_the_folder_of_its_cases(folder: Path) -> None:
    shutil.copy("m.yml", "own.yml")
    (folder / "own").mkdir()
    (folder / "own" / "cases.yml").write_text("cases: []\n")
    assert rules("check", "own").stdout == "1 mapping: all well\n"
    (folder / "sms.yml").write_text((folder / "app.yml").read_text().replace("type: email", "type: sms"))
    assert "E316" in rules("check", "own", "--app", "sms.yml", status=1).stdout  # named itself, so not left out
    shutil.copy("app.yml", "sendgrid.yml")  # no mapping, and no folder beside it: the bundled mapping is meant
    app = HERE.parent / "mappings" / "apps" / "email.yml"
    assert "1 mapping" in rules("check", "sendgrid", "--app", str(app)).stdout


def test_folders_that_cannot_be_read_are_told(folder: Path) -> None:
    assert "file name too long" in rules("check", "a" * 300, status=2).stderr


def test_a_killed_worker_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker ends as the system would end it, at its first block."""
    monkeypatch.setattr("rulesengine.processes.run_block", lambda *_: os._exit(9))
    result = rules("apply", "m.yml", "open.json", "--jobs", "2", "-o", "out", status=1)
    assert "a worker process was killed" in result.stderr
    assert not (folder / "out").exists()


# -- help and completion ----------------------------------------------------------------------------------------------

VERBS = main.list_commands(click.Context(main))
EXAMPLE = re.compile(r"^ *Example: (rules .*)$", re.M)


def command_of(verb: str) -> click.Command:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    return command


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_that_works(verb: str, folder: Path) -> None:
    """In a folder with what examples speak of: an app.yml, sample bodies, a mapping in git, rejected items."""
    mappings = HERE.parent / "mappings"
    body = json.dumps([{**OPEN, "sg_event_id": str(number)} for number in range(3)])
    written = {"app.yml": (mappings / "apps" / "email.yml").read_text(), "body.json": body, "monday.json": body}
    written["mappings/postino.yml"] = (mappings / "sendgrid.yml").read_text()
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "new.json").write_text('[{"event": "levitated", "email": "a@example.com", "timestamp": 1}]')
    rules("apply", "sendgrid", "new.json", "--rejects", "left.ndjson")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    examples = EXAMPLE.findall(command_of(verb).help or "")
    assert examples
    for example in examples:
        assert example.startswith(f"rules {verb} ") or example == f"rules {verb}"
        command = f'rules() {{ "{sys.executable}" -m rulesengine "$@"; }}; {example}'
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{example}\n{done.stdout}{done.stderr}"


def completed(words: str, shell: type[ShellComplete] = BashComplete) -> list[CompletionItem]:
    """What is offered for the last of these words; the ones before it are given."""
    *given, incomplete = words.split(" ")
    return shell(main, {}, "rules", "_RULES_COMPLETE").get_completions(given, incomplete)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("app", {"apply"}),
        ("", set(VERBS)),
        ("apply --rej", {"--rejects"}),
        ("apply send", {"sendgrid", "sendpost.yml"}),
        ("check sendg", {"sendgrid"}),
        ("apply m.yml x --format f", {"form"}),
        ("apply m.yml x --provider sendg", {"sendgrid"}),
        ("explain e30", {"E301", "E302", "E303", "E304", "E305", "E306", "E307", "E308", "E309"}),
        ("functions epo", {"epoch", "epoch_at", "epoch_ms"}),
        ("functions to_s", {"to_string"}),
    ],
)
def test_what_is_completed(folder: Path, words: str, offered: set[str]) -> None:
    (folder / "sendpost.yml").write_text("mapping: 1\n")
    (folder / "sender.json").write_text("{}")
    for shell in (BashComplete, ZshComplete, FishComplete):
        found = completed(words, shell)
        assert {one.value for one in found} == offered
        assert {one.type for one in found} == {"plain"}


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("apply m.", "file"),
        ("apply maps/", "file"),
        ("apply m.yml o", "file"),
        ("apply m.yml x --app a", "file"),
        ("retry r", "file"),
        ("check m.yml --samples s", "dir"),
    ],
)
def test_files_are_left_to_the_shell(words: str, kind: str) -> None:
    assert [(one.type, one.value) for one in completed(words)] == [(kind, words.split(" ")[-1])]


def test_a_name_that_is_not_utf8_is_not_completed(folder: Path) -> None:
    (folder / os.fsdecode(b"send\xff.yml")).write_text("mapping: 1\n")
    assert {one.value for one in completed("apply send")} == {"sendgrid"}
    assert [one.value for one in completed(f"check m.yml --app {os.fsdecode(bytes([255]))}")] == [""]


@pytest.mark.parametrize("verb", VERBS)
def test_every_parameter_that_names_something_is_completed(verb: str) -> None:
    free = {"T", "N", "MIB", "PERCENT", "TEXT", "[LINE:]N"}
    for param in command_of(verb).params:
        is_free = param.metavar in free or getattr(param, "is_flag", False) or isinstance(param.type, click.IntRange)
        assert is_free or param.shell_complete(click.Context(command_of(verb)), ""), param.name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    environment = {**os.environ, "_RULES_COMPLETE": f"{shell}_source"}
    program = "from rulesengine.cli import main; main(prog_name='rules')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert f"_RULES_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(folder: Path) -> None:
    """As a user presses the tab key."""
    program = folder / "bin" / "rules"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from rulesengine.cli import main; main(prog_name=\'rules\')" "$@"\n'
    )
    program.chmod(0o755)
    (folder / "try").write_text(
        'eval "$(_RULES_COMPLETE=bash_source rules)"\n'
        'COMP_WORDS=(rules apply sendg); COMP_CWORD=2; _rules_completion rules; echo "${COMPREPLY[@]}"\n'
    )
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    done = subprocess.run(["bash", "try"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout == "sendgrid\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes it")
@pytest.mark.parametrize(
    "given", ["providers", "schema", "diff m.yml m.yml open.json", "diff m.yml m.yml open.json --format json"]
)
def test_a_closed_standard_output_is_told(folder: Path, given: str) -> None:
    run = subprocess.run(
        ["sh", "-c", f'exec "$0" -m rulesengine {given} >&-', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (1, "Error: cannot write standard output: it is closed\n")
