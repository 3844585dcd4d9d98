"""A mapping over Arrow record batches: a column of bodies in, the rows of `mapper` out, as columns.

Anything that hands over batches can use it; `spark` does. Batches that come out are bounded by rows and bytes, however
many items a body has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from rulesengine.integrations.mapper import Mapper, Row
from rulesengine.payloads import encode
from rulesengine.running import Outcome
from rulesengine.stream import seldom_collected

# Of what is to come out: the kind, the JSON of `Row`, the items it counts for, the event as columns, the outcome.
_TEXTS = pa.map_(pa.string(), pa.string())
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("json", pa.string()),
        ("items", pa.int32()),
        ("type", pa.string()),
        ("action", pa.string()),
        ("identifiers", _TEXTS),
        ("data", _TEXTS),
        ("rule", pa.string()),
        ("code", pa.string()),
        ("place", pa.string()),
        ("message", pa.string()),
    ]
)

_MOST_ROWS, _MOST_BYTES = 10_000, 16 * 2**20


def map_batches(mapper: Mapper, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What becomes of the bodies in the first column, text or binary; null is an empty body.

    A second column, where there is one, is what `request()` gives for each body: a struct.
    """
    with seldom_collected():
        for batch in batches:
            yield from map(_batch_of, _groups(_rows_of(mapper, batch)))


def _rows_of(mapper: Mapper, batch: pa.RecordBatch) -> Iterator[Row]:
    """Bodies are taken as bytes: text in Arrow need not be UTF-8 where it comes from files."""
    bodies = batch.column(0)
    if not _is_binary(bodies.type):
        bodies = bodies.cast(pa.large_binary() if pa.types.is_large_string(bodies.type) else pa.binary())
    if batch.num_columns == 1:
        return chain.from_iterable(map(mapper.rows, bodies.to_pylist()))
    requests = batch.column(1).to_pylist(maps_as_pydicts="lossy")
    return chain.from_iterable(map(mapper.rows, bodies.to_pylist(), requests))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in turn, so many at a time that a batch of them is of bounded size."""
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row.json)
        if len(group) >= _MOST_ROWS or size >= _MOST_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _batch_of(rows: Sequence[Row]) -> pa.RecordBatch:
    kinds, lines, items, events, outcomes = zip(*rows, strict=True)
    columns = [
        *(kinds, lines, items),
        *([None if event is None else event[key] for event in events] for key in ("type", "action")),
        *(_maps([None if event is None else event[key] for event in events]) for key in ("identifiers", "data")),
        *zip(*map(_told, outcomes), strict=True),
    ]
    arrays = [_array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(column: Any, kind: pa.DataType) -> pa.Array:
    return column if isinstance(column, pa.Array) else pa.array(column, kind)


def _maps(objects: Sequence[Mapping[str, Any] | None]) -> pa.MapArray:
    """Objects as maps of texts: text as it is, anything else as JSON has it. Built flat, in a third of the time."""
    ends = list(accumulate(0 if one is None else len(one) for one in objects))
    starts = [None if one is None else start for one, start in zip(objects, [0, *ends], strict=False)]
    present = [one for one in objects if one is not None]
    keys = [key for one in present for key in one]
    values = [_text_of(value) for one in present for value in one.values()]
    offsets = pa.array([*starts, ends[-1]], pa.int32())
    return pa.MapArray.from_arrays(offsets, pa.array(keys, pa.string()), pa.array(values, pa.string()))


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _told(one: Outcome | None) -> tuple[str | None, ...]:
    """Rule, code, place and message of an item that made no event."""
    if one is None:
        return (None,) * 4
    return (one.rule, one.code, None if one.place is None else _printable(str(one.place)), _printable(one.message))


def _printable(text: str) -> str:
    """What UTF-8 can hold: the name of a file may be any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()
