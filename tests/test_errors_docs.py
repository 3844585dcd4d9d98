"""The pages of docs/errors: one for each code, and what they show is what the engine says.

A page has the headings Wrong, Right, Why and Related. The fenced blocks of Wrong and Right are files by the second
word after the fence: `mapping` (mapping.yml), `app` (app.yml), `vocabulary` (odp.yml) or `payload` (payload.json); a
third word is another name for the file. The first `text` block under Wrong is what the user then sees.

A mapping is whole if it has the key `mapping`, or no key at all. Any other is a fragment, the beginning of a file: the
keys of BASE that it lacks follow below it, so that lines count from the first of the fragment. Without a block of a
kind, BASE and APP are taken; under Right, what stands under Wrong. What cannot be written in a page is in MADE.

For E1xx to E4xx and W the text is all that `rules check` finds, but for advice about a file that the page does not
show (metrics of APP that a fragment does not emit); a payload on a page of W5xx is a sample for `--samples`. For E5xx
it is the report of `rules apply` without the counts; for E6xx the errors of `rules test`.
`python -m tests.test_errors_docs` writes these texts anew into all pages: look at the difference it makes.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from rulesengine import codes, gathering, loading
from rulesengine.cli import main
from rulesengine.diagnostics import Code, Diagnostic, has_errors, in_order, render
from rulesengine.engine import Engine
from rulesengine.samples import check_samples
from rulesengine.source import MAX_BYTES
from rulesengine.testing.suites import gather_cases

PAGES = Path(__file__).parent.parent / "docs" / "errors"

BASE = {
    "mapping": "mapping: 1\n",
    "provider": "provider: acme\n",
    "payload": "payload:\n  event: event\n  events: [open]\n",
    "event": "event:\n  identifiers:\n    email: email\n  data:\n    ts: epoch(ts)\n",
    "rules": "rules:\n  - when: event == 'open'\n    emit: open\n",
}
APP = """\
channel:
  type: email
  metrics:
    engagement: [open, click]
    disengagement: [list_unsubscribe]
    reachability: [hard_bounce, soft_bounce]
