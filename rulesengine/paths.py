"""Which parts of a body a mapping can look at, so that the rest of it need not be read.

Every expression is followed with the parts of the body in place of values: a field of a part is a smaller part, and
what is compared, tested, handed to a function or put into an event is wanted whole. `wanted` gives the sum of all
expressions of a mapping as a `Wanted` of the body.

Limits: what `[]` opens, `*` selects and an `&expression` is about is wanted whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rulesengine import model
from rulesengine.jmes import Tree
from rulesengine.payloads import Wanted

# Deeper than any provider nests its events; a type for each level is made for the decoder.
_DEEPEST = 8


@dataclass(slots=True, eq=False)
class _Part:
    """A part of the body: wanted whole, or some fields of an object, or of each element of a list."""

    depth: int = 0
    whole: bool = False
    fields: dict[str, _Part] = field(default_factory=dict)
    of_elements: _Part | None = None

    def field(self, name: str) -> _Part:
        """The part under a name."""
        return self.fields.setdefault(name, self._below())

    def element(self) -> _Part:
        """Any element of the list that this part may be."""
        if self.of_elements is None:
            self.of_elements = self._below()
        return self.of_elements

    def _below(self) -> _Part:
        return _Part(self.depth + 1, self.whole or self.depth >= _DEEPEST)

    def wanted(self) -> Wanted | None:
        """What is wanted of it, None for all."""
        # msgspec (0.22, seen 2026-11) can take another key of an object for one that is not ASCII.
        if self.whole or self.depth >= _DEEPEST or not all(name.isascii() for name in self.fields):
            return None
        fields = tuple((name, part.wanted()) for name, part in self.fields.items())
        return Wanted(fields, self.of_elements.wanted() if self.of_elements else None)


_Parts = tuple[_Part, ...]


def wanted(mapping: model.Mapping) -> Wanted | None:
    """What a mapping wants of a body; None where it wants all of it."""
    body = _Part()
    follow = _Follower((body,))
    levels: list[_Parts] = [(body,)]
    for step in mapping.payload.steps:
        follow.parents = levels[-2] if len(levels) > 1 else ()
        levels.append(_items(follow.parts(step.tree, levels[-1])))
    if len(levels) == 1:
        levels.append(_items((body,)))
    follow.parents = levels[-2]
    for expression in mapping.over_items():
        _take(follow.parts(expression.tree, levels[-1]))
    return body.wanted()


def _items(found: _Parts) -> _Parts:
    """What a step yields is an item, or a list of them."""
    return (*found, *(part.element() for part in found))


def _take(parts: Iterable[_Part]) -> None:
    for part in parts:
        part.whole = True


@dataclass(slots=True)
class _Follower:
    """Follows expressions; `parts` gives the parts of the body that a value may be."""

    body: _Parts
    parents: _Parts = ()

    def parts(self, tree: Tree | None, current: _Parts) -> _Parts:
        """The parts that the value of an expression may be; all that it looks at on the way is noted."""
        if tree is None:
            return ()
        return _FOLLOW.get(tree.kind, _Follower._all)(self, tree, current)

    def _all(self, tree: Tree, current: _Parts) -> _Parts:
        for child in tree.children:
            _take(self.parts(child, current))
        return ()

    def _field(self, tree: Tree, current: _Parts) -> _Parts:
        return tuple(part.field(tree.value) for part in current)

    def _current(self, tree: Tree, current: _Parts) -> _Parts:
        return current

    def _chain(self, tree: Tree, current: _Parts) -> _Parts:
        for child in tree.children:
            current = self.parts(child, current)
        return current

    def _index(self, tree: Tree, current: _Parts) -> _Parts:
        return tuple(part.element() for part in current)

    def _choice(self, tree: Tree, current: _Parts) -> _Parts:
        left = self.parts(tree.children[0], current)
        _take(left)  # an object is true when it has any field
        return (*left, *self.parts(tree.children[1], current))

    def _projection(self, tree: Tree, current: _Parts) -> _Parts:
        base, *rest = tree.children
        elements = tuple(part.element() for part in self.parts(base, current))
        for child in rest:
            _take(self.parts(child, elements))
        return ()

    def _whole(self, tree: Tree, current: _Parts) -> _Parts:
        _take(current)
        return self._all(tree, current)

    def _value_projection(self, tree: Tree, current: _Parts) -> _Parts:
        _take(self.parts(tree.children[0], current))
        _take(self.parts(tree.children[1], ()))
        return ()

    def _expref(self, tree: Tree, current: _Parts) -> _Parts:
        _take(self.parts(tree.children[0], ()))
        return ()

    def _call(self, tree: Tree, current: _Parts) -> _Parts:
        if tree.value == "root" and not tree.children:
            return self.body
        if tree.value == "parent" and not tree.children:
            return self.parents
        return self._all(tree, current)


_FOLLOW: Mapping[str, Callable[[_Follower, Tree, _Parts], _Parts]] = {
    "field": _Follower._field,
    "current": _Follower._current,
    "subexpression": _Follower._chain,
    "index_expression": _Follower._chain,
    "pipe": _Follower._chain,
    "index": _Follower._index,
    "slice": _Follower._whole,
    "or_expression": _Follower._choice,
    "and_expression": _Follower._choice,
    "projection": _Follower._projection,
    "filter_projection": _Follower._projection,
    "value_projection": _Follower._value_projection,
    "expref": _Follower._expref,
    "function_expression": _Follower._call,
}
