"""What rules emit, held against app.yml and the vocabulary: every metric that any rule can emit is declared.

A metric may be written, stand in a table, or follow from a computed type, action and update type, whose values are then
bounded. Rules that `channel()` keeps from ever taking an item in this app are exempt from what app.yml must declare,
and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from rulesengine import codes
from rulesengine.analysis import Facts, evaluate
from rulesengine.app import App
from rulesengine.conditions import decide
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, listed, nearest, shown
from rulesengine.jmes import Tree, parse
from rulesengine.model import DEFAULT, IGNORE, Emission, Expression, Field, Mapping, Rule, Table
from rulesengine.narrowing import Parts, assume, known_as
from rulesengine.possible import texts_of
from rulesengine.vocabulary import Metric, Vocabulary

_CHANNEL = parse("channel()")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a mapping, the app it is for, the vocabulary both speak."""

    mapping: Mapping
    app: App
    vocabulary: Vocabulary

    def facts(self, rule: Rule, known: Parts | None = None) -> Facts:
        """What is known inside a rule, its `when` holding, and of more parts if given."""
        facts = Facts(assume(rule.when.tree if rule.when else None), self.app.channel, self.tables_known)
        return facts.knowing(known) if known else facts

    @property
    def tables_known(self) -> dict[str, dict[str, object]]:
        """The values of all tables, for `lookup`."""
        return {name: _values(table) for name, table in self.mapping.tables.items()}

    def is_for_another_channel(self, rule: Rule) -> bool:
        """Whether `channel()` in its `when` keeps a rule from ever taking an item in this app."""
        return decided(rule, Facts(self.channel_known)) is False

    @property
    def channel_known(self) -> Parts:
        """The value of `channel()`."""
        return known_as(_CHANNEL, self.app.channel) if self.app.channel else {}

    def emissions(self) -> Iterator[tuple[Rule, Emission]]:
        """Every emission with its rule."""
        return ((rule, emission) for rule in self.mapping.rules for emission in rule.emissions)


def _values(table: Table) -> dict[str, object]:
    """The values of a table by key, as written."""
    values: dict[str, object] = {key: entry.value for key, entry in table.entries.items()}
    return {**values, DEFAULT: table.default.value} if table.default else values


def decided(rule: Rule, facts: Facts) -> bool | None:
    """Whether a rule takes an item of which this is known: yes, no, or None for "it depends"."""
    if rule.takes_all:
        return True
    return decide(rule.when.tree, facts) if rule.when is not None and rule.when.tree is not None else None


def metrics_emitted(subject: Subject, *, here: bool = False) -> Iterator[tuple[Metric, Emission]]:
    """The metrics that a mapping can emit, as far as the vocabulary knows them; `here`: in this app's channel."""
    for rule, emission in subject.emissions():
        if here and subject.is_for_another_channel(rule):
            continue
        for name, _ in _named(subject, emission):
            if name in subject.vocabulary.metrics:
                yield subject.vocabulary.metrics[name], emission
        for triple in _triples(subject, rule, emission) or ():
            metric = _find(subject, triple)
            if metric is not None:
                yield metric, emission


def _named(subject: Subject, emission: Emission) -> Iterator[tuple[str, Place]]:
    """The metric names of an emission, written or from its table, with their places."""
    if emission.metric is not None:
        yield emission.metric.value, emission.metric.place
    table = subject.mapping.tables.get(emission.table.value) if emission.table else None
    for entry in table.all_entries if table else ():
        if entry.value != IGNORE:
            yield entry.value if isinstance(entry.value, str) else shown(entry.value), entry.place


def tables_are_read(mapping: Mapping) -> bool:
    """False where there are tables that could not be read: they are a list, or their key is misspelt."""
    node = mapping.root.get("tables")
    if node is not None:
        return isinstance(node.data, dict)
    return not any(nearest(key.text, ["tables"]) for key, _ in mapping.root.items())


def check_metrics(subject: Subject) -> Iterator[Diagnostic]:
    for rule, emission in subject.emissions():
        for name, place in _named(subject, emission):
            yield from _check_metric(subject, rule, name, place)


def _check_metric(subject: Subject, rule: Rule, name: str, place: Place) -> Iterator[Diagnostic]:
    known = subject.vocabulary.metrics
    if name not in known:
        app, hint = subject.app, did_you_mean(name, [*subject.app.declared, IGNORE]) or did_you_mean(name, known)
        hint = "write `ignore:` with a reason in place of `emit`" if name == IGNORE else hint
        yield codes.E305.at(place, metric=name, app=app.where, declared=listed(app.declared), hint=hint)
    elif known[name].generated:
        yield codes.E306.at(place, metric=name)
    elif name not in {*subject.app.declared, *subject.app.doubtful} and not subject.is_for_another_channel(rule):
        yield _undeclared(subject, known[name], place)


def _undeclared(subject: Subject, metric: Metric, place: Place) -> Diagnostic:
    app, near = subject.app, nearest(metric.name, subject.app.declared)
    hint = f"did you mean {near!r}?" if near else f"declare it under channel.metrics.{metric.group} of {app.file}"
    return codes.E304.at(place, metric=metric.name, app=app.where, declared=listed(app.declared), hint=hint)


