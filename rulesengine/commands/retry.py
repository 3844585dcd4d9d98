"""`rules retry`: rejected items again, by the mended mapping."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, cast

import click

from rulesengine import codes
from rulesengine.bundled import bundled_mapping
from rulesengine.commands.common import (
    FAILED,
    app_options,
    counted,
    limit_option,
    load,
    output_option,
    redact_option,
    standard_input,
    summary_option,
)
from rulesengine.commands.completion import files, mappings
from rulesengine.commands.runs import ending_well, refuse_overwriting, report, write_summary
from rulesengine.diagnostics import listed, printable
from rulesengine.engine import Engine
from rulesengine.files import blocks, lines_of, payload_files
from rulesengine.limits import DEFAULT_LIMITS, Limits
from rulesengine.output import Outputs, outputs
from rulesengine.rejects import CannotRetry, Reject, read_reject
from rulesengine.retrying import Retrier
from rulesengine.tally import MOST_KINDS, Tally

# A line has a body in it, of which each character may be an escape, and the item besides. All limits are held against
# the body itself, once it is read out of the line.
_LIMITS = Limits(
    body_bytes=16 * DEFAULT_LIMITS.body_bytes, depth=sys.maxsize, text_bytes=sys.maxsize, values=sys.maxsize
)
_KEPT_SHOWN = 20
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")
_SUFFIX = re.compile(r"(\.(json|ndjson|jsonl|txt))?(\.gz)?$", re.I)


@click.command("retry")
@click.argument("rejects", metavar="REJECTS", shell_complete=files)
@click.option(
    "--mapping",
    metavar="MAPPING",
    shell_complete=mappings,
    help="Run all items by this, whatever mapping their lines name.",
)
@app_options
@output_option
@click.option("--rejects", "left", metavar="FILE", shell_complete=files,
              help="Write what still fails to FILE; unless said, x.left.ndjson beside x.ndjson.")  # fmt: skip
@summary_option
@redact_option
@limit_option
@click.option("--strict", is_flag=True, help="Fail when an item is unmatched.")
def command(
    rejects: str,
    mapping: str | None,
    app: str,
    vocabulary: str | None,
    output: str | None,
    left: str | None,
    summary: str | None,
    redact: bool,
    limits: dict[str, int],
    strict: bool,
) -> None:
    """Run items again that `rules apply --rejects` wrote out, after the mapping was mended; their siblings are not.

    REJECTS is such a file, a folder of them, or - for standard input. It is not changed: send the events, then go on
    with what still fails.

    Exit status: 0 all well; 1 something was rejected again, or a line could not be run and is kept (with --strict: or
    something was unmatched); 2 wrong usage.

    Example: rules retry left.ndjson -o events.ndjson
    """
    paths = _files(rejects)
    left = left if left is not None else _beside(rejects)
    own = [mapping] if mapping is not None and os.path.isfile(mapping) else []
    refuse_overwriting([*paths, app, *own], {"--output": output, "--rejects": left, "--summary": summary})
    with ending_well(), ExitStack() as opened:
        inputs = [_opened(path, opened) for path in paths]
        engine_of = _engine_of(mapping, inputs, app, vocabulary, Limits(**limits))
        with outputs(output, left, summary) as files:
            tally, kept = _write(inputs, Retrier(engine_of, _LIMITS), files, redact)
    report(tally, ("line", "lines"))
    remaining = tally.unmatched + tally.rejected + kept
    if remaining:
        where = "on standard output" if left == "-" else f"in {left}"
        click.echo(printable(f"{counted(remaining, 'item')} left {where}"), err=True)
    if tally.rejected or kept or (strict and tally.unmatched):
        raise SystemExit(FAILED)


def _write(inputs: Sequence[_Input], retrier: Retrier, files: Outputs, redact: bool) -> tuple[Tally, int]:
    """Run all lines; what they came to as it may be told, and how many were kept as they are."""
    tally, kept = Tally(limit=MOST_KINDS), 0
    for one in inputs:
        for number, line in one.lines():
            done = retrier.retry(line)
            files.events.write(done.events)
            if files.rejects is not None:
                files.rejects.write(done.left)
            tally.add(done.tally)
            kept += done.why_kept is not None
            if done.why_kept is not None and kept <= _KEPT_SHOWN:
                click.echo(printable(f"{one.path}:{number}: kept as it is: {done.why_kept}"), err=True)
    if kept > _KEPT_SHOWN:
        click.echo(f"... and {counted(kept - _KEPT_SHOWN, 'more line', 'more lines')} kept", err=True)
    tally = tally.redacted() if redact else tally
    write_summary(files.summary, {**tally.as_dict(), "kept": kept})
    return tally, kept


# -- files ------------------------------------------------------------------------------------------------------------


def _files(rejects: str) -> list[str]:
    found = payload_files(rejects)
    if rejects != "-" and not os.path.exists(rejects):
        raise click.UsageError(f"cannot read {rejects}: no such file or folder")
    if not found:
        raise click.UsageError(f"{rejects}: the folder has no file of rejects (.json .ndjson .jsonl .txt)")
    return _without_left(found) if os.path.isdir(rejects) else found


def _without_left(files: Sequence[str]) -> list[str]:
    """The files but those of what another of them left, whose items are in that one too."""
    names = {_stem(file) for file in files}
    kept = [file for file in files if _retried(file) not in names]
    for file in files:
        if file not in kept:
            why = f"a retry of {_retried(file)}.* left it: once the events of that are sent, delete that"
            click.echo(printable(f"left out: {file}, {why}"), err=True)
    return kept


def _retried(file: str) -> str | None:
    """The name of the file that one holds the rest of, if it is called so."""
    stem = _stem(file)
    return stem.removesuffix(".left") if stem.endswith(".left") else None


def _stem(path: str) -> str:
    return _SUFFIX.sub("", path, count=1)


def _beside(rejects: str) -> str:
    """Where what still fails goes unless it is said."""
    if rejects == "-" or not (os.path.isfile(rejects) or os.path.isdir(rejects)):
        raise click.UsageError("say with --rejects where to write what still fails, since REJECTS is no file")
    path = os.path.normpath(rejects)
    if os.path.basename(path) in (os.curdir, os.pardir):
        raise click.UsageError(f"say with --rejects where to write what still fails, since {rejects} has no name")
    found = _SUFFIX.search(path)
    assert found is not None  # it also finds nothing at the end
    return f"{path[: found.start()]}.left{found[0] or '.ndjson'}"


def _stream(path: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(standard_input()) if path == "-" else open(path, "rb")


class _Input(NamedTuple):
    """A file of rejects: as it is called, and opened once, so that it is the same whenever its lines are read."""

    path: str
    file: BinaryIO

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The numbers and the lines; ends the program where not all of them can be read."""
        self.file.seek(0)
        for block in blocks("-", True, _LIMITS, self.file):
            if block.error is None:
                yield from lines_of(block)
            elif block.error.code is not codes.E501:  # which is an empty file: nothing is left
                raise click.ClickException(f"{self.path}:{block.line}: {block.error}; nothing was written")


