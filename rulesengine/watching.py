"""An engine watched: for each item the way it goes through the mapping, counted as `flows` has it.

A watched program is slower than the engine's own and maps no item otherwise.
"""

from __future__ import annotations

from typing import Any

from rulesengine.coverage import Trail
from rulesengine.diagnostics import shortened
from rulesengine.engine import Engine
from rulesengine.flows import HOUR, Flows, Step
from rulesengine.program import IGNORED, ItemFunction, Program, event_key

_LONGEST = 60  # characters of an event's name


class Watch:
    """An engine that counts the ways of one provider's items into `flows`, which its user may replace."""

    def __init__(self, engine: Engine, provider: str) -> None:
        self.flows = Flows()
        self._program = engine.program(provider)
        self._trail = Trail(self._program.mapping)
        self._metrics = engine.target.vocabulary.names(engine.target.channel)
        self.engine = engine.noting(provider, self._trail, around=self._watched)

    def add_rejected(self, count: int) -> None:
        """Add those of so many rejected items that never came to a rule: bodies and steps of `each` with a fault."""
        known = sum(number for step, number in self.flows.steps.items() if step.outcome == "rejected")
        if count > known:
            self.flows.steps[Step("", "", "", "rejected")] += count - known

    def _watched(self, function: ItemFunction) -> ItemFunction:
        """The function of a program that also counts which way an item goes."""

        def item(item: Any, root: Any, parent: Any, request: Any) -> Any:
            event = _event_of(self._program, (item, root, parent, request))
            try:
                made = function(item, root, parent, request)
            except Exception:  # whatever it is, it is told of the item by who called
                self.flows.steps[Step(event, "", "", "rejected")] += 1
                raise
            if isinstance(made, tuple):
                self._not_emitted(event, made)
            else:
                self._emitted(event, made if isinstance(made, list) else [made])
            return made

        return item

    def _not_emitted(self, event: str, made: tuple[str, int | None, Any]) -> None:
        outcome, rule, _ = made
        label = "" if rule is None else self._program.mapping.rules[rule].label
        self.flows.steps[Step(event, label, "", "ignored" if outcome is IGNORED else "unmatched")] += 1

    def _emitted(self, event: str, made: list[dict[str, Any]]) -> None:
        label = self._trail.last.label if self._trail.last is not None else ""
        for one in made:
            metric = self._metrics[event_key(one)]
            self.flows.steps[Step(event, label, metric, "emitted")] += 1
            ts = one["data"].get("ts")
            if isinstance(ts, int | float):
                self.flows.hours[metric, int(ts // HOUR) * HOUR] += 1


def _event_of(program: Program, scope: tuple[Any, Any, Any, Any]) -> str:
    """The name of what happened to an item, shortened; empty where it has none or it cannot be told."""
    try:
        name = program.event(*scope) if program.event is not None else None
    except Exception:  # noqa: BLE001 an expression may raise anything on an item it was not written for
        return ""
    return shortened(name, _LONGEST) if isinstance(name, str) else ""
