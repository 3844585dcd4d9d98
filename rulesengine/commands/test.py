"""`rules test`: the cases beside mappings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

import click

from rulesengine.commands.common import FAILED, counted, fail, gather, style_for
from rulesengine.commands.completion import files, mappings
from rulesengine.diagnostics import PLAIN, has_errors, printable, render
from rulesengine.output import writing
from rulesengine.testing import reports as suite_reports
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
    tested, is_sound = _gathered(paths, apps, vocabulary, only)
    suites = [run(one) for one in tested]
    if updating:
        _update(suites)
        suites = [run(one) for one in _gathered(paths, apps, vocabulary, only)[0]]
    _write({lcov: suite_reports.as_lcov, cobertura: suite_reports.as_cobertura, junit: suite_reports.as_junit}, suites)
    has_passed = _report(suites) and is_sound
    if coverage or fail_under is not None:
        has_passed = _report_coverage(suites, fail_under) and has_passed
    if mutate:
        has_passed = _report_mutants(suites) and has_passed
    if not has_passed:
        raise SystemExit(FAILED)


def _gathered(
    paths: Sequence[str], apps: Sequence[str], vocabulary: str | None, only: str | None
) -> tuple[list[Tested], bool]:
    """The mappings with the cases that are asked for, and whether all files are without errors; none is the end."""
    tested, found = gather_cases([gather(paths, app, vocabulary) for app in apps])
    errors = [one for one in found if one.is_error]
    if not tested:
        fail(errors, FAILED) if errors else _none_suits(apps)
    style = style_for(sys.stderr)
    click.echo(render(errors, style), err=True, nl=False, color=style != PLAIN)
    if only is not None:
        tested = [replace(one, cases=tuple(case for case in one.cases if only in case.about)) for one in tested]
        tested = [one for one in tested if one.cases]
        if not tested:
            raise click.BadParameter(f"no case is about {only!r}", param_hint="-k")
    return tested, not has_errors(errors)


def _none_suits(apps: Sequence[str]) -> NoReturn:
    raise click.UsageError(f"no mapping is for the channel of {' or '.join(apps)}")


def _update(suites: Sequence[Suite]) -> None:
    """Write what came out into the files of cases that fail."""
    for file, (text, count) in updated(trial for suite in suites for trial in suite.failed).items():
        with writing(file) as stream:
            stream.write(text.encode())
        click.echo(f"{file}: {counted(count, 'case')} updated")


def _write(reports: dict[str | None, Callable[[Sequence[Suite]], str]], suites: Sequence[Suite]) -> None:
    for file, report in reports.items():
        if file is not None:
            with writing(file) as stream:
                stream.write(report(suites).encode())


def _report(suites: Sequence[Suite]) -> bool:
    for line in suite_reports.failures(suites):
        click.echo(line)
    failed = sum(len(suite.failed) for suite in suites)
    ran = sum(len(suite.trials) for suite in suites)
    left_out = sum(len(suite.left_out) for suite in suites)
    rest = f", {left_out} not run for want of their channel's app.yml (--app)" if left_out else ""
    mappings = counted(len(suites), "mapping")
    click.echo(f"{counted(ran, 'case')} of {mappings}: {ran - failed} passed, {failed} failed{rest}")
    return ran > 0 and not failed


def _report_coverage(suites: Sequence[Suite], least: float | None) -> bool:
    for line in suite_reports.coverage_lines(suites):
        click.echo(line)
    covered = suite_reports.covered_in(suites)
    if least is None or not suite_reports.is_below(covered, least):
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
