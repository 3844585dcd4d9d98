"""What a mapping means, checked before any payload: small generators, each for one kind of fault, in two tuples.

LOCAL checks look at one expression or one emission and run on every file. WHOLE checks ask about the mapping as a whole
(is every event taken, is a rule reachable) and run only when its shape is right, since a rule that could not be read
would make them say what is not so. `check_together` looks at all mappings of an app at once.

What cannot be known before a payload: whether a field is there, what type it has, what text it holds. A condition that
depends on one may hold or not, and nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rulesengine import codes
from rulesengine.analysis import mentioned, type_of
from rulesengine.app import App
from rulesengine.diagnostics import Diagnostic, did_you_mean, listed
from rulesengine.emissions import (
    Subject,
    check_explicit,
    check_metrics,
    check_reserved_data,
    check_tables,
    decided,
    metrics_emitted,
    tables_are_read,
)
from rulesengine.jmes import Tree
from rulesengine.model import Emission, Expression, Mapping, Rule, Text, list_id_of
from rulesengine.usage import check_calls, check_traps
from rulesengine.vocabulary import Vocabulary

Check = Callable[[Subject], Iterator[Diagnostic]]


def check(subject: Subject, *, whole: bool) -> list[Diagnostic]:
    """Every fault of one mapping; `whole` says that its shape is right."""
    checks = (*LOCAL, *WHOLE) if whole else LOCAL
    return [one for each in checks for one in each(subject)]


# -- expressions ------------------------------------------------------------------------------------------------------


def _expressions(subject: Subject) -> Iterator[Diagnostic]:
    tables = list(subject.mapping.tables) if tables_are_read(subject.mapping) else None
    for expression, has_parent in subject.mapping.expressions():
        if expression.tree is not None:
            yield from check_calls(expression, tables, has_parent=has_parent)
            yield from check_traps(expression)


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
        if one is not None and found is not None and found not in ("string", "null"):
            article = "an" if found[0] in "ao" else "a"
            yield codes.E333.at(one.place, where=one.where, found=f"{article} {found}")


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
    return [decided(rule, {**known, **name}) for rule in subject.mapping.rules]


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
    check_metrics,
    check_reserved_data,
    _event_names,
    _texts,
    check_tables,
    check_explicit,
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
