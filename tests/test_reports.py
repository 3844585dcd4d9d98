"""What a check found, for programs and for terminals: JSON, SARIF, GitHub annotations, colours."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from rulesengine import codes
from rulesengine.cli import main
from rulesengine.diagnostics import COLOURED, Diagnostic, Place, render
from rulesengine.gathering import File, Files
from rulesengine.loading import Checked, check_files
from rulesengine.reports import as_github, as_json, as_sarif
from rulesengine.silencers import Silenced
from tests.conftest import check

FOUND = (
    codes.E104.at(Place("a,b.yml", 2, 3, 2, 6), key="k:\n%", line=1),
    codes.W301.at(Place("c.yml", 1, 1, 1, 2), name="t"),
)
MAPPING = """\
mapping: 1
provider: acme
payload: {event: event, events: [open]}
event: {identifiers: {email: email}}
rules: [{when: event == 'open', emit: open}]
tables:
  # allow W301: the next release has it
  later: {a: open}
  now: {a: open}
"""
APP = "channel: {type: email, metrics: {engagement: [open]}}\n"


def checked(mapping: str = MAPPING, name: str = "m.yml") -> Checked:
    return check_files(Files((File(name, mapping.encode()),), File("app.yml", APP.encode())))


def with_found(*found: Diagnostic) -> Checked:
    return replace(checked(), diagnostics=found, silenced=())


# -- JSON -------------------------------------------------------------------------------------------------------------


def test_json_lists_what_is_silenced_apart_with_the_reason() -> None:
    report = json.loads(as_json(checked()))
    assert [(one["code"], one["line"]) for one in report["diagnostics"]] == [("W301", 9)]
    assert [(one["code"], one["line"], one["reason"]) for one in report["silenced"]] == [
        ("W301", 8, "the next release has it")
    ]
    assert (report["errors"], report["advice"], report["left_out"]) == (0, 1, [])


# -- GitHub -----------------------------------------------------------------------------------------------------------


def test_github_annotations_escape_what_would_end_them() -> None:
    assert as_github(FOUND) == (
        "::error file=a%2Cb.yml,line=2,col=3,endLine=2,endColumn=6,title=E104 repeated key::"
        "key 'k:\\n%25' is repeated; it stands in line 1 already; keep one of the two\n"
        "::warning file=c.yml,line=1,col=1,endLine=1,endColumn=2,title=W301 unused table::"
        "nothing uses the table 't'; remove it\n"
    )


def test_github_annotations_are_one_line_each_without_control_characters() -> None:
    one = replace(FOUND[0], message="a\nb\r\x1b[31mc", hint="")
    assert as_github([one]).endswith("::a%0Ab%0D\\x1b[31mc\n")


def test_every_fault_is_annotated() -> None:
    many = [codes.E104.at(Place("a.yml", line, 1, line, 2), key="k", line=1) for line in range(2, 1002)]
    assert as_github(many).count("\n") == 1000


# -- SARIF ------------------------------------------------------------------------------------------------------------


def _closed(required: str = "", /, **properties: Any) -> dict[str, Any]:
    return {"additionalProperties": False, "properties": properties, "required": required.split()}


# What the schema of SARIF 2.1.0 asks of the objects that a log of ours is made of.
_TEXT = {"type": "string"}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_MESSAGE = _closed("text", text=_TEXT, markdown=_TEXT)
_FROM_1 = {"type": "integer", "minimum": 1}
_URI_REFERENCE = {"type": "string", "pattern": r"^([a-z]+:)?(%[0-9A-F]{2}|[A-Za-z0-9._~/@!$&'()*+,;=-])+$"}
_REGION = _closed("startLine", startLine=_FROM_1, startColumn=_FROM_1, endLine=_FROM_1, endColumn=_FROM_1)
_PHYSICAL = _closed(artifactLocation=_closed(uri=_URI_REFERENCE), region=_REGION)
_SUPPRESSION = _closed("kind", kind={"enum": ["inSource", "external"]}, justification=_TEXT)
_RULE = _closed(
    "id",
    id=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    help=_MESSAGE,
    defaultConfiguration=_closed(level=_LEVEL),
)
_RESULT = _closed(
    "message ruleIndex suppressions",
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    message=_MESSAGE,
    locations={"type": "array", "items": _closed(physicalLocation=_PHYSICAL)},
    suppressions={"type": "array", "uniqueItems": True, "items": _SUPPRESSION},
)
_DRIVER = _closed(
    "name",
    name=_TEXT,
    version=_TEXT,
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    rules={"type": "array", "uniqueItems": True, "items": _RULE},
)
_RUN = _closed(
    "tool results",
    tool=_closed("driver", driver=_DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": _RESULT},
)
_LOG = _closed("version runs", **{"$schema": _TEXT}, version={"const": "2.1.0"}, runs={"type": "array", "items": _RUN})


def run_of(found: Checked) -> dict[str, Any]:
    """The only run of a SARIF log, which is as its schema asks."""
    log = json.loads(as_sarif(found, "1.2.3"))
    jsonschema.Draft202012Validator(_LOG).validate(log)
    (run,) = log["runs"]
    return dict(run)


def test_sarif_has_a_rule_for_each_code_and_a_result_for_each_diagnostic() -> None:
    run = run_of(with_found(*reversed(FOUND)))
    driver = run["tool"]["driver"]
    assert (driver["version"], driver["semanticVersion"], run["columnKind"]) == ("1.2.3", "1.2.3", "unicodeCodePoints")
    assert [rule["id"] for rule in driver["rules"]] == ["E104", "W301"]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in run["results"]] == [
        ("W301", 1, "warning"),
        ("E104", 0, "error"),
    ]
    region = run["results"][1]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6}
    assert run_of(with_found())["results"] == []


def test_a_sarif_rule_is_the_page_of_its_code() -> None:
    (rule,) = run_of(with_found(FOUND[1]))["tool"]["driver"]["rules"]
    assert rule["shortDescription"] == {"text": "unused table"}
    assert rule["fullDescription"] == {"text": "A table that neither `emit` nor `lookup()` uses."}
    assert rule["help"]["markdown"].startswith("# W301: unused table\n")
    assert rule["defaultConfiguration"] == {"level": "warning"}


def test_sarif_suppresses_what_is_silenced_in_source() -> None:
    results = run_of(checked())["results"]
    assert [(one["ruleIndex"], one["suppressions"]) for one in results] == [
        (0, []),
        (0, [{"kind": "inSource", "justification": "the next release has it"}]),
    ]


def test_a_code_that_is_only_silenced_has_its_rule() -> None:
    found = replace(with_found(FOUND[0]), silenced=(Silenced(FOUND[1], "r"),))
    run = run_of(found)
    assert [one["ruleId"] for one in run["results"]] == ["E104", "W301"]
    assert [run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] for one in run["results"]] == ["E104", "W301"]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("maps/acme.yml", "maps/acme.yml"),
        ("./acme.yml", "acme.yml"),
        ("a b.yml", "a%20b.yml"),
        ("Postämter/ü.yml", "Post%C3%A4mter/%C3%BC.yml"),
        ("a:b.yml", "a%3Ab.yml"),
        ("what?#.yml", "what%3F%23.yml"),
        ("\udcff.yml", "%FF.yml"),  # a name that is no UTF-8
        ("/srv/my maps/acme.yml", "file:///srv/my%20maps/acme.yml"),
    ],
)
def test_sarif_names_files_by_uri(name: str, uri: str) -> None:
    run = run_of(checked(MAPPING + "wrong: 1\n", name))
    assert {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]} == {uri}


@pytest.mark.parametrize(
    "text", ["", "a: [", "mapping: 1\n", "- \n", "rules:\n- emit: |\n    {}\n\n", "\ufeffrules: 1"]
)
def test_sarif_of_a_broken_mapping_is_as_its_schema_asks(text: str) -> None:
    assert run_of(check(text))["results"]


# -- text -------------------------------------------------------------------------------------------------------------

_SGR = re.compile(r"\x1b\[[\d;]*m")


def test_colours_are_put_around_parts_and_change_no_text() -> None:
    found = [*checked().diagnostics, *checked(MAPPING + "wrong: 1\n").diagnostics]
    text = render(found, COLOURED)
    assert _SGR.sub("", text) == render(found)
    assert "\x1b[1mm.yml:10:1\x1b[0m: \x1b[1;31merror E201\x1b[0m: unknown key 'wrong'" in text
    assert "\n   10 | wrong: 1\n      | \x1b[1;31m^^^^^\x1b[0m\n" in text
    assert "\x1b[1mm.yml:9:3\x1b[0m: \x1b[33madvice W301\x1b[0m: " in text
    assert "\n      |   \x1b[33m^^^\x1b[0m\n  \x1b[36mhint:\x1b[0m remove it\n" in text


def test_what_a_file_says_is_escaped_within_colours() -> None:
    one = codes.E104.at(Place("a\x1b[2J.yml", 1, 1, 1, 2, "k: \x1b[2J"), key="\x1b[2J", line=1, hint="\x1b[2J")
    assert "\x1b[2J" not in render([one], COLOURED)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m.yml").write_text(MAPPING + "wrong: 1\n")
    (tmp_path / "app.yml").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "coloured"),
    [
        ("check m.yml --color always", True),
        ("check m.yml --color never", False),
        ("check m.yml", False),
        ("check m.yml --color always --format json", False),
        ("check m.yml --color always --format github", False),
        ("compile m.yml", False),
    ],
)
def test_colours_only_where_they_are_wanted(arguments: str, coloured: bool) -> None:
    result = CliRunner().invoke(main, arguments.split(), color=True)
    assert result.exit_code == 1
    assert (_SGR.search(result.output) is not None) == coloured


@pytest.mark.usefixtures("folder")
def test_colours_that_are_asked_for_go_into_a_pipe_too() -> None:
    result = CliRunner().invoke(main, ["check", "m.yml", "--color", "always"], color=False)
    assert _SGR.search(result.output)


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command prints to a terminal, on both of its streams."""
    controller, terminal = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    command = [sys.executable, "-m", "rulesengine", *arguments]
    root = str(Path(__file__).parent.parent)
    environment = {**plain, "PYTHONPATH": root, "TERM": "xterm", **environment}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        printed = b""
        while part := _read(controller):
            printed += part
    os.close(controller)
    assert process.returncode == 1
    return printed.decode()


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 2**16)
    except OSError:  # so Linux tells that nobody has the other end any more
        return b""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ("check m.yml", {}, True),
        ("check m.yml --color never", {}, False),
        ("check m.yml", {"NO_COLOR": ""}, True),
        ("check m.yml", {"NO_COLOR": "1"}, False),
        ("check m.yml", {"TERM": "dumb"}, False),
        ("compile m.yml", {}, True),
        ("compile m.yml", {"NO_COLOR": "0"}, False),
    ],
)
def test_a_terminal_gets_colours_unless_its_user_says_no(
    arguments: str, environment: dict[str, str], coloured: bool
) -> None:
    printed = on_a_terminal(*arguments.split(), **environment)
    assert "error E201" in printed
    assert (_SGR.search(printed) is not None) == coloured
