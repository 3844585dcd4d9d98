"""What several verbs share: their options, and how faults reach the terminal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TextIO, TypeVar

import click

from rulesengine import gathering
from rulesengine.commands import completion
from rulesengine.commands.completion import files
from rulesengine.diagnostics import (
    COLOURED,
    PLAIN,
    Diagnostic,
    Style,
    did_you_mean,
    has_errors,
    in_order,
    printable,
    render,
)
from rulesengine.engine import Engine
from rulesengine.errors import FunctionFault, InvalidMapping
from rulesengine.files import payload_files
from rulesengine.gathering import Files
from rulesengine.limits import DEFAULT_LIMITS, Limits
from rulesengine.store import default_folder
from rulesengine.times import epoch

_F = TypeVar("_F", bound=Callable[..., Any])

FAILED, USAGE = 1, 2
# Below this many bytes a run is over before a progress bar is of use.
_LONG_RUN = 16 * 2**20


def app_options(command: _F) -> _F:
    """`--app` and `--vocabulary`."""
    app = click.option(
        "--app", default="app.yml", show_default=True, metavar="FILE", shell_complete=files, help="The app's manifest."
    )
    vocabulary = click.option(
        "--vocabulary", metavar="FILE", shell_complete=files, help="Metrics and events to use in place of the bundled."
    )
    return app(vocabulary(command))


def limit_option(command: _F) -> _F:
    """`--limit`, of the verbs that read payloads: what is given, by the names of the fields of `Limits`."""
    names = ", ".join(one.name for one in fields(Limits))
    text = f"Refuse bodies beyond N, e.g. items=1000; may be given several times. NAME is of: {names}."
    return click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="NAME=N",
        callback=_limits,
        shell_complete=completion.limits,
        help=text,
    )(command)


def _limits(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, int]:
    return dict(_limit(one) for one in given)


def _limit(text: str) -> tuple[str, int]:
    names = [one.name for one in fields(Limits)]
    name, _, number = text.partition("=")
    if name not in names:
        hint = did_you_mean(name, names) or f"there are: {', '.join(names)}"
        raise click.BadParameter(f"{name!r} is no limit; {hint}")
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise click.BadParameter(f"{name} must be a whole number above 0, as in {name}={getattr(DEFAULT_LIMITS, name)}")
    return name, int(number)


def output_option(command: _F) -> _F:
    """`-o`, of the verbs that make events."""
    text = "Write events to FILE (.gz is packed) instead of standard output."
    return click.option("-o", "--output", metavar="FILE", shell_complete=files, help=text)(command)


def redact_option(command: _F) -> _F:
    """`--redact`, of the same."""
    text = "Tell what was not mapped without values of it, in --summary too."
    return click.option("--redact", is_flag=True, help=text)(command)


def summary_option(command: _F) -> _F:
    """`--summary`, of the same."""
    text = "Write the counts to FILE as JSON."
    return click.option("--summary", metavar="FILE", shell_complete=files, help=text)(command)


def counted(number: int, word: str, many: str = "") -> str:
    """`1 error`, `2 errors`; `many` is the plural where it is not made with s."""
    return f"{number} {word if number == 1 else many or word + 's'}"


def standard_input() -> BinaryIO:
    """Standard input as bytes; ends the program with 2 when it is closed."""
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: name a file in place of -")
    return sys.stdin.buffer


def standard_output() -> TextIO:
    """Standard output as text. Raises OSError when it is closed, where click would say nothing and go on."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed", "standard output")
    return sys.stdout


def style_for(stream: TextIO, color: str = "auto") -> Style:
    """How diagnostics look on a stream: `always` or `never` in colours, or as its terminal and its user want it."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return COLOURED if color == "always" or (color == "auto" and wanted) else PLAIN


def gather(mappings: Sequence[str], app: str, vocabulary: str | None) -> Files:
    """The files named on the command line; ends the program with 2 when there is one that cannot be read."""
    files, faults = gathering.gather(mappings, app, vocabulary)
    if files is None:
        fail(faults, USAGE)
    return files


def load(mapping: str, app: str, vocabulary: str | None, limits: Limits = DEFAULT_LIMITS) -> Engine:
    """The engine for a MAPPING argument; ends the program with every diagnostic when it is not valid."""
    files = gather([mapping], app, vocabulary)
    try:
        engine = Engine(files, limits, store=default_folder())
    except InvalidMapping as fault:
        fail([one for one in fault.diagnostics if one.is_error], FAILED)
    for file in engine.left_out:
        click.echo(printable(f"left out: {file} is for another channel than {app}"), err=True)
    if not engine.providers:
        raise click.UsageError(f"no mapping in {mapping} is for the channel of {app}")
    return engine


def request_of(received_at: str | None) -> dict[str, int] | None:
    """What `request()` gives in a run with `--received-at`; ends the program with 2 when that is no time."""
    try:
        return None if received_at is None else {"received_at": epoch(received_at)}
    except FunctionFault as fault:
        raise click.BadParameter(str(fault), param_hint="--received-at") from None


def provider_of(known: Sequence[str], provider: str | None) -> Callable[[str], str]:
    """Which provider a payload file is from: the one asked for, the only one, or the name of the file's folder."""
    if provider is not None and provider not in known:
        raise click.BadParameter(f"no mapping for {provider!r}; there are: {', '.join(known)}", param_hint="--provider")
    only = provider or (known[0] if len(known) == 1 else None)

    def named(file: str) -> str:
        folder = Path(os.path.abspath(file)).parent.name
        if only is None and folder not in known:
            raise click.UsageError(f"{file}: which provider is it from? Name it with --provider: {', '.join(known)}")
        return only or folder

    return named


@contextmanager
def progress_over(payloads: Sequence[str], label: str, *, shows_data: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error when that is a terminal, the work is long, and data does not go there too.

    `shows_data` is whether data goes to standard output while the work is under way.
    """
    quiet = not sys.stderr.isatty() or (shows_data and sys.stdout.isatty()) or "-" in payloads
    files = [file for path in payloads for file in payload_files(path)] if not quiet else []
    total = sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    if quiet or total < _LONG_RUN:
        yield None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield bar.update


def fail(diagnostics: Sequence[Diagnostic], status: int) -> NoReturn:
    """Show diagnostics on standard error and end the program."""
    style = style_for(sys.stderr)
    click.echo(render(diagnostics, style), err=True, nl=False, color=style != PLAIN)
    if has_errors(diagnostics):
        click.echo(counted(len(in_order(diagnostics)), "error"), err=True)
    raise SystemExit(status)
