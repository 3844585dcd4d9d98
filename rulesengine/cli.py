"""The command line: `rules VERB ...`. One module a verb in `commands`; this one finds it when it is asked for."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from rulesengine.diagnostics import printable

_INTERRUPTED = 128 + signal.SIGINT

# Loaded only when used, so that `rules apply` does not pay for what other verbs import.
_VERBS = (
    "apply",
    "check",
    "compile",
    "diff",
    "explain",
    "functions",
    "new",
    "providers",
    "retry",
    "schema",
    "test",
    "why",
)


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"rulesengine.commands.{cmd_name}").command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments, or print help."""
        with _ending_well():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """Run a verb."""
        with _ending_well():
            return super().invoke(ctx)


@contextmanager
def _ending_well() -> Iterator[None]:
    """An interrupt ends the program quietly; what the system refuses while it writes is told in a line.

    What is told may hold the names of files: nothing of them may reach the terminal as a command.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except BrokenPipeError:
        raise
    except OSError as fault:
        what = fault.filename or "standard output"
        why = (fault.strerror or str(fault)).lower()
        _forget_what_cannot_be_written()
        raise click.ClickException(printable(f"cannot write {what}: {why}")) from None
    except click.ClickException as fault:
        vars(fault).update(message=printable(fault.message))  # click has no other way to its text
        raise


def _forget_what_cannot_be_written() -> None:
    """It is told already."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        from rulesengine.output import forget_output  # few runs need it

        forget_output()


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="rulesengine", prog_name="rules")
def main() -> None:
    """Turn provider webhooks into ODP events by declarative mappings, checked before they run."""
