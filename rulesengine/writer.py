"""What a generated program is made of: lines that know what they were written for, and the objects they refer to.

`compile_lines` gives the code the lines of the mapping in place of its own, so that a traceback, a profiler or a
debugger names the file that the author wrote.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from types import CodeType
from typing import Any, NamedTuple

from rulesengine.jmes import Tree
from rulesengine.program import Recipe

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_]{1,40}\Z")


def plain_word(text: str) -> str:
    """A text as part of a name, empty where it cannot be one."""
    word = text.replace("-", "_").replace(" ", "_")
    return word if PLAIN_WORD.match(word) else ""


class Origin(NamedTuple):
    """What a line leads back to: an expression's own object and an offset in its text, or a place; and who owns it."""

    written: Any
    offset: int = 0
    owner: Any = None


class Namespace:
    """The objects that generated code refers to, each under one name, as recipes.

    Names begin with a capital or an underscore and variables with a small letter, so that neither hides the other.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Recipe] = {}
        self._names: dict[str, str] = {}

    def bind(self, key: str, hint: str, recipe: Recipe) -> str:
        """The name of the object known under `key`, which `recipe` makes."""
        if key not in self._names:
            name, number = hint, len(self.objects)
            while name in self.objects:
                name, number = f"{hint}_{number}", number + 1
            self.objects[name] = recipe
            self._names[key] = name
        return self._names[key]

    def constant(self, tree: Tree) -> str:
        """The name of a literal of the mapping."""
        value = tree.value
        if isinstance(value, str):
            return self.text(value)
        prefix = {int: "NUMBER", float: "NUMBER", list: "LIST", dict: "OBJECT"}[type(value)]
        return self.bind(tree.key, f"{prefix}_{len(self.objects)}", ("value", value))

    def text(self, value: str) -> str:
        """The name of a text; a plain word shows in it."""
        label = plain_word(value) or str(len(self.objects))
        return self.bind(f"text:{value}", f"TEXT_{label}", ("value", value))


@dataclass(slots=True)
class Writer:
    """The lines of a program, each with the origin it leads back to."""

    lines: list[tuple[str, Origin | None]] = field(default_factory=list)
    depth: int = 1
    origin: Origin | None = None
    unsafe: bool = False
    used: set[str] = field(default_factory=lambda: {"isinstance", "dict", "list", "slice", "str", "int", "type"})

    def line(self, text: str, *, safe: bool = False) -> None:
        """Add a line; anything not `safe` may fail or cost, and stays behind the condition it was written behind."""
        self.unsafe = self.unsafe or not safe
        self.lines.append(("    " * self.depth + text, self.origin))

    def name(self, hint: str) -> str:
        """A variable name not used before, like `hint` where that is a plain word."""
        base = hint if _NAME.match(hint) and not keyword.iskeyword(hint) else "part"
        name, number = base, 1
        while name in self.used:
            number += 1
            name = f"{base}_{number}"
        self.used.add(name)
        return name


# Where a line of a program leads: line and column of the mapping, both from 1, and how many characters it is about.
Position = tuple[int, int, int]


def compile_lines(lines: Sequence[str], positions: Sequence[Position], file: str) -> CodeType:
    """The code of a program whose lines stand, for all that Python says of them, at these positions of a file."""
    program = compile("\n".join(lines), file, "exec")
    return program.replace(co_consts=_moved_within(program, positions))


def _moved(function: CodeType, positions: Sequence[Position]) -> CodeType:
    first, _, _ = positions[function.co_firstlineno - 1]
    table, inner = _locations(function, positions, first), _moved_within(function, positions)
    return function.replace(co_firstlineno=first, co_linetable=table, co_consts=inner)


def _moved_within(code: CodeType, positions: Sequence[Position]) -> tuple[object, ...]:
    return tuple(_moved(one, positions) if isinstance(one, CodeType) else one for one in code.co_consts)


# Since 3.11 CPython keeps positions as its Objects/locations.md says: entries for up to 8 units of code, each a byte
# for its kind and its units, then the lines since the entry before, the lines to its end, and two columns.
_UNIT, _MOST_UNITS = 2, 8
_NOWHERE, _SOMEWHERE = 0b1_1111_000, 0b1_1110_000


def _locations(function: CodeType, positions: Sequence[Position], last: int) -> bytes:
    """The table of a function's positions, its first entry counting from the line `last`."""
    table = bytearray()
    for number, found in groupby(function.co_lines(), key=itemgetter(2)):
        run = list(found)
        units = (run[-1][1] - run[0][0]) // _UNIT
        if number is None:
            table += _entries(_NOWHERE, units, b"", b"")
        else:
            line, column, length = positions[number - 1]
            place = b"\0" + _varint(column) + _varint(column + length)
            table += _entries(_SOMEWHERE, units, _varint(_signed(line - last)) + place, b"\0" + place)
            last = line
    return bytes(table)


def _entries(kind: int, units: int, first: bytes, following: bytes) -> bytes:
    """The entries for some units: what the first says behind its first byte, and what the following say."""
    whole, rest = divmod(units - 1, _MOST_UNITS)
    full, last = bytes((kind | _MOST_UNITS - 1,)), bytes((kind | rest,))
    return full + first + (full + following) * (whole - 1) + last + following if whole else last + first


def _signed(value: int) -> int:
    """A number with its sign in the lowest bit."""
    return -value << 1 | 1 if value < 0 else value << 1


def _varint(value: int) -> bytes:
    """A number in bytes of six bits, the lowest first; a seventh says that more follow."""
    if value < 64:
        return bytes((value,))
    return bytes((64 | value & 63,)) + _varint(value >> 6)
