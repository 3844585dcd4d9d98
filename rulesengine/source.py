"""YAML text to a tree of nodes that never forget where they stand; the only importer of yaml.

Mapping files are read more strictly than YAML allows: scalars mean what they mean in JSON, a repeated key is a fault,
and whatever different YAML versions read differently (`on`, `010`, `12:30`) must be quoted. The tree is built from
PyYAML's events and not by its loader, so that depth, aliases and tags are under control while reading.

A place inside a scalar is worked out only when a fault needs it. In a folded scalar (`>`) the line is exact and the
column is the scalar's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from rulesengine import codes
from rulesengine.diagnostics import Diagnostic, Place
from rulesengine.positions import Source, folded_line, offsets

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 50
MAX_NODES = 100_000

Path = tuple[str | int, ...]
Children = dict[str, tuple["Node", "Node"]] | list["Node"] | tuple[()]

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}
_YAML_11_BOOLEAN = re.compile(r"(?:true|false|yes|no|on|off)\Z", re.IGNORECASE)
_YAML_11_NULL = re.compile(r"null\Z", re.IGNORECASE)
_YAML_11_NUMBER = re.compile(
    r"[-+]?(?:0[0-9_]+|0o[0-7_]+|0x[0-9a-f_]+|0b[01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?\d+)?|\.[0-9][0-9_]*"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|\.inf|\.nan)\Z",
    re.IGNORECASE | re.ASCII,
)
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML file: its plain `data`, where it stands, and its children.

    `data` holds dict, list, str, int, float, bool and None only; keys are always text, as written. `style` is the
    indicator of a scalar (`'`, `"`, `|`, `>`, or empty for a plain one) and None for a collection.
    """

    source: Source
    data: Any
    start: int
    end: int
    style: str | None = None
    children: Children = ()
    anchor: str | None = None
    size: int = 1
    text: str = ""

    @property
    def place(self) -> Place:
        """From the first to the last character of the value; of a block collection, its first line."""
        return self.source.place(self.start, self.end)

    def items(self) -> Iterator[tuple[Node, Node]]:
        """Key and value nodes of a mapping, in order; nothing for anything else."""
        if isinstance(self.children, dict):
            yield from self.children.values()

    def get(self, key: str | int) -> Node | None:
        """The value under a key or an index, or None."""
        if isinstance(self.children, dict):
            pair = self.children.get(str(key))
            return pair[1] if pair else None
        return self.children[key] if isinstance(key, int) and key < len(self.children) else None

    def key(self, key: str) -> Node | None:
        """The node of the key itself, or None."""
        pair = self.children.get(key) if isinstance(self.children, dict) else None
        return pair[0] if pair else None

    def at(self, path: Path) -> Node:
        """The node at the end of a path, or the last one that exists on the way."""
        node = self
        for step in path:
            below = node.get(step)
            if below is None:
                break
            node = below
        return node

    def inside(self, offset: int, length: int = 1) -> Place:
        """The place of a stretch of this scalar's text, given in code points of the text."""
        if self.style == ">":
            line = folded_line(self.source, self.start, self.text, offset)
            column = self.place.column
            return Place(self.source.file, line, column, line, column + 1, self.source.line_text(line))
        found = offsets(self.source, self.start, self.end, self.style or "", self.text)
        if offset >= len(found):
            return self.source.place(found[-1] + 1 if found else self.start)
        last = found[min(offset + max(length, 1), len(found)) - 1]
        return self.source.place(found[offset], last + 1)

    def swallowed(self) -> str:
        """A hint when YAML kept part of what was probably meant as this scalar's text; else empty."""
        if self.anchor is not None:
            return f"YAML took &{self.anchor} as an anchor: put the whole expression in quotes"
        rest = self.source.text[self.end : self.end + 200]
        if self.style == "" and re.match(r"[ \t]+#", rest):
            return "YAML took everything from ' #' on as a comment: put the whole expression in quotes"
        return ""


