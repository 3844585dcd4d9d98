"""A run that is killed goes on where it stood, and comes to what it would have come to."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rulesengine import checkpoints
from rulesengine.cli import main
from rulesengine.engine import Engine
from rulesengine.stream import Mark, run, tasks_for
from tests.conftest import assert_adds_up
from tests.test_stream import APP, MAPPING

LINES = [
    *[json.dumps({"kind": kind, "email": f"{kind}@x.y"}) for kind in ("open", "gone", "odd", "new", "open")],
    '{"kind": "open"}', "not JSON", "", '[{"kind": "open", "email": "a"}, {"kind": "newer"}]', '{"kind": "newest"}',
]  # fmt: skip
MANY = "\n".join(LINES * 200)  # a few blocks, and no line break at the end
LONG = '{"kind": "' + "y" * 1_100_000 + '"}\n'
# A checkpoint after every chunk, so that a run that is over soon has many.
EVERY_CHUNK = """\
import sys
from rulesengine import checkpoints, processes
from rulesengine.cli import main
checkpoints._SECONDS = 0.0
processes._RANGE = processes._TOGETHER = 20_000
main(sys.argv[1:], prog_name="rules")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Payload files of every kind, of which some cannot be read, in a folder to stand in."""
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    payloads = tmp_path / "in"
    payloads.mkdir()
    (payloads / "a.ndjson").write_text(MANY + "\n" + LONG + MANY)
    (payloads / "b.ndjson.gz").write_bytes(gzip.compress((MANY + "\n" + LONG + MANY).encode(), 1))
    for number in range(20):
        (payloads / f"c{number:02}.json").write_text(LINES[number % 6])
    (payloads / "d.ndjson.gz").write_bytes(gzip.compress(MANY.encode(), 1)[:-20])
    (payloads / "e.ndjson").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(out: str, *more: str, checkpoint: bool = True) -> list[str]:
    """Of a run that writes files of this name."""
    given = ["-o", f"{out}.ndjson", "--rejects", f"{out}.left", "--summary", f"{out}.json", "--max-body", "1", *more]
    return ["apply", "m.yml", "in", *given, *(["--checkpoint", f"{out}.checkpoint"] if checkpoint else [])]


def rules(*given: str, status: int = 1) -> Result:
    result = CliRunner().invoke(main, list(given), prog_name="rules")
    assert result.exit_code == status, result.output
    return result


def written(out: str) -> tuple[bytes, bytes, bytes]:
    events, left, counts = (Path(f"{out}.{suffix}").read_bytes() for suffix in ("ndjson", "left", "json"))
    assert_adds_up(json.loads(counts))
    assert events.count(b"\n") == json.loads(counts)["events"] > 0
    return events, left, counts


def leftovers() -> list[str]:
    return [name for name in os.listdir() if name.startswith(".rules") or "checkpoint" in name]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
def test_killed_at_any_moment_it_comes_to_the_same(folder: Path) -> None:
    """By one process and by several in turn: a checkpoint is good for both."""
    rules(*arguments("whole", checkpoint=False))
    chosen, kills, jobs = random.Random(5), 0, "1"
    while True:
        command = [sys.executable, "-c", EVERY_CHUNK, *arguments("out", "--jobs", jobs)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
            try:
                status = running.wait(chosen.uniform(0.3, 1.2) if kills < 10 else 60)
            except subprocess.TimeoutExpired:
                running.kill()
                status = running.wait()
        if status != -signal.SIGKILL:
            break
        assert not any(Path(f"out.{suffix}").exists() for suffix in ("ndjson", "left"))
        kills, jobs = kills + 1, "2" if jobs == "1" else "1"
    assert status == 1  # something is rejected
    assert written("out") == written("whole")
    assert leftovers() == []


class Killed(Exception):
    """In place of a signal, at a chosen moment."""


@pytest.mark.parametrize("number", range(6))
def test_killed_between_any_two_names(folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs get their names one after the other, and the checkpoint goes last."""
    rules(*arguments("whole", checkpoint=False))
    monkeypatch.setattr(checkpoints, "_SECONDS", 1e9)  # only that of the end
    calls = iter(range(100))

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            if next(calls) == number:
                raise Killed
            return call(*given, **named)

        return instead

    with monkeypatch.context() as dangerous:
        for name in ("replace", "unlink"):
            dangerous.setattr(os, name, dying(getattr(os, name)))
        result = CliRunner().invoke(main, arguments("out"), prog_name="rules")
    assert isinstance(result.exception, Killed)
    rules(*arguments("out"))
    assert written("out") == written("whole")
    assert leftovers() == []


