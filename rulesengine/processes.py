"""Payload files to event lines in several processes at once, with the same result as `stream.run`.

A large file of lines is cut into ranges of bytes, and small files are put together; each of these units is read, mapped
and turned into finished bytes by a worker, so that this process only writes. What has to be read from its start on, gz
above all, is unpacked here and sent over in blocks. At most three units a worker are under way, so memory does not
grow with the input, and the results come in input order.

Limits: a worker that is killed ends the run, with `WorkerKilled`. Workers end when this process does. A worker that is
stopped is waited for.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import stat
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, connection, get_start_method, parent_process
from multiprocessing.process import BaseProcess
from typing import BinaryIO, NamedTuple

from rulesengine.engine import Engine
from rulesengine.errors import WorkerKilled
from rulesengine.files import Block, Lines, Spot, ranges
from rulesengine.stream import (
    BEGINNING,
    SELDOM,
    Chunk,
    Mark,
    Task,
    blocks_of,
    from_mark,
    joined,
    mark_after,
    run_block,
)

_UNITS_A_WORKER = 3
# A range of bytes is worth its way to a worker and back, and its events are held twice at most.
_RANGE = 4 * 2**20
# More than the events of a range come to, unless each makes several; what does not fit is sent.
_SLOT = 8 * 2**20
# Files are put together up to this many bytes or this many files.
_TOGETHER, _MOST_TOGETHER = 2**20, 64


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the work: a range of lines, a block that was read already, or else a whole file.

    `number` is that of its task.
    """

    number: int
    task: Task
    size: int
    lines: Lines | None = None
    block: Block | None = None

    @property
    def is_start(self) -> bool:
        """Whether the line numbers of a file begin here, or are known already."""
        return self.lines is None or self.lines.start == 0

    def mark(self, lines: int) -> Mark | None:
        """How far the run is after it, when so many lines of the file are done."""
        if self.lines is not None:
            return Mark(self.number, Spot(self.lines.end, lines))
        return Mark(self.number + 1) if self.block is None else mark_after(self.number, self.task, self.block)


_Unit = list[_Piece]
_Slots = list[mmap.mmap]


class _Made(NamedTuple):
    """What became of a piece, how many lines it has, and where its events are in the shared memory, if they are."""

    chunk: Chunk
    lines: int
    shared: slice | None


def run_in_processes(
    engine: Engine,
    tasks: Iterable[Task],
    jobs: int,
    *,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    start: Mark = BEGINNING,
) -> Generator[Chunk, None, None]:
    """As `stream.run`, in so many processes. Raises `WorkerKilled` when one of them is killed."""
    lines_before = start.spot.lines
    try:
        with closing(_done(engine, _units(_pieces(engine, tasks, stdin, progress, start)), jobs)) as done:
            for piece, made in done:
                lines_before = 0 if piece.is_start else lines_before
                mark = piece.mark(lines_before + made.lines)
                yield replace(made.chunk.after(lines_before), mark=mark)
                lines_before += made.lines
                if progress is not None and piece.block is None:
                    progress(piece.size)
    except BrokenProcessPool:
        raise WorkerKilled("a worker process was killed (out of memory?)") from None


# -- cutting ----------------------------------------------------------------------------------------------------------


def _pieces(
    engine: Engine,
    tasks: Iterable[Task],
    stdin: BinaryIO | None,
    progress: Callable[[int], None] | None,
    start: Mark,
) -> Iterator[_Piece]:
    for number, task, spot in from_mark(tasks, start):
        found = False
        for lines in ranges(task.path, _RANGE, spot.offset) if task.lines and task.path != "-" else ():
            found = True
            yield _Piece(number, task, lines.end - lines.start, lines=lines)
        if found:
            continue
        size = None if task.lines else _size(task.path)
        if size is not None:
            yield _Piece(number, task, size)
            continue
        for block in blocks_of(engine, task, stdin, progress, spot):
            yield _Piece(number, task, len(block.data), block=block)


def _size(path: str) -> int | None:
    """The bytes of a regular file; None of any other, and of one that disappeared."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _units(pieces: Iterable[_Piece]) -> Iterator[_Unit]:
    unit: _Unit = []
    size = 0
    for piece in pieces:
        if unit and (size + piece.size > _TOGETHER or len(unit) == _MOST_TOGETHER):
            yield unit
            unit, size = [], 0
        unit.append(piece)
        size += piece.size
    if unit:
        yield unit


# -- workers ----------------------------------------------------------------------------------------------------------

# An interrupt and the end of a terminal reach the parent too, and it ends its workers.
_FOR_PARENT = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
# Of a worker process, set once when it starts.
_engine: Engine | None = None
_slots: _Slots = []


def _start_worker(engine: Engine, slots: _Slots) -> None:
    global _engine, _slots
    _engine, _slots = engine, slots
    gc.set_threshold(SELDOM)
    for one in _FOR_PARENT:
        signal.signal(one, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # see _undisturbed
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """However the parent ended: a worker would wait for its next unit for ever."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _run_unit(unit: _Unit, slot: int | None) -> list[_Made]:
    assert _engine is not None
    made, used = list[_Made](), 0
    for piece in unit:
        chunk, lines = _run_piece(_engine, piece)
        size = len(chunk.events)
        if slot is None or used + size > _SLOT:
            made.append(_Made(chunk, lines, None))
        else:
            _slots[slot][used : used + size] = chunk.events
            made.append(_Made(replace(chunk, events=b""), lines, slice(used, used + size)))
            used += size
    return made


