"""Figures as a JSON file, as tables of Markdown, and as a plot: the page and the plot are made from the JSON alone."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.bench.environment import Environment
from tests.bench.figures import PARTS, Figure, Ratio
from tests.bench.timing import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
JSON = PAGE.with_suffix(".json")
PLOT = PAGE.with_suffix(".svg")
BEGIN, END = "<!-- figures: made from benchmarks.json by `python -m tests.bench --write` -->", "<!-- end of figures -->"

_TITLES = {
    "events": "One event, dict in, dict out",
    "files": "Files",
    "rules": "Number of rules",
    "load": "Loading",
    "cold": "A cold start",
}


@dataclass(frozen=True, slots=True)
class Report:
    """All that the JSON file holds: `quick` names the parts that were measured with `--quick`."""

    environment: Environment
    quick: tuple[str, ...]
    figures: tuple[Figure, ...]

    def with_parts(self, newer: Report) -> Report:
        """This report with the parts of a newer one in the place of its own."""
        parts = {figure.part for figure in newer.figures}
        figures = [*(one for one in self.figures if one.part not in parts), *newer.figures]
        quick = {*(part for part in self.quick if part not in parts), *newer.quick}
        ordered = tuple(sorted(figures, key=lambda one: PARTS.index(one.part)))
        return Report(newer.environment, tuple(part for part in PARTS if part in quick), ordered)


def to_json(report: Report) -> str:
    """The text of the JSON file; times to four digits, since the others say nothing."""
    return json.dumps(_rounded(asdict(report)), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Report:
    """The report that a JSON file holds."""
    data = json.loads(text)
    return Report(data["environment"], tuple(data["quick"]), tuple(_figure(one) for one in data["figures"]))


def _figure(data: dict[str, Any]) -> Figure:
    return Figure(**{**data, "ratio": Ratio(**data["ratio"]) if data["ratio"] else None})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


# -- tables -----------------------------------------------------------------------------------------------------------


def shown(value: float) -> str:
    """Three digits of a number, without an exponent."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def tables(figures: Iterable[Figure]) -> str:
    """A heading for each part, a table for each group of it."""
    written = []
    for part, of_part in groupby(figures, key=lambda one: one.part):
        written.append(f"### {_TITLES[part]}\n")
        for group, rows in groupby(of_part, key=lambda one: one.group):
            written.append(_table(group, list(rows)))
    return "\n".join(written)


def _table(group: str, rows: Sequence[Figure]) -> str:
    head = f"| {group} | {rows[0].unit} | ratio | to | |\n|---|---:|---:|---|---|\n"
    return head + "".join(_row(row) for row in rows)


def _row(row: Figure) -> str:
    value = "" if row.value is None else shown(row.value)
    ratio = f"**{shown(row.ratio.median)}** ({_range(row.ratio)})" if row.ratio else ""
    cells = (row.what, value, ratio, row.against, row.note.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n".replace("  ", " ").replace("  ", " ")


def _range(ratio: Ratio) -> str:
    return f"{shown(ratio.low)} to {shown(ratio.high)}"


def described(report: Report) -> str:
    """A sentence on what the figures were taken with."""
    environment = report.environment
    packages = environment["packages"]
    assert isinstance(packages, dict)
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    made = (
        f"{environment['python']}, {environment['system']}, {environment['cores']} cores ({environment['processor']})"
    )
    quick = f" With `--quick`, so less exact: {', '.join(report.quick)}." if report.quick else ""
    return f"Taken with {made}; {versions}.{quick}\n"


def page_with(page: str, report: Report) -> str:
    """The page with the tables of a report between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{begin}\n\n{described(report)}\n{tables(report.figures)}\n{end}{after}"


# -- plot -------------------------------------------------------------------------------------------------------------


def dots(report: Report) -> list[tuple[str, float]]:
    """What the plot's first half shows: a label and the µs an event of everything that does the task of the peers."""
    groups = [one.group for one in report.figures if one.part == "events"]
    task = next((one.group for one in report.figures if one.what == "zen-engine"), groups[0] if groups else "")
    return [(one.what, one.value) for one in report.figures if one.group == task and one.value is not None]


def lines(report: Report) -> dict[str, list[tuple[int, float]]]:
    """What its second half shows: for each engine, rules of a mapping and µs an event."""
    found: dict[str, list[tuple[int, float]]] = {}
    for one in report.figures:
        if one.part == "rules" and one.value is not None:
            count = int(one.what.split()[-2])
            found.setdefault(one.group, []).append((count, one.value))
    return found


def draw(report: Report, path: Path) -> None:
    """Write the plot as SVG, its text as text; needs matplotlib."""
    mpl, pyplot = (importlib.import_module(name) for name in ("matplotlib", "matplotlib.pyplot"))
    mpl.use("svg")
    style = {"svg.fonttype": "none", "svg.hashsalt": "rulesengine", "font.size": 9, "axes.spines.top": False}
    with mpl.rc_context({**style, "axes.spines.right": False}):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8), width_ratios=(3, 2), layout="constrained")
        _draw_dots(left, dots(report))
        _draw_lines(right, lines(report))
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text(encoding="utf-8").splitlines()), "utf-8")


def _draw_dots(axes: Any, found: list[tuple[str, float]]) -> None:
    ordered = sorted(found, key=lambda one: -one[1])
    for height, (name, value) in enumerate(ordered):
        axes.plot(value, height, "o", color=_colour(name))
        axes.annotate(shown(value), (value, height), textcoords="offset points", xytext=(8, 0), va="center")
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.grid(axis="y", color="#e3e6ea")
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_title("five rules: µs an event (log)", loc="left")


def _colour(name: str) -> str:
    return "#1f6fb2" if name.startswith("rulesengine") else "#8a929c"


def _draw_lines(axes: Any, found: dict[str, list[tuple[int, float]]]) -> None:
    for name, points in found.items():
        counts, values = zip(*points, strict=True)
        axes.plot(counts, values, "o-", color=_colour(name), label=name)
        for count, value in points:
            axes.annotate(shown(value), (count, value), textcoords="offset points", xytext=(0, 6), ha="center")
    axes.set_yscale("log")
    axes.margins(x=0.1, y=0.15)
    axes.set_xlabel("rules in the mapping")
    axes.set_title("number of rules: µs an event (log)", loc="left")
    axes.legend(frameon=False, loc="center right")