def read(file: str, raw: bytes, *, strict: bool = True) -> tuple[Node | None, list[Diagnostic]]:
    """The tree of a YAML file and every fault met on the way.

    The tree is None when there is nothing to go on with. With `strict` (mapping files) scalars that YAML versions
    read differently, tags and `<<` are faults; without it (app.yml, whose other sections are not ours to judge)
    they are read as js-yaml reads them.
    """
    if len(raw) > MAX_BYTES:
        return None, [codes.E112.at(Source(file, "").place(0), size=len(raw), limit=MAX_BYTES)]
    try:
        source = Source(file, _without_pairs(_text(raw)))
    except UnicodeDecodeError as fault:
        before = Source(file, _text(raw[: fault.start]))
        place = before.place(len(before.text))
        return None, [codes.E102.at(place, byte=f"0x{raw[fault.start]:02x}", offset=fault.start + 1)]
    return _Builder(source, strict).build()


def _text(raw: bytes) -> str:
    # Not by the codec `utf-8-sig`: the place in its errors does not count the byte order mark.
    return raw.decode().removeprefix("\ufeff")


def _without_pairs(text: str) -> str:
    """JSON writes a character beyond 16 bits as two escapes, YAML as one; other files are left as they are."""
    if not text.lstrip().startswith("{"):
        return text
    return _PAIR.sub(_one_escape, text)


def _one_escape(pair: re.Match[str]) -> str:
    before, high, low = pair.groups()
    return f"{before}\\U{0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF):08x}"


class _Stop(Exception):
    """Reading cannot go on: the fault is recorded."""


