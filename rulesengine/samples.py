"""What sample bodies say of a mapping that the mapping alone does not: advice, since samples never show everything.

Bodies of a provider lie in `DIR/<provider>/`, or directly in DIR. Three things are told: a field that no sample has
where it is looked for, with the nearest key that is there; an event that occurs and is not documented; items that
would not be mapped, once for each reason.

Limits: fields are followed from the item by names alone; what lies behind a projection or a function is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulesengine import codes
from rulesengine.diagnostics import Diagnostic, did_you_mean, in_order, printable
from rulesengine.emissions import Subject
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError
from rulesengine.files import blocks, bodies_of, is_lines, is_payload, payload_files
from rulesengine.jmes import Tree
from rulesengine.model import Expression
from rulesengine.payloads import decode
from rulesengine.program import Program
from rulesengine.running import Result, items_of, reject_body, run_body

Keys = tuple[str, ...]


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
    return in_order([*_paths(subject, samples), *_events(subject, program, samples), *_outcomes(subject, result)])


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


def _event_of(program: Program, sample: Sample) -> str | None:
    try:
        name = program.event(sample.item, sample.body, sample.parent, None) if program.event is not None else None
    except (ValueError, TypeError):  # what jmespath and the added functions raise: told by _outcomes
        return None
    return name if isinstance(name, str) else None


def _outcomes(subject: Subject, result: Result) -> Iterator[Diagnostic]:
    rules = subject.mapping.root.key("rules") or subject.mapping.root
    for one in (*result.unmatched, *result.rejected):
        yield codes.W503.at(one.place or rules.place, code=one.code, message=printable(one.message))
