"""One mapping that travels to workers: it pickles as text, and each process compiles it once.

`Mapper.rows` is what all integrations share: a body becomes one row for each of its events and for each item that made
none. It does not raise, whatever is in the body, and reads none of the user's files.

Limits: a body without items (an empty list) makes no row. Where `each` has steps, or the mapping asks for `root()`, the
line of an item that was not mapped repeats its body, since on a cluster no line can rely on the one above it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rulesengine.diagnostics import listed
from rulesengine.engine import Engine
from rulesengine.payloads import encode
from rulesengine.rejects import Writer, ended, in_order, mapping_named
from rulesengine.running import Outcome, Result

StrPath = str | os.PathLike[str]
Kind = Literal["event", "ignored", "unmatched", "rejected"]

# Mappings that a process keeps compiled.
_KEPT = 64
_SHARES_BODY = b'"body_sha256":'


class Row(NamedTuple):
    """An event, or an item that made none.

    `json` is the event; of an unmatched or rejected item the line that `rules retry` takes; of an ignored one the rule
    and its reason. `items` is how many items the row counts for: 1, and 0 for the further events of an item. There is
    an `event` or an `outcome`.
    """

    kind: Kind
    json: bytes
    items: int
    event: dict[str, Any] | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Mapper:
    """A checked mapping on its way: `pickled` is its engine, as text; `named` is what lines say of the mapping."""

    provider: str
    pickled: bytes
    named: tuple[tuple[str, str], ...]

    @classmethod
    def load(cls, mapping: StrPath, app: StrPath) -> Mapper:
        """The mapping in a file, or a bundled one by its name, checked against an app.yml.

        Raises `InvalidMapping` or `InvalidApp` as `Engine.load` does, and ValueError where there is not one mapping.
        """
        engine = Engine.load(mapping, app)
        if len(engine.providers) != 1:
            found = listed(engine.providers) or "none"
            raise ValueError(f"{mapping} has mappings for {found} with {app}, there must be one: name a file")
        (provider,) = engine.providers
        return cls(provider, pickle.dumps(engine), tuple(mapping_named(engine, provider).items()))

    def rows(self, body: bytes | None, request: Any = None) -> Iterator[Row]:
        """What becomes of a body; None is an empty one, and so a rejected item. `request` is what `request()` gives."""
        engine, body, sink = _compiled(self.pickled), body or b"", _Sink()
        engine.apply_bytes(self.provider, body, request=request, into=sink)
        yield from sink.rows
        for one in sink.ignored:
            said = {"outcome": "ignored", "provider": self.provider, "rule": one.rule, "reason": one.message}
            yield Row("ignored", encode(said), 1, outcome=one)
        if sink.unmatched or sink.rejected:
            writer = Writer(engine, self.provider, "", request, None, dict(self.named))
            yield from _not_mapped(writer, body, sink)


class _Sink(Result):
    """A result that writes each item's events as they come, so that an event JSON cannot hold is its item's fault."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def emit(self, events: list[dict[str, Any]]) -> None:
        self.rows.extend([Row("event", encode(event), int(not number), event) for number, event in enumerate(events)])


def _not_mapped(writer: Writer, body: bytes, result: Result) -> Iterator[Row]:
    """A row for each item that was unmatched or rejected, with a line that needs no other line."""
    for (name, one), line in zip(in_order(result), writer.lines(body, result), strict=True):
        if _SHARES_BODY in line:
            (line,) = writer.lines(body, _only(name, one))
        yield Row("unmatched" if name == "unmatched" else "rejected", ended(line, None).rstrip(), 1, outcome=one)


def _only(name: str, outcome: Outcome) -> Result:
    """A result of one outcome; its line has the body that lines of a larger one share."""
    result = Result()
    getattr(result, name).append(outcome)
    return result


@lru_cache(maxsize=_KEPT)
def _compiled(pickled: bytes) -> Engine:
    """The engine of some text, compiled once a process, however often tasks bring it along."""
    engine: Engine = pickle.loads(pickled)
    return engine
