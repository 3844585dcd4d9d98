"""What the program reads back of what it, or somebody, wrote: none of it is run, and none of it names what is written.

Each verb runs in a process that notes what it writes, starts, and connects to; the texts would leave a file `pwned` if
anything ran them.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from rulesengine import checkpoints
from rulesengine.errors import CheckpointRefused
from rulesengine.integrations.mapper import Mapper
from rulesengine.page import render_page, report_of
from tests.conftest import assert_adds_up
from tests.test_stream import APP, MAPPING
from tests.test_translate import quoted, raw

TEXTS = [
    "__import__('os').system('touch pwned')",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "|touch pwned",
    "pwned",
    "../pwned",
    "--output=pwned",
    "{{ 7 * '7' }} ${jndi:file:///pwned} %(pwned)s {0.__class__}",
    "!!python/object/apply:os.system ['touch pwned']",
    "cos\nsystem\n(S'touch pwned'\ntR.",
]
# Lies in the folder that a verb runs in, under names that Python would import.
TRAP = "open('pwned', 'w').close()\n"
TRAPS = ("sitecustomize.py", "yaml.py", "json.py", "rulesengine.py", "conftest.py", "m.py", "acme.py", "__init__.py")
WATCHED = """\
import os, sys
noted = []
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.link", "os.symlink", "os.rmdir", "os.truncate", "os.chmod")
STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.spawn", "ctypes.dlopen")
def note(event, given):
    if event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not os.path.isdir(given[0]):  # else a file is made there that gets its name later
            noted.append(("write", [given[0]]))
    elif event in CHANGES:
        noted.append(("write", [one for one in given if isinstance(one, str) and not one.startswith("/proc/self/fd/")]))
    elif event == "subprocess.Popen":
        noted.append(("start", list(given[1])))
    elif event in STARTS or event.startswith("socket.") or "pickle" in event:
        noted.append(("start", [event]))
sys.addaudithook(note)
from rulesengine.cli import main
try:
    main(sys.argv[2:], prog_name="rules")
finally:
    found, noted = noted, []
    with open(sys.argv[1], "w") as file:
        file.write(repr(found))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mapping, bodies and traps, in a folder to stand in."""
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for name in TRAPS:
        Path(name).write_text(TRAP)
    Path("m.yml").write_text(MAPPING)
    Path("app.yml").write_text(APP)
    Path("in.ndjson").write_text(json.dumps({"kind": "open", "email": "a@x.y"}) + "\n" + '{"kind": "new"}\nnot JSON\n')
    return tmp_path


def watched(*given: str, status: int | None = None) -> tuple[set[str], list[list[str]]]:
    """The names of the files that a verb wrote, renamed or removed, but for parts, and what it started."""
    notes = Path("..", "notes")
    command = [sys.executable, "-P", "-B", "-c", WATCHED, str(notes), *given]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert status is None or done.returncode == status, done.stderr
    found = literal_eval(notes.read_text())
    assert not list(Path("..").rglob("pwned*"))
    paths = [path for what, names in found if what == "write" for path in names if isinstance(path, str)]
    written = {os.path.basename(path) for path in paths if path != os.devnull and ".rules." not in path}
    return written, [names for what, names in found if what == "start"]


# -- checkpoints ------------------------------------------------------------------------------------------------------

OUTPUTS = ["-o", "out", "--rejects", "left", "--summary", "sum", "--report", "page.html", "--checkpoint", "c"]
KILLED = """\
import os, sys
from rulesengine import checkpoints
from rulesengine.cli import main
saving = checkpoints._Resumable.save
def save(self, mark):
    saving(self, mark)
    os._exit(9)
