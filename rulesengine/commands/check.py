"""`rules check`: every fault of mappings and app.yml in one run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rulesengine import __version__, loading
from rulesengine.commands.common import FAILED, app_options, counted, gather, style_for
from rulesengine.commands.completion import folders, mappings
from rulesengine.diagnostics import PLAIN, Style, has_errors, printable, render
from rulesengine.engine import Engine
from rulesengine.gathering import Files
from rulesengine.loading import Checked
from rulesengine.reports import as_github, as_json, as_sarif
from rulesengine.samples import check_cases, check_samples, has_cases, sample_files


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=mappings)
@app_options
@click.option(
    "--samples",
    metavar="DIR",
    shell_complete=folders,
    help="Bodies to hold the mappings against: in DIR/PROVIDER/, or in DIR itself.",
)
@click.option("--strict", is_flag=True, help="Fail on advice too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text",
              show_default=True, help="How to print what was found.")  # fmt: skip
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colour text; auto: on a terminal, unless NO_COLOR is set.")  # fmt: skip
def command(
    paths: tuple[str, ...], app: str, vocabulary: str | None, samples: str | None, strict: bool, form: str, color: str
) -> None:
    """Check mappings, and what they emit against app.yml. PATH is a mapping file, a folder, or a bundled name.

    Without --samples the cases beside a mapping (sendgrid/*.yml beside sendgrid.yml) serve as samples.

    Exit status: 0 no errors; 1 errors (with --strict: or advice); 2 wrong usage.

    Example: rules check sendgrid --app app.yml
    """
    if samples is not None and not Path(samples).is_dir():
        raise click.BadParameter(f"{samples} is no folder", param_hint="--samples")
    files = gather(paths, app, vocabulary)
    checked = loading.check_files(files)
    if not has_errors(checked.diagnostics):
        checked = _with_cases(files, checked) if samples is None else _with_samples(files, checked, samples)
    style = style_for(sys.stdout, color)
    forms = {
        "text": lambda: _as_text(checked, style),
        "json": lambda: as_json(checked),
        "sarif": lambda: as_sarif(checked, __version__),
        "github": lambda: as_github(checked.diagnostics),
    }
    click.echo(forms[form](), nl=False, color=style != PLAIN)
    if any(one.is_error or strict for one in checked.diagnostics):
        raise SystemExit(FAILED)


def _with_samples(files: Files, checked: Checked, folder: str) -> Checked:
    """The check with advice from sample bodies; only mappings without errors can be run over them."""
    engine = Engine(files, checked=checked)
    sampled = [one for one in checked.subjects if sample_files(folder, one.mapping.provider.value)]
    if not sampled:
        raise click.BadParameter(f"{folder} has no samples of {', '.join(engine.providers)}", param_hint="--samples")
    advice = [found for subject in sampled for found in check_samples(engine, subject, folder)]
    return loading.with_samples(checked, advice, [subject.mapping.file for subject in sampled])


def _with_cases(files: Files, checked: Checked) -> Checked:
    """The check with advice from the cases beside mappings."""
    sampled = [one for one in checked.subjects if has_cases(one)]
    if not sampled:
        return checked
    engine = Engine(files, checked=checked)
    advice = [found for subject in sampled for found in check_cases(engine, subject)]
    return loading.with_samples(checked, advice, ())


def _as_text(checked: Checked, style: Style) -> str:
    errors = sum(one.is_error for one in checked.diagnostics)
    advice = len(checked.diagnostics) - errors
    left_out = "".join(printable(f"left out: {file} is for another channel") + "\n" for file in checked.left_out)
    mappings = counted(checked.files, "mapping")
    silenced = f", {len(checked.silenced)} silenced" if checked.silenced else ""
    if checked.diagnostics:
        verdict = f"{counted(errors, 'error')}, {advice} advice{silenced} in {mappings}\n"
    else:
        verdict = f"{mappings}: all well{silenced}\n"
    found = render(checked.diagnostics, style)
    return f"{found}\n{left_out}{verdict}" if found else left_out + verdict
