"""What changes between two versions of mappings, told: as text, and as data for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rulesengine.comparing.changes import OUTCOMES, Changes, Example, Kind, Made, RuleAt
from rulesengine.diagnostics import printable
from rulesengine.errors import PayloadError
from rulesengine.payloads import encode

# Of kinds of change and of the text of an item, in a report for people.
_KINDS, _WIDTH = 40, 1_000
_HEADS = ("items", "change", "rule")


# -- text -------------------------------------------------------------------------------------------------------------


def as_lines(changes: Changes) -> Iterator[str]:
    """A table of the changes, the most frequent first, with their examples; then the totals."""
    ordered = changes.in_order()
    shown = ordered[:_KINDS]
    rows = [(f"{group.count:,}", str(kind), _rules(kind)) for kind, group in shown]
    widths = [max(len(row[column]) for row in (_HEADS, *rows)) for column in (0, 1)]
    if rows:
        yield _row(_HEADS, widths)
    for row, (_, group) in zip(rows, shown, strict=True):
        yield _row(row, widths)
        for example in group.examples:
            yield from (printable(line) for line in _example_lines(example))
    if len(ordered) > _KINDS:
        items = sum(group.count for _, group in ordered[_KINDS:])
        yield f"... and {len(ordered) - _KINDS:,} more kinds of change, of {items:,} items"
    yield from _totals(changes)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return printable(f"{cells[0]:>{widths[0]}}  {cells[1]:<{widths[1]}}  {cells[2]}".rstrip())


def _rules(kind: Kind) -> str:
    """The rules that take such an item before and after: `bounced (old.yml:31 -> new.yml:33)`."""
    old, new = kind.old_rule, kind.new_rule
    if old is not None and new is not None and old.label == new.label:
        return f"{old.label} ({_line(old)})" if old == new else f"{old.label} ({_line(old)} -> {_line(new)})"
    if old is None and new is None:
        return "no rule"
    return " -> ".join("no rule" if one is None else f"{one.label} ({_line(one)})" for one in (old, new))


def _line(rule: RuleAt) -> str:
    return f"{rule.file}:{rule.line}"


def _example_lines(example: Example) -> Iterator[str]:
    yield f"    {example.source}"
    yield f"      item    {_cut(_text(example.item))}"
    for name, made in (("before", example.before), ("after", example.after)):
        for line in _result(made):
            yield f"      {name:<6}  {_cut(line)}"


def _result(made: Made) -> list[str]:
    """What was made of an item: an event a line, or the outcome with its reason."""
    return [_text(event) for event in made.events] or [f"{made.name}: {made.message}" if made.message else made.name]


def _text(value: Any) -> str:
    """Data as JSON, a body that is none as it is."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return encode(value).decode()
    except PayloadError as fault:
        return f"({fault})"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"


def _totals(changes: Changes) -> Iterator[str]:
    bodies = f"{changes.bodies:,} {'body' if changes.bodies == 1 else 'bodies'}"
    if changes.uneven:
        numbers = f"{changes.old_items:,} -> {changes.new_items:,} items"
        yield f"{numbers}: their number changes in {changes.uneven:,} of {bodies}"
    items = f"{changes.items:,} {'item' if changes.items == 1 else 'items'}"
    same = ", ".join(f"{changes.same[outcome]:,} {outcome}" for outcome in OUTCOMES)
    if not changes.items:
        yield f"nothing to compare: no items in {bodies}"
    elif not changes.changed:
        yield f"nothing changes: {items} in {bodies}, {same}"
    else:
        verb = "changes" if changes.changed == 1 else "change"
        yield f"{changes.changed:,} of {items} in {bodies} {verb}; the others: {same}"


def unread_lines(changes: Changes) -> Iterator[str]:
    """What cannot be compared, and why."""
    for sentence in changes.unread:
        yield printable(f"not compared: {sentence}")
    if changes.not_compared > len(changes.unread):
        yield f"... and {changes.not_compared - len(changes.unread):,} more"


# -- data -------------------------------------------------------------------------------------------------------------


def as_data(changes: Changes) -> dict[str, Any]:
    """The object that `--format json` prints."""
    return {
        "bodies": changes.bodies,
        "items": changes.items,
        "old_items": changes.old_items,
        "new_items": changes.new_items,
        "changed": changes.changed,
        "same": {outcome: changes.same[outcome] for outcome in OUTCOMES},
        "changes": [
            {
                "count": group.count,
                "before": kind.before,
                "after": kind.after,
                "fields": list(kind.fields),
                "old_rule": _rule(kind.old_rule),
                "new_rule": _rule(kind.new_rule),
                "examples": [_example(example) for example in group.examples],
            }
            for kind, group in changes.in_order()
        ],
        "not_compared": {"count": changes.not_compared, "first": [printable(one) for one in changes.unread]},
    }


def _rule(rule: RuleAt | None) -> dict[str, Any] | None:
    return None if rule is None else {"rule": rule.label, "file": printable(rule.file), "line": rule.line}


def _example(example: Example) -> dict[str, Any]:
    source = example.source
    return {
        "source": {"file": printable(source.path), "line": source.line, "item": source.item},
        "body" if isinstance(example.item, bytes) else "item": _data(example.item),
        "before": _made(example.before),
        "after": _made(example.after),
    }


def _made(made: Made) -> dict[str, Any]:
    return {"outcome": made.outcome, "events": [_data(one) for one in made.events], "message": made.message or None}


def _data(value: Any) -> Any:
    """A value as it can stand in the report; as text where it is no data, or nested too deeply for it."""
    try:
        encode({"changes": [{"examples": [{"after": {"events": [value]}}]}]})
    except PayloadError:
        return _text(value)
    return _text(value) if isinstance(value, bytes) else value
