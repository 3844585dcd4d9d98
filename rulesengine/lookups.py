"""What tables are asked for: entries that nothing asks for, and documented values that they lack.

A table's key is an expression like any other, so its values may be known: from the `when` of the rule, from the
documented events that reach the rule, from a function such as `lower`.

Limits: where a key may be any text, any entry may be asked for, and nothing is known to be lacking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rulesengine import codes
from rulesengine.analysis import evaluate, may_ask
from rulesengine.diagnostics import Diagnostic, nearest
from rulesengine.emissions import Subject
from rulesengine.jmes import Tree
from rulesengine.model import Entry, Expression, Rule, Table
from rulesengine.possible import FORMS, NONE, Possible, either, values_of
from rulesengine.reach import Reached, may_be_taken
from rulesengine.runtime import table_key


@dataclass(frozen=True, slots=True)
class _Use:
    """A place that asks a table: the key, and the rule it stands in, None where it serves all rules."""

    table: str
    key: Tree
    rule: Rule | None
    emits: Expression | None


def check_entries(subject: Subject, reached: Reached) -> Iterator[Diagnostic]:
    """Entries that nothing can ask for; one that is near a value that is lacking is told there."""
    uses, lacks = list(_uses(subject)), list(_lacking(subject, reached))
    for table in subject.mapping.tables.values():
        keys = [use.key for use in uses if use.table == table.name]
        if not keys or any(key.kind == "literal" for key in keys):
            continue
        lacking = {key for _, _, key, by in lacks if by is table}
        anywhere, asked = _joined(evaluate(key) for key in keys), _asked(reached, uses, table)
        for entry in table.entries.values():
            if nearest(entry.key, lacking) is None:
                yield from _check_entry(table, entry, anywhere, asked)


def _check_entry(table: Table, entry: Entry, anywhere: Possible, asked: Possible) -> Iterator[Diagnostic]:
    if not may_ask(anywhere, entry.key):
        forms = [form for form in sorted(anywhere.forms) if FORMS[form](entry.key) != entry.key]
        hint = f"write {FORMS[forms[0]](entry.key)}: the key went through {forms[0]}()" if forms else None
        yield codes.E340.at(entry.key_place, key=entry.key, table=table.name, hint=hint)
    elif not may_ask(asked, entry.key):
        yield codes.W308.at(entry.key_place, key=entry.key, table=table.name)


def _asked(reached: Reached, uses: list[_Use], table: Table) -> Possible:
    return _joined(found for use in uses if use.table == table.name for found in _keys(reached, use).values())


def _keys(reached: Reached, use: _Use) -> dict[str, Possible]:
    """The values of a key, for each documented event that may reach its rule."""
    if use.rule is None:
        return {"": evaluate(use.key)}
    return {name: evaluate(use.key, facts) for name, facts in reached[use.rule.index].items()}


def _joined(sets: Iterator[Possible]) -> Possible:
    found = NONE
    for one in sets:
        found = either(found, one)
    return found


def _uses(subject: Subject) -> Iterator[_Use]:
    for rule, emission in subject.emissions():
        if emission.table is not None and emission.key is not None and emission.key.tree is not None:
            yield _Use(emission.table.value, emission.key.tree, rule, emission.key)
    for expression in subject.mapping.over_items():
        for part in expression.tree.walk() if expression.tree is not None else ():
            if part.value == "lookup" and len(part.children) == 2 and part.children[0].kind == "literal":
                yield _Use(str(part.children[0].value), part.children[1], None, None)


def check_lacking(subject: Subject, reached: Reached) -> Iterator[Diagnostic]:
    """Values that a key is known to have and its table lacks, told at the documented event, or else at the key."""
    places = {one.value: one.place for one in subject.mapping.payload.events}
    for emits, event, key, table in _lacking(subject, reached):
        near = nearest(key, table.entries)
        hint = f"is the entry {near!r} meant?" if near else None
        yield codes.E341.at(places.get(event, emits.place), key=key, table=table.name, hint=hint)


def _lacking(subject: Subject, reached: Reached) -> Iterator[tuple[Expression, str, str, Table]]:
    """The key, the documented event (empty where it makes no difference), the value and the table that lacks it."""
    for use in _uses(subject):
        table = subject.mapping.tables.get(use.table)
        if table is None or table.default is not None or use.emits is None:
            continue
        by_event = _keys(reached, use)
        depends = len(set(by_event.values())) > 1
        for event, keys in by_event.items():
            if use.rule is not None and may_be_taken(subject, use.rule, reached[use.rule.index][event]):
                continue
            for value in values_of(keys) or ():
                # '' stands for a value that is missing, which is loud on purpose where no entry takes it.
                if value not in (None, "") and table_key(value) not in table.entries:
                    yield use.emits, event if depends else "", str(table_key(value)), table
