"""`rules apply`: payload files to events."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from rulesengine import stream
from rulesengine.commands.common import FAILED, app_options, counted, load
from rulesengine.diagnostics import printable
from rulesengine.engine import Engine
from rulesengine.errors import FunctionFault, WorkerKilled
from rulesengine.files import payload_files
from rulesengine.output import same_file, writing
from rulesengine.payloads import FORMATS, Limits
from rulesengine.stream import Chunk, Tally, Task
from rulesengine.times import epoch

# Below this many bytes a run is over before a progress bar is of use.
_LONG_RUN = 16 * 2**20
_PROBLEMS_SHOWN = 20
_TERMINATED = 128 + signal.SIGTERM


@click.command("apply")
@click.argument("mapping")
@click.argument("payloads", nargs=-1, required=True, metavar="PAYLOAD...")
@app_options
@click.option("-o", "--output", metavar="FILE", help="Write events to FILE (.gz is packed) instead of standard output.")
@click.option("--rejects", metavar="FILE", help="Write unmatched and rejected items to FILE, whole, one a line.")
@click.option("--summary", metavar="FILE", help="Write the counts to FILE as JSON.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Read payloads as this, whatever the mapping says.")
@click.option("--provider", help="Which mapping of a folder the payloads are for.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to use.")
@click.option("--strict", is_flag=True, help="Fail when an item is unmatched.")
@click.option("--received-at", metavar="T", help="When the payloads came: epoch seconds or ISO 8601, for request().")
@click.option("--max-body", type=click.IntRange(1), default=64, show_default=True, metavar="MIB",
              help="Largest body (file, line) in MiB; a larger one is rejected.")  # fmt: skip
def command(
    mapping: str,
    payloads: tuple[str, ...],
    app: str,
    vocabulary: str | None,
    output: str | None,
    rejects: str | None,
    summary: str | None,
    form: str | None,
    provider: str | None,
    jobs: int,
    strict: bool,
    received_at: str | None,
    max_body: int,
) -> None:
    """Map payloads to ODP events: NDJSON on standard output, in input order; a summary on standard error.

    MAPPING is a file, a folder of mappings, or the name of one that comes with the package (sendgrid). PAYLOAD is a
    file (.json .ndjson .jsonl .txt, each also .gz), a folder of such, or - for standard input. With several mappings
    the folder a payload lies in names its provider.

    Exit status: 0 all well; 1 something was rejected (with --strict: or unmatched); 2 wrong usage.
    """
    _refuse_overwriting(payloads, app, {"--output": output, "--rejects": rejects, "--summary": summary})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # so that part files and workers are cleared away
    engine = load(mapping, app, vocabulary, Limits(body_bytes=max_body * 2**20))
    tasks = stream.tasks_for(
        engine,
        payloads,
        provider_of=_provider_of(engine, provider),
        form=form,
        request={"received_at": _time(received_at)} if received_at is not None else None,
        keep_rejects=rejects is not None,
    )
    try:
        with _progress(payloads, output) as progress:
            stdin = sys.stdin.buffer if "-" in payloads else None
            tally = _write(_run(engine, list(tasks), jobs, stdin, progress), output, rejects)
        if summary is not None:
            with writing(summary) as file:
                file.write(json.dumps(tally.as_dict(), indent=2).encode() + b"\n")
    except BrokenPipeError:
        _leave_pipe()
    except WorkerKilled as fault:
        raise click.ClickException(f"{fault}; no output file was written") from None
    _report(tally)
    if tally.rejected or (strict and tally.unmatched):
        raise SystemExit(FAILED)


def _run(
    engine: Engine, tasks: list[Task], jobs: int, stdin: BinaryIO | None, progress: Callable[[int], None] | None
) -> Generator[Chunk, None, None]:
    if jobs == 1:
        return stream.run(engine, tasks, stdin=stdin, progress=progress)
    from rulesengine.processes import run_in_processes  # a run in one process need not wait for multiprocessing

    return run_in_processes(engine, tasks, jobs, stdin=stdin, progress=progress)


def _refuse_overwriting(payloads: tuple[str, ...], app: str, outputs: dict[str, str | None]) -> None:
    """An output that is an input, or the same as another output, would lose what is there."""
    given = {name: path for name, path in outputs.items() if path is not None and path != "-"}
    inputs = [app, *(file for path in payloads for file in payload_files(path))]
    for number, (name, path) in enumerate(given.items()):
        others = [*inputs, *list(given.values())[:number]]
        if any(same_file(path, other) for other in others):
            raise click.UsageError(f"{name} {path} would overwrite an input or another output")


def _time(text: str) -> int:
    """Epoch seconds of what `--received-at` was given."""
    try:
        return epoch(text)
    except FunctionFault as fault:
        raise click.BadParameter(str(fault), param_hint="--received-at") from None


def _provider_of(engine: Engine, provider: str | None) -> Callable[[str], str]:
    """Which provider a payload file is from: the one asked for, the only one, or the name of the file's folder."""
    known = engine.providers
    if provider is not None and provider not in known:
        raise click.BadParameter(f"no mapping for {provider!r}; there are: {', '.join(known)}", param_hint="--provider")
    only = provider or (known[0] if len(known) == 1 else None)

    def provider_of(file: str) -> str:
        folder = Path(os.path.abspath(file)).parent.name
        if only is None and folder not in known:
            raise click.UsageError(f"{file}: which provider is it from? Name it with --provider: {', '.join(known)}")
        return only or folder

    return provider_of


