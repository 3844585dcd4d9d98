"""The ways that items go through a mapping, counted: event, rule, metric, outcome; and events by the hour.

Names of events come from payloads: past a number of different ones the others are one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

HOUR = 3600  # seconds
OTHERS = "(others)"
_MOST_EVENTS = 500


class Step(NamedTuple):
    """A way an item goes: the provider's event, the rule and the metric, each empty without one, and the outcome."""

    event: str
    rule: str
    metric: str
    outcome: str


@dataclass(slots=True)
class Flows:
    """How many items went each way, and how many events there were of a metric in an hour (epoch seconds)."""

    steps: Counter[Step] = field(default_factory=Counter)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, other: Flows) -> None:
        """Add what a later part of a run counted."""
        self.hours.update(other.hours)
        known = {step.event for step in self.steps}
        for step, count in other.steps.items():
            name = step.event if step.event in known or len(known) < _MOST_EVENTS else OTHERS
            known.add(name)
            self.steps[step._replace(event=name)] += count
