"""What is installed and what is run: few dependencies, one wheel from one source, no code from a mapping folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import APP

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SAMPLE = '[{"email": "ann@example.com"}]'
MAPPING = """\
mapping: 1
provider: test
event: {identifiers: {email: email}}
rules:
  - emit: open
"""
CASE = f"""\
cases:
  - about: one
    body: '{SAMPLE}'
    expect:
      events: [{{type: email, action: open, identifiers: {{email: ann@example.com}}, data: {{}}}}]
"""

# Names that Python, pytest or a tool would take code from, were this folder on its path.
_MODULES = [
    "__init__", "__main__", "app", "codecs", "conftest", "jmespath", "json", "msgspec", "pickle", "re2", "rulesengine",
    "setup", "sitecustomize", "test", "usercustomize", "yaml",
]  # fmt: skip
TRAPS = [*(f"{name}.py" for name in _MODULES), "pyproject.toml", "test.pth"]
VERBS = {
    "check": ["check", ".", "--app", "app.yml"],
    "apply": ["apply", "test.yml", "--app", "app.yml", "in.json"],
    "apply in processes": ["apply", "test.yml", "--app", "app.yml", "--jobs", "2", "in.json", "in.json"],
    "why": ["why", "test.yml", "--app", "app.yml", "in.json"],
    "test": ["test", "test.yml", "--app", "app.yml"],
    "compile": ["compile", "test.yml", "--app", "app.yml"],
}


def test_dependencies_are_few_and_each_has_a_range() -> None:
    """From the lowest version that the tests pass with (`.ci/run` tries it) to the next major one; data has none."""
    assert len(PROJECT["dependencies"]) <= 8
    without = [one for one in PROJECT["dependencies"] if not re.fullmatch(r"[a-z0-9-]+>=[0-9.]+,<[0-9]+", one)]
    assert without == ["tzdata"]


def test_two_builds_give_the_same_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": str(number + 1)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        (wheel,) = folder.iterdir()
        found.append((wheel.name, sha256(wheel.read_bytes()).hexdigest()))
    assert found[0] == found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mapping with its case, among code that says so when it is run."""
    for name in TRAPS:
        (tmp_path / name).write_text("import os\nopen('trapped', 'a').close()\nos.write(2, b'trapped')\n")
    for name, text in {"app.yml": APP, "test.yml": MAPPING, "in.json": SAMPLE}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "one.yml").write_text(CASE)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder; not with the folder itself on its path, where `python -m` would put it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-P", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_in_a_mapping_folder_is_run(folder: Path, verb: str) -> None:
    done = run(folder, "-m", "rulesengine", *VERBS[verb])
    assert (done.returncode, "trapped" in done.stderr) == (0, False), done
    assert not (folder / "trapped").exists()


def test_nothing_in_a_mapping_folder_is_run_by_an_engine(folder: Path) -> None:
    code = (
        "from rulesengine import Engine; print(Engine.load('.', app='app.yml').apply('test', {'email': 'a'}).emitted)"
    )
    done = run(folder, "-c", code)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert not (folder / "trapped").exists()


def test_the_traps_are_live(folder: Path) -> None:
    assert run(folder, "yaml.py").stderr == "trapped"
    assert (folder / "trapped").exists()