checkpoints._Resumable.save = save
main(sys.argv[1:], prog_name="rules")
"""


@pytest.fixture
def saved() -> dict[str, Any]:
    """The checkpoint of a run that was killed; it was all but over, so that it has counted everything."""
    command = [sys.executable, "-P", "-B", "-c", KILLED, "apply", "m.yml", "in.ndjson", *OUTPUTS]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 9
    found: dict[str, Any] = json.loads(Path("c").read_text())
    return found


def test_texts_of_a_checkpoint_are_told_and_no_more(saved: dict[str, Any]) -> None:
    for text in TEXTS:
        forged = {
            **saved,
            text: text,
            "sizes": {**saved["sizes"], text: 1, "../pwned": 0},
            "tally": {
                "counts": {**saved["tally"]["counts"], text: 1, "limit": text},
                "by_event": {text: 1},
                "problems": [[["E501", text, text], [1, [text, None, 0]]]],
                "unmapped": [[[text, text, text, text, text], [1, [text, None, 0]]]],
                "steps": [[text, text, text, text, 1]],
                "hours": [[text, 5, 1]],
            },
        }
        parts = {path: path.read_bytes() for path in Path().glob(".rules.*")}
        Path("c").write_text(json.dumps(forged))
        written, started = watched("apply", "m.yml", "in.ndjson", *OUTPUTS)
        assert (written, started) == ({"out", "left", "sum", "page.html", "c"}, [])
        assert text in json.loads(Path("sum").read_text())["by_event"]
        for path, data in parts.items():
            path.write_bytes(data)


@pytest.mark.parametrize(
    "raw",
    [
        TEXTS[0].encode(),
        TEXTS[-1].encode(),
        TEXTS[-2].encode(),
        pickle.dumps({}),
        b"[" * 10**5,
        b"1" * 5_000,
        b"\xff",
        b"{}",
    ],
    ids=["Python", "pickled", "YAML", "pickle", "deep", "digits", "no text", "empty"],
)
def test_what_is_no_checkpoint_is_refused_and_kept(raw: bytes) -> None:
    Path("c").write_bytes(raw)
    assert watched("apply", "m.yml", "in.ndjson", *OUTPUTS, status=2) == ({"c"}, [])  # it is opened, to be locked
    assert Path("c").read_bytes() == raw


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all that is in some data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def put(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The data with another value in a place."""
    made = deepcopy(data)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


@pytest.mark.parametrize("value", [None, -1, 2.5, 10**40, "x", True, [], {}, [[]], {"x": {}}], ids=repr)
def test_a_checkpoint_with_another_value_in_any_place_is_refused_or_can_be_used(
    saved: dict[str, Any], value: Any
) -> None:
    identity = {name: saved[name] for name in ("version", "engine", "options", "inputs")}
    for path in places(saved):
        text = json.dumps(put(saved, path, value)).encode()
        with suppress(CheckpointRefused):
            found = checkpoints._saved("c", text, identity, list(saved["sizes"]))
            assert found is not None
            json.dumps(found.tally.as_dict())
            render_page(report_of(found.tally, "title"))


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed there")
@pytest.mark.parametrize("checkpoint", [True, False], ids=["a part", "the next checkpoint"])
def test_a_link_in_place_of_a_part_is_not_followed(folder: Path, checkpoint: bool) -> None:
    """Its name can be told beforehand, and others may write to the folder."""
    victim = folder / "victim"
    victim.write_text("mine")
    names = ["left", "out", "sum", "page.html"] if checkpoint else ["c"]
    for name in names:
        Path(checkpoints._beside("c", name)).symlink_to(victim)
    watched("apply", "m.yml", "in.ndjson", *OUTPUTS, status=1)
    assert victim.read_text() == "mine"
    assert not Path("out").exists()


# -- rejects ----------------------------------------------------------------------------------------------------------


