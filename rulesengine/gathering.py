"""From paths to texts: which files a mapping, an app.yml and a vocabulary are, and their bytes.

The only place that reads them from disk. What they mean is for `loading` to find out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rulesengine import codes
from rulesengine.bundled import bundled_mapping, bundled_mappings
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean

_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class File:
    """A file's name and bytes; `in_folder` when it was found in a folder and not named itself."""

    name: str
    raw: bytes
    in_folder: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """All that an engine is made of. `vocabulary` is None for the one that comes with the package."""

    mappings: tuple[File, ...]
    app: File
    vocabulary: File | None = None


def gather(
    paths: Sequence[str | os.PathLike[str]],
    app: str | os.PathLike[str],
    vocabulary: str | os.PathLike[str] | None = None,
) -> tuple[Files | None, list[Diagnostic]]:
    """Read every file that the paths name; None, and why, when some cannot be read.

    A path is a mapping file, a folder (its *.yml and *.yaml but for app.yml), or the name of a bundled mapping.
    """
    faults: list[Diagnostic] = []
    mappings = [file for path in paths for file in mapping_files(os.fspath(path), faults)]
    manifest = read_file(app, faults)
    own = read_file(vocabulary, faults) if vocabulary is not None else None
    if faults or manifest is None:
        return None, faults
    unique = {os.path.abspath(file.name): file for file in mappings}
    return Files(tuple(unique.values()), manifest, own), []


def mapping_files(path: str, faults: list[Diagnostic]) -> Iterator[File]:
    """The files that a path of mappings stands for; what cannot be read is added to `faults`."""
    try:
        candidates = _candidates(path)
    except OSError as fault:
        faults.append(codes.E101.at(_start(path), file=path, reason=(fault.strerror or str(fault)).lower()))
        return
    if not candidates:
        faults.append(_not_found(path))
    for candidate in candidates:
        file = read_file(candidate, faults, in_folder=candidate.parent == Path(path))
        if file is not None:
            yield file


def _candidates(path: str) -> list[Path]:
    """The files a path stands for; a folder without mappings does not hide the bundled mapping of its name."""
    folder, beside = Path(path), Path(f"{path}.yml")
    if folder.is_file() or (folder.exists() and not folder.is_dir()):
        return [folder]
    if folder.is_dir() and beside.is_file():  # the folder of this name holds the cases of the mapping
        return [beside]
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    mappings = [one for one in found if is_mapping(one.name) and one.is_file()]
    bundled = bundled_mapping(path)
    return mappings or ([bundled] if bundled is not None else [])


def is_mapping(name: str) -> bool:
    """Whether a file of this name, found in a folder, is a mapping."""
    return Path(name).suffix in _SUFFIXES and Path(name).stem != "app"


def _not_found(path: str) -> Diagnostic:
    if Path(path).is_dir():
        return codes.E101.at(_start(path), file=path, reason="the folder has no mapping (*.yml, *.yaml) in it")
    names = [one.stem for one in bundled_mappings()]
    hint = did_you_mean(path, names) or f"mappings that come with the package: {', '.join(names)}"
    return codes.E101.at(_start(path), file=path, reason="no such file, folder or bundled mapping", hint=hint)


def read_file(path: str | os.PathLike[str], faults: list[Diagnostic], *, in_folder: bool = False) -> File | None:
    """A file and its bytes; one that cannot be read is None, and added to `faults`."""
    name = str(Path(path))
    try:
        return File(name, Path(path).read_bytes(), in_folder)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        hint = "name it with --app" if Path(path).stem == "app" else ""
        faults.append(codes.E101.at(_start(name), file=name, reason=reason.lower(), hint=hint))
        return None


def _start(file: str) -> Place:
    return Place(file, 1, 1, 1, 2)
