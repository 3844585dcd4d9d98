"""Cases beside a mapping: YAML files in the folder of its name, each a list of payloads and what becomes of them.

cases:
  - about: what this shows
    example: true            # shown on the provider's page; one case of each provider
    app: sms                 # the channel type of the manifest in mappings/apps; the mapping's first unless said
    payload: [...]           # the decoded body; or `body:`, its text, decoded as payload.format says
    request: {...}           # what request() gives
    expect:
      events: [...]          # exactly these
      ignored: [labels]      # of the rules that ignored an item, in order
      unmatched: [codes]
      rejected: [codes]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rulesengine import Engine, Result
from rulesengine.codegen import compile_mapping
from rulesengine.coverage import Part, parts
from rulesengine.diagnostics import Place, render
from rulesengine.emitting import Target
from rulesengine.loading import check_files
from rulesengine.source import read

MAPPINGS = Path(__file__).parent.parent / "mappings"


@dataclass(frozen=True)
class Case:
    """One case of a provider and the file it is from."""

    provider: str
    file: Path
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.file.stem}: {self.data['about']}"


def providers() -> list[str]:
    """The providers that the project has a mapping for."""
    return sorted(path.stem for path in MAPPINGS.glob("*.yml"))


def cases_of(provider: str) -> Iterator[Case]:
    """The cases beside a mapping."""
    for file in sorted((MAPPINGS / provider).glob("*.yml")):
        yield from (Case(provider, file, data) for data in data_of(file)["cases"])


def channels_of(provider: str) -> list[str]:
    """The channel types that a mapping suits, the main one first."""
    found: list[str] = data_of(MAPPINGS / f"{provider}.yml")["channels"]
    return found


@cache
def manifests() -> dict[str, Path]:
    """The example manifests, by the channel type they are of."""
    return {data_of(path)["channel"]["type"]: path for path in sorted((MAPPINGS / "apps").glob("*.yml"))}


@cache
def engine_for(provider: str, channel: str | None = None) -> Engine:
    """An engine of one mapping, for the manifest of a channel type or that of the mapping's first."""
    manifest = manifests()[channel or channels_of(provider)[0]]
    return Engine.load(MAPPINGS / f"{provider}.yml", app=manifest)


def data_of(path: Path) -> Any:
    """What a YAML file holds, which must be without faults."""
    root, faults = read(str(path), path.read_bytes())
    assert root is not None, render(faults)
    assert not faults, render(faults)
    return root.data


def run(engine: Engine, case: Case) -> Result:
    """What becomes of the payload of a case."""
    request = case.data.get("request")
    if "body" in case.data:
        return engine.apply_bytes(case.provider, case.data["body"].encode(), request=request)
    return engine.apply(case.provider, case.data["payload"], request=request)


def outcome(result: Result) -> dict[str, list[Any]]:
    """A result as the `expect` of a case says it, empty parts left out."""
    parts: dict[str, list[Any]] = {
        "events": result.events,
        "ignored": [one.rule for one in result.ignored],
        "unmatched": [one.code for one in result.unmatched],
        "rejected": [one.code for one in result.rejected],
    }
    return {name: part for name, part in parts.items() if part}


def parts_run(provider: str) -> tuple[list[Part], set[Place]]:
    """The parts of a mapping, and the places of those that its cases make run."""
    seen: set[Place] = set()
    engines: dict[str | None, Engine] = {}
    for case in cases_of(provider):
        channel = case.data.get("app")
        if channel not in engines:
            engines[channel] = _noting(engine_for(provider, channel), provider, seen)
        run(engines[channel], case)
    return list(parts(engine_for(provider).program(provider).mapping)), seen


def _noting(engine: Engine, provider: str, seen: set[Place]) -> Engine:
    """A copy of an engine whose program notes what runs."""
    checked = check_files(engine._files)
    target = Target(checked.vocabulary, checked.app.channel, frozenset(checked.app.declared))
    noting = Engine(engine._files, checked=checked)
    noting._programs[provider] = compile_mapping(engine.program(provider).mapping, target, seen=seen)
    return noting
