"""Arrow batches of bodies to batches of rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'rulesengine[spark]'")

from rulesengine.integrations import arrow  # noqa: E402 only where pyarrow is
from rulesengine.integrations.mapper import Mapper  # noqa: E402
from tests.test_integrations import DELIVERED, folder, mapper  # noqa: E402

__all__ = ["folder", "mapper"]  # fixtures


def mapped(mapper: Mapper, *columns: Any) -> list[dict[str, Any]]:
    """The rows of what comes out for one batch."""
    batch = pa.record_batch(list(columns), names=[str(number) for number in range(len(columns))])
    out = list(arrow.map_batches(mapper, [batch]))
    assert all(one.schema == arrow.SCHEMA for one in out)
    found: list[dict[str, Any]] = pa.Table.from_batches(out, arrow.SCHEMA).to_pylist(maps_as_pydicts="strict")
    return found


def test_events_and_outcomes_as_columns(mapper: Mapper) -> None:
    body = [{**DELIVERED, "tags": ["a", 1]}, {"event": "delayed"}, {"event": "delivered"}]
    event, ignored, rejected = mapped(mapper, pa.array([json.dumps(body)]))
    assert event["kind"] == "event"
    assert (event["type"], event["action"], event["items"]) == ("email", "delivery", 1)
    assert event["identifiers"] == {"email": "ann@example.com"}
    assert event["data"] == {"ts": "1795000000", "tags": '["a",1]'}
    assert json.loads(event["json"])["data"] == {"ts": 1795000000, "tags": ["a", 1]}
    assert event["message"] is None
    assert (ignored["kind"], ignored["rule"], ignored["message"]) == ("ignored", "delayed", "the outcome will come")
    assert ignored["identifiers"] is None
    assert (rejected["kind"], rejected["code"]) == ("rejected", "E508")
    assert rejected["place"].endswith("postino.yml:14:11")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
def test_bodies_as_text_and_as_bytes(mapper: Mapper, kind: Any) -> None:
    rows = mapped(mapper, pa.array([json.dumps(DELIVERED), None, ""], kind))
    assert [row["kind"] for row in rows] == ["event", "rejected", "rejected"]


def test_text_that_is_no_utf_8_is_rejected(mapper: Mapper) -> None:
    (row,) = mapped(mapper, pa.array([b'{"event": "\xff"}']).view(pa.string()))
    assert (row["kind"], row["code"]) == ("rejected", "E501")


def test_a_second_column_is_the_request(mapper: Mapper) -> None:
    shape = pa.struct([("received_at", pa.int64()), ("headers", pa.map_(pa.string(), pa.string()))])
    requests = pa.array([{"received_at": 1795000000, "headers": [("x", "y")]}, None], shape)
    body = '{"event": "delivered", "to": "ann@example.com"}'
    rows = mapped(mapper, pa.array([body, body]), requests)
    assert [row["data"].get("ts") for row in rows] == ["1795000000", None]
    (row,) = mapped(mapper, pa.array(['{"event": "sung"}']), requests[:1])
    assert json.loads(row["json"])["request"] == {"received_at": 1795000000, "headers": {"x": "y"}}


def test_batches_are_bounded_however_many_items_a_body_has(mapper: Mapper, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = pa.record_batch([pa.array([json.dumps([DELIVERED] * 25)] * 2)], names=["body"])
    monkeypatch.setattr(arrow, "_MOST_ROWS", 20)
    assert [one.num_rows for one in arrow.map_batches(mapper, [bodies])] == [20, 20, 10]
    monkeypatch.setattr(arrow, "_MOST_BYTES", 300)  # of two or three events
    assert {one.num_rows for one in arrow.map_batches(mapper, [bodies])} <= {1, 2, 3}


def test_no_bodies_no_batch(mapper: Mapper) -> None:
    assert mapped(mapper, pa.array([], pa.string())) == []
