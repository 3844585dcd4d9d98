"""Two versions of mappings over the same bodies: what each makes of every item, held side by side (`changes`).

Lines of NDJSON of which both versions surely make the same are only counted (`lean.alike`); all else is run by programs
that note which rule takes an item. Bodies pass one after the other, so memory does not grow with the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

from rulesengine import codes
from rulesengine.comparing.changes import EMITTED, IGNORED, OUTCOMES, Changes, Made, RuleAt
from rulesengine.coverage import Trail
from rulesengine.engine import Engine
from rulesengine.files import Block, bodies_of, lines_of
from rulesengine.lean import alike
from rulesengine.payloads import encode
from rulesengine.program import ItemFunction, event_key
from rulesengine.running import Outcome, Result, run_body
from rulesengine.stream import Task, blocks_of, seldom_collected, tasks_for
from rulesengine.tally import Source
from rulesengine.testing.cases import Case
from rulesengine.testing.suites import Tested


class Version:
    """The mapping of a provider in one version, made ready to tell of each item what becomes of it."""

    def __init__(self, engine: Engine, provider: str) -> None:
        """Raises `UnknownProvider`."""
        self.engine, self.provider = engine, provider
        self.mapping, target = engine.program(provider).mapping, engine.target
        self._trail = Trail(self.mapping)
        self._noting = engine.noting(provider, self._trail, around=self._noted)
        self._rules = {rule.label: RuleAt(rule.label, rule.place.file, rule.place.line) for rule in self.mapping.rules}
        self.metrics = target.vocabulary.names(target.channel)
        self.item: Any = None

    def _noted(self, function: ItemFunction) -> ItemFunction:
        """The function of a program that also notes which item is being mapped."""

        def item(item: Any, root: Any, parent: Any, request: Any) -> Any:
            self.item = item
            return function(item, root, parent, request)

        return item

    def task(self, file: str, form: str | None, request: Any) -> Task:
        """How this version reads a payload file."""
        found = tasks_for(
            self.engine, [file], provider_of=lambda _: self.provider, form=form, request=request, keep_rejects=False
        )
        return next(found)

    def made_of(self, body: bytes, formats: Sequence[str] | None, request: Any) -> list[Made]:
        """What becomes of each item of a body as it came."""
        sink = _Sink(self)
        self._noting.apply_bytes(self.provider, body, request=request, formats=formats, into=sink)
        return self._in_order(sink)

    def runs(self, case: Case) -> bool:
        """Whether a case is for the app of this version."""
        return Tested(self.mapping, {self.engine.target.channel: self.engine}, ()).channel_for(case) is not None

    def made_of_case(self, case: Case) -> list[Made]:
        """What becomes of each item of a case's body."""
        if case.body is None:
            sink = _Sink(self)
            run_body(self._noting.program(self.provider), case.payload, case.request, sink)
            return self._in_order(sink)
        return self.made_of(case.body, None, case.request)

    def _in_order(self, sink: _Sink) -> list[Made]:
        if len(sink.made) == sink.items:
            return sink.made
        others = {one.index: self._other(name, one) for name in OUTCOMES[1:] for one in getattr(sink, name)}
        emitted = iter(sink.made)
        return [others.get(index) or next(emitted) for index in range(sink.items)]

    def _other(self, outcome: str, one: Outcome) -> Made:
        name = outcome if one.code is None else f"{outcome} {one.code}"
        return Made(outcome, name, self._rules.get(one.rule or ""), one.item, message=one.message)

    def emitted(self, events: list[dict[str, Any]], written: list[bytes]) -> Made:
        """The item that was mapped last, which made these events."""
        names = [self.metrics[event_key(one)] for one in events]
        rule = self._rules[self._trail.last.label] if self._trail.last is not None else None
        return Made(EMITTED, " + ".join(names), rule, self.item, events, written)


class _Sink(Result):
    """A result that keeps the events of each item by themselves."""

    def __init__(self, version: Version) -> None:
        super().__init__()
        self._version = version
        self.made: list[Made] = []

    def emit(self, events: list[dict[str, Any]]) -> None:
        """Take the events of one item; one that JSON cannot hold is the item's fault, as it is when it is written."""
        self.made.append(self._version.emitted(events, [encode(event) for event in events]))


@dataclass(frozen=True, slots=True)
class Versions:
    """The old and the new version of a mapping."""

    old: Version
    new: Version

    def compare_case(self, case: Case, changes: Changes) -> None:
        """Add what changes of the body of a case."""
        made = self.old.made_of_case(case), self.new.made_of_case(case)
        changes.add_body(*made, partial(Source, case.place.file, case.place.line))

    def compare_file(
        self,
        file: str,
        changes: Changes,
        *,
        form: str | None = None,
        request: Any = None,
        stdin: BinaryIO | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Add what changes of all bodies of a payload file.

        `form` is the format asked for, if any; `request` is what `request()` gives; `progress` is told of bytes read.
        """
        old, new = (one.task(file, form, request) for one in (self.old, self.new))
        by_lines = old.lines and new.lines  # a version that reads by lines does so in a whole body, too
        tasks = replace(old, lines=by_lines), replace(new, lines=by_lines)
        with seldom_collected():
            for block in blocks_of(self.new.engine, tasks[1], stdin, progress):
                self._compare_block(block, tasks, changes)

    def _compare_block(self, block: Block, tasks: tuple[Task, Task], changes: Changes) -> None:
        old, new = tasks
        if block.error is not None:
            named = block.error.code is codes.E504
            changes.add_unread(block.error.message if named else _unread(new, block.line, block.error.message))
            return
        for line, body in self._remaining(block, new, changes) if new.lines else bodies_of(block, lines=False):
            before = self.old.made_of(body, old.formats, old.request)
            after = self.new.made_of(body, new.formats, new.request)
            if _is_no_data(before) and _is_no_data(after):
                changes.add_unread(_unread(new, line, after[0].message))
            else:
                changes.add_body(before, after, partial(Source, new.path, line if new.lines else None))

    def _remaining(self, block: Block, task: Task, changes: Changes) -> Iterator[tuple[int, bytes]]:
        """The lines of a block that are to be looked at whole; the others are counted."""
        old, new = (one.engine.program(one.provider) for one in (self.old, self.new))
        found = alike(old, new, block.data, task.request, self.new.engine.limits)
        if found is None:
            yield from lines_of(block)
            return
        changes.add_same(found.emitted + found.ignored, {EMITTED: found.emitted, IGNORED: found.ignored})
        lines = block.data.split(b"\n") if found.others else []
        yield from ((block.line + number, lines[number]) for number in found.others)


def _is_no_data(made: Sequence[Made]) -> bool:
    """Whether a body could not be decoded."""
    return len(made) == 1 and isinstance(made[0].item, bytes)


def _unread(task: Task, line: int, message: str) -> str:
    """What cannot be compared, and why."""
    return f"{task.path}:{line}: {message}" if task.lines else f"{task.path}: {message}"
