"""A program over a body: the body fanned out into items, each item to exactly one outcome.

Whatever an item makes the mapping's expressions raise costs that item and no other. A step of `each` that yields null
is one rejected item, so that a body of another shape does not vanish; one that yields an empty list yields no item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rulesengine import codes
from rulesengine.diagnostics import Place, shown
from rulesengine.errors import PayloadError
from rulesengine.program import IGNORED, ItemFault, Program

_LISTS = frozenset(("events", "ignored", "unmatched", "rejected"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item that was not emitted.

    `index` counts the items of one call from 0; `rule` is the label of the rule that decided, if one did; `code` and
    `place` (in the mapping) say what was wrong, None for an ignored item; `message` is the sentence, or the reason
    for ignoring; `item` is the item itself, or the raw body where it could not be decoded. Of an unmatched item,
    `value` is what the mapping has nothing for: what `table` was asked for, or without a table the event.
    """

    index: int
    rule: str | None
    code: str | None
    place: Place | None
    message: str
    item: Any
    table: str | None = None
    value: Any = None


class Result:
    """What became of one or more bodies: `items == emitted + len(ignored) + len(unmatched) + len(rejected)`.

    `events` are plain dicts, ready for POST /v3/events; `emitted` counts the items that made them.
    """

    events: list[dict[str, Any]]
    ignored: list[Outcome]
    unmatched: list[Outcome]
    rejected: list[Outcome]
    bodies: int = 0
    items: int = 0
    emitted: int = 0

    def __getattr__(self, name: str) -> list[Any]:
        """A list is made when it is first asked for.

        A result is made for each call of `apply`, and with all its lists it would cost as much as mapping the item.
        """
        if name not in _LISTS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        made: list[Any] = []
        self.__dict__[name] = made
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Result) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Result({', '.join(f'{name}={value!r}' for name, value in self._all().items())})"

    def _all(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*sorted(_LISTS), "bodies", "items", "emitted")}

    def add(self, other: Result) -> None:
        """Take what became of further bodies."""
        for name in _LISTS & other.__dict__.keys():
            getattr(self, name).extend(getattr(other, name))
        self.bodies, self.items = self.bodies + other.bodies, self.items + other.items
        self.emitted += other.emitted

    def emit(self, events: list[dict[str, Any]]) -> None:
        """Take the events of one item. What this raises is that item's fault."""
        self.events.extend(events)


def result_of(program: Program, body: Any, request: Any) -> Result:
    """What becomes of one decoded body: as `run_body` finds it, with a short way where it is one item and one event."""
    result = Result()
    if type(body) is dict and not program.steps:
        try:
            if program.direct is not None:
                field, branches, other = program.direct
                event = body.get(field)
                made = (branches.get(event, other) if isinstance(event, str) else other)(body)
            else:
                made = program.item(body, body, None, request)
        except Exception:  # noqa: BLE001 the long way says what an expression raised
            made = None
        if type(made) is dict:
            result.events = [made]
            result.bodies = result.items = result.emitted = 1
            return result
    run_body(program, body, request, result)
    return result


def run_body(program: Program, body: Any, request: Any, result: Result) -> None:
    """Map a decoded body and add what becomes of its items to `result`. Never raises for what is in the body."""
    result.bodies += 1
    if not program.steps and not _is_too_long(program, body):
        run_items(program, body if isinstance(body, list) else (body,), body, request, result)
        return
    for items, levels, _, _, fault in _parts(program, body, request):
        if fault is not None:
            reject(result, fault, levels[-1])
        else:
            run_items(program, items, body, request, result, levels[-1])


