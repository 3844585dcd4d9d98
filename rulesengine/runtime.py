"""What generated code calls: JMESPath's equality, order, slices and flattening on plain data.

Each function here is one line of the specification that one line of Python cannot say: booleans are not numbers, 0 is
true, only numbers or texts have an order. Everything simpler is written out in the generated code itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from rulesengine.diagnostics import shown

# What a value that is no object answers to every field: nothing.
NOTHING: dict[str, Any] = {}


def equal(left: Any, right: Any) -> bool:
    """JMESPath `==`: as Python's, but 0 and 1 are never false and true."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    def ordered(left: Any, right: Any) -> bool | None:
        if not (_has_order(left) and _has_order(right)):
            return None
        if isinstance(left, str) is not isinstance(right, str):  # jmespath too fails with a TypeError here
            raise TypeError(f"an order holds between two numbers or two texts, not {shown(left)} and {shown(right)}")
        return compare(left, right)

    return ordered


def _has_order(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


ORDER = {
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
}


def truth(value: Any) -> bool:
    """Whether JMESPath holds a value for true: all but null, false, and empty text, lists and objects."""
    return bool(value) or (value == 0 and value is not False)


def index(value: Any, position: int) -> Any:
    """The element at a position, negative from the end; null outside the list or when it is none."""
    if isinstance(value, list) and -len(value) <= position < len(value):
        return value[position]
    return None


def cut(value: Any, bounds: slice) -> list[Any] | None:
    """A slice of a list; null for anything else. Raises ValueError for a step of 0."""
    return value[bounds] if isinstance(value, list) else None


def flatten(value: Any) -> list[Any] | None:
    """A list with the lists in it opened, one level deep; null for anything that is no list."""
    if not isinstance(value, list):
        return None
    flat: list[Any] = []
    for element in value:
        if isinstance(element, list):
            flat.extend(element)
        else:
            flat.append(element)
    return flat


def values(value: Any) -> list[Any] | None:
    """The values of an object; null for anything else."""
    return list(value.values()) if isinstance(value, dict) else None


def fresh(value: Any) -> Any:
    """A copy that a caller may change without changing a constant of the mapping."""
    return deepcopy(value) if isinstance(value, list | dict) else value


def table_key(value: Any) -> str | None:
    """A value as tables know it: text as it is, numbers and booleans as JSON writes them; null for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None