class _Builder:
    """Builds the tree from PyYAML's events and collects faults."""

    def __init__(self, source: Source, strict: bool) -> None:
        self.source, self.strict = source, strict
        self.faults: list[Diagnostic] = []
        self.anchors: dict[str, Node] = {}
        self.nodes = 0
        self.events: Iterator[Any] = iter(())

    def build(self) -> tuple[Node | None, list[Diagnostic]]:
        root: Node | None = None
        try:
            self.events = yaml.parse(self.source.text, Loader=_Loader)
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    root = self._document(event, root)
        except yaml.YAMLError as fault:
            self.faults.append(_syntax_fault(self.source, fault))
            root = None
        except _Stop:
            root = None
        if root is None and not self.faults:
            hint = None if self.strict else "an app.yml declares channel.type and channel.metrics"
            self.faults.append(codes.E111.at(self.source.place(0), hint=hint))
        return root, self.faults

    def _document(self, event: Any, root: Node | None) -> Node:
        if root is not None:
            self._fault(codes.E110.at(self.source.place(event.start_mark.index)))
            raise _Stop
        node = self._node(next(self.events), 1)
        if node.data is None and node.start == node.end and not node.children:
            raise _Stop
        return node

    def _fault(self, diagnostic: Diagnostic) -> None:
        self.faults.append(diagnostic)

    def _place(self, event: Any) -> Place:
        return self.source.place(event.start_mark.index, event.end_mark.index)

    def _node(self, event: Any, depth: int) -> Node:
        self.nodes += 1
        if depth > MAX_DEPTH:
            self._fault(codes.E107.at(self._place(event), limit=MAX_DEPTH))
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._check_tag(event)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            self._fault(codes.E115.at(self._place(event), text=f"*{event.anchor}", name=event.anchor))
            return Node(self.source, None, event.start_mark.index, event.end_mark.index, "")
        self.nodes += node.size
        if self.nodes > MAX_NODES:
            self._fault(codes.E106.at(self._place(event), limit=MAX_NODES))
            raise _Stop
        return node

    def _check_tag(self, event: Any) -> None:
        if self.strict and event.tag is not None and event.tag != "!":
            place = self.source.place(event.start_mark.index)
            written = place.snippet[place.column - 1 :].rstrip()
            self._fault(codes.E109.at(place, tag=written.split()[0], text=quoted(written)))

    def _scalar(self, event: Any) -> Node:
        start, end, text = event.start_mark.index, event.end_mark.index, event.value
        style = "" if event.style in (None, "") else event.style
        data: object = text
        if style == "" and event.implicit[0]:
            data = self._plain(text, start, end, event.anchor)
        if event.anchor is not None and style == "":
            start = end - len(text) if end - len(text) >= start else start
        return Node(self.source, data, start, end, style, anchor=event.anchor, text=text)

    def _plain(self, text: str, start: int, end: int, anchor: str | None) -> object:
        if text == "" and anchor is not None and self.strict:
            self._fault(codes.E113.at(self.source.place(start, end), text=f"&{anchor}"))
        if text in _WORDS:
            return _WORDS[text]
        if _NUMBER.match(text):
            return _number(text)
        if self.strict:
            self._check_ambiguous(text, start, end)
            return text
        return _core_schema(text)

    def _check_ambiguous(self, text: str, start: int, end: int) -> None:
        if _YAML_11_BOOLEAN.match(text):
            meaning, instead = "a boolean", f"; the value is `{text.lower() in ('true', 'yes', 'on')}`".lower()
        elif _YAML_11_NULL.match(text):
            meaning, instead = "null", "; the value is `null`"
        elif _YAML_11_NUMBER.match(text):
            meaning, instead = "a number", ""
        else:
            return
        place = self.source.place(start, end)
        self._fault(codes.E105.at(place, text=text, meaning=meaning, instead=instead))

    def _sequence(self, event: Any, depth: int) -> Node:
        children: list[Node] = []
        below = next(self.events)
        while not isinstance(below, yaml.SequenceEndEvent):
            children.append(self._node(below, depth + 1))
            below = next(self.events)
        return self._collection(event, below, [child.data for child in children], children, children)

    def _mapping(self, event: Any, depth: int) -> Node:
        children: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        below = next(self.events)
        while not isinstance(below, yaml.MappingEndEvent):
            key, value = self._key(below, depth), self._node(next(self.events), depth + 1)
            if key.text == "<<" and key.style == "":
                self._merge(key, value, merged)
            elif key.text in children:
                first = self.source.position(children[key.text][0].start)[0]
                self._fault(codes.E104.at(key.place, key=key.text, line=first))
            else:
                children[key.text] = (key, value)
            below = next(self.events)
        for name, pair in ((n, p) for node in merged for n, p in _pairs(node)):
            children.setdefault(name, pair)
        data = {name: value.data for name, (_, value) in children.items()}
        return self._collection(event, below, data, children, [value for _, value in children.values()])

    def _merge(self, key: Node, value: Node, merged: list[Node]) -> None:
        if self.strict:
            self._fault(codes.E108.at(key.place))
        merged.extend(value.children if isinstance(value.children, list) else [value])

    def _key(self, event: Any, depth: int) -> Node:
        if (isinstance(event, yaml.ScalarEvent) and (event.value != "" or event.style)) or isinstance(
            event, yaml.AliasEvent
        ):
            node = self._node_of_key(event)
            if isinstance(node.data, str) or node.style is not None:
                return node
        self._fault(codes.E114.at(self._place(event), kind=_KINDS.get(type(event).__name__, "none")))
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            self._node(event, depth + 1)
        return Node(self.source, "", event.start_mark.index, event.end_mark.index, "")

    def _node_of_key(self, event: Any) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        start, end = event.start_mark.index, event.end_mark.index
        # A number in a key is the text as written; only the words that YAML 1.1 reads as booleans mislead.
        if self.strict and not event.style and _YAML_11_BOOLEAN.match(event.value) and event.value not in _WORDS:
            self._check_ambiguous(event.value, start, end)
        return Node(self.source, event.value, start, end, event.style or "", anchor=event.anchor, text=event.value)

    def _collection(self, first: Any, last: Any, data: object, children: Children, below: list[Node]) -> Node:
        start, end = first.start_mark.index, last.end_mark.index
        if not first.flow_style and below:  # a block collection ends, for YAML, where the next token begins
            end = max(child.end for child in below)
        size = 1 + sum(child.size for child in below)
        return Node(self.source, data, start, end, None, children, first.anchor, size)


_KINDS = {"MappingStartEvent": "a mapping", "SequenceStartEvent": "a list"}


def _pairs(node: Node) -> Iterator[tuple[str, tuple[Node, Node]]]:
    return ((name, pair) for name, pair in node.children.items()) if isinstance(node.children, dict) else iter(())


def _number(text: str) -> int | float | str:
    """The number a JSON number's text stands for; text too long to be one on purpose stays text."""
    if len(text) > 400:
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _core_schema(text: str) -> object:
    """A plain scalar as js-yaml reads it (YAML 1.2 core schema); only what channel sections may hold."""
    if text.lower() in ("true", "false") and text in (text.lower(), text.upper(), text.capitalize()):
        return text.lower() == "true"
    if text in ("Null", "NULL"):
        return None
    return int(text) if re.fullmatch(r"[-+]?\d{1,400}", text, re.ASCII) else text


