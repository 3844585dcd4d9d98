"""What a check found, in the forms that programs read: JSON, SARIF 2.1.0, annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from rulesengine.diagnostics import Diagnostic
from rulesengine.loading import Checked

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(checked: Checked, found: Iterable[Diagnostic]) -> str:
    """`{"diagnostics": [...], "errors": n, "advice": n, "left_out": [files]}`."""
    diagnostics = list(found)
    errors = sum(one.is_error for one in diagnostics)
    report = {
        "diagnostics": [one.as_dict() for one in diagnostics],
        "errors": errors,
        "advice": len(diagnostics) - errors,
        "left_out": list(checked.left_out),
    }
    return json.dumps(report, indent=2) + "\n"


def as_github(found: Iterable[Diagnostic]) -> str:
    """One workflow command a diagnostic: an annotation at its place."""
    return "".join(_annotation(one) for one in found)


def _annotation(one: Diagnostic) -> str:
    place = one.place
    level = "error" if one.is_error else "notice"
    where = {
        "file": place.file,
        "line": place.line,
        "col": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
        "title": f"{one.code.number} {one.code.title}",
    }
    properties = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in where.items())
    return f"::{level} {properties}::{_escaped(_text(one))}\n"


def _escaped(text: str, more: str = "") -> str:
    """Text as a workflow command takes it: what would end it, or a property of it, as percent escapes."""
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + more else char for char in text)


def as_sarif(found: Iterable[Diagnostic], version: str) -> str:
    """A SARIF log of one run; columns count code points, as everywhere here."""
    diagnostics = list(found)
    codes = {one.code.number: one.code for one in diagnostics}
    rules = [{"id": number, "shortDescription": {"text": code.title}} for number, code in sorted(codes.items())]
    run = {
        "tool": {"driver": {"name": "rulesengine", "version": version, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in diagnostics],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(one: Diagnostic) -> dict[str, Any]:
    place = one.place
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    location = {"artifactLocation": {"uri": quote(place.file)}, "region": region}
    return {
        "ruleId": one.code.number,
        "level": "error" if one.is_error else "note",
        "message": {"text": _text(one)},
        "locations": [{"physicalLocation": location}],
    }


def _text(one: Diagnostic) -> str:
    return f"{one.message}; {one.hint}" if one.hint else one.message
