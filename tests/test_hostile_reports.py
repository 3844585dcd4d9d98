"""What is written for other programs and for people, made of hostile texts (docs/security.md, what is escaped where).

Texts of bodies, mappings and cases, and the names of files. Each report can be read by a strict reader of its form, and
nothing in it is obeyed by a terminal, a browser or whoever reads the log.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner

from rulesengine.cli import main
from rulesengine.diagnostics import printable
from tests.conftest import APP, assert_adds_up

CONTROL = "\x1b[2J\x00\x07\r\x9b31m\u202e\u2066\u2028\ufffe"
MARKUP = "<script>alert(1)</script>]]>&amp;<!--\"'"
COMMAND = "\n::error::x\r\n::stop-commands::y\n##[error]z%0A::add-mask::w"
HOSTILE = CONTROL + MARKUP + COMMAND
# What a file may be called: no NUL, no slash; and bytes that are no UTF-8.
NAMED = "::error::" + os.fsdecode(b"\xe9\xff") + "\x1b[2J\u202e\n::error::x <img src=x onerror=alert(1)>]]>&\"'"
MAPPING: dict[str, Any] = {
    "mapping": 1,
    "provider": "test",
    "payload": {"event": "kind", "events": ["open", "skip", "tabled", HOSTILE]},
    "event": {"identifiers": {"email": "email"}, "data": {"value": "value"}},
    "tables": {"t": {HOSTILE: "open", "known": "open"}},
    "rules": [
        {"name": HOSTILE, "when": "kind == 'skip'", "ignore": HOSTILE},
        {"when": "kind == 'open'", "emit": "open"},
        {"name": f"{HOSTILE}2", "when": "kind == 'tabled'", "emit": {"table": "t", "key": "value"}},
        {"name": f"{HOSTILE}3", "ignore": HOSTILE},
    ],
}
CASES: list[dict[str, Any]] = [
    {"payload": {"kind": "open", "email": "a", HOSTILE: HOSTILE}, "expect": {"events": [{HOSTILE: HOSTILE}]}},
    {"payload": {"kind": "tabled", "email": "a", "value": HOSTILE + "?"}, "expect": {"ignored": [HOSTILE]}},
    {"payload": {"kind": HOSTILE}, "rules": [HOSTILE], "expect": {"rejected": [HOSTILE]}},
    {"payload": {"kind": "open"}, "app": HOSTILE, "expect": {"unmatched": [HOSTILE]}},
]
BODIES = [
    {"kind": HOSTILE},
    {"kind": "tabled", "email": "a", "value": HOSTILE + "?"},
    {"kind": "open", "email": {HOSTILE: 1}},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mapping of a hostile name, its cases, one with a fault, and bodies, in a folder to stand in."""
    monkeypatch.chdir(tmp_path)
    try:
        Path(NAMED).mkdir()
    except OSError:
        pytest.skip("this system has no such names")
    Path("app.yml").write_text(APP)
    Path("m.yml").write_text(json.dumps({**MAPPING, "provider": "other"}))
    Path(f"{NAMED}.yml").write_text(json.dumps(MAPPING))
    Path(f"{NAMED}.json").write_text(json.dumps(BODIES))
    Path(NAMED, "cases.yml").write_text(json.dumps({"cases": [{"about": HOSTILE, **one} for one in CASES]}))
    return tmp_path


def rules(*arguments: str) -> str:
    """What a verb says; that it raises nothing, and ends each line that it begins."""
    done = CliRunner().invoke(main, arguments, prog_name="rules")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def obeyed(text: str) -> set[str]:
    """The characters in a text that a terminal could obey."""
    return {char for char in text if not char.isprintable() and char != "\n"}


# -- files of rules test ----------------------------------------------------------------------------------------------


