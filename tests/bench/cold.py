"""Milliseconds from nothing: `rules apply` of one small payload as a process, against a Python that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from tests.bench.figures import Figure, Scale
from tests.bench.timing import APP, MAPPINGS, ROOT, in_turns, ratio_of, spent_by

NOTHING, IMPORT, APPLY = "python -c pass", "python -c 'import rulesengine'", "rules apply, 5 events"
_PAYLOAD = ROOT / "tests" / "samples" / "sendgrid.json"
_COMMANDS = {
    NOTHING: ("-c", "pass"),
    IMPORT: ("-c", "import rulesengine"),
    APPLY: ("-m", "rulesengine", "apply", "--app", str(APP), str(MAPPINGS / "sendgrid.yml"), str(_PAYLOAD)),
}


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures of each command; all have run once before, so that bytecode and files are at hand."""
    sides = {name: _running(command) for name, command in _COMMANDS.items()}
    in_turns(sides, 1)
    times = in_turns(sides, scale.rounds)
    for name, taken in times.items():
        against = "" if name == NOTHING else NOTHING
        ratio = ratio_of(taken, times[NOTHING]) if against else None
        yield Figure("cold", "A process from start to end", name, median(taken) * 1e3, "ms", against, ratio)


def _running(command: tuple[str, ...]) -> Callable[[], float]:
    return lambda: spent_by(*command).seconds
