"""`rules test`: the cases beside mappings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

import click

from rulesengine.commands.common import FAILED, counted, fail, gather, style_for
from rulesengine.commands.completion import files, mappings
from rulesengine.commands.runs import refuse_overwriting
from rulesengine.diagnostics import PLAIN, Diagnostic, listed, printable, render
from rulesengine.gathering import Files
from rulesengine.output import writing
from rulesengine.testing import reports
from rulesengine.testing.cases import case_files, holds_cases, mapping_of
from rulesengine.testing.mutants import Mutant, survivors
from rulesengine.testing.suites import Suite, Tested, gather_cases, run
from rulesengine.testing.updating import updated


@click.command("test")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=mappings)
@click.option(
    "--app",
    "apps",
    multiple=True,
    default=("app.yml",),
    show_default=True,
    metavar="FILE",
    shell_complete=files,
    help="The app's manifest; several, one a channel type, for mappings that suit several.",
)
@click.option(
    "--vocabulary", metavar="FILE", shell_complete=files, help="Metrics and events to use in place of the bundled."
)
@click.option("-k", "only", metavar="TEXT", help="Run only the cases with this text in what they are about.")
@click.option("--coverage", is_flag=True, help="Name the rules, emissions and table entries that no case makes run.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    callback=lambda context, option, value: _number(value),
    metavar="PERCENT",
    help="Fail if fewer of them run; nothing is rounded up.",
)
@click.option("--lcov", metavar="FILE", shell_complete=files, help="Write what ran to FILE as an lcov tracefile.")
@click.option("--cobertura", metavar="FILE", shell_complete=files, help="Write what ran to FILE as Cobertura XML.")
@click.option(
    "--junit", metavar="FILE", shell_complete=files, help="Write what became of the cases to FILE as JUnit XML."
)
@click.option("--update", "updating", is_flag=True, help="Write what came out into the cases that fail.")
@click.option("--mutate", is_flag=True, help="List the changes to the mapping that no case notices.")
def command(
    paths: tuple[str, ...],
    apps: tuple[str, ...],
    vocabulary: str | None,
    only: str | None,
    coverage: bool,
    fail_under: float | None,
    lcov: str | None,
    cobertura: str | None,
    junit: str | None,
    updating: bool,
    mutate: bool,
) -> None:
    """Check mappings, then run the cases beside them: those in sendgrid/*.yml beside sendgrid.yml.

    PATH is a mapping file, a folder, or a bundled name.

    Exit status: 0 all passed; 1 errors, failed cases, too little coverage, changes that no case notices; 2 wrong usage.

    Example: rules test sendgrid --coverage
    """
    all_files = [gather(paths, app, vocabulary) for app in apps]
    _refuse_cases(all_files[0])
    tested, errors = _gathered(all_files, only)
    outputs = {"--lcov": lcov, "--cobertura": cobertura, "--junit": junit}
    refuse_overwriting([*apps, *filter(None, [vocabulary]), *_inputs(all_files, tested)], outputs)
    suites = [run(one) for one in tested]
    if updating:
        _update(suites)
        tested, errors = _gathered(all_files, only)
        suites = [run(one) for one in tested]
    _write_reports(suites, errors, lcov=lcov, cobertura=cobertura, junit=junit)
    if not tested:
        fail(errors, FAILED) if errors else _none_suits(apps)
    _tell(errors)
    has_passed = _report(suites) and not errors
    if coverage or fail_under is not None:
        has_passed = _report_coverage(suites, fail_under) and has_passed
    if mutate:
        has_passed = _report_mutants(suites) and has_passed
    if not has_passed:
        raise SystemExit(FAILED)


def _number(value: float | None) -> float | None:
    """A percentage; `nan` is a number to Python, and less than nothing."""
    if value is not None and value != value:
        raise click.BadParameter("nan is no percentage")
    return value


def _refuse_cases(files: Files) -> None:
    """A file of cases in place of a mapping is wrong usage, and would be told as a mapping full of faults."""
    for file in files.mappings:
        if not file.in_folder and holds_cases(file.raw):
            mapping = mapping_of(file.name) or "the mapping that they are for"
            raise click.UsageError(f"{file.name} holds cases: name {mapping}, which runs them all; -k chooses some")


def _gathered(all_files: Sequence[Files], only: str | None) -> tuple[list[Tested], list[Diagnostic]]:
    """The mappings with the cases that are asked for, and the errors of all files."""
    tested, found = gather_cases(all_files)
    if only is not None and tested:
        tested = [replace(one, cases=tuple(case for case in one.cases if only in case.about)) for one in tested]
        tested = [one for one in tested if one.cases]
        if not tested:
            raise click.BadParameter(f"no case is about {only!r}", param_hint="-k")
    return tested, [one for one in found if one.is_error]


def _inputs(all_files: Sequence[Files], tested: Sequence[Tested]) -> Iterator[str]:
    """The files that are read: mappings, files of cases, bodies."""
    yield from (file.name for files in all_files for file in files.mappings)
    for one in tested:
        yield from map(str, case_files(one.mapping.file))
        yield from (case.file for case in one.cases if case.file is not None)


def _tell(errors: Sequence[Diagnostic]) -> None:
    style = style_for(sys.stderr)
    click.echo(render(errors, style), err=True, nl=False, color=style != PLAIN)


def _none_suits(apps: Sequence[str]) -> NoReturn:
    raise click.UsageError(f"no mapping is for the channel of {' or '.join(apps)}")


def _update(suites: Sequence[Suite]) -> None:
    """Write what came out into the files of cases that fail."""
    for one in updated(trial for suite in suites for trial in suite.failed):
        if one.raw is None:
            why = "an alias, an anchor or a key of its own form stands there"
            click.echo(printable(f"{one.file}: {counted(one.count, 'case')} not updated: {why}"), err=True)
            continue
        with writing(one.file) as stream:
            stream.write(one.raw)
        click.echo(printable(f"{one.file}: {counted(one.count, 'case')} updated"))


def _write_reports(
    suites: Sequence[Suite],
    errors: Sequence[Diagnostic],
    *,
    lcov: str | None,
    cobertura: str | None,
    junit: str | None,
) -> None:
    texts: dict[str | None, str] = {
        lcov: reports.as_lcov(suites),
        cobertura: reports.as_cobertura(suites),
        junit: reports.as_junit(suites, errors),
    }
    for file, text in texts.items():
        if file is not None:
            with writing(file) as stream:
                stream.write(text.encode())


def _report(suites: Sequence[Suite]) -> bool:
    for line in reports.failures(suites):
        click.echo(line)
    idle = [suite for suite in suites if not suite.trials]
    for suite in idle:
        channels = listed(dict.fromkeys(map(suite.tested.channel_of, suite.left_out)))
        click.echo(
            printable(f"{suite.tested.mapping.file}: none of its cases ran: name an app.yml for {channels} (--app)")
        )
    failed = sum(len(suite.failed) for suite in suites)
    ran = sum(len(suite.trials) for suite in suites)
    left_out = sum(len(suite.left_out) for suite in suites)
    rest = f", {left_out} not run for want of their channel's app.yml (--app)" if left_out else ""
    mappings = counted(len(suites), "mapping")
    click.echo(f"{counted(ran, 'case')} of {mappings}: {ran - failed} passed, {failed} failed{rest}")
    return not idle and not failed


def _report_coverage(suites: Sequence[Suite], least: float | None) -> bool:
    for line in reports.coverage_lines(suites):
        click.echo(line)
    covered = reports.covered_in(suites)
    if least is None or not reports.is_below(covered, least):
        return True
    click.echo(f"less than {least:g} % is covered", err=True)
    return False


def _report_mutants(suites: Sequence[Suite]) -> bool:
    if any(suite.failed for suite in suites):
        click.echo("cases that fail notice everything: mend them, then use --mutate", err=True)
        return False
    tried, survived = 0, 0

    def count(mutant: Mutant) -> None:
        nonlocal tried
        tried += 1

    for mutant in (one for suite in suites for one in survivors(suite, count)):
        survived += 1
        click.echo(printable(f"{mutant.place}: no case notices: {mutant.about}"))
    click.echo(f"{counted(tried, 'change')} tried, {tried - survived} noticed, {survived} not")
    return not survived
