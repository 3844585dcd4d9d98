"""Changes between two versions: what is one, how it is called, which items are compared with each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from rulesengine.comparing.changes import NO_ITEM, Changes, Made, RuleAt, change, pairs
from rulesengine.comparing.reports import as_data, as_lines, unread_lines
from rulesengine.payloads import encode
from rulesengine.tally import Source

RULE, LATER = RuleAt("opened", "m.yml", 12), RuleAt("opened", "m.yml", 14)


def event(**data: Any) -> dict[str, Any]:
    return {"type": "email", "action": "open", "identifiers": {"email": "a@example.com"}, "data": data}


def emitted(*events: dict[str, Any], name: str = "open", rule: RuleAt | None = RULE, item: Any = 1) -> Made:
    return Made("emitted", name, rule, item, events, [encode(one) for one in events])


def ignored(rule: RuleAt | None = RULE, message: str = "not asked for", item: Any = 1) -> Made:
    return Made("ignored", "ignored", rule, item, message=message)


def deep(value: Any, levels: int = 5_000) -> Any:
    for _ in range(levels):
        value = [value]
    return value


# -- one item ---------------------------------------------------------------------------------------------------------

OTHER_PLACE = {**event(ts=1), "identifiers": {"phone": "+1"}}
KINDS: list[tuple[Made, Made, str | None]] = [
    (emitted(event(ts=1)), emitted(event(ts=1), rule=LATER), None),
    (emitted(event(ts=1, url="u")), emitted(event(url="u", ts=1)), None),
    (emitted(event(ts=1)), emitted(event(ts=1.0)), None),
    (emitted(event(ts=1)), emitted(event(ts=2)), "open: data.ts changed"),
    (emitted(event(ok=1)), emitted(event(ok=True)), "open: data.ok changed"),
    (emitted(event(ok=True)), emitted(event(ok=True)), None),
    (emitted(event(ts=1)), emitted(event(ts="1")), "open: data.ts changed"),
    (emitted(event(ts=1, a=1)), emitted(event(ts=2, b=1)), "open: data.ts changed, data.a removed, data.b added"),
    (emitted(event(ts=1)), emitted(OTHER_PLACE), "open: identifiers.email removed, identifiers.phone added"),
    (emitted(event()), emitted({**event(), "type": "sms"}), "open: type changed"),
    (emitted(event(o={"a": 1, "b": [1]})), emitted(event(o={"b": [1.0], "a": 1})), None),
    (emitted(event(o={"a": 1})), emitted(event(o={"a": 1, "b": None})), "open: data.o changed"),
    (emitted(event(o=[1, 2])), emitted(event(o=[1])), "open: data.o changed"),
    (emitted(event(o=[])), emitted(event(o={})), "open: data.o changed"),
    (emitted(event(), name="open"), emitted(event(), name="click"), "open -> click"),
    (emitted(event(a=1)), emitted(event(a=1), event(a=1), name="open + open"), "open -> open + open"),
    (
        emitted(event(), event(a=1), name="open + open"),
        emitted(event(), event(a=2), name="open + open"),
        "open + open: events[1].data.a changed",
    ),
    (ignored(), emitted(event()), "ignored -> open"),
    (ignored(), ignored(LATER, "another reason"), None),
    (Made("rejected", "rejected E506", RULE, 1), Made("rejected", "rejected E508", RULE, 1),
     "rejected E506 -> rejected E508"),
    (Made("unmatched", "unmatched E511", None, 1), ignored(), "unmatched E511 -> ignored"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "kind"), KINDS, ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_a_change_and_how_it_is_called(before: Made, after: Made, kind: str | None) -> None:
    found = change(before, after)
    assert (None if found is None else str(found)) == kind


def test_a_change_names_the_rules() -> None:
    found = change(ignored(), emitted(event(), rule=LATER))
    assert found is not None
    assert (found.old_rule, found.new_rule) == (RULE, LATER)


def test_values_are_compared_however_deep_they_are() -> None:
    def made(value: Any, written: bytes) -> Made:
        return Made("emitted", "open", RULE, 1, [event(v=value)], [written])

    assert change(made(deep(1), b"1"), made(deep(1), b"2")) is None
    assert str(change(made(deep(1), b"1"), made(deep(2), b"2"))) == "open: data.v changed"


# -- the items of a body ----------------------------------------------------------------------------------------------


def paired(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[Any, Any]]:
    sides = ([ignored(item=item) for item in items] for items in (old, new))
    return [
        (None if before is NO_ITEM else before.item, None if after is NO_ITEM else after.item)
        for before, after in pairs(*sides)
    ]


PAIRS: list[tuple[list[Any], list[Any], list[tuple[Any, Any]]]] = [
    ([], [], []),
    ([1, 2], [3, 4], [(1, 3), (2, 4)]),  # as many: by order alone
    ([1, 2], [2, 1], [(1, 2), (2, 1)]),
    ([1, 2, 3], [1, 3], [(1, 1), (2, None), (3, 3)]),
    ([2], [1, 2, 3], [(None, 1), (2, 2), (None, 3)]),
    ([1, 5, 3], [1, 6, 7, 3], [(1, 1), (5, 6), (None, 7), (3, 3)]),
    ([b"body"], [1, 2], [(b"body", 1), (None, 2)]),  # one that only one version can decode
    ([1, 1], [1, 1, 1], [(1, 1), (1, 1), (None, 1)]),
    ([2, 1, 3], [1, 2], [(None, 1), (2, 2), (1, None), (3, None)]),
    ([{"a": 1, "b": 2}], [{"c": 3}, {"a": 1, "b": 2}], [(None, {"c": 3}), ({"a": 1, "b": 2},) * 2]),
]


@pytest.mark.parametrize(("old", "new", "expected"), PAIRS)
def test_which_items_are_compared(old: list[Any], new: list[Any], expected: list[tuple[Any, Any]]) -> None:
    assert paired(old, new) == expected


def test_items_too_deep_to_be_written_are_compared_by_order() -> None:
    assert len(paired([deep(1)], [deep(1), deep(2)])) == 2


# -- all of them ------------------------------------------------------------------------------------------------------


def all_changes(keep: int = 0) -> Changes:
    changes = Changes(keep=keep)
    changes.add_same(2, {"emitted": 1, "ignored": 1})
    old = [emitted(event(ts=1)), ignored(), ignored(), Made("unmatched", "unmatched E511", None, 1)]
    new = [emitted(event(ts=2), rule=LATER, item={"n": 0}), emitted(event()), emitted(event()), old[3]]
    changes.add_body(old, new, partial(Source, "b.json", None))
    changes.add_body([ignored()], [ignored(), emitted(event(), item="new")], partial(Source, "c.ndjson", 7))
    return changes


def test_counts_add_up() -> None:
    changes = all_changes()
    assert (changes.bodies, changes.items, changes.old_items, changes.new_items) == (4, 8, 7, 8)
    assert changes.changed == sum(group.count for group in changes.groups.values()) == 4
    assert changes.same == {"emitted": 1, "ignored": 2, "unmatched": 1}
    assert changes.uneven == 1


def test_the_table_has_the_most_frequent_first_and_then_the_totals() -> None:
    assert list(as_lines(all_changes())) == [
        "items  change                 rule",
        "    2  ignored -> open        opened (m.yml:12)",
        "    1  no item -> open        no rule -> opened (m.yml:12)",
        "    1  open: data.ts changed  opened (m.yml:12 -> m.yml:14)",
        "7 -> 8 items: their number changes in 1 of 4 bodies",
        "4 of 8 items in 4 bodies change; the others: 1 emitted, 2 ignored, 1 unmatched, 0 rejected",
    ]


def test_examples_are_the_first_of_each_kind() -> None:
    lines = list(as_lines(all_changes(keep=1)))
    assert [line.strip() for line in lines if " item " in line[:30] and "items" not in line][:2] == [
        "b.json item 1",
        "item    1",
    ]
    at = lines.index("    c.ndjson:7 item 1")
    assert lines[at + 1 : at + 4] == [
        '      item    "new"',
        "      before  no item",
        '      after   {"type":"email","action":"open","identifiers":{"email":"a@example.com"},"data":{}}',
    ]
    assert "      before  ignored: not asked for" in lines


def test_an_item_that_is_gone_is_shown_as_it_was() -> None:
    changes = Changes(keep=1)
    changes.add_body([ignored(item="old")], [], partial(Source, "b.json", None))
    assert '      item    "old"' in list(as_lines(changes))


def test_items_are_numbered_as_their_version_finds_them() -> None:
    changes = Changes(keep=9)
    old = [ignored(item=item) for item in "abcd"]
    new = [emitted(event(), item=item) for item in "xxbd"]
    changes.add_body([*old, ignored(item="e")], [new[0], *new[2:]], partial(Source, "b.json", None))
    found = {one.item: one.source.item for group in changes.groups.values() for one in group.examples}
    assert found == {"x": 0, "b": 1, "c": 2, "d": 2, "e": 4}


def test_nothing_changed_and_nothing_there_are_said() -> None:
    changes = Changes()
    assert list(as_lines(changes)) == ["nothing to compare: no items in 0 bodies"]
    changes.add_same(1, {"emitted": 1, "ignored": 0})
    assert list(as_lines(changes)) == [
        "nothing changes: 1 item in 1 body, 1 emitted, 0 ignored, 0 unmatched, 0 rejected"
    ]


def test_many_kinds_and_long_items_are_cut_in_text_only() -> None:
    changes = Changes(keep=1)
    new = [emitted(event(), name=f"m{number}", item="x" * 5_000) for number in range(50)]
    changes.add_body([ignored()] * 50, new, partial(Source, "b.json", None))
    lines = list(as_lines(changes))
    assert "... and 10 more kinds of change, of 10 items" in lines
    assert max(map(len, lines)) < 1_100
    data = as_data(changes)
    assert len(data["changes"]) == 50
    assert len(data["changes"][0]["examples"][0]["item"]) == 5_000


def test_what_a_terminal_could_obey_is_escaped() -> None:
    changes = Changes(keep=1)
    made = emitted(event(), rule=RuleAt("\x1b[2J", "m.yml", 1), item=b"\x1b[2J\xff")
    changes.add_body([ignored()], [made], partial(Source, "\x1b.json", None))
    changes.add_unread("\x1b.json: bad")
    assert all(line.isprintable() for line in [*as_lines(changes), *unread_lines(changes)])


def test_as_data() -> None:
    changes = all_changes(keep=1)
    changes.add_unread("x.json: the body is empty")
    data = json.loads(encode(as_data(changes)))
    first, _, fields = data.pop("changes")
    assert data == {
        "bodies": 4,
        "items": 8,
        "old_items": 7,
        "new_items": 8,
        "changed": 4,
        "same": {"emitted": 1, "ignored": 2, "unmatched": 1, "rejected": 0},
        "not_compared": {"count": 1, "first": ["x.json: the body is empty"]},
    }
    assert first == {
        "count": 2,
        "before": "ignored",
        "after": "open",
        "fields": [],
        "old_rule": {"rule": "opened", "file": "m.yml", "line": 12},
        "new_rule": {"rule": "opened", "file": "m.yml", "line": 12},
        "examples": [
            {
                "source": {"file": "b.json", "line": None, "item": 1},
                "item": 1,
                "before": {"outcome": "ignored", "events": [], "message": "not asked for"},
                "after": {"outcome": "emitted", "events": [event()], "message": None},
            }
        ],
    }
    assert (fields["fields"], fields["examples"][0]["item"]) == (["data.ts changed"], {"n": 0})


@pytest.mark.parametrize("item", [b"\xff", deep(1)], ids=["bytes", "deep"])
def test_what_cannot_be_written_as_data_is_text(item: Any) -> None:
    changes = Changes(keep=1)
    changes.add_body([ignored(item=item)], [emitted(event(), item=item)], partial(Source, "\udcff.json", None))
    (example,) = json.loads(encode(as_data(changes)))["changes"][0]["examples"]
    assert isinstance(example["body" if isinstance(item, bytes) else "item"], str)


def test_only_the_first_of_many_unread_are_kept() -> None:
    changes = Changes()
    for number in range(1_000):
        changes.add_unread(f"line {number}")
    lines = list(unread_lines(changes))
    assert (lines[0], lines[-1], len(lines)) == ("not compared: line 0", "... and 980 more", 21)
    assert len(changes.unread) == 20
