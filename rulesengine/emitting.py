"""What an emission becomes: the Python statements that choose its metric and build its event.

The fields that `event:` gives to every event are written once, as a function of their own, `event(..., kind, action)`;
what a rule or an emission adds is written where the event is emitted. Where one of them overrides a common field, the
function it calls is a variant without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rulesengine import model
from rulesengine.analysis import type_of
from rulesengine.coverage import NotedTable
from rulesengine.diagnostics import Place
from rulesengine.model import IGNORE, Emission, Expression, Field, Rule
from rulesengine.program import IGNORED_ENTRY, EventSpec, Recipe
from rulesengine.translate import FIELDS, ITEM, Translator
from rulesengine.vocabulary import Metric, Vocabulary
from rulesengine.writer import Namespace, Origin, Writer, plain_word

SURROUNDINGS = ("root", "parent", "request")
# Stands for what every function below `map_item` is called with, until it is known which of it any of them asks for.
ARGUMENTS = "\x00"


@dataclass(slots=True)
class Body:
    """The body of a function that is being written, and the rule that its lines are at present written for."""

    writer: Writer
    translator: Translator
    rule: Rule | None = None

    def line(self, text: str) -> None:
        """Add a line, written for what `at` named last."""
        self.writer.line(text)

    def at(self, written: object) -> None:
        """The lines to come are written for this: an expression, a place, or None."""
        self.writer.origin = None if written is None else Origin(written, 0, self.rule)

    def atom(self, expression: Expression, hint: str) -> str:
        """The name of an expression's value; `hint` is a name to give it."""
        assert expression.tree is not None
        self.at(expression)
        return self.translator.atom(expression.tree, ITEM, hint)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an emission makes: `spec` when it is known now, else the name that holds it while running.

    `table` and `key` are the names of the table's name and of what it was asked for.
    """

    name: str
    spec: EventSpec | None
    may_be_ignored: bool = False
    may_take_list: bool = False
    may_have_update: bool = False
    table: str = ""
    key: str = ""

    def part(self, namespace: Namespace, index: int) -> str:
        """The text of the type (0) or the action (1)."""
        return namespace.text(str(self.spec[index])) if self.spec is not None else f"{self.name}[{index}]"


@dataclass(frozen=True, slots=True)
class Target:
    """What a mapping is compiled for: an app of this channel type, with these metrics declared."""

    vocabulary: Vocabulary
    channel: str
    declared: frozenset[str]


class Emitter:
    """Writes the emissions of one mapping; with `attributes`, for items that are records: see translate.

    The program is to add to `seen`, if it is given, what of the mapping runs: see coverage.
    """

    # What the recipes of metrics that are looked up while running begin with.
    entries = ""

    def __init__(
        self,
        mapping: model.Mapping,
        target: Target,
        attributes: Mapping[str, str] | None = None,
        seen: set[Place] | None = None,
    ) -> None:
        self.mapping, self.target, self.attributes, self.seen = mapping, target, attributes, seen
        self.namespace = Namespace()
        self.reserved: set[str] = set()
        self.asked: set[str] = set()
        self._functions: dict[tuple[int, ...], str] = {}

    # -- functions that emissions call --------------------------------------------------------------------------------

    def body(self, *, item_is_null: bool = False, has_fields: bool = True) -> Body:
        """The empty body of a new function."""
        writer = Writer()
        # No variable may hide a function that is called: a provider's field may have any name.
        writer.used.update((*SURROUNDINGS, "kind", "action", *self._functions.values(), *self.reserved))
        channel = self.object("channel", "CHANNEL", self.target.channel)
        surroundings = {**{name: name for name in SURROUNDINGS}, "channel": channel}
        return Body(
            writer,
            Translator(
                writer,
                self.namespace,
                surroundings,
                self._lookup_function,
                item_is_null=item_is_null,
                has_fields=has_fields,
                asked=self.asked,
                attributes=self.attributes,
            ),
        )

    def arguments(self) -> str:
        """What ARGUMENTS stands for, once all functions are written."""
        return ", ".join(name for name in (ITEM, FIELDS, *SURROUNDINGS) if name in self.asked or name == FIELDS)

    def common(self, rule: Rule, emission: Emission) -> tuple[str, Body] | None:
        """The name and the body of the function that an emission's event is begun by, None where there is one yet."""
        identifiers, data = self.common_fields(rule, emission)
        key = tuple(id(field) for field in (*identifiers, *data))
        if key in self._functions:
            return None
        number = len(self._functions) + 1
        self._functions[key] = "event" if number == 1 else f"event_{number}"
        return self._functions[key], self._begun_event(identifiers, data)

    def common_fields(self, rule: Rule, emission: Emission) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
        """The identifiers of an event, and the data that it shares with the others."""
        own = {field.name for field in (*rule.data, *emission.data)}
        data = tuple(field for field in self.mapping.data if field.name not in own)
        return self.mapping.identifiers_of(rule, emission), data

    def _begun_event(self, identifiers: tuple[Field, ...], data: tuple[Field, ...]) -> Body:
        body = self.body()
        names = self._identifiers(body, identifiers)
        held = body.writer.name("data")
        body.line(f"{held} = {{}}")
        for field in data:
            self._data_field(body, field, held)
        body.at(None)
        body.line(f"return {{'type': kind, 'action': action, 'identifiers': {names}, 'data': {held}}}")
        return body

    # -- which event --------------------------------------------------------------------------------------------------

    def metric(self, body: Body, rule: Rule, emission: Emission) -> Chosen:
        """What the event is: known now, or looked up while running, then under a name of the function."""
        if emission.metric is not None:
            return Chosen("", self._spec(self.target.vocabulary.metrics[emission.metric.value]))
        name = body.writer.name("metric")
        if emission.table is not None:
            return self._metric_of_table(body, rule, emission, name)
        specs = self._declared_events()
        events = self.namespace.bind("declared", "EVENTS", (self.entries + "table", specs))
        texts = [body.atom(one, "text") if one else "None" for one in (emission.type, emission.action, emission.update)]
        body.at(emission.action)
        checked = self.called("declared_event")
        body.line(f"{name} = {checked}({events}, {', '.join(texts)})")
        return self._chosen(name, list(specs.values()))

    def _chosen(self, name: str, specs: list[EventSpec], table: str = "", key: str = "") -> Chosen:
        ignored = IGNORED_ENTRY in specs
        return Chosen(name, None, ignored, any(one[3] for one in specs), any(one[2] for one in specs), table, key)

    def _metric_of_table(self, body: Body, rule: Rule, emission: Emission, name: str) -> Chosen:
        assert emission.key is not None
        assert emission.table is not None
        table = self.mapping.tables[emission.table.value]
        label = plain_word(table.name) or str(len(self.namespace.objects))
        specs = {key: self._entry_spec(entry.value) for key, entry in table.entries.items()}
        recipe: Recipe = (self.entries + "table", specs)
        if self.seen is not None:
            recipe = ("value", NotedTable(specs, table, self.seen))
        entries = self.namespace.bind(f"table:{table.name}", f"TABLE_{label}", recipe)
        key = body.atom(emission.key, "key")
        table_key = self.namespace.bind("helper:table_key", "_table_key", ("runtime", "table_key"))
        asked = key if is_text(emission.key) else f"{key} if type({key}) is str else {table_key}({key})"
        called = self.object(f"name of {table.name}", f"NAME_OF_{label}", table.name)
        if table.default is not None:
            default = self._entry_spec(table.default.value)
            recipe = (self.entries + "entry", default)
            otherwise = self.namespace.bind(f"default:{table.name}", f"DEFAULT_{label}", recipe)
            body.line(f"{name} = {entries}.get({asked}, {otherwise})")
            return self._chosen(name, [*specs.values(), default], called, key)
        body.line(f"{name} = {entries}.get({asked})")
        with body.translator.block(f"if {name} is None:"):
            unmatched = self.named("UNMATCHED")
            body.line(f"return {unmatched}, {rule.index}, ({called}, {key})")
        return self._chosen(name, list(specs.values()), called, key)

    def _spec(self, metric: Metric) -> EventSpec:
        return metric.event_type(self.target.channel), metric.action, metric.update, metric.takes_list

    def _entry_spec(self, value: str) -> EventSpec:
        return IGNORED_ENTRY if value == IGNORE else self._spec(self.target.vocabulary.metrics[value])

    def _declared_events(self) -> dict[tuple[str, str, str | None], EventSpec]:
        metrics = (
            one
            for one in self.target.vocabulary.metrics.values()
            if one.name in self.target.declared and not one.generated
        )
        return {spec[:3]: spec for spec in map(self._spec, metrics)}

    # -- the event ----------------------------------------------------------------------------------------------------

    def event(self, body: Body, rule: Rule, emission: Emission, metric: Chosen) -> str:
        """Write what builds the event; the text of the event."""
        identifiers, common = self.common_fields(rule, emission)
        function = self._functions[tuple(id(field) for field in (*identifiers, *common))]
        begun = f"{function}({ARGUMENTS}, {metric.part(self.namespace, 0)}, {metric.part(self.namespace, 1)})"
        body.at(emission.place)
        mark = len(body.writer.lines)
        name, data = body.writer.name("made"), body.writer.name("data")
        for field in self.mapping.data_of(rule, emission):
            if field not in common:
                self._data_field(body, field, data)
        self._list_id(body, rule, emission, metric, data)
        self._update_type(body, metric, data)
        if len(body.writer.lines) == mark:
            return begun
        origin = Origin(emission.place, 0, rule)
        indent = "    " * body.writer.depth
        body.writer.lines[mark:mark] = [
            (f"{indent}{name} = {begun}", origin),
            (f"{indent}{data} = {name}['data']", origin),
        ]
        body.at(emission.place)
        return name

    def _identifiers(self, body: Body, fields: tuple[Field, ...]) -> str:
        """Write what collects the identifiers, at least one of them; the text of their object."""
        tried = self.object(f"tried:{[one.name for one in fields]}", "TRIED", ", ".join(one.name for one in fields))
        missing = f"raise {self.called('no_identifier')}({tried})"
        if len(fields) == 1 and is_text(fields[0].expression):
            value = body.atom(fields[0].expression, fields[0].name)
            body.at(None)
            body.line(f"if not {value}:")
            body.line(f"    {missing}")
            return f"{{{self._key(body, fields[0])}: {value}}}"
        held = body.writer.name("identifiers")
        body.line(f"{held} = {{}}")
        for field in fields:
            self._identifier(body, field, held)
        body.at(None)
        body.line(f"if not {held}:")
        body.line(f"    {missing}")
        return held

    def _identifier(self, body: Body, field: Field, held: str) -> None:
        value = body.atom(field.expression, field.name)
        stored = f"{held}[{self._key(body, field)}] = {value}"
        if is_text(field.expression):
            body.line(f"if {value}:")
            body.line(f"    {stored}")
            return
        body.line(f"if isinstance({value}, str):")
        body.line(f"    if {value}:")
        body.line(f"        {stored}")
        body.line(f"elif {value} is not None:")
        body.line(f"    raise {self.called('not_text')}({self.where(field.expression)}, {value})")

    def _data_field(self, body: Body, field: Field, data: str) -> None:
        value = body.atom(field.expression, field.name)
        stored = value
        if _has_constant_collection(field.expression):
            fresh = self.namespace.bind("helper:fresh", "_fresh", ("runtime", "fresh"))
            stored = f"{fresh}({value})"
        body.line(f"if {value} is not None:")
        body.line(f"    {data}[{self._key(body, field)}] = {stored}")

    def _list_id(self, body: Body, rule: Rule, emission: Emission, metric: Chosen, data: str) -> None:
        expression = model.list_id_of(rule, emission)
        if expression is None or not (metric.may_take_list or (metric.spec and metric.spec[3])):
            return
        if metric.spec is not None:
            self._required(body, expression, data)
            return
        with body.translator.block(f"if {metric.name}[3]:"):
            self._required(body, expression, data)

    def _required(self, body: Body, expression: Expression, data: str) -> None:
        value = body.atom(expression, "list_id")
        body.line(f"{data}['list_id'] = {self.called('required_text')}({self.where(expression)}, {value})")

    def _update_type(self, body: Body, metric: Chosen, data: str) -> None:
        if metric.spec is not None and metric.spec[2] is not None:
            body.line(f"{data}['reachability_update_type'] = {self.namespace.text(metric.spec[2])}")
        elif metric.may_have_update:
            body.line(f"if {metric.name}[2] is not None:")
            body.line(f"    {data}['reachability_update_type'] = {metric.name}[2]")

    # -- names --------------------------------------------------------------------------------------------------------

    def object(self, key: str, hint: str, value: Any) -> str:
        """The name of a constant."""
        return self.namespace.bind(key, hint, ("value", value))

    def _key(self, body: Body, field: Field) -> str:
        return body.translator.text(field.name)

    def where(self, expression: Expression) -> str:
        """The name of the path of an expression's key."""
        return self.object(f"where:{expression.where}", f"WHERE_{len(self.namespace.objects)}", expression.where)

    def called(self, function: str) -> str:
        """The name of a function of `program`."""
        return self.namespace.bind(f"program:{function}", f"_{function}", ("program", function))

    def named(self, constant: str) -> str:
        """The name of a constant of `program`, which is told from others by being that object."""
        return self.namespace.bind(f"program:{constant}", constant, ("program", constant))

    def _lookup_function(self, name: str) -> Recipe:
        table = self.mapping.tables[name]
        values: dict[str, Any] = {key: entry.value for key, entry in table.entries.items()}
        if self.seen is not None:
            values = NotedTable(values, table, self.seen)
        return "lookup", values, table.default.value if table.default else None

    def note(self, body: Body, place: Place) -> None:
        """Write that this part of the mapping has run, where somebody wants to know."""
        if self.seen is not None:
            body.line(f"{self.object('seen', 'SEEN', self.seen)}.add({self.object(f'part:{place}', 'PART', place)})")


def is_text(expression: Expression) -> bool:
    """Whether the expression yields text or null and nothing else."""
    return expression.tree is not None and type_of(expression.tree) == "string"


def _has_constant_collection(expression: Expression) -> bool:
    """Whether a list or an object of the mapping itself could get into an event, and be changed there by its user."""
    assert expression.tree is not None
    return any(part.kind == "literal" and isinstance(part.value, list | dict) for part in expression.tree.walk())
