"""Payload files to items that can be explained, one at a time and as numbered by `rules apply`.

Nothing is explained before it is asked for, so that one item of many is found quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import BinaryIO, NamedTuple

from rulesengine.engine import Engine
from rulesengine.explaining.why import Explainer, Explanation
from rulesengine.files import Block, bodies_of
from rulesengine.stream import Task, blocks_of
from rulesengine.tally import Source


class Item(NamedTuple):
    """An item of a payload file, or in place of its items a body that cannot be read; `explain` says why."""

    provider: str
    source: Source
    explain: Callable[[], Explanation]


def items(
    engine: Engine, tasks: Iterable[Task], *, line: int | None = None, stdin: BinaryIO | None = None
) -> Iterator[Item]:
    """The items of all files, or those of one line of the files that are read by lines."""
    explainer_of = cache(engine.explainer)
    for task in tasks:
        for block in blocks_of(engine, task, stdin, None):
            yield from _items(engine, explainer_of(task.provider), task, block, line)


def _items(engine: Engine, explainer: Explainer, task: Task, block: Block, line: int | None) -> Iterator[Item]:
    for number, body in bodies_of(block, task.lines):
        source = Source(task.path, number if task.lines else None, 0)
        if line is None or line == source.line:
            bodies = _read(engine, task, block, body)
            for index, explain in explainer.each(bodies, task.request):
                yield Item(task.provider, source._replace(item=index), explain)


def _read(engine: Engine, task: Task, block: Block, body: bytes) -> Iterator[tuple[bytes, object]]:
    if block.error is not None:
        return iter([(body, block.error)])
    return engine.bodies(task.provider, body, ("ndjson",) if task.lines else task.formats)
