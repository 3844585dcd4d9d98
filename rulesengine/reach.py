"""Which rules the documented events reach: events no rule takes, rules no event reaches, rules shadowed by others.

A rule is seen once for each documented event, with the name known, and what its own `when` says of the item. Of a
condition that depends on more, nothing is claimed: the rule may take the item, and so may those below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rulesengine import codes
from rulesengine.analysis import Facts, evaluate
from rulesengine.conditions import alike, mentioned
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, listed, nearest
from rulesengine.emissions import Subject, decided
from rulesengine.jmes import Tree
from rulesengine.model import Expression, Rule
from rulesengine.narrowing import Parts, assume, joined, known_as
from rulesengine.possible import ANY, both

# For each rule the documented events that may reach it on its own account, each with all that is then known in it.
Reached = Sequence[Mapping[str, Facts]]


def reached(subject: Subject) -> Reached:
    """What may reach each rule, were it alone: rules above may still take it.

    Without documented events there is one entry, with the empty name, for whatever takes the rule.
    """
    event = subject.mapping.payload.event
    tree = event.tree if event is not None else None
    names = {one.value: _known(tree, one.value) for one in subject.mapping.payload.events} or {"": {}}
    nothing = Facts(tables=subject.tables_known)
    found = (dict(_reaching(rule, tree, names, nothing)) for rule in subject.mapping.rules)
    return [{name: by_name[name] for name in names if name in by_name} for by_name in found]


def _alike(names: Iterable[str], rules: Iterable[Rule], event: Tree | None) -> list[list[str]]:
    """The documented events, those together that none of the rules tells apart, so that one of them answers for all."""
    if event is None:
        return [list(names)]
    return alike(names, [one.when.tree for one in rules if one.when and one.when.tree], event)


def _known(event: Tree | None, name: str) -> Parts:
    """The knowledge that an item's event has this name; a provider that numbers its events may send numbers."""
    if event is None:
        return {}
    try:
        number = json.loads(name) if name[-1:].isdigit() else name
    except ValueError:
        number = name
    return known_as(event, name, number if isinstance(number, int | float) else name)


def _reaching(
    rule: Rule, event: Tree | None, names: Mapping[str, Parts], nothing: Facts
) -> Iterator[tuple[str, Facts]]:
    inside = assume(rule.when.tree if rule.when else None)
    said = ANY if event is None else evaluate(event, nothing.knowing(inside))
    for group in _alike(names, [rule], event):
        if decided(rule, nothing.knowing(names[group[0]])) is False:
            continue
        for name in group:
            facts = nothing.knowing(joined(inside, names[name]))
            is_contradiction = any(part.is_empty for part in facts.parts.values())
            is_another = event is not None and both(said, facts.parts.get(event.key, ANY)).is_empty
            if not is_contradiction and not is_another:
                yield name, facts


def check_events_taken(subject: Subject, reached: Reached) -> Iterator[Diagnostic]:
    """Documented events that no rule takes in this app."""
    here = [rule for rule in subject.mapping.rules if not subject.is_for_another_channel(rule)]
    taken = {name for rule in here for name in reached[rule.index]}
    for event in subject.mapping.payload.events:
        if event.value not in taken:
            yield codes.E310.at(event.place, event=event.value)


def check_rules_reached(subject: Subject, reached: Reached) -> Iterator[Diagnostic]:
    """Rules that no documented event reaches, and rules whose events those above take, in an app of any channel."""
    *above_last, _ = subject.mapping.rules or (None,)
    payload = subject.mapping.payload
    event = payload.event.tree if payload.event is not None else None
    documented = dict.fromkeys(one.value for one in payload.events) or [""]
    groups, others = _alike(documented, subject.mapping.rules, event), _others(event)
    yield from (codes.E334.at(rule.place) for rule in above_last if rule.takes_all)
    for rule in subject.mapping.rules:
        above = subject.mapping.rules[: rule.index]
        if rule.takes_all or any(one.takes_all for one in above) or any(decided(rule, facts) for facts in others):
            continue  # what stands below one that takes all is told there
        events = reached[rule.index]
        takers = dict(_takers(above, events, groups, reached))
        if not events:
            yield _unreached(subject, rule)
        elif all(takers.values()):
            yield _shadowed(rule, takers)
        else:
            yield from _lost(subject, rule, takers)
            yield from _misspelt(subject, rule)


