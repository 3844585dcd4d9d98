"""JMESPath as the jmespath library defines it: text to a frozen tree with columns, its functions, its error classes.

The only importer of jmespath. The library's parser makes the tree, so the grammar is exactly its own; a subclass notes
where each token stood, which the library forgets. Its tree is declared an implementation detail: everything that
knows its form is here, and the dependency is pinned below 2.

Limits: expressions are bounded in length and depth, since the library's parser recurses without a bound of its own.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from jmespath import exceptions, functions, parser, visitor
from jmespath.exceptions import JMESPathError, ParseError, UnknownFunctionError

MAX_LENGTH = 20_000
MAX_DEPTH = 150
MAX_LOOPS = 15

# Each of these becomes a block of the program, and loops of a Python function nest 20 deep at most.
_BLOCKS = (
    "projection", "filter_projection", "value_projection", "multi_select_list", "multi_select_dict", "expref",
)  # fmt: skip

__all__ = [
    "STANDARD", "JMESPathError", "ParseError", "Standard", "TooLarge", "Tree", "UnknownFunctionError",
    "expression_reference", "fault_sentence", "parse", "problem_of", "standard_function",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """An expression: `kind` and `value` as the library names them, children in evaluation order.

    Kinds: field, subexpression, index, slice, index_expression, projection, value_projection, filter_projection
    (children: base, condition, right), flatten, literal, current, comparator, and_expression, or_expression,
    not_expression, pipe, multi_select_list, multi_select_dict (of key_val_pair), function_expression, expref.
    `start` is the offset in the text, `length` that of a name or literal; `quoted` marks a "quoted" field; `key` is
    equal for two trees exactly when they are the same expression, wherever they stand, and holds the keys of all parts.
    What others find out that follows from the tree alone they may keep in `memo`.
    """

    kind: str
    value: Any = None
    children: tuple[Tree, ...] = ()
    start: int = field(default=0, compare=False)
    length: int = field(default=1, compare=False)
    quoted: bool = field(default=False, compare=False)
    key: str = field(default="", compare=False)
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def walk(self) -> Iterator[Tree]:
        """This tree and all below it, outermost first."""
        waiting = [self]
        while waiting:
            tree = waiting.pop()
            yield tree
            waiting.extend(reversed(tree.children))


class TooLarge(ValueError):
    """The expression is longer or deeper than is allowed; the text says which."""


def parse(text: str) -> Tree:
    """The tree of an expression. Raises `ParseError` or another `JMESPathError`, as the library does, or `TooLarge`."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"longer than {MAX_LENGTH} characters")
    try:
        # A parser of its own each time: `Parser.parse` keeps a cache that all threads share.
        with _without_warnings(text):
            return _freeze(_PlacedParser()._do_parse(text).parsed, 0, 0)
    except RecursionError:
        raise TooLarge(f"nested more than {MAX_DEPTH} levels deep") from None
    except (JMESPathError, TooLarge):
        raise
    except ValueError:  # of Python itself: it reads no number of more than 4,300 digits
        raise TooLarge("holding a number of thousands of digits") from None
    except IndexError:  # the parser looks one token past the end of `[` and the like
        incomplete = exceptions.IncompleteExpressionError(len(text), "", "eof")
        incomplete.set_expression(text)
        raise incomplete from None


def _without_warnings(text: str) -> AbstractContextManager[object]:
    """The library warns of `` `foo` `` meaning text; to us it is a fault, also where warnings are exceptions.

    Filters are the process's own, so they are touched only where a backtick stands.
    """
    return warnings.catch_warnings(action="ignore") if "`" in text else nullcontext()


def problem_of(fault: JMESPathError, text: str) -> tuple[str, int]:
    """What is wrong with an expression that does not parse, in our words, and the offset where it shows."""
    if isinstance(fault, exceptions.EmptyExpressionError):
        return "it is empty", 0
    if isinstance(fault, exceptions.IncompleteExpressionError):
        return "it ends too early", len(text)
    offset = getattr(fault, "lex_position", 0) or 0
    if isinstance(fault, exceptions.LexerError):
        message = str(fault.message)
        return message[:1].lower() + message[1:], offset
    token = getattr(fault, "token_value", "")
    return f"{token!r} is not expected here" if token else "it ends too early", offset


