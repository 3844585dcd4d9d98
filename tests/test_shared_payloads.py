"""The mappings over request bodies that others published, where these lie beside the checkout.

Every item is mapped, but for those that shared_payloads.yml names with the reason why they are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rulesengine.source import read
from tests.cases import engine_for, providers

SHARED = Path(__file__).parent.parent.parent / "shared" / "payloads"
KNOWN = Path(__file__).parent / "shared_payloads.yml"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared payloads are not beside this checkout")


def known() -> dict[str, dict[str, Any]]:
    root, faults = read(str(KNOWN), KNOWN.read_bytes())
    assert root is not None
    assert not faults
    found: dict[str, dict[str, Any]] = root.data
    return found


def bodies(provider: str) -> list[Path]:
    folder = SHARED / provider
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


SHARED_PROVIDERS = [one for one in providers() if bodies(one)]


@pytest.mark.parametrize("provider", SHARED_PROVIDERS)
def test_every_item_is_mapped_or_known_not_to_be(provider: str) -> None:
    engine = engine_for(provider)
    found: dict[str, list[str | None]] = {}
    for path in bodies(provider):
        result = engine.apply_bytes(provider, path.read_bytes(), request={"received_at": 1764547200})
        assert result.items == result.emitted + len(result.ignored) + len(result.unmatched) + len(result.rejected)
        codes = [one.code for one in (*result.unmatched, *result.rejected)]
        if codes:
            found[path.name] = codes
    assert found == {name: entry["codes"] for name, entry in known().get(provider, {}).items()}


@pytest.mark.parametrize("provider", SHARED_PROVIDERS)
def test_events_are_about_somebody_at_some_time(provider: str) -> None:
    engine = engine_for(provider)
    for path in bodies(provider):
        result = engine.apply_bytes(provider, path.read_bytes(), request={"received_at": 1764547200})
        for event in result.events:
            assert all(event["identifiers"].values()), path.name
            ts = event["data"].get("ts", 1764547200)
            assert isinstance(ts, int), path.name
            assert 1_000_000_000 < ts < 2_000_000_000, path.name
