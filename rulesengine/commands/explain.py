"""`rules explain`: the page of a diagnostic code."""

from __future__ import annotations

import click

from rulesengine.bundled import error_page
from rulesengine.codes import BY_NUMBER
from rulesengine.commands.completion import codes


@click.command("explain")
@click.argument("code", shell_complete=codes)
def command(code: str) -> None:
    """Print what the diagnostic CODE (E304) means and how to mend it.

    Example: rules explain E304
    """
    page = error_page(code.upper()) if code.upper() in BY_NUMBER else None
    if page is None:
        raise click.UsageError(f"there is no code {code}; there are: {', '.join(BY_NUMBER)}")
    click.echo(page, nl=False)
