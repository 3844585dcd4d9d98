"""`rules new`: a first mapping and its cases, from sample bodies."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from rulesengine import loading
from rulesengine.app import App
from rulesengine.commands.common import FAILED, app_options, counted, fail, gather, standard_input
from rulesengine.commands.completion import files, folders, providers
from rulesengine.diagnostics import has_errors, printable
from rulesengine.drafting.drafts import Draft, make_draft, with_made_up_people
from rulesengine.drafting.scaffold import overview, todos_in
from rulesengine.drafting.specimens import MOST, Specimens, read_specimens
from rulesengine.gathering import Files
from rulesengine.keys import PROVIDER
from rulesengine.output import writing_all
from rulesengine.payloads import FORMATS

_FAULTS_SHOWN = 10


@click.command("new")
@click.argument("provider", metavar="PROVIDER --from PAYLOAD...", shell_complete=providers)
@click.option(
    "--from", "first", required=True, multiple=True, metavar="PAYLOAD...", shell_complete=files, help="Sample bodies."
)
@click.argument("more", nargs=-1, metavar="", shell_complete=files)
@click.option(
    "-o",
    "--output",
    "folder",
    default=".",
    metavar="DIR",
    shell_complete=folders,
    help="Where to write to.  [default: this folder]",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Read the bodies as this, and try no other.")
@click.option("--redact", is_flag=True, help="Replace addresses, phone numbers and names by made-up ones.")
@app_options
def command(
    provider: str,
    first: tuple[str, ...],
    more: tuple[str, ...],
    folder: str,
    form: str | None,
    redact: bool,
    app: str,
    vocabulary: str | None,
) -> None:
    """Write a first mapping of PROVIDER, and cases for it, from sample bodies.

    From these it infers the format, the envelope, the field that names what happened and its values, the recipient, the
    time and its unit, and ids. What they leave open is marked TODO. PAYLOAD is a file (.json .ndjson .jsonl .txt, each
    also .gz), a folder of such, or - for standard input. Nothing is overwritten.

    Example: rules new postino --from monday.json --redact

    Exit status: 0 written; 1 some bodies, or all, could not be read; 2 wrong usage.
    """
    if not re.fullmatch(PROVIDER, provider):
        raise click.BadParameter(
            f"{provider!r} is no name of a provider: lower case letters, digits, '_' and '-', such as amazon_ses",
            param_hint="PROVIDER",
        )
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise click.BadParameter(f"{folder} is no folder", param_hint="-o")
    mapping_file, samples_file = Path(folder, f"{provider}.yml"), Path(folder, provider, "samples.yml")
    _refuse_overwriting(mapping_file, samples_file)
    files, declared = _read_app(app, vocabulary)
    specimens = _read_bodies([*first, *more], form)
    bodies = with_made_up_people(specimens.bodies) if redact else specimens.bodies
    draft = make_draft(provider, files, declared, bodies, str(mapping_file))
    texts = {mapping_file: draft.mapping.encode()}
    if draft.cases:
        texts[samples_file] = draft.samples.encode()
    _write(texts)
    _report(draft, len(bodies), mapping_file, samples_file)
    _say_what_is_next(draft, mapping_file, app, vocabulary, redact=redact)
    if specimens.faults:
        raise SystemExit(FAILED)


def _refuse_overwriting(*files: Path) -> None:
    for file in files:
        if file.exists():
            raise click.UsageError(f"{file} is there already: take it away, or write elsewhere with -o")


def _read_app(app: str, vocabulary: str | None) -> tuple[Files, App]:
    """The files beside the mapping, and what app.yml declares; faults of these end the program."""
    files = gather([], app, vocabulary)
    checked = loading.check_files(files)
    if has_errors(checked.diagnostics):
        fail([one for one in checked.diagnostics if one.is_error], FAILED)
    return files, checked.app


def _read_bodies(paths: Sequence[str], form: str | None) -> Specimens:
    """The sample bodies; what cannot be read is told, and the end of the program if that is all."""
    found = read_specimens(paths, form, standard_input() if "-" in paths else None)
    for fault in found.faults[:_FAULTS_SHOWN]:
        click.echo(printable(fault), err=True)
    if len(found.faults) > _FAULTS_SHOWN:
        click.echo(f"... and {len(found.faults) - _FAULTS_SHOWN} more that cannot be read", err=True)
    if found.is_cut:
        click.echo(f"more than {MOST:,} bodies: the others are not looked at", err=True)
    if not found.bodies:
        click.echo("no sample body to infer a mapping from: nothing is written", err=True)
        raise SystemExit(FAILED)
    return found


def _write(texts: Mapping[Path, bytes]) -> None:
    """All files or none: a mapping without its cases would be in the way of the next draft."""
    for file in texts:
        os.makedirs(file.parent, exist_ok=True)
    with writing_all(map(str, texts)) as streams:
        for stream, text in zip(streams, texts.values(), strict=True):
            stream.write(text)


def _report(draft: Draft, bodies: int, mapping_file: Path, samples_file: Path) -> None:
    found = f"{counted(len(draft.found.items), 'item')} in {counted(bodies, 'body', 'bodies')}"
    outcomes = ", ".join(f"{number} {name}" for name, number in draft.counts.items())
    click.echo(f"{printable(str(mapping_file))}: from {found}; of these now {outcomes}")
    for line in overview(draft.found, draft.formats):
        click.echo(line)
    if draft.cases:
        click.echo(f"{printable(str(samples_file))}: {counted(len(draft.cases), 'case')}")


def _say_what_is_next(draft: Draft, mapping_file: Path, app: str, vocabulary: str | None, *, redact: bool) -> None:
    if draft.cases and not redact:
        click.echo("the cases hold the bodies as given: with data of real people, use --redact", err=True)
    if not draft.cases:
        click.echo("no body is short enough for a case: write some by hand", err=True)
    options = "".join(
        f" {name} {value}" for name, value, default in (("--app", app, "app.yml"), ("--vocabulary", vocabulary, None))
        if value != default
    )  # fmt: skip
    click.echo(f"left to do: {counted(todos_in(draft.mapping), 'TODO')}, then")
    for verb in ("check", "test"):
        click.echo(printable(f"  rules {verb} {mapping_file}{options}"))
