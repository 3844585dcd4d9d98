"""Data as text for people: JSON, or YAML's flow style, in as few lines as fit a width.

{"type": "email", "action": "open",
 "data": {"ts": 1795000000}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# Text that YAML takes without quotes wherever it stands in flow style, whatever its version.
_PLAIN = re.compile(r"[A-Za-z_](?:[\w./@+ -]*[\w./@+-])?", re.ASCII)
# What YAML does not take as it is, or takes for a line break, though JSON does not ask for an escape.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def as_json(value: Any, *, width: int = 110, column: int = 0) -> str:
    """JSON; `column` is where its first line begins, from 0, and others are indented by as much."""
    return _packed(value, width, column, plain=False)


def as_flow(value: Any, *, width: int = 120, column: int = 0) -> str:
    """YAML's flow style, with quotes only where they are needed."""
    return _packed(value, width, column, plain=True)


def _packed(value: Any, width: int, column: int, *, plain: bool) -> str:
    if not isinstance(value, dict | list):
        return _scalar(value, plain=plain)
    line = _line(value, plain=plain)
    if len(line) + column < width:
        return line
    labels = [f"{_scalar(key, plain=plain)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    inner = value.values() if isinstance(value, dict) else value
    texts = [
        label + _packed(one, width, column + 1 + len(label), plain=plain)
        for label, one in zip(labels, inner, strict=True)
    ]
    return line[0] + f",\n{' ' * (column + 1)}".join(_filled(texts, width - column - 2)) + line[-1]


def _line(value: Any, *, plain: bool) -> str:
    if isinstance(value, dict):
        pairs = (f"{_scalar(key, plain=plain)}: {_line(one, plain=plain)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_line(one, plain=plain) for one in value)}]"
    return _scalar(value, plain=plain)


def _scalar(value: Any, *, plain: bool) -> str:
    if plain and isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _filled(texts: Sequence[str], width: int) -> list[str]:
    """The texts side by side in lines of this width, those of several lines alone."""
    lines: list[str] = []
    for text in texts:
        if lines and "\n" not in lines[-1] + text and len(lines[-1]) + len(text) + 2 <= width:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines
