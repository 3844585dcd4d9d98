"""Compiled mappings in a store: found by all that decides what they are, and what of them is kept there.

The key is a SHA-256 over the bytes and names of the files, this package, the libraries it reads and checks by, and
Python itself. Files are read each time; what is kept is a function of their bytes. Only what passed every check is
kept, so what is found need not be checked again.

It is kept as `marshal` writes it, as Python does with modules: code and plain data, read in one go.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

from rulesengine import __version__, store
from rulesengine.bodies import sha256
from rulesengine.codes import BY_NUMBER
from rulesengine.diagnostics import Diagnostic, Place
from rulesengine.gathering import Files
from rulesengine.program import Compiled

_PACKAGE = os.path.dirname(__file__)
# What any of these does differently may change a program, an advice or what is refused.
_LIBRARIES = ("cerberus", "jmespath", "msgspec", "re2", "tzdata", "yaml")


class Kept(NamedTuple):
    """What is kept of a set of files without errors: the compiled mappings, the advice, the files left out."""

    programs: tuple[Compiled, ...]
    advice: tuple[Diagnostic, ...]
    left_out: tuple[str, ...]


def find(folder: str, files: Files) -> Kept | None:
    """What is kept of these files; None where nothing is."""
    key = _key(files)
    found = None if key is None else store.get(folder, key)
    if found is None:
        return None
    try:
        programs, advice, left_out = marshal.loads(found)
        told = (Diagnostic(BY_NUMBER[code], Place(*place), text, hint) for code, place, text, hint in advice)
        return Kept(tuple(map(Compiled._make, programs)), tuple(told), left_out)
    except (EOFError, LookupError, TypeError, ValueError):  # whole and our own, and still not what we write
        return None


def keep(folder: str, files: Files, kept: Kept) -> None:
    """Keep what became of these files, if that can be done."""
    key = _key(files)
    if key is not None:
        advice = [(one.code.number, one.place.parts, one.message, one.hint) for one in kept.advice]
        store.put(folder, key, marshal.dumps((tuple(map(tuple, kept.programs)), advice, kept.left_out)))


# -- the key ----------------------------------------------------------------------------------------------------------


def _key(files: Files) -> str | None:
    """Tells apart what may compile to something else; None where it cannot be told."""
    try:
        decided_by = (__version__, list(_own(_PACKAGE)), [_library(name) for name in _LIBRARIES], _python(), files)
    except OSError:  # a module within an archive
        return None
    return sha256(repr(decided_by).encode())


def _python() -> tuple[Any, ...]:
    """This Python, and how it was told to compile and to read numbers. No flag says whether code has columns."""
    columns = sys._xoptions.get("no_debug_ranges"), os.environ.get("PYTHONNODEBUGRANGES")
    told = sys.flags.optimize, sys.flags.int_max_str_digits, columns
    return sys.implementation, sys.version, marshal.version, told


def _own(folder: str) -> Iterator[tuple[str, int, int]]:
    """Each file of the package with its time and size: who works on it changes it without changing its version."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda one: one.name)
    for one in entries:
        if one.is_dir():
            yield from _own(one.path) if one.name not in ("__pycache__", "bundled") else ()
        else:
            yield (one.path, *_state(one.path))


def _library(name: str) -> tuple[str, str, int, int, int]:
    """A library's first module with its time and size, and the time of its folder, which changes when others of it do.

    To ask for its version would take longer than all else here.
    """
    spec = PathFinder.find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(name)
    folder, _ = _state(os.path.dirname(spec.origin))
    return (name, spec.origin, folder, *_state(spec.origin))


def _state(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