def run_items(
    program: Program,
    items: Sequence[Any],
    body: Any,
    request: Any,
    result: Result,
    parent: Any = None,
    *,
    first: int | None = None,
) -> None:
    """Each item to its outcome; the first has this number, or the next of `result`.

    Written for speed: what emitting an item needs is looked up once for all of them.
    """
    map_item, append, plain = program.item, result.events.append, type(result) is Result
    field, branches, other = program.direct or (None, {}, None)
    emitted = 0
    for index, item in enumerate(items, result.items if first is None else first):
        try:
            if other is not None and type(item) is dict:
                event = item.get(field)
                made = (branches.get(event, other) if isinstance(event, str) else other)(item)
            else:
                made = map_item(item, body, parent, request) if item is not None else _null_item()
            if type(made) is dict and plain:
                append(made)
            elif type(made) is tuple:
                _keep(program, made, _Scope(index, item, body, parent, request), result)
                continue
            else:
                result.emit(made if isinstance(made, list) else [made])
            emitted += 1
        except Exception as raised:  # noqa: BLE001 an expression may raise anything on an item it was not written for
            result.rejected.append(_explain(program, raised).outcome(index, item))
    result.items += len(items)
    result.emitted += emitted


def _null_item() -> Any:
    raise ItemFault(codes.E514)


def items_of(program: Program, body: Any, request: Any = None) -> Iterator[tuple[Any, Any]]:
    """The items of a body, each with its parent, without those in whose place a step yields a fault."""
    for batch in batches(program, body, request):
        parent = batch.levels[-1] if batch.levels else None
        yield from ((item, parent) for item in batch.items)


