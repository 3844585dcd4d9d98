"""Regular expressions that cannot run away: RE2's, linear in the length of the subject.

Limits: no look-around, no back-references (RE2 has none), at most 1,000 characters and 8 MiB of memory a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rulesengine.diagnostics import shown

_LONGEST = 1_000
_LOOK_AROUND = frozenset({"(?=", "(?!", "(?<=", "(?<!"})
_BACK_REFERENCE = frozenset({*(f"\\{digit}" for digit in range(1, 10)), "\\k", "\\g"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern, not to be pickled; `group` is what `capture` yields: 1, or 0 (all) if it has no group."""

    regexp: Any
    group: int

    def matches(self, subject: str) -> bool:
        """True if the pattern is found anywhere in `subject`. UnicodeEncodeError for a lone surrogate."""
        return self.regexp.search(subject.encode()) is not None

    def capture(self, subject: str) -> str | None:
        """The first group of the first match, None without one. UnicodeEncodeError for a lone surrogate."""
        found = self.regexp.search(subject.encode())
        part = found.group(self.group) if found else None
        # RE2's \C matches one byte, so a match can end inside a character.
        return None if part is None else part.decode(errors="replace")


def compile_pattern(text: str) -> Pattern:
    """The pattern that `text` writes; ValueError with a sentence saying why RE2 does not take it."""
    if len(text) > _LONGEST:
        raise ValueError(f"a pattern of {len(text)} characters is too long: {_LONGEST} are allowed")
    import re2  # few mappings have a pattern, and each run would wait for it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        regexp = re2.compile(text, options)
    except UnicodeEncodeError:
        raise ValueError(f"the pattern {shown(text)} holds half a surrogate pair, which is no character") from None
    except re2.error as fault:
        raise ValueError(f"the pattern {shown(text)} {_why(fault.args[0].decode(errors='replace'), text)}") from None
    return Pattern(regexp, 1 if regexp.groups else 0)


def _why(fault: str, text: str) -> str:
    part = fault.rpartition(": ")[2]
    if part in _LOOK_AROUND or part in _BACK_REFERENCE or (part == "(?P" and "(?P=" in text):
        feature = "look-around" if part in _LOOK_AROUND else "a back-reference"
        return f"uses {feature}, which patterns here do not have: they must run in linear time"
    return f"is not one RE2 takes: {fault}"
