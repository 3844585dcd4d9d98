"""`rules compile`: the Python that a mapping becomes."""

from __future__ import annotations

import click

from rulesengine.commands.common import app_options, load
from rulesengine.commands.completion import mappings
from rulesengine.diagnostics import printable


@click.command("compile")
@click.argument("mapping", shell_complete=mappings)
@app_options
def command(mapping: str, app: str, vocabulary: str | None) -> None:
    """Print the Python source that MAPPING is compiled to.

    Example: rules compile sendgrid
    """
    engine = load(mapping, app, vocabulary)
    for provider in engine.providers:
        file = printable(engine.mapping_id(provider)[0])  # a line break in it would end the comment
        click.echo(f"# {provider}: {file}\n\n{engine.source(provider).rstrip()}")
