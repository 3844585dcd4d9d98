"""Where a run writes to: standard output, or a file that appears under its name only when it is complete."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

_BUFFER = 2**20


@contextmanager
def writing(path: str | None) -> Iterator[BinaryIO]:
    """A stream of bytes to a file, or to standard output when there is no path; `.gz` is packed.

    The file is written beside its place and renamed into it when the block ends well; otherwise it is removed and
    whatever stood there stays. Raises OSError when it cannot be written.
    """
    if path is None or path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    folder, name = os.path.split(os.path.abspath(path))
    beside = os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        with _opened(beside, path) as raw, _packed(raw, path) as stream:
            yield stream
        os.replace(beside, path)
    except BaseException:  # an interrupt too must leave nothing behind; it goes on as it came
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _opened(beside: str, path: str) -> BinaryIO:
    try:
        return open(beside, "xb", buffering=_BUFFER)
    except OSError as fault:  # the user knows the file by the name they gave
        raise OSError(fault.errno, fault.strerror, path) from None


def _packed(raw: BinaryIO, path: str) -> BinaryIO:
    return (
        cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0)) if path.endswith(".gz") else raw
    )
