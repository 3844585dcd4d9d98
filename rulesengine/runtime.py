"""What generated code calls: JMESPath's equality, order, slices and flattening on plain data.

Each function here is one line of the specification that one line of Python cannot say: booleans are not numbers, 0 is
true, only numbers or texts have an order. Everything simpler is written out in the generated code itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
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
    """A copy that a caller may change without changing a constant of the mapping.

    With a list of what is left to copy, and no recursion: beside the constant may stand what a body nests deeply.
    """
    if not isinstance(value, list | dict):
        return value
    top = value.copy()
    left: list[list[Any] | dict[str, Any]] = [top]
    while left:
        inner: Any = left.pop()
        for key, one in list(enumerate(inner)) if isinstance(inner, list) else list(inner.items()):
            if isinstance(one, list | dict):
                inner[key] = copied = one.copy()
                left.append(copied)
    return top


def table_key(value: Any) -> str | None:
    """A value as tables know it: text as it is, numbers and booleans as JSON writes them; null for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


# -- standard functions -----------------------------------------------------------------------------------------------

# What the JMESPath library's own function does, checks of number and types of arguments included.
Library = Callable[..., Any]


def _contains(library: Library) -> Library:
    def contains(subject: Any, search: Any) -> Any:
        if type(subject) is list or (type(subject) is str and type(search) is str):
            return search in subject
        return library(subject, search)

    return contains


def _starts_with(library: Library) -> Library:
    def starts_with(subject: Any, prefix: Any) -> Any:
        both = type(subject) is str and type(prefix) is str
        return subject.startswith(prefix) if both else library(subject, prefix)

    return starts_with


def _ends_with(library: Library) -> Library:
    def ends_with(subject: Any, suffix: Any) -> Any:
        both = type(subject) is str and type(suffix) is str
        return subject.endswith(suffix) if both else library(subject, suffix)

    return ends_with


def _join(library: Library) -> Library:
    def join(glue: Any, parts: Any) -> Any:
        if type(glue) is str and type(parts) is list:
            try:
                return glue.join(parts)
            except TypeError:  # an element that is no text
                pass
        return library(glue, parts)

    return join


def _length(library: Library) -> Library:
    def length(subject: Any) -> Any:
        return len(subject) if type(subject) in (str, list, dict) else library(subject)

    return length


def _to_string(library: Library) -> Library:
    def to_string(value: Any) -> Any:
        return value if type(value) is str else library(value)

    return to_string


def _to_number(library: Library) -> Library:
    def to_number(value: Any) -> Any:
        return value if type(value) is int else library(value)

    return to_number


def _to_array(library: Library) -> Library:
    def to_array(value: Any) -> Any:
        return value if type(value) is list else [value]

    return to_array


def _not_null(library: Library) -> Library:
    def not_null(*values: Any) -> Any:
        for value in values:
            if value is not None:
                return value
        return library(*values)

    return not_null


# By name and number of arguments: the common standard functions for arguments of the right types, which the library is
# asked for in all other cases. Its own way through a call costs some ten times as much.
_QUICK: dict[tuple[str, int], Callable[[Library], Library]] = {
    ("contains", 2): _contains,
    ("starts_with", 2): _starts_with,
    ("ends_with", 2): _ends_with,
    ("join", 2): _join,
    ("length", 1): _length,
    ("to_string", 1): _to_string,
    ("to_number", 1): _to_number,
    ("to_array", 1): _to_array,
}


def quick(name: str, arguments: int, library: Library) -> Library:
    """A standard function for calls with this number of arguments."""
    make = _not_null if name == "not_null" and arguments else _QUICK.get((name, arguments))
    return make(library) if make is not None else library