def _run_piece(engine: Engine, piece: _Piece) -> tuple[Chunk, int]:
    """What becomes of a piece, and how many lines it has, where that is for the next piece to know."""
    if piece.block is not None:
        return run_block(engine, piece.task, piece.block), 0
    if piece.lines is None:
        return joined(run_block(engine, piece.task, block) for block in blocks_of(engine, piece.task, None, None)), 0
    chunk = joined(run_block(engine, piece.task, block) for block in piece.lines.blocks(engine.limits))
    return chunk, piece.lines.line_ends


# -- the pool ---------------------------------------------------------------------------------------------------------


def _done(engine: Engine, units: Iterator[_Unit], jobs: int) -> Generator[tuple[_Piece, _Made], None, None]:
    """Every piece with what became of it, in order."""
    most = jobs * _UNITS_A_WORKER
    slots = _new_slots(most)
    with _pool(engine, slots, jobs) as pool:
        under_way: deque[tuple[_Unit, int, Future[list[_Made]]]] = deque()
        for number, unit in enumerate(units):
            if len(under_way) == most:
                yield from _first(under_way, slots)
            slot = number % most
            under_way.append((unit, slot, pool.submit(_run_unit, unit, slot if slots else None)))
        while under_way:
            yield from _first(under_way, slots)


@contextmanager
def _pool(engine: Engine, slots: _Slots, jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that are there at once, and are killed in the end."""
    others, workers = set(active_children()), list[BaseProcess]()
    pool = ProcessPoolExecutor(jobs, initializer=_start_worker, initargs=(engine, slots))
    watcher = threading.Thread(target=_end_with_worker, args=(pool, workers), daemon=True)
    try:
        with _undisturbed():
            workers += _started(pool, jobs, others)
            watcher.start()
        yield pool
    finally:  # they have nothing to end: a worker killed in the middle of that would leave the others waiting
        with _undisturbed():
            for worker in set(active_children()) - others:
                worker.kill()
            if workers:
                watcher.join()
            pool.shutdown(wait=True, cancel_futures=True)


def _started(pool: ProcessPoolExecutor, jobs: int, others: Collection[BaseProcess]) -> set[BaseProcess]:
    """All workers. What is to be done starts all that are forked, but only one that is not, and none while one is idle.

    A pool that lost one on the way refuses more: `BrokenProcessPool`.
    """
    while len(workers := set(active_children()).difference(others)) < jobs:
        pool.submit(_run_unit, [], None)
    return workers


def _end_with_worker(pool: ProcessPoolExecutor, workers: Sequence[BaseProcess]) -> None:
    """Once a worker ends, whoever killed it, end the others and let the pool's thread see that no more results come.

    It may wait for the rest of one that a killed worker had begun to send, and the pipe does not end while this process
    or a worker holds its writing end, too. The pool offers no other way to it (Python 3.11 to 3.14, seen 2026-11).
    """
    connection.wait([worker.sentinel for worker in workers])
    for worker in workers:
        worker.kill()
    pool._result_queue._writer.close()  # type: ignore[attr-defined]


def _new_slots(number: int) -> _Slots:
    """Memory for the events of each unit under way, where workers are forked and so can share it.

    To send megabytes through a pipe costs half as much as to make them.
    """
    return [mmap.mmap(-1, _SLOT) for _ in range(number)] if get_start_method() == "fork" else []


def _first(under_way: deque[tuple[_Unit, int, Future[list[_Made]]]], slots: _Slots) -> Iterator[tuple[_Piece, _Made]]:
    """What became of the first unit; its slot is free for another one then."""
    unit, slot, future = under_way.popleft()
    for piece, made in zip(unit, future.result(), strict=True):
        if made.shared is None:
            yield piece, made
        else:
            yield piece, made._replace(chunk=replace(made.chunk, events=slots[slot][made.shared]))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: a pool that is interrupted while it starts or ends may wait for its workers for ever."""
    signals = {*_FOR_PARENT, signal.SIGTERM}
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
