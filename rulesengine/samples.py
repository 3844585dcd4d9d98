"""What sample bodies say of a mapping that the mapping alone does not: advice, since samples never show everything.

Bodies of a provider lie in `DIR/<provider>/`, or directly in DIR. Told are a field that no sample has where it is
looked for, with the nearest key that is there; an event that occurs and is not documented, or is documented and does
not occur; items that would not be mapped, once for each reason, with their number; times that are milliseconds.

The cases beside a mapping (`sendgrid/*.yml` beside `sendgrid.yml`) are samples, too. What becomes of them is their own
business, so of these only fields are told, and events that could be emitted and that no case has.

Limits: fields are followed from the item by names alone; what lies behind a projection or a function is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rulesengine import codes, source
from rulesengine.diagnostics import Diagnostic, did_you_mean, in_order, listed, printable, shown
from rulesengine.emissions import Subject, data_layers
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError
from rulesengine.files import blocks, bodies_of, is_lines, is_payload, payload_files
from rulesengine.jmes import Tree
from rulesengine.model import Expression
from rulesengine.payloads import decode
from rulesengine.program import Program
from rulesengine.reach import reached
from rulesengine.running import Result, items_of, reject_body, run_body
from rulesengine.testing.cases import case_files, folder_of
from rulesengine.times import SECONDS_END

Keys = tuple[str, ...]
_LISTED = 8  # events in one sentence


@dataclass(frozen=True, slots=True)
class Sample:
    """An item of a sample body, with its parent and the body."""

    item: Any
    parent: Any
    body: Any


def check_samples(engine: Engine, subject: Subject, folder: str) -> tuple[Diagnostic, ...]:
    """Advice on one mapping from the samples of its provider; none where there are no samples."""
    provider = subject.mapping.provider.value
    program, result = engine.program(provider), Result()
    samples: list[Sample] = []
    for body in _bodies(engine, provider, folder, result):
        run_body(program, body, None, result)
        samples.extend(Sample(item, parent, body) for item, parent in items_of(program, body))
    told = (_paths(subject, samples), _unseen(subject, program, samples), _events(subject, program, samples))
    return in_order([*chain(*told), *_outcomes(subject, result), *_times(subject, result)])


def has_cases(subject: Subject) -> bool:
    """Whether there is a folder for cases beside a mapping's file."""
    return folder_of(subject.mapping.file).is_dir()


def check_cases(engine: Engine, subject: Subject) -> tuple[Diagnostic, ...]:
    """Advice on one mapping from the cases beside it; none where there are no cases."""
    provider = subject.mapping.provider.value
    program = engine.program(provider)
    samples = [
        Sample(item, parent, body)
        for body in _case_bodies(engine, provider, subject.mapping.file)
        for item, parent in items_of(program, body)
    ]
    ignored = _ignored(subject)
    return in_order([*_paths(subject, samples), *_unseen(subject, program, samples, ignored)])


def _case_bodies(engine: Engine, provider: str, mapping: str) -> Iterator[Any]:
    """The decoded bodies of cases; what is no case, or no body, is no sample."""
    for file in case_files(mapping):
        root, _ = source.read(str(file), file.read_bytes())
        cases = root.get("cases") if root is not None else None
        for case in cases.data if cases is not None and isinstance(cases.data, list) else ():
            if isinstance(case, dict) and "payload" in case:
                yield case["payload"]
            elif isinstance(case, dict) and isinstance(case.get("body"), str):
                with suppress(PayloadError):  # a case of what cannot be decoded
                    yield decode(case["body"].encode(), engine.formats(provider), engine.limits)


def sample_files(folder: str, provider: str) -> list[str]:
    """The sample bodies of a provider: those of its own folder, or else those that lie directly in the folder."""
    own = Path(folder, provider)
    if own.is_dir():
        return payload_files(str(own))
    files = (str(path) for path in sorted(Path(folder).iterdir()) if path.is_file())
    return [file for path in files for file in payload_files(path) if is_payload(file)]


def _bodies(engine: Engine, provider: str, folder: str, result: Result) -> Iterator[Any]:
    """The data of every body; one that cannot be read or decoded is rejected."""
    for file in sample_files(folder, provider):
        lines = is_lines(file)
        for block in blocks(file, lines, engine.limits):
            for _, body in bodies_of(block, lines):
                try:
                    if block.error is not None:
                        raise block.error
                    yield decode(body, ("ndjson",) if lines else engine.formats(provider), engine.limits)
                except PayloadError as fault:
                    reject_body(result, fault, body)


# -- fields -----------------------------------------------------------------------------------------------------------


