"""Payload files to blocks: whole files or lines, gz or not, in constant memory.

`blocks` reads a payload file, however large, in pieces a worker can take: blocks of whole lines of NDJSON, or one whole
body. A fault of a file is a block too, never an exception, so that the caller counts it and goes on.

Limits: of a corrupt gz stream the last lines before the fault may be lost, since zlib gives nothing of the slice in
which it stumbles.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from rulesengine import codes
from rulesengine.errors import PayloadError
from rulesengine.payloads import DEFAULT_LIMITS, Limits

_BLOCK = 2**16
# Input for zlib: small, since each gz member that ends in it costs a copy of what is left of it.
_SLICE = 2**16
_SHOWN_OF_BODY = 1024
# An over-long line of a gz file is read on until it is this many times the limit: the line may end, a bomb does not.
_PATIENCE = 16
_GZIP_MAGIC = b"\x1f\x8b"
_LINES_SUFFIXES = (".ndjson", ".jsonl")
_PAYLOAD_SUFFIXES = (".json", ".txt", *_LINES_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a payload file: whole lines, or one whole body, from `line` (from 1) on.

    With an `error` it stands for a body or file that could not be read, and `data` is at most its first KiB.
    """

    line: int
    data: bytes
    error: PayloadError | None = None


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
    _size: int = _BLOCK,
) -> Iterator[Block]:
    """The content of a payload file (`-` is `stdin`, or the process's own), unpacked if it is gz, in constant memory.

    With `lines`, blocks of whole lines of about 1 MiB, cut after b"\\n"; else one block with the whole file. `progress`
    is told how many bytes of the file were read since it was last called, packed bytes if it is gz.

    Raises nothing for the file's sake; a block's `error` is E501 (a file of lines is empty), E502 (the file or a line
    is over the limit; reading goes on after such a line), E503 (gz: broken, or unpacks to too much) or E504 (the
    system does not let it be read).
    """
    try:
        with _opened(path, stdin) as handle:
            read = _reader(handle, path, progress)
            yield from (_by_lines if lines else _whole)(path, read, limits.body_bytes, _size)
    except PayloadError as error:
        yield Block(1, b"", error)


_Read = Callable[[int], bytes]


