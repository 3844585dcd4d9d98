"""Why an item became what it became: `Explainer` tells the rule that took it, those that did not, each value.

The outcome is that of the program itself, run over the item. Around it stand values of parts of the mapping's
expressions (`derivation`), computed for this item by code of the same making.

Limits: a field that a step of `each` writes into every element of a list is told from the item on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rulesengine import codes, model, runtime
from rulesengine.diagnostics import Place, did_you_mean
from rulesengine.emitting import Target
from rulesengine.errors import PayloadError
from rulesengine.explaining.derivation import (
    Derivation,
    Labels,
    Part,
    Step,
    View,
    conjuncts,
    decided_by,
    derive,
    steps_to,
)
from rulesengine.explaining.probing import Probes, Scope
from rulesengine.jmes import Tree
from rulesengine.model import Emission, Entry, Expression, Rule
from rulesengine.program import Program
from rulesengine.running import Batch, Outcome, Result, batches, reject, reject_body, run_items

EMITTED, OUTCOMES = "emitted", ("ignored", "unmatched", "rejected")


@dataclass(frozen=True, slots=True)
class Level:
    """A step of `each`: its text and place, and which element of the list it gave was taken, None for no list."""

    text: str
    place: Place
    index: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was tried: whether it holds, and the parts of its `when` that decided it; one may have failed."""

    rule: Rule
    holds: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The rule that an unmatched item was nearest to: how many of its conditions hold, and the parts that do not."""

    rule: Rule
    true: int
    total: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Emitted:
    """An emission of the rule: how its event was chosen, the event if there is one, and the fields of it.

    `choice` derives the `key` of its table, or `type`, `action` and `reachability_update_type`; `entry` is what the
    table says, None where it says nothing.
    """

    emission: Emission
    choice: tuple[Derivation, ...]
    entry: Entry | None
    event: dict[str, Any] | None
    fields: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of an item, and why.

    `index` counts the items of a body from 0, and `path` leads to it. `outcome` is EMITTED or one of OUTCOMES, with the
    `code`, `place` and `message` that `Engine.apply` gives. `event` derives the name of what happened, or the step of
    `each` that failed. `rule` took the item, or failed on it; `above` are the rules before it, or all.
    """

    index: int
    item: Any
    path: tuple[Level, ...]
    outcome: str
    code: str | None = None
    place: Place | None = None
    message: str | None = None
    event: Derivation | None = None
    rule: Tried | None = None
    above: tuple[Tried, ...] = ()
    emissions: tuple[Emitted, ...] = ()
    nearest: Nearest | None = None
    hint: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the item, as `Engine.apply` gives them."""
        return [one.event for one in self.emissions if one.event is not None]


@dataclass(frozen=True, slots=True)
class _Found:
    """An item that is not explained yet; where the batch has a fault, what a step failed on.

    `number` says which element of a list it is.
    """

    index: int
    item: Any
    number: int | None
    batch: Batch
    scope: Scope


class Explainer:
    """Explains what one program does; the parts of the mapping are compiled when they are first asked for, and kept."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.mapping = program, program.mapping
        self._probes, self._labels = Probes(program.mapping, target), Labels()

    def each(
        self, bodies: Iterable[tuple[bytes, Any | PayloadError]], request: Any = None
    ) -> Iterator[tuple[int, Callable[[], Explanation]]]:
        """The numbers of the items of some bodies, each with what explains it when called.

        Bodies are as `Engine.bodies` gives them; one that cannot be decoded counts as one item.
        """
        index = 0
        for raw, data in bodies:
            if isinstance(data, PayloadError):
                yield index, partial(self._undecoded, index, raw, data)
                index += 1
            else:
                for found in self._items(index, data, request):
                    yield found.index, partial(self._explain, found)
                    index = found.index + 1

    def _items(self, index: int, body: Any, request: Any) -> Iterator[_Found]:
        """The items of a decoded body, from this number on."""
        for batch in batches(self.program, body, request):
            parent = batch.levels[-1] if batch.levels else None
            items = [parent] if batch.fault else batch.items
            for number, item in enumerate(items):
                yield _Found(index, item, number if batch.listed else None, batch, Scope(item, body, parent, request))
                index += 1

    def _explain(self, found: _Found) -> Explanation:
        path, result = self._path(found), Result()
        if found.batch.fault is not None:
            reject(result, found.batch.fault, found.item)
            return _explanation(found, path, result, event=self._failed_step(found))
        scope = found.scope
        run_items(self.program, (found.item,), scope.root, scope.request, result, scope.parent)
        if found.item is None:
            return _explanation(found, path, result)
        view = self._view(scope, found.batch.levels)
        event = self.mapping.payload.event
        derived = derive("event", event, view) if event is not None else None
        told = _explanation(found, path, result, event=derived)
        return self._with_rules(told, result, view)

    def _undecoded(self, index: int, body: bytes, fault: PayloadError) -> Explanation:
        result = Result()
        reject_body(result, fault, body)
        return _explanation(_Found(index, body, None, Batch(()), Scope(body, body, None, None)), (), result)

    # -- where an item comes from -------------------------------------------------------------------------------------

    def _path(self, found: _Found) -> tuple[Level, ...]:
        """The steps that led to an item, as far as they went."""
        steps, batch = self.mapping.payload.steps, found.batch
        if not batch.levels:
            return (Level("", self.mapping.root.place, found.number),)
        indexes = batch.indexes if batch.fault else (*batch.indexes, found.number)
        return tuple(Level(step.text, step.place, index) for step, index in zip(steps, indexes, strict=False))

    def _failed_step(self, found: _Found) -> Derivation | None:
        """How the step that a batch ended with came to what it gave; None where there are too many items."""
        if found.batch.fault is not None and found.batch.fault.code == codes.E515.number:
            return None
        levels = found.batch.levels
        step = self.mapping.payload.steps[len(levels) - 1]
        return derive(step.where, step, self._view_of_level(levels, len(levels) - 1, found.scope.request))

    def _view(self, scope: Scope, levels: tuple[Any, ...]) -> View:
        """How expressions see an item that the steps over these levels gave."""

        def before(field: str) -> Sequence[Step]:
            return self._written(field, levels, len(levels) - 1, scope.request)

        return View(lambda tree: self._probes.ask(tree, scope), before, self._labels)

    def _view_of_level(self, levels: tuple[Any, ...], number: int, request: Any) -> View:
        """How the step of this number sees what it is about."""
        scope = Scope(levels[number], levels[0], levels[number - 1] if number else None, request)
        return self._view(scope, levels[:number])

    def _written(self, field: str, levels: tuple[Any, ...], number: int, request: Any) -> Sequence[Step]:
        """The steps by which a step of `each` wrote a field of what it gave."""
        if number < 0:
            return ()
        step, level = self.mapping.payload.steps[number], levels[number]
        is_there = isinstance(level, dict) and field in level
        tree = _written_as(step.tree, field, is_there=is_there) if step.tree is not None else None
        if tree is None:
            return ()
        view = self._view_of_level(levels, number, request)
        return view.before(field) if tree.kind == "current" else steps_to(step, tree, view)

    # -- rules --------------------------------------------------------------------------------------------------------

    def _with_rules(self, told: Explanation, result: Result, view: View) -> Explanation:
        """The explanation of an item with the rules that were tried, and what the one that took it emits."""
        tried = list(self._tried(view))
        last = tried[-1] if tried and (tried[-1].holds or _has_failed(tried[-1])) else None
        above = tuple(tried[:-1] if last is not None else tried)
        emissions: tuple[Emitted, ...] = ()
        if last is not None and last.holds:
            emissions = tuple(self._emitted(last.rule, iter(result.events), told.outcome, view))
        nearest = self._nearest(view) if told.code == "E511" else None
        hint = self._hint(told, emissions)
        return replace(told, rule=last, above=above, emissions=emissions, nearest=nearest, hint=hint)

    def _tried(self, view: View) -> Iterator[Tried]:
        """The rules from the top, to the one that takes the item or fails."""
        for rule in self.mapping.rules:
            tried = _try(rule, view)
            yield tried
            if tried.holds or _has_failed(tried):
                return

    def _nearest(self, view: View) -> Nearest | None:
        """The rule with the largest share of its conditions true; at a tie, the one that asks for this event."""
        best: tuple[float, bool] = (0.0, False)
        nearest: Nearest | None = None
        for rule in self.mapping.rules:
            if rule.when is None or rule.when.tree is None:
                continue
            conditions = [(one, view.ask(one).holds) for one in conjuncts(rule.when.tree)]
            true = [one for one, holds in conditions if holds]
            rank = len(true) / len(conditions), any(map(self._asks_for_event, true))
            if rank > best:
                false = (one for one, holds in conditions if not holds)
                parts = tuple(part for one in false for part in decided_by(rule.when, one, view))
                best, nearest = rank, Nearest(rule, len(true), len(conditions), parts)
        return nearest

    def _asks_for_event(self, tree: Tree) -> bool:
        event = self.mapping.payload.event
        return event is not None and event.tree is not None and any(part.key == event.tree.key for part in tree.walk())

    def _hint(self, told: Explanation, emissions: Sequence[Emitted]) -> str:
        """What an unmatched item may have meant."""
        if told.code == "E511" and told.event is not None and isinstance(told.event.value, str):
            known = [one.value for one in self.mapping.payload.events]
            return "" if told.event.value in known else did_you_mean(told.event.value, known)
        lacking = next((one for one in emissions if one.emission.table is not None and one.entry is None), None)
        if told.code != "E512" or lacking is None or lacking.emission.table is None:
            return ""
        asked = runtime.table_key(lacking.choice[0].value)
        return did_you_mean(asked, self.mapping.tables[lacking.emission.table.value].entries) if asked else ""

    # -- emissions ----------------------------------------------------------------------------------------------------

    def _emitted(self, rule: Rule, events: Iterator[dict[str, Any]], outcome: str, view: View) -> Iterator[Emitted]:
        for emission in rule.emissions:
            choice = tuple(derive(name, one, view) for name, one in _choosing(emission))
            entry = self._entry(emission, choice)
            is_ignored = entry is not None and entry.value == model.IGNORE
            event = next(events, None) if not is_ignored else None
            fields = () if is_ignored or outcome == "unmatched" else self._fields(rule, emission, event, view)
            yield Emitted(emission, choice, entry, event, tuple(fields))

    def _entry(self, emission: Emission, choice: Sequence[Derivation]) -> Entry | None:
        if emission.table is None:
            return None
        table = self.mapping.tables[emission.table.value]
        return table.entries.get(runtime.table_key(choice[0].value) or "", table.default)

    def _fields(self, rule: Rule, emission: Emission, event: dict[str, Any] | None, view: View) -> Iterator[Derivation]:
        for field in self.mapping.identifiers_of(rule, emission):
            yield derive(f"identifiers.{field.name}", field.expression, view)
        for field in self.mapping.data_of(rule, emission):
            yield derive(f"data.{field.name}", field.expression, view)
        list_id = model.list_id_of(rule, emission)
        if list_id is not None and (event is None or "list_id" in event["data"]):
            yield derive("data.list_id", list_id, view)


