"""What came out of cases, written into their files as what is expected; the rest of a file stays as it is.

Only the value under `expect` of a case that fails is written anew. Patterns in it that still hold are kept, comments
in it are not. The new text is read back before it is written: what does not read as it is meant, since an alias or an
anchor stands there, is left to its author.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulesengine.flow import as_flow
from rulesengine.source import Node, read
from rulesengine.testing.trials import Trial, expectation


@dataclass(frozen=True, slots=True)
class Update:
    """A file of cases, how many of them are to be changed, and its new bytes; None where it cannot be done safely."""

    file: str
    count: int
    raw: bytes | None


def updated(trials: Iterable[Trial]) -> list[Update]:
    """What to write so that the cases that fail expect what came out; nothing for what that would not change."""
    by_file: defaultdict[str, list[tuple[Trial, dict[str, Any]]]] = defaultdict(list)
    for trial in trials:
        made = expectation(trial.result, trial.case.expect)
        if trial.differences and made != trial.case.expect:
            by_file[trial.case.node.source.file].append((trial, made))
    return [_update(file, changes) for file, changes in by_file.items()]


def _update(file: str, changes: list[tuple[Trial, dict[str, Any]]]) -> Update:
    text = changes[0][0].case.node.source.text
    new = text
    for trial, made in sorted(changes, key=lambda one: -one[0].case.node.start):
        start, end, written = _replacement(trial.case.node, made)
        new = new[:start] + (written.replace("\n", "\r\n") if "\r\n" in text else written) + new[end:]
    expected = {trial.case.node.start: made for trial, made in changes}
    if not _is_meant(file, text, new, expected):
        return Update(file, len(changes), None)
    return Update(file, len(changes), _byte_order_mark(file) + new.encode())


def _is_meant(file: str, old: str, new: str, expected: Mapping[int, Any]) -> bool:
    """Whether the new text reads as the old one but for these expectations; with an alias or an anchor it may not."""
    before, after = (read(file, text.encode())[0] for text in (old, new))
    faults = read(file, new.encode())[1]
    if before is None or after is None or faults:
        return False
    cases = before.get("cases")
    starts = [one.start for one in cases.children] if cases is not None and isinstance(cases.children, list) else []
    meant = deepcopy(before.data)
    for case, start in zip(meant["cases"], starts, strict=True):
        case.update({"expect": expected[start]} if start in expected else {})
    return bool(meant == after.data)


def _byte_order_mark(file: str) -> bytes:
    return BOM_UTF8 if Path(file).read_bytes().startswith(BOM_UTF8) else b""


def _replacement(node: Node, made: dict[str, Any]) -> tuple[int, int, str]:
    """From where to where the new text of `expect` goes, and that text."""
    key, value = node.key("expect") or node, node.get("expect") or node
    if _is_flow(node):
        return key.end, value.end, f": {as_flow(made, width=10**6)}"
    indent = key.place.column - 1 + 2
    return key.end, value.end, ":\n" + "\n".join(expected_lines(made, indent))


def expected_lines(made: dict[str, Any], indent: int) -> list[str]:
    """What a case expects as the lines below its `expect`."""
    return [f"{' ' * indent}{name}:{_value(one, indent)}" for name, one in made.items()]


def _is_flow(node: Node) -> bool:
    return node.source.text[node.start] == "{"


def _value(value: Any, indent: int) -> str:
    """The value of a key of `expect`: events one below the other, all else in a line."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return f" {as_flow(value, width=10**6)}"
    dash = " " * (indent + 2) + "- "
    return "".join(f"\n{dash}{as_flow(one, column=len(dash))}" for one in value)
