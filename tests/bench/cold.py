"""Milliseconds from nothing: `rules apply` of one small payload as a process, against a Python that does nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from statistics import median

from tests.bench.figures import Figure, Scale
from tests.bench.timing import APP, MAPPINGS, ROOT, in_turns, ratio_of, spent_by

NOTHING, IMPORT = "python -c pass", "python -c 'import rulesengine'"
APPLY, KEPT = "rules apply, 5 events, a new mapping", "rules apply, 5 events, a mapping in the store"
_PAYLOAD = ROOT / "tests" / "samples" / "sendgrid.json"
_RUN = ("-m", "rulesengine", "apply", "--app", str(APP), str(MAPPINGS / "sendgrid.yml"), str(_PAYLOAD))
_COMMANDS = {NOTHING: ("-c", "pass"), IMPORT: ("-c", "import rulesengine"), APPLY: _RUN, KEPT: _RUN}


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures of each command; all have run once before, so that bytecode and files are at hand."""
    with tempfile.TemporaryDirectory() as store:
        sides = {name: _running(command, store if name == KEPT else "off") for name, command in _COMMANDS.items()}
        in_turns(sides, 1)
        times = in_turns(sides, scale.rounds)
    for name, taken in times.items():
        against = "" if name == NOTHING else NOTHING
        ratio = ratio_of(taken, times[NOTHING]) if against else None
        yield Figure("cold", "A process from start to end", name, median(taken) * 1e3, "ms", against, ratio)


def _running(command: tuple[str, ...], store: str) -> Callable[[], float]:
    return lambda: spent_by(*command, store=store).seconds