def test_a_run_goes_on_from_each_mark(folder: Path) -> None:
    """Nothing before the mark is made again, and nothing after it is left out."""
    engine = Engine.load(
        "m.yml", app="app.yml", limits=replace(Engine.load("m.yml", app="app.yml").limits, body_bytes=2**20)
    )
    tasks = list(tasks_for(engine, ["in"], provider_of=lambda _: "acme", form=None, request=None, keep_rejects=True))
    chunks = list(run(engine, tasks))
    marks = [number for number, chunk in enumerate(chunks) if chunk.mark is not None]
    assert len(marks) > 20
    for number in marks[::4]:
        mark = chunks[number].mark or Mark()
        rest = list(run(engine, tasks, start=mark))
        assert b"".join(one.events for one in rest) == b"".join(one.events for one in chunks[number + 1 :])
        assert b"".join(one.reject_lines for one in rest) == b"".join(one.reject_lines for one in chunks[number + 1 :])


# -- a checkpoint of another run --------------------------------------------------------------------------------------


def stopped(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """A run that is killed after its first checkpoint."""

    def killed(self: Any, mark: Mark | None) -> None:
        if mark is not None:
            self.save(mark)
            raise Killed

    with monkeypatch.context() as dangerous:
        dangerous.setattr(checkpoints._Resumable, "reached", killed)
        assert isinstance(CliRunner().invoke(main, arguments("out", *more)).exception, Killed)
    assert json.loads(Path("out.checkpoint").read_text())["mark"] != [0, [0, 0]]


def append(name: str, text: str) -> None:
    with open(name, "a") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        (lambda: append("m.yml", "# new\n"), (), "is of another mapping"),
        (lambda: append("app.yml", "# new\n"), (), "is of another mapping"),
        (lambda: append("in/a.ndjson", "{}\n"), (), "is of other inputs"),
        (lambda: shutil.move("in/c05.json", "."), (), "other options"),
        (lambda: os.utime("in/c05.json", ns=(0, 0)), (), "is of other inputs"),
        (lambda: None, ("--received-at", "5"), "is of a run with other options"),
        (lambda: None, ("--format", "json"), "is of a run with other options"),
        (lambda: None, ("-o", "other"), "is of a run with other options"),
        (lambda: None, ("--max-body", "2"), "or limits"),
        (lambda: [shutil.move(one, "in") for one in os.listdir() if one.startswith(".rules")], (), "is not in"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    change: Callable[[], Any], more: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch)
    change()
    before = Path("out.checkpoint").read_bytes()
    refused = rules(*arguments("out", *more), status=2)
    assert words in refused.stderr
    assert "delete out.checkpoint" in refused.stderr
    assert Path("out.checkpoint").read_bytes() == before
    os.unlink("out.checkpoint")
    rules(*arguments("out", *more))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("in", "--checkpoint", "c"), "what standard output got cannot be taken back"),
        (("in", "--checkpoint", "c", "-o", "/dev/null"), "what /dev/null got cannot be taken back"),
        (("-", "--checkpoint", "c", "-o", "out"), "standard input cannot be read a second time"),
        (("/dev/null", "--checkpoint", "c", "-o", "out"), "/dev/null cannot be read a second time"),
        (("in", "--checkpoint", "in/a.ndjson", "-o", "out"), "would overwrite an input"),
        (("in", "--checkpoint", "notes.txt", "-o", "out"), "notes.txt is no checkpoint"),
        (("in", "--checkpoint", "list.json", "-o", "out"), "list.json is no checkpoint"),
        (("in", "--checkpoint", "in", "-o", "out"), "in is no file"),
    ],
)
def test_a_run_that_can_have_no_checkpoint(folder: Path, given: tuple[str, ...], words: str) -> None:
    (folder / "notes.txt").write_text("notes")
    (folder / "list.json").write_text("[]")
    before = sorted(os.listdir())
    assert words in rules("apply", "m.yml", *given, status=2).stderr
    assert sorted(os.listdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_two_runs_do_not_share_a_checkpoint(folder: Path) -> None:
    code = "import fcntl, sys; file = open('out.checkpoint', 'ab'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True)"
    code += "; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert "another run is at work with the checkpoint" in rules(*arguments("out"), status=2).stderr
        other.communicate()
    rules(*arguments("out"))


def test_packed_outputs_go_on_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold the same, packed otherwise."""
    rules(*arguments("whole", checkpoint=False))
    more = ("-o", "out.ndjson.gz")
    stopped(monkeypatch, *more)
    rules(*arguments("out", *more))
    assert gzip.decompress(Path("out.ndjson.gz").read_bytes()) == written("whole")[0]


def test_the_page_on_a_run_is_that_of_an_undisturbed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rules(*arguments("whole", "--report", "whole.html", checkpoint=False))
    stopped(monkeypatch, "--report", "out.html")
    rules(*arguments("out", "--report", "out.html"))
    assert Path("out.html").read_bytes() == Path("whole.html").read_bytes()
    assert written("out") == written("whole")
