"""The values that an expression may have: constants, and types of which any value may come.

A `Possible` stands for a set of JSON values without holding them all. Sets are joined (`either`), cut (`both`), and
asked whether JMESPath holds what is in them for true (`truth`). Every answer errs on the side of more values: what a
set does not admit can surely not come; what it admits may come.

Limits: numbers have no ranges; of lists and objects only whether they are empty is known; of texts that are not
bounded only that a function such as `lower` leaves them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

# A type of JMESPath with the value; of a list or an object, which must be empty, its JSON.
Constant = tuple[str, object]

_TYPES: Mapping[type, str] = {bool: "boolean", int: "number", float: "number", str: "string"}
_NULL: Constant = ("null", None)
_BOOLEANS: tuple[Constant, ...] = (("boolean", True), ("boolean", False))
_EMPTY: Mapping[str, Constant] = {"array": ("array", "[]"), "object": ("object", "{}")}
_FALSE: frozenset[Constant] = frozenset([_NULL, ("boolean", False), ("string", ""), *_EMPTY.values()])
# Functions that leave their own results as they are.
FORMS: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "trim": str.strip}


@dataclass(frozen=True, slots=True)
class Possible:
    """A set of values: `constants`; any value of the types in `open`, but for those in `never`.

    `forms` are functions of FORMS that leave every text as it is, if texts are open. Null and booleans are always
    written as constants.
    """

    constants: frozenset[Constant] = frozenset()
    open: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()
    never: frozenset[Constant] = frozenset()

    @property
    def types(self) -> frozenset[str]:
        """The JMESPath types of the values."""
        return self.open | {kind for kind, _ in self.constants}

    @property
    def is_empty(self) -> bool:
        """True if there is no value: whatever leads here fails or cannot come about."""
        return not self.constants and not self.open

    def admits(self, constant: Constant) -> bool:
        """Whether the value may come."""
        kind, value = constant
        if constant in self.constants:
            return True
        if kind not in self.open or constant in self.never:
            return False
        return not isinstance(value, str) or kind != "string" or all(FORMS[form](value) == value for form in self.forms)


NONE = Possible()
NULL = Possible(frozenset([_NULL]))
BOOLEAN = Possible(frozenset(_BOOLEANS))
TRUE, FALSE = (Possible(frozenset([value])) for value in _BOOLEANS)


def of_types(*types: str) -> Possible:
    """Any value of these types."""
    closed = [_NULL] * ("null" in types) + [*_BOOLEANS] * ("boolean" in types)
    return Possible(frozenset(closed), frozenset(types) - {"null", "boolean"})


ANY = of_types("null", "boolean", "number", "string", "array", "object")


def of(*values: object) -> Possible:
    """These values and no others; of lists and objects only whether they are empty is kept."""
    constants, full = set(), set()
    for value in values:
        kind = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else ""
        if not kind:
            constants.add(constant_of(value))
        elif value:
            full.add(kind)
        else:
            constants.add(_EMPTY[kind])
    if not full:
        return Possible(frozenset(constants))
    never = frozenset(_EMPTY[kind] for kind in full) - constants
    return Possible(frozenset(constants), frozenset(full), never=never)


def constant_of(value: object) -> Constant:
    """A scalar with its type."""
    return (_TYPES.get(type(value), "null"), value)


def either(one: Possible, other: Possible) -> Possible:
    """What may come where either may."""
    if one.is_empty or other is ANY or one is other:
        return other
    if other.is_empty or one is ANY:
        return one
    open_in = [side for side in (one, other) if "string" in side.open]
    forms = frozenset.intersection(*(side.forms for side in open_in)) if open_in else frozenset()
    never = frozenset(value for value in one.never | other.never if not one.admits(value) and not other.admits(value))
    return Possible(one.constants | other.constants, one.open | other.open, forms, never)


def both(one: Possible, other: Possible) -> Possible:
    """What may come where both must hold of it."""
    if one is ANY or one is other:
        return other
    if other is ANY:
        return one
    if not one.open and not other.open:
        return Possible(one.constants & other.constants)
    constants = [value for value in one.constants if other.admits(value)]
    constants += [value for value in other.constants if one.admits(value)]
    return _plain(frozenset(constants), one.open & other.open, one.forms | other.forms, one.never | other.never)


def _plain(
    constants: frozenset[Constant], kinds: frozenset[str], forms: frozenset[str], never: frozenset[Constant]
) -> Possible:
    """The set without what says nothing of the types that are open, so that equal sets compare equal."""
    kept = frozenset(value for value in never if value[0] in kinds)
    return Possible(constants, kinds, forms if "string" in kinds else frozenset(), kept)


def without(one: Possible, values: Iterable[Constant]) -> Possible:
    """The set but for these values."""
    gone = frozenset(values)
    return _plain(one.constants - gone, one.open, one.forms, one.never | gone)


TRUTHY, FALSY = without(ANY, _FALSE), Possible(_FALSE)


def true_part(one: Possible) -> Possible:
    """The values in it that JMESPath holds for true."""
    return TRUTHY if one is ANY else without(one, _FALSE)


def false_part(one: Possible) -> Possible:
    """The values in it that JMESPath holds for false: null, false, and what is empty."""
    if not one.open:
        return Possible(one.constants & _FALSE)
    return FALSY if one is ANY else Possible(frozenset(value for value in _FALSE if one.admits(value)))


def may_be(one: Possible, verdict: bool) -> bool:
    """Whether some value in it is held for true, or for false."""
    if verdict:
        return bool(one.open) or not one.constants <= _FALSE
    return not one.constants.isdisjoint(_FALSE) or bool(one.open and not false_part(one).is_empty)


def truth(one: Possible) -> bool | None:
    """Whether all of the values are true (True) or false (False), or None: it depends, or there is none."""
    is_true, is_false = may_be(one, True), may_be(one, False)
    return None if is_true is is_false else is_true


def values_of(one: Possible) -> list[object] | None:
    """The values themselves; None where they are not bounded."""
    if one.open:
        return None
    return [json.loads(str(value)) if kind in ("array", "object") else value for kind, value in one.constants]


def texts_of(one: Possible) -> frozenset[str | None] | None:
    """The texts in it, None among them for any value that is none; None (not the set) where texts are not bounded."""
    if "string" in one.open:
        return None
    texts = frozenset(value for kind, value in one.constants if kind == "string" and isinstance(value, str) and value)
    is_more = bool(one.open) or any(kind != "string" or not value for kind, value in one.constants)
    return texts | {None} if is_more else texts


def listed_types(types: Iterable[str]) -> str:
    """The names of types with their articles: `an array or a string`."""
    articles = {"array": "an array", "object": "an object", "null": "null"}
    return " or ".join(articles.get(name, f"a {name}") for name in sorted(types))


def named_types(one: Possible) -> str:
    """The types in words: `text, a list or null`."""
    *first, last = [_WORDS[kind] for kind in _WORDS if kind in one.types] or ["nothing"]
    return f"{', '.join(first)} or {last}" if first else last


_WORDS = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "expref": "a reference",
    "null": "null",
}
