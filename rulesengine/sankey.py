"""A flow drawn: things in columns, bands between them as thick as what flows, as an SVG picture.

Each flow goes through one place in every column, so that bands never cross a thing they do not belong to. Things stand
in the order of where their flows come from. Nothing here knows what flows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rulesengine.diagnostics import shortened

WIDTH, BAR, GAP, LEAST = 1160, 12, 10, 1.5  # in pixels: the picture, a thing, the space between two, the thinnest band
_LABEL = 28  # characters


@dataclass(frozen=True, slots=True)
class Flow:
    """So many (`count`) through these things, one a column; `kind` is the class of its band, for its colour.

    A name that begins with a space keeps a place free for the band and is not drawn.
    """

    through: tuple[str, ...]
    kind: str
    count: int


@dataclass(slots=True)
class Node:
    """A thing in a column: where it stands, and how far bands into and out of it have been drawn."""

    column: int
    name: str
    count: int
    y: float = 0.0
    height: float = 0.0
    drawn_in: float = 0.0
    drawn_out: float = 0.0


def picture(flows: Sequence[Flow], heads: Sequence[str]) -> str:
    """The SVG of some flows under the heads of their columns; empty without flows."""
    if not flows:
        return ""
    columns = _columns(flows)
    scale = _scale(columns)
    height = max(_place(column, scale) for column in columns) + 40
    body = [*_bands(flows, columns, scale), *_things(columns), *_heads(heads)]
    label = escape(" to ".join(heads))
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">{"".join(body)}</svg>'


def _columns(flows: Sequence[Flow]) -> list[list[Node]]:
    """The things of each column: the first by what flows through them, the others by where that comes from."""
    count = len(flows[0].through)
    totals: list[defaultdict[str, int]] = [defaultdict(int) for _ in range(count)]
    for flow in flows:
        for column, name in enumerate(flow.through):
            totals[column][name] += flow.count
    columns = [[Node(0, name, number) for name, number in sorted(totals[0].items(), key=lambda one: -one[1])]]
    for column in range(1, count):
        rank = {node.name: number for number, node in enumerate(columns[-1])}
        middle = _middles(flows, column, rank)
        names = sorted(totals[column], key=lambda name: (middle[name], name))
        columns.append([Node(column, name, totals[column][name]) for name in names])
    return columns


def _middles(flows: Sequence[Flow], column: int, rank: Mapping[str, int]) -> dict[str, float]:
    """For each thing of a column the middle of the ranks that its flows come from."""
    weighted: defaultdict[str, float] = defaultdict(float)
    total: defaultdict[str, int] = defaultdict(int)
    for flow in flows:
        weighted[flow.through[column]] += rank[flow.through[column - 1]] * flow.count
        total[flow.through[column]] += flow.count
    return {name: weighted[name] / total[name] for name in total}


def _scale(columns: Sequence[Sequence[Node]]) -> float:
    """Pixels for one that flows: enough for the names of the fullest column."""
    total = sum(node.count for node in columns[0])
    most = max(len(column) for column in columns)
    return max(260, 14 * most) / total


def _place(column: Sequence[Node], scale: float) -> float:
    """Put the things of a column below each other; where the last one ends."""
    y = 34.0
    for node in column:
        node.y, node.height = y, max(LEAST, node.count * scale)
        y += max(node.height, 14) + GAP
    return y


def _x(column: int, columns: int) -> float:
    left, right = 220.0, 130.0
    return left + (WIDTH - left - right - BAR) * column / (columns - 1)


def _bands(flows: Sequence[Flow], columns: Sequence[Sequence[Node]], scale: float) -> Iterator[str]:
    nodes = [{node.name: node for node in column} for column in columns]
    order = [{node.name: number for number, node in enumerate(column)} for column in columns]
    for column in range(len(columns) - 1):
        placed = sorted(flows, key=lambda one: [order[n][name] for n, name in enumerate(one.through)])
        for flow in sorted(placed, key=lambda one: order[column][one.through[column]]):
            source, target = nodes[column][flow.through[column]], nodes[column + 1][flow.through[column + 1]]
            thick = max(LEAST, flow.count * scale)
            y, z = source.y + source.drawn_out + thick / 2, target.y + target.drawn_in + thick / 2
            source.drawn_out += flow.count * scale
            target.drawn_in += flow.count * scale
            is_free = target.name[:1] == " "
            end = _x(column + 1, len(columns)) + (BAR if is_free else 0)
            yield _band(_x(column, len(columns)) + BAR, y, end, z, thick, flow)


def _band(x: float, y: float, to_x: float, to_y: float, thick: float, flow: Flow) -> str:
    middle = (x + to_x) / 2
    path = f"M{x:.1f},{y:.1f}C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
    told = escape(f"{' → '.join(name for name in flow.through if name[:1] != ' ')}: {flow.count:,}")
    return f'<path class="band {escape(flow.kind)}" d="{path}" stroke-width="{thick:.1f}"><title>{told}</title></path>'


def _things(columns: Sequence[Sequence[Node]]) -> Iterator[str]:
    last = len(columns) - 1
    for node in (node for column in columns for node in column if node.name[:1] != " "):
        x, middle = _x(node.column, len(columns)), node.y + node.height / 2 + 4
        at, anchor = (x - 6, "end") if node.column < 1 else (x + BAR + 6, "start")
        told = escape(f"{node.name}: {node.count:,}")
        box = f'x="{x:.1f}" y="{node.y:.1f}" width="{BAR}" height="{node.height:.1f}"'
        yield f"<rect {box}><title>{told}</title></rect>"
        label = escape(shortened(node.name, _LABEL))
        count = f' <tspan class="count">{node.count:,}</tspan>' if node.column in (0, last) else ""
        yield f'<text x="{at:.1f}" y="{middle:.1f}" text-anchor="{anchor}"><title>{told}</title>{label}{count}</text>'


def _heads(heads: Sequence[str]) -> Iterator[str]:
    for column, head in enumerate(heads):
        x = _x(column, len(heads))
        at, anchor = (x - 6, "end") if column < 1 else (x, "start")
        yield f'<text class="head" x="{at:.1f}" y="16" text-anchor="{anchor}">{escape(head)}</text>'
