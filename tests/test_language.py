"""The mapping language, specified by example: every file of tests/language holds mappings and what they do.

about: what the file is about
examples:
  - about: one sentence
    app: sms                    # its channel type, or the text of an app.yml; conftest's APP unless said
    mapping: |                  # `mapping`, `provider` and `event` may be left out, see REST
      rules:
        - emit: open
    cases:                      # what becomes of payloads
      - payload: {email: ann@example.com}     # decoded, or `body:`, its text; `request:`, what came around it
        events: [{action: open}]              # exactly these; what EVENT has may be left out
        ignored: [rules[0]]                   # labels of rules, or {rule, message, item, index}
        unmatched: [E511]                     # codes, or {code, rule, at, message, item, index}
        rejected: [{code: E507, at: "3:12"}]  # `at` is line and column in the mapping
  - about: a mapping that is refused
    mapping: |
      rules: []
    errors: [E207 1:8]          # exactly these, in order; `advice` likewise, where it is meant
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rulesengine import Outcome
from rulesengine.diagnostics import render
from rulesengine.source import read
from tests.conftest import APP, assert_all_accounted_for, check, engine_of

FOLDER = Path(__file__).parent / "language"

# What is added at the end of a mapping's text where it lacks the key, so that lines and columns stay.
REST = {
    "mapping": "mapping: 1\n",
    "provider": "provider: test\n",
    "event": "event: {identifiers: {email: email}}\n",
}
# What an expected event need not say.
EVENT = {"type": "email", "identifiers": {"email": "ann@example.com"}, "data": {}}
OUTCOMES = ("ignored", "unmatched", "rejected")
EXAMPLE_KEYS = {"about", "app", "mapping", "cases", "errors", "advice"}
CASE_KEYS = {"about", "payload", "body", "request", "events", *OUTCOMES}


@dataclass(frozen=True)
class Example:
    """One example of a file."""

    file: Path
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.file.stem}: {self.data['about']}"

    @property
    def mapping(self) -> str:
        text: str = self.data["mapping"]
        if re.match(r"\s*\{", text):  # JSON is complete
            return text
        missing = [rest for key, rest in REST.items() if not re.search(rf"^{key}:", text, re.MULTILINE)]
        return text + "".join(missing)

    @property
    def app(self) -> str:
        app: str = self.data.get("app", "email")
        return app if "\n" in app else APP.replace("type: email", f"type: {app}")


def _examples() -> list[Example]:
    examples = []
    for file in sorted(FOLDER.glob("*.yml")):
        root, faults = read(str(file), file.read_bytes())
        assert root is not None, render(faults)
        assert not faults, render(faults)
        assert set(root.data) == {"about", "examples"}, file
        examples += [Example(file, data) for data in root.data["examples"]]
    return examples


EXAMPLES = _examples()


def _outcome(one: Outcome, asked: Any) -> Any:
    """An outcome as far as the case asks for it: a code or a rule's label, or some fields of it."""
    place = f"{one.place.line}:{one.place.column}" if one.place else None
    if not isinstance(asked, dict):
        return one.rule if one.code is None else one.code
    says = asked.get("says", "")
    fields = {
        "code": one.code,
        "rule": one.rule,
        "at": place,
        "reason": one.message,
        "says": says if says in one.message else one.message,
        "item": one.item,
        "index": one.index,
    }
    return {key: fields[key] for key in asked}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example_says_something(example: Example) -> None:
    """A misspelt key would be an expectation that nobody looks at."""
    assert set(example.data) <= EXAMPLE_KEYS
    cases = example.data.get("cases", [])
    assert all(set(case) <= CASE_KEYS for case in cases)
    assert all({"payload", "body"} & set(case) for case in cases)
    assert cases or "errors" in example.data or "advice" in example.data


@pytest.mark.parametrize("example", [one for one in EXAMPLES if "cases" in one.data], ids=lambda example: example.id)
def test_cases(example: Example) -> None:
    """Each payload becomes exactly what its case says, and every item is accounted for."""
    engine = engine_of(example.mapping, app=example.app)
    for case in example.data["cases"]:
        request = case.get("request")
        if "body" in case:
            result = engine.apply_bytes("test", case["body"].encode(), request=request)
        else:
            result = engine.apply("test", case["payload"], request=request)
        assert_all_accounted_for(result)
        assert result.events == [{**EVENT, **event} for event in case.get("events", [])], (case, result)
        for name in OUTCOMES:
            found, asked = getattr(result, name), case.get(name, [])
            assert len(found) == len(asked), (name, case, found)
            assert [_outcome(*pair) for pair in zip(found, asked, strict=True)] == asked, (name, case)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_diagnostics(example: Example) -> None:
    """A mapping has exactly the errors its example names, and none where it has cases."""
    found = check(example.mapping, app=example.app).diagnostics
    in_mapping = [one for one in found if one.place.file != "app.yml"]
    errors = [f"{one.code.number} {one.place.line}:{one.place.column}" for one in in_mapping if one.is_error]
    assert errors == example.data.get("errors", []), render(found)
    if "advice" in example.data:
        advice = [f"{one.code.number} {one.place.line}:{one.place.column}" for one in in_mapping if not one.is_error]
        assert advice == example.data["advice"], render(found)
