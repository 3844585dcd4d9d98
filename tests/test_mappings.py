"""The mappings of the project: clean against their manifests, every case as expected, all of it in some case."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rulesengine import gathering, loading
from rulesengine.diagnostics import render
from rulesengine.testing.reports import failures
from tests.cases import MAPPINGS, channels_of, engine_for, providers, suite_of

# The names of fields, as the guide has them.
_GUIDE = (Path(__file__).parent.parent / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
_FIELD_ROWS = re.findall(r"^\| (?:`identifiers`|`data`)? ?\| (`.*?`) \|", _GUIDE, re.M)
NAMES = set(re.findall(r"`(\w+)`", " ".join(_FIELD_ROWS)))


@pytest.mark.parametrize(("provider", "channel"), [(one, of) for one in providers() for of in channels_of(one)])
def test_mapping_is_clean(provider: str, channel: str) -> None:
    """No errors, and no advice but on the manifest itself (one manifest serves many mappings)."""
    app = engine_for(provider, channel)._files.app.name
    files, _ = gathering.gather([MAPPINGS / f"{provider}.yml"], app)
    assert files is not None
    found = [one for one in loading.check_files(files).diagnostics if one.place.file != app]
    assert not found, render(found)


@pytest.mark.parametrize("provider", providers())
def test_every_case_passes(provider: str) -> None:
    assert list(failures([suite_of(provider)])) == []
    for result in (trial.result for trial in suite_of(provider).trials):
        assert result.items == result.emitted + len(result.ignored) + len(result.unmatched) + len(result.rejected)


@pytest.mark.parametrize("provider", providers())
def test_all_of_it_runs_in_some_case(provider: str) -> None:
    """Each rule, each emission of several, each entry of a table."""
    assert [f"{part.place}: {part.kind} {part.name}" for part, ran in suite_of(provider).coverage() if not ran] == []
    assert not suite_of(provider).left_out


@pytest.mark.parametrize("provider", providers())
def test_one_case_is_the_example_of_the_page(provider: str) -> None:
    assert sum(bool(trial.case.node.data.get("example")) for trial in suite_of(provider).trials) == 1


@pytest.mark.parametrize("provider", providers())
def test_the_names_of_fields_are_those_of_all_providers(provider: str) -> None:
    mapping = engine_for(provider).program(provider).mapping
    emitting = [(rule, emission) for rule in mapping.rules for emission in rule.emissions]
    fields = [(*mapping.identifiers_of(*one), *mapping.data_of(*one)) for one in emitting]
    assert {field.name for some in fields for field in some} <= NAMES


@pytest.mark.parametrize("provider", providers())
def test_each_expression_of_the_payload_runs_where_it_stands(provider: str) -> None:
    program = engine_for(provider, channels_of(provider)[0]).program(provider)
    payload = program.mapping.payload
    steps = zip(payload.steps, program.steps, strict=True) if program.steps else ()  # `@` alone is no step
    for written, run in (*steps, (payload.event, program.event)):
        assert (written and written.place.line) == (run and run.__code__.co_firstlineno)
