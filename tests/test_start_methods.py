"""Several processes that are not forked: the same result as of one, and none left when one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import assert_adds_up
from tests.test_stream import APP, MAPPING

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
METHODS = ["spawn", "forkserver"]
OPEN = json.dumps({"kind": "open", "email": "a@x.y", "pad": "x" * 200}) + "\n"
UNKNOWN = json.dumps({"kind": "new", "pad": "x" * 2_000}) + "\n"
# A worker runs it as well, under another name: here the second one ends while it sends, and the first one never does.
PROGRAM = """\
import multiprocessing, os, signal, sys, time
from multiprocessing import connection
from rulesengine import checkpoints, processes
from rulesengine.cli import main

KILLED, METHOD = os.environ["KILLED"], os.environ["METHOD"]
whole, save, saved = connection.Connection._send, checkpoints._Resumable.save, iter(range(1_000))

def half(self, data, *given):
    if len(data) < 100_000:
        return whole(self, data, *given)
    whole(self, data[:len(data) // 2], *given)
    os.kill(os.getpid(), signal.SIGKILL)

def save_and_end(*given):
    save(*given)
    if next(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    multiprocessing.set_start_method(METHOD)
    processes._RANGE = processes._TOGETHER = 2**18
    checkpoints._SECONDS = 0.0
    if KILLED == "parent":
        checkpoints._Resumable.save = save_and_end
    main(prog_name="rules")
elif KILLED == "worker" and multiprocessing.current_process().name.endswith("-2"):
    connection.Connection._send = half
elif KILLED == "worker":
    processes.run_block = lambda *given: time.sleep(1_000)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mapping and some MB of lines, of which all rejected ones are sent whole, in a folder to stand in."""
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "in.ndjson").write_text(UNKNOWN * 500 + OPEN * 5_000 + UNKNOWN * 500)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(out: str, *more: str) -> list[str]:
    outputs = ["-o", f"{out}.ndjson", "--rejects", f"{out}.left", "--summary", f"{out}.json"]
    return [sys.executable, "program.py", "apply", "m.yml", "in.ndjson", *outputs, *more]


def rules(method: str, out: str, *more: str, killed: str = "") -> tuple[int, str]:
    """The status and what is told. It must end, and so must all that it has started."""
    environment = {**os.environ, "METHOD": method, "KILLED": killed}
    with subprocess.Popen(
        command(out, *more), env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            told = running.communicate(timeout=60)[1]
        finally:
            left = still_there(running.pid)
            for pid in (running.pid, *left):
                kill(pid)
        assert left == []
        return running.returncode, told


def still_there(session: int) -> list[int]:
    """The processes of a session, once those had time to end that end by themselves."""
    waited = time.monotonic() + 10
    while (found := list(of_session(session))) and time.monotonic() < waited:
        time.sleep(0.02)
    return found


def of_session(session: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if state != "Z" and int(number) == session:
            yield int(stat.parent.name)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def written(out: str) -> list[bytes]:
    return [Path(f"{out}.{suffix}").read_bytes() for suffix in ("ndjson", "left", "json")]


@pytest.mark.parametrize("method", METHODS)
def test_the_result_is_that_of_one_process(method: str) -> None:
    assert rules(method, "whole")[0] == 0
    assert rules(method, "out", "--jobs", "2")[0] == 0
    assert written("out") == written("whole")
    assert_adds_up(json.loads(written("out")[2]), bodies=6_000)


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_killed_while_it_sends_ends_the_run(method: str) -> None:
    """Also one that is not the first: all are known before there is work."""
    words = "Error: a worker process was killed (out of memory?); no output file was written\n"
    assert rules(method, "out", "--jobs", "2", killed="worker") == (1, words)
    assert list(Path().glob("out*")) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_from_its_checkpoint(method: str) -> None:
    assert rules(method, "whole")[0] == 0
    given = ("--jobs", "2", "--checkpoint", "c")
    assert rules(method, "out", *given, killed="parent")[0] == -signal.SIGKILL
    assert list(Path().glob("out*")) == []
    assert json.loads(Path("c").read_bytes())["mark"][1][0] > 0
    assert rules(method, "out", *given)[0] == 0
    assert written("out") == written("whole")
    assert_adds_up(json.loads(written("out")[2]), bodies=6_000)
