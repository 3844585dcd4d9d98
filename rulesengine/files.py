"""Payload files to blocks: whole files or lines, gz or not, in constant memory.

`blocks` reads a payload file, however large, in pieces a worker can take: blocks of whole lines of NDJSON, or one whole
body. A fault of a file is a block too, never an exception, so that the caller counts it and goes on.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from rulesengine import codes
from rulesengine.errors import PayloadError
from rulesengine.gz import Read, is_gz, unpacked
from rulesengine.limits import DEFAULT_LIMITS, Limits, occurrences

_BLOCK = 2**16
_SHOWN_OF_BODY = 1024
# An over-long line of a gz file is read on until it is this many times the limit: the line may end, a bomb does not.
_PATIENCE = 16
_LINES_SUFFIXES = (".ndjson", ".jsonl")
_PAYLOAD_SUFFIXES = (".json", ".txt", *_LINES_SUFFIXES)


class Spot(NamedTuple):
    """A place in a file of lines: the bytes before it, of what gz unpacks to, and the lines before it."""

    offset: int = 0
    lines: int = 0


START = Spot()


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a payload file: whole lines, or one whole body, from `line` (from 1) on.

    With an `error` it stands for a body or file that could not be read, and `data` is at most its first KiB. Of a file
    of lines `end` is where the next block begins, or None where reading cannot go on from here.
    """

    line: int
    data: bytes
    error: PayloadError | None = None
    end: Spot | None = field(default=None, compare=False)


# --- one body ---


def is_lines(path: str) -> bool:
    """True if the name says that each line of the file is a body: .ndjson and .jsonl, also with .gz."""
    return path.lower().removesuffix(".gz").endswith(_LINES_SUFFIXES)


def payload_files(path: str) -> list[str]:
    """The payload files that `path` means: itself, or those anywhere below it if it is a folder, sorted.

    A folder that cannot be listed is given as if it were a file, so that `blocks` reports it.
    """
    if not os.path.isdir(path):
        return [path]
    found: list[str] = []
    for folder, _, names in os.walk(path, onerror=lambda error: found.append(error.filename)):
        found.extend(os.path.join(folder, name) for name in names if is_payload(name))
    return sorted(found)


def is_payload(name: str) -> bool:
    """True if the name is that of a payload file: .json .ndjson .jsonl .txt, also with .gz."""
    return name.lower().removesuffix(".gz").endswith(_PAYLOAD_SUFFIXES)


def blocks(
    path: str,
    lines: bool,
    limits: Limits = DEFAULT_LIMITS,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    start: Spot = START,
    _size: int = _BLOCK,
) -> Iterator[Block]:
    """The content of a payload file (`-` is `stdin`, or the process's own), unpacked if it is gz, in constant memory.

    With `lines`, blocks of whole lines, about 64 KiB, cut after b"\\n"; else one block with the whole file. `progress`
    is told how many bytes of the file were read since it was last called, packed bytes if it is gz. Lines are read from
    `start` on; gz is unpacked from its beginning all the same.

    Raises nothing for the file's sake; a block's `error` is E501 (a file of lines is empty), E502 (the file or a line
    is over the limit; reading goes on after such a line), E503 (gz: broken, or unpacks to too much) or E504 (the
    system does not let it be read, or it changed while it was read).
    """
    try:
        with _opened(path, stdin) as handle:
            read = _reader(handle, path, progress)
            if lines:
                yield from _by_lines(path, handle, read, limits, _size, start)
            else:
                yield from _whole(path, read, limits, _size)
    except PayloadError as error:
        yield Block(1, b"", error)


