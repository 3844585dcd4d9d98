"""`rules apply`: payload files to events."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from typing import BinaryIO

import click

from rulesengine import stream
from rulesengine.commands.common import FAILED, app_options, load, progress_over, provider_of, request_of
from rulesengine.commands.completion import files, mappings, providers
from rulesengine.commands.runs import ending_well, refuse_overwriting, report, write_summary
from rulesengine.engine import Engine
from rulesengine.errors import WorkerKilled
from rulesengine.files import payload_files
from rulesengine.output import Outputs, outputs
from rulesengine.payloads import FORMATS, Limits
from rulesengine.stream import Chunk, Task
from rulesengine.tally import MOST_KINDS, Tally


@click.command("apply")
@click.argument("mapping", shell_complete=mappings)
@click.argument("payloads", nargs=-1, required=True, metavar="PAYLOAD...", shell_complete=files)
@app_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=files,
    help="Write events to FILE (.gz is packed) instead of standard output.",
)
@click.option(
    "--rejects",
    metavar="FILE",
    shell_complete=files,
    help="Write unmatched and rejected items to FILE, whole, one a line.",
)
@click.option("--summary", metavar="FILE", shell_complete=files, help="Write the counts to FILE as JSON.")
@click.option(
    "--report",
    "page",
    metavar="FILE",
    shell_complete=files,
    help="Write a page on the run to FILE (.html): flow, time, what is not mapped. Takes longer.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Read payloads as this, whatever the mapping says.")
@click.option("--provider", shell_complete=providers, help="Which mapping of a folder the payloads are for.")
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
    page: str | None,
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

    Example: rules apply sendgrid body.json --rejects left.ndjson -o events.ndjson
    """
    inputs = [mapping] if os.path.isfile(mapping) else []
    inputs += [app, *(file for path in payloads for file in payload_files(path))]
    refuse_overwriting(inputs, {"--output": output, "--rejects": rejects, "--summary": summary, "--report": page})
    with ending_well():
        engine = load(mapping, app, vocabulary, Limits(body_bytes=max_body * 2**20))
        tasks = stream.tasks_for(
            engine,
            payloads,
            provider_of=provider_of(engine.providers, provider),
            form=form,
            request=request_of(received_at),
            keep_rejects=rejects is not None,
            watched=page is not None,
        )
        stdin = sys.stdin.buffer if "-" in payloads else None
        try:
            with (
                progress_over(payloads, "mapping", shows_data=output is None) as progress,
                outputs(output, rejects, summary, page) as files,
            ):
                tally = _write(
                    _run(engine, list(tasks), jobs, stdin, progress), files, f"{mapping}: {', '.join(payloads)}"
                )
        except WorkerKilled as fault:
            raise click.ClickException(f"{fault}; no output file was written") from None
    report(tally, ("body", "bodies"))
    if tally.rejected or (strict and tally.unmatched):
        raise SystemExit(FAILED)


def _run(
    engine: Engine, tasks: list[Task], jobs: int, stdin: BinaryIO | None, progress: Callable[[int], None] | None
) -> Generator[Chunk, None, None]:
    if jobs == 1:
        return stream.run(engine, tasks, stdin=stdin, progress=progress)
    from rulesengine.processes import run_in_processes  # a run in one process need not wait for multiprocessing

    return run_in_processes(engine, tasks, jobs, stdin=stdin, progress=progress)


def _write(chunks: Generator[Chunk, None, None], files: Outputs, title: str) -> Tally:
    tally = Tally(limit=MOST_KINDS)
    with closing(chunks):  # before the files are: their clean-up may wait for processes
        for chunk in chunks:
            files.events.write(chunk.events)
            if files.rejects is not None:
                files.rejects.write(chunk.reject_lines)
            tally.add(chunk.tally)
    write_summary(files.summary, tally.as_dict())
    if files.report is not None:
        from rulesengine.page import render_page, report_of  # few runs want a page

        files.report.write(render_page(report_of(tally, title)).encode())
    return tally
