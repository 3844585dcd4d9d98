"""What the system does to a run: full disks, closed pipes, killed workers, inputs that change under it.

No output appears half written, the run says what happened, and what it has counted adds up.
"""

from __future__ import annotations

import faulthandler
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest

from rulesengine import Engine, processes
from rulesengine.errors import WorkerKilled
from rulesengine.stream import Task, joined, run, tasks_for
from tests.conftest import assert_adds_up
from tests.test_processes import children_of
from tests.test_stream import APP, MAPPING

OPEN = json.dumps({"kind": "open", "email": "a@x.y", "pad": "x" * 200}) + "\n"
UNKNOWN = json.dumps({"kind": "new", "pad": "x" * 2_000}) + "\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mapping, and lines that come to more than any buffer, in a folder to stand in."""
    (tmp_path / "m.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "many.ndjson").write_text(OPEN * 30_000)
    (tmp_path / "out").write_text("what was there before\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(*given: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own; `before` is Python that it runs first."""
    code = f"{before}\nfrom rulesengine.cli import main; main(prog_name='rules')"
    return subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=False)


def parts() -> list[str]:
    return [name for name in os.listdir() if name.startswith(".rules")]


SMALL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is full")


@needs_full
@pytest.mark.parametrize(
    ("given", "named"),
    [(("-o", "/dev/full"), "/dev/full"), (("-o", "new", "--rejects", "/dev/full"), "/dev/full"),
     (("-o", "new", "--summary", "/dev/full"), "/dev/full"), (("-o", "/dev/full", "--rejects", "new"), "/dev/full")],
)  # fmt: skip
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_device_is_named(folder: Path, given: tuple[str, ...], named: str, jobs: str) -> None:
    (folder / "some.ndjson").write_text(OPEN + UNKNOWN)
    done = rules("apply", "m.yml", "some.ndjson", *given, "--jobs", jobs)
    assert (done.returncode, done.stderr) == (1, f"Error: cannot write {named}: no space left on device\n")
    assert not (folder / "new").exists()
    assert parts() == []


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("given", ["some.ndjson", "many.ndjson"])
def test_standard_output_on_a_full_device(folder: Path, given: str, unbuffered: str) -> None:
    """Also where all events fit a buffer, and the device is asked only in the end."""
    (folder / "some.ndjson").write_text(OPEN)
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "rulesengine", "apply", "m.yml", given, "--rejects", "left"]
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, b"Error: cannot write standard output: no space left on device\n")
    assert not Path("left").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("more", [(), ("--checkpoint", "c")], ids=["", "checkpoint"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_disk_that_fills_up_leaves_what_was_there(more: tuple[str, ...], jobs: str) -> None:
    given = ("apply", "m.yml", "many.ndjson", "-o", "out", "--summary", "sum", "--jobs", jobs, *more)
    failed = rules(*given, before=SMALL)
    assert (failed.returncode, failed.stderr) == (1, "Error: cannot write out: file too large\n")
    assert Path("out").read_text() == "what was there before\n"
    assert not Path("sum").exists()
    assert bool(parts()) == bool(more)
    assert rules(*given).returncode == 0
    assert len(Path("out").read_bytes().splitlines()) == 30_000
    assert_adds_up(json.loads(Path("sum").read_bytes()), bodies=30_000)
    assert parts() == []


@needs_full
@pytest.mark.parametrize("given", [("check", "m.yml"), ("providers",), ("--help",)])
def test_text_on_a_full_device_is_told_once(given: tuple[str, ...]) -> None:
    """Python tries again to write what is left as it ends, and would complain in its own words."""
    with open("/dev/full", "wb") as full:
        command, environment = [sys.executable, "-m", "rulesengine", *given], {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, b"Error: cannot write standard output: no space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_that_takes_only_a_part_is_told(folder: Path, unbuffered: str) -> None:
    """The system writes what there is room for, and only refuses what comes after."""
    (folder / "some.ndjson").write_text(OPEN * 2)
    small = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    code = f"{small}from rulesengine.cli import main; main(prog_name='rules')"
    with open("events", "wb") as events:
        command = [sys.executable, "-c", code, "apply", "m.yml", "some.ndjson"]
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(command, stdout=events, stderr=subprocess.PIPE, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, b"Error: cannot write standard output: file too large\n")


# -- inputs -----------------------------------------------------------------------------------------------------------


def tasks_of(engine: Engine, *paths: str) -> list[Task]:
    made = tasks_for(engine, paths, provider_of=lambda _: "acme", form=None, request=None, keep_rejects=True)
    return list(made)


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(OPEN.encode())


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b" ")
    os.utime(path, ns=(0, 0))


def replace(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(OPEN.encode())
    os.replace(beside, path)


@pytest.mark.parametrize("change", [shrink, grow, rewrite])
@pytest.mark.parametrize("name", ["in.ndjson", "in.ndjson.gz"])
def test_an_input_that_changes_while_it_is_read_is_told(
    folder: Path, change: Callable[[Path], None], name: str
) -> None:
    path = folder / name
    text = "".join(json.dumps({"kind": "open", "email": os.urandom(200).hex()}) + "\n" for _ in range(2_000)).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    engine = Engine.load("m.yml", app="app.yml")
    chunks = run(engine, tasks_of(engine, name))
    first = next(chunks)
    change(path)
    tally = joined([first, *chunks]).tally
    assert tally.rejected
    assert any("while it was read" in one.message or name.endswith(".gz") for one in tally.problems)
    assert tally.items == tally.bodies
    assert_adds_up(tally)


@pytest.mark.parametrize("change", [shrink, grow, rewrite, replace, os.unlink])
def test_an_input_that_changes_under_several_processes_is_told(
    folder: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They open it each for itself, and must not read of another what they were to read of this one."""
    monkeypatch.setattr(processes, "_RANGE", 2**18)
    monkeypatch.setattr(processes, "_TOGETHER", 2**18)
    engine = Engine.load("m.yml", app="app.yml")
    chunks = processes.run_in_processes(engine, tasks_of(engine, "many.ndjson"), 2)
    first = next(chunks)
    change(folder / "many.ndjson")
    tally = joined([first, *chunks]).tally
    assert 0 < tally.rejected < 40
    assert all("while it was read" in one.message or "no such file" in one.message for one in tally.problems)
    assert tally.items == tally.bodies
    assert_adds_up(tally)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that opens and cannot be read")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_input_that_cannot_be_read_costs_only_itself(folder: Path, jobs: str) -> None:
    (folder / "in").mkdir()
    for name in ("broken.ndjson", "broken.json"):
        (folder / "in" / name).symlink_to("/proc/self/mem")
    (folder / "in" / "gone.json").symlink_to("nowhere")
    (folder / "in" / "some.ndjson").write_text(OPEN)
    done = rules("apply", "m.yml", "in", "--jobs", jobs, "--summary", "sum", "-o", "new")
    assert done.returncode == 1
    assert "cannot read in/broken.json: input/output error" in done.stderr
    counts = json.loads((folder / "sum").read_text())
    assert (counts["emitted"], counts["rejected"]) == (1, 3)
    assert_adds_up(counts, bodies=4)


# -- workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_worker_killed_while_it_sends_ends_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By somebody else, and what does not fit the shared memory is sent: half of it stands in the pipe then."""
    whole, own = connection.Connection._send, os.getpid()  # type: ignore[attr-defined]

    def half(self: Any, data: bytes, *given: Any) -> None:
        if os.getpid() == own or len(data) < 100_000:
            whole(self, data, *given)
            return
        whole(self, data[: len(data) // 2], *given)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(connection.Connection, "_send", half)
    (folder / "unknown.ndjson").write_text(UNKNOWN * 2_000)
    engine = Engine.load("m.yml", app="app.yml")
    tasks, others = tasks_of(engine, "unknown.ndjson"), children_of(own)
    faulthandler.dump_traceback_later(120, exit=True)  # it would hang for ever
    with pytest.raises(WorkerKilled):
        list(processes.run_in_processes(engine, tasks, 2))
    faulthandler.cancel_dump_traceback_later()
    assert [pid for pid in children_of(own) if pid not in others] == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("more", [(), ("--checkpoint", "c")], ids=["", "checkpoint"])
def test_a_run_that_lost_a_worker_says_so_and_can_be_repeated(more: tuple[str, ...]) -> None:
    killed = "import os, signal; from rulesengine import processes\n"
    killed += "processes.run_block = lambda *given: os.kill(os.getpid(), signal.SIGKILL)"
    given = ("apply", "m.yml", "many.ndjson", "-o", "out", "--summary", "sum", "--jobs", "2", *more)
    failed = rules(*given, before=killed)
    again = "; the same command goes on from c" if more else ""
    words = f"Error: a worker process was killed (out of memory?); no output file was written{again}\n"
    assert (failed.returncode, failed.stderr) == (1, words)
    assert Path("out").read_text() == "what was there before\n"
    assert not Path("sum").exists()
    assert rules(*given).returncode == 0
    assert len(Path("out").read_bytes().splitlines()) == 30_000
    assert_adds_up(json.loads(Path("sum").read_bytes()), bodies=30_000)
