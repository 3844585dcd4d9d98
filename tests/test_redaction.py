"""Personal data replaced: everywhere, the same by the same, and nothing that a mapping lives by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rulesengine.drafting.redaction import redacted


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"to": "Ann.Field@corp.test"}, {"to": "person1@example.com"}),
        ({"to": "Ann F <ann@corp.test>"}, {"to": "Ann F <person1@example.com>"}),
        ({"a": "ann@x.test", "b": "ANN@x.test", "c": "bo@x.test"},
         {"a": "person1@example.com", "b": "person1@example.com", "c": "person2@example.com"}),
        ({"reason": "550 <ann@x.test>: unknown"}, {"reason": "550 <person1@example.com>: unknown"}),
        ({"url": "https://s.test/?u=ann%40x.test&v=1"}, {"url": "https://s.test/?u=person1%40example.com&v=1"}),
        ({"url": "https://s.test/?n=%2F%3Fu%3Dann%2540x.test"}, {"url": "https://s.test/?n=person1%2540example.com"}),
        ({"a": "ann%2540x.test", "b": "ANN%40x.test", "c": "ann@x.test"},
         {"a": "person1%2540example.com", "b": "person1%40example.com", "c": "person1@example.com"}),
        ({"from": "bounces+123-jane=example.org@mail.test"}, {"from": "person1@example.com"}),
        ({"from": "<bounces+9-jane=example.org@mail.test>", "to": "jane@example.org"},
         {"from": "<person1@example.com>", "to": "person2@example.com"}),
        ({"url": "https://s.test/?r=b%2Bjane=example.org%40mail.test"}, {"url": "https://s.test/?r=person1%40example.com"}),
        ({"name": {"first": "Annabel", "last": "Fielding"}, "note": "for Fielding"},
         {"name": {"first": "Name 1", "last": "Name 2"}, "note": "for Name 2"}),
        ({"email": "a@x.test", "last": "Fielding"}, {"email": "person1@example.com", "last": "Name 1"}),
        ({"ann@x.test": {"status": "sent"}}, {"person1@example.com": {"status": "sent"}}),
        ({"to": "+447700900123", "text": "to 447700900123."}, {"to": "+15550100000", "text": "to 15550100000."}),
        ({"To": "whatsapp:+447700900123"}, {"To": "whatsapp:+15550100000"}),
        ({"phone": "+44 7700 900 123", "msisdn": 447700900123}, {"phone": "+15550100000", "msisdn": 15550100000}),
        ({"first_name": "Annabel", "note": "for Annabel"}, {"first_name": "Name 1", "note": "for Name 1"}),
        ({"u": {"name": "Annabel", "email": "a@x.test"}}, {"u": {"name": "Name 1", "email": "person1@example.com"}}),
        ({"ip": "203.0.113.9"}, {"ip": "192.0.2.1"}),
        ({"e": '[{"to": "ann@x.test"}]'}, {"e": '[{"to": "person1@example.com"}]'}),
    ],
)  # fmt: skip
def test_people_are_made_up(body: Any, expected: Any) -> None:
    assert redacted([body]) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        {"event": "open", "status": {"name": "DELIVERED_TO_HANDSET"}},
        {"event": "open", "last": "DELIVERED_TO_HANDSET", "page": {"first": 1, "last": 9}},
        {"event": "open", "name": "open", "email": "person1@example.com"},
        {"timestamp": 1795000000, "id": "447700900123", "version": "1.2.3", "ok": True, "none": None, "n": 1.5},
    ],
)
def test_what_is_nobodys_stays(body: Any) -> None:
    assert redacted([body]) == [body]


def test_one_person_is_the_same_in_all_bodies() -> None:
    one, other = redacted([{"to": "ann@x.test"}, {"text": json.dumps({"to": "ann@x.test"})}])
    assert json.loads(other["text"]) == one
