"""A compiled mapping, and what its generated code calls.

`Program` is what `codegen` makes and `running` runs. The functions below it are bound into the generated code under
their names; each is the slow or failing side of a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rulesengine import codes, model, runtime
from rulesengine.diagnostics import Code, Place, shown
from rulesengine.model import Expression, Rule, Table
from rulesengine.writer import Origin

EMITTED, IGNORED, UNMATCHED = "emitted", "ignored", "unmatched"

# How the functions of a program are called: (item, root, parent, request).
ItemFunction = Callable[[Any, Any, Any, Any], Any]
# What an event is made of: type, action, reachability_update_type, whether it takes a list_id.
EventSpec = tuple[str, str, str | None, bool]
IGNORED_ENTRY: EventSpec = ("", "", None, False)


class ItemFault(Exception):
    """An item that cannot become an event: the code and the fields of its sentence."""

    def __init__(self, code: Code, **fields: Any) -> None:
        self.code, self.fields = code, fields
        super().__init__(code.number)


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled mapping: `steps` fan a body out, `item` maps one item, `event` names what happened in it.

    Without steps the body, or each element of it, is an item.
    """

    mapping: model.Mapping
    source: str
    steps: tuple[ItemFunction, ...]
    item: ItemFunction
    event: ItemFunction | None
    origins: tuple[Origin | None, ...]
    rules: tuple[tuple[int, Rule | None], ...]
    file: str

    def place_at(self, line: int) -> tuple[str, Place] | None:
        """The path and the place in the mapping that a line of `source` (from 1) was written for."""
        origin = self.origins[line - 1]
        if origin is None:
            return None
        written, offset = origin
        if isinstance(written, Expression):
            return written.where, written.node.inside(offset)
        return ("", written) if isinstance(written, Place) else None

    def rule_at(self, line: int) -> Rule | None:
        """The rule that a line of `source` (from 1) was written for: each begins at its line and ends at the next."""
        before = [rule for start, rule in self.rules if start <= line]
        return before[-1] if before else None


# -- what the program calls -------------------------------------------------------------------------------------------


def lookup_in(table: Table) -> Callable[[Any], Any]:
    values: Mapping[str | None, Any] = {key: entry.value for key, entry in table.entries.items()}
    default = table.default.value if table.default else None

    def lookup(key: Any) -> Any:
        return None if key is None else values.get(runtime.table_key(key), default)

    return lookup


def ignored_by_table(*asked: tuple[str, Any]) -> str:
    return ", ".join(f"table {table} ignores {shown(key)}" for table, key in asked)


def declared_event(events: Mapping[Any, EventSpec], kind: Any, action: Any, update: Any) -> EventSpec:
    """The event of these texts. The check has bounded them; this holds even where it were wrong."""
    for name, value in (("type", kind), ("action", action)):
        if not runtime.truth(value):
            raise ItemFault(codes.E509, where=f"the {name} of the event")
    update = update if runtime.truth(update) else None
    texts = isinstance(kind, str) and isinstance(action, str) and (update is None or isinstance(update, str))
    found = events.get((kind, action, update)) if texts else None
    if found is None:
        raise ItemFault(codes.E510, type=shown(kind), action=shown(action), update=shown(update))
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