def _paths(subject: Subject, samples: list[Sample]) -> Iterator[Diagnostic]:
    for expression, part, keys in _looked_for(subject):
        known = _keys_at(samples, keys[:-1])
        if known and keys[-1] not in known:
            path = ".".join(keys)
            yield codes.W501.at(expression.place_of(part), path=path, hint=did_you_mean(keys[-1], known))


def _looked_for(subject: Subject) -> Iterator[tuple[Expression, Tree, Keys]]:
    """Every field that an expression over items reads, by the names that lead to it from the item."""
    steps = set(map(id, subject.mapping.payload.steps))
    for expression, _ in subject.mapping.expressions():
        if expression.tree is not None and id(expression) not in steps:
            yield from ((expression, part, keys) for part, keys in _fields(expression.tree))


def _fields(tree: Tree) -> Iterator[tuple[Tree, Keys]]:
    """The fields that a tree reads from its item, outermost first; nothing behind what is no field."""
    if tree.kind == "field":
        yield tree, (tree.value,)
    elif tree.kind in ("subexpression", "index_expression", "pipe", "projection", "value_projection", "flatten"):
        first, *following = tree.children
        keys: Keys = ()
        for part in (first, *following) if tree.kind == "subexpression" else (first,):
            if part.kind != "field":
                break
            keys = (*keys, part.value)
            yield part, keys
        if first.kind != "field":
            yield from _fields(first)
    elif tree.kind not in ("expref", "filter_projection"):
        for child in tree.children:
            yield from _fields(child)


def _keys_at(samples: list[Sample], path: Keys) -> set[str]:
    """The keys that the objects at this path have in any item."""
    found: set[str] = set()
    for sample in samples:
        value = sample.item
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found.update(value if isinstance(value, dict) else ())
    return found


# -- events and outcomes ----------------------------------------------------------------------------------------------


def _events(subject: Subject, program: Program, samples: list[Sample]) -> Iterator[Diagnostic]:
    payload = subject.mapping.root.get("payload")
    key = payload.key("events") if payload is not None else None
    documented = {event.value for event in subject.mapping.payload.events}
    if key is None:
        return
    for name in dict.fromkeys(_event_of(program, sample) for sample in samples):
        if name is not None and name not in documented:
            yield codes.W502.at(key.place, event=name, hint=did_you_mean(name, documented) or None)


def _unseen(
    subject: Subject, program: Program, samples: list[Sample], ignored: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Documented events that no sample has, all in one, at the first of them."""
    seen = {_event_of(program, sample) for sample in samples}
    unseen = [one for one in subject.mapping.payload.events if one.value not in seen and one.value not in ignored]
    if unseen and seen - {None}:
        names = listed(event.value for event in unseen[:_LISTED])
        more = f" and {len(unseen) - _LISTED} more" if len(unseen) > _LISTED else ""
        yield codes.W504.at(unseen[0].place, events=names + more)


def _ignored(subject: Subject) -> set[str]:
    """The documented events that only rules without an emission can take."""
    each, rules = reached(subject), subject.mapping.rules
    emitted = {name for rule in rules if rule.emissions for name in each[rule.index]}
    return {event.value for event in subject.mapping.payload.events} - emitted


def _event_of(program: Program, sample: Sample) -> str | None:
    try:
        name = program.event(sample.item, sample.body, sample.parent, None) if program.event is not None else None
    except (ValueError, TypeError):  # what jmespath and the added functions raise: told by _outcomes
        return None
    return name if isinstance(name, str) else None


def _outcomes(subject: Subject, result: Result) -> Iterator[Diagnostic]:
    rules = subject.mapping.root.key("rules") or subject.mapping.root
    counts = Counter((one.place or rules.place, one.code, one.message) for one in (*result.unmatched, *result.rejected))
    for (place, code, message), count in counts.items():
        samples = "a sample ends" if count == 1 else f"{count} samples end"
        yield codes.W503.at(place, samples=samples, code=code, message=printable(message))


def _times(subject: Subject, result: Result) -> Iterator[Diagnostic]:
    """Events whose `ts` can only be milliseconds, told where `ts` of every event is written."""
    late = next((ts for event in result.events if _is_late(ts := event["data"].get("ts"))), None)
    field = next((one for layer in data_layers(subject) for one in layer if one.name == "ts"), None)
    if late is not None and field is not None:
        yield codes.W505.at(field.expression.place, ts=shown(late))


def _is_late(ts: object) -> bool:
    return isinstance(ts, int | float) and not isinstance(ts, bool) and ts >= SECONDS_END
