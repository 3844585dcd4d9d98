"""What a mistake looks like to its author, word for word.

tests/diagnostics/*.txt hold mistakes: the lines of mapping.yml (or app.yml) that are changed, `-` and `+`, and below
`=>` the text that `rules check` prints. `UPDATE_GOLDEN=1 pytest tests/test_diagnostics.py` writes the texts anew; read
the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from rulesengine import codes
from rulesengine.diagnostics import SHOWN_AT_MOST, Place, did_you_mean, in_order, printable, render, shown
from rulesengine.gathering import File, Files
from rulesengine.loading import check_files

FOLDER = Path(__file__).parent / "diagnostics"
MAPPING, APP = (FOLDER / "mapping.yml").read_text(), (FOLDER / "app.yml").read_text()


@dataclass(frozen=True)
class Mistake:
    """A mistake of a golden file: its title, what it replaces, by what, and the text it gives."""

    file: Path
    title: str
    old: str
    new: str
    expected: str

    @property
    def id(self) -> str:
        return f"{self.file.stem}: {self.title}"


def mistakes() -> list[Mistake]:
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for section in re.split(r"^### ", file.read_text(), flags=re.MULTILINE)[1:]:
            edit, expected = section.split("\n=>\n", 1)
            title, *lines = edit.split("\n")
            old, new = ("\n".join(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
            found.append(Mistake(file, title, old, new, expected.rstrip("\n")))
    return found


def files_with(mistake: Mistake) -> Files:
    texts = {"mapping.yml": MAPPING, "app.yml": APP}
    changed = "app.yml" if mistake.file.stem.startswith("app") else "mapping.yml"
    assert texts[changed].count(mistake.old) == 1, f"{mistake.old!r} must stand once in {changed}"
    texts[changed] = texts[changed].replace(mistake.old, mistake.new)
    return Files((File("mapping.yml", texts["mapping.yml"].encode()),), File("app.yml", texts["app.yml"].encode()))


def found_by(mistake: Mistake) -> str:
    return render(check_files(files_with(mistake)).diagnostics).rstrip("\n")


MISTAKES = mistakes()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.id)
def test_mistake(mistake: Mistake) -> None:
    found = found_by(mistake)
    if "UPDATE_GOLDEN" in os.environ:
        text = mistake.file.read_text()
        edit = text[text.index(f"### {mistake.title}\n") :].split("\n=>\n")[0]
        start = text.index(edit) + len(edit) + len("\n=>\n")
        end = text.find("\n### ", start)
        mistake.file.write_text(text[:start] + found + "\n" + (text[end:] if end >= 0 else ""))
    else:
        assert found == mistake.expected


def test_the_unchanged_files_are_clean() -> None:
    checked = check_files(Files((File("mapping.yml", MAPPING.encode()),), File("app.yml", APP.encode())))
    assert render(checked.diagnostics) == ""


def place(line: int, snippet: str = "") -> Place:
    return Place("a.yml", line, 1, line, 2, snippet)


def test_order_is_stable_and_repetitions_are_said_once() -> None:
    later, earlier = (codes.E104.at(place(line), key="a", line=1) for line in (9, 2))
    assert in_order([later, earlier, later]) == (earlier, later)


def test_many_diagnostics_are_bounded() -> None:
    """What is not shown is counted by code, the most frequent first."""
    many = [codes.E104.at(place(line), key="a", line=1) for line in range(2, SHOWN_AT_MOST + 4)]
    few = [codes.E107.at(place(SHOWN_AT_MOST + line), limit=1) for line in range(9, 12)]
    others = [codes.E106.at(place(SHOWN_AT_MOST + line), limit=1) for line in range(9, 11)]
    text = render([*few, *many, *others])
    assert text.count("error E104") == SHOWN_AT_MOST
    assert text.endswith("\n... and 7 more: 3 E107, 2 E104, 2 E106\n")


def test_caret_stands_under_the_place_in_a_long_line() -> None:
    line = "x" * 300 + "HERE" + "y" * 300
    text = render([codes.E107.at(Place("a.yml", 1, 301, 1, 305, line), limit=1)])
    shown_line, carets = text.splitlines()[1:3]
    assert shown_line[carets.index("^") : carets.rindex("^") + 1] == "HERE"
    assert len(shown_line) < 200


def test_nothing_a_terminal_obeys_is_printed() -> None:
    assert printable("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert shown("\x1b]0;owned\x07") == r"'\x1b]0;owned\x07'"
    text = render([codes.E104.at(Place("a\x1b.yml", 1, 1, 1, 2, "key: \x1b[2J"), key="\x1b", line=1)])
    assert "\x1b" not in text


def test_a_near_name_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("opened", ["open", "click"]) == "did you mean 'open'?"
    assert did_you_mean("Open", ["open"]) == "did you mean 'open'?"
    assert did_you_mean("delivered", ["open", "click"]) == ""


def test_codes_are_numbered_once_and_by_stage() -> None:
    numbers = [code.number for code in codes.ALL]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"E[1-6]\d\d|W[345]\d\d", number) for number in numbers)
    assert all(getattr(codes, number).number == number for number in numbers)
