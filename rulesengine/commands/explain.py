"""`rules explain`: the page of a diagnostic code."""

from __future__ import annotations

import click

from rulesengine.bundled import error_page
from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import nearest


@click.command("explain")
@click.argument("code")
def command(code: str) -> None:
    """Print what the diagnostic CODE (E304) means and how to mend it."""
    number = code.upper()
    page = error_page(number) if number in BY_NUMBER else None
    if page is None:
        near = nearest(number, BY_NUMBER)
        raise click.UsageError(f"there is no code {code}" + (f"; did you mean {near}?" if near else ""))
    click.echo(page, nl=False)
