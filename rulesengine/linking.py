"""A compiled mapping as plain data to a program that runs: its code, and the objects that the code refers to.

The data is all that decides how a program runs, so one that was kept runs as one that was compiled just now: both come
through here. Nothing of the checker and the compiler is loaded for that; `Program.written` is where they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import CodeType
from typing import Any

from rulesengine import program, runtime
from rulesengine.errors import FunctionFault
from rulesengine.functions import FUNCTIONS
from rulesengine.payloads import Wanted, event_record, fields_reader, fields_record
from rulesengine.program import IGNORED_ENTRY, Compiled, Direct, OfFields, Program, Written, lookup_of
from rulesengine.signatures import bind


def linked(compiled: Compiled, written: Callable[[], Written]) -> Program:
    """The program of a compiled mapping; `written` gives what is asked of it beside running.

    Raises ValueError for a pattern, a date format or a time zone that is none here.
    """
    functions, parts = defined(compiled.code, compiled.objects), _wanted(compiled.wanted)
    direct = None
    if compiled.direct is not None:
        direct = Direct(compiled.direct, functions["BRANCHES"], functions["on_any_other"])
    return Program(
        compiled=compiled,
        steps=tuple(functions[name] for name in compiled.steps),
        item=functions["map_item"],
        event=functions[compiled.event] if compiled.event is not None else None,
        spots=compiled.spots,
        wanted=parts,
        direct=direct,
        of_fields=cache(partial(_of_fields, compiled, parts if compiled.in_parts else None, written)),
        written=written,
    )


def _of_fields(compiled: Compiled, parts: Wanted | None, written: Callable[[], Written]) -> OfFields | None:
    """The program over items that are read as records of their wanted fields; None where items cannot be."""
    read = fields_reader(parts) if parts is not None else None
    if read is None:
        return None
    try:
        functions = defined(*(compiled.records or written().records()))
    except ValueError:  # an event has a field of a name that no record can have
        return None
    return OfFields(read, functions["map_item"])


def defined(code: CodeType | str, recipes: Mapping[str, program.Recipe]) -> dict[str, Any]:
    """What some code defines, by name, and the objects it refers to. Raises as `linked` does."""
    functions = {name: _MAKERS[kind](*parts) for name, (kind, *parts) in recipes.items()}
    exec(code, functions)  # a mapping's texts are in it as objects only: see translate
    return functions


def _wanted(plain: tuple[Any, Any] | None) -> Wanted | None:
    if plain is None:
        return None
    fields, elements = plain
    return Wanted(tuple((name, _wanted(below)) for name, below in fields), _wanted(elements))


# -- recipes ----------------------------------------------------------------------------------------------------------


def _value(value: object) -> object:
    return value


def _prepared(function: str, parameter: str, text: str) -> object:
    """A literal argument as the function takes it: a pattern, a date format, a time zone."""
    (prepare,) = (one.prepare for one in FUNCTIONS[function].parameters if one.name == parameter)
    assert prepare is not None
    return prepare(text)


def _misused(name: str) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise FunctionFault(f"{name}() is called as {FUNCTIONS[name].signature} and not like this")

    return fail


def _standard(name: str, arguments: int) -> Callable[..., Any]:
    """A function of the JMESPath library, which is loaded when it is asked: mostly it is not."""

    @cache
    def library() -> Callable[..., Any]:
        from rulesengine.jmes import standard_function  # as said

        return standard_function(name)

    return runtime.quick(name, arguments, lambda *values: library()(*values))


def _expression_reference() -> Callable[..., object]:
    def reference(run: Callable[[Any], Any]) -> object:
        from rulesengine.jmes import expression_reference  # as above

        return expression_reference(run)

    return reference


def _entry(entry: Any) -> Any:
    """An entry of a table; the one that ignores is told from others by being that object."""
    return IGNORED_ENTRY if entry == IGNORED_ENTRY else entry


def _record_entry(entry: Any) -> Any:
    """The same, with the class of its events."""
    return IGNORED_ENTRY if entry == IGNORED_ENTRY else (*entry, event_record(*entry[:3]))


# Each takes what a recipe has after its kind.
_MAKERS: Mapping[str, Callable[..., Any]] = {
    "value": _value,
    "runtime": lambda name: getattr(runtime, name),
    "order": runtime.ORDER.__getitem__,
    "program": lambda name: getattr(program, name),
    "standard": _standard,
    "added": lambda name: bind(FUNCTIONS[name]),
    "misused": _misused,
    "prepared": _prepared,
    "expression reference": _expression_reference,
    "lookup": lookup_of,
    "entry": _entry,
    "table": lambda entries: {key: _entry(one) for key, one in entries.items()},
    "record entry": _record_entry,
    "record table": lambda entries: {key: _record_entry(one) for key, one in entries.items()},
    "event record": event_record,
    "fields record": fields_record,
}
