"""An expression tree to Python statements, with each shared part computed once.

`Translator.value` writes the statements an expression needs and gives back the Python text of its value;
`Translator.test` does the same for its truth. Text of the mapping never becomes text of the program: names are checked
identifiers or made up, and every constant is an object bound to a name.

What is shared: a part that was computed in this block or in one around it is not computed again. Field access cannot
fail and is cheap, so it may move ahead of the `&&` it stands behind; calls and loops never do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rulesengine import runtime
from rulesengine.analysis import type_of
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import Tree
from rulesengine.narrowing import literal_list
from rulesengine.program import Recipe
from rulesengine.signatures import Function
from rulesengine.writer import PLAIN_WORD, Namespace, Origin, Writer

_OF_ITEM = ("current", "index", "slice")  # what names the item itself, and not its fields
ITEM = "item"
FIELDS = "fields"  # the item where it is an object, else nothing: field access without a test each time


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Py:
    """The Python text of a value.

    `atom`: a name, free to repeat; `boolean`: only ever True, False or None.
    """

    text: str
    atom: bool = False
    boolean: bool = False


@dataclass(frozen=True, slots=True)
class _Aside(Generic[_T]):
    """What was written on the side: its result, and the lines it needs, none if they stand already."""

    result: _T
    lines: list[tuple[str, Origin | None]]

    @property
    def inline(self) -> bool:
        return not self.lines


class Translator:
    """Writes expressions into one function, whose variable `item` holds the value they are about.

    `surroundings` gives the Python text of the calls `root()`, `parent()`, `request()` and `channel()`; `tables`
    gives, for a table's name, the recipe of what `lookup` calls with a key. A call that neither knows fails when it is
    reached. `item_is_null` says whether the item may be null, as it may not in a mapping; `has_fields`, that `fields`
    is there already. In `asked` it notes which of `item` and the surroundings the statements name. With `attributes`,
    `fields` is a record, and this is what it calls each field.
    """

    def __init__(
        self,
        writer: Writer,
        namespace: Namespace,
        surroundings: Mapping[str, str] | None = None,
        tables: Callable[[str], Recipe] | None = None,
        *,
        item_is_null: bool = True,
        has_fields: bool = False,
        asked: set[str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self.writer, self.namespace = writer, namespace
        self.asked = set() if asked is None else asked
        self.attributes = attributes
        self.item_is_null = item_is_null
        self.surroundings = surroundings or {}
        self.tables = tables
        self.scopes: list[dict[tuple[str, str], Py]] = [{}]
        self.lists: set[str] = set()  # variables that surely hold a list
        writer.used.update((ITEM, FIELDS, *self.surroundings.values()))
        if not has_fields:
            writer.line(f"{FIELDS} = {ITEM} if isinstance({ITEM}, dict) else {self._helper('NOTHING')}", safe=True)

    # -- what callers use ---------------------------------------------------------------------------------------------

    def value(self, tree: Tree, current: str) -> Py:
        """The value of an expression over the variable `current`."""
        known = self._known(current, tree)
        if known is not None:
            return known
        if current == ITEM and tree.kind in _OF_ITEM:
            self.asked.add(ITEM)
        return _VALUES[tree.kind](self, tree, current)

    def atom(self, tree: Tree, current: str, hint: str = "part") -> str:
        """As `value`, and surely a name, under which it is known from here on."""
        py = self.value(tree, current)
        return py.text if py.atom else self._remember(tree, current, self._named(py, hint)).text

    def test(self, tree: Tree, current: str) -> str:
        """The Python text that is true when JMESPath holds the expression's value for true."""
        if tree.kind == "not_expression":
            return f"not {self.test(tree.children[0], current)}"
        if tree.kind in ("and_expression", "or_expression") and not self._known(current, tree):
            word = "and" if tree.kind == "and_expression" else "or"
            left = self.test(tree.children[0], current)
            right = self._aside(lambda: self.test(tree.children[1], current))
            if right.inline:
                return f"({left} {word} {right.result})"
            name = self.writer.name("holds")
            self.writer.line(f"{name} = {left}")
            self._when(name if word == "and" else f"not {name}", name, right, right.result)
            return name
        return self._truth(self.value(tree, current), tree)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """An indented block; what is computed in it is known only there."""
        self.writer.line(header)
        self.writer.depth += 1
        self.scopes.append({})
        try:
            yield
        finally:
            self.scopes.pop()
            self.writer.depth -= 1

    # -- sharing ------------------------------------------------------------------------------------------------------

    def _known(self, current: str, tree: Tree) -> Py | None:
        for scope in reversed(self.scopes):
            if (current, tree.key) in scope:
                return scope[current, tree.key]
        return None

    def _assign(self, tree: Tree, current: str, text: str, hint: str, *, safe: bool = False) -> Py:
        name = self.writer.name(hint)
        self.writer.line(f"{name} = {text}", safe=safe)
        return self._remember(tree, current, name)

    def _remember(self, tree: Tree, current: str, name: str) -> Py:
        py = Py(name, atom=True)
        self.scopes[-1][current, tree.key] = py
        return py

    def _named(self, py: Py, hint: str) -> str:
        if py.atom:
            return py.text
        name = self.writer.name(hint)
        self.writer.line(f"{name} = {py.text}", safe=True)
        return name

    def _truth(self, py: Py, tree: Tree) -> str:
        if py.boolean or type_of(tree) == "boolean":
            return py.text
        name = self._named(py, "part")
        if type_of(tree) in ("string", "array", "object"):
            return name
        return f"({name} or {name} is not None and {name} == 0 and {name} is not False)"  # 0 is true in JMESPath

    def _aside(self, write: Callable[[], _T]) -> _Aside[_T]:
        """Write on the side: lines that are all safe stay where they are, others are taken out for a block to come."""
        writer, mark, unsafe = self.writer, len(self.writer.lines), self.writer.unsafe
        writer.unsafe = False
        self.scopes.append({})
        result = write()
        found, inline = self.scopes.pop(), not writer.unsafe
        writer.unsafe = unsafe
        if inline:
            self.scopes[-1].update(found)
            return _Aside(result, [])
        lines = writer.lines[mark:]
        del writer.lines[mark:]
        return _Aside(result, lines)

    def _when(self, condition: str, name: str, aside: _Aside[Any], text: str) -> None:
        """A block that runs the lines set aside and then assigns the text to the name."""
        with self.block(f"if {condition}:"):
            self.writer.lines.extend(("    " + line, origin) for line, origin in aside.lines)
            self.writer.line(f"{name} = {text}")

    # -- one method a kind of tree ------------------------------------------------------------------------------------

    def _field(self, tree: Tree, current: str) -> Py:
        hint = tree.value.lower()
        if current == ITEM:
            found = f"get({self.text(tree.value)})" if self.attributes is None else self.attributes[tree.value]
            return self._assign(tree, current, f"{FIELDS}.{found}", hint, safe=True)
        get = f"{current}.get({self.text(tree.value)}) if isinstance({current}, dict) else None"
        return self._assign(tree, current, get, hint, safe=True)

    def text(self, text: str) -> str:
        """A field's name: written out when it is a plain word, bound as an object otherwise."""
        plain = PLAIN_WORD.match(text)
        return f"'{text}'" if plain else self.namespace.bind(f"name:{text}", f"NAME_{len(text)}", ("value", text))

    def _helper(self, name: str) -> str:
        return self.namespace.bind(f"helper:{name}", f"_{name}", ("runtime", name))

    def _chain(self, tree: Tree, current: str) -> Py:
        py = Py(current, atom=True)
        for child in tree.children:
            current = self._named(py, "part")
            py = self.value(child, current)
        return py

    def _index(self, tree: Tree, current: str) -> Py:
        return self._assign(
            tree, current, f"{self._helper('index')}({current}, {int(tree.value)})", "element", safe=True
        )

    def _slice(self, tree: Tree, current: str) -> Py:
        bounds = ", ".join("None" if part is None else str(int(part)) for part in tree.value)
        return self._assign(tree, current, f"{self._helper('cut')}({current}, slice({bounds}))", "part")

    def _current(self, tree: Tree, current: str) -> Py:
        return Py(current, atom=True)

    def _literal(self, tree: Tree, current: str) -> Py:
        if tree.value is None or isinstance(tree.value, bool):
            return Py(repr(tree.value), atom=True, boolean=tree.value is not None)
        return Py(self.namespace.constant(tree), atom=True)

    def _comparator(self, tree: Tree, current: str) -> Py:
        left, right = (self.atom(child, current) for child in tree.children)
        if tree.value in runtime.ORDER:
            order = self.namespace.bind(f"order:{tree.value}", f"_{tree.value}", ("order", tree.value))
            return self._assign(tree, current, f"{order}({left}, {right})", "ordered")  # it may fail, so in its turn
        equal = tree.value == "eq"
        for one, other in (tree.children, tree.children[::-1]):
            if other.kind == "literal":
                return Py(self._compare_literal(self.atom(one, current), other, equal), boolean=True)
        return Py(f"{'' if equal else 'not '}{self._helper('equal')}({left}, {right})", boolean=True)

    def _compare_literal(self, name: str, literal: Tree, equal: bool) -> str:
        if literal.value is None or isinstance(literal.value, bool):
            return f"{name} {'is' if equal else 'is not'} {literal.value!r}"
        constant = self.namespace.constant(literal)
        if isinstance(literal.value, str):
            return f"{name} {'==' if equal else '!='} {constant}"
        return f"{'' if equal else 'not '}{self._helper('equal')}({name}, {constant})"

    def _choice(self, tree: Tree, current: str) -> Py:
        """`||` and `&&` as values: the right side is computed only when the left one asks for it."""
        left = self.atom(tree.children[0], current)
        right = self._aside(lambda: self.value(tree.children[1], current))
        truth = self._truth(Py(left, atom=True), tree.children[0])
        if right.inline:
            pair = (right.result.text, left) if tree.kind == "and_expression" else (left, right.result.text)
            return Py(f"({pair[0]} if {truth} else {pair[1]})")
        asks = truth if tree.kind == "and_expression" else f"not {truth}"
        name = self.writer.name("part")
        self.writer.line(f"{name} = {left}")
        self._when(asks, name, right, right.result.text)
        return self._remember(tree, current, name)

    def _not(self, tree: Tree, current: str) -> Py:
        return Py(f"(not {self.test(tree.children[0], current)})", boolean=True)

    def _projection(self, tree: Tree, current: str) -> Py:
        base, condition, right = tree.children[0], tree.children[1:-1], tree.children[-1]
        source = self.atom(base, current)
        if tree.kind == "value_projection":
            source = self._named(Py(f"{self._helper('values')}({source})"), "parts")
        name, element = self.writer.name("found"), self.writer.name("element")
        if source in self.lists:
            self._loop(name, element, source, condition, right)
        else:
            self.writer.line(f"{name} = None")
            with self.block(f"if isinstance({source}, list):"):
                self._loop(name, element, source, condition, right)
        return self._remember(tree, current, name)

    def _loop(self, name: str, element: str, source: str, condition: tuple[Tree, ...], right: Tree) -> None:
        self.writer.line(f"{name} = []")
        with self.block(f"for {element} in {source}:"):
            self._collect(name, element, condition, right)

    def _collect(self, name: str, element: str, condition: tuple[Tree, ...], right: Tree) -> None:
        for one in condition:
            test = self.test(one, element)
            self.writer.line(f"if not {test}:")
            self.writer.line("    continue")
        value = self.atom(right, element)
        self.writer.line(f"if {value} is not None:")
        self.writer.line(f"    {name}.append({value})")

    def _flatten(self, tree: Tree, current: str) -> Py:
        base = tree.children[0]
        if base.kind == "multi_select_list" and len(base.children) == 1 and current == ITEM and not self.item_is_null:
            one = self.atom(base.children[0], current)  # `[x][]`: the list x, or a list of x
            listed = self._assign(tree, current, f"{one} if isinstance({one}, list) else [{one}]", "flat")
            self.lists.add(listed.text)
            return listed
        return self._assign(tree, current, f"{self._helper('flatten')}({self.atom(tree.children[0], current)})", "flat")

    def _multi_select(self, tree: Tree, current: str) -> Py:
        """A list or an object of several values; null when there is nothing to select from."""
        if current == ITEM and not self.item_is_null:
            return self._assign(tree, current, self._selected(tree, current), "selected")
        name = self.writer.name("selected")
        self.writer.line(f"{name} = None")
        with self.block(f"if {current} is not None:"):
            self.writer.line(f"{name} = {self._selected(tree, current)}")
        return self._remember(tree, current, name)

    def _selected(self, tree: Tree, current: str) -> str:
        if tree.kind == "multi_select_list":
            return f"[{', '.join(self.value(child, current).text for child in tree.children)}]"
        pairs = [(self.text(pair.value), self.value(pair.children[0], current).text) for pair in tree.children]
        return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"

    def _expref(self, tree: Tree, current: str) -> Py:
        name, element = self.writer.name("each"), self.writer.name("element")
        with self.block(f"def {name}({element}):"):
            self.writer.line(f"return {self.value(tree.children[0], element).text}")
        make = self.namespace.bind("expression_reference", "_expression", ("expression reference",))
        return Py(f"{make}({name})")

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, tree: Tree, current: str) -> Py:
        name = tree.value
        if name in self.surroundings and not tree.children:
            self.asked.add(self.surroundings[name])
            return Py(self.surroundings[name], atom=True)
        if (
            name == "contains"
            and len(tree.children) == 2
            and (written := self._written_list(tree.children[0], current))
        ):
            return Py(f"({self.atom(tree.children[1], current)} in {written})", boolean=True)
        function = FUNCTIONS.get(name)
        if name == "lookup" and self.tables is not None:
            called = self._lookup(tree, current)
        elif function is not None and function.body is not None and _fits(function, tree):
            called = self._added(function, tree, current)
        elif function is not None and function.body is not None:
            called = f"{self._misused(function)}({self._arguments(tree, current)})"
        else:
            called = f"{self._standard(name, len(tree.children))}({self._arguments(tree, current)})"
        if self.writer.origin is not None:
            self.writer.origin = self.writer.origin._replace(offset=tree.start)
        return self._assign(tree, current, called, name)

    def _written_list(self, tree: Tree, current: str) -> str | None:
        """The name of a list that is written out in the mapping, `['a', 'b']` included; None for any other tree."""
        if tree.kind == "literal" and isinstance(tree.value, list):
            return self.namespace.constant(tree)
        written = literal_list(tree) if current == ITEM and not self.item_is_null else None
        if written is None:
            return None
        return self.namespace.bind(f"list:{tree.key}", f"LIST_{len(self.namespace.objects)}", ("value", written))

    def _arguments(self, tree: Tree, current: str) -> str:
        return ", ".join(self.value(child, current).text for child in tree.children)

    def _standard(self, name: str, count: int) -> str:
        label = name if PLAIN_WORD.match(name) else "unknown"
        return self.namespace.bind(f"function:{name}:{count}", f"_{label}", ("standard", name, count))

    def _misused(self, function: Function) -> str:
        """What fails when it is reached, as a wrong call of a standard function does."""
        recipe = ("misused", function.name)
        return self.namespace.bind(f"misused:{function.name}", f"_misused_{function.name}", recipe)

    def _added(self, function: Function, tree: Tree, current: str) -> str:
        called = self.namespace.bind(f"function:{function.name}", f"_{function.name}", ("added", function.name))
        if function.inline:
            first = self.atom(tree.children[0], current)
            return function.inline.format(x=first, call=f"{called}({first})")
        arguments = []
        for parameter, child in zip(function.parameters, tree.children, strict=False):
            if parameter.prepare is None:
                arguments.append(self.value(child, current).text)
            else:
                arguments.append(self._prepared(function.name, parameter.name, child))
        return f"{called}({', '.join(arguments)})"

    def _prepared(self, function: str, parameter: str, child: Tree) -> str:
        key, hint = f"prepared:{function}:{parameter}:{child.key}", f"{parameter.upper()}_{len(self.namespace.objects)}"
        return self.namespace.bind(key, hint, ("prepared", function, parameter, child.value))

    def _lookup(self, tree: Tree, current: str) -> str:
        table, key = tree.children
        make = self.tables
        assert make is not None
        called = self.namespace.bind(f"lookup:{table.value}", f"_lookup_{len(self.namespace.objects)}",
                                     make(table.value))  # fmt: skip
        return f"{called}({self.value(key, current).text})"


def _fits(function: Function, tree: Tree) -> bool:
    """Whether the call has a number of arguments the function takes, literal where it wants them so."""
    least = sum(not parameter.optional for parameter in function.parameters)
    pairs = zip(function.parameters, tree.children, strict=False)
    literal = all(p.prepare is None or (c.kind == "literal" and isinstance(c.value, str)) for p, c in pairs)
    return least <= len(tree.children) <= len(function.parameters) and literal


_VALUES: Mapping[str, Callable[[Translator, Tree, str], Py]] = {
    "field": Translator._field,
    "subexpression": Translator._chain,
    "index_expression": Translator._chain,
    "pipe": Translator._chain,
    "index": Translator._index,
    "slice": Translator._slice,
    "current": Translator._current,
    "literal": Translator._literal,
    "comparator": Translator._comparator,
    "or_expression": Translator._choice,
    "and_expression": Translator._choice,
    "not_expression": Translator._not,
    "projection": Translator._projection,
    "filter_projection": Translator._projection,
    "value_projection": Translator._projection,
    "flatten": Translator._flatten,
    "multi_select_list": Translator._multi_select,
    "multi_select_dict": Translator._multi_select,
    "expref": Translator._expref,
    "function_expression": Translator._call,
}
