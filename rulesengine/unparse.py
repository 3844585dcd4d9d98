"""A tree back to JMESPath: `unparse(parse("a  ||'b'"))` is `a || 'b'`.

For showing a part of an expression, which has a place in the text but no text of its own. What comes out parses to the
same tree again; spaces, quotes and needless parentheses are not the author's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from rulesengine.jmes import Tree

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# How tightly operators hold together what they are about; all else is tighter.
_BINDING = {"expref": 0, "pipe": 1, "or_expression": 2, "and_expression": 3, "comparator": 5}
_TIGHTEST = 100
_PROJECTIONS = ("projection", "filter_projection", "value_projection")


def unparse(tree: Tree) -> str:
    """An expression as text."""
    return _WRITE[tree.kind](tree)


def _within(tree: Tree, least: int) -> str:
    """An expression as a side of what binds as tightly as this."""
    text = unparse(tree)
    return f"({text})" if _BINDING.get(tree.kind, _TIGHTEST) < least else text


def _sides(operator: str) -> Callable[[Tree], str]:
    def written(tree: Tree) -> str:
        binding = _BINDING[tree.kind]
        left, right = _within(tree.children[0], binding), _within(tree.children[1], binding + 1)
        return f"{left} {operator} {right}"

    return written


def _comparator(tree: Tree) -> str:
    left, right = (_within(child, _BINDING["comparator"] + 1) for child in tree.children)
    return f"{left} {_OPERATORS[tree.value]} {right}"


def _name(name: str) -> str:
    return name if _NAME.match(name) else json.dumps(name, ensure_ascii=False)


def _literal(tree: Tree) -> str:
    if isinstance(tree.value, str) and "\\" not in tree.value:
        return "'" + tree.value.replace("'", "\\'") + "'"
    return "`" + json.dumps(tree.value, ensure_ascii=False).replace("`", "\\`") + "`"


def _not(tree: Tree) -> str:
    child = tree.children[0]
    bare = child.kind in ("field", "function_expression", "literal", "current", "not_expression")
    return f"!{unparse(child)}" if bare else f"!({unparse(child)})"


def _base(tree: Tree, *, projections: bool = False) -> str:
    """What something is taken from; the item itself is not written."""
    if tree.kind == "current":
        return ""
    is_open = tree.kind in _PROJECTIONS and not projections
    text = unparse(tree)
    return f"({text})" if is_open or tree.kind in (*_BINDING, "not_expression") else text


def _below(base: str, tree: Tree) -> str:
    """An expression over what stands before it, such as `.b` or `[0]` after `a`."""
    text = "" if tree.kind == "current" else unparse(tree)
    is_index = _first(tree).kind in ("current", "index", "slice") and not text.startswith("*")
    return f"{base}{text}" if is_index or not text or not base else f"{base}.{text}"


def _first(tree: Tree) -> Tree:
    """The part of an expression that its text begins with."""
    chained = (*_PROJECTIONS, "subexpression", "index_expression", "flatten")
    return _first(tree.children[0]) if tree.kind in chained else tree


def _subexpression(tree: Tree) -> str:
    text = _base(tree.children[0]) or "@"
    for child in tree.children[1:]:
        text = _below(text, child)
    return text


def _index_expression(tree: Tree) -> str:
    return _base(tree.children[0]) + "".join(map(unparse, tree.children[1:]))


def _slice(tree: Tree) -> str:
    start, stop, step = ("" if part is None else str(part) for part in tree.value)
    return f"[{start}:{stop}{':' + step if step else ''}]"


def _flatten(tree: Tree) -> str:
    return f"{_base(tree.children[0], projections=True)}[]"


def _projection(tree: Tree) -> str:
    base, right = tree.children
    sliced = base.kind == "index_expression" and base.children[-1].kind == "slice"
    text = unparse(base) if base.kind == "flatten" or sliced else f"{_base(base)}[*]"
    return _below(text, right)


def _filter(tree: Tree) -> str:
    base, condition, right = tree.children
    return _below(f"{_base(base)}[?{unparse(condition)}]", right)


def _values(tree: Tree) -> str:
    base = _base(tree.children[0])
    return _below(f"{base}.*" if base else "*", tree.children[1])


def _listed(tree: Tree) -> str:
    return ", ".join(map(unparse, tree.children))


def _multi_select_list(tree: Tree) -> str:
    text = _listed(tree)
    return "[@.*]" if text == "*" else f"[{text}]"  # `[*]` is a projection


_WRITE: Mapping[str, Callable[[Tree], str]] = {
    "field": lambda tree: _name(tree.value),
    "literal": _literal,
    "current": lambda tree: "@",
    "index": lambda tree: f"[{tree.value}]",
    "slice": _slice,
    "subexpression": _subexpression,
    "index_expression": _index_expression,
    "projection": _projection,
    "filter_projection": _filter,
    "value_projection": _values,
    "flatten": _flatten,
    "comparator": _comparator,
    "or_expression": _sides("||"),
    "and_expression": _sides("&&"),
    "pipe": _sides("|"),
    "not_expression": _not,
    "multi_select_list": _multi_select_list,
    "multi_select_dict": lambda tree: f"{{{_listed(tree)}}}",
    "key_val_pair": lambda tree: f"{_name(tree.value)}: {unparse(tree.children[0])}",
    "function_expression": lambda tree: f"{tree.value}({_listed(tree)})",
    "expref": lambda tree: f"&{_within(tree.children[0], 1)}",
}
