"""A disk that is full: a line names the file that was given, what was there stays, and nothing is left half written."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import assert_adds_up
from tests.test_stream import APP, MAPPING

PAGE = 4096
CHOSEN = random.Random(7)
# They cannot be packed into less than there is room for.
OPEN = [json.dumps({"kind": "open", "email": f"{CHOSEN.randbytes(300).hex()}@x.y"}) + "\n" for _ in range(500)]
UNKNOWN = [json.dumps({"kind": f"new{number}", "pad": "x" * 100}) + "\n" for number in range(500)]
CASES = "cases:\n" + "  - {about: an open, payload: {kind: open, email: a@x.y}, expect: {ignored: [odd]}}\n" * 100
OLD = "what was there before\n"


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One of 1 MB in a folder to stand in, that has older files, a mapping with cases that fail, and rejects."""
    monkeypatch.chdir(tmp_path)
    Path("disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "disk"]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk")
    try:
        files = {"m.yml": MAPPING, "app.yml": APP, "in.ndjson": "".join(OPEN + UNKNOWN), "some.ndjson": OPEN[0],
                 "disk/m.yml": MAPPING, "disk/m/cases.yml": CASES, "left": OLD}  # fmt: skip
        old = ("out", "out.gz", "left", "sum", "page.html", "report", "rejects.left.ndjson")
        for name, text in {**files, **{f"disk/{one}": OLD for one in old}}.items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text)
        assert rules("apply", "m.yml", "in.ndjson", "-o", os.devnull, "--rejects", "disk/rejects.ndjson") == (0, [])
        yield tmp_path / "disk"
    finally:
        subprocess.run(["umount", "-l", "disk"], capture_output=True, check=False)


def rules(*given: str, **environment: str) -> tuple[int, list[str]]:
    """The status, and the line about an error on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "rulesengine", *given],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("Error")]


def fill(pages: int) -> None:
    """Leave so many pages free."""
    free = os.statvfs("disk")
    Path("disk/filler").write_bytes(b"x" * (free.f_bavail * free.f_bsize - pages * PAGE))


def everything() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


APPLY = ("apply", "m.yml", "in.ndjson")
OUTPUTS = [
    (16, "disk/out", (*APPLY, "-o", "disk/out")),
    (16, "disk/out", (*APPLY, "-o", "disk/out", "--jobs", "2")),
    (16, "disk/out.gz", (*APPLY, "-o", "disk/out.gz")),
    (16, "disk/left", (*APPLY, "-o", "new", "--rejects", "disk/left")),
    (16, "disk/left", (*APPLY, "-o", "new", "--rejects", "disk/left", "--jobs", "2")),
    (0, "disk/sum", (*APPLY, "-o", "new", "--rejects", "left", "--summary", "disk/sum")),
    (1, "disk/page.html", (*APPLY, "-o", "new", "--rejects", "left", "--report", "disk/page.html")),
    (0, "disk/out", ("apply", "m.yml", "some.ndjson", "-o", "disk/out", "--rejects", "left", "--summary", "sum")),
    (0, "disk/out.gz", ("apply", "m.yml", "some.ndjson", "-o", "disk/out.gz", "--rejects", "left")),
    (0, "disk/rejects.left.ndjson", ("retry", "disk/rejects.ndjson", "-o", "new")),
    (0, "disk/sum", ("retry", "disk/rejects.ndjson", "-o", "new", "--rejects", "left", "--summary", "disk/sum")),
    (0, "disk/m/cases.yml", ("test", "disk/m.yml", "--update")),
    (0, "disk/report", ("test", "disk/m.yml", "--lcov", "disk/report")),
    (0, "disk/report", ("test", "disk/m.yml", "--cobertura", "disk/report")),
    (0, "disk/report", ("test", "disk/m.yml", "--junit", "disk/report")),
    (0, "disk/acme.yml", ("new", "acme", "--from", "in.ndjson", "-o", "disk")),
    (1, "disk/acme.yml", ("new", "acme", "--from", "in.ndjson", "-o", "disk")),
]  # fmt: skip


@pytest.mark.parametrize(("pages", "named", "given"), OUTPUTS)
def test_what_was_there_stays(pages: int, named: str, given: tuple[str, ...]) -> None:
    fill(pages)
    before = everything()
    assert rules(*given) == (1, [f"Error: cannot write {named}: no space left on device"])
    assert everything() == before


@pytest.mark.parametrize(
    ("pages", "named", "checkpoint"), [(16, "disk/out", "c"), (16, "disk/out", "disk/c"), (0, "disk/c", "disk/c")]
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_with_a_checkpoint_goes_on_once_there_is_room(pages: int, named: str, checkpoint: str, jobs: str) -> None:
    """Its outputs have their older contents until then."""
    out = "disk/out" if named == "disk/out" else "out"
    given = ("apply", "m.yml", "in.ndjson", "--jobs", jobs, "--summary", "sum")
    assert rules(*given, "-o", "whole") == (0, [])
    summary = Path("sum").read_bytes()
    os.unlink("sum")
    fill(pages)
    resumable = (*given, "-o", out, "--checkpoint", checkpoint)
    assert rules(*resumable) == (1, [f"Error: cannot write {named}: no space left on device"])
    assert Path("disk/out").read_text() == OLD
    assert not Path("sum").exists()
    os.unlink("disk/filler")
    assert rules(*resumable) == (0, [])
    assert Path(out).read_bytes() == Path("whole").read_bytes()
    assert Path("sum").read_bytes() == summary
    assert_adds_up(json.loads(summary), bodies=1_000)
    assert [name for name in everything() if ".rules" in name or name in ("c", "disk/c")] == []


def test_no_room_for_a_copy_of_standard_input() -> None:
    fill(1)
    before = everything()
    with open("disk/rejects.ndjson", "rb") as rejects:
        done = subprocess.run(
            [sys.executable, "-m", "rulesengine", "retry", "-", "-o", "new", "--rejects", "left"],
            stdin=rejects, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": "disk"},
        )  # fmt: skip
    words = "cannot copy standard input to a temporary file: no space left on device"
    assert (done.returncode, done.stderr) == (1, f"Error: {words}; name a file, or another folder with TMPDIR\n")
    assert everything() == before