def _opened(path: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if path == "-":
        return nullcontext(stdin or sys.stdin.buffer)
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from None


def _reader(handle: BinaryIO, path: str, progress: Callable[[int], None] | None) -> _Read:
    """Reads some bytes, at most so many; tells `progress` and raises PayloadError (E504) in place of OSError.

    It is one call of the system, of which an interrupt is noticed: `handle.read` goes on for all the bytes.
    """
    some: Callable[[int], bytes] = getattr(handle, "read1", handle.read)

    def read(size: int) -> bytes:
        try:
            data = some(size)
        except OSError as error:
            raise _unreadable(path, error) from None
        if progress is not None and data:
            progress(len(data))
        return data

    return read


def _unreadable(path: str, error: OSError) -> PayloadError:
    return PayloadError(codes.E504, f"cannot read {path}: {(error.strerror or str(error)).lower()}")


def _is_gz(path: str, head: bytes) -> bool:
    return head == _GZIP_MAGIC or path.lower().endswith(".gz")


def _whole(path: str, read: _Read, limit: int, size: int) -> Iterator[Block]:
    """One block: all of the file, or the error and the start of what came before it."""
    body = bytearray()
    head = read(1) + read(min(1, limit))
    if _is_gz(path, head):
        pieces, too_large = _unpacked(head, read, size), (codes.E503, "the gz file unpacks to")
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


def _by_lines(path: str, read: _Read, limit: int, size: int) -> Iterator[Block]:
    head = read(1) + read(1)
    # No piece is over the limit, so that no line is but one which began before its piece.
    size = max(1, min(size, limit))
    if _is_gz(path, head):
        return _line_blocks(_unpacked(head, read, size), limit, _PATIENCE * limit)
    return _line_blocks(_plain(head, read, size, sys.maxsize), limit, sys.maxsize)


def _line_blocks(pieces: Iterator[bytes], limit: int, patience: int) -> Iterator[Block]:
    """Blocks of whole lines; a line over `limit` bytes is an error, and one over `patience` bytes ends the file."""
    line, rest = 1, bytearray()
    try:
        for piece in _not_empty(pieces):
            first = piece[: piece.find(b"\n")] if b"\n" in piece else piece
            if len(rest) + len(first) > limit:
                yield _too_long(line, rest[:_SHOWN_OF_BODY] + first, limit)
                piece = _after_line(piece, pieces, patience - len(rest))
                line, rest = line + 1, bytearray()
            end = piece.rfind(b"\n") + 1
            if end:
                yield Block(line, b"".join((rest, memoryview(piece)[:end])))
                line, rest = line + line_ends(piece), bytearray()
            rest += piece[end:]
    except PayloadError as error:
        yield Block(line, bytes(rest[:_SHOWN_OF_BODY]), error)
        return
    if rest:
        yield Block(line, bytes(rest))


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


def _plain(head: bytes, read: _Read, size: int, most: int) -> Iterator[bytes]:
    """The file as it is, no more than `most` bytes of it."""
    piece = head
    while piece:
        yield piece
        most -= len(piece)
        piece = read(min(size, most))


def _unpacked(head: bytes, read: _Read, size: int) -> Iterator[bytes]:
    """What the members of a gz file unpack to, in pieces of at most `size` bytes; zero bytes after one are padding."""
    if head != _GZIP_MAGIC:
        raise PayloadError(codes.E503, "the file's name ends in .gz, but it is not a gz file")
    data = head
    while data:
        data = yield from _member(data, read, size)
        while not (data := data.lstrip(b"\x00")) and (data := read(_SLICE)):
            pass


def _member(data: bytes, read: _Read, size: int) -> Generator[bytes, None, bytes]:
    """Yields what the gz member that starts with `data` unpacks to; returns what was read beyond its end."""
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    while not member.eof:
        if not data:
            raise PayloadError(codes.E503, "the gz file is cut off: it ends in the middle of its data")
        try:
            piece = member.decompress(data, size)
        except zlib.error as error:
            raise PayloadError(codes.E503, f"the gz file is broken: {str(error).rpartition(': ')[2]}") from None
        if piece:
            yield piece
        data = member.unconsumed_tail or (b"" if member.eof else read(_SLICE))
    return member.unused_data


def line_ends(data: bytes) -> int:
    """How many lines end in some bytes. `count` looks at each byte; `replace` leaps from one to the next."""
    return len(data) - len(data.replace(b"\n", b""))


# --- parts of a file ---


@dataclass(slots=True)
class Lines:
    """The whole lines of a plain file from one byte to another, as `ranges` cuts it."""

    path: str
    start: int
    end: int
    line_ends: int = 0  # how many were read so far

    def blocks(self, limits: Limits = DEFAULT_LIMITS) -> Iterator[Block]:
        """As the function `blocks`; lines are numbered from 1 within the range."""
        try:
            with _opened(self.path, None) as handle:
                handle.seek(self.start)
                size = max(1, min(_BLOCK, limits.body_bytes))
                yield from _line_blocks(
                    self._pieces(_reader(handle, self.path, None), size), limits.body_bytes, sys.maxsize
                )
        except PayloadError as error:
            yield Block(1, b"", error)

    def _pieces(self, read: _Read, size: int) -> Iterator[bytes]:
        left = self.end - self.start
        while left:
            piece = read(min(size, left))
            if not piece:
                raise PayloadError(codes.E504, f"{self.path} became shorter while it was read")
            left -= len(piece)
            self.line_ends += line_ends(piece)
            yield piece


def ranges(path: str, size: int) -> Iterator[Lines]:
    """A file of lines in ranges of at least `size` bytes, but for the last.

    There is none for a file that is to be read from its start on: an empty one, gz, a pipe, one that cannot be read.
    """
    if not os.path.isfile(path):  # to open a pipe and close it again would lose what is in it
        return
    try:
        with open(path, "rb", buffering=0) as handle:
            total = os.fstat(handle.fileno()).st_size
            if _is_gz(path, handle.read(2) if total else b""):
                return
            start = 0
            while start < total:
                end = _after(handle, start + size, total)
                yield Lines(path, start, end)
                start = end
    except OSError:  # `blocks` says which
        return


def _after(handle: BinaryIO, position: int, total: int) -> int:
    """Where the line ends that holds the byte before this position."""
    handle.seek(position - 1)
    while position < total and (piece := handle.read(_SLICE)):
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