def _explanation(
    found: _Found, path: tuple[Level, ...], result: Result, *, event: Derivation | None = None
) -> Explanation:
    for name in OUTCOMES:
        outcomes: list[Outcome] = getattr(result, name)
        for one in outcomes:
            return Explanation(found.index, found.item, path, name, one.code, one.place, one.message, event)
    return Explanation(found.index, found.item, path, EMITTED, event=event)


def _try(rule: Rule, view: View) -> Tried:
    if rule.when is None or rule.when.tree is None:
        return Tried(rule, True, ())
    holds = view.ask(rule.when.tree).holds
    return Tried(rule, holds, tuple(decided_by(rule.when, rule.when.tree, view)))


def _has_failed(tried: Tried) -> bool:
    return any(part.fault is not None for part in tried.parts)


def _choosing(emission: Emission) -> Iterator[tuple[str, Expression]]:
    """The expressions that say which event it is."""
    named = {
        "key": emission.key,
        "type": emission.type,
        "action": emission.action,
        "reachability_update_type": emission.update,
    }
    yield from ((name, one) for name, one in named.items() if one is not None)


def _written_as(tree: Tree, field: str, *, is_there: bool) -> Tree | None:
    """What a step of `each` writes into a field of what it gives: `@` for one that `is_there` already and stays."""
    if tree.kind == "current":
        return tree if is_there else None
    if tree.kind == "multi_select_dict":
        return next((pair.children[0] for pair in reversed(tree.children) if pair.value == field), None)
    if tree.kind != "function_expression" or tree.value != "merge":
        return None
    for argument in reversed(tree.children):
        found = _written_as(argument, field, is_there=is_there)
        if found is not None or argument.kind not in ("multi_select_dict", "current"):
            return found
    return None
