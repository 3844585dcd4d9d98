"""A mapping evaluated rule by rule with jmespath.py, as most engines in Python do: what compiling is compared with.

Each expression is parsed once; each item is then put to one `when` after the other. Only what the benchmarks need of
the language is here: tables and metrics in `emit`, `list_id`, `identifiers` and `data`; outcomes are an event or None.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jmespath
import yaml
from jmespath import functions

from rulesengine.vocabulary import default_vocabulary

Event = dict[str, Any]


class Functions(functions.Functions):
    """The added functions that the mapping for SendGrid calls."""

    @functions.signature({"types": ["string", "null"]})
    def _func_lower(self, value: str | None) -> str | None:
        return None if value is None else value.lower()

    @functions.signature({"types": ["string", "null"]})
    def _func_trim(self, value: str | None) -> str | None:
        return None if value is None else value.strip()

    @functions.signature({"types": ["string", "number", "null"]})
    def _func_epoch(self, value: str | float | None) -> int | None:
        return None if value is None else int(value)

    @functions.signature({"types": []})
    def _func_text(self, value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))


_OPTIONS = jmespath.Options(custom_functions=Functions())


def _compiled(expressions: dict[str, str]) -> list[tuple[str, Any]]:
    return [(name, jmespath.compile(text)) for name, text in expressions.items()]


class Interpreted:
    """One mapping for a channel type, called with an item."""

    def __init__(self, mapping: Path, channel: str) -> None:
        text = yaml.safe_load(mapping.read_text(encoding="utf-8"))
        metrics = default_vocabulary().metrics
        self._metrics = {
            name: (one.event_type(channel), one.action, one.update)
            for name, one in metrics.items()
            if not one.generated
        }
        self._tables: dict[str, dict[str, str]] = text.get("tables", {})
        self._rules = [self._rule(rule, text["event"]) for rule in text["rules"]]

    def _rule(self, rule: dict[str, Any], shared: dict[str, dict[str, str]]) -> tuple[Any, ...]:
        when = jmespath.compile(rule["when"])
        if "ignore" in rule:
            return when, None, None, [], []
        emit, key = rule["emit"], None
        if isinstance(emit, dict):
            emit, key = self._tables[emit["table"]], jmespath.compile(emit["key"])
        data = {**shared["data"], **rule.get("data", {})}
        if "list_id" in rule:
            data["list_id"] = rule["list_id"]
        return when, emit, key, _compiled({**shared["identifiers"], **rule.get("identifiers", {})}), _compiled(data)

    def __call__(self, item: Event) -> Event | None:
        """The event of an item, None where a rule ignores it. KeyError for one that no rule or table knows."""
        for when, emit, key, identifiers, data in self._rules:
            if not when.search(item, _OPTIONS):
                continue
            if emit is None:
                return None
            metric = emit if key is None else emit[key.search(item, _OPTIONS)]
            if metric == "ignore":
                return None
            kind, action, update = self._metrics[metric]
            found = _found(data, item)
            if update is not None:
                found["reachability_update_type"] = update
            return {"type": kind, "action": action, "identifiers": _found(identifiers, item), "data": found}
        raise KeyError(item.get("event"))


def _found(expressions: list[tuple[str, Any]], item: Event) -> Event:
    found = ((name, expression.search(item, _OPTIONS)) for name, expression in expressions)
    return {name: value for name, value in found if value is not None}
