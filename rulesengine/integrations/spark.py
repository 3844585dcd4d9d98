"""A mapping over a Spark DataFrame of bodies, batch or Structured Streaming, by `mapInArrow` alone.

Nothing of it asks for RDDs, so it suits Spark Connect too. Executors need `rulesengine` and what Spark itself asks for
(pandas and pyarrow), not the mapping's files: those travel as text.

Limits: columns other than the body, and what `request()` is to give, do not come along.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql.functions import col, count_if, lit, when
from pyspark.sql.functions import sum as sum_of
from pyspark.sql.types import BinaryType, StringType

from rulesengine.integrations.arrow import map_batches
from rulesengine.integrations.mapper import Mapper, StrPath

SCHEMA = (
    "kind string, json string, items int, type string, action string,"
    " identifiers map<string, string>, data map<string, string>,"
    " rule string, code string, place string, message string"
)


def apply(
    df: DataFrame, mapping: StrPath, app: StrPath, column: str = "body", *, request: str | None = None
) -> DataFrame:
    """What becomes of the bodies in a column, text or binary: a row for each event and each item that made none.

    `mapping` is a file, or the name of a mapping that comes with the package; `app` the app.yml that it is checked
    against, here and now. `request` names a column of structs, what `request()` is to give in the mapping.

    The columns are those of `SCHEMA`: `kind` is event, ignored, unmatched or rejected; `json` is the event, or the line
    that `rules retry` takes; `type`, `action`, `identifiers` and `data` are the event's; `rule`, `code`, `place` and
    `message` tell of an item that made none. The sum of `items` is the number of items.

    Raises `InvalidMapping` or `InvalidApp` for files that do not check, ValueError where `mapping` is not one mapping,
    TypeError where the column is neither text nor binary. Nothing in a body raises.
    """
    kind = df.select(column).schema.fields[0].dataType
    if not isinstance(kind, StringType | BinaryType):
        raise TypeError(f"column {column!r} must be string or binary, not {kind.simpleString()}: a body as it came")
    mapper = Mapper.load(mapping, app)
    return df.select(column, *([] if request is None else [request])).mapInArrow(partial(map_batches, mapper), SCHEMA)


def counts() -> list[Column]:
    """The counts of `rules apply --summary`, to be observed: `apply(...).observe("counts", *counts())`."""
    kind, items = col("kind"), col("items")
    counted = {"items": lit(True), "emitted": kind == "event"}
    counted |= {name: kind == name for name in ("ignored", "unmatched", "rejected")}
    sums = [sum_of(when(of, items).otherwise(0)).alias(name) for name, of in counted.items()]
    return [*sums, count_if(kind == "event").alias("events")]
