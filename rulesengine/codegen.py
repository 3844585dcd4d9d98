"""A checked mapping to one Python function: `compile_mapping(mapping, ...) -> Program`.

The function takes an item and what surrounds it and returns what becomes of it: `(EMITTED, rule, events)`,
`(IGNORED, rule, reason)` or `(UNMATCHED, rule, why)`, the rule as its number or None; what goes wrong is raised. Rules
are one `if` after the other, in the author's order, and what several of them ask for is computed once. `Program.source`
is the text, made to be read; `Program.place_at` leads a line of it back to the mapping.

No YAML, no checks and no I/O here, and nothing is parsed, looked up by name or validated once the function runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rulesengine import model, runtime
from rulesengine.diagnostics import printable
from rulesengine.dispatch import Branch, Candidate, Plan, plan
from rulesengine.model import IGNORE, Emission, Expression, Field, Rule, Table
from rulesengine.program import (
    EMITTED,
    IGNORED,
    IGNORED_ENTRY,
    UNMATCHED,
    EventSpec,
    ItemFault,
    Program,
    declared_event,
    ignored_by_table,
    lookup_in,
    no_identifier,
    not_text,
    required_text,
)
from rulesengine.translate import FIELDS, ITEM, Translator
from rulesengine.vocabulary import Metric, Vocabulary
from rulesengine.writer import Namespace, Origin, Writer

_PARAMETERS = f"{ITEM}, root, parent, request"
_BRANCH_PARAMETERS = f"{ITEM}, {FIELDS}, root, parent, request"


def compile_mapping(mapping: model.Mapping, vocabulary: Vocabulary, channel: str, declared: set[str]) -> Program:
    """The program of a mapping that passed its checks, for an app of this channel type and these declared metrics."""
    compiler = _Compiler(mapping, vocabulary, channel, declared)
    steps = [] if _is_item_itself(mapping.payload.steps) else mapping.payload.steps
    names = [compiler.value_function(f"step_{n}", step) for n, step in enumerate(steps, start=1)]
    event = mapping.payload.event
    event_name = compiler.value_function("event_name", event) if event is not None else None
    compiler.item_function()
    source = "\n".join(text for text, _ in compiler.lines) + "\n"
    file = f"<rules of {printable(mapping.file)}>"
    program = dict(compiler.namespace.objects)
    exec(compile(source, file, "exec"), program)  # the mapping's texts are in it as bound objects only: see translate
    return Program(
        mapping=mapping,
        source=source,
        steps=tuple(program[name] for name in names),
        item=program["map_item"],
        event=program[event_name] if event_name else None,
        origins=tuple(origin for _, origin in compiler.lines),
        rules=tuple(compiler.rules),
        file=file,
    )


def _is_item_itself(steps: Sequence[Expression]) -> bool:
    """Whether the only step is `@`, as it is unless said otherwise."""
    return len(steps) == 1 and steps[0].tree is not None and steps[0].tree.kind == "current"


class _Compiler:
    """Writes the functions of one program."""

    def __init__(self, mapping: model.Mapping, vocabulary: Vocabulary, channel: str, declared: set[str]) -> None:
        self.mapping, self.vocabulary, self.channel, self.declared = mapping, vocabulary, channel, declared
        self.namespace = Namespace()
        self.lines: list[tuple[str, Origin | None]] = []
        self.rules: list[tuple[int, Rule | None]] = []
        self.shared: dict[int, str] = {}
        self.writer, self.translator = Writer(), Translator(Writer(), self.namespace)

    # -- functions ----------------------------------------------------------------------------------------------------

    def _begin(self, *, item_is_null: bool, has_fields: bool = False) -> None:
        self.writer = Writer()
        self.writer.used.update(("root", "parent", "request"))
        surroundings = {
            "root": "root",
            "parent": "parent",
            "request": "request",
            "channel": self._object(f"channel:{self.channel}", "CHANNEL", self.channel),
        }
        self.translator = Translator(
            self.writer,
            self.namespace,
            surroundings,
            self._lookup_function,
            item_is_null=item_is_null,
            has_fields=has_fields,
        )

    def _end(self, name: str, parameters: str = _PARAMETERS) -> str:
        self.lines.append((f"def {name}({parameters}):", None))
        self.lines.extend(self.writer.lines)
        self.rules.append((len(self.lines) + 1, None))
        self.lines.extend([("", None), ("", None)])
        return name

    def value_function(self, name: str, expression: Expression) -> str:
        """A function that returns the value of one expression."""
        self._begin(item_is_null=True)
        self.writer.line(f"return {self._atom(expression, 'value')}")
        return self._end(name)

    def item_function(self) -> None:
        """The function that maps an item: rule after rule, or those of its event where these can be told apart."""
        branches = plan(self.mapping)
        if branches is None:
            candidates = tuple(Candidate(rule, rule.when.tree if rule.when else None) for rule in self.mapping.rules)
            self._begin(item_is_null=False)
            self._try_in_turn(candidates)
            self._end("map_item")
            return
        self._shared_rules(branches)
        names = {
            branch.events: self._branch(f"on_{number}", branch)
            for number, branch in enumerate(branches.branches, start=1)
        }
        self._branch("on_any_other", branches.other)
        self._switch(branches, names)

    def _shared_rules(self, branches: Plan) -> None:
        """A function of its own for what a rule emits that several branches can come to."""
        uses = Counter(one.rule.index for branch in (*branches.branches, branches.other) for one in branch.candidates)
        for rule in self.mapping.rules:
            if uses[rule.index] > 1 and rule.ignore is None:
                self._begin(item_is_null=False, has_fields=True)
                self._start_rule(rule)
                self._outcome(rule)
                self.shared[rule.index] = self._end(f"emit_{rule.index}", _BRANCH_PARAMETERS)

    def _branch(self, name: str, branch: Branch) -> str:
        """A function for the items of some events."""
        self._begin(item_is_null=False, has_fields=True)
        if branch.events:
            self.writer.line(f"# {printable(', '.join(branch.events))}")
        self._try_in_turn(branch.candidates)
        return self._end(name, _BRANCH_PARAMETERS)

    def _try_in_turn(self, candidates: tuple[Candidate, ...]) -> None:
        for one in candidates:
            self._start_rule(one.rule)
            if one.when is None:
                self._outcome(one.rule)
                return
            assert one.rule.when is not None
            self.writer.origin = (one.rule.when, 0)
            with self.translator.block(f"if {_bare(self.translator.test(one.when, ITEM))}:"):
                self._outcome(one.rule)
        self.writer.line(f"return {self._outcome_name(UNMATCHED)}, None, None")

    def _switch(self, branches: Plan, names: Mapping[tuple[str, ...], str]) -> None:
        """The function that finds the branch of an item's event in a dict."""
        self._begin(item_is_null=False)
        event = self.translator.atom(branches.event, ITEM, "event")
        self.writer.line("try:")
        self.writer.line(f"    branch = BRANCHES.get({event}, on_any_other)")
        self.writer.line("except TypeError:  # a list or an object, which no dict has for a key")
        self.writer.line("    branch = on_any_other")
        self.writer.line(f"return branch({_BRANCH_PARAMETERS})")
        self._end("map_item")
        self.lines.append(("BRANCHES = {", None))
        for events, name in names.items():
            self.lines.extend((f"    {self.namespace.text(event)}: {name},", None) for event in events)
        self.lines.append(("}", None))

    def _start_rule(self, rule: Rule) -> None:
        # Line 1 of the function is its `def`, which `_end` writes above what the writer holds.
        self.rules.append((len(self.lines) + len(self.writer.lines) + 2, rule))
        self.writer.origin = None
        self.writer.line(f"# {printable(rule.label)}  {printable(str(rule.place))}")

    def _outcome(self, rule: Rule) -> None:
        if rule.index in self.shared:
            self.writer.line(f"return {self.shared[rule.index]}({_BRANCH_PARAMETERS})")
            return
        if rule.ignore is not None:
            ignored = self._outcome_name(IGNORED)
            reason = self._object(f"reason:{rule.index}", f"REASON_{rule.index}", rule.ignore)
            self.writer.line(f"return {ignored}, {rule.index}, {reason}")
            return
        metrics = [self._metric(rule, emission) for emission in rule.emissions]
        emitted = self._outcome_name(EMITTED)
        if not any(metric.may_be_ignored for metric in metrics):
            events = [
                self._event(rule, emission, metric) for emission, metric in zip(rule.emissions, metrics, strict=True)
            ]
            self.writer.line(f"return {emitted}, {rule.index}, [{', '.join(events)}]")
            return
        self._chosen_events(rule, metrics, emitted)

    def _chosen_events(self, rule: Rule, metrics: list[_Metric], emitted: str) -> None:
        """Several events of which tables may ignore some; none left means that the item is ignored."""
        events = self.writer.name("events")
        self.writer.line(f"{events} = []")
        for emission, metric in zip(rule.emissions, metrics, strict=True):
            if metric.may_be_ignored:
                with self.translator.block(f"if {metric.name} is not {self._ignored_entry()}:"):
                    self.writer.line(f"{events}.append({self._event(rule, emission, metric)})")
            else:
                self.writer.line(f"{events}.append({self._event(rule, emission, metric)})")
        with self.translator.block(f"if not {events}:"):
            ignored = self._outcome_name(IGNORED)
            asked = [f"({metric.table}, {metric.key})" for metric in metrics if metric.may_be_ignored]
            by_table = self.namespace.bind("ignored by table", "_ignored_by_table", lambda: ignored_by_table)
            self.writer.line(f"return {ignored}, {rule.index}, {by_table}({', '.join(asked)})")
        self.writer.line(f"return {emitted}, {rule.index}, {events}")

    # -- which event --------------------------------------------------------------------------------------------------

    def _metric(self, rule: Rule, emission: Emission) -> _Metric:
        """What the event is: known now, or looked up while running, then under a name of the program."""
        if emission.metric is not None:
            return _Metric("", self._spec(self.vocabulary.metrics[emission.metric.value]), False, False, False)
        name = self.writer.name("metric")
        if emission.table is not None:
            return self._metric_of_table(rule, emission, self.mapping.tables[emission.table.value], name)
        specs = self._declared_events()
        events = self._object("declared", "EVENTS", specs)
        texts = [
            self._atom(one, "text") if one else "None" for one in (emission.type, emission.action, emission.update)
        ]
        self.writer.origin = (emission.action, 0) if emission.action else None
        checked = self.namespace.bind("declared event", "_declared_event", lambda: declared_event)
        self.writer.line(f"{name} = {checked}({events}, {', '.join(texts)})")
        return _Metric(name, None, False, any(s[3] for s in specs.values()), any(s[2] for s in specs.values()))

    def _metric_of_table(self, rule: Rule, emission: Emission, table: Table, name: str) -> _Metric:
        assert emission.key is not None
        specs = {key: self._entry_spec(entry.value) for key, entry in table.entries.items()}
        default = self._entry_spec(table.default.value) if table.default else None
        entries = self._object(f"table:{table.name}", f"TABLE_{len(self.namespace.objects)}", specs)
        otherwise = "None"
        if default is not None:
            otherwise = self._object(f"default:{table.name}", f"DEFAULT_{len(self.namespace.objects)}", default)
        key = self._atom(emission.key, "key")
        table_key = self.namespace.bind("helper:table_key", "_table_key", lambda: runtime.table_key)
        self.writer.line(f"{name} = {entries}.get({table_key}({key}), {otherwise})")
        missing = self._object(f"missing:{table.name}", f"NAME_OF_{entries}", table.name)
        if default is None:
            with self.translator.block(f"if {name} is None:"):
                unmatched = self._outcome_name(UNMATCHED)
                self.writer.line(f"return {unmatched}, {rule.index}, ({missing}, {key})")
        known = [*specs.values(), *([default] if default else [])]
        return _Metric(
            name, None, IGNORED_ENTRY in known, any(s[3] for s in known), any(s[2] for s in known), missing, key
        )

    def _spec(self, metric: Metric) -> EventSpec:
        return metric.event_type(self.channel), metric.action, metric.update, metric.takes_list

    def _entry_spec(self, value: str) -> EventSpec:
        return IGNORED_ENTRY if value == IGNORE else self._spec(self.vocabulary.metrics[value])

    def _ignored_entry(self) -> str:
        return self.namespace.bind("ignored entry", "IGNORE", lambda: IGNORED_ENTRY)

    def _declared_events(self) -> dict[tuple[str, str, str | None], EventSpec]:
        metrics = (one for one in self.vocabulary.metrics.values() if one.name in self.declared and not one.generated)
        return {spec[:3]: spec for spec in map(self._spec, metrics)}

    # -- the event ----------------------------------------------------------------------------------------------------

    def _event(self, rule: Rule, emission: Emission, metric: _Metric) -> str:
        """Write what builds the event; the text of the event."""
        identifiers = self._identifiers(rule, emission)
        data = self._data(rule, emission, metric)
        if metric.spec is not None:
            kind, action = (self.namespace.text(text) for text in metric.spec[:2])
        else:
            kind, action = f"{metric.name}[0]", f"{metric.name}[1]"
        return f"{{'type': {kind}, 'action': {action}, 'identifiers': {identifiers}, 'data': {data}}}"

    def _identifiers(self, rule: Rule, emission: Emission) -> str:
        name = self.writer.name("identifiers")
        self.writer.line(f"{name} = {{}}")
        for field in self.mapping.identifiers_of(rule, emission):
            value = self._atom(field.expression, field.name)
            with self.translator.block(f"if isinstance({value}, str):"):
                self.writer.line(f"if {value}:")
                self.writer.line(f"    {name}[{self._key(field)}] = {value}")
            with self.translator.block(f"elif {value} is not None:"):
                self.writer.line(
                    f"raise {self._raiser('not_text', not_text)}({self._where(field.expression)}, {value})"
                )
        self.writer.origin = (emission.place, 0)
        with self.translator.block(f"if not {name}:"):
            names = [field.name for field in self.mapping.identifiers_of(rule, emission)]
            tried = self._object(f"tried:{names}", f"TRIED_{len(self.namespace.objects)}", ", ".join(names))
            self.writer.line(f"raise {self._raiser('no_identifier', no_identifier)}({tried})")
        return name

    def _data(self, rule: Rule, emission: Emission, metric: _Metric) -> str:
        name = self.writer.name("data")
        self.writer.line(f"{name} = {{}}")
        for field in self.mapping.data_of(rule, emission):
            value = self._atom(field.expression, field.name)
            if _has_constant_collection(field.expression):
                fresh = self.namespace.bind("helper:fresh", "_fresh", lambda: runtime.fresh)
                value = f"{fresh}({value})"
            self.writer.line(f"if {value} is not None:")
            self.writer.line(f"    {name}[{self._key(field)}] = {value}")
        self._list_id(rule, emission, metric, name)
        self._update_type(metric, name)
        return name

    def _list_id(self, rule: Rule, emission: Emission, metric: _Metric, data: str) -> None:
        expression = model.list_id_of(rule, emission)
        if expression is None or not (metric.may_take_list or (metric.spec and metric.spec[3])):
            return
        required = self.namespace.bind("required text", "_required_text", lambda: required_text)
        if metric.spec is not None:
            value = self._atom(expression, "list_id")
            self.writer.line(f"{data}['list_id'] = {required}({self._where(expression)}, {value})")
            return
        with self.translator.block(f"if {metric.name}[3]:"):
            value = self._atom(expression, "list_id")
            self.writer.line(f"{data}['list_id'] = {required}({self._where(expression)}, {value})")

    def _update_type(self, metric: _Metric, data: str) -> None:
        if metric.spec is not None and metric.spec[2] is not None:
            update = self.namespace.text(metric.spec[2])
            self.writer.line(f"{data}['reachability_update_type'] = {update}")
        elif metric.may_have_update:
            self.writer.line(f"if {metric.name}[2] is not None:")
            self.writer.line(f"    {data}['reachability_update_type'] = {metric.name}[2]")

    # -- pieces -------------------------------------------------------------------------------------------------------

    def _atom(self, expression: Expression, hint: str) -> str:
        assert expression.tree is not None
        self.writer.origin = (expression, 0)
        return self.translator.atom(expression.tree, ITEM, hint)

    def _object(self, key: str, hint: str, value: Any) -> str:
        """The name of a constant."""
        return self.namespace.bind(key, hint, lambda: value)

    def _outcome_name(self, outcome: str) -> str:
        return self._object(f"outcome:{outcome}", outcome.upper(), outcome)

    def _key(self, field: Field) -> str:
        return self.translator.text(field.name)

    def _where(self, expression: Expression) -> str:
        return self._object(f"where:{expression.where}", f"WHERE_{len(self.namespace.objects)}", expression.where)

    def _raiser(self, name: str, function: Callable[..., ItemFault]) -> str:
        return self.namespace.bind(name, f"_{name}", lambda: function)

    def _lookup_function(self, name: str) -> Callable[[Any], Any]:
        return lookup_in(self.mapping.tables[name])


@dataclass(frozen=True, slots=True)
class _Metric:
    """What an emission makes: `spec` when it is known now, else the name that holds it while running.

    `table` and `key` are the names of the table's name and of what it was asked for.
    """

    name: str
    spec: EventSpec | None
    may_be_ignored: bool
    may_take_list: bool
    may_have_update: bool
    table: str = ""
    key: str = ""


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


def _has_constant_collection(expression: Expression) -> bool:
    """Whether a list or an object of the mapping itself could get into an event, and be changed there by its user."""
    assert expression.tree is not None
    return any(part.kind == "literal" and isinstance(part.value, list | dict) for part in expression.tree.walk())
