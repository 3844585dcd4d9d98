"""A compiled mapping, and what its generated code calls.

`Compiled` is what `codegen` makes, and `Program`, which `linking` makes of it, is what `running` runs. The functions
below are bound into the generated code under their names; each is the slow or failing side of a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from rulesengine import codes, runtime
from rulesengine.diagnostics import Code, Place, shown
from rulesengine.limits import DEFAULT_LIMITS
from rulesengine.payloads import FieldsReader, Wanted

if TYPE_CHECKING:
    from rulesengine.model import Mapping as MappingFile

IGNORED, UNMATCHED = "ignored", "unmatched"

# How the functions of a program are called: (item, root, parent, request).
ItemFunction = Callable[[Any, Any, Any, Any], Any]
# What an event is made of: type, action, reachability_update_type, whether it takes a list_id.
EventSpec = tuple[str, str, str | None, bool]
# What tells which event it is: type, action, reachability_update_type.
EventKey = tuple[str, str, str | None]
IGNORED_ENTRY: EventSpec = ("", "", None, False)

# How an object that a program refers to is made: its kind, and what else that takes. See linking.
Recipe = tuple[Any, ...]
# What a `Place` and a `Spot` are made of.
PlaceParts = tuple[str, int, int, int, int, str]
SpotParts = tuple[str, PlaceParts, int | None]


class ItemFault(Exception):
    """An item that cannot become an event: the code and the fields of its sentence."""

    def __init__(self, code: Code, **fields: Any) -> None:
        self.code, self.fields = code, fields
        super().__init__(code.number)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a mapping that code was written for: the path of its key, and the number of the rule it is part of."""

    where: str
    place: Place
    rule: int | None


@dataclass(frozen=True, slots=True)
class OfFields:
    """A program over items that `read` gives as records of their wanted fields; `item` is called with `(it, request)`.

    Its events are records too, to be written out or made into data by `payloads`. There is one where nothing but fields
    is asked for: neither the item as a whole, nor its root or parent.
    """

    read: FieldsReader
    item: Callable[[Any, Any], Any]


class Direct(NamedTuple):
    """Where `Program.item` goes for an item that is an object: to the branch of its event, or else to `other`."""

    field: str
    branches: Mapping[str, Callable[[Any], Any]]
    other: Callable[[Any], Any]


# Code, and the recipes of the objects that it refers to, by their names.
Unlinked = tuple[CodeType, dict[str, Recipe]]


