"""Payload files to event lines, in blocks: bounded memory, input order.

A file is read as blocks of whole lines (or as one whole body); `run_block` turns a block into finished bytes and
counts; `run` does so for all blocks of all files, one after the other.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from rulesengine import codes
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError
from rulesengine.files import START, Block, Spot, blocks, is_lines, lines_of, payload_files
from rulesengine.flows import Flows
from rulesengine.output import Outputs
from rulesengine.payloads import encode, encode_lines
from rulesengine.running import Result, reject_body
from rulesengine.tally import Source, Tally, by_event

if TYPE_CHECKING:
    from rulesengine.rejects import Writer
    from rulesengine.watching import Watch

# How many more objects there must be than at the last look for cycles.
SELDOM = 200_000


@dataclass(frozen=True, slots=True)
class Task:
    """One payload file and how it is to be read; `formats` is None where the mapping decides.

    The ways of its items are counted where it is `watched`, which takes longer.
    """

    provider: str
    path: str
    lines: bool
    formats: tuple[str, ...] | None
    request: Any
    keep_rejects: bool
    watched: bool = False


class Mark(NamedTuple):
    """How far a run is: so many files are done, and of the next one what is before a spot."""

    tasks: int = 0
    spot: Spot = START


BEGINNING = Mark()


@dataclass(slots=True)
class Run:
    """A run under way: where it writes to, its counts, which who runs it adds to, and how far it was when it began."""

    outputs: Outputs
    tally: Tally
    start: Mark = BEGINNING

    def reached(self, mark: Mark | None) -> None:
        """Tell that outputs and counts have got to a mark."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of a part of a file: event lines, counts, and what was not mapped.

    Each of `rejects` is a line of JSON that lacks its end, and the number of the line that its item came from; None is
    for a file that is one body. `mark` is how far the run is with it, or None where it cannot go on from there.
    """

    events: bytes
    rejects: list[tuple[bytes, int | None]]
    tally: Tally
    mark: Mark | None = None

    @property
    def reject_lines(self) -> bytes:
        """What was not mapped, whole, one item a line."""
        from rulesengine.rejects import ended  # as below

        return b"".join(ended(*one) for one in self.rejects)

    def after(self, lines: int) -> Chunk:
        """The same, of a part that so many lines of its file come before."""
        if not lines or not (self.rejects or self.tally.problems or self.tally.unmapped):
            return self
        rejects = [(text, line if line is None else line + lines) for text, line in self.rejects]
        return Chunk(self.events, rejects, self.tally.after(lines))


def joined(chunks: Iterable[Chunk]) -> Chunk:
    """Chunks one after the other as one."""
    parts, tally = list(chunks), Tally()
    for part in parts:
        tally.add(part.tally)
    rejects = [one for part in parts for one in part.rejects]
    return Chunk(b"".join(part.events for part in parts), rejects, tally)


class CarefulSink(Result):
    """A result that writes each item's events as they come, so that an event JSON cannot hold is its item's fault."""

    def emit(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            encode(event)
        self.events.extend(events)


def tasks_for(
    engine: Engine,
    paths: Iterable[str],
    *,
    provider_of: Callable[[str], str],
    form: str | None,
    request: Any,
    keep_rejects: bool,
    watched: bool = False,
) -> Iterator[Task]:
    """A task for every payload file that the paths stand for; `form` is the format asked for, if any."""
    for path in paths:
        for file in payload_files(path) or [path]:
            provider = provider_of(file)
            lines, formats = _reading(file, form, engine.formats(provider))
            yield Task(provider, file, lines, formats, request, keep_rejects, watched)


def _reading(path: str, form: str | None, usual: tuple[str, ...]) -> tuple[bool, tuple[str, ...] | None]:
    """Whether a file is read line by line, and its formats where the mapping's own are not meant."""
    if form is not None:
        return form == "ndjson", (form,)
    if is_lines(path) or usual[0] == "ndjson":
        return True, ("ndjson",)
    if path.removesuffix(".gz").endswith(".json") and "json" not in usual:
        return False, ("json", *usual)
    return False, None


def run_block(engine: Engine, task: Task, block: Block) -> Chunk:
    """Map every body of a block."""
    if task.watched:
        return _watched(engine, task, block)
    try:
        return _run_block(engine, task, block, Result())
    except PayloadError:  # an event that cannot be written as JSON: again, to find the item it is from
        return _run_block(engine, task, block, CarefulSink())


