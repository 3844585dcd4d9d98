"""The documentation cannot go stale: every file, command, mapping and link that a page shows is tried.

A page is a session in a folder of its own, read from top to bottom; README.md in one that looks like the checkout. What
a fenced block is, its info string says:

    ```yaml postino.yml         a word with a dot: the block is a file of that name
    ```diff postino.yml         lines to change in that file; hunks are separated by `@@`
    ```console                  `$ command` lines, each followed by all that it prints on both streams; `...` stands for
                                any text in a line; other commands than rules, python, echo, cat and git are not run
    ```python                   run here, with what the blocks above have defined
    ```text output              what the Python block above prints
    ```yaml wrong E302 E321     a mapping, or a part of one, with exactly these faults

A YAML block with the keys `mapping` and `rules` is a whole mapping and must check clean; one with other keys of a
mapping is completed and must have no errors. Other languages are only for reading.

`UPDATE_DOCS=1 python -m pytest tests/test_docs.py` rewrites the generated pages and the output of every command.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest
import yaml
from click.testing import CliRunner

import rulesengine
from rulesengine import Engine, loading
from rulesengine.cli import main
from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import render
from rulesengine.expressions import compile_expression
from rulesengine.functions import FUNCTIONS
from rulesengine.gathering import File, Files
from rulesengine.jmes import STANDARD, JMESPathError
from rulesengine.keys import MAPPING
from rulesengine.signatures import Example, Function
from rulesengine.vocabulary import default_vocabulary

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
UPDATE = os.environ.get("UPDATE_DOCS") == "1"
UPDATE_WITH = "UPDATE_DOCS=1 python -m pytest tests/test_docs.py"

PAGES = [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("README.md"))]
ALL_PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("README.md"))]

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^ *(?P=fence) *$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the words after it, its text, and the first line of that text."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        return next((word for word in self.words if "." in word), None)

    @property
    def is_wrong(self) -> bool:
        return "wrong" in self.words

    @property
    def faults(self) -> list[str]:
        """The codes that a block marked as wrong is to be reported with."""
        return [word for word in self.words if word in BY_NUMBER]


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(Block(page, line, language, tuple(words), textwrap.dedent(match["text"])))
    return found


def name_of(value: Path | Block) -> str:
    return value.where if isinstance(value, Block) else str(value.relative_to(ROOT))


# -- generated pages --------------------------------------------------------------------------------------------------


def functions_page() -> str:
    """docs/functions.md."""
    added = "\n".join(_function_section(function) for function in FUNCTIONS.values())
    listed = " ·\n".join(f"[{name}](#{name})" for name in FUNCTIONS)
    standard = "\n".join(f"- `{function.signature}`" for function in STANDARD.values())
    return f"""\
<!-- Made from rulesengine.functions.FUNCTIONS and rulesengine.jmes.STANDARD by `{UPDATE_WITH}`. Do not edit. -->

# Functions

`rules functions NAME` shows one of them. All of the first list pass null through: an argument that is null gives null.

{listed}

## Added to JMESPath

{added}
## JMESPath's own

