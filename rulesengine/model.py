"""What the author of a mapping wrote, as frozen objects that know their place.

`build` makes a `Mapping` of whatever in a file has the right shape and leaves out the rest, which `shape` has reported:
so one run tells of faults of shape and of meaning. An expression that does not parse stays in the model without a tree;
nothing is known of it, and its neighbours are still checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from rulesengine import codes, jmes
from rulesengine.diagnostics import Diagnostic, Place
from rulesengine.jmes import Tree
from rulesengine.source import Node

_Part = TypeVar("_Part")

DEFAULT = "default"
IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it stands."""

    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class Expression:
    """A JMESPath expression of a mapping; `tree` is None when it does not parse, `where` is its key's path."""

    text: str
    where: str
    node: Node
    tree: Tree | None

    @property
    def place(self) -> Place:
        """The whole expression."""
        return self.node.inside(0, len(self.text))

    def place_of(self, part: Tree) -> Place:
        """A part of it: its own name, operator or literal."""
        return self.node.inside(part.start, part.length)

    def span_of(self, part: Tree) -> Place:
        """A part of it with all that is below the part."""
        start = min(one.start for one in part.walk())
        end = max(one.start + one.length for one in part.walk())
        return self.node.inside(start, _closed(self.text, start, end) - start)


_QUOTED = re.compile(r"""'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|`(?:\\.|[^`])*`""")


_CLOSE = re.compile(r"\s*[)\]}]")


def _closed(text: str, start: int, end: int) -> int:
    """The end of a part with the brackets that close it, of which the tree does not know."""
    bare = _QUOTED.sub(lambda found: " " * len(found.group()), text)
    while (close := _CLOSE.match(bare, end)) and _is_open(bare[start:end]):
        end = close.end()
    return end


def _is_open(text: str) -> bool:
    return sum(map(text.count, "([{")) > sum(map(text.count, ")]}"))


@dataclass(frozen=True, slots=True)
class Field:
    """A name of `identifiers` or `data`, where it stands, and the expression that gives its value."""

    name: str
    expression: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: the value may be any scalar, and `place` is the value's."""

    key: str
    key_place: Place
    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what the provider says to what it means; `default` answers for every other key."""

    name: str
    place: Place
    entries: dict[str, Entry]
    default: Entry | None

    @property
    def all_entries(self) -> tuple[Entry, ...]:
        """The entries in order, the default last."""
        return (*self.entries.values(), *([self.default] if self.default else ()))


@dataclass(frozen=True, slots=True)
class Emission:
    """One event to emit: by `metric`, by `table` and `key`, or by `type`, `action` and `update`."""

    place: Place
    metric: Text | None = None
    table: Text | None = None
    key: Expression | None = None
    type: Expression | None = None
    action: Expression | None = None
    update: Expression | None = None
    list_id: Expression | None = None
    identifiers: tuple[Field, ...] = ()
    data: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: it emits something or ignores the item for a reason; `label` is its name or its number."""

    index: int
    name: Text | None
    place: Place
    when: Expression | None
    takes_all: bool
    ignore: str | None
    emissions: tuple[Emission, ...]
    list_id: Expression | None
    identifiers: tuple[Field, ...]
    data: tuple[Field, ...]
    node: Node

    @property
    def label(self) -> str:
        """The rule's name, or `rules[3]`."""
        return self.name.value if self.name else f"rules[{self.index}]"


@dataclass(frozen=True, slots=True)
class Payload:
    """How bytes become items: formats tried in order, the steps of `each`, the discriminator and its values."""

    formats: tuple[str, ...]
    steps: tuple[Expression, ...]
    event: Expression | None
    events: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file."""

    file: str
    provider: Text
    channels: tuple[Text, ...]
    channels_place: Place
    payload: Payload
    identifiers: tuple[Field, ...]
    data: tuple[Field, ...]
    tables: dict[str, Table]
    rules: tuple[Rule, ...]
    root: Node

    def identifiers_of(self, rule: Rule, emission: Emission) -> tuple[Field, ...]:
        """The identifiers of an event: those of every event, overridden by the rule's, then by the emission's."""
        return _override(self.identifiers, rule.identifiers, emission.identifiers)

    def data_of(self, rule: Rule, emission: Emission) -> tuple[Field, ...]:
        """The data fields of an event, overridden in the same order."""
        return _override(self.data, rule.data, emission.data)

    def expressions(self) -> Iterator[tuple[Expression, bool]]:
        """Every expression, and whether `parent()` has an answer in it."""
        steps = self.payload.steps
        for number, step in enumerate(steps):
            yield step, number >= 2
        for expression in self.over_items():
            yield expression, len(steps) >= 2

    def over_items(self) -> Iterator[Expression]:
        """Every expression about an item."""
        if self.payload.event is not None:
            yield self.payload.event
        yield from (field.expression for field in (*self.identifiers, *self.data))
        for rule in self.rules:
            yield from (one for one in (rule.when, rule.list_id) if one is not None)
            yield from (field.expression for field in (*rule.identifiers, *rule.data))
            for emission in rule.emissions:
                own = (emission.key, emission.type, emission.action, emission.update, emission.list_id)
                yield from (one for one in own if one is not None)
                yield from (field.expression for field in (*emission.identifiers, *emission.data))


def leave_open(part: _Part, is_open: Callable[[Expression], bool]) -> _Part:
    """A mapping, or a part of one, with some of its expressions as if they did not parse."""
    if isinstance(part, Expression):
        return replace(part, tree=None) if is_open(part) else part
    if isinstance(part, tuple):
        return type(part)(leave_open(one, is_open) for one in part)
    if isinstance(part, Mapping | Payload | Rule | Emission | Field):
        changed = {one.name: leave_open(getattr(part, one.name), is_open) for one in fields(part)}
        return replace(part, **changed)
    return part


def list_id_of(rule: Rule, emission: Emission) -> Expression | None:
    """The list_id of an emission: its own, or else the rule's."""
    return emission.list_id or rule.list_id


