"""What a mapping means, checked before any payload: small generators, each for one kind of fault, in two tuples.

LOCAL checks look at one expression or one emission and run on every file. WHOLE checks ask about the mapping as a whole
(is every event taken, is a rule reachable) and run only when its shape is right, since a rule that could not be read
would make them say what is not so. `check_together` looks at all mappings of an app at once.

What cannot be known before a payload: whether a field is there, what type it has, what text it holds. A condition that
depends on one may hold or not, and nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from rulesengine import codes
from rulesengine.analysis import Facts, Values, decide, mentioned, narrowed, possible
from rulesengine.app import App
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, listed, nearest, shown
from rulesengine.jmes import Tree, parse
from rulesengine.model import IGNORE, Emission, Expression, Mapping, Rule, Text, list_id_of
from rulesengine.usage import check_calls, check_traps, type_of
from rulesengine.vocabulary import Metric, Vocabulary

_CHANNEL = parse("channel()").key


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a mapping, the app it is for, the vocabulary both speak."""

    mapping: Mapping
    app: App
    vocabulary: Vocabulary

    def facts(self, rule: Rule) -> Facts:
        """What is known inside a rule, its `when` holding."""
        tables = {
            name: frozenset(one.value if isinstance(one.value, str) else None for one in table.all_entries)
            for name, table in self.mapping.tables.items()
        }
        when = rule.when.tree if rule.when else None
        return Facts(narrowed(when), self.app.channel, tables)

    def is_for_another_channel(self, rule: Rule) -> bool:
        """Whether `channel()` in its `when` keeps a rule from ever taking an item in this app."""
        return _decided(rule, self.channel_known) is False

    @property
    def channel_known(self) -> dict[str, str]:
        """The value of `channel()`, for `decide`."""
        return {_CHANNEL: self.app.channel} if self.app.channel else {}

    def emissions(self) -> Iterator[tuple[Rule, Emission]]:
        """Every emission with its rule."""
        return ((rule, emission) for rule in self.mapping.rules for emission in rule.emissions)


Check = Callable[[Subject], Iterator[Diagnostic]]


def check(subject: Subject, *, whole: bool) -> list[Diagnostic]:
    """Every fault of one mapping; `whole` says that its shape is right."""
    checks = (*LOCAL, *WHOLE) if whole else LOCAL
    return [one for each in checks for one in each(subject)]


def metrics_emitted(subject: Subject) -> Iterator[tuple[Metric, Emission]]:
    """The metrics that a mapping can emit, as far as they are known to the vocabulary."""
    for rule, emission in subject.emissions():
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


# -- expressions ------------------------------------------------------------------------------------------------------


def _expressions(subject: Subject) -> Iterator[Diagnostic]:
    tables = list(subject.mapping.tables) if _tables_are_read(subject.mapping) else None
    for expression, has_parent in subject.mapping.expressions():
        if expression.tree is not None:
            yield from check_calls(expression, tables, has_parent=has_parent)
            yield from check_traps(expression)


def _tables_are_read(mapping: Mapping) -> bool:
    """False where there are tables that could not be read: they are a list, or their key is misspelt."""
    node = mapping.root.get("tables")
    if node is not None:
        return isinstance(node.data, dict)
    return not any(nearest(key.text, ["tables"]) for key, _ in mapping.root.items())


# -- emissions --------------------------------------------------------------------------------------------------------


def _metrics(subject: Subject) -> Iterator[Diagnostic]:
    for rule, emission in subject.emissions():
        for name, place in _named(subject, emission):
            yield from _check_metric(subject, rule, name, place)


def _check_metric(subject: Subject, rule: Rule, name: str, place: Place) -> Iterator[Diagnostic]:
    known = subject.vocabulary.metrics
    if name not in known:
        app, hint = subject.app, did_you_mean(name, [*subject.app.declared, IGNORE]) or did_you_mean(name, known)
        yield codes.E305.at(place, metric=name, app=app.where, declared=listed(app.declared), hint=hint)
    elif known[name].generated:
        yield codes.E306.at(place, metric=name)
    elif name not in {*subject.app.declared, *subject.app.doubtful} and not subject.is_for_another_channel(rule):
        yield _undeclared(subject, known[name], place)


