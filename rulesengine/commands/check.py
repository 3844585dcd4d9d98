"""`rules check`: every fault of mappings and app.yml in one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from rulesengine import __version__, loading
from rulesengine.commands.common import FAILED, app_options, counted, gather
from rulesengine.diagnostics import Diagnostic, has_errors, in_order, render
from rulesengine.engine import Engine
from rulesengine.loading import Checked, Files
from rulesengine.reports import as_github, as_json, as_sarif
from rulesengine.samples import check_samples, sample_files


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@app_options
@click.option(
    "--samples", metavar="DIR", help="Bodies to hold the mappings against: in DIR/PROVIDER/, or in DIR itself."
)
@click.option("--strict", is_flag=True, help="Fail on advice too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text",
              show_default=True, help="How to print what was found.")  # fmt: skip
def command(
    paths: tuple[str, ...], app: str, vocabulary: str | None, samples: str | None, strict: bool, form: str
) -> None:
    """Check mappings, and what they emit against app.yml. PATH is a mapping file, a folder, or a bundled name.

    Exit status: 0 no errors; 1 errors (with --strict: or advice); 2 wrong usage.
    """
    if samples is not None and not Path(samples).is_dir():
        raise click.BadParameter(f"{samples} is no folder", param_hint="--samples")
    files = gather(paths, app, vocabulary)
    checked = loading.check_files(files)
    found = in_order([*checked.diagnostics, *_from_samples(files, checked, samples)])
    forms = {
        "text": lambda: _as_text(checked, found),
        "json": lambda: as_json(checked, found),
        "sarif": lambda: as_sarif(found, __version__),
        "github": lambda: as_github(found),
    }
    click.echo(forms[form](), nl=False)
    if any(one.is_error or strict for one in found):
        raise SystemExit(FAILED)


def _from_samples(files: Files, checked: Checked, folder: str | None) -> list[Diagnostic]:
    """Advice from sample bodies; only mappings without errors can be run over them."""
    if folder is None or has_errors(checked.diagnostics):
        return []
    engine = Engine(files)
    if not any(sample_files(folder, provider) for provider in engine.providers):
        raise click.BadParameter(f"{folder} has no samples of {', '.join(engine.providers)}", param_hint="--samples")
    return [one for subject in checked.subjects for one in check_samples(engine, subject, folder)]


def _as_text(checked: Checked, diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(one.is_error for one in diagnostics)
    advice = len(diagnostics) - errors
    left_out = "".join(f"left out: {file} is for another channel\n" for file in checked.left_out)
    mappings = counted(checked.files, "mapping")
    verdict = (
        f"{counted(errors, 'error')}, {advice} advice in {mappings}\n" if diagnostics else f"{mappings}: all well\n"
    )
    found = render(diagnostics)
    return f"{found}\n{left_out}{verdict}" if found else left_out + verdict
