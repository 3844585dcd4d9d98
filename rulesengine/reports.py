"""What a check found, in the forms that programs read: JSON, SARIF 2.1.0, annotations of GitHub Actions.

All of it, however much that is. Advice is a warning to the others: what is right has been allowed in the file, so what
is left wants a decision, and a note asks for none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rulesengine.bundled import error_page
from rulesengine.diagnostics import Code, Diagnostic, escaped, printable
from rulesengine.loading import Checked

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(checked: Checked) -> str:
    """`{"diagnostics": [...], "errors": n, "advice": n, "silenced": [...], "left_out": [files]}`."""
    errors = sum(one.is_error for one in checked.diagnostics)
    report = {
        "diagnostics": [one.as_dict() for one in checked.diagnostics],
        "errors": errors,
        "advice": len(checked.diagnostics) - errors,
        "silenced": [{**one.diagnostic.as_dict(), "reason": one.reason} for one in checked.silenced],
        "left_out": [escaped(file) for file in checked.left_out],
    }
    return json.dumps(report, indent=2) + "\n"


def _level(code: Code) -> str:
    """The name that SARIF and GitHub have for a severity."""
    return "error" if code.severity == "error" else "warning"


def _text(one: Diagnostic) -> str:
    return f"{one.message}; {one.hint}" if one.hint else one.message


# -- GitHub -----------------------------------------------------------------------------------------------------------


def as_github(found: Iterable[Diagnostic]) -> str:
    """One workflow command a diagnostic: an annotation at its place."""
    return "".join(_annotation(one) for one in found)


def _annotation(one: Diagnostic) -> str:
    place = one.place
    where = {
        "file": place.file,
        "line": place.line,
        "col": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
        "title": f"{one.code.number} {one.code.title}",
    }
    properties = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in where.items())
    return f"::{_level(one.code)} {properties}::{_escaped(_text(one))}\n"


def _escaped(text: str, more: str = "") -> str:
    """Text as a workflow command takes it: what would end it, or a property of it, as percent escapes."""
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + more else printable(char) for char in text)


# -- SARIF ------------------------------------------------------------------------------------------------------------


def as_sarif(checked: Checked, version: str) -> str:
    """A SARIF log of one run; columns count code points, as everywhere here."""
    reasons = {one.diagnostic: one.reason for one in checked.silenced}
    results = [*checked.diagnostics, *reasons]
    codes = {one.code.number: one.code for one in sorted(results, key=lambda one: one.code.number)}
    index = {number: position for position, number in enumerate(codes)}
    driver = {
        "name": "rulesengine",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(code) for code in codes.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index[one.code.number], reasons.get(one)) for one in results],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    """What `rules explain` says of a code, as viewers show it beside a result."""
    page = error_page(code.number) or code.title
    summary = page.split("\n## ", 1)[0].split("\n", 1)[-1]
    return {
        "id": code.number,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": " ".join(summary.split())},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _level(code)},
    }


def _result(one: Diagnostic, rule: int, reason: str | None) -> dict[str, Any]:
    place = one.place
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    return {
        "ruleId": one.code.number,
        "ruleIndex": rule,
        "level": _level(one.code),
        "message": {"text": escaped(_text(one))},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(place.file)}, "region": region}}],
        # In SARIF either all results of a run have this list or none.
        "suppressions": [] if reason is None else [{"kind": "inSource", "justification": reason}],
    }


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