class Compiled(NamedTuple):
    """A compiled mapping as plain data: numbers, texts, code, and tuples and dicts of these.

    `objects` has the recipes of what `code` refers to; `steps` and `event` name functions in it, `direct` is the field
    that its branches go by. `labels` are those of the rules, the places are what messages tell: of each table, of the
    list of rules, and of each step after its path and text. `in_parts` is whether there may be a program for records,
    and `records` its code and recipes, if they are known already.
    """

    provider: str
    file: str
    formats: tuple[str, ...]
    code: CodeType
    objects: dict[str, Recipe]
    steps: tuple[str, ...]
    event: str | None
    direct: str | None
    wanted: tuple[Any, Any] | None
    in_parts: bool
    asks_root: bool
    labels: tuple[str, ...]
    tables: dict[str, PlaceParts]
    rules: PlaceParts
    each: tuple[tuple[str, str, PlaceParts], ...]
    spots: dict[tuple[int, int], SpotParts]
    records: Unlinked | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a program was compiled from and to: the mapping, the Python source, and the same program for records."""

    mapping: MappingFile
    source: str
    records: Callable[[], Unlinked]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled mapping: `steps` fan a body out, `item` maps one item, `event` names what happened in it.

    `item` gives an event, a list of events, `(IGNORED, rule, reason)` or `(UNMATCHED, rule, why)`, the rule as its
    number or None. Without steps the body, or each element of it, is an item. `spots` are found by line and column: to
    Python the functions stand in the mapping's file, each line where it was written for. `wanted` is what of a body
    the program looks at, None for all of it; `of_fields` gives the same program for items that are read in part.
    `direct`, where there is one, is a shorter way to what `item` gives; `most_items` is how many a body may have.
    `written` may have to check and to compile the mapping first.
    """

    compiled: Compiled
    steps: tuple[ItemFunction, ...]
    item: ItemFunction
    event: ItemFunction | None
    spots: Mapping[tuple[int, int], SpotParts]
    wanted: Wanted | None
    of_fields: Callable[[], OfFields | None]
    direct: Direct | None
    written: Callable[[], Written]
    most_items: int = DEFAULT_LIMITS.items

    @property
    def mapping(self) -> MappingFile:
        """The mapping as its author wrote it."""
        return self.written().mapping

    @property
    def asks_root(self) -> bool:
        """Whether anything asks for the body around an item."""
        return self.compiled.asks_root

    def spots_of(self, trace: TracebackType | None) -> list[Spot]:
        """The places that a traceback out of this program went through, outermost first."""
        found: list[Spot] = []
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.compiled.file:
                spot = self._spot(trace)
                found.extend([spot] if spot else [])
            trace = trace.tb_next
        return found

    def _spot(self, trace: TracebackType) -> Spot | None:
        positions = islice(trace.tb_frame.f_code.co_positions(), trace.tb_lasti // 2, None)
        line, _, column, _ = next(positions)
        if line is None:
            return None
        if column is not None:
            return _spot_of(self.spots.get((line, column + 1)))
        return self._on_line(line)

    def _on_line(self, line: int) -> Spot | None:
        """For want of a column, as under `python -X no_debug_ranges`: the first spot of the line."""
        return _spot_of(next((spot for at, spot in self.spots.items() if at[0] == line), None))


def _spot_of(parts: SpotParts | None) -> Spot | None:
    return None if parts is None else Spot(parts[0], Place(*parts[1]), parts[2])


def event_key(event: Mapping[str, Any]) -> EventKey:
    """What tells which event of the vocabulary it is."""
    return event["type"], event["action"], event["data"].get("reachability_update_type")


# -- what the program calls -------------------------------------------------------------------------------------------


def lookup_of(values: Mapping[str, Any], default: Any) -> Callable[[Any], Any]:
    def lookup(key: Any) -> Any:
        asked = runtime.table_key(key)
        return None if asked is None else values.get(asked, default)

    return lookup


def ignored_by_table(*asked: tuple[str, Any]) -> str:
    return ", ".join(f"table {table} ignores {shown(key)}" for table, key in asked)


def declared_event(events: Mapping[Any, EventSpec], kind: Any, action: Any, update: Any) -> EventSpec:
    """The event of these texts. The check has bounded them; this holds even where it were wrong."""
    try:
        found = events.get((kind, action, update))
    except TypeError:  # a list or an object
        found = None
    return found or _declared_after_all(events, kind, action, update)


def _declared_after_all(events: Mapping[Any, EventSpec], kind: Any, action: Any, update: Any) -> EventSpec:
    for name, value in (("type", kind), ("action", action)):
        if not runtime.truth(value):
            raise ItemFault(codes.E509, where=f"the {name} of the event")
    texts = isinstance(kind, str) and isinstance(action, str) and not runtime.truth(update)
    found = events.get((kind, action, None)) if texts else None
    if found is None:
        shown_update = shown(update if runtime.truth(update) else None)
        raise ItemFault(codes.E510, type=shown(kind), action=shown(action), update=shown_update)
    return found


def not_text(where: str, value: Any) -> ItemFault:
    return ItemFault(codes.E507, where=where, found=shown(value))


def no_identifier(tried: str) -> ItemFault:
    return ItemFault(codes.E508, tried=tried)


def required_text(where: str, value: Any) -> str:
    if value is None or value == "":
        raise ItemFault(codes.E509, where=where)
    if not isinstance(value, str):
        raise not_text(where, value)
    return value
