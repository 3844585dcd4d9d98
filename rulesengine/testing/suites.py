"""The cases of mappings, run: each for the app it is for; what passed, and what of the mappings no case made run.

Several app.yml may be given, one a channel type. A case runs for that of its own channel, which is the mapping's first
unless it says so; a case for a channel without an app.yml is not run, and counted as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rulesengine import codes, loading, model
from rulesengine.coverage import Part, parts
from rulesengine.diagnostics import Diagnostic, Place, has_errors, in_order
from rulesengine.engine import Engine
from rulesengine.gathering import Files
from rulesengine.testing.cases import Case, folder_of, read_cases
from rulesengine.testing.trials import Bench, Trial


@dataclass(frozen=True, slots=True)
class Tested:
    """A mapping with an engine for each channel type it can be tried for, and its cases."""

    mapping: model.Mapping
    engines: Mapping[str, Engine]
    cases: tuple[Case, ...]

    @property
    def provider(self) -> str:
        """The mapping's provider."""
        return self.mapping.provider.value

    def channel_for(self, case: Case) -> str | None:
        """The channel type that a case runs for; None where there is no app.yml for it."""
        channel = self.channel_of(case)
        return channel if channel in self.engines else None

    def channel_of(self, case: Case) -> str:
        """The channel type that a case is for; of a mapping for any channel that of the first app.yml."""
        first = self.mapping.channels[0].value if self.mapping.channels else next(iter(self.engines))
        return case.channel or first


@dataclass(frozen=True, slots=True)
class Suite:
    """What became of all cases of a mapping; `left_out` are those for a channel without an app.yml."""

    tested: Tested
    trials: tuple[Trial, ...]
    left_out: tuple[Case, ...]

    @property
    def failed(self) -> list[Trial]:
        """The trials with differences."""
        return [trial for trial in self.trials if trial.differences]

    def coverage(self) -> list[tuple[Part, bool]]:
        """Every part of the mapping, and whether some case made it run."""
        seen = frozenset().union(*(trial.seen for trial in self.trials))
        return [(part, part.place in seen) for part in parts(self.tested.mapping)]


def gather_cases(all_files: Sequence[Files]) -> tuple[list[Tested], list[Diagnostic]]:
    """The mappings with their cases; `all_files` are the same mappings, each time with another app.yml.

    With a fault in any of the files there are no mappings, but all faults, and advice on what is without faults.
    """
    found: dict[str, dict[str, Engine]] = {}
    diagnostics: list[Diagnostic] = []
    for files in _suitable(all_files):
        checked = loading.check_files(files)
        diagnostics += checked.diagnostics
        if not has_errors(checked.diagnostics):
            engine = Engine(files, checked=checked)
            for provider in engine.providers:
                found.setdefault(provider, {})[checked.app.channel] = engine
    made = [] if has_errors(diagnostics) else [_tested(provider, engines) for provider, engines in found.items()]
    diagnostics += chain.from_iterable(faults for _, faults in made)
    return [one for one, _ in made], list(in_order(diagnostics))


def _suitable(all_files: Sequence[Files]) -> Iterator[Files]:
    """The files without the mappings that suit another of the apps, so that only one that suits none is a fault."""
    if len(all_files) == 1:
        yield all_files[0]
        return
    lenient = [
        replace(files, mappings=tuple(replace(one, in_folder=True) for one in files.mappings)) for files in all_files
    ]
    left_out = [set(loading.check_files(files).left_out) for files in lenient]
    of_none = set.intersection(*left_out)
    for number, files in enumerate(all_files):
        gone = left_out[number] - (of_none if number == 0 else set())
        yield replace(files, mappings=tuple(one for one in files.mappings if one.name not in gone))


def _tested(provider: str, engines: Mapping[str, Engine]) -> tuple[Tested, list[Diagnostic]]:
    mapping = next(iter(engines.values())).program(provider).mapping
    cases, faults = read_cases(mapping)
    if not cases and not faults:
        place = Place(mapping.file, 1, 1, 1, 2)
        faults = [codes.E604.at(place, file=mapping.file, folder=str(folder_of(mapping.file)))]
    return Tested(mapping, engines, tuple(cases)), faults


def run(tested: Tested) -> Suite:
    """Try every case that there is an app.yml for."""
    benches = {channel: Bench(engine, tested.provider) for channel, engine in tested.engines.items()}
    trials: list[Trial] = []
    left_out: list[Case] = []
    for case in tested.cases:
        channel = tested.channel_for(case)
        if channel is None:
            left_out.append(case)
        else:
            trials.append(benches[channel].try_case(case))
    return Suite(tested, tuple(trials), tuple(left_out))