def _write(chunks: Generator[Chunk, None, None], output: str | None, rejects: str | None) -> Tally:
    tally = Tally()
    with ExitStack() as files:
        events: BinaryIO = files.enter_context(writing(output))
        refused = files.enter_context(writing(rejects)) if rejects is not None else None
        files.enter_context(closing(chunks))  # before the files: their clean-up may wait for processes
        for chunk in chunks:
            events.write(chunk.events)
            if refused is not None:
                refused.write(chunk.reject_lines)
            tally.add(chunk.tally)
    return tally


@contextmanager
def _progress(payloads: tuple[str, ...], output: str | None) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error when that is a terminal, events do not go there too, and the work is long."""
    quiet = not sys.stderr.isatty() or (output is None and sys.stdout.isatty()) or "-" in payloads
    files = [file for path in payloads for file in payload_files(path)] if not quiet else []
    total = sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    if quiet or total < _LONG_RUN:
        yield None
        return
    with click.progressbar(length=total, label="mapping", file=sys.stderr) as bar:
        yield bar.update


def _leave_pipe() -> None:
    """The reader of standard output went away: end quietly, and keep Python from flushing into the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(FAILED)


def _report(tally: Tally) -> None:
    """The summary on standard error: each kind of fault once, then the counts."""
    problems = sorted(tally.problems.items(), key=lambda one: (one[0].outcome, -one[1][0]))
    for problem, (count, source) in problems[:_PROBLEMS_SHOWN]:
        place = f"{problem.place}: " if problem.place else ""
        times = f"  ({count} times)" if count > 1 else ""
        click.echo(printable(f"{problem.outcome} {problem.code}: {place}{problem.message}{times}"), err=True)
        click.echo(printable(f"  first in {source}"), err=True)
    if len(problems) > _PROBLEMS_SHOWN:
        click.echo(f"... and {len(problems) - _PROBLEMS_SHOWN} more kinds", err=True)
    items = f"{counted(tally.items, 'item')} in {counted(tally.bodies, 'body', 'bodies')}"
    emitted = f"{tally.emitted} emitted ({counted(tally.events, 'event')})"
    rest = f"{tally.ignored} ignored, {tally.unmatched} unmatched, {tally.rejected} rejected"
    click.echo(f"{items}: {emitted}, {rest}", err=True)