def _undeclared(subject: Subject, metric: Metric, place: Place) -> Diagnostic:
    app, near = subject.app, nearest(metric.name, subject.app.declared)
    hint = f"did you mean {near!r}?" if near else f"declare it under channel.metrics.{metric.group} of {app.file}"
    return codes.E304.at(place, metric=metric.name, app=app.where, declared=listed(app.declared), hint=hint)


def _reserved_data(subject: Subject) -> Iterator[Diagnostic]:
    """Names under `data` that say which event it is: only `emit` and `list_id` do."""
    mapping = subject.mapping
    layers = [mapping.data, *(rule.data for rule in mapping.rules), *(one.data for _, one in subject.emissions())]
    for field in (field for layer in layers for field in layer):
        if field.name in _RESERVED:
            yield codes.E331.at(field.place, name=field.name, hint=_RESERVED[field.name])


_RESERVED = {
    "list_id": "write `list_id:` beside `emit`",
    "reachability_update_type": "emit the metric that carries it",
}


def _tables_of_emissions(subject: Subject) -> Iterator[Diagnostic]:
    tables = subject.mapping.tables
    if not _tables_are_read(subject.mapping):
        return
    for _, emission in subject.emissions():
        if emission.table is not None and emission.table.value not in tables:
            name = emission.table.value
            yield codes.E313.at(emission.table.place, name=name, known=listed(tables), hint=did_you_mean(name, tables))


def _explicit(subject: Subject) -> Iterator[Diagnostic]:
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


def _values(subject: Subject, rule: Rule, expression: Expression | None) -> Values | None:
    if expression is None:
        return frozenset([None])
    return possible(expression.tree, subject.facts(rule)) if expression.tree is not None else None


def _triples(subject: Subject, rule: Rule, emission: Emission) -> set[Triple] | None:
    """Every (type, action, update type) that an explicit emission can yield, or None when that cannot be bounded.

    A null type or action makes no event (the item is rejected), so only texts are combined.
    """
    sets = [_values(subject, rule, expression) for _, expression in _parts(emission)]
    kinds, actions, updates = sets
    if emission.type is None or kinds is None or actions is None or updates is None:
        return None
    return {(k, a, u) for k, a, u in product(kinds, actions, updates) if k is not None and a is not None}


def _unbounded(subject: Subject, rule: Rule, emission: Emission) -> Iterator[Diagnostic]:
    for key, expression in _parts(emission):
        if expression is not None and expression.tree is not None and _values(subject, rule, expression) is None:
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


# -- the mapping as a whole -------------------------------------------------------------------------------------------


def _event_names(subject: Subject) -> Iterator[Diagnostic]:
    """`event == click`: the quotes forgotten, so that it is a field named as an event is."""
    payload = subject.mapping.payload
    events, name = {event.value for event in payload.events}, payload.event.tree if payload.event else None
    for when in (rule.when for rule in subject.mapping.rules if rule.when is not None):
        for part in when.tree.walk() if when.tree is not None else ():
            if name in part.children and part.kind in ("comparator", "function_expression"):
                strange = (one for one in _fields_beside(part) if one.value in events)
                yield from (codes.E332.at(when.place_of(one), name=one.value) for one in strange)


def _fields_beside(part: Tree) -> Iterator[Tree]:
    lists = (child.children for child in part.children if child.kind == "multi_select_list")
    for one in (*part.children, *(child for some in lists for child in some)):
        if one.kind == "field" and not one.quoted:
            yield one


def _texts(subject: Subject) -> Iterator[Diagnostic]:
    """Identifiers and list_id are text; what can only be something else is a fault of every item."""
    mapping = subject.mapping
    layers = [mapping.identifiers, *(rule.identifiers for rule in mapping.rules)]
    layers += [one.identifiers for _, one in subject.emissions()]
    ids = [list_id_of(rule, one) for rule, one in subject.emissions()]
    for one in (*(field.expression for layer in layers for field in layer), *ids):
        found = type_of(one.tree) if one is not None and one.tree is not None else None
        if one is not None and found not in (None, "string", "null"):
            yield codes.E333.at(one.place, where=one.where, found=found)


