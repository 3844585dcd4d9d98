"""`rules diff`: what another version of a mapping makes of the same bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import click

from rulesengine.commands.common import (
    FAILED,
    USAGE,
    app_options,
    fail,
    progress_over,
    provider_of,
    request_of,
    standard_input,
    standard_output,
)
from rulesengine.commands.completion import files, mappings, providers
from rulesengine.comparing.changes import Changes
from rulesengine.comparing.reports import as_data, as_lines, unread_lines
from rulesengine.comparing.revisions import gather
from rulesengine.comparing.versions import Version, Versions
from rulesengine.diagnostics import Diagnostic, listed, printable
from rulesengine.engine import Engine
from rulesengine.errors import InvalidMapping
from rulesengine.files import payload_files
from rulesengine.gathering import Files
from rulesengine.payloads import FORMATS, encode
from rulesengine.testing.cases import folder_of, read_cases


@click.command("diff")
@click.argument("old", shell_complete=mappings)
@click.argument("new", shell_complete=mappings)
@click.argument("payloads", nargs=-1, metavar="[PAYLOAD]...", shell_complete=files)
@app_options
@click.option("--old-app", metavar="FILE", shell_complete=files, help="The app's manifest for OLD, if not the same.")
@click.option("--provider", shell_complete=providers, help="Which mapping of a folder the payloads are for.")
@click.option("--examples", type=click.IntRange(0), default=0, metavar="N", help="Show up to N items of each change.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How to print what changes.")  # fmt: skip
@click.option("--payload-format", type=click.Choice(FORMATS), help="Read payloads as this, whatever the mappings say.")
@click.option("--received-at", metavar="T", help="When the payloads came: epoch seconds or ISO 8601, for request().")
def command(
    old: str,
    new: str,
    payloads: tuple[str, ...],
    app: str,
    vocabulary: str | None,
    old_app: str | None,
    provider: str | None,
    examples: int,
    form: str,
    payload_format: str | None,
    received_at: str | None,
) -> None:
    """Run two versions of a mapping over the same bodies, and list which items change, how, and by which rules.

    OLD and NEW are files, folders, bundled names, or what git has of these: HEAD~1:mappings/sendgrid.yml. PAYLOAD is a
    file (.json .ndjson .jsonl .txt, each also .gz), a folder of such, or - for standard input; with several mappings
    the folder a payload lies in names its provider. Without any, the bodies of the cases beside NEW are run.

    Example: rules diff HEAD:mappings/postino.yml mappings/postino.yml body.json --examples 2

    Exit status: 0 nothing changes; 1 something does, or could not be compared, or errors in a mapping; 2 wrong usage.
    """
    request = request_of(received_at)
    engines = _engines((old, old_app or app), (new, app), vocabulary)
    changes = Changes(keep=examples)
    if payloads:
        _compare_files(engines, payloads, changes, provider=provider, form=payload_format, request=request)
    else:
        _compare_cases(engines, provider, changes)
    for line in unread_lines(changes):
        click.echo(line, err=True)
    if form == "json":
        click.echo(encode(as_data(changes)), file=standard_output())
    else:
        click.echo("\n".join(as_lines(changes)), file=standard_output())
    if changes.changed or changes.not_compared:
        raise SystemExit(FAILED)


# -- the two versions -------------------------------------------------------------------------------------------------


def _engines(old: tuple[str, str], new: tuple[str, str], vocabulary: str | None) -> tuple[Engine, Engine]:
    """The engines of OLD and NEW, each a mapping and an app.yml; all that is wrong with both is the end."""
    gathered = [gather(*one, vocabulary) for one in (old, new)]
    unreadable = [fault for _, found in gathered for fault in found]
    if unreadable:
        fail(unreadable, USAGE)
    tried = [_engine(files) for files, _ in gathered if files is not None]
    errors = [fault for one in tried if not isinstance(one, Engine) for fault in one]
    if errors and isinstance(tried[1], Engine) and old[1] == new[1]:
        click.echo(
            f"OLD is checked against {old[1]}, as NEW is; where it was written for another, add --old-app", err=True
        )
    if errors:
        fail(errors, FAILED)
    engines = [one for one in tried if isinstance(one, Engine)]
    for (mapping, app), engine in zip((old, new), engines, strict=True):
        for file in engine.left_out:
            click.echo(printable(f"left out: {file} is for another channel than {app}"), err=True)
        if not engine.providers:
            raise click.UsageError(f"no mapping in {mapping} is for the channel of {app}")
    return engines[0], engines[1]


def _engine(files: Files) -> Engine | list[Diagnostic]:
    try:
        return Engine(files)
    except InvalidMapping as fault:
        return [one for one in fault.diagnostics if one.is_error]


def _pairs(engines: tuple[Engine, Engine], provider: str | None) -> tuple[list[str], Callable[[str], Versions | None]]:
    """The providers that either has a mapping for, and what finds both versions of one; None, told, if one lacks it.

    Where OLD and NEW are one mapping each, these belong together, whatever they are called.
    """
    old, new = engines
    if len(old.providers) == len(new.providers) == 1:
        only = Versions(Version(old, old.providers[0]), Version(new, new.providers[0]))
        return [new.providers[0]], lambda _: only

    @cache
    def found(name: str) -> Versions | None:
        for side, engine in (("OLD", old), ("NEW", new)):
            if name not in engine.providers:
                if name == provider:
                    raise click.BadParameter(f"{side} has no mapping for {name!r}", param_hint="--provider")
                click.echo(printable(f"left out: {side} has no mapping for {name}"), err=True)
                return None
        return Versions(Version(old, name), Version(new, name))

    return list(dict.fromkeys((*new.providers, *old.providers))), found


# -- the bodies -------------------------------------------------------------------------------------------------------


def _compare_files(
    engines: tuple[Engine, Engine],
    payloads: Sequence[str],
    changes: Changes,
    *,
    provider: str | None,
    form: str | None,
    request: Any,
) -> None:
    """Compare over payload files."""
    known, versions_of = _pairs(engines, provider)
    named = provider_of(known, provider)
    stdin = standard_input() if "-" in payloads else None
    with progress_over(payloads, "comparing", shows_data=False) as progress:
        for file in (file for path in payloads for file in payload_files(path) or [path]):
            versions = versions_of(named(file))
            if versions is not None:
                versions.compare_file(file, changes, form=form, request=request, stdin=stdin, progress=progress)


def _compare_cases(engines: tuple[Engine, Engine], provider: str | None, changes: Changes) -> None:
    """Compare over the bodies of the cases beside the mappings of NEW."""
    known, versions_of = _pairs(engines, provider)
    provider_of(known, provider)  # refuses an unknown one
    compared = [one for name in ([provider] if provider else known) if (one := versions_of(name)) is not None]
    faults: list[Diagnostic] = []
    for versions in compared:
        cases, found = read_cases(versions.new.mapping)
        faults += found
        for case in cases:
            if versions.new.runs(case):
                versions.compare_case(case, changes)
    if faults:
        fail(faults, FAILED)
    if not changes.bodies:
        folders = listed(str(folder_of(one.new.mapping.file)) for one in compared)
        raise click.UsageError(f"name a PAYLOAD to compare over: there are no cases for this app in {folders}")
