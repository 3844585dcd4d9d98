"""What sample bodies say of a mapping that the mapping alone does not: advice, since samples never show everything.

Bodies of a provider lie in `DIR/<provider>/`, or directly in DIR. Three things are told: a field that no sample has
where it is looked for, with the nearest key that is there; an event that occurs and is not documented; items that
would not be mapped, once for each reason.

Limits: fields are followed from the item by names alone; what lies behind a projection or a function is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rulesengine import codes
from rulesengine.checks import Subject
from rulesengine.diagnostics import Diagnostic, did_you_mean, in_order, shown
from rulesengine.engine import Engine
from rulesengine.errors import PayloadError
from rulesengine.jmes import Tree
from rulesengine.model import Expression
from rulesengine.payloads import payload_files
from rulesengine.program import Program
from rulesengine.running import Result, items_of

Keys = tuple[str, ...]


def check_samples(engine: Engine, subject: Subject, folder: str) -> tuple[Diagnostic, ...]:
    """Advice on one mapping from the samples of its provider; none where there are no samples."""
    provider = subject.mapping.provider.value
    program, result = engine.program(provider), Result()
    items: list[Any] = []
    for file in _files(folder, provider):
        body = Path(file).read_bytes()
        engine.apply_bytes(provider, body, into=result)
        items.extend(_items(engine, program, body))
    return in_order([*_paths(subject, items), *_events(subject, program, items), *_outcomes(subject, result)])


def _files(folder: str, provider: str) -> list[str]:
    own = os.path.join(folder, provider)
    if os.path.isdir(own):
        return payload_files(own)
    return [file for file in payload_files(folder) if os.path.dirname(file) == folder.rstrip("/")]


def _items(engine: Engine, program: Program, body: bytes) -> Iterator[Any]:
    try:
        yield from items_of(program, engine.decode(program.mapping.provider.value, body))
    except PayloadError:
        return  # told by _outcomes


# -- fields -----------------------------------------------------------------------------------------------------------


def _paths(subject: Subject, items: list[Any]) -> Iterator[Diagnostic]:
    for expression, part, keys in _looked_for(subject):
        known = _keys_at(items, keys[:-1])
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


def _keys_at(items: list[Any], path: Keys) -> set[str]:
    """The keys that the objects at this path have in any item."""
    found: set[str] = set()
    for item in items:
        value = item
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found.update(value if isinstance(value, dict) else ())
    return found


# -- events and outcomes ----------------------------------------------------------------------------------------------


def _events(subject: Subject, program: Program, items: list[Any]) -> Iterator[Diagnostic]:
    payload, place = subject.mapping.root.get("payload"), subject.mapping.payload
    key = payload.key("events") if payload is not None else None
    if program.event is None or key is None or place.event is None or "parent()" in place.event.text:
        return
    documented = {event.value for event in place.events}
    for item in items:
        try:
            name = program.event(item, item, None, None)
        except ValueError:
            continue
        if isinstance(name, str) and name not in documented:
            yield codes.W502.at(key.place, event=name, hint=did_you_mean(name, documented) or None)


def _outcomes(subject: Subject, result: Result) -> Iterator[Diagnostic]:
    rules = subject.mapping.root.key("rules") or subject.mapping.root
    for one in (*result.unmatched, *result.rejected):
        yield codes.W503.at(one.place or rules.place, code=one.code, message=shown(one.message, 200)[1:-1])
