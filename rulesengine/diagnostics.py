"""What is wrong, where, and what to do: the one shape of every fault.

A `Code` says once what a kind of fault is called and how its sentence reads; `code.at(place, ...)` makes the
`Diagnostic` of one occurrence; `render` turns diagnostics into text. The three are apart so that a check never
builds a sentence and the wording never needs the check.

Limits: a `Place` lies on one file and carries the text of its first line only, enough for a snippet with a caret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# More than this many diagnostics are counted, not shown: nobody reads the 300th before mending the first.
SHOWN_AT_MOST = 200

_SNIPPET_WIDTH = 160
_JSON_WORDS: dict[object, str] = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Style:
    """How the parts of a rendered diagnostic look: the parameters of an ANSI SGR sequence each, or empty."""

    error: str = ""
    advice: str = ""
    place: str = ""
    hint: str = ""


PLAIN = Style()
COLOURED = Style(error="1;31", advice="33", place="1", hint="36")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of a file: lines and columns from 1, columns in code points, the end exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    snippet: str = field(default="", compare=False, repr=False)

    def covers(self, other: Place) -> bool:
        """Whether another stretch begins within this one."""
        start, end = (self.line, self.column), (self.end_line, self.end_column)
        return self.file == other.file and start <= (other.line, other.column) < end

    @property
    def parts(self) -> tuple[str, int, int, int, int, str]:
        """What it is made of."""
        return self.file, self.line, self.column, self.end_line, self.end_column, self.snippet

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of fault: `number` (never reused), `title`, and the templates of its sentence and its hint."""

    number: str
    title: str
    message: str
    hint: str = ""

    @property
    def severity(self) -> str:
        """`advice` for W codes, `error` for all others."""
        return "advice" if self.number.startswith("W") else "error"

    def at(self, place: Place, *, hint: str | None = None, **fields: Any) -> Diagnostic:
        """One occurrence of this fault; `fields` fill the templates, `hint` replaces the code's own."""
        template = self.hint if hint is None else hint
        return Diagnostic(
            self, place, self.message.format(**fields), template.format(**fields) if hint is None else template
        )


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault at one place, worded."""

    code: Code
    place: Place
    message: str
    hint: str = ""

    @property
    def is_error(self) -> bool:
        return self.code.severity == "error"

    def __str__(self) -> str:
        hint = f" — {self.hint}" if self.hint else ""
        return f"{self.place}: {self.code.severity} {self.code.number}: {self.message}{hint}"

    def as_dict(self) -> dict[str, Any]:
        """The object that `--format json` prints for this diagnostic."""
        return {
            "code": self.code.number,
            "severity": self.code.severity,
            "file": escaped(self.place.file),
            "line": self.place.line,
            "column": self.place.column,
            "end_line": self.place.end_line,
            "end_column": self.place.end_column,
            "message": escaped(self.message),
            "hint": escaped(self.hint) or None,
        }


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Without repetitions, by file, line, column, code: the same faults always come in the same order."""
    return tuple(sorted(set(diagnostics), key=lambda one: (one.place, one.code.number, one.message)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True if any of them is an error and not advice."""
    return any(one.is_error for one in diagnostics)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, or None when none is near enough to be worth saying."""
    from difflib import get_close_matches  # who makes no mistake need not wait for it

    folded = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.72)
    return folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint `did you mean 'x'?`, or an empty one when nothing known is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near is not None else ""


def listed(names: Iterable[str]) -> str:
    """Names as a sentence takes them: `a, b, c`, or `none`."""
    return ", ".join(names) or "none"


def shown(value: object, width: int = 60) -> str:
    """A value of a payload or a file as a message may carry it: one line, printable, short.

    What is in lists and objects is left out: it may be large, or nested without end.
    """
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= 10**30:  # Python refuses to write thousands of digits
        return "10^30 or more" if value > 0 else "-10^30 or less"
    text = _JSON_WORDS[value] if value is None or isinstance(value, bool) else repr(value)
    return printable(shortened(text, width))


def shortened(text: str, width: int) -> str:
    """A text of at most so many characters, the last of them an ellipsis where more was left out."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def printable(text: str) -> str:
    """`text` with everything a terminal could obey (control and format characters) written as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def escaped(name: str) -> str:
    """The name of a file, or text with one in it, as JSON can hold it: bytes that are not UTF-8 as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def render(diagnostics: Iterable[Diagnostic], style: Style = PLAIN) -> str:
    """All of them as text: the sentence, the line with a caret beneath, the hint; bounded in number."""
    ordered = in_order(diagnostics)
    blocks = [_block(one, style) for one in ordered[:SHOWN_AT_MOST]]
    if len(ordered) > SHOWN_AT_MOST:
        blocks.append(_rest(ordered[SHOWN_AT_MOST:]))
    return "\n".join(blocks)


def _rest(unseen: Sequence[Diagnostic]) -> str:
    """What is not shown, counted by code, the most frequent first."""
    counts = Counter(one.code.number for one in unseen)
    kinds = (f"{count} {number}" for number, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    return f"... and {len(unseen)} more: {listed(kinds)}\n"


def _block(one: Diagnostic, style: Style) -> str:
    colour = style.error if one.is_error else style.advice
    place = _painted(printable(str(one.place)), style.place)
    kind = _painted(f"{one.code.severity} {one.code.number}", colour)
    lines = [f"{place}: {kind}: {printable(one.message)}"]
    if one.place.snippet.strip():
        text, margin, carets = _snippet(one.place)
        lines += [text, margin + _painted(carets, colour)]
    if one.hint:
        lines.append(f"  {_painted('hint:', style.hint)} {printable(one.hint)}")
    return "\n".join(lines) + "\n"


def _painted(text: str, parameters: str) -> str:
    return f"\x1b[{parameters}m{text}\x1b[0m" if parameters else text


def _snippet(place: Place) -> tuple[str, str, str]:
    """The line of the place, in a window if it is long; the margin of the line beneath; carets under what is meant."""
    start = max(0, place.column - 1 - _SNIPPET_WIDTH // 2) if place.column > _SNIPPET_WIDTH else 0
    text = "".join(char if char.isprintable() else " " for char in place.snippet[start : start + _SNIPPET_WIDTH])
    column = place.column - 1 - start
    end = place.end_column - 1 - start if place.end_line == place.line else len(text.rstrip())
    carets = "^" * max(1, min(end, len(text)) - column)
    margin = f"{place.line:5} | "
    return margin + text.rstrip(), " " * (len(margin) - 2) + "| " + " " * column, carets
