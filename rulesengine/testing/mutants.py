"""Small changes to a mapping that its cases should notice: what they do not notice, they do not hold.

A mutant is the mapping without one rule, one emission of several or one entry of a table, with another value for an
entry, or with one comparison turned round. Some change nothing that any body could show; those are told too, since
only a person can know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rulesengine import model
from rulesengine.diagnostics import Place
from rulesengine.jmes import revalued
from rulesengine.model import DEFAULT, IGNORE, Entry, Expression, Rule, Table
from rulesengine.testing.cases import Case
from rulesengine.testing.suites import Suite
from rulesengine.testing.trials import Bench

# The comparators of JMESPath's trees, each with its opposite, and how they are written.
_TURNED = {"eq": "ne", "ne": "eq", "lt": "gte", "gte": "lt", "gt": "lte", "lte": "gt"}
_WRITTEN = {"eq": "==", "ne": "!=", "lt": "<", "gte": ">=", "gt": ">", "lte": "<="}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed mapping, and what was changed where."""

    about: str
    place: Place
    mapping: model.Mapping


def survivors(suite: Suite, tried: Callable[[Mutant], None] = lambda mutant: None) -> Iterator[Mutant]:
    """The mutants that no case of a suite, all of whose cases pass, notices. `tried` is called with each."""
    by_channel: dict[str, list[Case]] = {}
    for trial in suite.trials:
        channel = suite.tested.channel_for(trial.case)
        assert channel is not None
        by_channel.setdefault(channel, []).append(trial.case)
    for mutant in mutants(suite.tested.mapping):
        tried(mutant)
        if not any(_notices(suite, channel, cases, mutant) for channel, cases in by_channel.items()):
            yield mutant


def _notices(suite: Suite, channel: str, cases: Sequence[Case], mutant: Mutant) -> bool:
    bench = Bench(suite.tested.engines[channel], suite.tested.provider, mutant.mapping)
    return any(bench.try_case(case).differences for case in cases)


def mutants(mapping: model.Mapping) -> Iterator[Mutant]:
    """All mutants of a mapping, from its first line to its last."""
    found = [*_of_tables(mapping), *_of_rules(mapping)]
    yield from sorted(found, key=lambda one: one.place)


# -- tables -----------------------------------------------------------------------------------------------------------


def _of_tables(mapping: model.Mapping) -> Iterator[Mutant]:
    emitting = {one.table.value for rule in mapping.rules for one in rule.emissions if one.table is not None}
    for table in mapping.tables.values():
        for entry in table.all_entries:
            name = f"{table.name}: {entry.key}"
            yield Mutant(f"without the entry {name}", entry.key_place, _with(mapping, _without(table, entry)))
            other = _another(table, entry, table.name in emitting)
            changed = replace(entry, value=other)
            yield Mutant(f"{name} is {other}", entry.place, _with(mapping, _replaced(table, changed)))


def _with(mapping: model.Mapping, table: Table) -> model.Mapping:
    return replace(mapping, tables={**mapping.tables, table.name: table})


def _without(table: Table, entry: Entry) -> Table:
    if entry is table.default:
        return replace(table, default=None)
    return replace(table, entries={key: one for key, one in table.entries.items() if one is not entry})


def _replaced(table: Table, entry: Entry) -> Table:
    if entry.key == DEFAULT:
        return replace(table, default=entry)
    return replace(table, entries={**table.entries, entry.key: entry})


def _another(table: Table, entry: Entry, is_emitting: bool) -> object:
    """Another value for an entry: one of the table's own, so that it is one the app declares."""
    others: Mapping[object, None] = dict.fromkeys(one.value for one in table.all_entries if one.value != entry.value)
    if others:
        return next(iter(others))
    return IGNORE if is_emitting else f"not {entry.value}"


# -- rules ------------------------------------------------------------------------------------------------------------


def _of_rules(mapping: model.Mapping) -> Iterator[Mutant]:
    for rule in mapping.rules:
        rest = [one for one in mapping.rules if one is not rule]
        numbered = tuple(replace(one, index=number) for number, one in enumerate(rest))
        yield Mutant(f"without the rule {rule.label!r}", rule.place, replace(mapping, rules=numbered))
        for number, emission in enumerate(rule.emissions if len(rule.emissions) > 1 else ()):
            kept = (*rule.emissions[:number], *rule.emissions[number + 1 :])
            about = f"without emission {number + 1} of {rule.label!r}"
            yield Mutant(about, emission.place, _changed(mapping, rule, replace(rule, emissions=kept)))
        if rule.when is not None:
            for about, place, when in _turned(rule.when):
                yield Mutant(about, place, _changed(mapping, rule, replace(rule, when=when)))


def _changed(mapping: model.Mapping, rule: Rule, changed: Rule) -> model.Mapping:
    return replace(mapping, rules=tuple(changed if one is rule else one for one in mapping.rules))


def _turned(when: Expression) -> Iterator[tuple[str, Place, Expression]]:
    """The expression with one comparison turned round."""
    for part in when.tree.walk() if when.tree is not None else ():
        if part.kind == "comparator" and when.tree is not None:
            other = _TURNED[part.value]
            about = f"{_WRITTEN[other]} in place of {_WRITTEN[part.value]}"
            yield about, when.span_of(part), replace(when, tree=revalued(when.tree, part, other))
