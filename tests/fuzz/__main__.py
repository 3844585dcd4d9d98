"""`python -m tests.fuzz TARGET`: inputs made at random, steered by which code they reach, until the time is up.

The inputs are made by atheris in a process of its own (`session`): it ends that process, and one that hangs or is out
of memory is ended by it. What was found is written to FOLDER/TARGET/found, and belongs into tests/fuzz/found/TARGET,
where the test run tries it each time.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click

TARGETS = ("mapping", "expression", "json", "form")
FOLDER = Path(__file__).parents[2] / "build" / "fuzz"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", type=click.Choice(TARGETS))
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=30, show_default=True)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="Where inputs are kept."
)
def main(target: str, minutes: float, folder: Path) -> None:
    """Try inputs on a TARGET: mapping text, JMESPath text, JSON bodies or form bodies.

    Exit status: 0 nothing was found; 1 something was, and is in FOLDER/TARGET/found; 2 atheris is not installed.
    """
    if importlib.util.find_spec("atheris") is None:
        raise click.UsageError("atheris is not installed: pip install -e '.[dev,fuzz]'")
    found = folder.absolute() / target / "found"
    found.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.session", target, str(found.parent), str(round(minutes * 60))]
    status = subprocess.run(command, check=False).returncode
    inputs = sorted(path for path in found.iterdir() if path.suffix != ".txt")
    click.echo("\n".join([*map(str, inputs), f"{target}: {len(inputs)} found"]))
    sys.exit(1 if status or inputs else 0)


if __name__ == "__main__":
    main(prog_name="python -m tests.fuzz")
