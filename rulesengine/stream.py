"""Payload files to event lines, in blocks: bounded memory, input order.

A file is read as blocks of whole lines (or as one whole body); `run_block` turns a block into finished bytes and
counts; `run` does so for all blocks of all files, one after the other.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, NamedTuple

from rulesengine import codes
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError
from rulesengine.files import Block, blocks, is_lines, payload_files
from rulesengine.payloads import encode, encode_lines
from rulesengine.running import Outcome, Result, reject_body

# Faults are counted by what they say; past this many different ones a run only counts on.
_DIFFERENT_FAULTS = 1_000
# How many more objects there must be than at the last look for cycles.
SELDOM = 200_000
_COUNTS = ("bodies", "items", "emitted", "events", "ignored", "unmatched", "rejected")


@dataclass(frozen=True, slots=True)
class Task:
    """One payload file and how it is to be read; `formats` is None where the mapping decides."""

    provider: str
    path: str
    lines: bool
    formats: tuple[str, ...] | None
    request: Any
    keep_rejects: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of fault: what `rules apply` counts and shows once."""

    outcome: str
    code: str
    message: str
    place: str


class Source(NamedTuple):
    """Where an item came from; `line` is None where the file is one body, `item` counts those of a body from 0."""

    path: str
    line: int | None
    item: int

    def __str__(self) -> str:
        return f"{self.path}{'' if self.line is None else f':{self.line}'} item {self.item}"


