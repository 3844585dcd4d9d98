"""Several processes: the same events, rejects and counts as one, in the same order, and no process left behind."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rulesengine import Engine, processes
from rulesengine.files import Lines, ranges
from rulesengine.limits import Limits
from rulesengine.processes import run_in_processes
from rulesengine.stream import Chunk, joined, run, tasks_for
from tests.conftest import assert_adds_up, leaves_parts_when_killed
from tests.test_stream import APP, MAPPING

LINES = [
    *[json.dumps({"kind": kind, "email": f"{kind}@x.y"}) for kind in ("open", "gone", "odd", "new", "open")],
    '{"kind": "open"}', "not JSON", "", '[{"kind": "open", "email": "a"}, {"kind": "newer"}]', '{"kind": "newest"}',
]  # fmt: skip
MANY = "\n".join(LINES * 40)  # and no line break at its end


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Payload files of every kind, of which some cannot be read."""
    path = tmp_path_factory.mktemp("files")
    (path / "m.yml").write_text(MAPPING)
    (path / "app.yml").write_text(APP)
    payloads = path / "payloads"
    payloads.mkdir()
    for number in range(70):
        (payloads / f"a{number:02}.json").write_text(LINES[number % 6])
    (payloads / "b.ndjson").write_text(MANY)
    (payloads / "c.ndjson.gz").write_bytes(gzip.compress(MANY.encode()))
    (payloads / "d.json.gz").write_bytes(gzip.compress(b"[" + LINES[0].encode() + b"]"))
    (payloads / "e.ndjson").write_text("")
    (payloads / "f.ndjson").write_text("\n" * 5 + '{"kind": "x"}\r\n' * 3)
    (payloads / "g.ndjson").write_text(LINES[0] + "\n" + '{"kind": "' + "y" * 500 + '"}\n' + LINES[3] + "\n")
    (payloads / "h.ndjson.gz").write_bytes(gzip.compress(MANY.encode())[:-20])
    (path / "empty").mkdir()
    return path


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine.load(folder / "m.yml", app=folder / "app.yml", limits=Limits(body_bytes=300))


def outcome(chunks: Iterator[Chunk]) -> tuple[bytes, bytes, dict[str, Any], dict[Any, Any]]:
    """Events, rejects, counts and problems of a whole run."""
    whole = joined(chunks)
    assert_adds_up(whole.tally)
    return whole.events, whole.reject_lines, whole.tally.as_dict(), whole.tally.problems


