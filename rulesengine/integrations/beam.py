"""A mapping over a Beam `PCollection` of bodies: events, ignored items and dead letters as tagged outputs.

Workers need `rulesengine` and Beam, not the mapping's files: those travel as text, and each process compiles them once.

Limits: Beam may run a bundle again after a fault, and counters then count it again where the runner reports attempts;
take committed counts where it knows them. Beam's Dask runner gives what has tags to the wrong output: do not use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from rulesengine.integrations.mapper import Mapper, Row, StrPath

EVENTS, IGNORED, DEAD_LETTERS = "events", "ignored", "dead_letters"
_COUNTS = ("bodies", "items", "emitted", "events", "ignored", "unmatched", "rejected")
_NAMESPACE = "rulesengine"


class ApplyMapping(beam.PTransform):
    """What becomes of bodies: `lines = bodies | ApplyMapping("sendgrid", "app.yml")`.

    A body is bytes, text or None, which is an empty one; or a pair of it and what `request()` is to give. Each output
    has lines of JSON, as text: `lines.events` as `rules apply` writes them, `lines.dead_letters` the unmatched and
    rejected items as `rules retry` takes them, `lines.ignored` a rule and its reason. The counts of `rules apply
    --summary` are counters in the namespace `rulesengine`; `bodies` counts those without items too.

    `mapping` is a file, or the name of a mapping that comes with the package; `app` the app.yml that it is checked
    against, here and now. Raises as `Engine.load` does, and ValueError where `mapping` is not one mapping; nothing in a
    body raises.
    """

    def __init__(self, mapping: StrPath, app: StrPath) -> None:
        super().__init__()
        self._mapper = Mapper.load(mapping, app)

    def expand(self, bodies: Any) -> Any:
        applied = beam.ParDo(_Apply(self._mapper)).with_output_types(str)
        return bodies | applied.with_outputs(IGNORED, DEAD_LETTERS, main=EVENTS)


class _Apply(beam.DoFn):
    def __init__(self, mapper: Mapper) -> None:
        super().__init__()
        self._mapper = mapper
        self._counters = {name: Metrics.counter(_NAMESPACE, name) for name in _COUNTS}

    def process(self, element: Any) -> Iterator[Any]:
        body, request = element if isinstance(element, tuple) else (element, None)
        self._counters["bodies"].inc()
        for row in self._mapper.rows(body.encode() if isinstance(body, str) else body, request):
            self._count(row)
            line = row.json.decode()
            if row.kind == "event":
                yield line
            else:
                yield TaggedOutput(IGNORED if row.kind == "ignored" else DEAD_LETTERS, line)

    def _count(self, row: Row) -> None:
        self._counters["items"].inc(row.items)
        if row.kind == "event":
            self._counters["emitted"].inc(row.items)
            self._counters["events"].inc()
        else:
            self._counters[row.kind].inc()
