"""The mappings of the project: clean against their manifests, every case as expected, every rule in some case."""

from __future__ import annotations

import pytest

from rulesengine import loading
from rulesengine.diagnostics import render
from tests.cases import MAPPINGS, Case, cases_of, channels_of, engine_for, outcome, providers, rules_run, run

CASES = [case for provider in providers() for case in cases_of(provider)]


@pytest.mark.parametrize(("provider", "channel"), [(one, of) for one in providers() for of in channels_of(one)])
def test_mapping_is_clean(provider: str, channel: str) -> None:
    """No errors, and no advice but on the manifest itself (one manifest serves many mappings)."""
    app = engine_for(provider, channel)._files.app.name
    files, _ = loading.gather([MAPPINGS / f"{provider}.yml"], app)
    assert files is not None
    found = [one for one in loading.check_files(files).diagnostics if one.place.file != app]
    assert not found, render(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    result = run(engine_for(case.provider, case.data.get("app")), case)
    assert outcome(result) == case.data["expect"], [*result.unmatched, *result.rejected]
    assert result.items == result.emitted + len(result.ignored) + len(result.unmatched) + len(result.rejected)


@pytest.mark.parametrize("provider", providers())
def test_every_rule_runs_in_a_case(provider: str) -> None:
    seen: set[int] = set()
    for case in cases_of(provider):
        seen |= rules_run(engine_for(provider, case.data.get("app")), case)
    rules = engine_for(provider)._programs[provider].mapping.rules
    assert [rule.label for rule in rules if rule.index not in seen] == []
