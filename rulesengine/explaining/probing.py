"""Any part of a mapping's expressions, computed by itself: `Probes.ask(tree, scope)` gives its value, or why it fails.

A part is compiled as the program is, by the same emitter and translator, so there is one way in which expressions are
computed. It is compiled when it is first asked for, and kept.

Limits: a part of a projection, of a selection after a dot or of the right side of `|` is about something else than the
item, and means nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rulesengine import model, runtime
from rulesengine.emitting import SURROUNDINGS, Emitter, Target
from rulesengine.jmes import Tree
from rulesengine.linking import defined
from rulesengine.program import ItemFunction
from rulesengine.running import reason_of
from rulesengine.translate import ITEM


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression is about: an item (or what a step of `each` is about), and what surrounds it."""

    item: Any
    root: Any
    parent: Any
    request: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a part of an expression gave; with a `fault`, the sentence of what it raised, the value is None."""

    value: Any
    fault: str | None = None

    @property
    def holds(self) -> bool:
        """Whether JMESPath takes the value for true."""
        return self.fault is None and runtime.truth(self.value)


class Probes:
    """The parts of one mapping's expressions, for an app."""

    def __init__(self, mapping: model.Mapping, target: Target) -> None:
        self._emitter = Emitter(mapping, target)
        self._compiled: dict[str, ItemFunction] = {}

    def ask(self, tree: Tree, scope: Scope) -> Answer:
        """The value of a part, or why it has none. Never raises for what is in the scope."""
        probe = self._compiled.get(tree.key) or self._compiled.setdefault(tree.key, self._compile(tree))
        try:
            return Answer(probe(scope.item, scope.root, scope.parent, scope.request))
        except Exception as raised:  # noqa: BLE001 an expression may raise anything on an item it was not written for
            return Answer(None, reason_of(raised))

    def _compile(self, tree: Tree) -> ItemFunction:
        body = self._emitter.body(item_is_null=True, has_fields=False)
        body.line(f"return {body.translator.atom(tree, ITEM, 'value')}")
        lines = "\n".join(line for line, _ in body.writer.lines)
        source = f"def probe({', '.join((ITEM, *SURROUNDINGS))}):\n{lines}"
        probe: ItemFunction = defined(source, self._emitter.namespace.objects)["probe"]
        return probe
