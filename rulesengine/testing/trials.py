"""Cases tried: what became of a body beside what was expected, field by field, and the rule that made it so.

A trial runs a program that notes what it does (`coverage`), so that each event is known to come from a rule, and each
case to have made parts of the mapping run. Values are compared as JSON has them: 1 is 1.0 and is not true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from rulesengine import model
from rulesengine.coverage import Trail
from rulesengine.diagnostics import Place
from rulesengine.engine import Engine
from rulesengine.model import Rule
from rulesengine.patterns import compile_pattern
from rulesengine.running import Result, run_body
from rulesengine.testing.cases import Case, pattern_of

OUTCOMES = ("ignored", "unmatched", "rejected")


class _Missing:
    """Stands for what is not there, which is not the same as null."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what came out is not what was expected; `rule` made what came out, where it is known."""

    path: str
    expected: Any
    found: Any
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a case, which passed if there are no differences; `seen` are the parts of the mapping that ran."""

    case: Case
    result: Result
    differences: tuple[Difference, ...]
    seen: frozenset[Place]


class Bench:
    """A mapping made ready for trials in the app of an engine; `mapping` is a changed one to try in its place."""

    def __init__(self, engine: Engine, provider: str, mapping: model.Mapping | None = None) -> None:
        self._mapping = mapping or engine.program(provider).mapping
        self._provider, self._trail = provider, Trail(self._mapping)
        self._engine = engine.noting(provider, self._trail, mapping=self._mapping)

    def try_case(self, case: Case) -> Trial:
        """Run the body of a case and compare."""
        self._trail.clear()
        result = _Traced(self._trail)
        if case.body is None:
            run_body(self._engine.program(self._provider), case.payload, case.request, result)
        else:
            self._engine.apply_bytes(self._provider, case.body, request=case.request, into=result)
        seen = frozenset(self._trail)
        ran = [rule.label for rule in self._mapping.rules if rule.place in seen]
        return Trial(case, result, tuple(_compared(case, result, ran)), seen)


class _Traced(Result):
    """A result that knows the rule of each of its events."""

    def __init__(self, trail: Trail) -> None:
        super().__init__()
        self._trail = trail
        self.rules: list[Rule | None] = []

    def emit(self, events: list[dict[str, Any]]) -> None:
        super().emit(events)
        self.rules += [self._trail.last] * len(events)


# -- comparing --------------------------------------------------------------------------------------------------------


def _compared(case: Case, result: _Traced, ran: Sequence[str]) -> Iterator[Difference]:
    yield from _events(case.expect.get("events", []), result)
    for name in OUTCOMES:
        found = [one.rule if name == "ignored" else one.code for one in getattr(result, name)]
        yield from _differences(name, case.expect.get(name, []), found, None)
    if "items" in case.expect:
        yield from _differences("items", case.expect["items"], result.items, None)
    yield from (Difference("rules", name, MISSING) for name in case.rules if name not in ran)


def _events(expected: Sequence[Any], result: _Traced) -> Iterator[Difference]:
    """Events side by side; where their numbers differ, those that are equal stay side by side."""
    for wanted, found in _sides(expected, result.events):
        for n, m in zip_longest(wanted, found):
            one = MISSING if n is None else expected[n]
            other = MISSING if m is None else result.events[m]
            rule = None if m is None else result.rules[m]
            yield from _differences(f"events[{n if m is None else m}]", one, other, rule)


def _sides(expected: Sequence[Any], found: Sequence[Any]) -> Iterator[tuple[range, range]]:
    """The numbers of the events that belong side by side."""
    if len(expected) == len(found):
        yield range(len(expected)), range(len(found))
        return
    texts, others = ([json.dumps(one, sort_keys=True) for one in side] for side in (expected, found))
    for _, i, j, k, m in SequenceMatcher(None, texts, others, autojunk=False).get_opcodes():
        yield range(i, j), range(k, m)


def _differences(path: str, expected: Any, found: Any, rule: Rule | None) -> Iterator[Difference]:
    pattern = pattern_of(expected)
    if pattern is not None:
        if not _matches(pattern, found):
            yield Difference(path, expected, found, rule)
    elif isinstance(expected, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*expected, *found)):
            yield from _differences(f"{path}.{key}", expected.get(key, MISSING), found.get(key, MISSING), rule)
    elif isinstance(expected, list) and isinstance(found, list):
        for n, (one, other) in enumerate(zip_longest(expected, found, fillvalue=MISSING)):
            yield from _differences(f"{path}[{n}]", one, other, rule)
    elif not _is_same(expected, found):
        yield Difference(path, expected, found, rule)


def _matches(pattern: str, found: Any) -> bool:
    if found is None or found is MISSING or isinstance(found, dict | list):
        return False
    text = found if isinstance(found, str) else json.dumps(found)
    return compile_pattern(pattern).matches(text)


def _is_same(expected: Any, found: Any) -> bool:
    return isinstance(expected, bool) is isinstance(found, bool) and bool(expected == found)


# -- what came out, as a case expects it ------------------------------------------------------------------------------


def expectation(result: Result, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What a case expects whose result is this: patterns that still hold are `kept`."""
    made: dict[str, Any] = {}
    if result.events:
        made["events"] = _keeping(kept.get("events", []), result.events)
    for name in OUTCOMES:
        found = [one.rule if name == "ignored" else one.code for one in getattr(result, name)]
        if found:
            made[name] = found
    return made if made else {"items": result.items}


def _keeping(kept: Any, found: Any) -> Any:
    pattern = pattern_of(kept)
    if pattern is not None and _matches(pattern, found):
        return kept
    if isinstance(found, dict):
        return {key: _keeping(kept.get(key) if isinstance(kept, dict) else None, one) for key, one in found.items()}
    if isinstance(found, list):
        sides = kept if isinstance(kept, list) and len(kept) == len(found) else [None] * len(found)
        return [_keeping(one, other) for one, other in zip(sides, found, strict=True)]
    return found
