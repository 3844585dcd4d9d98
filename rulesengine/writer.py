"""What a generated program is made of: lines that know what they were written for, and the objects they refer to."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rulesengine.jmes import Tree

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_]{1,40}\Z")

# A line that can fail leads back to this: the expression's own object and the offset in its text.
Origin = tuple[object, int]


class Namespace:
    """The objects that generated code refers to, each under one name.

    Names begin with a capital or an underscore and variables with a small letter, so that neither hides the other.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def bind(self, key: str, hint: str, make: Callable[[], Any]) -> str:
        """The name of the object known under `key`; `make` builds it the first time."""
        if key not in self._names:
            name, number = hint, len(self.objects)
            while name in self.objects:
                name, number = f"{hint}_{number}", number + 1
            self.objects[name] = make()
            self._names[key] = name
        return self._names[key]

    def constant(self, tree: Tree) -> str:
        """The name of a literal of the mapping."""
        value = tree.value
        if isinstance(value, str):
            return self.text(value)
        prefix = {int: "NUMBER", float: "NUMBER", list: "LIST", dict: "OBJECT"}[type(value)]
        return self.bind(tree.key, f"{prefix}_{len(self.objects)}", lambda: value)

    def text(self, value: str) -> str:
        """The name of a text; a plain word shows in it."""
        word = value.replace("-", "_").replace(" ", "_")
        label = word if PLAIN_WORD.match(word) else str(len(self.objects))
        return self.bind(f"text:{value}", f"TEXT_{label}", lambda: value)


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
