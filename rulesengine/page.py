"""What became of a run, as one HTML page that needs nothing else: the flow from events to outcomes, counts over time,
what is not mapped.

The page has no scripts and loads nothing. What comes from payloads is escaped; what a run counts is all that is in it:
of faults the kind and not the sentence, which quotes values, and in values of events and tables no address.

Limits: a value that names a person, but has neither an @ nor a long number, is shown as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape

from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import printable
from rulesengine.drafting.redaction import without_addresses
from rulesengine.flows import HOUR, OTHERS, Flows, Step
from rulesengine.sankey import Flow, picture
from rulesengine.tally import Tally, Unmapped

DAY = 86_400  # seconds
_MOST = 30  # things in a column of the flow; the rest is one
_BARS = 120
_ROWS = 100  # of a table
_WHERE = ("place in the mapping", "first seen")
_HEADS = ("provider's event", "rule", "ODP metric", "outcome")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: cells, the first of which is a count."""

    count: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows."""

    title: str
    summary: str
    flows: Flows
    unmapped: Sequence[Row]
    problems: Sequence[Row]


def report_of(tally: Tally, title: str) -> Report:
    """The report of a run that was watched."""
    summary = (
        f"{tally.items:,} items in {tally.bodies:,} bodies: {tally.emitted:,} emitted ({tally.events:,} events), "
        f"{tally.ignored:,} ignored, {tally.unmatched:,} unmatched, {tally.rejected:,} rejected"
    )
    unmapped = [Row(seen.times, (_named(value), value.place, str(seen.first))) for value, seen in tally.most_unmapped()]
    return Report(title, summary, tally.flows or Flows(), unmapped[:_ROWS], _problems(tally)[:_ROWS])


def _named(one: Unmapped) -> str:
    """A value that is not mapped; addresses are hidden before it is cut to what is shown."""
    return str(one if one.value is None else replace(one, value=without_addresses(one.value)))


def _problems(tally: Tally) -> list[Row]:
    """The kinds of faults by code and place, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for one, seen in tally.problems.items():
        kind = one.code, one.place
        counts[kind] += seen.times
        first.setdefault(kind, str(seen.first))
    return [
        Row(count, (code, BY_NUMBER[code].title, place, first[code, place]))
        for (code, place), count in counts.most_common()
    ]


def render_page(report: Report) -> str:
    """The page as HTML."""
    return _PAGE.format(
        title=_text(report.title),
        summary=_text(report.summary),
        flow=picture(_flows(report.flows.steps), _HEADS) or "<p>No item was mapped.</p>",
        time=_over_time(report.flows.hours) or "<p>No event has a time.</p>",
        unmapped=_table(("count", "value", "place in the mapping", "first seen"), report.unmapped)
        or "<p>Nothing is unmapped.</p>",
        problems=_table(("count", "code", "what", "place in the mapping", "first seen"), report.problems)
        or "<p>None.</p>",
    )


# -- flow -------------------------------------------------------------------------------------------------------------


def _flows(steps: Mapping[Step, int]) -> list[Flow]:
    """The steps as flows; of too many events or rules the smaller ones are one."""
    events, rules = (_kept(steps, name) for name in ("event", "rule"))
    merged: Counter[tuple[tuple[str, ...], str]] = Counter()
    for step, count in steps.items():
        through = (
            _shown(step.event, events, "(no event)"),
            _shown(step.rule, rules, f" {step.outcome}"),
            step.metric or f" {step.outcome}",
            step.outcome,
        )
        merged[through, step.outcome] += count
    return [Flow(through, kind, count) for (through, kind), count in merged.items()]


def _kept(steps: Mapping[Step, int], name: str) -> set[str]:
    counts: Counter[str] = Counter()
    for step, count in steps.items():
        counts[getattr(step, name)] += count
    return {one for one, _ in counts.most_common(_MOST)}


def _shown(name: str, kept: set[str], nothing: str) -> str:
    return (printable(without_addresses(name)) or nothing) if name in kept else OTHERS


# -- time -------------------------------------------------------------------------------------------------------------


def _over_time(hours: Mapping[tuple[str, int], int]) -> str:
    """Bars of events by the hour, or by the day where there would be too many."""
    if not hours:
        return ""
    times = [hour for _, hour in hours]
    unit = HOUR if (max(times) - min(times)) / HOUR < _BARS else DAY
    bars: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (metric, hour), count in hours.items():
        bars[hour - hour % unit][metric] += count
    metrics = [one for one, _ in sum(bars.values(), Counter()).most_common()]
    shown = sorted(bars)[-_BARS:]
    left_out = f"<p>The last {_BARS} of {len(bars)} days with events.</p>" if len(shown) < len(bars) else ""
    return f"{left_out}{_legend(metrics)}{_bars(bars, shown, metrics, unit)}"


