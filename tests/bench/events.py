"""Microseconds an event, dict in, dict out: the engine, the same by hand, jmespath.py rule by rule, and the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rulesengine import Engine
from tests.bench import handwritten
from tests.bench.figures import Figure, Scale, WrongAnswer
from tests.bench.interpreted import Interpreted
from tests.bench.peers import PEERS, Peer
from tests.bench.samples import Event, events
from tests.bench.timing import APP, MAPPINGS, Times, in_turns, looped, ratio_of

COUNT = 100
_HERE = Path(__file__).parent

BY_HAND, BY_HAND_LIST = "by hand, one event a call", f"by hand, a list of {COUNT}"
OURS, OURS_BODY = "rulesengine, one event a call", f"rulesengine, a body of {COUNT}"
INTERPRETED = "jmespath.py, rule by rule"


@dataclass(frozen=True, slots=True)
class Task:
    """One job that all sides of a table do: a mapping, the same by hand, and what the events are like."""

    title: str
    mapping: Path
    by_hand: Callable[[Event], Event | None]
    clean: bool = False

    def events(self) -> list[Event]:
        """The events to map: where they are clean, no address has a space before it, and ids of lists are text."""
        found = list(events(COUNT))
        for event in found if self.clean else []:
            event["email"] = event["email"].strip()
            if "asm_group_id" in event:
                event["asm_group_id"] = str(event["asm_group_id"])
        return found


TASKS = {
    "sendgrid": Task("The whole mapping for SendGrid", MAPPINGS / "sendgrid.yml", handwritten.sendgrid),
    "plain": Task("Five rules, the task of the peers", _HERE / "plain.yml", handwritten.plain),
    "reduced": Task(
        "The same without trimming and without numbers to text", _HERE / "reduced.yml", handwritten.reduced, True
    ),
}

Sides = dict[str, Callable[[], Any]]


def sides_of(task: Task, items: list[Event]) -> Sides:
    """What maps all events of a task, by name: each gives the list of ODP events."""
    engine = Engine.load(task.mapping, app=APP)
    (provider,) = engine.providers
    apply, by_hand, interpreted = engine.apply, task.by_hand, Interpreted(task.mapping, "email")
    return {
        BY_HAND: lambda: [by_hand(item) for item in items],
        OURS: lambda: [apply(provider, item).events[0] for item in items],
        BY_HAND_LIST: lambda: handwritten.each(by_hand, items)[0],
        OURS_BODY: lambda: apply(provider, items).events,
        INTERPRETED: lambda: [interpreted(item) for item in items],
    }


def peer_sides(peer: Peer, items: list[Event]) -> Sides:
    """The same for a peer: empty where it is not installed."""
    calls = peer.load()
    if calls is None:
        return {}
    one, many = calls
    sides: Sides = {peer.package: lambda: [one(item) for item in items]}
    if many is not None:
        sides[f"{peer.package}, {COUNT} events a call"] = lambda: many(items)
    return sides


def fault_of(side: Callable[[], Any], items: list[Event], expected: list[Event]) -> str | None:
    """What is wrong with the answer of a side, None if nothing is."""
    before = deepcopy(items)
    try:
        given = side()
    except Exception as raised:  # noqa: BLE001 a peer may raise anything
        return f"raises {type(raised).__name__}: {raised}"
    if items != before:
        return "changes what it is given"
    if len(given) != len(expected):
        return f"gives {len(given)} events, not {len(expected)}"
    return next(
        (f"gives {one!r}, not {right!r}" for one, right in zip(given, expected, strict=True) if one != right), None
    )


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures of all tasks."""
    for name, task in TASKS.items():
        yield from _measure(name, task, scale)


def _measure(name: str, task: Task, scale: Scale) -> Iterator[Figure]:
    items = task.events()
    sides = sides_of(task, items)
    expected = sides[BY_HAND]()
    for side, call in sides.items():
        fault = fault_of(call, items, expected)
        if fault is not None:
            raise WrongAnswer(f"{name}: {side} {fault}")
    notes: dict[str, str] = {}
    rest: list[Figure] = []
    for peer in (one for one in PEERS if one.task == name):
        found = peer_sides(peer, items)
        faults = [fault for call in found.values() if (fault := fault_of(call, items, expected)) is not None]
        if faults or not found:
            note = f"wrong: {faults[0]}" if faults else "not installed"
            rest.append(Figure("events", task.title, peer.package, None, "µs", note=note, wrong=bool(faults)))
            continue
        sides |= found
        notes |= dict.fromkeys(found, peer.note)
    times = in_turns({side: looped(call, scale.seconds) for side, call in sides.items()}, scale.rounds)
    yield from figures_of(task, times, notes)
    yield from rest


def figures_of(task: Task, times: Times, notes: Mapping[str, str]) -> Iterator[Figure]:
    """Seconds of all events of a task, by side and round, as figures; `notes` are those of peers."""
    against = {OURS: BY_HAND, OURS_BODY: BY_HAND_LIST}
    for side, taken in times.items():
        other = "" if side in (BY_HAND, BY_HAND_LIST) else against.get(side, OURS)
        ratio = ratio_of(taken, times[other]) if other else None
        value = median(taken) / COUNT * 1e6
        yield Figure("events", task.title, side, value, "µs", other, ratio, notes.get(side, ""))
