"""`rules why`: what became of items, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from rulesengine import stream
from rulesengine.commands.common import FAILED, app_options, limit_option, load, provider_of, request_of, standard_input
from rulesengine.commands.completion import files, mappings, providers
from rulesengine.engine import Engine
from rulesengine.explaining import stream as why_stream
from rulesengine.explaining.reports import Mask, as_line, as_text, redacting
from rulesengine.explaining.stream import Item
from rulesengine.limits import Limits
from rulesengine.output import writing

_ITEM = re.compile(r"(?:([1-9][0-9]*):)?([0-9]+)")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which items are asked for: those of a number in their body, those of a line; None is for all."""

    line: int | None = None
    item: int | None = None


def _wanted(ctx: click.Context, param: click.Parameter, value: str | None) -> _Wanted:
    found = _ITEM.fullmatch(value) if value is not None else None
    if value is not None and found is None:
        raise click.BadParameter(f"{value!r} is no number from 0, nor LINE:NUMBER as in 12:0")
    return _Wanted(int(found[1]) if found[1] else None, int(found[2])) if found else _Wanted()


@click.command("why")
@click.argument("mapping", shell_complete=mappings)
@click.argument("payloads", nargs=-1, required=True, metavar="PAYLOAD...", shell_complete=files)
@app_options
@click.option("--item", "wanted", metavar="[LINE:]N", callback=_wanted,
              help="Only item N of each body, or of one line, as `rules apply` counts them: from 0.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="Text for people, or a line of JSON an item.")  # fmt: skip
@click.option("--redact", is_flag=True, help="Show type and length in place of values, but for what the mapping says.")
@click.option("--provider", shell_complete=providers, help="Which mapping of a folder the payloads are for.")
@limit_option
@click.option("--received-at", metavar="T", help="When the payloads came: epoch seconds or ISO 8601, for request().")
def command(
    mapping: str,
    payloads: tuple[str, ...],
    app: str,
    vocabulary: str | None,
    wanted: _Wanted,
    form: str,
    redact: bool,
    provider: str | None,
    limits: dict[str, int],
    received_at: str | None,
) -> None:
    """Explain what becomes of each item: the rule that takes it, why those above do not, where each value is from.

    Example: rules why sendgrid body.json --item 0

    MAPPING and PAYLOAD are as for `rules apply`.

    Exit status: 0 explained; 1 an item that was explained is rejected; 2 wrong usage, or no such item.
    """
    engine = load(mapping, app, vocabulary, Limits(**limits))
    tasks = stream.tasks_for(
        engine,
        payloads,
        provider_of=provider_of(engine.providers, provider),
        form=None,
        request=request_of(received_at),
        keep_rejects=False,
    )
    stdin = standard_input() if "-" in payloads else None
    masks = {name: redacting(engine.program(name).mapping) if redact else None for name in engine.providers}
    most, told, has_rejected = -1, 0, False
    with writing(None) as output:
        for item in why_stream.items(engine, list(tasks), line=wanted.line, stdin=stdin):
            most = max(most, item.source.item)
            if wanted.item in (None, item.source.item):
                told += 1
                text, is_rejected = _told(engine, item, form, masks[item.provider])
                output.write(text)
                has_rejected = has_rejected or is_rejected
    if not told:
        _nothing(wanted, most)
    if has_rejected:
        raise SystemExit(FAILED)


def _told(engine: Engine, item: Item, form: str, mask: Mask | None) -> tuple[bytes, bool]:
    """An item explained, and whether it is rejected."""
    explanation = item.explain()
    if form == "text":
        text = as_text(explanation, str(item.source), mask).encode()
    else:
        text = as_line(explanation, item.provider, item.source, mask)
    return text, explanation.outcome == "rejected"


def _nothing(wanted: _Wanted, most: int) -> None:
    """Say why there is nothing to see; ends the program with 2 when an item was asked for that is not there."""
    if wanted.item is None:
        click.echo("no items: the payloads hold none", err=True)
        return
    where = "in any body" if wanted.line is None else f"in line {wanted.line} of any file"
    there = "there are none" if most < 0 else f"they are numbered from 0 to {most}"
    raise click.BadParameter(f"there is no item {wanted.item} {where}: {there}", param_hint="--item")