def lines_of_rejects(text: str) -> Iterator[dict[str, Any]]:
    """Lines with a text in each place that a retry looks at."""
    line = {
        "provider": "acme", "mapping": {"file": "m.yml"}, "source": {"file": text, "item": 0}, "attempts": 1,
        "message": text, "place": text, "rule": text, "request": {"headers": {text: text}}, text: text,
    }  # fmt: skip
    yield {**line, "item": {"kind": "open", "email": text, text: text}}
    yield {**line, "item": {"kind": text, "email": text}}
    yield {**line, "body": text}
    yield {**line, "body": json.dumps({"kind": "open", "email": text}), "formats": ["json"]}
    yield {**line, "base64": text}
    yield {**line, "formats": [text], "body": "{}"}
    yield {**line, "item": {}, "provider": text}
    yield {**line, "item": {}, "body_sha256": text, "at": [0], "of": [1]}


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_lines_of_rejects_are_data(text: str) -> None:
    Path("left").write_text("".join(json.dumps(line) + "\n" for line in lines_of_rejects(text)))
    given = ("retry", "left", "-o", "out", "--rejects", "again", "--summary", "sum")
    assert watched(*given, status=1) == ({"out", "again", "sum"}, [])
    counts = json.loads(Path("sum").read_text())
    assert_adds_up(counts, bodies=len(list(lines_of_rejects(text))) - counts["kept"])
    assert text in [event["identifiers"]["email"] for event in map(json.loads, Path("out").read_text().splitlines())]


@pytest.mark.parametrize("key", ["file", "bundled"])
@pytest.mark.parametrize(
    "text", [*TEXTS[:2], "pwned", "HEAD:m.yml", "../inside/yaml.py", "/dev/null", "..", "-", ""], ids=ascii
)
def test_the_mapping_that_a_line_names_is_read_as_one(key: str, text: str) -> None:
    """It is no revision of git, no program, and bundled mappings are known by their names."""
    line = {"provider": "acme", "mapping": {key: text}, "source": {"file": "x", "item": 0}, "item": {}}
    Path("left").write_text(json.dumps(line) + "\n")
    written, started = watched("retry", "left", "-o", "out", "--rejects", "again")
    assert (written, started) == (set(), [])
    assert not Path("out").exists()


# -- mappings that are loaded anew, and travel ------------------------------------------------------------------------


def hostile_mapping(text: str) -> str:
    """A mapping with a text in each place that holds one."""
    return json.dumps({
        "mapping": 1,
        "provider": "acme",
        "title": text,
        "event": {"identifiers": {"email": "email"}, "data": {text: quoted(text)}},
        "tables": {text: {text: "open", "default": "ignore"}},
        "rules": [
            {"name": text, "when": f"kind == {raw(text)}", "ignore": text},
            {"emit": {"table": text, "key": quoted(text)}},
        ],
    })  # fmt: skip


RELOADED = """\
import sys
from pathlib import Path
from rulesengine.reload import Watcher
watcher = Watcher("m.yml", "app.yml")
for mapping in sys.argv[2:]:
    Path("m.yml").write_text(mapping)
    print(watcher.refresh().fault is None)
    watcher.engine.apply("acme", {"kind": "open", "email": "a@x.y"})
    watcher.engine.apply("acme", {"kind": sys.argv[1], "email": sys.argv[1], sys.argv[1]: sys.argv[1]})
"""


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_mapping_that_is_loaded_anew_runs_nothing(text: str) -> None:
    mappings = (hostile_mapping(text), text, f"{text}: 1", f"a: &a {text}\n")
    command = [sys.executable, "-P", "-B", "-c", RELOADED, text, *mappings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["True", "False", "False", "False"]), done.stderr
    assert not list(Path("..").rglob("pwned*"))


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_mapping_travels_as_text(text: str) -> None:
    """What is shipped names a few classes of this package, whatever the mapping says, and holds no program."""
    Path("m.yml").write_text(MAPPING)
    plain = called(Mapper.load("m.yml", "app.yml"))
    Path("m.yml").write_text(hostile_mapping(text))
    assert called(Mapper.load("m.yml", "app.yml")) == plain
    assert all(name.startswith(("rulesengine.", "pathlib.")) for name in plain)