def _channels(subject: Subject) -> Iterator[Diagnostic]:
    known, names = subject.vocabulary.channel_types, [channel.value for channel in subject.mapping.channels]
    for channel in subject.mapping.channels:
        if channel.value not in known:
            hint = did_you_mean(channel.value, known) or None
            yield codes.E403.at(channel.place, type=channel.value, known=listed(known), hint=hint)
    if names and subject.app.channel not in names and {*names, subject.app.channel} <= set(known):
        place, app = subject.mapping.channels_place, subject.app
        yield codes.E316.at(place, channels=listed(names), app=app.file, channel=app.channel)


def _list_ids(subject: Subject) -> Iterator[Diagnostic]:
    takers = [metric.name for metric in subject.vocabulary.metrics.values() if metric.takes_list]
    taking = {id(emission): metric for metric, emission in metrics_emitted(subject) if metric.takes_list}
    for rule, emission in subject.emissions():
        metric = taking.get(id(emission))
        if metric is not None and list_id_of(rule, emission) is None:
            place = emission.place if len(rule.emissions) > 1 else rule.place
            yield codes.E307.at(place, metric=metric.name)
        if metric is None and emission.list_id is not None:
            yield _needless(emission.list_id, _emitted_by(subject, [emission]), takers)
    for rule in subject.mapping.rules:
        if rule.list_id is not None and rule.emissions and not any(id(one) in taking for one in rule.emissions):
            yield _needless(rule.list_id, _emitted_by(subject, rule.emissions), takers)


def _needless(expression: Expression, metrics: str, takers: list[str]) -> Diagnostic:
    return codes.E308.at(expression.place, metrics=metrics, takers=listed(takers))


def _emitted_by(subject: Subject, emissions: Iterable[Emission]) -> str:
    wanted = {id(emission) for emission in emissions}
    return listed(dict.fromkeys(metric.name for metric, one in metrics_emitted(subject) if id(one) in wanted))


def _identifiers(subject: Subject) -> Iterator[Diagnostic]:
    mapping = subject.mapping
    without = [(rule, one) for rule, one in subject.emissions() if not mapping.identifiers_of(rule, one)]
    if without and len(without) == len(list(subject.emissions())):
        yield codes.E309.at((mapping.root.get("event") or mapping.root).place)
    else:
        yield from (codes.E309.at(rule.place) for rule, _ in without)


def _messaging(subject: Subject) -> Iterator[Diagnostic]:
    """A reachability event says of an identifier that messages do not reach it: it must carry one they are sent to."""
    emitted = {id(emission) for metric, emission in metrics_emitted(subject) if metric.update is not None}
    suffixes = listed(subject.vocabulary.messaging_suffixes)
    for rule, emission in subject.emissions():
        names = [field.name for field in subject.mapping.identifiers_of(rule, emission)]
        if id(emission) in emitted and names and not any(map(subject.vocabulary.is_messaging, names)):
            yield codes.W304.at(emission.place, names=listed(names), suffixes=suffixes)


def _rule_names(subject: Subject) -> Iterator[Diagnostic]:
    seen: dict[str, Rule] = {}
    for rule in subject.mapping.rules:
        if rule.name is not None and rule.name.value in seen:
            other = f"rules[{seen[rule.name.value].index}]"
            yield codes.E319.at(rule.name.place, name=rule.name.value, rule=other)
        elif rule.name is not None:
            seen[rule.name.value] = rule


def _unused_tables(subject: Subject) -> Iterator[Diagnostic]:
    used = {emission.table.value for _, emission in subject.emissions() if emission.table}
    for expression, _ in subject.mapping.expressions():
        calls = (part for part in expression.tree.walk() if part.value == "lookup") if expression.tree else ()
        used.update(str(call.children[0].value) for call in calls if call.children)
    misspelt = used - subject.mapping.tables.keys()
    for name, table in subject.mapping.tables.items():
        if name not in used and not misspelt:
            yield codes.W301.at(table.place, name=name)


# -- rules seen per provider event ------------------------------------------------------------------------------------


def _verdicts(subject: Subject, event: str, known: dict[str, str]) -> list[bool | None]:
    """For each rule whether it takes the event of this name: yes, no, or None for "it depends"."""
    expression = subject.mapping.payload.event
    name = {expression.tree.key: event} if expression is not None and expression.tree is not None else {}
    return [_decided(rule, {**known, **name}) for rule in subject.mapping.rules]


