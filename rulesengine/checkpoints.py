"""A run that may be killed at any moment and goes on where it stood: its checkpoint, and outputs written in parts.

The checkpoint is a file of JSON: which run it is of, how far that is, what it counted, and how many bytes of each
output belong to that. It is replaced as a whole once the outputs are on the disk, so it never says more than they hold;
what they hold beyond it is cut off when the run goes on. It is locked while the run is at work.

Limits: whether an input is still the same is told by its size and the time of its last change. On Windows nothing is
locked.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import astuple, dataclass
from io import BytesIO
from typing import Any, BinaryIO, TypeVar

from rulesengine import __version__
from rulesengine.bodies import sha256
from rulesengine.codes import BY_NUMBER
from rulesengine.engine import Engine
from rulesengine.errors import CheckpointRefused
from rulesengine.files import Spot
from rulesengine.flows import Flows, Step
from rulesengine.output import AS_IT_IS, Outputs, Part, Sink, sync_folder, writing
from rulesengine.stream import BEGINNING, Mark, Run, Task
from rulesengine.tally import COUNTS, MOST_KINDS, Problem, Seen, Source, Tally, Unmapped

if sys.platform != "win32":
    import fcntl

# What was done since the last checkpoint is done again; each waits for the disk.
_SECONDS = 2.0
_Key = TypeVar("_Key")
_OTHER = {
    "version": "was made by another version of this program",
    "engine": "is of another mapping, app.yml, vocabulary or limits",
    "options": "is of a run with other options or outputs",
    "inputs": "is of other inputs, or they have changed since",
}


@dataclass(slots=True, kw_only=True)
class _Resumable(Run):
    """One that makes a checkpoint now and then."""

    file: _File
    identity: Mapping[str, Any]
    parts: Mapping[str, Part]
    saved: float = 0.0

    def reached(self, mark: Mark | None) -> None:
        if mark is not None and time.monotonic() - self.saved >= _SECONDS:
            self.save(mark)

    def save(self, mark: Mark) -> None:
        """Make a checkpoint. Raises OSError."""
        sizes = {output: part.sync() for output, part in self.parts.items()}
        state = {**self.identity, "mark": mark, "sizes": sizes, "tally": _as_json(self.tally)}
        self.file.replace(json.dumps(state).encode())
        self.saved = time.monotonic()


@contextmanager
def resumable(
    path: str,
    engine: Engine,
    tasks: Sequence[Task],
    events: str | None,
    rejects: str | None,
    summary: str | None,
    report: str | None,
) -> Iterator[Run]:
    """A run with a checkpoint in the file `path`: from its beginning, or from where it stood.

    When the block ends well the outputs appear, the events last, and the checkpoint is removed; otherwise all stays for
    the next time. Raises `CheckpointRefused` where the checkpoint is of another run or this run can have none; OSError.
    """
    written = [one for one in (rejects, events or "-") if one is not None]
    identity = _identity(path, engine, tasks, written)
    with closing(_File(path)) as file, ExitStack() as opened:
        saved = _saved(path, file.read(), identity, written)
        start = saved.mark if saved is not None else BEGINNING
        is_done = start == Mark(len(tasks))  # then a part that is not there has got its name already
        names = [one for one in written if not is_done or os.path.exists(_beside(path, one))]
        parts = {one: _part(path, one, saved) for one in names}
        for part in parts.values():
            opened.callback(part.close)
        with ExitStack() as pages:
            others = [_page(path, one, pages) if one is not None else None for one in (summary, report)]
            *kept, emitted = [parts.get(one, BytesIO()) for one in written]
            outputs = Outputs(emitted, kept[0] if kept else None, *others)
            tally = saved.tally if saved is not None else Tally(limit=MOST_KINDS)
            run = _Resumable(outputs, tally, start, file=file, identity=identity, parts=parts)
            yield run
            if not is_done:
                run.save(Mark(len(tasks)))
        for part in parts.values():
            part.put_in_place()
        file.remove()


def _page(path: str, output: str, opened: ExitStack) -> Sink:
    """An output that is written at once when all else is; in place as `opened` ends well."""
    if output == "-" or (os.path.exists(output) and not os.path.isfile(output)):
        return opened.enter_context(writing(output))
    return opened.enter_context(_written_at_once(Part(output, _beside(path, output), 0)))


@contextmanager
def _written_at_once(part: Part) -> Iterator[Part]:
    with closing(part):
        yield part
        part.sync()
        part.put_in_place()


def _part(path: str, output: str, saved: _Saved | None) -> Part:
    """An output as far as a checkpoint goes."""
    beside, size = _beside(path, output), saved.sizes[output] if saved is not None else 0
    if saved is not None and (not os.path.exists(beside) or os.path.getsize(beside) < size):
        raise CheckpointRefused(
            f"what {path} says was written of {output} is not in {beside} any more: delete {path} to start over"
        )
    return Part(output, beside, size)


def _beside(path: str, output: str) -> str:
    """Where a run with this checkpoint writes an output to, whichever process it is."""
    place = os.path.realpath(output)
    name = sha256(os.fsencode(f"{os.path.realpath(path)}\0{place}"))[:16]
    return os.path.join(os.path.dirname(place), f".rules.{name}.part")


# -- which run it is of -----------------------------------------------------------------------------------------------


def _identity(path: str, engine: Engine, tasks: Sequence[Task], written: Sequence[str]) -> dict[str, Any]:
    """Equal for runs of which all outputs are equal."""
    for output in written:
        if output == "-" or (os.path.exists(output) and not os.path.isfile(output)):
            what = "standard output" if output == "-" else output
            raise CheckpointRefused(
                f"--checkpoint: what {what} got cannot be taken back: name a file with -o, --rejects"
            )
    options = [(one.provider, one.lines, one.formats, one.request, one.keep_rejects, one.watched) for one in tasks]
    return {
        "version": __version__,
        "engine": engine.digest,
        "options": _digest(options, [os.path.realpath(one) for one in written]),
        "inputs": _digest([(one.path, *_stamp(one.path)) for one in tasks]),
    }


def _digest(*what: object) -> str:
    return sha256(repr(what).encode())


def _stamp(path: str) -> tuple[int, ...]:
    """Tells whether an input is the same; empty for one that is not there."""
    if path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)):
        what = "standard input" if path == "-" else path
        raise CheckpointRefused(f"--checkpoint: {what} cannot be read a second time: name a file")
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns


# -- its file ---------------------------------------------------------------------------------------------------------


class _File:
    """The file of a checkpoint, locked by this process. Raises `CheckpointRefused` if another has it; OSError."""

    def __init__(self, path: str) -> None:
        self._path, self._place = path, os.path.realpath(path)
        if os.path.exists(path) and not os.path.isfile(path):
            raise CheckpointRefused(f"--checkpoint: {path} is no file")
        self._handle = self._taken(self._place)
        while not self._is_in_place():  # whoever had it has just made another, or removed it
            self._handle.close()
            self._handle = self._taken(self._place)

    def _taken(self, file: str) -> BinaryIO:
        try:
            handle = os.fdopen(os.open(file, os.O_RDWR | AS_IT_IS, 0o666), "r+b")
        except OSError as fault:
            raise OSError(fault.errno, fault.strerror, self._path) from None
        if sys.platform != "win32":
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # workers do not inherit it
            except (BlockingIOError, PermissionError):
                handle.close()
                raise CheckpointRefused(f"another run is at work with the checkpoint {self._path}") from None
        return handle

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._handle.fileno()), os.stat(self._place))
        except FileNotFoundError:
            return False

    def read(self) -> bytes:
        """All of it; nothing of one that was not there."""
        return self._handle.read()

    def replace(self, text: bytes) -> None:
        """Put another in its place, locked as well."""
        beside = _beside(self._path, self._path)
        new = self._taken(beside)
        with ExitStack() as failed:
            failed.callback(_close, new)
            try:
                new.truncate()
                new.write(text)
                new.flush()
                os.fsync(new.fileno())
                os.replace(beside, self._place)
            except OSError as fault:
                raise OSError(fault.errno, fault.strerror, self._path) from None
            failed.pop_all()
        self._handle.close()
        self._handle = new
        sync_folder(self._place)

    def remove(self) -> None:
        """Remove it, and what a killed run left of one that was to come."""
        for file in (self._place, _beside(self._path, self._path)):
            with suppress(FileNotFoundError):
                os.unlink(file)

    def close(self) -> None:
        """Let others have it."""
        self._handle.close()


def _close(handle: BinaryIO) -> None:
    with suppress(OSError):
        handle.close()


# -- what it says ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Saved:
    """How far a run was, how many bytes of each output belong to that, and what it had counted."""

    mark: Mark
    sizes: Mapping[str, int]
    tally: Tally


def _saved(path: str, text: bytes, identity: Mapping[str, Any], written: Sequence[str]) -> _Saved | None:
    """What a checkpoint says, if it has been written, and is of this run."""
    if not text:
        return None
    try:
        state = json.loads(text)
        others = [why for name, why in _OTHER.items() if state[name] != identity[name]]
        saved = None if others else _read(state, written)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):  # whatever else a file may hold
        raise CheckpointRefused(f"{path} is no checkpoint of `rules apply`: name another file") from None
    if others:
        raise CheckpointRefused(f"the checkpoint {path} {others[0]}: repeat that run as it was, or delete {path}")
    return saved


def _read(state: Mapping[str, Any], written: Sequence[str]) -> _Saved:
    """What JSON says. Raises what Python does where it is something else; it is data, and nothing of it a name."""
    number, (offset, lines) = state["mark"]
    sizes = {one: _number(state["sizes"][one]) for one in written}
    return _Saved(Mark(_number(number), Spot(_number(offset), _number(lines))), sizes, _from_json(state["tally"]))


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


# -- counts -----------------------------------------------------------------------------------------------------------


def _as_json(tally: Tally) -> dict[str, Any]:
    flows = tally.flows
    return {
        "counts": {name: getattr(tally, name) for name in COUNTS},
        "by_event": tally.by_event,
        "problems": [[astuple(kind), seen] for kind, seen in tally.problems.items()],
        "unmapped": [[astuple(kind), seen] for kind, seen in tally.unmapped.items()],
        "steps": None if flows is None else [[*step, count] for step, count in flows.steps.items()],
        "hours": None if flows is None else [[*hour, count] for hour, count in flows.hours.items()],
    }


def _from_json(said: Mapping[str, Any]) -> Tally:
    flows = None
    if said["steps"] is not None:
        steps = _counter((Step(*map(_text, step)), count) for *step, count in said["steps"])
        flows = Flows(steps, _counter(((_text(one), _number(hour)), count) for one, hour, count in said["hours"]))
    return Tally(
        **{name: _number(said["counts"][name]) for name in COUNTS},
        by_event=_counter(said["by_event"].items()),
        problems={_problem(*map(_text, kind)): _seen(seen) for kind, seen in said["problems"]},
        unmapped={_unmapped(*kind): _seen(seen) for kind, seen in said["unmapped"]},
        limit=MOST_KINDS,
        flows=flows,
    )


def _counter(said: Iterable[tuple[_Key, Any]]) -> Counter[_Key]:
    return Counter({key: _number(count) for key, count in said})


def _problem(code: str, message: str, place: str) -> Problem:
    return Problem(BY_NUMBER[code].number, message, place)


def _unmapped(provider: Any, code: Any, place: Any, table: Any, value: Any) -> Unmapped:
    table, value = (None if one is None else _text(one) for one in (table, value))
    return Unmapped(_text(provider), _text(code), _text(place), table, value)


def _seen(said: tuple[int, list[Any]]) -> Seen:
    times, (path, line, item) = said
    return Seen(_number(times), Source(_text(path), None if line is None else _number(line), _number(item)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value
