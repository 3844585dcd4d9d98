"""Comments that allow one advice where it stands. The pages of E116, E117 and W306 show each fault, this the rest."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from rulesengine import Engine, gathering
from rulesengine.cli import main
from rulesengine.gathering import File, Files
from rulesengine.loading import Checked, check_files
from tests.conftest import APP

MAPPINGS = Path(__file__).parent.parent / "mappings"
HEAD = """\
mapping: 1
provider: acme
payload: {event: event, events: [open]}
rules: [{when: event == 'open', emit: open}]
"""
EVENT = "event: {identifiers: {email: email}}\n"
MANIFEST = "channel: {type: email, metrics: {engagement: [open]}}\n"


def check(text: str, app: str = MANIFEST, *, whole: bool = False) -> Checked:
    """What a check finds in what follows HEAD, from its line 5 on; or in a `whole` mapping."""
    mapping = text if whole else HEAD + text
    return check_files(Files((File("m.yml", mapping.encode()),), File("app.yml", app.encode())))


def left(checked: Checked) -> list[tuple[str, int]]:
    return [(one.code.number, one.place.line) for one in checked.diagnostics]


def silenced(checked: Checked) -> list[tuple[str, int, str]]:
    return [(one.diagnostic.code.number, one.diagnostic.place.line, one.reason) for one in checked.silenced]


# -- where a comment stands -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """Text below HEAD and EVENT, lines counting from 6; the advice left, and the lines of the advice silenced."""

    about: str
    text: str
    left: list[tuple[str, int]]
    silenced: list[int]


STANDING = [
    Standing("no comment", "tables:\n  t: {a: open}\n", [("W301", 7)], []),
    Standing("at the end of the line", "tables:\n  t: {a: open}  # allow W301: r\n", [], [7]),
    Standing("above the line", "tables:\n  # allow W301: r\n  t: {a: open}\n", [], [8]),
    Standing("in the first column", "tables:\n# allow W301: r\n  t: {a: open}\n", [], [8]),
    Standing("after a tab", "tables:\n  t: {a: open}\t#\tallow\tW301:\tr\n", [], [7]),
    Standing("in small letters", "tables:\n  t: {a: open}  #Allow w301 :r\n", [], [7]),
    Standing("with CRLF", "tables:\r\n  # allow W301: r\r\n  t: {a: open}\r\n", [], [8]),
    Standing("among other comments", "tables:\n  # one\n  # allow W301: r\n  # two\n  t: {a: open}\n", [], [10]),
    Standing("below the line", "tables:\n  t: {a: open}\n  # allow W301: r\n", [("W301", 7), ("W306", 8)], []),
    Standing("above an empty line", "tables:\n  # allow W301: r\n\n  t: {a: open}\n", [("W306", 7), ("W301", 9)], []),
    Standing("at the end of the file", "tables:\n  t: {a: open}\n# allow W301: r", [("W301", 7), ("W306", 8)], []),
    Standing("two lines above", "tables:\n  # allow W301: r\n  t:\n    a: open\n", [], [8]),
    Standing("of another line", "# allow W301: r\ntables:\n  t: {a: open}\n", [("W306", 6), ("W301", 8)], []),
    Standing("of another code", "tables:\n  t: {a: open}  # allow W302: r\n", [("W301", 7), ("W306", 7)], []),
    Standing("one for two of a line", "tables: {t: {a: open}, u: {a: open}}  # allow W301: r\n", [], [6, 6]),
    Standing("two for one", "tables:\n  # allow W301: r\n  t: {a: open}  # allow W301: r\n", [("W306", 8)], [8]),
    Standing("in a list over lines", "tables: {\n  # allow W301: r\n  t: {a: open}}\n", [], [8]),
]


@pytest.mark.parametrize("one", STANDING, ids=lambda one: one.about)
def test_where_a_comment_stands(one: Standing) -> None:
    checked = check(EVENT + one.text)
    assert left(checked) == one.left
    assert silenced(checked) == [("W301", line, "r") for line in one.silenced]


# An expression with advice in the third line of the event, in each style of a scalar.
LONG = [
    ("    a: |  # allow W305: r\n      [id,\n      to_string(id)]\n", 10),
    ("    # allow W305: r\n    a: >\n      [id,\n      to_string(id)]\n", 11),
    ('    # allow W305: r\n    a: "[id,\n      to_string(id)]"\n', 10),
    ("    # allow W305: r\n    a: join('', [id,\n      to_string(id)])\n", 10),
]


@pytest.mark.parametrize(("text", "line"), LONG)
def test_a_scalar_over_lines_is_allowed_where_it_begins(text: str, line: int) -> None:
    """No comment can stand in the lines within."""
    head = "event:\n  identifiers: {email: email}\n  data:\n"
    checked = check(head + text)
    assert (left(checked), silenced(checked)) == ([], [("W305", line, "r")])
    assert left(check(head + text.replace("# allow W305: r", "# ."))) == [("W305", line)]


# -- what is a comment ------------------------------------------------------------------------------------------------

NO_COMMENTS = [
    "docs: a#allow W301",
    "docs: '# allow E304'",
    'docs: "# allow E304"',
    'docs: "a\n  # allow E304"',
    "docs: |\n  # allow E304\n  text",
    "docs: >\n\n  text\n  # allow E304\n\n  # allow E304",
    "docs: [# allow this, W301: r\n  a]",
    "docs: x  # please # allow E304",
    "docs: x  # allow that W301 comes",
    "docs: x  # allowed W301",
    "docs: x  # allow W3C's words",
    "docs: x  # allow 3 days",
    "docs: x  # allow E10x and the like",
    "'# allow E304': 1",
]


@pytest.mark.parametrize("text", NO_COMMENTS)
def test_what_only_looks_like_a_silencer(text: str) -> None:
    """No fault of such comments, whatever else is wrong."""
    codes = {code for code, _ in left(check(f"{EVENT}{text}\n"))}
    assert codes & {"E116", "E117", "W306"} == set()


def test_a_comment_after_a_scalar_with_a_hash_is_one() -> None:
    checked = check(EVENT + "tables: {'a # b': {a: open}}  # allow W301: r\n")
    assert silenced(checked) == [("W301", 6, "r")]


@pytest.mark.parametrize(
    ("comment", "code", "words"),
    [
        ("# allow W301", "E116", "no reason follows"),
        ("# allow W301:  ", "E116", "no reason follows"),
        ("# allow W301 it is meant", "E116", "'it' follows the code"),
        ("# allow W301, W305: both", "E116", "',' follows the code"),
        ("# allow E304: soon", "E117", "it is an error"),
        ("# allow E304", "E117", "it is an error"),
        ("# allow W306: I like it", "E117", "such comments"),
        ("# allow W311: r", "E117", "there is no such code; did you mean 'W310'?"),
        ("# allow E9999: r", "E117", "there is no such code"),
        ("# allow W302", "E116", "no reason follows"),
    ],
)
def test_a_malformed_silencer_is_an_error(comment: str, code: str, words: str) -> None:
    """And the only one: what it was to allow is not said beside it, nor that it allows nothing."""
    checked = check(f"{EVENT}tables: {{a: {{a: open}}}}  {comment}\n")
    mapping = [one for one in checked.diagnostics if one.code.number != "W301"]
    assert [(one.code.number, one.place.line, one.place.column) for one in mapping] == [(code, 6, 25)]
    assert words in f"{mapping[0].message}; {mapping[0].hint}"
    assert ("W301" in dict(left(checked))) == ("W301" not in comment)


def test_an_error_is_not_silenced() -> None:
    checked = check(f"{EVENT}channels: [emial]  # allow E403: it is so\n")
    assert left(checked) == [("E403", 6), ("E117", 6)]


# -- when a silencer is needless --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: a  # allow W301: r\n", "allows W301, and line 6 has none"),
        ("# allow W301: r\ntitle: |\n  a\n\n  b\n", "allows W301, and lines 7 to 10 have none"),
        ("# allow W301: r\n\ntitle: a\n", "allows W301, and it stands directly above no line"),
        ("title: a\n# allow W301: r", "allows W301, and it stands directly above no line"),
    ],
)
def test_a_needless_comment_is_told_where_it_looks(text: str, words: str) -> None:
    (found,) = check(EVENT + text).diagnostics
    assert words in found.message


@pytest.mark.parametrize(
    ("text", "app"),
    [
        ("rules: [{emit: nothing}]", MANIFEST),
        ("rule: []", MANIFEST),
        ("rules: [{emit: open}]", "channel: {type: email, metrics: {engagement: [opened]}}"),
        ("rules: [{emit: open, when: a b}]", MANIFEST),
    ],
)
def test_with_errors_no_comment_is_needless(text: str, app: str) -> None:
    head = f"# allow W302: r\nmapping: 1\nprovider: acme\n{EVENT}"
    assert ("W306", 1) not in left(check(head + text, app, whole=True))
    assert ("W306", 1) in left(check(head + "rules: [{emit: open}]", whole=True))


def test_a_file_that_is_left_out_has_no_comments() -> None:
    other = f"channels: [sms]\n{HEAD.replace('acme', 'b')}{EVENT}# allow E304\n"
    mappings = File("m.yml", (HEAD + EVENT).encode()), File("b.yml", other.encode(), in_folder=True)
    assert left(check_files(Files(mappings, File("app.yml", MANIFEST.encode())))) == []


def test_the_manifest_has_comments_too() -> None:
    app = APP.replace("    engagement:", "    # allow W402: others will\n    engagement:")
    checked = check(EVENT, app)
    assert silenced(checked) == [("W402", 6, "others will")] * 2
    assert {line for code, line in left(checked) if code == "W402"} == {4, 8, 9}


# -- samples ----------------------------------------------------------------------------------------------------------

SAMPLED = """\
mapping: 1
provider: acme
payload: {event: kind, events: [open]}
event:
  identifiers: {email: email}
  data:
    a: place  # allow W501: only in the paid plan
    # allow W501: only on telephones
    b: device
