"""`rules functions`: what mappings can call."""

from __future__ import annotations

import json

import click

from rulesengine.commands.completion import functions
from rulesengine.diagnostics import did_you_mean
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD
from rulesengine.signatures import Example, Function


@click.command("functions")
@click.argument("name", required=False, shell_complete=functions)
def command(name: str | None) -> None:
    """List the functions of the mapping language, or show one with its examples.

    Example: rules functions epoch
    """
    if name is None:
        _list()
    elif name in FUNCTIONS:
        _show(FUNCTIONS[name])
    elif name in STANDARD:
        click.echo(
            f"{STANDARD[name].signature}\n\nA function of JMESPath itself: https://jmespath.org/specification.html"
        )
    else:
        hint = did_you_mean(name, [*FUNCTIONS, *STANDARD])
        raise click.UsageError(f"there is no function {name}" + (f"; {hint}" if hint else ""))


def _list() -> None:
    width = max(len(function.signature) for function in FUNCTIONS.values())
    for function in FUNCTIONS.values():
        click.echo(f"{function.signature:{width}}  {function.sentence}")
    click.echo("\nand those of JMESPath itself:")
    for standard in STANDARD.values():
        click.echo(standard.signature)


def _show(function: Function) -> None:
    click.echo(f"{function.signature}\n\n{function.sentence}\n")
    for example in function.examples:
        click.echo(_example(example))


def _example(example: Example) -> str:
    given = json.dumps(example.given, ensure_ascii=False)
    gives = f"fails: {example.fails}" if example.fails else json.dumps(example.gives, ensure_ascii=False)
    return f"  {example.expression}\n    over   {given}\n    gives  {gives}"
