"""A draft of a mapping with its cases: one for each sample body, with what becomes of it now as what is expected.

Limits: of more than 50 bodies those have a case that show an event for the first time; of a body with more than 20
items the case holds the first item of each event; a body that is still longer than 100,000 characters has no case.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rulesengine.app import App
from rulesengine.diagnostics import printable
from rulesengine.drafting.inference import Inference, infer
from rulesengine.drafting.redaction import redacted
from rulesengine.drafting.scaffold import mapping_text, scalar
from rulesengine.drafting.specimens import Specimen, formats_of
from rulesengine.engine import Engine
from rulesengine.flow import as_flow
from rulesengine.gathering import File, Files
from rulesengine.payloads import encode
from rulesengine.source import read
from rulesengine.testing.trials import OUTCOMES, expectation
from rulesengine.testing.updating import expected_lines

_CASES = 50
_ITEMS = 20
_LONGEST = 100_000
_IN_JSON = ("json", "ndjson")
_NAMES = 4  # of events in what a case is about


@dataclass(frozen=True, slots=True)
class Draft:
    """The texts of a mapping and of its cases (none where no body is short enough), and what they rest on.

    `counts` says what becomes of the items: emitted, ignored, unmatched, rejected.
    """

    mapping: str
    cases: tuple[str, ...]
    formats: tuple[str, ...]
    found: Inference
    counts: dict[str, int]

    @property
    def samples(self) -> str:
        """The text of the file of cases."""
        return "cases:\n" + "\n".join(self.cases)


def make_draft(provider: str, files: Files, app: App, bodies: Sequence[Specimen], mapping_file: str) -> Draft:
    """A draft from sample bodies for the app whose file is among `files`; `mapping_file` is what it will be called."""
    formats = formats_of(bodies)
    found = infer([one.data for one in bodies], app.channel)
    text = mapping_text(provider, app, formats, len(bodies), found)
    engine = Engine(replace(files, mappings=(File(mapping_file, text.encode()),)))
    counts: Counter[str] = Counter()
    for body in bodies:
        result = engine.apply(provider, body.data)
        counts["emitted"] += result.emitted
        counts.update({name: len(getattr(result, name)) for name in OUTCOMES})
    items = _by_body(found)
    cases = [_case(engine, provider, body, items[id(body.data)]) for body in _chosen(bodies, items)]
    return Draft(text, tuple(filter(None, cases)), tuple(formats), found, dict(counts))


def with_made_up_people(bodies: Sequence[Specimen]) -> list[Specimen]:
    """The bodies with personal data replaced, in their bytes as well where these are JSON."""
    made = redacted([one.data for one in bodies])
    return [
        replace(one, data=data, raw=encode(data) if one.form in _IN_JSON else b"")
        for one, data in zip(bodies, made, strict=True)
    ]


# -- which bodies, and how much of them -------------------------------------------------------------------------------


_Items = list[tuple[str, Any]]  # of a body, each with the name of its event


def _by_body(found: Inference) -> defaultdict[int, _Items]:
    """The items of each body, by the identity of its data."""
    items: defaultdict[int, _Items] = defaultdict(list)
    for item, name in zip(found.items, found.names, strict=True):
        items[id(item.body)].append((name, item.value))
    return items


def _chosen(bodies: Sequence[Specimen], items: dict[int, _Items]) -> Iterator[Specimen]:
    seen: set[str] = set()
    for body in bodies:
        here = {name for name, _ in items[id(body.data)]}
        if len(bodies) <= _CASES or not here <= seen:
            yield body
        seen |= here


def _thinned(body: Specimen, items: _Items) -> Specimen:
    """A body with the first item of each event; one whose items stand in it as text stays whole."""
    firsts = {id(item) for _, item in {name: (name, item) for name, item in reversed(items)}.values()}
    data = _without(body.data, {id(item) for _, item in items} - firsts)
    return replace(body, data=data, raw=encode(data))


def _without(value: Any, gone: set[int]) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, gone) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, gone) for inner in value if id(inner) not in gone]
    return value


# -- cases ------------------------------------------------------------------------------------------------------------


def _case(engine: Engine, provider: str, body: Specimen, items: _Items) -> str | None:
    """The text of a case; None for a body that is too long."""
    about = _about(body, items)
    if len(items) > _ITEMS and body.form in _IN_JSON:
        body = _thinned(body, items)
        about += f", the first of each event of {len(items):,} items"
    text = _as_data(body) or _as_text(body)
    if len(text) > _LONGEST:
        return None
    expected = expected_lines(expectation(engine.apply(provider, body.data), {}), 6)
    return "\n".join([f"  - about: {scalar(about)}", text, "    expect:", *expected]) + "\n"


def _about(body: Specimen, items: _Items) -> str:
    every = list(dict.fromkeys(name for name, _ in items if name))
    told = ", ".join(every[:_NAMES]) + (f" and {len(every) - _NAMES} more" if len(every) > _NAMES else "")
    return f"{told or 'no event'} ({printable(os.path.basename(body.source))})"


def _as_data(body: Specimen) -> str | None:
    """The body as data; None where YAML would not give back the same, or the body came as no JSON."""
    if body.raw and body.form not in _IN_JSON:
        return None
    line = f"    payload: {as_flow(body.data, column=13)}"
    root, faults = read("", line.strip().encode())
    again = root.data.get("payload") if root is not None and not faults else None
    return line if json.dumps(again) == json.dumps(body.data) else None


def _as_text(body: Specimen) -> str:
    return f"    body: {as_flow(body.raw.decode())}"
