"""What a generated program is made of: lines that know what they were written for, and the objects they refer to.

`compile_lines` gives the code the lines of the mapping in place of its own, so that a traceback, a profiler or a
debugger names the file that the author wrote.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock
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


# Python counts how deep a tree is in one place for all threads, and raises SystemError where two that build one take
# turns, as they do when the collection of garbage calls somebody back: https://github.com/python/cpython/issues/106905
_PARSING = RLock()


def compile_lines(lines: Sequence[str], positions: Sequence[Position], file: str) -> CodeType:
    """The code of a program whose lines stand, for all that Python says of them, at these positions of a file."""
    with _PARSING:
        tree = ast.parse("\n".join(lines))
    nodes: list[ast.AST] = [tree]
    for node in nodes:  # by hand: `ast.walk` takes longer than the compiler
        parts = vars(node)
        for part in parts.values():
            if isinstance(part, list):
                nodes.extend(part)
            elif isinstance(part, ast.AST):
                nodes.append(part)
        if "lineno" in parts:
            line, column, length = positions[parts["lineno"] - 1]
            parts["lineno"] = parts["end_lineno"] = line
            parts["col_offset"], parts["end_col_offset"] = column - 1, column - 1 + length
    with _PARSING:
        return compile(tree, file, "exec")
