"""What a mapping means, checked before any payload: small generators, each for one kind of fault, in stages.

Each stage sees the expressions that the stages before it found fault with as ones of which nothing is known, since
nobody can say what was meant. The last stage, WHOLE, asks about the mapping as a whole (is every event taken, is a rule
reachable) and runs only when its shape is right: a rule that could not be read would make it say what is not so.
`check_together` looks at all mappings of an app at once.

What cannot be known before a payload: whether a field is there, what type it has, what text it holds. A condition that
depends on one may hold or not, and nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from rulesengine import codes
from rulesengine.analysis import evaluate
from rulesengine.app import App
from rulesengine.diagnostics import Diagnostic, did_you_mean, listed, shown
from rulesengine.emissions import (
    Subject,
    check_explicit,
    check_metrics,
    check_reserved_data,
    check_tables,
    data_layers,
    metrics_emitted,
    tables_are_read,
)
from rulesengine.idle import check_idle
from rulesengine.jmes import Tree
from rulesengine.lookups import check_entries, check_lacking
from rulesengine.model import Emission, Expression, Field, Mapping, Rule, Text, leave_open, list_id_of
from rulesengine.narrowing import membership
from rulesengine.possible import NULL, listed_types, values_of
from rulesengine.reach import check_events_taken, check_rules_reached, reached
from rulesengine.usage import check_calls, check_traps
from rulesengine.vocabulary import Vocabulary

Check = Callable[[Subject], Iterator[Diagnostic]]


def check(subject: Subject, *, whole: bool) -> list[Diagnostic]:
    """Every fault of one mapping; `whole` says that its shape is right."""
    found: list[Diagnostic] = []
    for stage in (SPELLING, IDLE, VALUES, EMISSIONS, *([WHOLE] if whole else ())):
        known = _without_faulty(subject, [one for one in found if one.is_error])
        found += [one for each in stage for one in each(known)]
    return found


def _without_faulty(subject: Subject, errors: list[Diagnostic]) -> Subject:
    """The mapping with every expression at fault as one of which nothing is known."""
    if not errors:
        return subject
    is_faulty = lambda expression: any(expression.node.place.covers(one.place) for one in errors)  # noqa: E731
    return replace(subject, mapping=leave_open(subject.mapping, is_faulty))


# -- expressions ------------------------------------------------------------------------------------------------------


def _expressions(subject: Subject) -> Iterator[Diagnostic]:
    tables = list(subject.mapping.tables) if tables_are_read(subject.mapping) else None
    for expression, has_parent in subject.mapping.expressions():
        if expression.tree is not None:
            yield from check_calls(expression, tables, has_parent=has_parent)
            yield from check_traps(expression)


def _idle(subject: Subject) -> Iterator[Diagnostic]:
    conditions = {id(rule.when) for rule in subject.mapping.rules}
    for expression, _ in subject.mapping.expressions():
        if expression.tree is not None:
            yield from check_idle(expression, is_condition=id(expression) in conditions)


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


def _channel_names(subject: Subject) -> Iterator[Diagnostic]:
    """`channel() == 'mail'`: no channel type, or none that the mapping is for."""
    known = subject.vocabulary.channel_types
    own = [channel.value for channel in subject.mapping.channels]
    for when in (rule.when for rule in subject.mapping.rules if rule.when is not None):
        for part in when.tree.walk() if when.tree is not None else ():
            compared, values = membership(part)
            if compared is not None and compared.value == "channel":
                for literal in (one for one in part.walk() if one.kind == "literal" and one.value in values):
                    place, value = when.place_of(literal), str(literal.value)
                    if value not in known:
                        hint = did_you_mean(value, known) or None
                        yield codes.E403.at(place, type=value, known=listed(known), hint=hint)
                    elif own and value not in own:
                        yield codes.E335.at(place, value=repr(value), hint=f"`channels` has {listed(own)}")


def _fields_beside(part: Tree) -> Iterator[Tree]:
    lists = (child.children for child in part.children if child.kind == "multi_select_list")
    for one in (*part.children, *(child for some in lists for child in some)):
        if one.kind == "field" and not one.quoted:
            yield one


_TO_TEXT = {
    "number": "text(...) turns a number into text",
    "array": "take an element: list[0].field, or join(',', list)",
    "object": "take a field of it",
    "boolean": "condition && 'yes' || 'no' turns it into text",
}
_TEXT, _NAME, _SCALAR = (
    frozenset(types) for types in (["string"], ["string", "number"], ["string", "number", "boolean"])
)


def _types(subject: Subject) -> Iterator[Diagnostic]:
    """What must have a type and can only have another is a fault of every item."""
    for expression, wanted in _typed(subject.mapping):
        found = _found(expression, wanted)
        if found:
            hint = next((hint for kind, hint in _TO_TEXT.items() if kind in found), "")
            yield codes.E333.at(expression.place, where=expression.where, found=found, hint=hint)
    for expression in _per_item(subject):
        same = _same(expression)
        if same:
            yield codes.E345.at(expression.place, where=expression.where, value=same)
    for part in _required(subject):
        if part.tree is not None and evaluate(part.tree) == NULL:
            yield codes.E333.at(part.place, where=part.where, found="null", hint="")
    for step in subject.mapping.payload.steps:
        found = _found(step, frozenset({"array", "object"}))
        if found:
            yield codes.E342.at(step.place, where=step.where, found=found)
    for field in (field for layer in data_layers(subject) for field in layer if field.name == "ts"):
        found = _found(field.expression, frozenset({"number"}))
        if found:
            yield codes.E343.at(field.expression.place, found=found)


def _required(subject: Subject) -> Iterator[Expression]:
    """What an event cannot do without; a rule may take an identifier away again, with null."""
    yield from (field.expression for field in subject.mapping.identifiers)
    for rule, one in subject.emissions():
        yield from (part for part in (one.type, one.action, list_id_of(rule, one)) if part is not None)


def _per_item(subject: Subject) -> Iterator[Expression]:
    """What must differ from item to item: the event's name, the identifiers of every event, the time."""
    mapping = subject.mapping
    if mapping.payload.event is not None:
        yield mapping.payload.event
    yield from (field.expression for field in mapping.identifiers)
    yield from (field.expression for layer in data_layers(subject) for field in layer if field.name == "ts")


