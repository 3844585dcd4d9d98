"""A first mapping, written from what sample bodies say; each value with its evidence, each doubt marked TODO.

    event: type                     # in 12 of 12 items; also possible: status

The text is free of errors whatever was found. Nothing is decided that the samples do not say: an event without a usual
name, and a bounce without a class, is ignored with a TODO.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain

from rulesengine.app import App
from rulesengine.diagnostics import listed, printable
from rulesengine.drafting.candidates import Finding
from rulesengine.drafting.hints import is_sent_like
from rulesengine.drafting.inference import Classes, Inference, Kind
from rulesengine.flow import as_flow

TODO = "TODO"
_WIDTH = 118
_NOTE = 35  # the column of notes
# Text that needs no quotes in YAML's block style, whatever its version.
_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z_](?:(?!: | #)[ -~])*(?<![: ])", re.IGNORECASE)


def mapping_text(provider: str, app: App, formats: Sequence[str], bodies: int, found: Inference) -> str:
    """The text of a mapping for an app: what was found in so many bodies, in these formats."""
    parts = (_head(provider, app, bodies, found), _payload(formats, found), _event(found), *_rules(app, found))
    return "\n".join(chain.from_iterable(parts)).rstrip() + "\n"


def scalar(text: str) -> str:
    """A text as YAML."""
    if _PLAIN.fullmatch(text):
        return text
    if set(text) & {'"', "\\"} and text.isascii() and text.isprintable():
        return _quoted(text)
    return as_flow(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _noted(line: str, note: str) -> list[str]:
    """A line with a note behind it, or above it where that is too long."""
    if not note or max(len(line), _NOTE) + len(note) + 3 <= _WIDTH:
        return [f"{line:<{_NOTE}} # {note}" if note else line]
    return [*_comment(note, len(line) - len(line.lstrip())), line]


def _comment(text: str, indent: int) -> list[str]:
    mark = " " * indent + "# "
    return textwrap.wrap(printable(text), _WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _evidence(one: Finding) -> str:
    also = f"; also possible: {', '.join(one.also)}" if one.also else ""
    return f"in {one.seen} of {one.of} items{also}"


def _field(name: str, one: Finding) -> list[str]:
    """A name with its expression below `identifiers` or `data`."""
    doubt = _comment(f"{TODO} {one.doubt}", 4) if one.doubt else []
    return [*doubt, *_noted(f"    {name}: {scalar(one.expression)}", _evidence(one))]


# -- above the rules --------------------------------------------------------------------------------------------------


def _head(provider: str, app: App, bodies: int, found: Inference) -> Iterator[str]:
    items = f"{_counted(len(found.items), 'item', 'items')} in {_counted(bodies, 'body', 'bodies')}"
    yield f"# Made by `rules new` from {items}; what these leave open is marked."
    yield "mapping: 1"
    yield f"provider: {scalar(provider)}"
    yield f"# {TODO} title, docs (the provider's page of webhook events), reviewed (the day you compared with it)"
    yield f"channels: [{app.channel}]"


def _payload(formats: Sequence[str], found: Inference) -> Iterator[str]:
    yield ""
    yield "payload:"
    yield f"  format: {formats[0] if len(formats) == 1 else as_flow(list(formats))}"
    yield from _each(found)
    if found.event is None:
        yield from _comment(f"{TODO} event and events: no field of the samples names what happened", 2)
        return
    missing = found.event.of - found.event.seen
    if missing:
        yield from _comment(f"{TODO} {missing} of {found.event.of} items have no such field, and no rule takes them", 2)
    yield from _noted(f"  event: {scalar(found.event.expression)}", _evidence(found.event))
    yield from _comment(f"{TODO} these came in the samples: which others does the provider document?", 2)
    yield f"  events: {as_flow([kind.name for kind in found.kinds], column=10)}"


def _each(found: Inference) -> Iterator[str]:
    lists = any(isinstance(item.body, list) for item in found.items)
    steps = [*(["@"] if lists else []), *(step.expression for step in found.steps)]
    if len(steps) < 2:
        yield f"  each: {scalar(steps[0] if steps else '@')}"
        return
    yield "  each:"
    yield from (f"    - {scalar(step)}" for step in steps)


def _event(found: Inference) -> Iterator[str]:
    yield ""
    yield "event:"
    yield "  identifiers:"
    if not found.identifiers:
        yield from _comment(f"{TODO} no address was found in the samples: where does a body say who it is about?", 4)
        yield "    email: email"
    yield from chain.from_iterable(_field(name, one) for name, one in found.identifiers.items())
    yield "  data:"
    if "ts" not in found.data:
        yield from _comment(f"{TODO} no time was found in the samples: this is when the body came", 4)
        yield "    ts: epoch(request().received_at)"
    rows = {name: _field(name, one) for name, one in found.data.items()}
    yield from rows.pop("ts", ())
    if found.identifiers:
        address = " || ".join(field.expression for one in found.identifiers.values() for field in one.fields)
        yield f"    target_address: {scalar(address)}"
    yield from chain.from_iterable(rows.values())


# -- rules ------------------------------------------------------------------------------------------------------------


def _rules(app: App, found: Inference) -> Iterator[Iterator[str]]:
    tables = {kind.name: f"class_{number}" for number, kind in enumerate(found.kinds) if _usable(kind.classes, app)}
    if len(tables) == 1:
        tables = dict.fromkeys(tables, "bounce_class")
    if tables:
        yield iter(("", "tables:"))
        yield from (_table(tables[kind.name], kind, app) for kind in found.kinds if kind.name in tables)
    yield iter(("", "rules:"))
    yield from (_rule(kind, tables.get(kind.name), app, found) for kind in found.kinds)
    if not found.kinds:
        yield iter((f"  - ignore: {TODO} decide what becomes of these items",))


def _usable(classes: Classes | None, app: App) -> bool:
    return classes is not None and any(metric in app.declared for metric in classes.metrics.values())


def _table(name: str, kind: Kind, app: App) -> Iterator[str]:
    metrics = kind.classes.metrics if kind.classes is not None else {}
    yield f"  {name}:"
    for value, metric in metrics.items():
        if metric in app.declared:
            yield f"    {_key(value)}: {metric}"
        else:
            why = (
                f"declare {metric} in app.yml"
                if metric not in (None, "ignore")
                else "soft_bounce, if it is not tried again"
            )
            yield from _noted(f"    {_key(value)}: ignore", f"{TODO} {why if metric else 'a metric'}")
    yield from _comment(f"{TODO} which other values does the provider document?", 4)


def _key(value: str) -> str:
    return value if re.fullmatch(r"[0-9]+", value) else scalar(value)


def _rule(kind: Kind, table: str | None, app: App, found: Inference) -> Iterator[str]:
    event = found.event.expression if found.event is not None else ""
    compared = f"({event})" if "||" in event else event
    yield from _noted(f"  - name: {scalar(kind.name)}", _counted(kind.count, "item", "items"))
    condition = f"{compared} == '{kind.name}'"  # names of events have no quotes in them
    yield f"    when: {scalar(condition)}"
    yield from _table_rule(kind, table) if table is not None else _outcome(kind, app, found)
    yield ""


def _table_rule(kind: Kind, table: str) -> Iterator[str]:
    key = scalar(kind.classes.expression) if kind.classes is not None else ""
    yield f"    emit: {{table: {table}, key: {_in_flow(key)}}}"
    yield from _data(kind)


def _in_flow(text: str) -> str:
    """A scalar within braces, where commas and brackets mean something else."""
    return text if not set(text) & set("[]{},") or text[0] in "'\"" else _quoted(text)


def _outcome(kind: Kind, app: App, found: Inference) -> Iterator[str]:
    """What becomes of the items of an event, by what its name means."""
    metric, reading = kind.reading.metric, kind.reading
    if metric is None:
        yield from _not_emitted(kind, found)
    elif metric not in app.declared:
        yield f"    ignore: {TODO} emit {metric}, once app.yml declares it"
    elif metric == "list_unsubscribe" and kind.list_id is None:
        yield f"    ignore: {TODO} list_unsubscribe with which list_id? or opt-out"
    else:
        if metric == "opt-out" and kind.list_id is not None:
            yield from _comment(f"{TODO} list_unsubscribe, if it is about one list: {kind.list_id.expression}", 4)
        yield f"    emit: {reading.metric}"
        if metric == "list_unsubscribe" and kind.list_id is not None:
            yield f"    list_id: {scalar(kind.list_id.expression)}"
        yield from _data(kind)


def _not_emitted(kind: Kind, found: Inference) -> Iterator[str]:
    delivers = any(one.reading.metric == "delivery" for one in found.kinds)
    if kind.reading.ignore is not None:
        if is_sent_like(kind.name) and not delivers:
            yield from _comment(
                f"{TODO} emit delivery, if the provider means that the receiving side has accepted it", 4
            )
        yield f"    ignore: {kind.reading.ignore}"
        return
    for told in kind.deciding:
        yield from _comment(told, 4)
    yield f"    ignore: {TODO} {kind.reading.question}"


def _data(kind: Kind) -> Iterator[str]:
    """What this event has besides: the address that was clicked, the reason of a bounce."""
    bounced = kind.reading.metric in ("hard_bounce", "soft_bounce") or kind.classes is not None
    one = kind.url if kind.reading.metric == "click" else kind.reason if bounced else None
    if one is not None:
        name = "campaign_event_value" if kind.reading.metric == "click" else "value"
        yield "    data:"
        yield from _noted(f"      {name}: {scalar(one.expression)}", _evidence(one))


def todos_in(text: str) -> int:
    """How many lines of a draft leave something open."""
    return sum(TODO in line for line in text.splitlines())


def overview(found: Inference, formats: Sequence[str]) -> Iterator[str]:
    """What was found, for the terminal, one thing a line."""
    rows = [("format", ", ".join(formats)), ("each", ", then ".join(step.expression for step in found.steps) or "@")]
    if found.event is not None:
        names = [f"{kind.name} {kind.count}" for kind in found.kinds]
        rows += [("event", f"{found.event.expression}   {_evidence(found.event)}"), ("events", ", ".join(names))]
    rows += [
        (name, f"{one.expression}   {_evidence(one)}") for name, one in {**found.identifiers, **found.data}.items()
    ]
    width = max(len(name) for name, _ in rows)
    yield from (printable(f"  {name:<{width}}  {told}") for name, told in rows)
    missing = [what for what, there in (("event", found.event), ("address", found.identifiers)) if not there]
    if missing:
        yield f"  not found: {listed(missing)}"