def _watched(engine: Engine, task: Task, block: Block) -> Chunk:
    watch = _watch(engine, task.provider)
    watch.flows = Flows()
    chunk = _run_block(watch.engine, task, block, CarefulSink())
    watch.add_rejected(chunk.tally.rejected)
    chunk.tally.flows = watch.flows
    return chunk


@lru_cache(maxsize=8)
def _watch(engine: Engine, provider: str) -> Watch:
    """Made once in a process: the blocks of a run come one by one."""
    from rulesengine.watching import Watch  # few runs are watched, and the compiler is loaded for that

    return Watch(engine, provider)


def _run_block(engine: Engine, task: Task, block: Block, sink: Result) -> Chunk:
    tally, rejects = Tally(), list[tuple[bytes, int | None]]()

    @cache
    def writer() -> Writer:
        from rulesengine.rejects import Writer, mapping_named  # few runs keep what is not mapped

        mapping = mapping_named(engine, task.provider)
        return Writer(engine, task.provider, task.path, task.request, task.formats, mapping)

    def whole(number: int, body: bytes) -> None:
        before, line = sink.items, number if task.lines else None
        if block.error is not None:
            reject_body(sink, block.error, body)
        elif task.lines:
            engine.apply_line(task.provider, body, task.request, sink)
        else:
            engine.apply_bytes(task.provider, body, request=task.request, formats=task.formats, into=sink)
        if not (sink.ignored or sink.unmatched or sink.rejected):
            return
        tally.take(sink, task.provider, lambda one: Source(task.path, line, one.index - before))
        if task.keep_rejects and (sink.unmatched or sink.rejected):
            write = writer().lines if block.error is None else writer().cut_lines
            rejects.extend((text, line) for text in write(body, sink, before))
        for outcomes in (sink.ignored, sink.unmatched, sink.rejected):
            outcomes.clear()

    if block.error is not None or not task.lines:
        whole(block.line, block.data)
    elif task.watched:  # a line may be tried twice in the fast way, and would be counted twice
        for number, line in lines_of(block):
            whole(number, line)
    else:
        ignored = engine.apply_block(
            task.provider, block.data, task.request, sink, lambda number, line: whole(block.line + number, line)
        )
        tally.ignored += ignored
    tally.bodies, tally.items, tally.emitted, tally.events = sink.bodies, sink.items, sink.emitted, len(sink.events)
    tally.by_event = by_event(sink.events)
    return Chunk(encode_lines(sink.events), rejects, tally)


# -- all blocks of all files ------------------------------------------------------------------------------------------


def run(
    engine: Engine,
    tasks: Iterable[Task],
    *,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    start: Mark = BEGINNING,
) -> Generator[Chunk, None, None]:
    """What becomes of every block of every task from `start` on, in input order. `progress` is told of bytes read."""
    with seldom_collected():
        for number, task, spot in from_mark(tasks, start):
            for block in blocks_of(engine, task, stdin, progress, spot):
                yield replace(run_block(engine, task, block), mark=mark_after(number, task, block))


def from_mark(tasks: Iterable[Task], start: Mark) -> Iterator[tuple[int, Task, Spot]]:
    """The tasks that are not done at a mark, each with its number and where to begin in it."""
    for number, task in islice(enumerate(tasks), start.tasks, None):
        yield number, task, start.spot if number == start.tasks else START


def mark_after(number: int, task: Task, block: Block) -> Mark | None:
    """How far a run is after a block of the task of this number."""
    if not task.lines:
        return Mark(number + 1)
    return None if block.end is None else Mark(number, block.end)


def blocks_of(
    engine: Engine,
    task: Task,
    stdin: BinaryIO | None,
    progress: Callable[[int], None] | None,
    start: Spot = START,
) -> Iterator[Block]:
    """The blocks of a file; a folder that has no payload file is a fault, and not nothing."""
    if os.path.isdir(task.path) and os.access(task.path, os.R_OK | os.X_OK):
        fault = f"{task.path}: the folder has no payload file (.json .ndjson .jsonl .txt)"
        return iter([Block(1, b"", PayloadError(codes.E504, fault))])
    return blocks(task.path, task.lines, engine.limits, stdin, progress, start=start)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A block makes tens of thousands of objects and no cycle: looking for cycles costs a quarter of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