def test_what_is_not_mapped_is_counted_with_its_line(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a range has nothing else to tell."""
    monkeypatch.setattr(processes, "_RANGE", 1)
    paths = [str(folder / "payloads" / "f.ndjson")]
    tasks = list(tasks_for(engine, paths, provider_of=lambda _: "acme", form=None, request=None, keep_rejects=False))
    tally = joined(run_in_processes(engine, tasks, 2)).tally
    assert_adds_up(tally, bodies=3)
    (found,) = tally.as_dict()["unmapped"]
    assert (found["count"], found["first"]) == (3, f"{paths[0]}:6 item 0")


@pytest.mark.parametrize("size", [1, 40, 1_000, 10**6])
def test_the_result_is_that_of_one_process(
    engine: Engine, folder: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the ranges, which may end anywhere in a line."""
    monkeypatch.setattr(processes, "_RANGE", size)
    monkeypatch.setattr(processes, "_TOGETHER", size)
    monkeypatch.setattr(processes, "_SLOT", 2 * size)  # what does not fit is sent
    paths = [str(folder / name) for name in ("payloads", "missing.ndjson", "empty", "payloads/b.ndjson")]
    tasks = list(tasks_for(engine, paths, provider_of=lambda _: "acme", form=None, request=None, keep_rejects=True))
    found = outcome(run_in_processes(engine, tasks, 2))
    expected = outcome(run(engine, tasks))
    assert found == expected
    assert f'"file":"{folder}/payloads/b.ndjson","item":0,"line":400}}}}'.encode() in found[1]
    assert expected[2]["rejected"] > 90


@pytest.mark.parametrize("size", [1, 7, 60, 5_000])
def test_ranges_are_whole_lines_and_all_of_the_file(folder: Path, size: int) -> None:
    path = folder / "payloads" / "b.ndjson"
    found = [path.read_bytes()[one.start : one.end] for one in ranges(str(path), size)]
    assert b"".join(found) == path.read_bytes()
    assert all(one.endswith(b"\n") for one in found[:-1])
    assert all(len(one) >= size for one in found[:-1])


def test_what_must_be_read_from_its_start_has_no_ranges(folder: Path) -> None:
    for name in ("c.ndjson.gz", "d.json.gz", "e.ndjson", "missing.ndjson", ""):
        assert list(ranges(str(folder / "payloads" / name), 10)) == []


def test_a_file_that_became_shorter_is_told(folder: Path) -> None:
    path = folder / "shrinking.ndjson"
    path.write_text(MANY)
    (lines,) = ranges(str(path), 10**6)
    path.write_text(LINES[0] + "\n")
    *_, last = Lines(lines.path, lines.start, lines.end).blocks()
    assert last.error is not None
    assert last.error.message == f"{path} became shorter while it was read"


def test_progress_is_told_every_byte(engine: Engine, folder: Path) -> None:
    path = folder / "payloads" / "b.ndjson"
    told: list[int] = []
    tasks = tasks_for(engine, [str(path)], provider_of=lambda _: "acme", form=None, request=None, keep_rejects=False)
    assert list(run_in_processes(engine, tasks, 2, progress=told.append))
    assert sum(told) == path.stat().st_size


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_process_outlives_the_run(folder: Path, name: str, times: int) -> None:
    """The run reads from a pipe that stays open, so it ends by the signal."""
    how = signal.Signals[name]
    arguments = ["apply", str(folder / "m.yml"), "-", "--format", "ndjson", "-o", str(folder / "out"), "--jobs", "2"]
    command = [sys.executable, "-m", "rulesengine", *arguments, "--app", str(folder / "app.yml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write((LINES[0] + "\n").encode() * 80_000)
        running.stdin.flush()
        while len(workers := children_of(running.pid)) < 2:
            time.sleep(0.02)
        for _ in range(times):  # an impatient user
            running.send_signal(how)
            time.sleep(0.01)
        assert running.wait(30) != 0
        waited = time.monotonic() + 30
        while any(map(is_alive, workers)) and time.monotonic() < waited:
            time.sleep(0.02)
        assert [pid for pid in workers if is_alive(pid)] == []
        assert not (folder / "out").exists()
        if how is not signal.SIGKILL or not leaves_parts_when_killed(folder):
            assert [one for one in os.listdir(folder) if one.startswith(".rules")] == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_terminal_that_is_closed_ends_the_run_and_not_its_workers(folder: Path) -> None:
    """All of them are told; were the workers to end first, the run would take them for killed."""
    arguments = ["apply", str(folder / "m.yml"), "-", "--format", "ndjson", "-o", str(folder / "out"), "--jobs", "2"]
    command = [sys.executable, "-m", "rulesengine", *arguments, "--app", str(folder / "app.yml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as running:
        assert running.stdin is not None
        running.stdin.write((LINES[0] + "\n").encode() * 80_000)
        running.stdin.flush()
        while len(workers := children_of(running.pid)) < 2:
            time.sleep(0.02)
        for worker in workers:
            os.kill(worker, signal.SIGHUP)
        time.sleep(0.3)
        assert all(map(is_alive, workers))
        os.killpg(running.pid, signal.SIGHUP)
        assert running.wait(30) == 128 + signal.SIGHUP


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_named_pipe_is_not_opened_to_be_looked_at(tmp_path: Path) -> None:
    """Whoever opens it and closes it again loses what was written into it."""
    os.mkfifo(tmp_path / "pipe.ndjson")
    assert list(ranges(str(tmp_path / "pipe.ndjson"), 10**6)) == []  # it would wait for a writer


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_worker_killed_while_it_sends_does_not_hang_the_run(engine: Engine, tmp_path: Path) -> None:
    """Rejected items are sent through a pipe, of which this process holds an end, too."""
    path = tmp_path / "refused.ndjson"
    path.write_text(('{"event": "nobody knows", "pad": "' + "x" * 2_000 + '"}\n') * 8_000)
    made = tasks_for(engine, [str(path)], provider_of=lambda _: "acme", form=None, request=None, keep_rejects=True)
    tasks, others = list(made), children_of(os.getpid())
    for wait in (0.05, 0.1, 0.15, 0.2):
        chunks = run_in_processes(engine, tasks, 2)
        next(chunks)
        time.sleep(wait)
        chunks.close()  # kills the workers, wherever they are
        assert [pid for pid in children_of(os.getpid()) if pid not in others] == []