class _PlacedParser(parser.Parser):
    """The library's parser, noting on each node where its token stood."""

    def _placed(self, node: dict[str, Any], token: dict[str, Any], **more: Any) -> dict[str, Any]:
        following = self._lookahead_token(0)
        node.update(start=token["start"], end=following["start"], **more)
        return node

    def _token_nud_literal(self, token: dict[str, Any]) -> dict[str, Any]:
        return self._placed(super()._token_nud_literal(token), token)

    def _token_nud_unquoted_identifier(self, token: dict[str, Any]) -> dict[str, Any]:
        node = super()._token_nud_unquoted_identifier(token)
        return self._placed(node, token, length=len(token["value"]))

    def _token_nud_quoted_identifier(self, token: dict[str, Any]) -> dict[str, Any]:
        return self._placed(super()._token_nud_quoted_identifier(token), token, quoted=True)

    def _token_nud_current(self, token: dict[str, Any]) -> dict[str, Any]:
        return self._placed(super()._token_nud_current(token), token)

    def _token_nud_not(self, token: dict[str, Any]) -> dict[str, Any]:
        node: dict[str, Any] = super()._token_nud_not(token)
        node["start"] = token["start"]
        return node

    def _token_nud_expref(self, token: dict[str, Any]) -> dict[str, Any]:
        node: dict[str, Any] = super()._token_nud_expref(token)
        node["start"] = token["start"]
        return node

    def _token_nud_lbrace(self, token: dict[str, Any]) -> dict[str, Any]:
        return self._bracketed(super()._token_nud_lbrace(token), token)

    def _token_nud_lbracket(self, token: dict[str, Any]) -> dict[str, Any]:
        return self._bracketed(super()._token_nud_lbracket(token), token)

    def _bracketed(self, node: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
        if node["type"] in ("multi_select_list", "multi_select_dict"):
            node["start"] = token["start"]
        return node

    def _token_led_lparen(self, left: dict[str, Any]) -> dict[str, Any]:
        node: dict[str, Any] = super()._token_led_lparen(left)
        node.update(start=left["start"], length=left["length"])
        return node


def _freeze(node: Any, depth: int, blocks: int) -> Tree:
    """The library's dict as a `Tree`, slices and comparators in one form, children in evaluation order."""
    blocks += node["type"] in _BLOCKS
    if depth > MAX_DEPTH or blocks > MAX_LOOPS:
        limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_LOOPS} projections or selections"
        raise TooLarge(f"nested more than {limit} deep")
    kind, below, value = node["type"], node["children"], node.get("value")
    if kind == "slice":
        below, value = [], tuple(below)
    elif kind == "identity":
        kind = "current"
    elif kind == "filter_projection":
        below = [below[0], below[2], below[1]]
    children = tuple(_freeze(child, depth + 1, blocks) for child in below)
    start = node.get("start", children[0].start if children else 0)
    length = node.get("length") or max(1, node.get("end", start + 1) - start)
    key = _key(kind, value, children)
    return Tree(kind, value, children, start, length, node.get("quoted", False), key)


def _key(kind: str, value: object, children: tuple[Tree, ...]) -> str:
    # JSON keeps apart what Python holds equal: 1, 1.0 and true.
    written = "" if value is None and kind != "literal" else json.dumps(value)
    return f"{kind}:{written}({' '.join(child.key for child in children)})"


def revalued(tree: Tree, part: Tree, value: object) -> Tree:
    """The tree with another value in one of its parts, such as `ne` in a comparator."""
    children = tuple(revalued(child, part, value) for child in tree.children)
    own = value if tree is part else tree.value
    return replace(tree, value=own, children=children, key=_key(tree.kind, own, children))


# -- functions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standard:
    """A function of the JMESPath specification: the types of its parameters ("any" when free), the last repeatable."""

    name: str
    parameters: tuple[tuple[str, ...], ...]
    variadic: bool

    @property
    def signature(self) -> str:
        """The call as documentation writes it."""
        written = ", ".join("|".join(types) for types in self.parameters)
        return f"{self.name}({written}{', ...' if self.variadic else ''})"


def _standard(name: str, spec: Mapping[str, Any]) -> Standard:
    types = tuple(tuple(parameter["types"]) or ("any",) for parameter in spec["signature"])
    return Standard(name, types, bool(spec["signature"] and spec["signature"][-1].get("variadic")))


STANDARD: Mapping[str, Standard] = {
    name: _standard(name, spec) for name, spec in sorted(functions.Functions.FUNCTION_TABLE.items())
}

_LIBRARY = functions.Functions()


def standard_function(name: str) -> Callable[..., Any]:
    """The library's own implementation of a function, with its checks of number and types of arguments.

    A name the library does not know gives a function that raises `UnknownFunctionError` when it is called, since that
    is when jmespath notices.
    """

    def call(*arguments: Any) -> Any:
        return _LIBRARY.call_function(name, list(arguments))

    def number(*arguments: Any) -> Any:
        value = call(*arguments)
        return value if not isinstance(value, float) or isfinite(value) else None

    # The library takes 'nan' and '1e999' for numbers. JSON has none such, so by the specification they are null.
    return number if name == "to_number" else call


class _Expression(visitor._Expression):
    """An `&expression` as the library's functions take it (they go by this class name), run by compiled code."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        super().__init__(None, None)
        self.run = run

    def visit(self, node: Any, *args: Any, **_: Any) -> Any:
        return self.run(args[0])


def expression_reference(run: Callable[[Any], Any]) -> object:
    """What `&expression` evaluates to, given the compiled expression."""
    return _Expression(run)


def fault_sentence(fault: BaseException, shown: Callable[[object], str]) -> str:
    """What an error that a function raised on data says to a mapping's author, values shortened by `shown`."""
    if isinstance(fault, exceptions.JMESPathTypeError):
        expected = " or ".join(fault.expected_types)
        found = "null" if fault.current_value is None else f"{fault.actual_type} {shown(fault.current_value)}"
        return f"{fault.function_name}() takes {expected}, got {found}"
    return str(fault) or type(fault).__name__
