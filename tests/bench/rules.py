"""Microseconds an event against the number of rules in a mapping: ten events, which the last ten rules take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rulesengine import Engine
from tests.bench.figures import Figure, Scale, WrongAnswer
from tests.bench.interpreted import Interpreted
from tests.bench.samples import Event
from tests.bench.timing import APP, in_turns, looped, ratio_of

COUNTS = (10, 50, 200)
_TAKEN = 10
_METRICS = ("delivery", "open", "click", "soft_bounce")


def mapping_of(rules: int, provider: str = "many") -> str:
    """A mapping of so many rules; the events of the last ten are `e0` to `e9`, whatever their number."""
    names = [f"e{rules - 1 - number}" for number in range(rules)]
    written = [
        f"  - when: event == '{name}'\n    emit: {_METRICS[number % len(_METRICS)]}\n    data:\n      value: reason\n"
        for number, name in enumerate(reversed(names))
    ]
    return (
        f"mapping: 1\nprovider: {provider}\npayload:\n  event: event\n  events: [{', '.join(names)}]\n"
        "event:\n  identifiers:\n    email: lower(trim(email))\n  data:\n    ts: epoch(timestamp)\n"
        f"    message_id: message\nrules:\n{''.join(reversed(written))}"
    )


def items() -> list[Event]:
    """One event for each of the last ten rules."""
    return [
        {"event": f"e{number}", "email": f"Ann{number}@Example.com", "timestamp": 1_764_547_200 + number,
         "message": f"m{number}", "reason": "250 OK"}
        for number in range(_TAKEN)
    ]  # fmt: skip


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures for each number of rules."""
    found = items()
    calls: dict[tuple[str, int], Callable[[], list[Any]]] = {}
    with TemporaryDirectory() as folder:
        for count in COUNTS:
            path = Path(folder) / f"{count}.yml"
            path.write_text(mapping_of(count), encoding="utf-8")
            calls["rulesengine", count] = _ours(Engine.load(path, app=APP), found)
            calls["jmespath.py", count] = _interpreted(Interpreted(path, "email"), found)
    answers = [call() for call in calls.values()]
    if any(answer != answers[0] for answer in answers):
        raise WrongAnswer("rules: mappings of different length give different events")
    sides = {_name(*key): looped(call, scale.seconds) for key, call in calls.items()}
    times = in_turns(sides, scale.rounds)
    for engine in ("rulesengine", "jmespath.py"):
        for count in COUNTS:
            name, least = _name(engine, count), _name(engine, COUNTS[0])
            ratio = ratio_of(times[name], times[least]) if name != least else None
            value = median(times[name]) / _TAKEN * 1e6
            yield Figure("rules", engine, name, value, "µs", least if ratio else "", ratio)


def _name(engine: str, rules: int) -> str:
    return f"{engine}, {rules} rules"


def _ours(engine: Engine, found: list[Event]) -> Callable[[], list[Any]]:
    return lambda: [engine.apply("many", item).events[0] for item in found]


def _interpreted(mapping: Interpreted, found: list[Event]) -> Callable[[], list[Any]]:
    return lambda: [mapping(item) for item in found]
