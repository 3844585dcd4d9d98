"""Mappings as they stand in a git repository: `HEAD~1:mappings/sendgrid.yml`, by way of the program `git`.

A name is one of git's if there is a colon in it and nothing on disk is called so. It may be that of a folder;
`:mappings/sendgrid.yml` is the file as it is staged. Paths count from the root of the repository, `./` from here.

Nothing is checked out, and nothing of the repository is run.
"""

from __future__ import annotations

import os
import subprocess

from rulesengine import codes, gathering
from rulesengine.diagnostics import Diagnostic, Place
from rulesengine.gathering import File, Files

# A program that the repository's configuration names, which git runs before it looks into what is staged.
_RUNS_NOTHING = ("-c", "core.fsmonitor=false")


class _Refused(Exception):
    """What git says, and its hint."""


def is_revision(name: str) -> bool:
    """Whether a name is to be looked for in a repository."""
    return ":" in name and not name.startswith("-") and not os.path.exists(name)


def gather(mapping: str, app: str, vocabulary: str | None = None) -> tuple[Files | None, list[Diagnostic]]:
    """As `gathering.gather`; the mapping and app.yml may be those of a revision."""
    faults: list[Diagnostic] = []
    mappings = list(_mappings(mapping, faults) if is_revision(mapping) else gathering.mapping_files(mapping, faults))
    manifest = _file(app, faults) if is_revision(app) else gathering.read_file(app, faults)
    own = gathering.read_file(vocabulary, faults) if vocabulary is not None else None
    if faults or manifest is None:
        return None, faults
    return Files(tuple(mappings), manifest, own), []


def _mappings(name: str, faults: list[Diagnostic]) -> list[File]:
    """The mapping of this name, or those in the folder of this name."""
    names = _names(name, faults)
    return [file for one in names if (file := _file(one, faults, in_folder=one != name)) is not None]


def _names(name: str, faults: list[Diagnostic]) -> list[str]:
    try:
        if _git("cat-file", "-t", name) != b"tree\n":
            return [name]
        listed = os.fsdecode(_git("ls-tree", "--name-only", "-z", name)).split("\0")
    except _Refused as refused:
        faults.append(_fault(name, refused))
        return []
    folder = name if name.endswith((":", "/")) else f"{name}/"
    found = [folder + one for one in listed if gathering.is_mapping(one)]
    if not found:
        faults.append(_fault(name, _Refused("the folder has no mapping (*.yml, *.yaml) in it", "")))
    return found


def _file(name: str, faults: list[Diagnostic], *, in_folder: bool = False) -> File | None:
    try:
        return File(name, _git("cat-file", "blob", name), in_folder)
    except _Refused as refused:
        faults.append(_fault(name, refused))
        return None


def _git(*arguments: str) -> bytes:
    """What git prints. Raises _Refused."""
    command = ["git", *_RUNS_NOTHING, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    except (OSError, ValueError) as fault:  # there is no git; or a null byte in the name
        raise _Refused(f"git cannot be run: {getattr(fault, 'strerror', None) or fault}".lower(), "") from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").splitlines()
    sentences = [line.removeprefix("fatal: ") for line in said if line.startswith(("fatal: ", "error: "))]
    hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
    raise _Refused(sentences[0] if sentences else "git failed", " ".join(hints))


def _fault(name: str, refused: _Refused) -> Diagnostic:
    reason, hint = refused.args
    if not hint and reason.startswith("path ") and ":./" not in name:
        hint = f"paths count from the root of the repository; from here on it is {name.replace(':', ':./', 1)}"
    return codes.E101.at(Place(name, 1, 1, 1, 2), file=name, reason=reason, hint=hint)
