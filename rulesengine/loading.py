"""From texts to checked mappings: every fault of all files in one run.

`check_files` works on texts alone, so that an engine can travel to another process as text and be built there without
a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from rulesengine import codes, model, shape, source
from rulesengine.app import App, read_app
from rulesengine.checks import check, check_together
from rulesengine.diagnostics import Diagnostic, has_errors, in_order
from rulesengine.emissions import Subject
from rulesengine.gathering import File, Files
from rulesengine.silencers import Silenced, Silencer, read_silencers, silence
from rulesengine.source import Node
from rulesengine.vocabulary import Vocabulary, default_vocabulary, read_vocabulary


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