def xml(file: str) -> list[str]:
    """All that a report in XML says, of which nothing became an element or is hidden."""
    raw = Path(file).read_bytes()
    root = ElementTree.fromstring(raw)
    assert {one.tag for one in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "skipped", "error",
        "coverage", "sources", "source", "packages", "package", "classes", "class", "methods", "lines", "line",
    }  # fmt: skip
    assert obeyed(raw.decode()) == set()
    return [text for one in root.iter() for text in (*one.attrib.values(), one.text or "")]


def test_junit() -> None:
    rules("test", f"{NAMED}.yml", "--junit", "junit.xml")
    said = xml("junit.xml")
    assert said.count(printable(HOSTILE)) == len(CASES)
    assert f"no app.yml is given for channel {printable(HOSTILE)}" in said


def test_junit_of_faults() -> None:
    """What a fault says is text of the file, and where it is that file's name."""
    Path(NAMED, "cases.yml").write_text(
        json.dumps({"cases": [{**CASES[0], "about": HOSTILE, "rules": [f"{HOSTILE}?"]}]})
    )
    rules("test", f"{NAMED}.yml", "--junit", "junit.xml")
    said = xml("junit.xml")
    assert any(one.startswith(f"E602 {printable(NAMED)}/") for one in said)
    assert any("script>alert" in one and "no rule" in one for one in said), said


def test_cobertura() -> None:
    rules("test", f"{NAMED}.yml", "--cobertura", "c.xml")
    assert printable(f"{NAMED}.yml") in xml("c.xml")


def test_lcov() -> None:
    """Each line is a record of its kind, whatever the file is called."""
    rules("test", f"{NAMED}.yml", "--lcov", "lcov")
    lines = Path("lcov").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"TN:$|SF:|DA:\d+,[01]$|L[FH]:\d+$|end_of_record$", line) for line in lines), lines
    assert f"SF:{printable(NAMED)}.yml" in lines


# -- forms of rules check ---------------------------------------------------------------------------------------------


def broken() -> Iterator[str]:
    """Mappings with faults that tell a hostile text: of the mapping's shape, of its names, of its events."""
    yield json.dumps({**MAPPING, HOSTILE: 1})
    yield json.dumps({**MAPPING, "rules": [{"emit": {"table": HOSTILE, "key": "value"}}]})
    yield json.dumps({**MAPPING, "rules": [{"name": HOSTILE, "when": "kind == 'none'", "emit": HOSTILE}] * 2})
    yield json.dumps({**MAPPING, "rules": [{"when": HOSTILE, "emit": "open"}]})


def strict(text: str) -> Any:
    """JSON as a strict reader has it, too: it knows no halves of pairs."""
    assert msgspec.json.decode(text) == json.loads(text)
    return json.loads(text)


def github(text: str) -> None:
    """Every line is one annotation, of a known kind and with known properties."""
    for line in text.splitlines():
        assert re.fullmatch(
            r"::(error|warning) file=[^:,]+,line=\d+,col=\d+,endLine=\d+,endColumn=\d+,title=[^:,]+::.+", line
        ), line


FORMS: dict[str, Callable[[str], Any]] = {"json": strict, "sarif": strict, "github": github, "text": str}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(4))
def test_what_a_check_finds(form: str, number: int) -> None:
    Path(f"{NAMED}.yml").write_text(list(broken())[number])
    found = rules("check", f"{NAMED}.yml", "--format", form)
    assert "E" in found
    assert obeyed(found) == set()
    FORMS[form](found)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_left_out_is_told(form: str) -> None:
    sms = json.dumps({**MAPPING, "provider": "sms", "channels": ["sms"]})
    Path("app.yml").rename("app")
    Path("m.yml").write_text(json.dumps({**MAPPING, "provider": "other"}))
    Path(f"{NAMED}.yml").write_text(sms)
    found = rules("check", ".", "--app", "app", "--format", form)
    assert obeyed(found) == set()
    if form == "json":
        assert strict(found)["left_out"] == [r"::error::\xe9\xff" + NAMED[11:] + ".yml"]
    FORMS[form](found)


