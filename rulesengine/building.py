"""From files to programs: every check, then the compiler. What an engine is made of that no store has."""

from __future__ import annotations

from dataclasses import dataclass

from rulesengine.codegen import compile_mapping
from rulesengine.diagnostics import Diagnostic, has_errors
from rulesengine.emitting import Target
from rulesengine.errors import invalid
from rulesengine.gathering import Files
from rulesengine.loading import Checked, check_files
from rulesengine.program import Program


@dataclass(frozen=True, slots=True)
class Built:
    """Programs by provider, what they were compiled for, the advice of the check and the files it left out."""

    programs: dict[str, Program]
    target: Target
    advice: tuple[Diagnostic, ...]
    left_out: tuple[str, ...]


def build(files: Files, checked: Checked | None = None) -> Built:
    """Check and compile. `checked` is what `check_files` found of these files, if that is known already.

    Raises `InvalidMapping` or `InvalidApp`.
    """
    checked = checked or check_files(files)
    if has_errors(checked.diagnostics):
        raise invalid(checked.diagnostics, files.app.name)
    target = Target(checked.vocabulary, checked.app.channel, frozenset(checked.app.declared))
    mappings = [subject.mapping for subject in checked.subjects]
    programs = {one.provider.value: compile_mapping(one, target) for one in mappings}
    return Built(programs, target, checked.diagnostics, checked.left_out)
