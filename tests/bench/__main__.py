"""`python -m tests.bench`: the figures of docs/benchmarks.md, taken again."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import click

from tests.bench.environment import environment
from tests.bench.figures import FULL, PARTS, QUICK, Figure, WrongAnswer
from tests.bench.report import JSON, PAGE, PLOT, Report, draw, from_json, page_with, tables, to_json

_NEEDED = {"files": "orjson", "write": "matplotlib"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", type=click.Choice(PARTS), help="Take the figures of one part.")
@click.option("--quick", is_flag=True, help="Less of everything: under two minutes.")
@click.option("--write", is_flag=True, help="Write docs/benchmarks.json, the tables in benchmarks.md, the plot.")
def main(only: str | None, quick: bool, write: bool) -> None:
    """Measure and print tables.

    Exit status: 0 all well; 1 an engine gave another event than the others, and what it took is not shown.
    """
    parts = PARTS if only is None else (only,)
    _require([*parts, *(["write"] if write else [])])
    known = from_json(JSON.read_text(encoding="utf-8")) if write and only and JSON.is_file() else None
    if known is not None and known.environment != environment():
        raise click.ClickException("docs/benchmarks.json is from another environment: write all parts, without --only")
    figures = _measured(parts, quick=quick)
    wrong = [one for one in figures if one.wrong]
    if write and not wrong:
        _write(Report(environment(), parts if quick else (), tuple(figures)), known)
    if wrong:
        names = ", ".join(one.what for one in wrong)
        raise click.ClickException(f"wrong: {names}{'; nothing was written' if write else ''}")


def _require(what: list[str]) -> None:
    missing = [name for one, name in _NEEDED.items() if one in what and importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(f"{' and '.join(missing)} is not installed: pip install -e '.[bench]'")


def _measured(parts: tuple[str, ...], *, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for part in parts:
        click.echo(f"measuring {part}...", err=True)
        try:
            found = list(importlib.import_module(f"tests.bench.{part}").measure(QUICK if quick else FULL))
        except (WrongAnswer, RuntimeError) as fault:
            raise click.ClickException(str(fault)) from None
        click.echo(tables(found))
        figures += found
    return figures


def _write(measured: Report, known: Report | None) -> None:
    text = to_json(measured if known is None else known.with_parts(measured))
    report = from_json(text)
    JSON.write_text(text, encoding="utf-8")
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
    draw(report, PLOT)
    click.echo(f"wrote {JSON.name}, {PAGE.name}, {PLOT.name}", err=True)


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m tests.bench"))
