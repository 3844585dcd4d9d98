"""Whole commands over NDJSON files: `rules apply` against a loop that only decodes and encodes, and its memory."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from tests.bench import handwritten
from tests.bench.figures import Figure, Scale, WrongAnswer
from tests.bench.samples import events, write_lines
from tests.bench.timing import APP, MAPPINGS, in_turns, ratio_of, spent_by

LOOP, BY_HAND = "orjson.loads and orjson.dumps", "the same with the work by hand"
APPLY, JOBS, PACKED = "rules apply", "rules apply --jobs 2", "rules apply, .gz input"
HALVES = "two of them at once, half the file each"
_AGAINST = {BY_HAND: LOOP, APPLY: LOOP, JOBS: APPLY, HALVES: APPLY, PACKED: APPLY}
_MB = 10**6
_MEMORY_ROUNDS = 3


def apply_command(source: Path, out: Path, *options: str) -> tuple[str, ...]:
    """The arguments of Python for `rules apply` of a file."""
    mapping = str(MAPPINGS / "sendgrid.yml")
    return ("-m", "rulesengine", "apply", "--app", str(APP), mapping, str(source), "-o", str(out), *options)


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures of speed, then those of memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        yield from _speed(folder, scale)
    with TemporaryDirectory() as name:
        yield from _memory(Path(name), scale)


def _speed(folder: Path, scale: Scale) -> Iterator[Figure]:
    source, packed, out = folder / "events.ndjson", folder / "events.ndjson.gz", folder / "out.ndjson"
    write_lines(source, count=scale.lines)
    with source.open("rb") as unpacked, gzip.open(packed, "wb", compresslevel=6) as file:
        shutil.copyfileobj(unpacked, file, 2**20)
    commands = {
        LOOP: ("-m", "tests.bench.loop_orjson", str(source), str(out)),
        BY_HAND: ("-m", "tests.bench.loop_handwritten", str(source), str(out)),
        APPLY: apply_command(source, out),
        JOBS: apply_command(source, out, "--jobs", "2"),
        PACKED: apply_command(packed, out),
    }
    for side, command in commands.items():
        spent_by(*command)
        check_output(side, out, scale.lines)
    sides = {side: _running(command) for side, command in commands.items()}
    sides[HALVES] = _together([apply_command(half, half.with_suffix(".out")) for half in halves(source)])
    times = in_turns(sides, scale.commands)
    size = source.stat().st_size / _MB
    group = f"{scale.lines:,} events, {size:,.0f} MB of NDJSON"
    for side, taken in times.items():
        other = _AGAINST.get(side, "")
        ratio = ratio_of(taken, times[other]) if other else None
        seconds = median(taken)
        note = f"{size / seconds:,.0f} MB/s, {scale.lines / seconds:,.0f} events/s"
        if side == APPLY:
            note += f"; {ratio_of(taken, times[BY_HAND]).median:.2f} times as long as with the work by hand"
        yield Figure("files", group, side, seconds, "s", other, ratio, note)


def halves(source: Path) -> tuple[Path, Path]:
    """Files beside a file of lines, which come to it together."""
    paths = source.with_name("first.ndjson"), source.with_name("second.ndjson")
    with source.open("rb") as lines, paths[0].open("wb") as first, paths[1].open("wb") as second:
        first.writelines(lines.readlines(source.stat().st_size // 2))
        shutil.copyfileobj(lines, second, 2**20)
    return paths


def check_output(side: str, out: Path, count: int) -> None:
    """That a side wrote what it should have: the events as made by hand, or, of the bare loop, the lines themselves."""
    decode = msgspec.json.Decoder().decode
    with out.open("rb") as lines:
        for line, item in zip_longest(lines, events(count)):
            expected = item if item is None or side == LOOP else handwritten.sendgrid(item)
            if line is None or decode(line) != expected:
                raise WrongAnswer(f"files: {side} wrote {line!r}, not {expected!r}")


def _memory(folder: Path, scale: Scale) -> Iterator[Figure]:
    commands: dict[str, tuple[str, ...]] = {}
    for size in scale.sizes:
        source = folder / f"{size}.ndjson"
        write_lines(source, size=size * _MB)
        commands[f"rules apply, {size:,} MB of input"] = apply_command(source, folder / "out.ndjson")
    least = next(iter(commands))
    peaks = in_turns({side: _peak(command) for side, command in commands.items()}, _MEMORY_ROUNDS)
    for side, found in peaks.items():
        ratio = ratio_of(found, peaks[least]) if side != least else None
        yield Figure("files", "Peak memory", side, median(found) / _MB, "MB", least if ratio else "", ratio)


def _running(command: tuple[str, ...]) -> Callable[[], float]:
    return lambda: spent_by(*command).seconds


def _together(commands: Sequence[tuple[str, ...]]) -> Callable[[], float]:
    """What the slower of several takes that begin at once."""

    def side() -> float:
        with ThreadPoolExecutor(len(commands)) as pool:
            return max(spent.seconds for spent in pool.map(lambda command: spent_by(*command), commands))

    return side


def _peak(command: tuple[str, ...]) -> Callable[[], float]:
    return lambda: float(spent_by(*command).memory)