@dataclass(slots=True)
class Tally:
    """The counts of a run; `by_event` by type/action[/reachability_update_type], `problems` with the first source."""

    bodies: int = 0
    items: int = 0
    emitted: int = 0
    events: int = 0
    ignored: int = 0
    unmatched: int = 0
    rejected: int = 0
    by_event: Counter[str] = field(default_factory=Counter)
    problems: dict[Problem, tuple[int, Source]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the counts of a later part of the run."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.by_event.update(other.by_event)
        for problem, (count, source) in other.problems.items():
            self.count_problem(problem, source, count)

    def count_problem(self, problem: Problem, source: Source, count: int = 1) -> None:
        """Count a fault under what it says; the source of the first one is kept."""
        known = self.problems.get(problem)
        if known is not None or len(self.problems) < _DIFFERENT_FAULTS:
            self.problems[problem] = (count + known[0], known[1]) if known else (count, source)

    def as_dict(self) -> dict[str, Any]:
        """The object that `--summary` writes."""
        return {**{name: getattr(self, name) for name in _COUNTS}, "by_event": dict(sorted(self.by_event.items()))}


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of a part of a file: event lines, counts, and what was not mapped.

    Each of `rejects` is a line of JSON up to the number of the line that its item came from, and that number.
    """

    events: bytes
    rejects: list[tuple[bytes, int]]
    tally: Tally

    @property
    def reject_lines(self) -> bytes:
        """What was not mapped, whole, one item a line."""
        return b"".join(b"%b%d}}\n" % one for one in self.rejects)

    def after(self, lines: int) -> Chunk:
        """The same, of a part that so many lines of its file come before."""
        if not lines or not (self.rejects or self.tally.problems):
            return self
        problems = {
            problem: (count, source if source.line is None else source._replace(line=source.line + lines))
            for problem, (count, source) in self.tally.problems.items()
        }
        rejects = [(text, line + lines) for text, line in self.rejects]
        return Chunk(self.events, rejects, replace(self.tally, problems=problems))


def joined(chunks: Iterable[Chunk]) -> Chunk:
    """Chunks one after the other as one."""
    parts, tally = list(chunks), Tally()
    for part in parts:
        tally.add(part.tally)
    rejects = [one for part in parts for one in part.rejects]
    return Chunk(b"".join(part.events for part in parts), rejects, tally)


class _CarefulSink(Result):
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
) -> Iterator[Task]:
    """A task for every payload file that the paths stand for; `form` is the format asked for, if any."""
    for path in paths:
        for file in payload_files(path) or [path]:
            provider = provider_of(file)
            lines, formats = _reading(file, form, engine.formats(provider))
            yield Task(provider, file, lines, formats, request, keep_rejects)


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
    try:
        return _run_block(engine, task, block, Result())
    except PayloadError:  # an event that cannot be written as JSON: again, to find the item it is from
        return _run_block(engine, task, block, _CarefulSink())


def _run_block(engine: Engine, task: Task, block: Block, sink: Result) -> Chunk:
    tally, rejects = Tally(), list[tuple[bytes, int]]()

    def whole(line: int, body: bytes) -> None:
        before = sink.items
        if block.error is not None:
            reject_body(sink, block.error, body)
        elif task.lines:
            engine.apply_line(task.provider, body, task.request, sink)
        else:
            engine.apply_bytes(task.provider, body, request=task.request, formats=task.formats, into=sink)
        if sink.ignored or sink.unmatched or sink.rejected:
            _drain(engine, task, sink, line, before, tally, rejects)

    if task.lines and block.error is None:
        ignored = engine.apply_block(
            task.provider, block.data, task.request, sink, lambda number, line: whole(block.line + number, line)
        )
        tally.ignored += ignored
    else:
        whole(block.line, block.data)
    tally.bodies, tally.items, tally.emitted, tally.events = sink.bodies, sink.items, sink.emitted, len(sink.events)
    tally.by_event = _by_event(sink.events)
    return Chunk(encode_lines(sink.events), rejects, tally)


def _by_event(events: list[Any]) -> Counter[str]:
    """How often each type/action[/reachability_update_type] was emitted; records know theirs."""
    found: Counter[str] = Counter()
    classes: Counter[Any] = Counter(map(type, events))
    if classes.pop(dict, 0):
        found.update(_kind_of(one) for one in events if type(one) is dict)
    for one, count in classes.items():
        found[one.kind] += count
    return found


def _kind_of(event: dict[str, Any]) -> str:
    update = event["data"].get("reachability_update_type")
    return "/".join(filter(None, (event["type"], event["action"], update)))


def _drain(
    engine: Engine, task: Task, sink: Result, line: int, before: int, tally: Tally, rejects: list[tuple[bytes, int]]
) -> None:
    """Count what a body left in the sink, and write out what was not mapped, whole."""
    tally.ignored += len(sink.ignored)
    tally.unmatched += len(sink.unmatched)
    tally.rejected += len(sink.rejected)
    for name, outcomes in (("unmatched", sink.unmatched), ("rejected", sink.rejected)):
        for one in outcomes:
            source = Source(task.path, line if task.lines else None, one.index - before)
            place = str(one.place) if one.place else ""
            problem = Problem(name, one.code or "", one.message, place)
            tally.count_problem(problem, source)
            if task.keep_rejects:
                rejects.append((_reject_line(engine, task, name, one, source.item), line))
        outcomes.clear()
    sink.ignored.clear()


def _reject_line(engine: Engine, task: Task, outcome: str, one: Outcome, index: int) -> bytes:
    """An item that was not mapped, whole, as a line of JSON that only lacks its last number: the line it came from."""
    file, checksum = engine.mapping_id(task.provider)
    record = {
        "outcome": outcome,
        "code": one.code,
        "message": one.message,
        "rule": one.rule,
        "place": _named(str(one.place)) if one.place else None,
        "provider": task.provider,
        "mapping": {"file": _named(file), "sha256": checksum},
    }
    source = {"source": {"file": _named(task.path), "item": index, "line": 0}}
    if isinstance(one.item, bytes):
        text = encode({**record, "body": one.item.decode("utf-8", "backslashreplace"), **source})
        return text.removesuffix(b"0}}")
    try:
        text = encode({**record, "item": one.item, **source})
    except PayloadError:  # nested too deeply to be written as data
        text = encode({**record, "body": _as_text(one.item), **source})
    return text.removesuffix(b"0}}")


def _named(path: str) -> str:
    """A file's name as JSON can hold it: bytes that are not UTF-8 as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _as_text(item: Any) -> str:
    try:
        return repr(item)
    except RecursionError:
        return "nested too deeply to be written"


# -- all blocks of all files ------------------------------------------------------------------------------------------


def run(
    engine: Engine,
    tasks: Iterable[Task],
    *,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
) -> Generator[Chunk, None, None]:
    """What becomes of every block of every task, in input order. `progress` is called with bytes read."""
    with seldom_collected():
        for task in tasks:
            for block in blocks_of(engine, task, stdin, progress):
                yield run_block(engine, task, block)


def blocks_of(
    engine: Engine, task: Task, stdin: BinaryIO | None, progress: Callable[[int], None] | None
) -> Iterator[Block]:
    """The blocks of a file; a folder that has no payload file is a fault, and not nothing."""
    if os.path.isdir(task.path) and os.access(task.path, os.R_OK | os.X_OK):
        fault = f"{task.path}: the folder has no payload file (.json .ndjson .jsonl .txt)"
        return iter([Block(1, b"", PayloadError(codes.E504, fault))])
    return blocks(task.path, task.lines, engine.limits, stdin, progress)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A block makes tens of thousands of objects and no cycle: looking for cycles costs a quarter of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
