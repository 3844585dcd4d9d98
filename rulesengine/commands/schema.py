"""`rules schema`: the JSON Schema of mapping files, for editors."""

from __future__ import annotations

import json
from typing import BinaryIO

import click

from rulesengine.commands.common import FAILED, fail, standard_output
from rulesengine.commands.completion import files
from rulesengine.schema import mapping_schema
from rulesengine.vocabulary import default_vocabulary, read_vocabulary


@click.command("schema")
@click.option("--vocabulary", type=click.File("rb"), metavar="FILE", shell_complete=files,
              help="Metrics and channel types to use in place of the bundled.")  # fmt: skip
def command(vocabulary: BinaryIO | None) -> None:
    """Print the JSON Schema of mapping files, by which editors complete and check them.

    Example: rules schema > mapping.schema.json
    """
    known = default_vocabulary()
    if vocabulary is not None:
        own, faults = read_vocabulary(vocabulary.name, vocabulary.read())
        if own is None:
            fail(faults, FAILED)
        known = own
    click.echo(json.dumps(mapping_schema(known), indent=2), file=standard_output())
