"""Where a run writes to: standard output, or a file that appears under its name only when it is complete."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO, NamedTuple, cast

_BUFFER = 2**20


@contextmanager
def writing(path: str | None) -> Iterator[BinaryIO]:
    """A stream of bytes to a file, or to standard output when there is no path; `.gz` is packed.

    A file is written beside its place and renamed into it when the block ends well; otherwise it is removed and
    whatever stood there stays. A link is followed, and what is no regular file (a pipe, a device) is written to as it
    is. Raises OSError, with the path as it was given, when that cannot be done.
    """
    if path is None or path == "-":
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed", "-")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif os.path.exists(path) and not os.path.isfile(path):
        with _opened(path, path, "wb") as stream:
            yield stream
    else:
        with _replacing(path) as stream:
            yield stream


class Outputs(NamedTuple):
    """Where a run writes to."""

    events: BinaryIO
    rejects: BinaryIO | None
    summary: BinaryIO | None
    report: BinaryIO | None = None


@contextmanager
def outputs(
    events: str | None, rejects: str | None, summary: str | None, report: str | None = None
) -> Iterator[Outputs]:
    """The outputs of a run, each as `writing` has it, or None where it is not wanted.

    When the block ends well, the files appear one after the other, the events last: where these are, all is. So a run
    that is killed at any moment can be run again, and who takes the events as soon as they are there gets them once.
    """
    with ExitStack() as files:
        stream = files.enter_context(writing(events))
        others = [
            files.enter_context(writing(path)) if path is not None else None for path in (rejects, summary, report)
        ]
        yield Outputs(stream, *others)


@contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    place = os.path.realpath(path)
    beside = os.path.join(os.path.dirname(place), f".rules.{os.getpid()}.{abs(hash(place))}.part")
    try:
        with _opened(beside, path, "xb") as raw, _packed(raw, path) as stream:
            yield stream
        if os.path.exists(place):
            shutil.copymode(place, beside)
        os.replace(beside, place)
    except BaseException:  # an interrupt too must leave nothing behind; it goes on as it came
        with suppress(OSError):
            os.unlink(beside)
        raise


def _opened(file: str, path: str, mode: str) -> BinaryIO:
    try:
        return cast(BinaryIO, open(file, mode, buffering=_BUFFER))
    except OSError as fault:  # the user knows the file by the name they gave
        raise OSError(fault.errno, fault.strerror, path) from None


def _packed(raw: BinaryIO, path: str) -> BinaryIO:
    return (
        cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0)) if path.endswith(".gz") else raw
    )


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one regular file, there already or to be written."""
    regular = all(not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode) for path in (one, other))
    return regular and os.path.realpath(one) == os.path.realpath(other)
