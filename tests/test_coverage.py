"""What of a mapping is said to have run, item by item."""

from __future__ import annotations

from typing import Any

import pytest

from rulesengine.codegen import compile_mapping
from rulesengine.coverage import parts
from rulesengine.diagnostics import Place
from rulesengine.emitting import Target
from rulesengine.loading import check_files
from rulesengine.running import Result, run_body
from tests.conftest import engine_of, item_of

MAPPING: dict[str, Any] = {
    "payload": {"event": "event", "events": ["open", "bounce", "both", "other"]},
    "tables": {
        "how": {"hard": "hard_bounce", "none": "ignore", "default": "soft_bounce"},
        "word": {"a": "A", "b": "B"},
    },
    "rules": [
        {"name": "open", "when": "event == 'open'", "emit": "open", "data": {"value": "lookup('word', word)"}},
        {"name": "bounce", "when": "event == 'bounce'", "emit": {"table": "how", "key": "how"}},
        {"name": "both", "when": "event == 'both'", "emit": ["click", {"table": "how", "key": "how"}]},
        {"name": "other", "when": "event == 'other'", "ignore": "no outcome"},
    ],
}


@pytest.mark.parametrize(
    ("item", "run"),
    [
        ({"event": "open"}, {"open"}),
        ({"event": "open", "word": "b"}, {"open", "word: b"}),
        ({"event": "open", "word": "z"}, {"open"}),
        ({"event": "open", "email": None}, set()),
        ({"event": "bounce", "how": "hard"}, {"bounce", "how: hard"}),
        ({"event": "bounce", "how": "new"}, {"bounce", "how: default"}),
        ({"event": "bounce", "how": "none"}, {"bounce", "how: none"}),
        ({"event": "both", "how": "hard"}, {"both", "both: click", "both: how", "how: hard"}),
        ({"event": "both", "how": "none"}, {"both", "both: click", "how: none"}),
        ({"event": "other"}, {"other"}),
        ({"event": "unknown"}, set()),
    ],
    ids=str,
)
def test_what_an_item_makes_run(item: dict[str, Any], run: set[str]) -> None:
    engine, seen = engine_of(MAPPING), set[Place]()
    mapping, checked = engine.program("test").mapping, check_files(engine._files)
    target = Target(checked.vocabulary, checked.app.channel, frozenset(checked.app.declared))
    run_body(compile_mapping(mapping, target, seen=seen), item_of(**item), None, Result())
    assert {part.name for part in parts(mapping) if part.place in seen} == run


def test_the_parts_of_a_mapping() -> None:
    found = list(parts(engine_of(MAPPING).program("test").mapping))
    assert [(part.kind, part.name) for part in found] == [
        ("entry", "how: hard"),
        ("entry", "how: none"),
        ("entry", "how: default"),
        ("entry", "word: a"),
        ("entry", "word: b"),
        ("rule", "open"),
        ("rule", "bounce"),
        ("rule", "both"),
        ("emission", "both: click"),
        ("emission", "both: how"),
        ("rule", "other"),
    ]
    assert len({part.place for part in found}) == len(found)
