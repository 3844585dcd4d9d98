"""A file's text: offsets to lines and columns and back, and where each character of a YAML scalar is written.

YAML gives a scalar's text with quotes, escapes, indents and folds undone. To point into it, the written text is walked
beside what YAML makes of it. Folding (`>`) loses the columns: there the line is exact and no more.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rulesengine.diagnostics import Place

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_FOLD = re.compile(r"[ \t]*(?:\r\n|[\n\r\x85\u2028\u2029])(?:[ \t]|\r\n|[\n\r\x85\u2028\u2029])*")
_ESCAPE_DIGITS = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True)
class Source:
    """A file's name and text, and the arithmetic between offsets (in code points) and lines and columns."""

    file: str
    text: str

    @cached_property
    def starts(self) -> list[int]:
        """The offset at which each line begins."""
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    @cached_property
    def _lines(self) -> list[str]:
        return _BREAK.split(self.text)

    def line_text(self, line: int) -> str:
        """The text of a line (from 1) without its break."""
        return self._lines[line - 1]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of an offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def place(self, start: int, end: int | None = None) -> Place:
        """The place from one offset up to another, at least one character wide."""
        line, column = self.position(start)
        end_line, end_column = self.position(max(start + 1, end if end is not None else 0))
        if end_line > line and not self.text[start:end].strip():
            end_line, end_column = line, column + 1
        return Place(self.file, line, column, end_line, end_column, self.line_text(line))


def offsets(source: Source, start: int, end: int, style: str, text: str) -> Sequence[int]:
    """For each character of a scalar's text, the offset in the file where it is written.

    The scalar stands from `start` to `end`, `style` is its indicator, `text` what YAML makes of it.
    """
    if style in ("|", ">"):
        return _block_offsets(source, start, text)
    quoted = style in ("'", '"')
    first = start + 1 if quoted else start
    raw = source.text[first : end - 1 if quoted else end]
    if raw == text:
        return range(first, first + len(text))
    return [first + index for index in _written(raw, style)]


def _written(raw: str, style: str) -> Iterator[int]:
    """The index in `raw` of each character that YAML makes of it: folds and escapes undone."""
    index = 0
    while index < len(raw):
        fold = _FOLD.match(raw, index)
        if fold:
            breaks = len(_BREAK.findall(fold.group()))
            yield from [index] * max(1, breaks - 1)
            index = fold.end()
        elif style == '"' and raw[index] == "\\":
            joined = _FOLD.match(raw, index + 1)
            if joined:
                index = joined.end()
                continue
            yield index
            index += 2 + _ESCAPE_DIGITS.get(raw[index + 1 : index + 2], 0)
        else:
            yield index
            index += 2 if style == "'" and raw[index] == "'" else 1


def _block_offsets(source: Source, start: int, text: str) -> list[int]:
    """Of a literal block: each line of the text ends one line of the file, whatever its indent."""
    found: list[int] = []
    line = source.position(start)[0]
    for content in text.split("\n"):
        line += 1
        if line > len(source.starts):
            break
        first = source.starts[line - 1] + len(source.line_text(line)) - len(content)
        found.extend(range(first, first + len(content) + 1))
    return found[: len(text)]


def folded_line(source: Source, start: int, text: str, offset: int) -> int:
    """The line of the file that holds a character of a folded scalar (`>`)."""
    line = source.position(start)[0] + 1
    seen = 0
    for number in range(line, len(source.starts) + 1):
        content = source.line_text(number).strip()
        found = text.find(content, seen)
        if content and found >= 0:
            seen, line = found + len(content), number
            if offset < seen:
                break
    return line
