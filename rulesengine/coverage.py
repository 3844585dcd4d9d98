"""What of a mapping runs: its rules, the emissions of each, the entries of its tables.

A part is known by its place in the file. A program compiled with a set of places adds to it, as items pass, the place
of each part that had its say: a rule that emitted or ignored an item, an emission that became an event, an entry that
was asked for. A rule whose item was rejected in the end has not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rulesengine.diagnostics import Place
from rulesengine.model import Mapping as MappingFile
from rulesengine.model import Rule, Table

RULE, EMISSION, ENTRY = "rule", "emission", "entry"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a mapping that can run: a `kind`, a name in words, and its place."""

    kind: str
    name: str
    place: Place


def parts(mapping: MappingFile) -> Iterator[Part]:
    """The parts of a mapping, tables first; an emission only where its rule has several."""
    for table in mapping.tables.values():
        for entry in table.all_entries:
            yield Part(ENTRY, f"{table.name}: {entry.key}", entry.key_place)
    for rule in mapping.rules:
        yield Part(RULE, rule.label, rule.place)
        if len(rule.emissions) > 1:
            for emission in rule.emissions:
                name = (
                    emission.metric.value if emission.metric else emission.table.value if emission.table else "action"
                )
                yield Part(EMISSION, f"{rule.label}: {name}", emission.place)


class Trail(set[Place]):
    """What a program notes, and the rule it noted last."""

    def __init__(self, mapping: MappingFile) -> None:
        super().__init__()
        self._rules = {rule.place: rule for rule in mapping.rules}
        self.last: Rule | None = None

    def add(self, place: Place) -> None:
        """Note a part that runs."""
        super().add(place)
        self.last = self._rules.get(place, self.last)


class NotedTable(dict[str, Any]):
    """The values of a table, noting each entry that is asked for."""

    def __init__(self, values: Mapping[str, Any], table: Table, seen: set[Place]) -> None:
        super().__init__(values)
        self._table, self._seen = table, seen

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or the default, as a plain table gives it."""
        entry = self._table.entries.get(key, self._table.default)
        if entry is not None:
            self._seen.add(entry.key_place)
        return super().get(key, default)
