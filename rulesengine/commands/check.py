"""`rules check`: every fault of mappings and app.yml in one run."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from rulesengine import loading
from rulesengine.commands.common import FAILED, app_options, counted, gather
from rulesengine.diagnostics import Diagnostic, render
from rulesengine.loading import Checked


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@app_options
@click.option("--strict", is_flag=True, help="Fail on advice too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How to print what was found.")  # fmt: skip
def command(paths: tuple[str, ...], app: str, vocabulary: str | None, strict: bool, form: str) -> None:
    """Check mappings, and what they emit against app.yml. PATH is a mapping file, a folder, or a bundled name.

    Exit status: 0 no errors; 1 errors (with --strict: or advice); 2 wrong usage.
    """
    checked = loading.check_files(gather(paths, app, vocabulary))
    click.echo(_as_json(checked) if form == "json" else _as_text(checked), nl=False)
    if any(one.is_error or strict for one in checked.diagnostics):
        raise SystemExit(FAILED)


def _counts(diagnostics: Sequence[Diagnostic]) -> tuple[int, int]:
    errors = sum(one.is_error for one in diagnostics)
    return errors, len(diagnostics) - errors


def _as_json(checked: Checked) -> str:
    errors, advice = _counts(checked.diagnostics)
    found = {
        "diagnostics": [one.as_dict() for one in checked.diagnostics],
        "errors": errors,
        "advice": advice,
        "left_out": list(checked.left_out),
    }
    return json.dumps(found, indent=2) + "\n"


def _as_text(checked: Checked) -> str:
    errors, advice = _counts(checked.diagnostics)
    left_out = "".join(f"left out: {file} is for another channel\n" for file in checked.left_out)
    mappings = counted(checked.files, "mapping")
    verdict = (
        f"{counted(errors, 'error')}, {advice} advice in {mappings}\n"
        if errors or advice
        else f"{mappings}: all well\n"
    )
    found = render(checked.diagnostics)
    return f"{found}\n{left_out}{verdict}" if found else left_out + verdict