def reject_body(result: Result, fault: PayloadError, body: Any) -> None:
    """Count a body that cannot be decoded as one rejected item."""
    result.bodies += 1
    reject(result, Fault(fault.message, None, None, fault.code.number), body)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with an item, worded."""

    message: str
    rule: str | None
    place: Place | None
    code: str

    def outcome(self, index: int, item: Any) -> Outcome:
        """What became of the item of this number."""
        return Outcome(index, self.rule, self.code, self.place, self.message, item)


def reject(result: Result, fault: Fault, item: Any) -> None:
    """Count an item as rejected."""
    result.rejected.append(fault.outcome(result.items, item))
    result.items += 1


class Batch(NamedTuple):
    """Items that a body yields together; none, but a `fault`, where a step fails on the last of `levels`.

    `levels` are what the steps were about, the body first and the parent of the items last. `indexes` say which element
    of a list each level after the body was, None for what was no element, and `listed` whether the items are elements.
    """

    items: Sequence[Any]
    levels: tuple[Any, ...] = ()
    indexes: tuple[int | None, ...] = ()
    listed: bool = False
    fault: Fault | None = None


def batches(program: Program, body: Any, request: Any) -> Iterator[Batch]:
    """All items of a body, in order."""
    if program.steps or _is_too_long(program, body):
        yield from map(Batch._make, _parts(program, body, request))
    else:
        yield Batch(body, listed=True) if isinstance(body, list) else Batch((body,))


# What a `Batch` is made of. To make one takes as long as to map a small item, so it is made only for who asks for it.
_Part = tuple[Sequence[Any], tuple[Any, ...], tuple[int | None, ...], bool, Fault | None]


def _is_too_long(program: Program, body: Any) -> bool:
    return isinstance(body, list) and len(body) > program.most_items


def _parts(program: Program, body: Any, request: Any) -> Sequence[_Part]:
    """What the steps yield of a body, all of it or nothing: half a body of too many items would be mapped twice."""
    if not program.steps:
        return [_too_many(program, body)]
    parts, left = list[_Part](), program.most_items
    for part in _steps(program, (body,), (), request):
        parts.append(part)
        left -= max(1, len(part[0]))
        if left < 0:
            return [_too_many(program, body)]
    return parts


def _too_many(program: Program, body: Any) -> _Part:
    fault = Fault(codes.E515.message.format(most=program.most_items), None, None, codes.E515.number)
    return (), (body,), (), False, fault


def _steps(program: Program, levels: tuple[Any, ...], indexes: tuple[int | None, ...], request: Any) -> Iterator[_Part]:
    """What the steps from this level on yield."""
    level, number = levels[-1], len(levels)
    try:
        found = program.steps[number - 1](level, levels[0], levels[-2] if number > 1 else None, request)
    except Exception as raised:  # noqa: BLE001 an expression may raise anything on a body it was not written for
        yield (), levels, indexes, False, _explain(program, raised)
        return
    if found is None:
        where, text, place = program.compiled.each[number - 1]
        message = codes.E505.message.format(where=f"{where} ({text})", shape=_shape(level))
        yield (), levels, indexes, False, Fault(message, None, Place(*place), "E505")
        return
    listed = isinstance(found, list)
    items = found if listed else (found,)
    if number == len(program.steps):
        yield items, levels, indexes, listed, None
        return
    for index, item in enumerate(items):
        yield from _steps(program, (*levels, item), (*indexes, index if listed else None), request)


def _shape(value: Any) -> str:
    """What stands where something else was expected, in a few words and without its values."""
    if isinstance(value, dict):
        keys = [shown(key, 30) for key in list(value)[:5]]
        return f"its keys: {', '.join(keys)}{', ...' if len(value) > 5 else ''}" if keys else "an empty object"
    return "a list" if isinstance(value, list) else shown(value)


@dataclass(frozen=True, slots=True)
class _Scope:
    """An item, its number, and what surrounds it."""

    index: int
    item: Any
    body: Any
    parent: Any
    request: Any


def _keep(program: Program, made: tuple[str, int | None, Any], scope: _Scope, result: Result) -> None:
    """Record an item that was ignored or that no rule or table knows."""
    outcome, rule, what = made
    label = None if rule is None else program.compiled.labels[rule]
    if outcome is IGNORED:
        result.ignored.append(Outcome(scope.index, label, None, None, what, scope.item))
        return
    if rule is not None:
        table, key = what
        message = codes.E512.message.format(table=table, key=shown(key))
        place = Place(*program.compiled.tables[table])
        result.unmatched.append(Outcome(scope.index, label, "E512", place, message, scope.item, table, key))
        return
    name, event = _event_of(program, scope)
    message = codes.E511.message.format(event=name)
    place = Place(*program.compiled.rules)
    result.unmatched.append(Outcome(scope.index, None, "E511", place, message, scope.item, None, event))


def _event_of(program: Program, scope: _Scope) -> tuple[str, Any]:
    """The event of an item as a message has it, and itself; None where it is not known."""
    if program.event is None:
        return "its event is not known", None
    try:
        event = program.event(scope.item, scope.body, scope.parent, scope.request)
    except Exception:  # noqa: BLE001 as above, and the item is accounted for already
        return "its event cannot be told", None
    return f"event {shown(event)}", event


def _explain(program: Program, raised: Exception) -> Fault:
    """A fault with the rule and the place in the mapping that the raising part of the program was written for."""
    spots = program.spots_of(raised.__traceback__)
    where, place = (spots[-1].where, spots[-1].place) if spots else ("the mapping", None)
    rule = next((spot.rule for spot in reversed(spots) if spot.rule is not None), None)
    label = None if rule is None else program.compiled.labels[rule]
    if isinstance(raised, ItemFault):
        message = raised.code.message.format(**{"where": where, "rule": label, **raised.fields})
        return Fault(message, label, place, raised.code.number)
    if isinstance(raised, PayloadError):  # the event cannot be written as JSON
        return Fault(raised.message, label, place, raised.code.number)
    return Fault(codes.E506.message.format(where=where, reason=reason_of(raised)), label, place, "E506")


def reason_of(raised: Exception) -> str:
    """What an expression raised on data, as a sentence."""
    if isinstance(raised, RecursionError):
        return "it is nested too deeply"
    from rulesengine.jmes import fault_sentence  # it loads jmespath, for which a run without such items would wait

    return fault_sentence(raised, shown)