def _override(*layers: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple({field.name: field for layer in layers for field in layer}.values())


# -- from nodes -------------------------------------------------------------------------------------------------------


def build(root: Node) -> tuple[Mapping, list[Diagnostic]]:
    """The model of a mapping file, and the expressions in it that do not parse."""
    return _Builder().mapping(root)


def channels_of(root: Node) -> tuple[Text, ...]:
    """The channel types that a mapping file says it suits."""
    return tuple(_texts(root.get("channels")))


class _Builder:
    """Walks the nodes; collects what does not parse."""

    def __init__(self) -> None:
        self.faults: list[Diagnostic] = []

    def mapping(self, root: Node) -> tuple[Mapping, list[Diagnostic]]:
        event = root.get("event") or Node(root.source, None, root.start, root.end)
        mapping = Mapping(
            file=root.source.file,
            provider=_text(root.get("provider")) or Text("", root.place),
            channels=channels_of(root),
            channels_place=(root.key("channels") or root).place,
            payload=self._payload(root.get("payload")),
            identifiers=self._fields(event.get("identifiers"), "event.identifiers"),
            data=self._fields(event.get("data"), "event.data"),
            tables=dict(_tables(root.get("tables"))),
            rules=tuple(self._rules(root.get("rules"))),
            root=root,
        )
        return mapping, self.faults

    def _payload(self, node: Node | None) -> Payload:
        formats = tuple(text.value for text in _texts(node.get("format"))) if node and node.get("format") else ()
        each = node.get("each") if node else None
        steps = each.children if each and isinstance(each.children, list) and each.data is not None else ()
        if each is not None and isinstance(each.data, str):
            expressions = [self._expression(each, "payload.each")]
        else:
            expressions = [self._expression(step, f"payload.each[{n}]") for n, step in enumerate(steps)]
        return Payload(
            formats=formats or ("json",),
            steps=tuple(one for one in expressions if one is not None),
            event=self._expression(node.get("event"), "payload.event") if node else None,
            events=tuple(_texts(node.get("events"))) if node else (),
        )

    def _rules(self, node: Node | None) -> Iterator[Rule]:
        rules = node.children if node and isinstance(node.children, list) else []
        for index, rule in enumerate(rules):
            if isinstance(rule.children, dict):
                yield self._rule(index, rule)

    def _rule(self, index: int, node: Node) -> Rule:
        where, ignore = f"rules[{index}]", node.get("ignore")
        return Rule(
            index=index,
            name=_text(node.get("name")),
            place=node.source.place(node.start),
            when=self._expression(node.get("when"), f"{where}.when"),
            takes_all=node.get("when") is None,
            ignore=ignore.text if ignore is not None else None,
            emissions=tuple(self._emissions(node.get("emit"), f"{where}.emit")),
            list_id=self._expression(node.get("list_id"), f"{where}.list_id"),
            identifiers=self._fields(node.get("identifiers"), f"{where}.identifiers"),
            data=self._fields(node.get("data"), f"{where}.data"),
            node=node,
        )

    def _emissions(self, node: Node | None, where: str) -> Iterator[Emission]:
        if node is None:
            return
        if isinstance(node.data, str) and node.data:
            yield Emission(node.place, metric=_text(node))
        elif isinstance(node.children, dict):
            yield self._emission(node, where)
        elif isinstance(node.data, list):
            for number, child in enumerate(node.children):
                yield from self._emissions(child, f"{where}[{number}]")

    def _emission(self, node: Node, where: str) -> Emission:
        def expression(key: str) -> Expression | None:
            return self._expression(node.get(key), f"{where}.{key}")

        return Emission(
            place=node.place,
            metric=_text(node.get("metric")),
            table=_text(node.get("table")),
            key=expression("key"),
            type=expression("type"),
            action=expression("action"),
            update=expression("reachability_update_type"),
            list_id=expression("list_id"),
            identifiers=self._fields(node.get("identifiers"), f"{where}.identifiers"),
            data=self._fields(node.get("data"), f"{where}.data"),
        )

    def _fields(self, node: Node | None, where: str) -> tuple[Field, ...]:
        pairs = node.items() if node is not None else iter(())
        found = ((key, self._expression(value, f"{where}.{key.text}")) for key, value in pairs)
        return tuple(Field(key.text, expression, key.place) for key, expression in found if expression is not None)

    def _expression(self, node: Node | None, where: str) -> Expression | None:
        """The expression of a text node; None for anything else, which is a fault of shape."""
        if node is None or not isinstance(node.data, str) or node.data == "":
            return None
        return Expression(node.data, where, node, self._parse(node))

    def _parse(self, node: Node) -> Tree | None:
        text = node.data
        try:
            return jmes.parse(text)
        except jmes.TooLarge as fault:
            self.faults.append(codes.E324.at(node.place, problem=str(fault)))
        except jmes.JMESPathError as fault:
            problem, offset = jmes.problem_of(fault, text)
            start, length, hint = _syntax_hint(text, offset)
            place = node.inside(start, length)
            self.faults.append(codes.E301.at(place, problem=problem, hint=node.swallowed() or hint))
        return None


def _text(node: Node | None) -> Text | None:
    return Text(node.data, node.place) if node is not None and isinstance(node.data, str) else None


def _texts(node: Node | None) -> Iterator[Text]:
    """The texts of a list, or the one text that stands in its place."""
    children = node.children if node is not None and isinstance(node.children, list) and node.style is None else [node]
    return (text for child in children if (text := _text(child)) is not None)


def _tables(node: Node | None) -> Iterator[tuple[str, Table]]:
    for name, table in node.items() if node is not None else ():
        entries = {key.text: Entry(key.text, key.place, value.data, value.place) for key, value in table.items()}
        default = entries.pop(DEFAULT, None)
        yield name.text, Table(name.text, name.place, entries, default)


# What authors write who come from other languages, at the place where JMESPath stops reading.
_HINTS = (
    (re.compile(r"(?<=\bnot )\S"), "'not' is written !"),
    (re.compile(r"(?<=<)>"), "'not equal' is written !="),
    (re.compile(r"&"), "'and' is written &&"),
    (re.compile(r"[\u2018\u2019\u201c\u201d]"), "text is written in straight quotes: '...'"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "text is written in single quotes, within YAML's: \"'...'\""),
    (re.compile(r"(?<=\.)\d"), "an element of a list is taken by [{found}]"),
    (re.compile(r"\d"), "a number is written in backticks: `{found}`"),
    (re.compile(r"and\b"), "'and' is written &&"),
    (re.compile(r"or\b"), "'or' is written ||"),
    (re.compile(r"not\b"), "'not' is written !"),
    (re.compile(r"in\b"), "'a in b' is written contains(b, a)"),
    (re.compile(r"\?"), "a default is written a || b, or not_null(a, b)"),
    (re.compile(r"(?<=\[)['\"]"), 'a field is written a.b, or a."b-c" where its name is no plain word'),
    (re.compile(r"="), "'equals' is written =="),
    (re.compile(r"\$"), "the item is @, the whole body root()"),
    (re.compile(r"[+*/%-]\s"), "JMESPath has no arithmetic"),
    (re.compile(r"'"), "text is written '...'; a quote inside is \\'"),
)
_BEFORE = ("not ", "<", "==")  # read already, and part of what is wrong
_HYPHENATED = re.compile(r"[A-Za-z_]\w*(?:-\w+)+")


def _syntax_hint(text: str, offset: int) -> tuple[int, int, str]:
    """Where the mistake begins, its length, and what to write."""
    for match in _HYPHENATED.finditer(text):
        if match.start() <= offset < match.end():
            hint = f'a name with a hyphen needs double quotes: "{match.group()}"'
            return match.start(), len(match.group()), hint
    for pattern, hint in _HINTS:
        found = pattern.match(text, offset)
        if found:
            number = re.match(r"\d+(?:\.\d+)?", text[offset:])
            back = next((len(word) for word in _BEFORE if text[:offset].endswith(word)), 0)
            return offset - back, 1 + back, hint.format(found=number.group() if number else found.group())
    return offset, 1, ""