class _Noting(pickle.Unpickler):
    """Notes what it looks up to call."""

    found: set[str]

    def find_class(self, module: str, name: str) -> Any:
        self.found.add(f"{module}.{name}")
        return super().find_class(module, name)


def called(mapper: Mapper) -> set[str]:
    """What a reader of what is shipped looks up to call."""
    reader = _Noting(BytesIO(mapper.pickled))
    reader.found = set()
    reader.load()
    return reader.found


# -- revisions --------------------------------------------------------------------------------------------------------

REVISIONS = [
    "--upload-pack=touch pwned:m.yml",
    "--output=pwned:m.yml",
    "-c:m.yml",
    "-ccore.fsmonitor=touch pwned:m.yml",
    "-c core.pager=touch pwned",
    "--exec-path=.:m.yml",
    "HEAD:m.yml --textconv",
    "HEAD:--help",
    "HEAD:m.yml\n--batch",
    "ext::sh -c touch% pwned:m.yml",
    "HEAD:$(touch pwned)",
    "HEAD:../pwned",
    "--help",
    "-c",
]


@pytest.fixture
def repository(folder: Path) -> None:
    """One whose configuration, attributes and hooks would run something."""
    for given in (["init", "-q"], ["add", "m.yml", "app.yml"],
                  ["-c", "user.name=a", "-c", "user.email=a@x.y", "commit", "-qm", "one"],
                  ["config", "core.fsmonitor", "touch pwned; false"], ["config", "core.pager", "touch pwned"],
                  ["config", "filter.trap.smudge", "touch pwned"], ["config", "diff.trap.textconv", "touch pwned"],
                  ["config", "alias.cat-file", "!touch pwned"]):  # fmt: skip
        subprocess.run(["git", *given], check=True, capture_output=True)
    Path(".gitattributes").write_text("*.yml filter=trap diff=trap\n")
    hook = Path(".git/hooks/post-index-change")
    hook.write_text("#!/bin/sh\ntouch pwned\n")
    hook.chmod(0o755)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("name", [*REVISIONS, "HEAD:m.yml", "HEAD:", ":m.yml", *TEXTS[:3]], ids=ascii)
def test_git_is_asked_for_a_file_and_for_nothing_else(name: str) -> None:
    """Whatever is named: an option of git reaches neither it nor this program."""
    for given in (("--", name, "m.yml", "in.ndjson"), ("m.yml", "m.yml", "in.ndjson", "--old-app", name)):
        written, started = watched("diff", *given)
        assert written == set()
        for command in started:
            *asked, last = command
            assert [one for one in asked if one not in ("-c", "core.fsmonitor=false")] in (
                ["git", "cat-file", "-t"], ["git", "cat-file", "blob"], ["git", "ls-tree", "--name-only", "-z"],
            )  # fmt: skip
            assert last.startswith(name)
            assert not last.startswith("-")


# -- cases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_cases_are_data(text: str) -> None:
    """Only the files that are asked for are written, and of cases only the one that fails."""
    case = {"about": text, "payload": {"kind": text, text: text}, "request": {"headers": {text: text}}}
    more = [
        {"about": text, "body": text, "expect": {"rejected": [text]}},
        {"about": text, "payload": {}, "expect": {"events": [{text: {"matches": text}}]}},
        {"about": text, "payload": {}, "rules": [text], "expect": {"ignored": [text]}},
        {"about": text, "file": text, "expect": {"ignored": [text]}},
    ]
    Path("m").mkdir()
    Path("m", "cases.yml").write_text(json.dumps({"cases": [{**case, "expect": {"ignored": [text]}}]}))
    Path("m", "more.yml").write_text(json.dumps({"cases": more}))
    reports = ("--junit", "j", "--cobertura", "x", "--lcov", "l")
    assert watched("test", "m.yml", *reports, "--coverage", "--mutate", status=1) == ({"j", "x", "l"}, [])
    written, started = watched("test", "m.yml", "--update", "-k", text)
    assert written <= {"cases.yml", "more.yml"}
    assert started == []
