"""`rules apply`: payload files to events."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

import click

from rulesengine import stream
from rulesengine.commands.common import (
    FAILED,
    app_options,
    limit_option,
    load,
    output_option,
    progress_over,
    provider_of,
    redact_option,
    request_of,
    standard_input,
    summary_option,
)
from rulesengine.commands.completion import files, mappings, providers
from rulesengine.commands.runs import ending_well, refuse_overwriting, report, write_summary
from rulesengine.engine import Engine
from rulesengine.errors import CheckpointRefused, WorkerKilled
from rulesengine.files import payload_files
from rulesengine.limits import Limits
from rulesengine.output import outputs
from rulesengine.payloads import FORMATS
from rulesengine.stream import Chunk, Mark, Run, Task
from rulesengine.tally import MOST_KINDS, Tally


@click.command("apply")
@click.argument("mapping", shell_complete=mappings)
@click.argument("payloads", nargs=-1, required=True, metavar="PAYLOAD...", shell_complete=files)
@app_options
@output_option
@click.option(
    "--rejects",
    metavar="FILE",
    shell_complete=files,
    help="Write unmatched and rejected items to FILE, whole, one a line.",
)
@summary_option
@redact_option
@click.option(
    "--report",
    "page",
    metavar="FILE",
    shell_complete=files,
    help="Write a page on the run to FILE (.html): flow, time, what is not mapped. Takes longer.",
)
@click.option("--checkpoint", metavar="FILE", shell_complete=files,
              help="Keep in FILE how far the run is: killed, the same command goes on from there.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="Read payloads as this, whatever the mapping says.")
@click.option("--provider", shell_complete=providers, help="Which mapping of a folder the payloads are for.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to use.")
@click.option("--strict", is_flag=True, help="Fail when an item is unmatched.")
@click.option("--received-at", metavar="T", help="When the payloads came: epoch seconds or ISO 8601, for request().")
@limit_option
@click.option("--max-body", type=click.IntRange(1), default=64, show_default=True, metavar="MIB",
              help="Largest body (file, line) in MiB; --limit body_bytes=N goes before it.")  # fmt: skip
def command(
    mapping: str,
    payloads: tuple[str, ...],
    app: str,
    vocabulary: str | None,
    output: str | None,
    rejects: str | None,
    summary: str | None,
    redact: bool,
    page: str | None,
    checkpoint: str | None,
    form: str | None,
    provider: str | None,
    jobs: int,
    strict: bool,
    received_at: str | None,
    limits: dict[str, int],
    max_body: int,
) -> None:
    """Map payloads to ODP events: NDJSON on standard output, in input order; a summary on standard error.

    MAPPING is a file, a folder of mappings, or the name of one that comes with the package (sendgrid). PAYLOAD is a
    file (.json .ndjson .jsonl .txt, each also .gz), a folder of such, or - for standard input. With several mappings
    the folder a payload lies in names its provider.

    Exit status: 0 all well; 1 something was rejected (with --strict: or unmatched); 2 wrong usage.

    Example: rules apply sendgrid body.json --rejects left.ndjson -o events.ndjson
    """
    inputs = [mapping] if os.path.isfile(mapping) else []
    inputs += [app, *(file for path in payloads for file in payload_files(path))]
    written = {"--output": output, "--rejects": rejects, "--summary": summary, "--report": page}
    refuse_overwriting(inputs, {**written, "--checkpoint": checkpoint})
    with ending_well():
        engine = load(mapping, app, vocabulary, Limits(**{"body_bytes": max_body * 2**20, **limits}))
        tasks = list(
            stream.tasks_for(
                engine,
                payloads,
                provider_of=provider_of(engine.providers, provider),
                form=form,
                request=request_of(received_at),
                keep_rejects=rejects is not None,
                watched=page is not None,
            )
        )
        stdin = standard_input() if "-" in payloads else None
        with (
            _told(checkpoint),
            progress_over(payloads, "mapping", shows_data=output is None) as progress,
            _begun(checkpoint, engine, tasks, list(written.values())) as run,
        ):
            chunks = _chunks(engine, tasks, jobs, stdin, progress, run.start)
            tally = _write(chunks, run, f"{mapping}: {', '.join(payloads)}", redact)
    report(tally, ("body", "bodies"))
    if tally.rejected or (strict and tally.unmatched):
        raise SystemExit(FAILED)


@contextmanager
def _told(checkpoint: str | None) -> Iterator[None]:
    """What ends a run before its time, in a line that says how to go on."""
    again = "" if checkpoint is None else f"; the same command goes on from {checkpoint}"
    try:
        yield
    except WorkerKilled as fault:
        raise click.ClickException(f"{fault}; no output file was written{again}") from None
    except CheckpointRefused as fault:
        raise click.UsageError(str(fault)) from None


@contextmanager
def _begun(checkpoint: str | None, engine: Engine, tasks: list[Task], written: list[str | None]) -> Iterator[Run]:
    """A run, at its beginning or where it stood."""
    if checkpoint is None:
        with outputs(*written) as files:
            yield Run(files, Tally(limit=MOST_KINDS))
        return
    from rulesengine.checkpoints import resumable  # few runs have one

    with resumable(checkpoint, engine, tasks, *written) as run:
        yield run


def _chunks(
    engine: Engine,
    tasks: list[Task],
    jobs: int,
    stdin: BinaryIO | None,
    progress: Callable[[int], None] | None,
    start: Mark,
) -> Generator[Chunk, None, None]:
    if jobs == 1:
        return stream.run(engine, tasks, stdin=stdin, progress=progress, start=start)
    from rulesengine.processes import run_in_processes  # a run in one process need not wait for multiprocessing

    return run_in_processes(engine, tasks, jobs, stdin=stdin, progress=progress, start=start)


def _write(chunks: Generator[Chunk, None, None], run: Run, title: str, redact: bool) -> Tally:
    """Write what a run comes to; its counts as they may be told."""
    files, tally = run.outputs, run.tally
    with closing(chunks):  # before the files are: their clean-up may wait for processes
        for chunk in chunks:
            files.events.write(chunk.events)
            if files.rejects is not None:
                files.rejects.write(chunk.reject_lines)
            tally.add(chunk.tally)
            run.reached(chunk.mark)
    tally = tally.redacted() if redact else tally
    write_summary(files.summary, tally.as_dict())
    if files.report is not None:
        from rulesengine.page import render_page, report_of  # few runs want a page

        files.report.write(render_page(report_of(tally, title)).encode())
    return tally
