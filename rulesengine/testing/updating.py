"""What came out of cases, written into their files as what is expected; the rest of a file stays as it is.

Only the value under `expect` of a case that fails is written anew. Patterns in it that still hold are kept, comments
in it are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from rulesengine.flow import as_flow
from rulesengine.source import Node
from rulesengine.testing.trials import Trial, expectation


def updated(trials: Iterable[Trial]) -> dict[str, tuple[str, int]]:
    """By file its new text, and how many of its cases are changed."""
    by_file: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.differences:
            by_file[trial.case.node.source.file].append(trial)
    return {file: (_text(some), len(some)) for file, some in by_file.items()}


def _text(trials: list[Trial]) -> str:
    text = trials[0].case.node.source.text
    for trial in sorted(trials, key=lambda one: -one.case.node.start):
        start, end, new = _replacement(trial)
        text = text[:start] + new + text[end:]
    return text


def _replacement(trial: Trial) -> tuple[int, int, str]:
    """From where to where the new text of `expect` goes, and that text."""
    node = trial.case.node
    key, value = node.key("expect") or node, node.get("expect") or node
    made = expectation(trial.result, trial.case.expect)
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
