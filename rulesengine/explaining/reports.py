"""Explanations told: as text for people, and as data for programs.

With a `Mask` no value of a payload is told, but what the mapping writes out itself: `redacting` makes one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import takewhile
from typing import Any

from rulesengine import model, runtime
from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import Place, escaped, printable, shortened, shown
from rulesengine.errors import PayloadError
from rulesengine.explaining.derivation import Derivation, Part, Step, is_path
from rulesengine.explaining.why import EMITTED, Emitted, Explanation, Level, Nearest, Tried
from rulesengine.jmes import parse
from rulesengine.payloads import encode_line
from rulesengine.tally import Source, kind_of

# Gives a value that may be told as it is, and a text such as `<text of 15>` for any other.
Mask = Callable[[Any], Any]

_WIDTH = 120  # of a value in text
_MANY = 6  # elements of a list in text
_DEEP = 3
_SHORT = 60  # of an expression
_HUGE = 10**30
# Fields, which are short, and might stand within other words.
_PATHS = re.compile(r"(\w+\(\))?[\w.\"@\[\]-]*")


def redacting(mapping: model.Mapping) -> Mask:
    """A mask that hides every value by its type and length, but those that the mapping itself writes out."""
    own = frozenset(_written_out(mapping)) - {None}  # so that a list, which no table knows, is not among them

    def hide(value: Any) -> Any:
        is_huge = isinstance(value, int) and abs(value) > _HUGE  # Python refuses to write thousands of digits
        if value is None or (not is_huge and runtime.table_key(value) in own):
            return value
        if isinstance(value, bool | int | float):
            return "<boolean>" if isinstance(value, bool) else "<number>"
        kind = "text" if isinstance(value, str) else "list" if isinstance(value, list) else "object"
        return f"<{kind} of {len(value)}>"

    return hide


def _written_out(mapping: model.Mapping) -> Iterator[str | None]:
    """The constants of a mapping, as tables know them."""
    yield from (one.value for one in mapping.payload.events)
    yield from (one.value for one in mapping.channels)
    for table in mapping.tables.values():
        for entry in table.all_entries:
            yield from (entry.key, runtime.table_key(entry.value))
    for expression, _ in mapping.expressions():
        for part in expression.tree.walk() if expression.tree is not None else ():
            if part.kind == "literal":
                yield from map(runtime.table_key, part.value if isinstance(part.value, list) else [part.value])


# -- text -------------------------------------------------------------------------------------------------------------


def as_text(told: Explanation, source: str, mask: Mask | None = None) -> str:
    """An explanation in lines, the first of which says where the item is from and what became of it."""
    return "".join(f"{printable(line)}\n" for line in _lines(told, source, mask))


def _lines(told: Explanation, source: str, mask: Mask | None) -> Iterator[str]:
    path = _path(told.path)
    yield f"{source}{', at ' + path if path else ''}: {_outcome(told, mask)}"
    if told.event is not None:
        yield from _indented(_derivation(told.event, mask))
    # What says which event it is stands in most conditions, and its value above them.
    known = told.event.expression if told.event is not None else None
    if told.rule is not None:
        yield f"  {'taken by' if told.rule.holds else 'failed in'} {told.rule.rule.label} ({told.rule.rule.place})"
        yield from (f"    {_part(part, known, mask)}" for part in told.rule.parts)
    if told.above:
        yield "  not taken by"
        yield from (f"    {_passed(one, known, mask)}" for one in told.above)
    if told.nearest is not None:
        near = told.nearest
        conditions = "condition holds" if near.total == 1 else "conditions hold"
        yield f"  nearest is {near.rule.label} ({near.rule.place}): {near.true} of {near.total} {conditions}"
        yield from (f"    {_part(part, None, mask)}" for part in near.parts)
    if told.hint:
        yield f"  {told.hint}"
    for emitted in told.emissions:
        yield from _indented(_emitted(emitted, mask))


def _outcome(told: Explanation, mask: Mask | None) -> str:
    if told.outcome == EMITTED:
        return f"{EMITTED} {', '.join(map(kind_of, told.events))}"
    place = f" ({told.place})" if told.place is not None else ""
    return f"{told.outcome}{' ' + told.code if told.code else ''}: {_message(told, mask)}{place}"


def _message(told: Explanation, mask: Mask | None) -> str | None:
    """The sentence of an outcome; with a mask one without values."""
    if mask is None or told.message is None:
        return told.message
    if told.code is not None:
        return BY_NUMBER[told.code].title
    reason = told.rule.rule.ignore if told.rule is not None else None
    return reason if reason is not None else "a table ignores it"


def _path(levels: Iterable[Level]) -> str:
    """Where in its body an item is, such as `entry[0] changes[1]`; a step that is no path is told by its number."""
    steps = []
    for number, one in enumerate(levels, start=1):
        is_field = one.text not in ("", "@") and is_path(parse(one.text))
        named = one.text if is_field else f"(step {number})" if number > 1 else ""
        if is_field or one.index is not None:
            steps.append(named if one.index is None else f"{named}[{one.index}]")
    return " ".join(steps)


def _passed(tried: Tried, known: str | None, mask: Mask | None) -> str:
    parts = "; ".join(_part(part, known, mask) for part in tried.parts)
    return f"{tried.rule.label} (line {tried.rule.place.line}): {parts}"


def _part(part: Part, known: str | None, mask: Mask | None) -> str:
    saw = ", ".join(f"{one.text} {_given(one, mask)}" for one in part.saw if one.text not in (part.text, known))
    if part.fault is not None:
        return f"{part.text} fails{_fault(part.fault, mask)}{': ' + saw if saw else ''}"
    if len(part.saw) == 1 and part.saw[0].text == part.text:
        return f"{part.text} {_given(part.saw[0], mask)}"
    return f"{part.text} is {'true' if part.holds else 'false'}{': ' + saw if saw else ''}"


def _given(step: Step, mask: Mask | None) -> str:
    return f"fails{_fault(step.fault, mask)}" if step.fault is not None else f"is {_value(step.value, mask)}"


def _fault(fault: str, mask: Mask | None) -> str:
    return f" ({fault})" if mask is None else ""


def _emitted(one: Emitted, mask: Mask | None) -> Iterator[str]:
    emission = one.emission
    kind = kind_of(one.event) if one.event is not None else "no event"
    if emission.metric is not None:
        yield f"{kind}, by the metric {emission.metric.value} (line {emission.place.line})"
    elif emission.table is not None:
        found = f"{one.entry.key}: {one.entry.value} (line {one.entry.key_place.line})" if one.entry else "no entry"
        yield f"{kind}, by the table {emission.table.value}: {found}"
    else:
        yield f"{kind}, by its type and action (line {emission.place.line})"
    for derivation in (*one.choice, *one.fields):
        yield from _indented(_derivation(derivation, mask))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines)


def _derivation(one: Derivation, mask: Mask | None) -> Iterator[str]:
    """A value and its expression, then the steps before it."""
    last = one.steps[-1]
    text = last.text if len(last.text) <= _SHORT else _brief(last, one.steps)
    given = f"{_value(last.value, mask)}, from {text}" if last.fault is None else f"{text} {_given(last, mask)}"
    yield f"{one.name}: {given} (line {one.place.line})"
    for step in one.steps[:-1]:
        elsewhere = f" (line {step.place.line})" if step.where != last.where else ""
        yield f"  {_brief(step, one.steps)} {_given(step, mask)}{elsewhere}"


def _brief(step: Step, steps: Iterable[Step]) -> str:
    """The text of a step, `...` for what stands in a line of its own before it."""
    text = step.text
    before = [one.text for one in takewhile(lambda one: one is not step, steps) if not _PATHS.fullmatch(one.text)]
    for part in sorted(before, key=len, reverse=True):
        text = text.replace(part, "...") if part != text else text
    return text


def _value(value: Any, mask: Mask | None = None) -> str:
    told = mask(value) if mask is not None else value
    if told is not value:
        return str(told)
    return shortened(_short(value, _DEEP), _WIDTH)


def _short(value: Any, deep: int) -> str:
    """A value as JSON has it, with no more of what is in it than people read."""
    if isinstance(value, str):
        return json.dumps(value[: _WIDTH + 1], ensure_ascii=False)
    if not isinstance(value, list | dict):
        return shown(value, _WIDTH)
    if isinstance(value, list):
        inner = [_short(one, deep - 1) if deep else "…" for one in value[:_MANY]]
    else:
        pairs = list(value.items())[:_MANY]
        inner = [f"{_short(key, 1)}: {_short(one, deep - 1) if deep else '…'}" for key, one in pairs]
    text = ", ".join([*inner, *(["…"] if len(value) > _MANY else [])])
    return f"[{text}]" if isinstance(value, list) else f"{{{text}}}"


# -- data -------------------------------------------------------------------------------------------------------------


def as_data(told: Explanation, mask: Mask | None = None) -> dict[str, Any]:
    """An explanation as lists and objects, places as `file`, `line` and `column`."""
    return {
        "item": told.index,
        "path": [{"step": one.text, "place": _place(one.place), "index": one.index} for one in told.path],
        "outcome": told.outcome,
        "code": told.code,
        "message": _message(told, mask),
        "place": _place(told.place),
        "hint": told.hint or None,
        "event": _derived(told.event, mask) if told.event is not None else None,
        "rule": _tried(told.rule, mask) if told.rule is not None else None,
        "above": [_tried(one, mask) for one in told.above],
        "nearest": _nearest_data(told.nearest, mask) if told.nearest is not None else None,
        "emissions": [_emitted_data(one, mask) for one in told.emissions],
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"file": escaped(place.file), "line": place.line, "column": place.column} if place is not None else None


def _tried(one: Tried, mask: Mask | None) -> dict[str, Any]:
    when = one.rule.when.text if one.rule.when is not None else None
    return {
        "rule": one.rule.label,
        "place": _place(one.rule.place),
        "when": when,
        "holds": one.holds,
        "parts": [_part_data(part, mask) for part in one.parts],
    }


def _part_data(part: Part, mask: Mask | None) -> dict[str, Any]:
    return {
        "text": part.text,
        "place": _place(part.place),
        "holds": part.holds,
        "fault": _fault_data(part.fault, mask),
        "saw": [_step_data(step, mask) for step in part.saw],
    }


def _step_data(step: Step, mask: Mask | None) -> dict[str, Any]:
    value = mask(step.value) if mask is not None else step.value
    return {
        "text": step.text,
        "where": step.where,
        "place": _place(step.place),
        "value": value,
        "fault": _fault_data(step.fault, mask),
    }


def _fault_data(fault: str | None, mask: Mask | None) -> str | None:
    return fault if fault is None or mask is None else "it fails"


def _derived(one: Derivation, mask: Mask | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "expression": one.expression,
        "place": _place(one.place),
        "value": mask(one.value) if mask is not None else one.value,
        "fault": _fault_data(one.fault, mask),
        "steps": [_step_data(step, mask) for step in one.steps],
    }


def _nearest_data(one: Nearest, mask: Mask | None) -> dict[str, Any]:
    return {
        "rule": one.rule.label,
        "place": _place(one.rule.place),
        "true": one.true,
        "conditions": one.total,
        "parts": [_part_data(part, mask) for part in one.parts],
    }


def _emitted_data(one: Emitted, mask: Mask | None) -> dict[str, Any]:
    emission, event, entry = one.emission, one.event, one.entry
    return {
        "place": _place(emission.place),
        "metric": emission.metric.value if emission.metric is not None else None,
        "table": emission.table.value if emission.table is not None else None,
        "choice": [_derived(derivation, mask) for derivation in one.choice],
        "entry": {"key": entry.key, "value": entry.value, "place": _place(entry.key_place)} if entry else None,
        "event": kind_of(event) if event is not None else None,
        "fields": [_derived(field, mask) for field in one.fields],
    }


def as_line(told: Explanation, provider: str, source: Source, mask: Mask | None = None) -> bytes:
    """A line of JSON: the explanation, and where its item is from."""
    head = {"file": escaped(source.path), "line": source.line, "provider": provider}
    try:
        return encode_line({**head, **as_data(told, mask)})
    except PayloadError:  # a value that goes too deep
        return json.dumps({**head, **as_data(told, partial(_value, mask=mask))}).encode() + b"\n"