# -- syntax faults ----------------------------------------------------------------------------------------------------

_SHOWN = 120  # characters of a value in a hint
_NEEDS_QUOTES = "@`%*&!{[]}|>'\"#,"


def _syntax_fault(source: Source, fault: Any) -> Diagnostic:
    # What began and never ended is shown where it began; PyYAML's own mark is then at the end of the file.
    began = re.search(r"quoted scalar|flow|alias|anchor|tag", str(getattr(fault, "context", None)))
    ends = getattr(fault, "problem_mark", None)
    at_end = ends is None or ends.index >= len(source.text.rstrip())
    unspaced = "could not find expected ':'" in str(fault)  # PyYAML notices in the next line
    mark = fault.context_mark if (began and at_end) or unspaced else ends
    if mark is None:  # a character that YAML does not allow: the reader knows its position only
        position = min(getattr(fault, "position", 0) or 0, len(source.text))
        return codes.E103.at(source.place(position), problem="a control character stands here", hint="remove it")
    start = min(mark.index, len(source.text))
    if "nesting depth" in str(fault.problem):  # a limit of its own that newer libyaml has (seen 2026-11)
        return codes.E107.at(source.place(start), limit=MAX_DEPTH)
    line, column = source.position(start)
    column, hint = _quote_hint(source.line_text(line), column, str(fault))
    return codes.E103.at(source.place(source.starts[line - 1] + column - 1), problem=_problem(fault), hint=hint)


def _problem(fault: Any) -> str:
    """The parser's sentence in ours, its own where we have none."""
    words = str(fault.problem or "it cannot be read")
    return next((ours for theirs, ours in _SENTENCES if theirs in words), words)


# What PyYAML's parser says of the mistakes that occur in mappings, and what an author takes from it.
_SENTENCES = (
    ("cannot start any token", "no value can begin with this character"),
    ("mapping values are not allowed", "': ' makes this a key, and no key can stand here"),
    ("did not find expected key", "more follows where the value has ended"),
    ("did not find expected alphabetic or numeric character", "a name must follow & or *"),
    ("did not find expected ',' or '}'", "',' or '}' must follow here"),
    ("did not find expected ',' or ']'", "',' or ']' must follow here"),
    ("found unexpected end of stream", "the quote is never closed"),
    ("could not find expected ':'", "a key must be followed by ':'"),
    ("found unknown escape character", "in double quotes YAML does not know this escape"),
    ("did not find expected '-' indicator", "an entry of the list must begin with '-' here"),
    ("found a tab character", "YAML indents with spaces, not with tabs"),
)


def _quote_hint(line: str, column: int, problem: str) -> tuple[int, str]:
    """The column to show and what was probably meant: an expression with what YAML keeps for itself, unquoted."""
    if "unknown escape" in problem:
        return column, "double the backslash, or put the value in single quotes, where it needs no escape"
    if re.match(r"\s*(?:- +)*[\w.-]+:[^\s:]", line) and "could not find expected ':'" in problem:
        return column, "a space must follow the colon"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return column, "YAML indents with spaces, not with tabs"
    written = re.match(r"\s*(?:- +)*(?:[\w.-]+:(?:\s+|$))?(?:- +)*", line)
    start = written.end() if written else 0
    value = line[start:].strip()
    if value[:1] == "{" and "flow mapping" in problem and re.match(r"\{ *\w+:", value):
        return column, "within {...} a value with brackets, braces or commas needs quotes; or write the keys on lines"
    if value and value[0] in _NEEDS_QUOTES:
        return start + 1, f"a value that begins with {value[0]} needs quotes: {quoted(shortened(value))}"
    if "mapping values" in problem and ": " in value:
        return column, f"a value with ': ' in it needs quotes: {quoted(shortened(value))}"
    return column, ""


def shortened(value: str) -> str:
    """A value as a hint may repeat it."""
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def quoted(value: str) -> str:
    """A value as YAML takes it in quotes, of the kind that needs fewer escapes."""
    return f'"{value}"' if "'" in value and '"' not in value else "'" + value.replace("'", "''") + "'"