@pytest.mark.parametrize("form", FORMS)
def test_a_fault_that_names_another_file(form: str) -> None:
    Path("z.yml").write_text(json.dumps(MAPPING))
    found = rules("check", f"{NAMED}.yml", "z.yml", "--format", form)
    assert re.search("E[0-9]+.*z.yml|z.yml.*E[0-9]+", found, re.S)
    assert obeyed(found) == set()
    FORMS[form](found)


# -- a run ------------------------------------------------------------------------------------------------------------


def test_the_summary_and_the_rejects_are_json_to_a_strict_reader() -> None:
    rules("apply", f"{NAMED}.yml", f"{NAMED}.json", "--summary", "s.json", "--rejects", "left.ndjson", "-o", "out")
    counts = strict(Path("s.json").read_text(encoding="utf-8"))
    assert_adds_up(counts, bodies=1)
    assert counts["unmapped"][0]["first"].startswith(r"::error::\xe9\xff")
    for line in Path("left.ndjson").read_text(encoding="utf-8").split("\n")[:-1]:
        assert strict(line)["source"]["file"].startswith(r"::error::\xe9\xff")


def test_the_page() -> None:
    rules("apply", f"{NAMED}.yml", f"{NAMED}.json", "--report", "page.html", "-o", "out")
    page = Path("page.html").read_text(encoding="utf-8")
    assert obeyed(page) == set()
    assert not re.search(r"<(script|img|!--)", page)
    assert printable(NAMED).replace("<", "&lt;").split("\n")[0][:30] in page


# -- what is told -----------------------------------------------------------------------------------------------------

TOLD = {
    "test": ["test", f"{NAMED}.yml", "m.yml", "--coverage", "--mutate"],
    "update": ["test", f"{NAMED}.yml", "--update"],
    "compile": ["compile", f"{NAMED}.yml"],
    "a fault of usage": ["retry", NAMED + "none"],
    "a fault of an output": ["apply", "m.yml", f"{NAMED}.json", "-o", f"{NAMED}.none/x"],
    "an output that is an input": ["apply", "m.yml", f"{NAMED}.json", "-o", "out", "--rejects", f"{NAMED}.json"],
    "no code": ["explain", NAMED],
    "no function": ["functions", NAMED],
    "no vocabulary": ["schema", "--vocabulary", NAMED],
    "no samples": ["check", "m.yml", "--samples", f"{NAMED}.none"],
    "no verb": [NAMED],
}


@pytest.mark.parametrize("verb", TOLD)
def test_nothing_that_is_told_is_obeyed(verb: str) -> None:
    found = rules(*TOLD[verb])
    assert found
    assert obeyed(found) == set()


def test_what_is_compiled_is_a_comment_and_a_program() -> None:
    """The name of the file stands in the comment, and ends with it."""
    first, _, program = rules("compile", f"{NAMED}.yml").partition("\n")
    assert first == printable(f"# test: {NAMED}.yml")
    assert "error" not in program.partition("def event")[0]


@pytest.mark.parametrize("mapping", ["\x1b[2J\n::error::x.yml", "a\u202e.yml"])
def test_a_line_of_rejects_tells_nothing_to_obey(mapping: str) -> None:
    """It names its mapping, and its file may come from anywhere."""
    line = {"provider": "p", "mapping": {"file": mapping}, "source": {"file": mapping, "item": 0}, "item": {}}
    Path("left.ndjson").write_text(json.dumps(line) + "\n")
    found = rules("retry", "left.ndjson")
    assert "which is not there" in found
    assert obeyed(found) == set()
    assert not any(one.startswith("::") for one in found.splitlines())


def test_names_can_be_told_where_output_takes_utf_8_only() -> None:
    """Python refuses to write what is no UTF-8 where the locale says so."""
    command = [sys.executable, "-m", "rulesengine", "test", f"{NAMED}.yml", "m.yml", "--coverage"]
    done = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}, check=False
    )
    assert b"Traceback" not in done.stderr
    assert b"covered" in done.stdout
