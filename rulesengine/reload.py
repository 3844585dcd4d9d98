"""Mappings that change while an app runs: `Watcher` loads them anew, and keeps the last good engine where it cannot.

What is compared is the files' bytes, not their times: a copy, a rename, a link that points elsewhere are all seen. A
new engine is loaded beside the old one and put in its place in one step, so a request has the one or the other.

Limits: threads do not survive a fork, so each process of a server starts a watcher of its own. A file that is written
in place can be read half-written, and half a mapping may be a valid one; see `Watcher.start`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event, RLock, Thread
from types import TracebackType

from rulesengine.diagnostics import Diagnostic
from rulesengine.engine import Engine, StrPath
from rulesengine.errors import InvalidMapping, invalid
from rulesengine.gathering import Files, gather
from rulesengine.limits import DEFAULT_LIMITS, Limits

# What `gather` gives: the files as they are, or why they cannot be read.
_Found = tuple[Files | None, list[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands with an engine and its files; times are in seconds since 1970.

    `loaded_at` is when the engine was loaded and `checked_at` when the files were last looked at. `fault` is why the
    files, as they are, cannot be loaded, since `stale_since`; both are None while the engine is what the files say.
    """

    engine: Engine
    loaded_at: float
    checked_at: float
    fault: InvalidMapping | None = None
    stale_since: float | None = None


class Watcher:
    """The engine of files that may change: `.engine` is the newest that could be loaded, `.status` tells its age.

    Ask for `.engine` once a request. Reading it takes no lock and never waits for a load.
    """

    def __init__(
        self,
        mappings: StrPath | Sequence[StrPath],
        app: StrPath,
        *,
        vocabulary: StrPath | None = None,
        limits: Limits = DEFAULT_LIMITS,
        on_change: Callable[[Status], object] = lambda status: None,
    ) -> None:
        """Load as `Engine.load` does, and raise what it raises.

        `on_change` is called after each new engine and each new fault, by the thread that found it.
        """
        self._paths = [mappings] if isinstance(mappings, str | os.PathLike) else list(mappings)
        if not self._paths:
            raise ValueError("no mappings are named")
        self._app, self._vocabulary, self._limits, self._on_change = app, vocabulary, limits, on_change
        self._lock, self._ended = RLock(), Event()
        self._thread: Thread | None = None
        self._tried = self._read()
        now = time.time()
        self._status = Status(self._load(self._tried), now, now)

    @property
    def engine(self) -> Engine:
        """The last engine that could be loaded."""
        return self._status.engine

    @property
    def status(self) -> Status:
        """The same engine with its age, and what is wrong with the files since."""
        return self._status

    def refresh(self) -> Status:
        """Look at the files now, and load them if they are not those of the last try. Raises nothing for a fault."""
        with self._lock:
            return self._try(self._read())

    # -- by itself ----------------------------------------------------------------------------------------------------

    def start(self, every: float = 5.0) -> Watcher:
        """Look at the files each `every` seconds, in a thread that does not keep the process alive.

        A change is loaded when two looks find the same, so that files which are still being written are waited for.
        """
        if self._thread is not None:
            raise RuntimeError("the watcher runs already")
        self._ended.clear()
        self._thread = Thread(target=self._run, args=(every,), name="rulesengine-reload", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread, if there is one, and wait for it; the engine stays."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Watcher:
        return self if self._thread is not None else self.start()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self, every: float) -> None:
        before = self._tried
        while not self._ended.wait(every):
            with self._lock:
                found = self._read()
                self._try(found if found == before else self._tried)
            before = found

    # -- one try ------------------------------------------------------------------------------------------------------

    def _read(self) -> _Found:
        return gather(self._paths, self._app, self._vocabulary)

    def _load(self, found: _Found) -> Engine:
        files, faults = found
        if files is None:
            raise invalid(tuple(faults), os.fspath(self._app))
        return Engine(files, self._limits)

    def _try(self, found: _Found) -> Status:
        """Load files that are others than those of the last try, and put the engine in place."""
        now, old = time.time(), self._status
        if found == self._tried:
            self._status = replace(old, checked_at=now)
            return self._status
        self._tried = found
        try:
            self._status = Status(self._load(found), now, now)
        except InvalidMapping as fault:
            since = now if old.stale_since is None else old.stale_since
            self._status = replace(old, checked_at=now, fault=fault, stale_since=since)
        self._on_change(self._status)
        return self._status
