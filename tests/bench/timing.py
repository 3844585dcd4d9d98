"""The measurement: all sides take turns, round by round, so that a slow moment of the machine hits them alike.

A ratio is that of two times of the same round; what is reported is the median of the ratios of all rounds, with the
smallest and the largest.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.bench.figures import Ratio

ROOT = Path(__file__).parent.parent.parent
MAPPINGS = ROOT / "mappings"
APP = MAPPINGS / "apps" / "email.yml"
_SPAWN = Path(__file__).with_name("spawn.py")
_LOOPS = 3

Times = dict[str, list[float]]


def ratio_of(times: Sequence[float], against: Sequence[float]) -> Ratio:
    """The ratios, round by round, of two sides that took turns."""
    ratios = [one / other for one, other in zip(times, against, strict=True)]
    return Ratio(min(ratios), statistics.median(ratios), max(ratios))


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """What each side returns in each round; every other round goes through them backwards."""
    times: Times = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides.items())
        for name, side in order if number % 2 == 0 else reversed(order):
            times[name].append(side())
    return times


def looped(call: Callable[[], object], seconds: float) -> Callable[[], float]:
    """A side that calls `call` over and over for about `seconds`; it returns the seconds of one call.

    That is the best of three loops, so that an interruption of a few milliseconds spoils none of it. The garbage
    collector runs as it does in a program; each round begins with nothing to collect.
    """
    call()
    start = perf_counter()
    call()
    once = perf_counter() - start
    count = max(1, round(seconds / _LOOPS / max(once, 1e-7)))

    def loop() -> float:
        start = perf_counter()
        for _ in range(count):
            call()
        return (perf_counter() - start) / count

    def side() -> float:
        gc.collect()
        return min(loop() for _ in range(_LOOPS))

    return side


@dataclass(frozen=True, slots=True)
class Spent:
    """What a finished command took: seconds on the clock, the most bytes of memory at any one time."""

    seconds: float
    memory: int


def spent_by(*command: str, store: str = "off") -> Spent:
    """Run `python COMMAND` from the checkout to its end. RuntimeError with what it said when it fails.

    `store` is where it keeps compiled mappings. A small process in between starts it and waits: the peak memory that
    Linux tells of a child is at least that of its parent, and this one has loaded a lot.
    """
    line = [sys.executable, "-I", str(_SPAWN), sys.executable, *command]
    environment = {**os.environ, "RULES_STORE": store}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"python {' '.join(command)} failed:\n{done.stderr}")
    told = json.loads(done.stdout)
    return Spent(told["seconds"], told["memory"])