def _bars(bars: Mapping[int, Counter[str]], shown: Sequence[int], metrics: Sequence[str], unit: int) -> str:
    first, last = shown[0], shown[-1]
    slots = (last - first) // unit + 1
    width, height = 1100 / max(slots, 1), 160
    most = max(bars[time].total() for time in shown)
    parts = []
    for time in shown:
        y = float(height)
        for number, metric in enumerate(metrics):
            count = bars[time][metric]
            if count:
                tall = height * count / most
                y -= tall
                x, told = 40 + (time - first) // unit * width, _text(f"{_when(time, unit)}: {metric} {count:,}")
                parts.append(
                    f'<rect class="m{number % 8}" x="{x:.1f}" y="{y:.1f}" width="{max(width - 1, 1):.1f}" '
                    f'height="{tall:.1f}"><title>{told}</title></rect>'
                )
    axis = (
        f'<text x="40" y="{height + 16}">{_when(first, unit)}</text>'
        f'<text x="1140" y="{height + 16}" text-anchor="end">{_when(last, unit)}</text>'
        f'<text x="34" y="12" text-anchor="end">{most:,}</text>'
    )
    return (
        f'<svg viewBox="0 0 1160 {height + 24}" role="img" aria-label="events over time">{"".join(parts)}{axis}</svg>'
    )


def _legend(metrics: Sequence[str]) -> str:
    keys = (f'<span><i class="m{number % 8}"></i>{_text(one)}</span>' for number, one in enumerate(metrics))
    return f'<p class="legend">{"".join(keys)}</p>'


def _when(time: int, unit: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d" if unit == DAY else "%Y-%m-%d %H:00")


# -- tables -----------------------------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    lines = [
        f"<tr><td>{row.count:,}</td>{''.join(f'<td>{_text(cell)}</td>' for cell in row.cells)}</tr>" for row in rows
    ]
    if not lines:
        return ""
    head = "".join(f"<th>{_text(one)}</th>" for one in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _text(text: str) -> str:
    return escape(printable(text))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1c2126; --quiet: #6b7680; --back: #fff; --line: #dde2e6; --thing: #44505a;
  --emitted: #2a9d8f; --ignored: #a3adb5; --unmatched: #e9a23b; --rejected: #d1495b; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e6eaed; --quiet: #93a0aa; --back: #14181b; --line: #2c343a;
  --thing: #b9c4cc; }} }}
body {{ margin: 2rem auto; max-width: 1160px; padding: 0 1rem; color: var(--text); background: var(--back);
  font: 15px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; margin-top: 2.2rem; }}
svg {{ width: 100%; height: auto; font-size: 12px; }}
svg text {{ fill: var(--text); }} svg .head, svg .count {{ fill: var(--quiet); }} svg rect {{ fill: var(--thing); }}
.band {{ fill: none; stroke-opacity: .45; }} .band:hover {{ stroke-opacity: .8; }}
.emitted {{ stroke: var(--emitted); }} .ignored {{ stroke: var(--ignored); }}
.unmatched {{ stroke: var(--unmatched); }} .rejected {{ stroke: var(--rejected); }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }}
th {{ color: var(--quiet); font-weight: 500; }} td:first-child, th:first-child {{ text-align: right; width: 6rem; }}
.legend span {{ margin-right: 1rem; white-space: nowrap; }}
.legend i {{ display: inline-block; width: .8em; height: .8em; margin-right: .35em; }}
svg .m0 {{ fill: #2a9d8f; }} svg .m1 {{ fill: #457b9d; }} svg .m2 {{ fill: #d1495b; }} svg .m3 {{ fill: #e9a23b; }}
svg .m4 {{ fill: #8d6cab; }} svg .m5 {{ fill: #6a994e; }} svg .m6 {{ fill: #bc6c25; }} svg .m7 {{ fill: #7f8c96; }}
i.m0 {{ background: #2a9d8f; }} i.m1 {{ background: #457b9d; }} i.m2 {{ background: #d1495b; }}
i.m3 {{ background: #e9a23b; }} i.m4 {{ background: #8d6cab; }} i.m5 {{ background: #6a994e; }}
i.m6 {{ background: #bc6c25; }} i.m7 {{ background: #7f8c96; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
<h2>From event to outcome</h2>
{flow}
<h2>Events over time</h2>
{time}
<h2>Not mapped</h2>
{unmapped}
<h2>Rejected</h2>
{problems}
</body>
</html>
"""
