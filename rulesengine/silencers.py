"""Comments that allow one advice where it stands: `# allow W402: reported by the consent centre`.

Such a comment stands at the end of the line that the advice is at, or alone directly above it, where several may
stack. Of a scalar over several lines it is the line that the scalar begins in, since no comment can stand inside. The
comment names one code and gives a reason; errors cannot be allowed.

Limits: only mapping files and app.yml have such comments. A comment is found in the text between the scalars of a
tree, so none is found in a file that is no YAML.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rulesengine import codes
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean
from rulesengine.source import Node

_COMMENT = re.compile("#[^\n\r\x85\u2028\u2029]*")
_FORM = re.compile(r"#[ \t]*allow[ \t]+(?P<code>[EW]\d{2,4})\b[ \t]*(?P<rest>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Silencer:
    """A comment that allows the advice `code` in `lines` of its file; without a `reason` it is at fault itself."""

    code: str
    reason: str
    lines: range
    place: Place

    @property
    def needs_samples(self) -> bool:
        """Whether only sample bodies can tell if there is anything to silence."""
        return self.code.startswith("W5")


@dataclass(frozen=True, slots=True)
class Silenced:
    """An advice that a comment allows, and the reason it gives."""

    diagnostic: Diagnostic
    reason: str


def read_silencers(root: Node) -> tuple[list[Silencer], list[Diagnostic]]:
    """The silencers of a file, and the faults of those that allow what they cannot, or do not say why."""
    source = root.source
    if "allow" not in source.text.lower():
        return [], []
    comments = list(_comments(root))
    alone, ends = _alone(root, comments), _last_lines(root)
    silencers: list[Silencer] = []
    faults: list[Diagnostic] = []
    for comment in comments:
        form = _FORM.fullmatch(comment.group())
        if form is not None:
            place = source.place(comment.start(), comment.end())
            found = _silencer(form, _lines_meant(root, place.line, alone, ends), place)
            faults.extend(_faults(found, form["rest"]))
            silencers.append(found)
    return silencers, faults


def silence(
    found: Iterable[Diagnostic], silencers: Sequence[Silencer], looked_at: Collection[str]
) -> tuple[list[Diagnostic], list[Silenced]]:
    """What is left of `found`, and what of it is silenced.

    Of the files in `looked_at` all that a silencer could allow has been found: a silencer there that allows nothing is
    advice itself (W306).
    """
    at = {(one.place.file, line, one.code): one for one in reversed(silencers) for line in one.lines}
    kept: list[Diagnostic] = []
    silenced: list[Silenced] = []
    used: set[Silencer] = set()
    for diagnostic in found:
        place, silencer = diagnostic.place, None
        if not diagnostic.is_error:
            silencer = at.get((place.file, place.line, diagnostic.code.number))
        if silencer is None:
            kept.append(diagnostic)
        else:
            silenced.append(Silenced(diagnostic, silencer.reason))
            used.add(silencer)
    idle = (one for one in silencers if one not in used and one.place.file in looked_at)
    return [*kept, *(_needless(one) for one in idle if one.reason and not _forbidden(one.code))], silenced


def _needless(one: Silencer) -> Diagnostic:
    first, last = (one.lines[0], one.lines[-1]) if one.lines else (0, 0)
    lines = f"line {first} has" if first == last else f"lines {first} to {last} have"
    problem = f"{lines} none" if one.lines else "it stands directly above no line"
    return codes.W306.at(one.place, code=one.code, problem=problem)


# -- one comment ------------------------------------------------------------------------------------------------------


def _silencer(form: re.Match[str], lines: range, place: Place) -> Silencer:
    reason = form["rest"][1:].strip() if form["rest"].startswith(":") else ""
    return Silencer(form["code"].upper(), reason, lines, place)


def _faults(one: Silencer, rest: str) -> Iterator[Diagnostic]:
    forbidden = _forbidden(one.code)
    if forbidden:
        problem, hint = forbidden
        yield codes.E117.at(one.place, code=one.code, problem=problem, hint=hint)
    elif not one.reason:
        problem = "no reason follows" if rest.strip(": \t") == "" else f"{rest.split(maxsplit=1)[0]!r} follows the code"
        yield codes.E116.at(one.place, code=one.code, problem=problem)


def _forbidden(code: str) -> tuple[str, str] | None:
    """Why a code cannot be allowed, and what to do; None for one that can."""
    known = codes.BY_NUMBER.get(code)
    if known is None:
        advice = [one.number for one in codes.ALL if one.severity == "advice"]
        return "there is no such code", did_you_mean(code, advice)
    if known.severity == "error":
        return "it is an error, and only advice can be", "mend what it says"
    if known is codes.W306:
        return "it tells of such comments itself", "remove the comment that allows nothing"
    return None


# -- where comments stand ---------------------------------------------------------------------------------------------


def _comments(root: Node) -> Iterator[re.Match[str]]:
    """The comments of a file: what begins with # outside of scalars, each up to the end of its line."""
    spans = sorted(_written(one) for one in _scalars(root) if one.end > one.start)
    starts = [start for start, _ in spans]
    comment = _COMMENT.search(root.source.text)
    while comment is not None:
        index = bisect_right(starts, comment.start()) - 1
        inside = index >= 0 and comment.start() < spans[index][1]
        if not inside:
            yield comment
        comment = _COMMENT.search(root.source.text, spans[index][1] if inside else comment.end())


def _scalars(node: Node) -> Iterator[Node]:
    if node.style is not None:
        yield node
    elif isinstance(node.children, list):
        for child in node.children:
            yield from _scalars(child)
    for key, value in node.items():
        yield key
        yield from _scalars(value)


def _written(scalar: Node) -> tuple[int, int]:
    """From where to where nothing is a comment; the line of `|` or `>` may end with one."""
    source = scalar.source
    if scalar.style not in ("|", ">"):
        return scalar.start, scalar.end
    line = source.position(scalar.start)[0]
    return min(source.starts[line], scalar.end) if line < len(source.starts) else scalar.end, scalar.end


def _alone(root: Node, comments: Iterable[re.Match[str]]) -> set[int]:
    """The lines that hold nothing but a comment."""
    lines = (root.source.position(comment.start())[0] for comment in comments)
    return {line for line in lines if root.source.line_text(line).lstrip().startswith("#")}


def _last_lines(root: Node) -> dict[int, int]:
    """For each line that a scalar of several lines begins in, the last line of the scalar."""
    ends: dict[int, int] = {}
    for scalar in _scalars(root):
        first, last = (scalar.source.position(at)[0] for at in (scalar.start, max(scalar.start, scalar.end - 1)))
        ends[first] = max(last, ends.get(first, last))
    return ends


def _lines_meant(root: Node, line: int, alone: Collection[int], ends: dict[int, int]) -> range:
    """The lines a comment is about: its own or the first below that is no comment, with the scalar beginning there."""
    source, meant = root.source, line
    while meant in alone:
        meant += 1
    if meant > len(source.starts) or not source.line_text(meant).strip():
        return range(0)
    return range(meant, ends.get(meant, meant) + 1)