def _opened(path: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if path == "-":
        return nullcontext(stdin or sys.stdin.buffer)
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from None


def _reader(handle: BinaryIO, path: str, progress: Callable[[int], None] | None) -> Read:
    """Reads some bytes, at most so many; tells `progress` and raises PayloadError (E504) in place of OSError.

    It is one call of the system, of which an interrupt is noticed: `handle.read` goes on for all the bytes.
    """
    some: Callable[[int], bytes] = getattr(handle, "read1", handle.read)
    before = None if path == "-" else _stamp(handle)

    def read(size: int) -> bytes:
        try:
            data = some(size)
        except OSError as error:
            raise _unreadable(path, error) from None
        if progress is not None and data:
            progress(len(data))
        if not data and size and before is not None:
            _refuse_changed(path, handle, before)
        return data

    return read


# Size, and time of the last change in ns; None of what is no regular file.
_Stamp = tuple[int, int] | None


def _stamp(handle: BinaryIO) -> _Stamp:
    found = os.fstat(handle.fileno())
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _refuse_changed(path: str, handle: BinaryIO, before: _Stamp) -> None:
    """What was read of a file is neither what it was nor what it is now."""
    after = _stamp(handle)
    if before is None or after == before:
        return
    how = "became shorter" if after is not None and after[0] < before[0] else "changed"
    raise PayloadError(codes.E504, f"{path} {how} while it was read")


def _unreadable(path: str, error: OSError) -> PayloadError:
    return PayloadError(codes.E504, f"cannot read {path}: {(error.strerror or str(error)).lower()}")


def _whole(path: str, read: Read, limits: Limits, size: int) -> Iterator[Block]:
    """One block: all of the file, or the error and the start of what came before it."""
    body, limit = bytearray(), limits.body_bytes
    head = read(1) + read(min(1, limit))
    if is_gz(path, head):
        pieces, too_large = unpacked(head, read, size, limits.gz_ratio), (codes.E503, "the gz file unpacks to")
    else:
        pieces, too_large = _plain(head, read, size, limit + 1), (codes.E502, "the file has")
    try:
        for piece in pieces:
            body += piece
            if len(body) > limit:
                code, what = too_large
                raise PayloadError(code, f"{what} more than {limit:,} bytes, which is the limit for one body")
    except PayloadError as error:
        yield Block(1, bytes(body[:_SHOWN_OF_BODY]), error)
        return
    yield Block(1, bytes(body))


def _by_lines(path: str, handle: BinaryIO, read: Read, limits: Limits, size: int, start: Spot) -> Iterator[Block]:
    head, limit = read(1) + read(1), limits.body_bytes
    # No piece is over the limit, so that no line is but one which began before its piece.
    size = max(1, min(size, limit))
    if is_gz(path, head):
        pieces = unpacked(head, read, size, limits.gz_ratio)
        return _line_blocks(_without(start.offset, pieces), limit, _PATIENCE * limit, start)
    if start.offset:
        handle.seek(start.offset)
        head = read(size)
    return _line_blocks(_plain(head, read, size, sys.maxsize), limit, sys.maxsize, start)


def _without(skipped: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What comes after so many bytes."""
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))


@dataclass(slots=True)
class _Counted:
    """Pieces, and how many bytes came before the end of the last."""

    pieces: Iterator[bytes]
    offset: int

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self.pieces)
        self.offset += len(piece)
        return piece


def _line_blocks(pieces: Iterator[bytes], limit: int, patience: int, start: Spot) -> Iterator[Block]:
    """Blocks of whole lines; a line over `limit` bytes is an error, and one over `patience` bytes ends the file."""
    line, rest = start.lines + 1, bytearray()
    counted = _Counted(pieces if start.offset else _not_empty(pieces), start.offset)
    try:
        for piece in counted:
            first = piece[: piece.find(b"\n")] if b"\n" in piece else piece
            if len(rest) + len(first) > limit:
                yield _too_long(line, rest[:_SHOWN_OF_BODY] + first, limit)
                piece = _after_line(piece, counted, patience - len(rest))
                line, rest = line + 1, bytearray()
            end = piece.rfind(b"\n") + 1
            if end:
                data, ended = b"".join((rest, memoryview(piece)[:end])), line - 1 + occurrences(piece, b"\n")
                yield Block(line, data, end=Spot(counted.offset - len(piece) + end, ended))
                line, rest = ended + 1, bytearray()
            rest += piece[end:]
    except PayloadError as error:
        yield Block(line, bytes(rest[:_SHOWN_OF_BODY]), error)
        return
    if rest:
        yield Block(line, bytes(rest), end=Spot(counted.offset, line))


def _not_empty(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    if not first:
        raise PayloadError(codes.E501, "the file is empty")
    yield first
    yield from pieces


def _too_long(line: int, data: bytearray, limit: int) -> Block:
    error = PayloadError(codes.E502, f"the line is longer than the limit of {limit:,} bytes")
    return Block(line, bytes(data[:_SHOWN_OF_BODY]), error)


def _after_line(piece: bytes, pieces: Iterator[bytes], patience: int) -> bytes:
    """What follows the next line end, in `piece` or the first of `pieces` that has one; b"" if none has."""
    while (end := piece.find(b"\n")) < 0:
        patience -= len(piece)
        if patience < 0:
            raise PayloadError(codes.E503, "a line of the gz file has no end: the rest of the file is given up")
        piece = next(pieces, b"")
        if not piece:
            return b""
    return piece[end + 1 :]


def _plain(head: bytes, read: Read, size: int, most: int) -> Iterator[bytes]:
    """The file as it is, no more than `most` bytes of it."""
    piece = head
    while piece:
        yield piece
        most -= len(piece)
        piece = read(min(size, most))


# --- parts of a file ---


@dataclass(slots=True)
class Lines:
    """The whole lines of a plain file from one byte to another, as `ranges` cuts it."""

    path: str
    start: int
    end: int
    line_ends: int = 0  # how many were read so far
    stamp: _Stamp = None  # of the file when it was cut

    def blocks(self, limits: Limits = DEFAULT_LIMITS) -> Iterator[Block]:
        """As the function `blocks`; lines are numbered from 1 within the range."""
        try:
            with _opened(self.path, None) as handle:
                handle.seek(self.start)
                size = max(1, min(_BLOCK, limits.body_bytes))
                pieces = self._pieces(handle, _reader(handle, self.path, None), size)
                yield from _line_blocks(pieces, limits.body_bytes, sys.maxsize, START)
        except PayloadError as error:
            yield Block(1, b"", error)

    def _pieces(self, handle: BinaryIO, read: Read, size: int) -> Iterator[bytes]:
        _refuse_changed(self.path, handle, self.stamp)
        left = self.end - self.start
        while left:
            piece = read(min(size, left))
            if not piece:
                raise PayloadError(codes.E504, f"{self.path} became shorter while it was read")
            left -= len(piece)
            self.line_ends += occurrences(piece, b"\n")
            yield piece
        _refuse_changed(self.path, handle, self.stamp)


def ranges(path: str, size: int, start: int = 0) -> Iterator[Lines]:
    """A file of lines from byte `start` on, in ranges of at least `size` bytes, but for the last.

    There is none for a file that is to be read from its start on: an empty one, gz, a pipe, one that cannot be read.
    """
    if not os.path.isfile(path):  # to open a pipe and close it again would lose what is in it
        return
    end, stamp = start, None
    try:
        with open(path, "rb", buffering=0) as handle:
            stamp = _stamp(handle)
            total = stamp[0] if stamp else 0
            if is_gz(path, handle.read(2) if total else b""):
                return
            while end < total:
                start, end = end, _after(handle, end + size, total)
                yield Lines(path, start, end, stamp=stamp)
    except OSError:
        if stamp is not None and end:  # of the rest, reading says why; of all of it, `blocks` does
            yield Lines(path, end, stamp[0], stamp=stamp)


def _after(handle: BinaryIO, position: int, total: int) -> int:
    """Where the line ends that holds the byte before this position."""
    handle.seek(position - 1)
    while position < total and (piece := handle.read(_BLOCK)):
        end = piece.find(b"\n")
        if end >= 0:
            return position + end
        position += len(piece)
    return total


def lines_of(block: Block) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes, without b"\\n", of each line that is not blank, of a block of lines without error."""
    for number, line in enumerate(block.data.split(b"\n"), block.line):
        if line and not line.isspace():
            yield number, line


def bodies_of(block: Block, lines: bool) -> Iterator[tuple[int, bytes]]:
    """The bodies of a block, with their line numbers: each line of it, or all of it; of a broken one what was read."""
    return lines_of(block) if lines and block.error is None else iter([(block.line, block.data)])
