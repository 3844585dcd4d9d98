"""What several verbs share: their options, and how faults reach the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO, TypeVar

import click

from rulesengine import loading
from rulesengine.diagnostics import COLOURED, PLAIN, Diagnostic, Style, has_errors, in_order, render
from rulesengine.engine import Engine
from rulesengine.errors import InvalidMapping
from rulesengine.loading import Files
from rulesengine.payloads import DEFAULT_LIMITS, Limits

_F = TypeVar("_F", bound=Callable[..., Any])

FAILED, USAGE = 1, 2


def app_options(command: _F) -> _F:
    """`--app` and `--vocabulary`."""
    app = click.option("--app", default="app.yml", show_default=True, metavar="FILE", help="The app's manifest.")
    vocabulary = click.option("--vocabulary", metavar="FILE", help="Metrics and events to use in place of the bundled.")
    return app(vocabulary(command))


def counted(number: int, word: str, many: str = "") -> str:
    """`1 error`, `2 errors`; `many` is the plural where it is not made with s."""
    return f"{number} {word if number == 1 else many or word + 's'}"


def style_for(stream: TextIO, color: str = "auto") -> Style:
    """How diagnostics look on a stream: `always` or `never` in colours, or as its terminal and its user want it."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return COLOURED if color == "always" or (color == "auto" and wanted) else PLAIN


def gather(mappings: Sequence[str], app: str, vocabulary: str | None) -> Files:
    """The files named on the command line; ends the program with 2 when there is one that cannot be read."""
    files, faults = loading.gather(mappings, app, vocabulary)
    if files is None:
        fail(faults, USAGE)
    return files


def load(mapping: str, app: str, vocabulary: str | None, limits: Limits = DEFAULT_LIMITS) -> Engine:
    """The engine for a MAPPING argument; ends the program with every diagnostic when it is not valid."""
    files = gather([mapping], app, vocabulary)
    try:
        engine = Engine(files, limits)
    except InvalidMapping as fault:
        fail([one for one in fault.diagnostics if one.is_error], FAILED)
    for file in engine.left_out:
        click.echo(f"left out: {file} is for another channel than {app}", err=True)
    if not engine.providers:
        raise click.UsageError(f"no mapping in {mapping} is for the channel of {app}")
    return engine


def fail(diagnostics: Sequence[Diagnostic], status: int) -> NoReturn:
    """Show diagnostics on standard error and end the program."""
    style = style_for(sys.stderr)
    click.echo(render(diagnostics, style), err=True, nl=False, color=style != PLAIN)
    if has_errors(diagnostics):
        click.echo(counted(len(in_order(diagnostics)), "error"), err=True)
    raise SystemExit(status)
