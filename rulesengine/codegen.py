"""A checked mapping to one Python function: `compile_mapping(mapping, ...) -> Program`.

The function takes an item and what surrounds it and returns what becomes of it. Rules are one `if` after the other, in
the author's order, those of one event in a function of their own; what several of them ask for is computed once.
`Program.source` is the text, made to be read; the code stands, for Python, at the lines of the mapping.

No YAML, no checks and no I/O here, and nothing is parsed, looked up by name or validated once the function runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from types import CodeType
from typing import Any

from rulesengine import model
from rulesengine.diagnostics import Place, printable
from rulesengine.dispatch import Branch, Candidate, Plan, plan
from rulesengine.emitting import ARGUMENTS, SURROUNDINGS, Body, Chosen, Emitter, Target
from rulesengine.linking import linked
from rulesengine.model import Emission, Expression, Rule
from rulesengine.paths import wanted
from rulesengine.payloads import Wanted
from rulesengine.program import Compiled, Program, SpotParts, Unlinked, Written
from rulesengine.recording import RecordEmitter
from rulesengine.translate import FIELDS, ITEM
from rulesengine.writer import Origin, Position, compile_lines

_PARAMETERS = ", ".join((ITEM, *SURROUNDINGS))
_NOWHERE: Position = (1, 1, 1)


def compile_mapping(mapping: model.Mapping, target: Target, *, seen: set[Place] | None = None) -> Program:
    """The program of a mapping that passed its checks.

    It adds to `seen`, if given, the places of what runs of the mapping: see coverage.
    """
    compiler = _Compiler(mapping, Emitter(mapping, target, seen=seen))
    steps = () if _is_item_itself(mapping.payload.steps) else mapping.payload.steps
    names = [compiler.value_function(f"step_{n}", step) for n, step in enumerate(steps, start=1)]
    event = mapping.payload.event
    event_name = compiler.value_function("event_name", event) if event is not None else None
    compiler.item_function(_PARAMETERS)
    code, lines = compiler.finished()
    parts = wanted(mapping)
    alone = seen is None and not steps and not compiler.emitter.asked & {ITEM, "root", "parent"}
    compiled = compiler.compiled(
        code=code,
        steps=tuple(names),
        event=event_name,
        wanted=_plain(parts),
        in_parts=alone and parts is not None,
        each=tuple((step.where, step.text, step.place.parts) for step in steps),
    )
    written = Written(mapping, "\n".join(lines) + "\n", cache(partial(_records, mapping, target, parts)))
    return linked(compiled, lambda: written)


def _plain(parts: Wanted | None) -> tuple[Any, Any] | None:
    """What is wanted of a value, as plain data."""
    if parts is None:
        return None
    return tuple((name, _plain(below)) for name, below in parts.fields), _plain(parts.elements)


def _records(mapping: model.Mapping, target: Target, parts: Wanted | None) -> Unlinked:
    """The code of the program over items that are read as records of their wanted fields."""
    assert parts is not None
    attributes = {name: f"f{number}" for number, (name, _) in enumerate(parts.fields)}
    compiler = _Compiler(mapping, RecordEmitter(mapping, target, attributes))
    compiler.item_function(f"{FIELDS}, request")
    return compiler.finished()[0], compiler.namespace.objects


def _is_item_itself(steps: Sequence[Expression]) -> bool:
    """Whether the only step is `@`, as it is unless said otherwise."""
    return len(steps) == 1 and steps[0].tree is not None and steps[0].tree.kind == "current"


class _Compiler:
    """Writes the functions of one program: their lines, the position each leads to, and what is to be found there."""

    def __init__(self, mapping: model.Mapping, emitter: Emitter) -> None:
        self.mapping, self.emitter = mapping, emitter
        self.namespace = emitter.namespace
        self.lines: list[str] = []
        self.positions: list[Position] = []
        self.spots: dict[tuple[int, int], SpotParts] = {}
        self.shared: dict[int, str] = {}
        self.has_branches = False
        self.led_to: dict[tuple[int, int, int], tuple[Origin, Position]] = {}

    def finished(self) -> tuple[CodeType, list[str]]:
        """The code of the functions, and all lines, with the arguments that turned out to be asked for."""
        arguments = self.emitter.arguments()
        lines = [line.replace(ARGUMENTS, arguments) for line in self.lines]
        return compile_lines(lines, self.positions, self.mapping.file), lines

    def compiled(self, **parts: Any) -> Compiled:
        """What all of it comes to, with these parts."""
        mapping = self.mapping
        return Compiled(
            provider=mapping.provider.value,
            file=mapping.file,
            formats=mapping.payload.formats,
            objects=self.namespace.objects,
            direct=self._direct(),
            asks_root="root" in self.emitter.asked,
            labels=tuple(rule.label for rule in mapping.rules),
            tables={table.name: table.place.parts for table in mapping.tables.values()},
            rules=(mapping.root.key("rules") or mapping.root).place.parts,
            spots=self.spots,
            **parts,
        )

    def _direct(self) -> str | None:
        """The field that branches go by, where they take nothing but fields: then there is a way around `map_item`."""
        event = self.mapping.payload.event
        if not self.has_branches or event is None or event.tree is None or event.tree.kind != "field":
            return None
        return event.tree.value if self.emitter.arguments() == FIELDS else None

    # -- functions ----------------------------------------------------------------------------------------------------

    def value_function(self, name: str, expression: Expression) -> str:
        """A function that returns the value of one expression."""
        body = self.emitter.body(item_is_null=True, has_fields=False)
        body.line(f"return {body.atom(expression, 'value')}")
        return self._function(name, _PARAMETERS, body, expression.place)

    def _function(self, name: str, parameters: str, body: Body, place: Place) -> str:
        """Add a finished function, which is said to begin at this place."""
        self._add(f"def {name}({parameters}):", Origin(place))
        for text, origin in body.writer.lines:
            self._add(text, origin)
        self._add("", None)
        self._add("", None)
        return name

    def _add(self, text: str, origin: Origin | None) -> None:
        self.lines.append(text)
        if origin is None:
            self.positions.append(_NOWHERE)
            return
        key = (id(origin.written), origin.offset, id(origin.owner))
        if key not in self.led_to:
            self.led_to[key] = origin, self._lead(origin)  # kept, the origin's identity stays its own
        self.positions.append(self.led_to[key][1])

    def _lead(self, origin: Origin) -> Position:
        """The position that a line leads to, with what is to be found there noted."""
        where, place = _led_to(origin)
        if origin.owner is not None or where:
            rule = None if origin.owner is None else origin.owner.index
            self.spots.setdefault((place.line, place.column), (where, place.parts, rule))
        length = place.end_column - place.column if place.end_line == place.line else 1
        return place.line, place.column, max(1, length)

    def item_function(self, parameters: str) -> None:
        """The function that maps an item: rule after rule, or those of its event where these can be told apart."""
        has_fields = FIELDS in parameters
        self._common_functions()
        branches = plan(self.mapping)
        if branches is None:
            body = self.emitter.body(has_fields=has_fields)
            self._try_in_turn(body, [Candidate(one, one.when.tree if one.when else None) for one in self.mapping.rules])
            self._function("map_item", parameters, body, self.mapping.root.place)
            return
        self.has_branches = True
        self._shared_rules(branches)
        self.emitter.reserved.update(("branch", "on_any_other"))
        names = {
            branch.events: self._branch(f"on_{number}", branch)
            for number, branch in enumerate(branches.branches, start=1)
        }
        self._branch("on_any_other", branches.other)
        body = self.emitter.body(has_fields=has_fields)
        self._switch(branches, names, body, parameters)

    def _common_functions(self) -> None:
        """What events have in common, as functions of their own."""
        for rule in self.mapping.rules:
            for emission in rule.emissions:
                begun = self.emitter.common(rule, emission)
                if begun is not None:
                    self._function(begun[0], f"{ARGUMENTS}, kind, action", begun[1], self.mapping.root.place)

    def _shared_rules(self, branches: Plan) -> None:
        """A function of its own for what a rule emits that several branches can come to."""
        uses = Counter(one.rule.index for branch in (*branches.branches, branches.other) for one in branch.candidates)
        for rule in self.mapping.rules:
            if uses[rule.index] > 1 and rule.ignore is None:
                body = self.emitter.body()
                self._start_rule(body, rule)
                self._outcome(body, rule)
                self.shared[rule.index] = self._function(f"emit_{rule.index}", ARGUMENTS, body, rule.place)
        self.emitter.reserved.update(self.shared.values())

    def _branch(self, name: str, branch: Branch) -> str:
        """A function for the items of some events."""
        body = self.emitter.body()
        if branch.events:
            body.line(f"# {printable(', '.join(branch.events))}")
        self._try_in_turn(body, branch.candidates)
        first = branch.candidates[0].rule.place if branch.candidates else self.mapping.root.place
        return self._function(name, ARGUMENTS, body, first)

    def _try_in_turn(self, body: Body, candidates: Iterable[Candidate]) -> None:
        for one in candidates:
            self._start_rule(body, one.rule)
            if one.when is None:
                self._outcome(body, one.rule)
                return
            body.at(one.rule.when)
            with body.translator.block(f"if {_bare(body.translator.test(one.when, ITEM))}:"):
                self._outcome(body, one.rule)
        body.at(None)
        body.line(f"return {self.emitter.named('UNMATCHED')}, None, None")

    def _switch(self, branches: Plan, names: Mapping[tuple[str, ...], str], body: Body, parameters: str) -> None:
        """The function that finds the branch of an item's event in a dict."""
        assert self.mapping.payload.event is not None
        body.at(self.mapping.payload.event)
        event = body.translator.atom(branches.event, ITEM, "event")
        body.line(f"branch = BRANCHES.get({event}, on_any_other) if isinstance({event}, str) else on_any_other")
        body.line(f"return branch({ARGUMENTS})")
        self._function("map_item", parameters, body, self.mapping.payload.event.place)
        self._add("BRANCHES = {", None)
        for events, name in names.items():
            for event in events:
                self._add(f"    {self.namespace.text(event)}: {name},", None)
        self._add("}", None)

    # -- rules --------------------------------------------------------------------------------------------------------

    def _start_rule(self, body: Body, rule: Rule) -> None:
        body.rule = rule
        body.at(None)
        body.line(f"# {printable(rule.label)}  {printable(str(rule.place))}")

    def _outcome(self, body: Body, rule: Rule) -> None:
        body.at(rule.place)
        if rule.index in self.shared:
            body.line(f"return {self.shared[rule.index]}({ARGUMENTS})")
            return
        if rule.ignore is not None:
            self.emitter.note(body, rule.place)
            reason = self.emitter.object(f"reason:{rule.index}", f"REASON_{rule.index}", rule.ignore)
            body.line(f"return {self.emitter.named('IGNORED')}, {rule.index}, {reason}")
            return
        metrics = [self.emitter.metric(body, rule, emission) for emission in rule.emissions]
        if any(metric.may_be_ignored for metric in metrics):
            self._chosen_events(body, rule, metrics)
            return
        pairs = zip(rule.emissions, metrics, strict=True)
        events = [self.emitter.event(body, rule, emission, metric) for emission, metric in pairs]
        for place in (rule.place, *(emission.place for emission in rule.emissions)):
            self.emitter.note(body, place)
        made = events[0] if len(events) == 1 else f"[{', '.join(events)}]"
        body.line(f"return {made}")

    def _chosen_events(self, body: Body, rule: Rule, metrics: Sequence[Chosen]) -> None:
        """Events of which tables may ignore some; none left means that the item is ignored."""
        events = body.writer.name("events")
        body.line(f"{events} = []")
        for emission, metric in zip(rule.emissions, metrics, strict=True):
            if metric.may_be_ignored:
                ignored = self.emitter.named("IGNORED_ENTRY")
                with body.translator.block(f"if {metric.name} is not {ignored}:"):
                    self._append(body, rule, emission, metric, events)
            else:
                self._append(body, rule, emission, metric, events)
        self.emitter.note(body, rule.place)
        asked = [f"({metric.table}, {metric.key})" for metric in metrics if metric.may_be_ignored]
        by_table = self.emitter.called("ignored_by_table")
        body.line(f"if not {events}:")
        body.line(f"    return {self.emitter.named('IGNORED')}, {rule.index}, {by_table}({', '.join(asked)})")
        body.line(f"return {events}")

    def _append(self, body: Body, rule: Rule, emission: Emission, metric: Chosen, events: str) -> None:
        body.line(f"{events}.append({self.emitter.event(body, rule, emission, metric)})")
        self.emitter.note(body, emission.place)


def _led_to(origin: Origin) -> tuple[str, Place]:
    """The path of the key that a line was written for, empty for a place without one, and its place."""
    written = origin.written
    if isinstance(written, Expression):
        return written.where, written.node.inside(origin.offset) if origin.offset else written.place
    assert isinstance(written, Place)
    return "", written


def _bare(test: str) -> str:
    """A condition without the parentheses around all of it."""
    if not test.startswith("("):
        return test
    depth = 0
    for index, char in enumerate(test):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return test[1:-1] if index == len(test) - 1 else test
    return test
