"""Where a run writes to: standard output, or a file that appears under its name only when it is complete.

Whatever the system refuses names the file as it was given.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from gzip import GzipFile

_BUFFER = 2**20
# Makes a file without a name, where the system has that, and a way to name it later.
_NAMELESS = getattr(os, "O_TMPFILE", 0) if os.path.isdir("/proc/self/fd") else 0
# Opens a file whose name can be told beforehand: where others may write to its folder, it could lead elsewhere.
AS_IT_IS = os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def writing(path: str | None) -> Iterator[BinaryIO]:
    """A stream of bytes to a file, or to standard output when there is no path; `.gz` is packed.

    A file is written beside its place and renamed into it when the block ends well; otherwise it is removed and
    whatever stood there stays. On Linux it has no name until then, so that not even a killed process leaves it. A link
    is followed, and what is no regular file (a pipe, a device) is written to as it is. Raises OSError, with the path as
    it was given, when that cannot be done.
    """
    with writing_all([path]) as [stream]:
        yield stream


@contextmanager
def writing_all(paths: Iterable[str | None]) -> Iterator[list[BinaryIO]]:
    """A stream to each, as `writing` has it. None appears before all are complete, and then the first appears last."""
    with ExitStack() as placed, ExitStack() as filled:
        names = ["-" if path is None else path for path in paths]
        yield [filled.enter_context(_filled(placed.enter_context(_placed(name)), name)) for name in names]


def forget_output() -> None:
    """Let what standard output has not taken go nowhere; Python would try again as it ends, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Sink(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""


class Outputs(NamedTuple):
    """Where a run writes to."""

    events: Sink
    rejects: Sink | None = None
    summary: Sink | None = None
    report: Sink | None = None


@contextmanager
def outputs(
    events: str | None, rejects: str | None, summary: str | None, report: str | None = None
) -> Iterator[Outputs]:
    """The outputs of a run, each as `writing` has it, or None where it is not wanted.

    When the block ends well, and all are complete, the files appear one after the other, the events last: where these
    are, all is. So a run that is killed at any moment can be run again, and who takes the events as soon as they are
    there gets them once.
    """
    named = {"events": "-" if events is None else events, "rejects": rejects, "summary": summary, "report": report}
    wanted = {name: path for name, path in named.items() if path is not None}
    with writing_all(wanted.values()) as streams:
        yield Outputs(**dict(zip(wanted, streams, strict=True)))


@contextmanager
def _placed(path: str) -> Iterator[BinaryIO]:
    """Where bytes go as they are; in its place when the block ends well."""
    if path == "-":
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed", "-")
        stream = sys.stdout.buffer
        yield cast(BinaryIO, _Whole(stream)) if isinstance(stream, io.RawIOBase) else stream
    elif _is_device(path):
        with _opened(path, path, "wb") as stream:
            yield stream
    else:
        with _replacing(path) as stream:
            yield stream


@contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    place = os.path.realpath(path)
    beside = os.path.join(os.path.dirname(place), f".rules.{os.getpid()}.{os.urandom(6).hex()}.part")
    try:
        with _opened(beside, path, "xb", _nameless) as raw:
            yield raw
            with _told_of(path):
                _name(raw.fileno(), beside)
        with _told_of(path):
            put_in_place(beside, place)
    except BaseException:  # an interrupt too must leave nothing behind; it goes on as it came
        with suppress(OSError):
            os.unlink(beside)
        raise


def _nameless(file: str, flags: int) -> int:
    """Open a file that gets its name only when it is complete, so that no kill can leave it; else one that has it."""
    if _NAMELESS:
        with suppress(OSError):  # not every file system has that
            return os.open(os.path.dirname(file), os.O_WRONLY | _NAMELESS, 0o666)
    return os.open(file, flags, 0o666)


def _name(file: int, path: str) -> None:
    """Give an open file its name, if it has none yet."""
    if os.fstat(file).st_nlink == 0:
        os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file)  # with a folder given, the link is followed


@contextmanager
def _told_of(path: str) -> Iterator[None]:
    """What the system refuses names this path."""
    try:
        yield
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, path) from None