def _opened(path: str, opened: ExitStack) -> _Input:
    try:
        file = opened.enter_context(_stream(path))
    except OSError as fault:
        raise click.UsageError(f"cannot read {path}: {(fault.strerror or str(fault)).lower()}") from None
    if path != "-" and os.path.isfile(path):
        return _Input(path, file)
    return _Input(path, _copied(path, file, opened))


def _copied(path: str, file: BinaryIO, opened: ExitStack) -> BinaryIO:
    """What came from a pipe, which can be read once; ends the program where there is no room for it."""
    try:
        copy = opened.enter_context(TemporaryFile())  # noqa: SIM115 the stack closes it
        shutil.copyfileobj(file, copy)
        copy.flush()
    except OSError as fault:
        what, why = "standard input" if path == "-" else path, (fault.strerror or str(fault)).lower()
        raise click.ClickException(
            f"cannot copy {what} to a temporary file: {why}; name a file, or another folder with TMPDIR"
        ) from None
    return cast(BinaryIO, copy)


# -- mappings ---------------------------------------------------------------------------------------------------------


def _engine_of(
    mapping: str | None, inputs: Sequence[_Input], app: str, vocabulary: str | None, limits: Limits
) -> Callable[[Reject], Engine]:
    """The engine for a line. All are loaded at once: no event is written before it is sure that each can be."""
    named = _named(inputs)
    if mapping is not None:
        only = load(mapping, app, vocabulary, limits)
        engines = dict.fromkeys(named, (mapping, only))
    else:
        files = {name: _file(*name, where) for name, where in named.items()}
        engines = {name: (file, load(file, app, vocabulary, limits)) for name, file in files.items()}

    def engine_of(reject: Reject) -> Engine:
        file, engine = engines[_name(reject)]
        if reject.provider not in engine.providers:
            raise CannotRetry(f"{file} has no mapping for {reject.provider!r}, only for {listed(engine.providers)}")
        return engine

    return engine_of


def _named(inputs: Sequence[_Input]) -> dict[tuple[bool, str], str]:
    """The mappings that lines name, and where first. What has lines but none of rejects is another file than meant."""
    named: dict[tuple[bool, str], str] = {}
    wrong: list[str] = []
    for one in inputs:
        for number, line in one.lines():
            try:
                named.setdefault(_name(read_reject(line, _LIMITS)), f"{one.path}:{number}")
            except CannotRetry as why:
                wrong = wrong or [f"{one.path}:{number}: {why}"]
    if wrong and not named:
        raise click.UsageError(f"no line is of `rules apply --rejects`; {wrong[0]}")
    return named


def _name(reject: Reject) -> tuple[bool, str]:
    return reject.is_bundled, reject.mapping


def _file(is_bundled: bool, name: str, where: str) -> str:
    """The file of the mapping that a line names."""
    found = bundled_mapping(name) if is_bundled else name
    if found is None or not os.path.exists(found):
        escapes = " (the name is no UTF-8, and stands there with escapes)" if _ESCAPED.search(name) else ""
        raise click.UsageError(
            f"{where} is from the mapping {name}, which is not there{escapes}: name it with --mapping"
        )
    return str(found)
