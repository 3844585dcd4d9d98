"""What a run counts: parts of it add up to the whole, of which memory has an end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from rulesengine.running import Outcome, Result
from rulesengine.tally import Source, Tally, Unmapped, by_event
from tests.conftest import engine_of, item_of

TABLE = {
    "payload": {"event": "type", "events": ["bounced", "open"]},
    "tables": {"classes": {"hard": "hard_bounce"}},
    "rules": [
        {"when": "type == 'bounced'", "emit": {"table": "classes", "key": "class"}},
        {"when": "type == 'open'", "emit": "open"},
    ],
}


def at_line(line: int | None) -> Callable[[Outcome], Source]:
    return lambda one: Source("in.ndjson", line, one.index)


def tally_of(*items: dict[str, Any], first: int = 1, limit: int | None = None) -> Tally:
    """The counts of lines with one item each, the first of this number."""
    engine, tally = engine_of(TABLE), Tally(limit=limit)
    for line, item in enumerate(items, first):
        part = Tally()
        part.take(engine.apply("test", item), "test", at_line(line))
        tally.add(part)
    return tally


def shown(tally: Tally) -> list[str]:
    return [f"{seen.times} {value} in {seen.first}" for value, seen in tally.most_unmapped()]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (item_of(type="new"), {"kind": "event", "table": None, "value": "new"}),
        (item_of(type=None), {"kind": "event", "table": None, "value": None}),
        (item_of(type=5), {"kind": "event", "table": None, "value": "5"}),
        (item_of(type=["x"]), {"kind": "event", "table": None, "value": "a list"}),
        (item_of(type="y" * 10**6), {"kind": "event", "table": None, "value": "y" * 199 + "…"}),
        (item_of(type="bounced", **{"class": "odd"}), {"kind": "table", "table": "classes", "value": "odd"}),
        (item_of(type="bounced", **{"class": 421}), {"kind": "table", "table": "classes", "value": "421"}),
        (item_of(type="bounced"), {"kind": "table", "table": "classes", "value": None}),
    ],
)
def test_what_is_not_mapped_is_told_by_what_it_is(item: dict[str, Any], expected: dict[str, Any]) -> None:
    (found,) = tally_of(item).as_dict()["unmapped"]
    assert found == {**expected, "provider": "test", "count": 1, "first": "in.ndjson:1 item 0"}


def test_the_most_frequent_come_first_then_the_first_that_came() -> None:
    found = shown(tally_of(*(item_of(type=one) for one in "abccbd")))
    assert found == [
        "2 event 'b' in in.ndjson:2 item 0",
        "2 event 'c' in in.ndjson:3 item 0",
        "1 event 'a' in in.ndjson:1 item 0",
        "1 event 'd' in in.ndjson:6 item 0",
    ]


def test_past_the_limit_a_run_counts_only_what_it_knows() -> None:
    tally = tally_of(*(item_of(type=one) for one in "abcab"), item_of(type="open", email=5), limit=2)
    assert shown(tally) == ["2 event 'a' in in.ndjson:1 item 0", "2 event 'b' in in.ndjson:2 item 0"]
    assert (tally.unmatched, tally.rejected, len(tally.problems)) == (5, 1, 1)


def test_however_a_run_is_cut_it_counts_the_same() -> None:
    """Only the whole forgets: a part that did would lose what the whole knows from an earlier one."""
    items = [item_of(type=one) for one in "abcadbce"]
    expected = tally_of(*items, limit=3).as_dict()
    for size in (1, 2, 3, 5, 8):
        whole = Tally(limit=3)
        for start in range(0, len(items), size):
            whole.add(tally_of(*items[start : start + size]).after(start))
        assert whole.as_dict() == expected


def test_a_line_number_is_shifted_where_there_is_one() -> None:
    tally = Tally()
    result = Result()
    result.rejected.append(Outcome(0, None, "E501", None, "no JSON", b""))
    tally.take(result, "test", at_line(3))
    assert [str(seen.first) for seen in tally.after(10).problems.values()] == ["in.ndjson:13 item 0"]
    assert [str(seen.first) for seen in tally.problems.values()] == ["in.ndjson:3 item 0"]
    assert str(at_line(None)(result.rejected[0]).after(10)) == "in.ndjson item 0"


def test_the_same_value_of_another_provider_is_another() -> None:
    kinds = [Unmapped(*one, "E511", "m.yml:1:1", None, "x") for one in itertools.product(("a", "b"))]
    assert len(set(kinds)) == 2


def test_events_are_counted_by_what_they_are() -> None:
    result = engine_of(TABLE).apply("test", [item_of(type="open"), item_of(type="bounced", **{"class": "hard"})] * 2)
    assert by_event(result.events) == {"email/open": 2, "reachability/unreachable/hard_bounce": 2}
