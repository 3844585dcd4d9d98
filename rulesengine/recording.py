"""What an emission becomes in a program over records: an event that is only ever written out.

The statements are those of `emitting`, but nothing is built that JSON does not need: an event is a record of records,
made in one step once all its values are known, and what is null in it is left out when it is written. Fields stand in
the order in which the program over dicts would add them, so that both write the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from rulesengine import model
from rulesengine.emitting import Body, Chosen, Emitter, is_text
from rulesengine.model import Emission, Expression, Field, Rule
from rulesengine.program import EventSpec

_LIST_ID, _UPDATE = "list_id", "reachability_update_type"


class RecordEmitter(Emitter):
    """Writes the emissions of one mapping for items that are records."""

    entries = "record "

    def common(self, rule: Rule, emission: Emission) -> None:
        """Nothing: each event is made in one step."""

    def event(self, body: Body, rule: Rule, emission: Emission, metric: Chosen) -> str:
        """Write what the event is made of; the text of the event."""
        identifiers = self._record(*zip(*self._identifier_values(body, rule, emission), strict=True))
        data = self._record(*self._data_values(body, rule, emission, metric))
        if metric.spec is None:
            return f"{metric.name}[4]({metric.name}[1], {identifiers}, {data})"
        return f"{self._class(metric.spec)}({metric.part(self.namespace, 1)}, {identifiers}, {data})"

    def _class(self, spec: EventSpec) -> str:
        hint = f"Event_{len(self.namespace.objects)}"
        return self.namespace.bind(f"event:{spec}", hint, ("event record", *spec[:3]))

    def _record(self, names: Iterable[str], values: Iterable[str]) -> str:
        keys = tuple(names)
        made = self.namespace.bind(f"record:{keys}", f"Fields_{len(self.namespace.objects)}", ("fields record", keys))
        return f"{made}({', '.join(values)})"

    def _identifier_values(self, body: Body, rule: Rule, emission: Emission) -> list[tuple[str, str]]:
        """The names and values of the identifiers, at least one of which is not null."""
        found = [
            (field.name, self._identifier_value(body, field)) for field in self.mapping.identifiers_of(rule, emission)
        ]
        tried = self.object(f"tried:{[name for name, _ in found]}", "TRIED", ", ".join(name for name, _ in found))
        body.line(f"if {' and '.join(f'{value} is None' for _, value in found)}:")
        body.line(f"    raise {self.called('no_identifier')}({tried})")
        return found

    def _identifier_value(self, body: Body, field: Field) -> str:
        value, name = body.atom(field.expression, field.name), body.writer.name("identifier")
        if not is_text(field.expression):
            body.line(f"if {value} is not None and not isinstance({value}, str):")
            body.line(f"    raise {self.called('not_text')}({self.where(field.expression)}, {value})")
        body.line(f"{name} = {value} or None")
        return name

    def _data_values(self, body: Body, rule: Rule, emission: Emission, metric: Chosen) -> tuple[list[str], list[str]]:
        _, common = self.common_fields(rule, emission)
        own = [field for field in self.mapping.data_of(rule, emission) if field not in common]
        fields = [*common, *own]
        names, values = [one.name for one in fields], [body.atom(one.expression, one.name) for one in fields]
        list_id = model.list_id_of(rule, emission)
        if list_id is not None and (metric.may_take_list or (metric.spec and metric.spec[3])):
            names.append(_LIST_ID)
            values.append(self._list_id_value(body, list_id, metric))
        if metric.may_have_update or (metric.spec and metric.spec[2]):
            names.append(_UPDATE)
            update = metric.spec[2] if metric.spec else None
            values.append(f"{metric.name}[2]" if update is None else self.namespace.text(update))
        return names, values

    def _list_id_value(self, body: Body, expression: Expression, metric: Chosen) -> str:
        name = body.writer.name(_LIST_ID)
        required = self.called("required_text")
        if metric.spec is not None:
            body.line(f"{name} = {required}({self.where(expression)}, {body.atom(expression, 'value')})")
            return name
        body.line(f"{name} = None")
        with body.translator.block(f"if {metric.name}[3]:"):
            body.line(f"{name} = {required}({self.where(expression)}, {body.atom(expression, 'value')})")
        return name
