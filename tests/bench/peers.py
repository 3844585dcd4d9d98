"""Other engines on the task of plain.yml: each in its own language, compiled once, then called with one event.

What a peer cannot say in its language it leaves out: then its task is that of reduced.yml, and it is compared with us
on that. None of them checks or accounts for anything here; a field that is missing is none of their tasks' concern.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

Event = dict[str, Any]
Call = Callable[[Event], Any]
Batch = Callable[[list[Event]], list[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of an event of this name, and of this `type` for bounces; `more` is a key of `data` and a field."""

    event: str
    kind: str
    action: str
    more: tuple[str, str] | None = None
    bounce: str | None = None
    update: str | None = None


# The same as plain.yml, from which the text in each language is made.
ROWS = (
    Row("delivered", "email", "delivery"),
    Row("open", "email", "open"),
    Row("click", "email", "click", ("campaign_event_value", "url")),
    Row("bounce", "reachability", "unreachable", ("value", "reason"), "bounce", "hard_bounce"),
    Row("bounce", "email", "soft_bounce", ("value", "reason"), "blocked"),
    Row("group_unsubscribe", "list", "unsubscribe", ("list_id", "asm_group_id")),
)
_PARTS = "identifiers: e.identifiers, data: e.data"
_DATA = {"ts": "timestamp", "target_address": "email", "message_id": "sg_message_id"}


def _fields(row: Row) -> dict[str, str]:
    """The keys of `data` and the fields they are from."""
    return {**_DATA, **dict([row.more] if row.more else [])}


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a language of expressions writes what the task needs: format strings."""

    text: str
    equal: str
    both: str
    key: str
    email: str
    as_text: str
    name: str = "{}"

    def condition(self, row: Row) -> str:
        """When a row is meant."""
        found = self.equal.format(self.name.format("event"), self.text.format(row.event))
        if row.bounce is None:
            return found
        return self.both.format(found, self.equal.format(self.name.format("type"), self.text.format(row.bounce)))

    def event(self, row: Row) -> str:
        """The object of its event."""
        data = {key: self.name.format(field) for key, field in _fields(row).items()}
        if "list_id" in data:
            data["list_id"] = self.as_text.format(data["list_id"])
        if row.update is not None:
            data["reachability_update_type"] = self.text.format(row.update)
        return self._object(
            {
                "type": self.text.format(row.kind),
                "action": self.text.format(row.action),
                "identifiers": self._object({"email": self.email}),
                "data": self._object(data),
            }
        )

    def _object(self, fields: dict[str, str]) -> str:
        return "{{{}}}".format(", ".join(f"{self.key.format(key)}: {value}" for key, value in fields.items()))

    def chain(self, branch: str, end: str) -> str:
        """All rows as one expression: `branch` has a condition, an event, and the rest."""
        text = end
        for row in reversed(ROWS):
            text = branch.format(self.condition(row), self.event(row), text)
        return text


def vrl(module: Any) -> Call:
    """Vector's remap language."""
    syntax = Syntax('"{}"', "{} == {}", "{} && {}", '"{}"', "email", "to_string!({})", name=".{}")
    branches = syntax.chain("if {} {{ . = {} }} else {}", "{ abort }")
    transform = module.Transform(f"email = downcase(strip_whitespace(string!(.email)))\n{branches}")
    return cast(Call, transform.remap)


def zen(module: Any) -> Call:
    """Zen's expression language."""
    syntax = Syntax("'{}'", "{} == {}", "{} and {}", "{}", "lower(trim(email))", "string({})")
    return cast(Call, module.compile_expression(syntax.chain("{} ? {} : {}", "null")).evaluate)


def jsonata(module: Any) -> Call:
    """JSONata."""
    syntax = Syntax('"{}"', "{} = {}", "{} and {}", '"{}"', "$lowercase($trim(email))", "$string({})")
    return cast(Call, module.compile(syntax.chain("{} ? {} : {}", "null")).evaluate)


def datalogic(module: Any) -> Call:
    """JSON Logic, with objects as templates."""

    def field(name: str) -> Event:
        return {"var": name}

    def condition(row: Row) -> Event:
        named: Event = {"==": [field("event"), row.event]}
        return named if row.bounce is None else {"and": [named, {"==": [field("type"), row.bounce]}]}

    def event(row: Row) -> Event:
        data: Event = {key: field(name) for key, name in _fields(row).items()}
        if "list_id" in data:
            data["list_id"] = {"cat": [data["list_id"]]}
        if row.update is not None:
            data["reachability_update_type"] = row.update
        email = {"lower": {"trim": field("email")}}
        return {"type": row.kind, "action": row.action, "identifiers": {"email": email}, "data": data}

    branches = [part for row in ROWS for part in (condition(row), event(row))]
    rule = module.Engine(templating=True).compile({"if": [*branches, None]})
    return cast(Call, rule.evaluate)


def _jmespath(email: str) -> str:
    syntax = Syntax("'{}'", "{} == {}", "{} && {}", "{}", email, "to_string({})")
    return syntax.chain("({} && {}) || {}", "`null`")


def jpx(module: Any) -> Call:
    """JMESPath in Rust, as one expression."""
    return cast(Call, module.compile(_jmespath("lower(trim(email))")).search)


def datayoga_batch(module: Any) -> Batch:
    """A job of DataYoga with one block of JMESPath, for many events in one call."""
    # The block takes only what begins and ends with a brace.
    expression = f"{{e: {_jmespath('lower(email)')}}} | {{type: e.type, action: e.action, {_PARTS}}}"
    job = module.compile({"steps": [{"uses": "map", "with": {"expression": expression, "language": "jmespath"}}]})
    return lambda events: [one.payload for one in job.transform(events).processed]


def datayoga(module: Any) -> Call:
    """The same for one event."""
    batch = datayoga_batch(module)
    return lambda event: batch([event])[0]


def rule_engine(module: Any) -> Call:
    """rule-engine's ternaries; its numbers are decimals and its objects ordered."""
    syntax = Syntax('"{}"', "{} == {}", "{} and {}", '"{}"', "email.as_lower", "{}")
    return cast(Call, module.Rule(syntax.chain("{} ? {} : ({})", "null")).evaluate)


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine: its package, the module to import, which task it does, and what there is to say of it."""

    package: str
    module: str
    make: Callable[[Any], Call]
    task: str = "plain"
    note: str = ""
    batch: Callable[[Any], Batch] | None = None

    def load(self) -> tuple[Call, Batch | None] | None:
        """What to call with an event and, if there is such, with many; None where the package is not installed."""
        try:
            module = importlib.import_module(self.module)
        except ImportError:
            return None
        return self.make(module), self.batch(module) if self.batch else None


PEERS = (
    Peer("datalogic-py", "datalogic_py", datalogic, note="JSON Logic in Rust"),
    Peer("zen-engine", "zen", zen, note="Rust"),
    Peer("jsonatapy", "jsonatapy", jsonata, note="JSONata in Rust"),
    Peer("pyVRL", "pyvrl", vrl, note="Vector's remap language, Rust"),
    Peer("jpx", "jpx", jpx, note="JMESPath in Rust"),
    Peer("rule-engine", "rule_engine", rule_engine, "reduced", "no trim, no number to text; gives decimals"),
    Peer("datayoga-core", "datayoga_core", datayoga, "reduced", "JMESPath; no trim", datayoga_batch),
)
