"""`rules providers`: the mappings that come with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rulesengine.bundled import bundled_mappings
from rulesengine.commands.common import standard_output
from rulesengine.source import read


@click.command("providers")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How to print the list.")  # fmt: skip
def command(form: str) -> None:
    """List the bundled mappings: channels, number of documented events, when these were last reviewed.

    Each can be named as the MAPPING of other verbs: rules apply sendgrid body.json

    Example: rules providers
    """
    found = [_provider(path) for path in bundled_mappings()]
    click.echo(json.dumps(found, indent=2) if form == "json" else _as_text(found), file=standard_output())


def _provider(path: Path) -> dict[str, Any]:
    root, _ = read(str(path), path.read_bytes())
    head: dict[str, Any] = root.data if root is not None else {}
    return {
        "provider": path.stem,
        "channels": head.get("channels", []),
        "events": len(head.get("payload", {}).get("events", [])),
        "reviewed": str(head.get("reviewed", "")),
        "title": head.get("title", ""),
        "docs": head.get("docs", ""),
    }


def _as_text(found: list[dict[str, Any]]) -> str:
    heads = ["provider", "channels", "events", "reviewed", "title"]
    shown = [{**one, "channels": ", ".join(one["channels"]), "events": str(one["events"])} for one in found]
    rows = [heads, *([one[head] for head in heads] for one in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
