"""What Optimizely Data Platform takes: metrics, the event each becomes, channel types. Data, in `data/odp.yml`.

The vocabulary advises and app.yml decides: a metric that the vocabulary does not know cannot be emitted, and of those
it knows, only the ones that app.yml declares. `doubt` on a row says where its sources disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from rulesengine import shape, source
from rulesengine.diagnostics import Diagnostic

ATTRIBUTABLE = "attributable"
CHANNEL = "channel()"


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the vocabulary: `type` is None where it is the app's channel type; `generated`: not ours to emit."""

    name: str
    group: str
    type: str | None
    action: str
    update: str | None
    takes_list: bool
    generated: bool
    doubt: str

    def event_type(self, channel: str) -> str:
        """The `type` of this metric's event in an app of the given channel type."""
        return self.type if self.type is not None else channel


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Metrics by name, the metrics that may be marked attributable, channel types, messaging identifiers."""

    metrics: Mapping[str, Metric]
    attributable: tuple[str, ...]
    channel_types: tuple[str, ...]
    messaging_names: tuple[str, ...]
    messaging_suffixes: tuple[str, ...]

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The metrics that each group of `channel.metrics` may list."""
        groups: dict[str, tuple[str, ...]] = {}
        for metric in self.metrics.values():
            groups[metric.group] = (*groups.get(metric.group, ()), metric.name)
        return {**groups, ATTRIBUTABLE: self.attributable}

    def find(self, kind: str, action: str, update: str | None, channel: str) -> Metric | None:
        """The metric whose event has this type, action and update type in an app of this channel type."""
        for metric in self.metrics.values():
            if (metric.event_type(channel), metric.action, metric.update) == (kind, action, update):
                return metric
        return None

    def names(self, channel: str) -> dict[tuple[str, str, str | None], str]:
        """The metrics by type, action and update type of their events in an app of this channel type."""
        return {(one.event_type(channel), one.action, one.update): one.name for one in self.metrics.values()}

    def is_messaging(self, identifier: str) -> bool:
        """Whether messages can be sent to an identifier of this name."""
        return identifier in self.messaging_names or identifier.endswith(self.messaging_suffixes)


def read_vocabulary(file: str, raw: bytes) -> tuple[Vocabulary | None, list[Diagnostic]]:
    """The vocabulary of a file like data/odp.yml, and its faults; None when there are any."""
    root, faults = source.read(file, raw)
    if root is not None:
        faults = [*faults, *shape.check_vocabulary(root)]
    return (None, faults) if faults or root is None else (_build(root.data), [])


@cache
def default_vocabulary() -> Vocabulary:
    """The vocabulary that comes with the package."""
    raw = resources.files("rulesengine").joinpath("data/odp.yml").read_bytes()
    vocabulary, faults = read_vocabulary("odp.yml", raw)
    assert vocabulary is not None, faults
    return vocabulary


def _build(data: Mapping[str, Any]) -> Vocabulary:
    identifiers = data.get("messaging_identifiers", {})
    return Vocabulary(
        metrics={name: _metric(name, row) for name, row in data["metrics"].items()},
        attributable=tuple(data.get("attributable", ())),
        channel_types=tuple(data["channel_types"]),
        messaging_names=tuple(identifiers.get("names", ())),
        messaging_suffixes=tuple(identifiers.get("suffixes", ())),
    )


def _metric(name: str, row: Mapping[str, Any]) -> Metric:
    return Metric(
        name=name,
        group=row["group"],
        type=None if row["type"] == CHANNEL else row["type"],
        action=row["action"],
        update=row.get("reachability_update_type"),
        takes_list=row.get("list_id", False),
        generated=row.get("generated", False),
        doubt=row.get("doubt", ""),
    )
