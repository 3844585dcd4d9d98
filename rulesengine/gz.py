"""gz files unpacked in small pieces, so that a bomb costs no more memory than any other file.

Limits: of a corrupt gz stream the last lines before the fault may be lost, since zlib gives nothing of the slice in
which it stumbles.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator

from rulesengine import codes
from rulesengine.errors import PayloadError

_MAGIC = b"\x1f\x8b"
# Input for zlib: small, since each gz member that ends in it costs a copy of what is left of it.
_SLICE = 2**16
# A small file that repeats itself may unpack to any number of times its size; a large one that does is a bomb.
_RATIO_FROM = 16 * 2**20

# Reads some bytes of a file, at most so many.
Read = Callable[[int], bytes]


def is_gz(path: str, head: bytes) -> bool:
    """Whether a file is gz, by its first two bytes or its name."""
    return head == _MAGIC or path.lower().endswith(".gz")


def unpacked(head: bytes, read: Read, size: int, ratio: int) -> Iterator[bytes]:
    """What a gz file unpacks to, in pieces of at most `size` bytes. `head` are its first two bytes, `read` gives more.

    Raises PayloadError (E503) where it is broken, or unpacks to more than `ratio` times its size.
    """
    packed, given = len(head), 0

    def counted(size: int) -> bytes:
        nonlocal packed
        data = read(size)
        packed += len(data)
        return data

    for piece in _members(head, counted, size):
        given += len(piece)
        if given > max(_RATIO_FROM, ratio * packed):
            raise PayloadError(codes.E503, f"the gz file unpacks to more than {ratio:,} times its size, the limit")
        yield piece


def _members(head: bytes, read: Read, size: int) -> Iterator[bytes]:
    """What the members of a gz file unpack to; zero bytes after one are padding."""
    if head != _MAGIC:
        raise PayloadError(codes.E503, "the file's name ends in .gz, but it is not a gz file")
    data = head
    while data:
        data = yield from _member(data, read, size)
        while not (data := data.lstrip(b"\x00")) and (data := read(_SLICE)):
            pass


def _member(data: bytes, read: Read, size: int) -> Generator[bytes, None, bytes]:
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
