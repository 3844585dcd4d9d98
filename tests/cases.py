"""The project's mappings, each with its cases, for the manifests in mappings/apps."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from rulesengine import Engine
from rulesengine.diagnostics import render
from rulesengine.source import read
from rulesengine.testing.cases import read_cases
from rulesengine.testing.suites import Suite, Tested, run

MAPPINGS = Path(__file__).parent.parent / "mappings"


@cache
def providers() -> list[str]:
    """The providers that the project has a mapping for."""
    return sorted(path.stem for path in MAPPINGS.glob("*.yml"))


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


@cache
def tested(provider: str) -> Tested:
    """A mapping with its cases, for each of its channels."""
    engines = {channel: engine_for(provider, channel) for channel in channels_of(provider)}
    mapping = engine_for(provider).program(provider).mapping
    cases, faults = read_cases(mapping)
    assert not faults, render(faults)
    return Tested(mapping, engines, tuple(cases))


@cache
def suite_of(provider: str) -> Suite:
    """What became of the cases of a mapping."""
    return run(tested(provider))


def data_of(path: Path) -> Any:
    """What a YAML file holds, which must be without faults."""
    root, faults = read(str(path), path.read_bytes())
    assert root is not None, render(faults)
    assert not faults, render(faults)
    return root.data