def _decided(rule: Rule, known: dict[str, str]) -> bool | None:
    if rule.takes_all:
        return True
    return decide(rule.when.tree, known) if rule.when is not None and rule.when.tree is not None else None


def _events_taken(subject: Subject) -> Iterator[Diagnostic]:
    for event in subject.mapping.payload.events:
        if all(verdict is False for verdict in _verdicts(subject, event.value, subject.channel_known)):
            yield codes.E310.at(event.place, event=event.value)


def _events_repeated(subject: Subject) -> Iterator[Diagnostic]:
    seen: dict[str, Text] = {}
    for event in subject.mapping.payload.events:
        if event.value in seen:
            yield codes.W302.at(event.place, event=event.value, line=seen[event.value].place.line)
        seen.setdefault(event.value, event)


def _event_absent(subject: Subject) -> Iterator[Diagnostic]:
    payload = subject.mapping.root.get("payload")
    if subject.mapping.payload.event is None:
        yield codes.W303.at((payload or subject.mapping.root).place)


def _rules_reached(subject: Subject) -> Iterator[Diagnostic]:
    """Rules that no documented event reaches, and rules whose events those above take, in an app of any channel."""
    events = [event.value for event in subject.mapping.payload.events]
    table = [_verdicts(subject, event, {}) for event in events]
    *above_last, _ = subject.mapping.rules or (None,)
    yield from (codes.E334.at(rule.place) for rule in above_last if rule.takes_all)
    for rule in subject.mapping.rules:
        if rule.takes_all or any(above.takes_all for above in subject.mapping.rules[: rule.index]):
            continue  # the last one takes what is not documented; what stands below another one is told there
        reaching = [verdicts for verdicts in table if verdicts[rule.index] is not False]
        if events and not reaching:
            yield _unreached(subject, rule, events)
            continue
        above = _takers_above(subject, rule, reaching)
        if above:
            yield codes.E312.at(rule.place, rule=listed(above))


def _unreached(subject: Subject, rule: Rule, events: list[str]) -> Diagnostic:
    expression = subject.mapping.payload.event
    words = mentioned(rule.when.tree, expression.tree) if rule.when and expression and expression.tree else []
    strange = [word for word in words if word not in events]
    hint = next((found for word in strange if (found := did_you_mean(word, events))), "")
    return codes.E311.at(rule.place if rule.when is None else rule.when.place, hint=hint or None)


def _takers_above(subject: Subject, rule: Rule, reaching: list[list[bool | None]]) -> list[str]:
    """The labels of the rules above that surely take all that could reach this one; empty when something may."""
    takers: dict[str, None] = {}
    for verdicts in reaching:
        first = next((one for one in subject.mapping.rules[: rule.index] if verdicts[one.index]), None)
        if first is None:
            return []
        takers[first.label] = None
    return list(takers)


# -- all mappings of an app -------------------------------------------------------------------------------------------


def check_together(subjects: list[Subject], app: App, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    """What only shows over all mappings of an app: two for one provider, metrics declared and never emitted."""
    seen: dict[str, Mapping] = {}
    for subject in subjects:
        provider = subject.mapping.provider
        if provider.value and provider.value in seen:
            yield codes.E320.at(provider.place, provider=provider.value, other=seen[provider.value].file)
        seen.setdefault(provider.value, subject.mapping)
    emitted = {metric.name for subject in subjects for metric, _ in metrics_emitted(subject)}
    for name, place in app.declared.items():
        metric = vocabulary.metrics.get(name)
        if metric is not None and not metric.generated and name not in emitted:
            yield codes.W402.at(place, metric=name)
        if metric is not None and metric.doubt:
            yield codes.W403.at(place, metric=name, note=metric.doubt)


LOCAL: tuple[Check, ...] = (
    _expressions,
    _metrics,
    _reserved_data,
    _event_names,
    _texts,
    _tables_of_emissions,
    _explicit,
    _channels,
    _rule_names,
)
WHOLE: tuple[Check, ...] = (
    _list_ids,
    _identifiers,
    _messaging,
    _unused_tables,
    _events_taken,
    _events_repeated,
    _event_absent,
    _rules_reached,
)
