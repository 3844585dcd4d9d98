"""From paths to checked mappings: which files there are, their texts, and every fault of all of them in one run.

`gather` is the only place that reads mapping files, app.yml and vocabularies from disk; `check_files` works on their
texts alone, so that an engine can travel to another process as text and be built there without a file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rulesengine import codes, model, shape, source
from rulesengine.app import App, read_app
from rulesengine.bundled import bundled_mapping, bundled_mappings
from rulesengine.checks import check, check_together
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, has_errors, in_order
from rulesengine.emissions import Subject
from rulesengine.silencers import Silenced, Silencer, read_silencers, silence
from rulesengine.source import Node
from rulesengine.vocabulary import Vocabulary, default_vocabulary, read_vocabulary

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


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the mappings as far as they could be read, all diagnostics, and the files left out.

    `left_out` names the mappings of a folder that are for other channels than app.yml's; `files` counts the others.
    What comments allow is in `silenced` and not among the diagnostics; `for_samples` are the comments about advice
    that only samples can give.
    """

    subjects: tuple[Subject, ...]
    diagnostics: tuple[Diagnostic, ...]
    left_out: tuple[str, ...]
    app: App
    vocabulary: Vocabulary
    files: int
    silenced: tuple[Silenced, ...] = ()
    for_samples: tuple[Silencer, ...] = ()


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


def check_files(files: Files) -> Checked:
    """Check all files against each other; never raises for what is in them."""
    vocabulary, faults = default_vocabulary(), list[Diagnostic]()
    if files.vocabulary is not None:
        own, faults = read_vocabulary(files.vocabulary.name, files.vocabulary.raw)
        vocabulary = own or vocabulary
    app, app_faults = read_app(files.app.name, files.app.raw, vocabulary)
    faults += app_faults
    subjects: list[Subject] = []
    left_out: list[str] = []
    for file in files.mappings:
        root, unread = source.read(file.name, file.raw)
        if root is not None and file.in_folder and _is_for_another(root, app):
            left_out.append(file.name)
            continue
        mapping, found, whole = _mapping(root, unread)
        if mapping is not None:
            subject = Subject(mapping, app, vocabulary)
            found = [*found, *_news(found, check(subject, whole=whole))]
            subjects.append(subject)
        faults += found
    complete = not any(one.is_error for one in faults)
    faults += [one for one in check_together(subjects, app, vocabulary) if complete or one.code is codes.E320]
    count = len(files.mappings) - len(left_out)
    checked = Checked(tuple(subjects), in_order(faults), tuple(left_out), app, vocabulary, count)
    return _silenced(checked, files.app)


def with_samples(checked: Checked, advice: Sequence[Diagnostic], looked_at: Collection[str]) -> Checked:
    """The check with what samples say besides; `looked_at` are the mapping files that there were samples for."""
    kept, silenced = silence(advice, checked.for_samples, looked_at)
    diagnostics = in_order([*checked.diagnostics, *kept])
    return replace(checked, diagnostics=diagnostics, silenced=(*checked.silenced, *silenced))


def _silenced(checked: Checked, app: File) -> Checked:
    """The check without the advice that comments in its files allow."""
    roots = [subject.mapping.root for subject in checked.subjects]
    if b"allow" in app.raw.lower():  # else there is no reason to read it again
        roots += filter(None, [source.read(app.name, app.raw, strict=False)[0]])
    silencers: list[Silencer] = []
    faults: list[Diagnostic] = []
    for found, wrong in map(read_silencers, roots):
        silencers += found
        faults += wrong
    # Errors keep some advice from being found, so with them nobody can tell which comments are needless.
    looked_at = [] if has_errors(checked.diagnostics) else [root.source.file for root in roots]
    kept, silenced = silence(checked.diagnostics, [one for one in silencers if not one.needs_samples], looked_at)
    later = tuple(one for one in silencers if one.needs_samples)
    return replace(checked, diagnostics=in_order([*kept, *faults]), silenced=tuple(silenced), for_samples=later)


def _mapping(root: Node | None, unread: list[Diagnostic]) -> tuple[model.Mapping | None, list[Diagnostic], bool]:
    """The model of a file, the faults of its reading and shape, and whether it had none of these."""
    if root is None:
        return None, unread, False
    faults = [*unread, *_news(unread, shape.check_mapping(root))]
    whole = not faults
    if not isinstance(root.data, dict):
        return None, faults, False
    mapping, unparsed = model.build(root)
    return mapping, [*faults, *_news(faults, unparsed)], whole


def _news(known: Sequence[Diagnostic], later: Sequence[Diagnostic] | Iterator[Diagnostic]) -> list[Diagnostic]:
    """The later faults without those that merely follow from an earlier one in the same line."""
    lines = {(one.place.file, one.place.line) for one in known}
    return [one for one in later if (one.place.file, one.place.line) not in lines]


def _is_for_another(root: Node, app: App) -> bool:
    """Whether a mapping names channels, and the app's is none of them."""
    names = [channel.value for channel in model.channels_of(root)]
    return bool(names) and app.channel != "" and app.channel not in names