rules:
  - when: kind == 'open'
    emit: open
"""


@pytest.mark.parametrize(
    ("samples", "expected", "reasons"),
    [
        (None, [], []),
        ({"kind": "open", "email": "a@b.c"}, [], ["only in the paid plan", "only on telephones"]),
        ({"kind": "open", "email": "a@b.c", "device": 1}, [("W306", 8)], ["only in the paid plan"]),
    ],
)
def test_advice_from_samples(tmp_path: Path, samples: object, expected: object, reasons: list[str]) -> None:
    (tmp_path / "m.yml").write_text(SAMPLED)
    (tmp_path / "app.yml").write_text(MANIFEST)
    options = ["--app", str(tmp_path / "app.yml"), "--format", "json"]
    if samples is not None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.json").write_text(json.dumps(samples))
        options += ["--samples", str(tmp_path / "in")]
    result = CliRunner().invoke(main, ["check", str(tmp_path / "m.yml"), *options])
    found = json.loads(result.stdout)
    assert [(one["code"], one["line"]) for one in found["diagnostics"]] == expected
    assert [one["reason"] for one in found["silenced"]] == reasons


def test_a_mapping_without_samples_is_not_asked_for_its_comments(tmp_path: Path) -> None:
    for name in ("acme", "other"):
        (tmp_path / f"{name}.yml").write_text(SAMPLED.replace("acme", name))
    (tmp_path / "app.yml").write_text(MANIFEST)
    (tmp_path / "in" / "acme").mkdir(parents=True)
    sample = {"kind": "open", "email": "a@b.c", "place": 1, "device": 1}
    (tmp_path / "in" / "acme" / "a.json").write_text(json.dumps(sample))
    options = ["--app", str(tmp_path / "app.yml"), "--samples", str(tmp_path / "in"), "--format", "json"]
    result = CliRunner().invoke(main, ["check", str(tmp_path), *options])
    found = json.loads(result.stdout)["diagnostics"]
    assert [(Path(one["file"]).stem, one["code"], one["line"]) for one in found] == [
        ("acme", "W306", 7),
        ("acme", "W306", 8),
    ]


# -- what becomes of silenced advice ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m.yml").write_text(HEAD + EVENT + "tables: {t: {a: open}}  # allow W301: the next release has it\n")
    (tmp_path / "app.yml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_strict_passes_and_the_summary_counts(folder: Path) -> None:
    result = CliRunner().invoke(main, ["check", "m.yml", "--strict"])
    assert (result.exit_code, result.stdout) == (0, "1 mapping: all well, 1 silenced\n")
    (folder / "app.yml").write_text(MANIFEST.replace("[open]", "[open, click]"))
    result = CliRunner().invoke(main, ["check", "m.yml", "--strict"])
    assert result.exit_code == 1
    assert result.stdout.endswith("0 errors, 1 advice, 1 silenced in 1 mapping\n")


def test_an_engine_does_not_advise_it(folder: Path) -> None:
    assert Engine.load("m.yml", "app.yml").advice == ()
    shutil.copy("m.yml", "n.yml")
    (folder / "n.yml").write_text(Path("m.yml").read_text().replace("#", "# dis"))
    assert [one.code.number for one in Engine.load("n.yml", "app.yml").advice] == ["W301"]


@pytest.mark.parametrize("app", sorted((MAPPINGS / "apps").glob("*.yml")), ids=lambda path: path.stem)
def test_the_mappings_of_the_project_pass_the_strict_check(app: Path) -> None:
    files, _ = gathering.gather([MAPPINGS], app)
    assert files is not None
    assert check_files(files).diagnostics == ()
