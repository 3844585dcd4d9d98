"""The targets of `python -m tests.fuzz` on what they begin with, and on everything that was ever found by them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from rulesengine import Engine, Result
from tests.fuzz.__main__ import TARGETS as NAMES
from tests.fuzz.targets import TARGETS

FOUND = sorted(path for path in (Path(__file__).parent / "fuzz" / "found").rglob("*") if path.is_file())


def test_every_target_can_be_named() -> None:
    assert tuple(TARGETS) == NAMES
    assert {path.parent.name for path in FOUND} <= set(NAMES)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_what_was_found_is_mended(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_the_promises_hold_for_what_a_search_begins_with(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert len(seeds) > 150
    for seed in [b"", b"\x00", *seeds[:: max(1, len(seeds) // 300)]]:
        TARGETS[name].run(seed)


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target raises where the ways to an event differ, and where something else than the documented is raised."""
    monkeypatch.setattr("tests.fuzz.targets.by_block", lambda *_: Result())
    with pytest.raises(AssertionError):
        TARGETS["json"].run(b"\x00\x01{}")

    def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(Engine, "__init__", broken)
    with pytest.raises(KeyError):
        TARGETS["mapping"].run(b"mapping: 1")


@pytest.mark.skipif(importlib.util.find_spec("atheris") is not None, reason="atheris is installed")
def test_without_atheris_it_says_so() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert (done.returncode, "pip install -e '.[dev,fuzz]'" in done.stderr) == (2, True), done


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_a_search_runs_and_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "form", "--minutes", "0.05", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert (done.returncode, done.stdout) == (0, "form: 0 found\n"), done