def check_reserved_data(subject: Subject) -> Iterator[Diagnostic]:
    """Names under `data` that say which event it is: only `emit` and `list_id` do."""
    for field in (field for layer in data_layers(subject) for field in layer):
        if field.name in _RESERVED:
            yield codes.E331.at(field.place, name=field.name, hint=_RESERVED[field.name])


def data_layers(subject: Subject) -> list[tuple[Field, ...]]:
    """The fields under `data`, of every event, of rules and of single emissions."""
    mapping = subject.mapping
    return [mapping.data, *(rule.data for rule in mapping.rules), *(one.data for _, one in subject.emissions())]


_RESERVED = {
    "list_id": "write `list_id:` beside `emit`",
    "reachability_update_type": "emit the metric that carries it",
}


def check_tables(subject: Subject) -> Iterator[Diagnostic]:
    tables = subject.mapping.tables
    if not tables_are_read(subject.mapping):
        return
    for _, emission in subject.emissions():
        if emission.table is not None and emission.table.value not in tables:
            name = emission.table.value
            yield codes.E313.at(emission.table.place, name=name, known=listed(tables), hint=did_you_mean(name, tables))


def check_explicit(subject: Subject) -> Iterator[Diagnostic]:
    if subject.app.channel not in subject.vocabulary.channel_types:
        return  # what channel() yields is not known, and app.yml is to blame
    for rule, emission in subject.emissions():
        if emission.type is None or emission.action is None or subject.is_for_another_channel(rule):
            continue
        triples = _triples(subject, rule, emission)
        if triples is None:
            yield from _unbounded(subject, rule, emission)
            continue
        for triple in sorted(triples, key=str):
            yield from _check_triple(subject, rule, emission, triple)


Triple = tuple[str, str, str | None]


def _parts(emission: Emission) -> tuple[tuple[str, Expression | None], ...]:
    return ("type", emission.type), ("action", emission.action), ("reachability_update_type", emission.update)


def _texts(subject: Subject, rule: Rule, expression: Expression | None) -> frozenset[str | None] | None:
    if expression is None:
        return frozenset([None])
    return texts_of(evaluate(expression.tree, subject.facts(rule))) if expression.tree is not None else None


def _triples(subject: Subject, rule: Rule, emission: Emission) -> set[Triple] | None:
    """Every (type, action, update type) that an explicit emission can yield, or None when that cannot be bounded.

    A null type or action makes no event (the item is rejected), so only texts are combined.
    """
    sets = [_texts(subject, rule, expression) for _, expression in _parts(emission)]
    kinds, actions, updates = sets
    if emission.type is None or kinds is None or actions is None or updates is None:
        return None
    return {(k, a, u) for k, a, u in product(kinds, actions, updates) if k is not None and a is not None}


def _unbounded(subject: Subject, rule: Rule, emission: Emission) -> Iterator[Diagnostic]:
    for key, expression in _parts(emission):
        if expression is not None and expression.tree is not None and _texts(subject, rule, expression) is None:
            yield codes.E314.at(expression.place, key=key, hint=_text_hint(subject, expression.tree))


def _text_hint(subject: Subject, tree: Tree) -> str | None:
    """A hint when a field is named as a type, an action or an update type is: its text was meant."""
    metrics = subject.vocabulary.metrics.values()
    words = {word for one in metrics for word in (one.event_type(subject.app.channel), one.action, one.update)}
    return f"write \"'{tree.value}'\" for the text" if tree.kind == "field" and tree.value in words else None


def _find(subject: Subject, triple: Triple) -> Metric | None:
    return subject.vocabulary.find(*triple, subject.app.channel)


def _check_triple(subject: Subject, rule: Rule, emission: Emission, triple: Triple) -> Iterator[Diagnostic]:
    metric, (kind, action, update) = _find(subject, triple), triple
    if metric is not None:
        yield from _check_metric(subject, rule, metric.name, _place_of(emission.action, emission))
        return
    expression, hint = _wrong_part(subject, emission, triple)
    text = f", reachability_update_type {update!r}" if update else ""
    yield codes.E315.at(_place_of(expression, emission), type=kind, action=action, update=text, hint=hint)


def _place_of(expression: Expression | None, emission: Emission) -> Place:
    return expression.place if expression is not None else emission.place


def _wrong_part(subject: Subject, emission: Emission, triple: Triple) -> tuple[Expression | None, str]:
    """The part of an explicit emission that makes it no event, and what could stand there."""
    kind, action, _ = triple
    metrics = list(subject.vocabulary.metrics.values())
    kinds = {one.event_type(subject.app.channel) for one in metrics}
    if kind not in kinds:
        return emission.type, did_you_mean(kind, kinds) or f"channel() is {subject.app.channel!r}"
    same = [one for one in metrics if one.event_type(subject.app.channel) == kind]
    if action not in {one.action for one in same}:
        named = [one.name for one in metrics if action in (one.name, one.action)]
        hint = f"`emit: {named[0]}` is written so" if named else did_you_mean(action, {one.action for one in same})
        return emission.action, hint
    updates = [one.update for one in same if one.action == action and one.update is not None]
    return emission.update or emission.action, f"its reachability_update_type is one of {listed(updates)}"