# What a sweep over all that is left is for: an event that nobody documents, and items without one.
_OTHERS = ("\0 any other", None)


def _others(event: Tree | None) -> list[Facts]:
    """What is known where no documented event is; nothing where events have no name."""
    return [Facts(known_as(event, other)) for other in _OTHERS] if event is not None else []


def _takers(
    above: Sequence[Rule], events: Mapping[str, Facts], groups: Sequence[Sequence[str]], reached: Reached
) -> Iterator[tuple[str, Rule | None]]:
    """For each event that reaches a rule the one above that surely takes it."""
    for group in groups:
        reaching = [name for name in group if name in events]
        rivals = [one for one in above if not reached[one.index].keys().isdisjoint(reaching)] if reaching else []
        sure = [one for one in rivals if decided(one, events[reaching[0]])]
        for name in reaching:
            yield name, next((one for one in sure if name in reached[one.index]), None)


def _unreached(subject: Subject, rule: Rule) -> Diagnostic:
    event, documented = subject.mapping.payload.event, [one.value for one in subject.mapping.payload.events]
    words = mentioned(rule.when.tree, event.tree) if rule.when and event and event.tree else []
    misspelt = next((word for word in words if word not in documented and nearest(word, documented)), None)
    place = _place_of_text(rule.when, misspelt) if rule.when is not None and misspelt is not None else None
    hint = did_you_mean(misspelt, documented) if misspelt is not None else None
    return codes.E311.at(place or (rule.when.place if rule.when is not None else rule.place), hint=hint)


def may_be_taken(subject: Subject, rule: Rule, facts: Facts) -> bool:
    """Whether a rule above may take what reaches a rule under these facts."""
    return any(decided(above, facts) is not False for above in subject.mapping.rules[: rule.index])


def _shadowed(rule: Rule, takers: dict[str, Rule | None]) -> Diagnostic:
    """The rules that together take everything, and for each an event that shows it."""
    above = {one.index: (one.label, name) for name, one in reversed(takers.items()) if one is not None}
    labels = [label for _, (label, _) in sorted(above.items())]
    witnesses = [f"{label} takes {name!r}" for _, (label, name) in sorted(above.items()) if name]
    hint = f"{listed(witnesses)}: move this rule up, or remove it" if witnesses else None
    return codes.E312.at(rule.place, rules=listed(labels), take="takes" if len(labels) == 1 else "take", hint=hint)


def _lost(subject: Subject, rule: Rule, takers: dict[str, Rule | None]) -> Iterator[Diagnostic]:
    """Events that a rule names and never gets, where it would make something else of them."""
    for name, taker in takers.items():
        if taker is None or _what(taker) == _what(rule):
            continue
        place = _named_at(subject, rule, name)
        if place is not None:
            yield codes.W307.at(place, event=name, rule=taker.label)


def _misspelt(subject: Subject, rule: Rule) -> Iterator[Diagnostic]:
    """Names beside documented ones that are documented under a near name only."""
    event, documented = subject.mapping.payload.event, [one.value for one in subject.mapping.payload.events]
    if rule.when is None or event is None or event.tree is None or not documented:
        return
    for word in mentioned(rule.when.tree, event.tree):
        near = nearest(word, documented) if word not in documented else None
        if near is None or near in mentioned(rule.when.tree, event.tree):
            continue
        place = _place_of_text(rule.when, word)
        if place is not None:
            yield codes.W310.at(place, event=word, hint=did_you_mean(word, documented))


def _what(rule: Rule) -> object:
    """What becomes of an item, as far as two rules can be compared."""
    names = [(one.metric and one.metric.value, one.table and one.table.value) for one in rule.emissions]
    computed = [part.text for one in rule.emissions for part in (one.key, one.type, one.action, one.update) if part]
    return rule.ignore is None, names, computed


def _named_at(subject: Subject, rule: Rule, name: str) -> Place | None:
    """Where a condition compares the event with this name."""
    event = subject.mapping.payload.event
    if rule.when is None or event is None or event.tree is None or name not in mentioned(rule.when.tree, event.tree):
        return None
    return _place_of_text(rule.when, name)


def _place_of_text(when: Expression, text: str) -> Place | None:
    for part in when.tree.walk() if when.tree is not None else ():
        value = part.value if part.kind == "literal" else None
        if value == text or (isinstance(value, list) and text in value):
            return when.place_of(part)
    return None
