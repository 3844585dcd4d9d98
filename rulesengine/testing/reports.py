"""What became of cases, told: as text, and as lcov, Cobertura and JUnit files for other programs.

A percentage is never rounded up. In lcov and Cobertura a line of a mapping is covered if every part that stands in it
has run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rulesengine.coverage import Part
from rulesengine.diagnostics import Diagnostic, printable
from rulesengine.testing.suites import Suite
from rulesengine.testing.trials import MISSING, Difference, Trial

_WIDTH = 300  # of a value in a report

Covered = tuple[Part, bool]


# -- text -------------------------------------------------------------------------------------------------------------


def failures(suites: Sequence[Suite]) -> Iterator[str]:
    """Each case that failed, with all that differs."""
    for suite in suites:
        for trial in suite.failed:
            yield printable(f"{trial.case.place}: failed: {trial.case.about}")
            yield from (printable(f"  {line}") for line in _difference_lines(trial))


def _difference_lines(trial: Trial) -> Iterator[str]:
    yield from map(difference, trial.differences)
    for name in ("unmatched", "rejected"):
        for one in getattr(trial.result, name):
            yield f"{name} item {one.index}: {one.code}: {one.message}" + (f" ({one.place})" if one.place else "")


def difference(one: Difference) -> str:
    """A difference in a sentence, with the rule that made what came out."""
    if one.path == "rules":
        return f"rules: {one.expected!r} did not run"
    rule = f" (rule {one.rule.label!r}, {one.rule.place})" if one.rule is not None else ""
    return f"{one.path}: expected {_value(one.expected)}, found {_value(one.found)}{rule}"


def _value(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"


def covered_in(suites: Sequence[Suite]) -> list[Covered]:
    """Every part of all mappings, and whether some case made it run."""
    return [one for suite in suites for one in suite.coverage()]


def coverage_lines(suites: Sequence[Suite]) -> Iterator[str]:
    """The parts that no case makes run, then the percentage by mapping and in all."""
    for part, ran in covered_in(suites):
        if not ran:
            yield printable(f"{part.place}: not run: {part.kind} {part.name}")
    if len(suites) > 1:
        for suite in suites:
            yield printable(f"{percent(suite.coverage())} {suite.tested.mapping.file}")
    yield f"{percent(covered_in(suites))} covered: {_by_kind(covered_in(suites))}"


def _by_kind(covered: Sequence[Covered]) -> str:
    all_of, ran_of = Counter(part.kind for part, _ in covered), Counter(part.kind for part, ran in covered if ran)
    plurals = {"rule": "rules", "emission": "emissions", "entry": "entries"}
    return ", ".join(f"{ran_of[kind]} of {all_of[kind]} {plurals[kind]}" for kind in plurals if all_of[kind])


def percent(covered: Sequence[Covered]) -> str:
    """Such as `99.9 %`: one decimal, cut off and not rounded; nothing is 100 % of nothing."""
    ran = sum(is_run for _, is_run in covered)
    thousandths = 1000 * ran // len(covered) if covered else 1000
    return f"{thousandths // 10}.{thousandths % 10} %"


def is_below(covered: Sequence[Covered], least: float) -> bool:
    """Whether fewer parts ran than this percentage of them."""
    return 100 * sum(is_run for _, is_run in covered) < least * len(covered)


# -- files ------------------------------------------------------------------------------------------------------------


def _lines(covered: Sequence[Covered]) -> dict[int, bool]:
    """By line of the file whether all that stands in it has run."""
    lines: dict[int, bool] = {}
    for part, ran in covered:
        lines[part.place.line] = lines.get(part.place.line, True) and ran
    return dict(sorted(lines.items()))


def as_lcov(suites: Sequence[Suite]) -> str:
    """An lcov tracefile; of each line it is known whether it ran, not how often."""
    records = []
    for suite in suites:
        lines = _lines(suite.coverage())
        data = [f"DA:{line},{int(ran)}" for line, ran in lines.items()]
        counts = [f"LF:{len(lines)}", f"LH:{sum(lines.values())}"]
        records += ["TN:", f"SF:{printable(suite.tested.mapping.file)}", *data, *counts, "end_of_record"]
    return "\n".join(records) + "\n"


def as_cobertura(suites: Sequence[Suite]) -> str:
    """A Cobertura report: a class for each mapping."""
    by_file = {suite.tested.mapping.file: _lines(suite.coverage()) for suite in suites}
    lines = [ran for found in by_file.values() for ran in found.values()]
    counts = {"lines-covered": str(sum(lines)), "lines-valid": str(len(lines))}
    branches = {"branches-covered": "0", "branches-valid": "0"}
    root = Element("coverage", {**_rates(lines), **counts, **branches, "version": "1", "timestamp": "0"})
    SubElement(SubElement(root, "sources"), "source").text = "."
    package = SubElement(SubElement(root, "packages"), "package", {"name": "mappings", **_rates(lines)})
    classes = SubElement(package, "classes")
    for file, found in by_file.items():
        names = {"name": printable(file), "filename": printable(file)}
        made = SubElement(classes, "class", {**names, **_rates(list(found.values()))})
        SubElement(made, "methods")
        listed = SubElement(made, "lines")
        for line, ran in found.items():
            SubElement(listed, "line", {"number": str(line), "hits": str(int(ran))})
    return _document(root)


def _rates(lines: Sequence[bool]) -> dict[str, str]:
    rate = str(sum(lines) / len(lines) if lines else 1)
    return {"line-rate": rate, "branch-rate": "0", "complexity": "0"}


def as_junit(suites: Sequence[Suite], errors: Sequence[Diagnostic] = ()) -> str:
    """A JUnit report: a suite for each mapping, a case for each case; `errors` are faults that kept some from it."""
    root = Element("testsuites")
    for suite in suites:
        counts = {
            "tests": str(len(suite.trials) + len(suite.left_out)),
            "failures": str(len(suite.failed)),
            "errors": "0",
            "skipped": str(len(suite.left_out)),
        }
        made = SubElement(root, "testsuite", {"name": suite.tested.provider, **counts})
        for trial in suite.trials:
            case = _junit_case(made, suite, trial.case)
            if trial.differences:
                lines = "\n".join(_difference_lines(trial))
                first = difference(trial.differences[0])
                SubElement(case, "failure", {"message": printable(first)}).text = _allowed(lines)
        for left_out in suite.left_out:
            reason = printable(f"no app.yml is given for channel {suite.tested.channel_of(left_out)}")
            SubElement(_junit_case(made, suite, left_out), "skipped", {"message": reason})
    if errors:
        _junit_errors(root, errors)
    return _document(root)


def _junit_errors(root: Element, errors: Sequence[Diagnostic]) -> None:
    number = str(len(errors))
    counts = {"tests": number, "failures": "0", "errors": number, "skipped": "0"}
    made = SubElement(root, "testsuite", {"name": "check", **counts})
    for one in errors:
        case = SubElement(made, "testcase", {"classname": "check", "name": printable(f"{one.code.number} {one.place}")})
        SubElement(case, "error", {"message": printable(one.message)}).text = printable(one.hint)


def _junit_case(made: Element, suite: Suite, case: Any) -> Element:
    place = {"file": printable(case.place.file), "line": str(case.place.line)}
    return SubElement(made, "testcase", {"classname": suite.tested.provider, "name": printable(case.about), **place})


def _allowed(text: str) -> str:
    """A text without what XML cannot hold."""
    return "".join(char if char == "\n" else printable(char) for char in text)


def _document(root: Element) -> str:
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"
