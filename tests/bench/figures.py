"""What a benchmark yields: figures, each with a ratio to what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("events", "files", "rules", "load", "cold")


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratios of all rounds: the smallest, the median, the largest."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a table: `value` is a median of rounds, `ratio` that of `value` to the row named by `against`.

    `group` is the table within the part. `value` is None where there was nothing to measure, and `note` says why;
    `wrong` marks a peer that gave another event than it should have.
    """

    part: str
    group: str
    what: str
    value: float | None
    unit: str
    against: str = ""
    ratio: Ratio | None = None
    note: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: rounds of calls and the seconds of each, lines of a file, rounds of commands.

    `sizes` are megabytes of input that the memory of a run is measured at.
    """

    quick: bool
    rounds: int
    seconds: float
    lines: int
    commands: int
    sizes: tuple[int, ...]


FULL = Scale(quick=False, rounds=15, seconds=0.1, lines=1_000_000, commands=7, sizes=(10, 100, 1000))
QUICK = Scale(quick=True, rounds=7, seconds=0.03, lines=100_000, commands=3, sizes=(10, 100))


class WrongAnswer(Exception):
    """A side of a comparison of our own gave another answer than the others, so that no time means anything."""