def put_in_place(beside: str, place: str) -> None:
    """Rename a complete file over what was there, whose mode it takes."""
    if os.path.exists(place):
        os.chmod(beside, stat.S_IMODE(os.stat(place).st_mode))
    os.replace(beside, place)


def sync_folder(path: str) -> None:
    """See to it that the name of a file is on the disk, where the system has that."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Named(io.FileIO):
    """A file of which a fault names the path that the user gave."""

    def __init__(self, file: str, path: str, mode: str, opener: Callable[[str, int], int] | None) -> None:
        self._path = path
        with _told_of(path):
            super().__init__(file, mode, opener=opener)

    def write(self, data: Any, /) -> int:
        with _told_of(self._path):
            return super().write(data)

    def close(self) -> None:
        with _told_of(self._path):  # some file systems have no room only now
            super().close()


def _opened(file: str, path: str, mode: str, opener: Callable[[str, int], int] | None = None) -> BinaryIO:
    return cast(BinaryIO, io.BufferedWriter(_Named(file, path, mode, opener), _BUFFER))


def _is_device(path: str) -> bool:
    """Whether something is there that is no regular file: a pipe, a device, a folder."""
    return os.path.exists(path) and not os.path.isfile(path)


@contextmanager
def _filled(raw: BinaryIO, path: str) -> Iterator[BinaryIO]:
    """What packs into a file whose name says so; when the block ends well, the file has all of it."""
    if path.endswith(".gz") and not _is_device(path):
        with _member(raw) as packed:
            yield cast(BinaryIO, packed)
    else:
        yield raw
    raw.flush()


class _Whole:
    """A stream, such as standard output under PYTHONUNBUFFERED, that may take a part and is given the rest again."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def write(self, data: bytes, /) -> int:
        """Write all of it. Raises OSError, where nothing is taken as well."""
        rest = memoryview(data)
        while rest:
            taken = self._raw.write(rest)
            if not taken:
                raise BlockingIOError(errno.EAGAIN, "it takes nothing at the moment")
            rest = rest[taken:]
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""


def _member(raw: BinaryIO) -> GzipFile:
    """A gz member that is written to a file."""
    from gzip import GzipFile  # few outputs are packed, and each run would wait for it

    return GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0)


class Part:
    """A file on its way that outlives the process that writes it, in `beside` until `put_in_place`.

    Of what was written before only the first `size` bytes are kept. Each `sync` ends a gz member, so how the bytes
    are packed depends on when that is called. Raises OSError, with the path as it was given.
    """

    def __init__(self, path: str, beside: str, size: int) -> None:
        self._path, self._beside, self._place = path, beside, os.path.realpath(path)
        self._is_packed = path.endswith(".gz")
        self._raw = _opened(beside, path, "r+b", lambda file, flags: os.open(file, flags | AS_IT_IS, 0o666))
        with _told_of(path):
            self._raw.truncate(size)
            self._raw.seek(size)
        sync_folder(beside)
        self._member: GzipFile | None = None

    def write(self, data: bytes, /) -> int:
        """Write what may be lost until `sync` is called."""
        if not self._is_packed:
            return self._raw.write(data)
        if self._member is None:
            self._member = _member(self._raw)
        return self._member.write(data)

    def sync(self) -> int:
        """See to it that all that was written is on the disk; the size of the file."""
        if self._is_packed and self._raw.tell() == 0:
            self.write(b"")  # a file without a member is no gz file
        if self._member is not None:
            self._member.close()
            self._member = None
        self._raw.flush()
        with _told_of(self._path):
            os.fsync(self._raw.fileno())
        return self._raw.tell()

    def put_in_place(self) -> None:
        """Close the file, which must be synced, and give it its name."""
        self._raw.close()
        with _told_of(self._path):
            put_in_place(self._beside, self._place)
        sync_folder(self._place)

    def close(self) -> None:
        """Leave it where it is."""
        with suppress(OSError):
            self._raw.close()


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one regular file, there already or to be written."""
    regular = all(not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode) for path in (one, other))
    return regular and os.path.realpath(one) == os.path.realpath(other)