Described in the [JMESPath specification](https://jmespath.org/specification.html#built-in-functions). Most of them
fail on null; an item on which an expression fails is rejected.

{standard}
"""


def _function_section(function: Function) -> str:
    examples = "\n\n".join(_example(example) for example in function.examples)
    return f"### {function.name}\n\n`{function.signature}`\n\n{function.sentence}\n\n```text\n{examples}\n```\n"


def _example(example: Example) -> str:
    given = example.given if example.scoped and isinstance(example.given, dict) else {"over": example.given}
    lines = [f"  {name:<8} {_json(value)}" for name, value in given.items()]
    result = f"  {'fails':<8} {example.fails}" if example.fails else f"  {'gives':<8} {_json(example.gives)}"
    return "\n".join([example.expression, *lines, result])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def cli_page() -> str:
    """docs/cli.md."""
    verbs = main.list_commands(click.Context(main))
    sections = "\n".join(f"## rules {verb}\n\n{_help(verb)}" for verb in verbs)
    return f"""\
<!-- Made from the `--help` of each verb by `{UPDATE_WITH}`. Do not edit. -->

# Command line

{_help()}
{sections}"""


def _help(*verb: str) -> str:
    result = CliRunner().invoke(main, [*verb, "--help"], prog_name="rules", terminal_width=100)
    assert result.exit_code == 0, result.output
    return f"```text\n{result.output.rstrip()}\n```\n"


@pytest.mark.parametrize(
    ("name", "made"), [("functions.md", functions_page()), ("cli.md", cli_page())], ids=["functions", "cli"]
)
def test_generated_page_is_up_to_date(name: str, made: str) -> None:
    page = DOCS / name
    if UPDATE:
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, f"stale: {UPDATE_WITH}"


# -- pages as sessions ------------------------------------------------------------------------------------------------


_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
_TRIED = ("rules", "python", "echo", "cat", "git")


def _holds(shown: str, printed: str) -> bool:
    """Whether what a page shows is what was printed, `...` standing for any text in a line."""
    parts = (re.escape(part) for part in shown.rstrip("\n").split("..."))
    return re.fullmatch("[^\n]*".join(parts), printed) is not None


class Session:
    """A page's own folder, and what its blocks have done in it so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "page"
        self.folder.mkdir()
        self.status = 0
        self.printed = ""
        self.names: dict[str, Any] = {"__name__": "page"}
        commands = folder / "bin"
        commands.mkdir()
        for name, arguments in (("rules", "-m rulesengine "), ("python", "")):
            script = commands / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
            script.chmod(0o755)
        path = os.pathsep.join([str(commands), os.environ.get("PATH", "")])
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        for who in ("AUTHOR", "COMMITTER"):
            self.environment |= {f"GIT_{who}_NAME": "Ann", f"GIT_{who}_EMAIL": "ann@example.com"}

    def enter_checkout(self) -> None:
        """For README.md: the checkout's mappings and sample bodies, an app.yml, and what its Python stands in for."""
        for name, target in (("mappings", "mappings"), ("tests", "tests"), ("app.yml", "mappings/apps/email.yml")):
            (self.folder / name).symlink_to(ROOT / target)
        body = (ROOT / "tests/samples/sendgrid.json").read_bytes()
        self.names.update(request_body=body, send=lambda events: None, log=lambda *outcomes: None)

    def write(self, block: Block) -> None:
        """Put a file block into the folder; a Python file is tried too."""
        assert block.file is not None
        file = self.folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
        if file.name.startswith("test_"):
            found = self.run(f"python -m pytest -q -p no:cacheprovider {block.file}")
            assert self.status == 0, f"{block.where}\n{found}"
        elif file.suffix == ".py":
            runpy.run_path(str(file), run_name="page")

    def change(self, block: Block) -> None:
        """Make the changes of a diff block."""
        assert block.file is not None, block.where
        file = self.folder / block.file
        text = file.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@.*\n", block.text, flags=re.M):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(before) == 1, f"{block.where}: not once in {block.file}:\n{before}"
            text = text.replace(before, after)
        file.write_text(text, encoding="utf-8")

    def run(self, command: str) -> str:
        """All that a command prints; `$?` in it is the status of the one before."""
        done = subprocess.run(
            ["sh", "-c", f"(exit {self.status}); {command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            encoding="utf-8",
        )
        self.status = done.returncode
        return done.stdout.rstrip("\n")

    def console(self, block: Block) -> str:
        """The text of a console block as it should be: its own where that holds."""
        assert block.text.startswith("$ "), f"{block.where}: a console block begins with `$ command`"
        told = []
        for command, shown in _COMMAND.findall(block.text):
            printed = self.run(command) if command.split()[0] in _TRIED else shown.rstrip("\n")
            told += [f"$ {command}\n", shown if _holds(shown, printed) else f"{printed}\n".lstrip("\n")]
        return "".join(told)

    def python(self, block: Block) -> None:
        """Run a Python block; a traceback leads to the line of the page."""
        program = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(program, self.names)
        self.printed = output.getvalue()

    def step(self, block: Block) -> str:
        """Do what a block says; the text that it should have."""
        if block.language == "console":
            return self.console(block)
        if block.language == "diff":
            self.change(block)
        elif block.file is not None:
            self.write(block)
        elif block.language == "python":
            self.python(block)
        elif block.language == "text" and "output" in block.words:
            return self.printed
        return block.text


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A new session; modules that a page imports from its own files are forgotten afterwards."""
    session = Session(tmp_path)
    monkeypatch.chdir(session.folder)
    monkeypatch.syspath_prepend(session.folder)
    before = set(sys.modules)
    yield session
    for name in sys.modules.keys() - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(session.folder)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_shows_is_so(page: Path, session: Session) -> None:
    if page.parent == ROOT:
        session.enter_checkout()
    stale: list[tuple[Block, str]] = []
    for block in blocks_of(page):
        text = session.step(block)
        if text != block.text:
            assert UPDATE, f"{block.where}: stale ({UPDATE_WITH}), it should be:\n{text}"
            stale.append((block, text))
    if stale:
        _rewrite(page, stale)


def _rewrite(page: Path, stale: list[tuple[Block, str]]) -> None:
    """Put the new texts in the place of the old ones, from the last to the first so that line numbers stay right."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    for block, text in reversed(stale):
        first, end = block.line - 1, block.line - 1 + block.text.count("\n")
        indent = " " * (len(lines[first - 1]) - len(lines[first - 1].lstrip(" ")))
        lines[first:end] = textwrap.indent(text, indent).splitlines(keepends=True)
    page.write_text("".join(lines), encoding="utf-8")


# -- YAML blocks ------------------------------------------------------------------------------------------------------

YAML_BLOCKS = [block for page in PAGES for block in blocks_of(page) if block.language == "yaml"]

# What completes a part of a mapping, by the key that it lacks.
_COMPLETION = {
    "mapping": "mapping: 1\n",
    "provider": "provider: example\n",
    "event": "event:\n  identifiers:\n    email: email\n",
    "rules": "rules:\n  - emit: delivery\n",
}


def _app_for(block: Block, *, whole: bool) -> File:
    """The app.yml last shown above a whole mapping, else one that declares every metric, of the block's channel."""
    shown = [one for one in blocks_of(block.page) if one.line < block.line and one.file == "app.yml"]
    if shown and whole:
        return File("app.yml", shown[-1].text.encode())
    channels = re.findall(r"^channels: \[(\w+)", block.text, re.M) or ["email"]
    groups: dict[str, list[str]] = {}
    for metric in default_vocabulary().metrics.values():
        groups.setdefault(metric.group, []).append(metric.name)
    return File("app.yml", json.dumps({"channel": {"type": channels[0], "metrics": groups}}).encode())


def _keys(text: str) -> list[str]:
    """The keys at the top of a block, though it may not be YAML."""
    return re.findall(r"^([A-Za-z_]\w*):", text, re.M)


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=name_of)
def test_yaml_block(block: Block) -> None:
    keys = _keys(block.text)
    if not keys or keys[0] not in MAPPING:
        assert yaml.safe_load(block.text) is not None
        return
    whole = {"mapping", "rules"} <= {*keys}
    missing = "" if whole else "".join(text for key, text in _COMPLETION.items() if key not in keys)
    files = Files((File("mapping.yml", (block.text + missing).encode()),), _app_for(block, whole=whole))
    found = [one for one in loading.check_files(files).diagnostics if one.place.file != "app.yml"]
    errors = [one.code.number for one in found if one.is_error]
    if block.is_wrong:
        assert errors, "nothing is wrong with it"
        assert sorted(errors) == sorted(block.faults or errors), render(found)
    else:
        assert not (found if whole else errors), render(found)
        assert len(Engine(files).providers) == 1


# What language.md says in words.
SAYINGS: list[tuple[str, object, object]] = [
    ("status != 'ok'", {}, True),
    ("a || b", {"a": "", "b": 1}, 1),
    ("a || b", {"a": False, "b": 1}, 1),
    ("a || b", {"a": 0, "b": 1}, 0),
    ("a < b", {"a": True, "b": 2}, None),
    ("a < b", {"b": 2}, None),
    ("length(tags || `[]`)", {}, 0),
    ("to_string(id)", {}, "null"),
    ("text(id)", {}, None),
    ("join(',', [a, b][?@])", {"a": "x", "b": None}, "x"),
    (r"'it\'s'", {}, "it's"),
    ("a[*].b", {"a": [{"b": 1}, {}]}, [1]),
    ("a[]", {"a": [1, None]}, [1]),
    ("a || [@]", {"a": []}, [{"a": []}]),
    ("not_null(a, [@])", {"a": []}, []),
    ("[a, b]", {"a": 1}, [1, None]),
]


@pytest.mark.parametrize(("expression", "over", "gives"), SAYINGS, ids=lambda part: str(part))
def test_what_language_md_says_of_jmespath(expression: str, over: object, gives: object) -> None:
    assert compile_expression(expression).search(over) == gives


@pytest.mark.parametrize(
    ("expression", "fault"),
    [("length(tags)", JMESPathError), ("join(',', [a, b])", JMESPathError), ("a < c", TypeError)],
)
def test_what_language_md_says_fails(expression: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        compile_expression(expression).search({"a": "x", "c": 1})


def test_the_metrics_table_is_that_of_the_vocabulary() -> None:
    rows = set(
        re.findall(r"^\| `([\w-]+)` \| (\w+) \| `?([\w()]+)`? \| ([\w-]+) \| (\w*) ?\|$", _prose("language.md"), re.M)
    )
    metrics = [metric for metric in default_vocabulary().metrics.values() if not metric.generated]
    assert rows == {
        (
            metric.name,
            metric.group,
            metric.type or "channel()",
            metric.action,
            "list_id" if metric.takes_list else "reachability_update_type" if metric.update else "",
        )
        for metric in metrics
    }


# -- completeness -----------------------------------------------------------------------------------------------------


def _prose(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("part", ["MAPPING", "PAYLOAD", "RULE", "EMISSION"])
def test_every_key_is_explained(part: str) -> None:
    text = _prose("language.md")
    assert [key for key in getattr(rulesengine.keys, part) if f"`{key}`" not in text] == []


def test_every_function_is_explained() -> None:
    text = _prose("language.md")
    assert [name for name in FUNCTIONS if not re.search(rf"\b{name}\(", text)] == []


def test_every_public_name_is_explained() -> None:
    text = _prose("embedding.md")
    assert [name for name in rulesengine.__all__ if f"`{name}" not in text] == []


def test_every_option_is_mentioned() -> None:
    text = _prose("cli.md")
    context = click.Context(main)
    verbs = [main.get_command(context, name) for name in main.list_commands(context)]
    options = [option for verb in verbs if verb is not None for one in verb.params for option in one.opts]
    assert [option for option in options if option.startswith("-") and option not in text] == []


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_every_code_named_exists(page: Path) -> None:
    codes = re.findall(r"\b[EW]\d{3}\b", page.read_text(encoding="utf-8"))
    assert [code for code in codes if code not in BY_NUMBER] == []


# -- links ------------------------------------------------------------------------------------------------------------

_LINK = re.compile(r"\[[^\]\n]*\]\(\s*<?([^)\s>]+)")


def _without_code(page: Path) -> str:
    """The text of a page without blocks and spans of code."""
    return re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", page.read_text(encoding="utf-8")))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return anchors


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_without_code(page)):
        target, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        goal = (page.parent / target).resolve() if target else page
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            dead.append(link)
    assert dead == []
