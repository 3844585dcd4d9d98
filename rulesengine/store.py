"""A folder of bytes by name, of one user: what was worked out once and would be worked out again otherwise.

Whatever cannot be trusted or read whole is as if it were not there, and whatever cannot be written is not kept: a store
never fails, and nothing but time depends on it. What is in it may be code, so it is only taken from files that this
user owns and nobody else may write, in a folder of which the same is true.

Limits: so many entries and bytes; those that were not used for longest go first. On Windows the owner is not looked at:
the folder of a user's own data is closed to others there.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from rulesengine.bodies import sha256

MOST_ENTRIES = 256
MOST_BYTES = 64 * 2**20
_DIGEST = 64  # characters of a SHA-256 in hex
_ENTRY = re.compile(r"[0-9a-f]{64}(\.\w+\.part)?")


def default_folder(environment: Mapping[str, str] = os.environ) -> str | None:
    """Where the command line has its store: `RULES_STORE`, or a folder in that of the user's caches; None for nowhere.

    A path that is not absolute is none: it would lead to another folder, maybe a stranger's, from wherever one stands.
    """
    asked = environment.get("RULES_STORE")
    if asked:
        return asked if os.path.isabs(asked) else None
    caches = _caches(environment)
    return os.path.join(caches, "rulesengine") if caches is not None and os.path.isabs(caches) else None


def _caches(environment: Mapping[str, str]) -> str | None:
    if sys.platform == "win32":
        return environment.get("LOCALAPPDATA")
    home = environment.get("HOME")
    own = environment.get("XDG_CACHE_HOME")
    if own or home is None or not os.path.isdir(home):  # a home that is not there is not to be made
        return own
    return os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache")


def get(folder: str, name: str) -> bytes | None:
    """What is kept under a name (a SHA-256 in hex); None where nothing is that is whole and the user's own."""
    path = os.path.join(folder, name)
    try:
        content = _read(path) if _is_safe(folder) else b""
    except OSError:
        return None
    found = content[_DIGEST:]
    if content[:_DIGEST] != _digest(name, found):
        return None
    with suppress(OSError):  # a disk that is only read
        os.utime(path)
    return found


def put(folder: str, name: str, content: bytes) -> None:
    """Keep something under a name, in place of what was there, if that can be done."""
    if len(content) > MOST_BYTES:
        return
    with suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if _is_safe(folder):
            _write(folder, name, _digest(name, content) + content)
            _make_room(folder)


def _digest(name: str, content: bytes) -> bytes:
    """Tells content that is whole, and of this name, from all other."""
    return sha256(name.encode() + content).encode()


# -- files ------------------------------------------------------------------------------------------------------------


def _is_safe(folder: str) -> bool:
    """Whether a folder is the user's own, and no link on the way to it is another's. Raises OSError."""
    path = folder
    while path != os.path.dirname(path):
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) and not _is_of(found, root=True):
            return False
        path = os.path.dirname(path)
    found = os.stat(folder)
    return stat.S_ISDIR(found.st_mode) and _is_own(found)


def _is_own(found: os.stat_result) -> bool:
    """Whether only this user may write what was found."""
    return sys.platform == "win32" or (_is_of(found) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _is_of(found: os.stat_result, *, root: bool = False) -> bool:
    """Whether something is this user's, or may be root's and is."""
    return sys.platform == "win32" or found.st_uid == os.geteuid() or (root and found.st_uid == 0)


def _read(path: str) -> bytes:
    """The bytes of a file; none where it is not a plain one of the user's own. Raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or not _is_own(found):
            return b""
        return file.read(MOST_BYTES + _DIGEST)


def _write(folder: str, name: str, content: bytes) -> None:
    """Write beside and rename, so that a reader finds all or nothing. Raises OSError."""
    import tempfile  # who finds what it looks for need not wait for it

    descriptor, part = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(part, os.path.join(folder, name))
    except OSError:
        with suppress(OSError):
            os.unlink(part)
        raise


def _make_room(folder: str) -> None:
    """Remove what was not used for longest, where there is too much. Raises OSError."""
    entries = sorted(_entries(folder), key=lambda one: -one[1].st_mtime_ns)
    total = 0
    for number, (path, found) in enumerate(entries):
        total += found.st_size
        if number >= MOST_ENTRIES or total > MOST_BYTES:
            with suppress(OSError):
                os.unlink(path)


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The entries, and what runs that were killed left of some; other files in the folder are not ours."""
    with os.scandir(folder) as found:
        for one in found:
            if _ENTRY.fullmatch(one.name):
                with suppress(OSError):  # another process was quicker
                    yield one.path, one.stat(follow_symlinks=False)