"""
NAMES = {
    "mapping": "mapping.yml",
    "app": "app.yml",
    "vocabulary": "odp.yml",
    "payload": "payload.json",
    "cases": "mapping/cases.yml",
}

# By kind, the files of an example by name; None for a file that is named and not there.
Files = Mapping[str, Mapping[str, bytes | None]]

_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
_TEXT_UNDER_WRONG = re.compile(r"(^## Wrong\n(?:.*\n)*?^```text\n)(?:.*\n)*?(^```$)", re.MULTILINE)
_TOP_KEY = re.compile(r"^(\w+):", re.MULTILINE)
_PLACE = re.compile(r"^(?:\w+ E\d+: |.* E\d+ )?([\w./]+):(\d+):\d+(?:: |  first in )", re.MULTILINE)
_REPORTED = re.compile(r"^(?:rejected | .* )(E\d+)(?=: | [\w.]+:\d+:\d+ )", re.MULTILINE)
_COUNTS = re.compile(r"^\d+ items? in .*\n", re.MULTILINE)


def _whole(fragment: str) -> str:
    """A mapping file: the fragment, and below it what it lacks of BASE."""
    keys = _TOP_KEY.findall(fragment)
    if not keys or "mapping" in keys:
        return fragment
    return fragment + "".join(text for key, text in BASE.items() if key not in keys)


_DEEP = f"rules:\n  - emit: open\n    when: |\n      {'!' * 300}machine\n"
_EVENT = b'{"event": "open", "email": "ann@example.com", "ts": 1513299569}\n'


@dataclass(frozen=True)
class Made:
    """Files that a page tells of and cannot show, and the options it tells of."""

    files: Files
    options: list[str] = field(default_factory=list)


MADE = {
    "E101": Made({"app": {"app.yml": None}}),
    "E102": Made({"mapping": {"mapping.yml": _whole("title: Société\n").encode("latin-1")}}),
    "E112": Made({"mapping": {"mapping.yml": b"#" * (MAX_BYTES + 1)}}),
    "E324": Made({"mapping": {"mapping.yml": _whole(_DEEP).encode()}}),
    "E502": Made({"payload": {"payload.json": b" " * 2**21}}, ["--max-body", "1"]),
    "E503": Made({"payload": {"payload.json.gz": (packed := gzip.compress(_EVENT, mtime=0))[: len(packed) // 2]}}),
    "E504": Made({"payload": {"payload.json": None}}),
    "E513": Made({"payload": {"payload.json": b"[" * 100_000}}),
    "E515": Made({}, ["--limit", "items=2"]),
    "E516": Made({}, ["--limit", "text_bytes=20"]),
    "E517": Made({}, ["--limit", "values=5"]),
}


def _page(number: str) -> str:
    return (PAGES / f"{number}.md").read_text(encoding="utf-8")


def _section(number: str, heading: str) -> str:
    """The text under a heading of a page; empty without the heading."""
    _, _, after = _page(number).partition(f"\n## {heading}\n")
    return after.partition("\n## ")[0]


def _shown_files(number: str, heading: str) -> Iterator[tuple[str, str, str]]:
    """Kind, name and text of each file shown under a heading."""
    for info, text in _FENCE.findall(_section(number, heading)):
        _, *words = info.split()
        if words:
            yield words[0], words[1] if len(words) > 1 else NAMES[words[0]], text


def _blocks(number: str, heading: str) -> dict[str, dict[str, bytes | None]]:
    """The files shown under a heading, fragments made whole, by kind and name."""
    files: dict[str, dict[str, bytes | None]] = {}
    for kind, name, text in _shown_files(number, heading):
        files.setdefault(kind, {})[name] = (_whole(text) if kind == "mapping" else text).encode()
    return files


def _shown_text(number: str) -> str:
    """What the page says that the user sees."""
    return next((text for info, text in _FENCE.findall(_section(number, "Wrong")) if info == "text"), "")


def _wrong(number: str) -> Files:
    made = MADE[number].files if number in MADE else {}
    return {**_blocks(number, "Wrong"), **made}


def _right(number: str) -> Files:
    return {**_blocks(number, "Wrong"), **_blocks(number, "Right")}


def _write(folder: Path, shown: Files) -> Files:
    """Write the files of an example into a folder; all of them, with those that are not shown."""
    whole = "".join(BASE.values()).encode()
    files: Files = {"mapping": {NAMES["mapping"]: whole}, "app": {NAMES["app"]: APP.encode()}, **shown}
    for name, raw in ((name, raw) for group in files.values() for name, raw in group.items()):
        if raw is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(raw)
    return files


def _checked(folder: Path, shown: Files) -> list[Diagnostic]:
    """What `rules check` finds; of a file that is not shown, only errors."""
    files = _write(folder, shown)
    with contextlib.chdir(folder):
        vocabulary = next(iter(files.get("vocabulary", ())), None)
        read, faults = gathering.gather(list(files["mapping"]), NAMES["app"], vocabulary)
        found = in_order(faults) if read is None else _with_samples(read, shown)
    visible = {name for group in shown.values() for name in group}
    return [one for one in found if one.is_error or one.place.file in visible]


def _tested(folder: Path, shown: Files) -> list[Diagnostic]:
    """The errors that `rules test` finds before it runs any case."""
    files = _write(folder, shown)
    with contextlib.chdir(folder):
        read, _ = gathering.gather(list(files["mapping"]), NAMES["app"])
        assert read is not None
        return [one for one in gather_cases([read])[1] if one.is_error]


def _with_samples(read: gathering.Files, shown: Files) -> tuple[Diagnostic, ...]:
    """What a check finds, with the payload that a page shows as a sample."""
    checked = loading.check_files(read)
    if "payload" not in shown or has_errors(checked.diagnostics):
        return checked.diagnostics
    (subject,), engine = checked.subjects, Engine(read)
    return in_order([*checked.diagnostics, *check_samples(engine, subject, ".")])


def _applied(folder: Path, shown: Files, options: list[str]) -> tuple[str, dict[str, int]]:
    """The report of `rules apply` without the counts, and the summary."""
    files = _write(folder, shown)
    paths = [*files["mapping"], *files["payload"]]
    outputs = ["--output", "events.ndjson", "--summary", "summary.json"]
    with contextlib.chdir(folder):
        run = CliRunner().invoke(main, ["apply", *paths, *outputs, *options])
    assert run.exit_code in (0, 1), run.output
    return _COUNTS.sub("", run.output), json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def _seen(folder: Path, number: str) -> tuple[set[str], str]:
    """The codes that the wrong example yields, and the text that the user sees."""
    if number.startswith("E5"):
        text, _ = _applied(folder, _wrong(number), MADE[number].options if number in MADE else [])
        return set(_REPORTED.findall(text)), text
    find = _tested if number.startswith("E6") else _checked
    found = find(folder, _wrong(number))
    return {one.code.number for one in found}, render(found)


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.name for path in PAGES.iterdir()} == {f"{code.number}.md" for code in codes.ALL}


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.number)
def test_headings(code: Code) -> None:
    """The code and its title, a summary, the four headings, something under each."""
    page = _page(code.number)
    title, _, rest = page.partition("\n")
    assert title == f"# {code.number}: {code.title}"
    without_blocks = _FENCE.sub("```", rest)
    parts = re.split(r"^(#.*)$", without_blocks, flags=re.MULTILINE)
    assert parts[1::2] == ["## Wrong", "## Right", "## Why", "## Related"]
    assert all(part.strip() for part in parts[::2])


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.number)
def test_related_codes_are_there_by_their_title(code: Code) -> None:
    known = {f"- {one.number} {one.title}" for one in codes.ALL if one is not code}
    lines = _section(code.number, "Related").strip().splitlines()
    assert [
        line for line in lines if line not in known and not re.match(r"- (?:key|option|command) `.+`\Z", line)
    ] == []


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.number)
def test_wrong_yields_this_code_and_the_text_shown(code: Code, tmp_path: Path) -> None:
    found, text = _seen(tmp_path, code.number)
    assert found == {code.number}
    assert text == _shown_text(code.number)


@pytest.mark.parametrize("code", [one for one in codes.ALL if one.number not in MADE], ids=lambda code: code.number)
def test_places_are_lines_of_the_page(code: Code) -> None:
    """The text leads to a line of a file that the page shows, and not to one that follows a fragment."""
    lines = {name: text.count("\n") for _, name, text in _shown_files(code.number, "Wrong")}
    for name, line in _PLACE.findall(_shown_text(code.number)):
        assert int(line) <= lines.get(name, 0)


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.number)
def test_right_is_right(code: Code, tmp_path: Path) -> None:
    """No errors and no advice; every item of a payload is emitted or ignored."""
    if not code.number.startswith("E5"):
        find = _tested if code.number.startswith("E6") else _checked
        found = find(tmp_path, _right(code.number))
        assert not found, render(found)
        return
    report, summary = _applied(tmp_path, _right(code.number), [])
    assert report == ""
    assert summary["items"] == summary["emitted"] + summary["ignored"] > 0


@pytest.mark.parametrize("code", codes.ALL, ids=lambda code: code.number)
def test_right_differs_from_wrong(code: Code) -> None:
    """What is mended is shown, and what is shown is mended."""
    mended, wrong = _blocks(code.number, "Right"), _wrong(code.number)
    assert mended
    assert [kind for kind, files in mended.items() if files == wrong.get(kind)] == []


def _rewrite(path: Path) -> None:
    """Put what the user sees now into a page."""
    with tempfile.TemporaryDirectory() as folder:
        _, text = _seen(Path(folder), path.stem)
    page = path.read_text(encoding="utf-8")
    path.write_text(_TEXT_UNDER_WRONG.sub(lambda found: found[1] + text + found[2], page, count=1), encoding="utf-8")


if __name__ == "__main__":
    for one in sorted(PAGES.glob("*.md")):
        _rewrite(one)