def _same(expression: Expression) -> str:
    """The value that an expression has for every item, as a message may carry it; empty where it has another."""
    values = values_of(evaluate(expression.tree)) if expression.tree is not None else None
    return shown(values[0]) if values is not None and len(values) == 1 and values != [None] else ""


def _found(expression: Expression | None, wanted: frozenset[str]) -> str:
    """The types of an expression, in words, where none is wanted; else empty. Null alone is left to other checks."""
    types = evaluate(expression.tree).types if expression is not None and expression.tree is not None else frozenset()
    return listed_types(types - {"null"}) if types - {"null"} and not types & wanted else ""


def _typed(mapping: Mapping) -> Iterator[tuple[Expression, frozenset[str]]]:
    """Identifiers, list_id and the parts of an event are text; an event's name and a table's key may be numbers."""
    if mapping.payload.event is not None:
        yield mapping.payload.event, _NAME
    for rule in mapping.rules:
        for one in rule.emissions:
            parts = (one.type, one.action, one.update, list_id_of(rule, one))
            yield from ((part, _TEXT) for part in parts if part is not None)
            if one.key is not None:
                yield one.key, _SCALAR
    yield from ((field.expression, _TEXT) for field in _identifier_fields(mapping))


def _identifier_fields(mapping: Mapping) -> list[Field]:
    """Every field under `identifiers`, of all events, of rules and of single emissions."""
    emissions = (one for rule in mapping.rules for one in rule.emissions)
    layers = (
        mapping.identifiers,
        *(rule.identifiers for rule in mapping.rules),
        *(one.identifiers for one in emissions),
    )
    return [field for layer in layers for field in layer]


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
        if expression.tree is None:  # it has a fault, and may ask for any
            used.update(name for name in subject.mapping.tables if name in expression.text)
        calls = (part for part in expression.tree.walk() if part.value == "lookup") if expression.tree else ()
        used.update(str(call.children[0].value) for call in calls if call.children)
    misspelt = used - subject.mapping.tables.keys()
    for name, table in subject.mapping.tables.items():
        if name not in used and not misspelt:
            yield codes.W301.at(table.place, name=name)


# -- events -----------------------------------------------------------------------------------------------------------


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


def _per_event(subject: Subject) -> Iterator[Diagnostic]:
    """The rules seen once for each documented event, and the tables that they ask."""
    each = reached(subject)
    for check_of_events in (check_events_taken, check_rules_reached, check_entries, check_lacking):
        yield from check_of_events(subject, each)


# -- all mappings of an app -------------------------------------------------------------------------------------------


def check_together(subjects: list[Subject], app: App, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    """What only shows over all mappings of an app: two for one provider, metrics declared and never emitted."""
    seen: dict[str, Mapping] = {}
    for subject in subjects:
        provider = subject.mapping.provider
        if provider.value and provider.value in seen:
            yield codes.E320.at(provider.place, provider=provider.value, other=seen[provider.value].file)
        seen.setdefault(provider.value, subject.mapping)
    emitted = {metric.name for subject in subjects for metric, _ in metrics_emitted(subject, here=True)}
    for name, place in app.attributable.items():
        if name in app.declared and name in vocabulary.metrics and name not in emitted:
            yield codes.W404.at(place, metric=name)
    for name, place in app.declared.items():
        metric = vocabulary.metrics.get(name)
        if metric is not None and not metric.generated and name not in emitted:
            yield codes.W402.at(place, metric=name)
        if metric is not None and metric.doubt:
            yield codes.W403.at(place, metric=name, note=metric.doubt)


SPELLING: tuple[Check, ...] = (
    _expressions,
    _event_names,
    _channel_names,
    check_reserved_data,
    check_tables,
    _channels,
    _rule_names,
)
IDLE: tuple[Check, ...] = (_idle,)
VALUES: tuple[Check, ...] = (_types,)
EMISSIONS: tuple[Check, ...] = (check_metrics, check_explicit)
WHOLE: tuple[Check, ...] = (
    _list_ids,
    _identifiers,
    _messaging,
    _unused_tables,
    _events_repeated,
    _event_absent,
    _per_event,
)
