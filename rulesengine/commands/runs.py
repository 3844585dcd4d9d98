"""What the verbs that run mappings share: outputs that harm no input, how they end, what they report."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from rulesengine.commands.common import FAILED, counted
from rulesengine.diagnostics import listed, printable
from rulesengine.output import Sink, forget_output, same_file
from rulesengine.tally import Tally

_EVENTS = "--output"
_PROBLEMS_SHOWN = 20
_UNMAPPED_SHOWN = 10
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def refuse_overwriting(inputs: Iterable[str], outputs: Mapping[str, str | None]) -> None:
    """An output that is an input, or the same as another output, would lose what is there: wrong usage.

    Standard output is one place, where events go unless `--output` names another.
    """
    on_stdout = [name for name, path in outputs.items() if path == "-" or (path is None and name == _EVENTS)]
    if len(on_stdout) > 1:
        raise click.UsageError(
            f"{listed(_called(name, outputs) for name in on_stdout)} would mix on standard output: "
            "name a file for all but one"
        )
    given = {name: path for name, path in outputs.items() if path is not None and path != "-"}
    kept = list(inputs)
    for name, path in given.items():
        if any(same_file(path, other) for other in kept):
            raise click.UsageError(f"{name} {path} would overwrite an input or another output")
        kept.append(path)


def _called(name: str, outputs: Mapping[str, str | None]) -> str:
    return "the events" if name == _EVENTS and outputs[name] is None else f"{name} -"


@contextmanager
def ending_well() -> Iterator[None]:
    """Ends the program as its user means it: terminated, its terminal gone, or the reader of standard output.

    Part files and workers are cleared away. A signal that is ignored stays so: `nohup` asks for it.
    """
    for one in _ENDING:
        if signal.getsignal(one) != signal.SIG_IGN:
            signal.signal(one, _end)
    try:
        yield
    except BrokenPipeError:
        _leave_pipe()


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _leave_pipe() -> NoReturn:
    """End quietly."""
    forget_output()
    raise SystemExit(FAILED)


def write_summary(file: Sink | None, counts: Mapping[str, Any]) -> None:
    """Write the counts as JSON, if they are wanted."""
    if file is not None:
        file.write(json.dumps(counts, indent=2).encode() + b"\n")


def report(tally: Tally, bodies: tuple[str, str]) -> None:
    """The summary on standard error: each kind of fault once, the counts, what is not mapped.

    `bodies` is what the run calls a body, and several.
    """
    for line in (*_problems(tally), _counts(tally, bodies), *_unmapped(tally)):
        click.echo(printable(line), err=True)


def _problems(tally: Tally) -> Generator[str, None, None]:
    problems = sorted(tally.problems.items(), key=lambda one: -one[1].times)
    for problem, seen in problems[:_PROBLEMS_SHOWN]:
        place = f"{problem.place}: " if problem.place else ""
        times = f"  ({seen.times} times)" if seen.times > 1 else ""
        yield f"rejected {problem.code}: {place}{problem.message}{times}"
        yield f"  first in {seen.first}"
    if len(problems) > _PROBLEMS_SHOWN:
        yield f"... and {len(problems) - _PROBLEMS_SHOWN} more kinds"


def _counts(tally: Tally, bodies: tuple[str, str]) -> str:
    items = f"{counted(tally.items, 'item')} in {counted(tally.bodies, *bodies)}"
    emitted = f"{tally.emitted} emitted ({counted(tally.events, 'event')})"
    return f"{items}: {emitted}, {tally.ignored} ignored, {tally.unmatched} unmatched, {tally.rejected} rejected"


def _unmapped(tally: Tally) -> Generator[str, None, None]:
    """A line for each of the most frequent values that the mappings have nothing for."""
    found = tally.most_unmapped()
    shown = [(str(seen.times), str(value), f"{value.code} {value.place}", seen.first) for value, seen in found]
    rows = shown[:_UNMAPPED_SHOWN]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    if rows:
        yield "not mapped:"
    for times, value, place, first in rows:
        yield f"  {times:>{widths[0]}}  {value:{widths[1]}}  {place:{widths[2]}}  first in {first}"
    rest = tally.unmatched - sum(seen.times for _, seen in found[:_UNMAPPED_SHOWN])
    if rest:
        yield f"  and {counted(rest, 'item')} with other values"
