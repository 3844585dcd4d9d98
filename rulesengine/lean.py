"""Bodies of which only the wanted parts are read: the same outcomes as `running` finds, several times as fast.

What an item becomes is decided on its wanted fields alone. What is reported of an item tells of all of it, so one that
is neither emitted nor merely counted is left to be read whole; so is whatever cannot be read in part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rulesengine.errors import PayloadError
from rulesengine.limits import Limits, beyond, has_beyond, holds_more, occurrences
from rulesengine.payloads import as_data, encode_line, encode_lines, is_utf8, reader
from rulesengine.program import IGNORED, OfFields, Program
from rulesengine.running import Result, run_body, run_items

# -- lines ------------------------------------------------------------------------------------------------------------

# Takes the number, from 0, of a line or an item that is to be read whole.
_Left = Callable[[int], None]


def run_lines(
    program: Program,
    block: bytes,
    request: Any,
    result: Result,
    limits: Limits,
    whole: Callable[[int, bytes], None],
) -> int:
    """Map the lines of a block of NDJSON that are not blank; how many of their items were ignored.

    A line with items that are neither emitted nor ignored is left to `whole`, with its number from 0, in its turn and
    with nothing of it counted here. Ignored items are counted in `result` but not kept, and events may be records.
    """
    lines: list[bytes] = []

    def left(number: int) -> None:
        lines.extend([] if lines else block.split(b"\n"))
        if lines[number] and not lines[number].isspace():
            whole(number, lines[number])

    if program.wanted is None or type(result) is not Result or not is_utf8(block):
        for number in range(block.count(b"\n") + 1):
            left(number)
        return 0
    of_fields = program.of_fields()
    if of_fields is None:
        read = reader(program.wanted)
        return _line_by_line(lambda line: _part_of_body(program, read(line), request), block, limits, result, left)
    records = _records(of_fields, block, limits)
    if records is None:
        most = limits.items
        return _line_by_line(lambda line: _part_of_line(of_fields, line, request, most), block, limits, result, left)
    counts = _run_records(of_fields, records, request, result, left)
    result.bodies += sum(counts)
    return counts[1]


def _records(of_fields: OfFields, block: bytes, limits: Limits) -> list[Any] | None:
    """The record in each line; None where not every line is an object, or one is beyond the limits.

    Where each line is from a brace to a brace and there are as many objects as lines, each line is an object: what
    follows a closing brace within an object is never an opening one.
    """
    lines = occurrences(block, b"\n") + (not block.endswith(b"\n"))
    if not block.startswith(b"{") or block.count(b"}\n{") != lines - 1:
        return None
    try:
        records = of_fields.read.lines(block)
    except (ValueError, RecursionError):  # msgspec's exceptions are ValueErrors
        return None
    return None if len(records) != lines or has_beyond(block, limits) else records


def _run_records(
    of_fields: OfFields, records: Sequence[Any], request: Any, result: Result, left: _Left, *, keep: bool = False
) -> tuple[int, int]:
    """Map items that were read in part; how many were emitted and how many ignored.

    Those with another outcome are handed to `left`, in their turn, and with `keep` the ignored ones too.
    """
    item, append = of_fields.item, result.events.append
    emitted = ignored = 0
    for number, record in enumerate(records):
        try:
            made = item(record, request)
        except Exception:  # noqa: BLE001 an expression may raise anything on an item it was not written for
            left(number)
            continue
        if type(made) is tuple:
            if made[0] is IGNORED and not keep:
                ignored += 1
            else:
                left(number)
            continue
        emitted += 1
        if type(made) is list:
            result.events.extend(made)
        else:
            append(made)
    result.items += emitted + ignored
    result.emitted += emitted
    return emitted, ignored


def _line_by_line(
    part_of: Callable[[bytes], tuple[Result, int] | None],
    block: bytes,
    limits: Limits,
    result: Result,
    left: _Left,
) -> int:
    """As `run_lines`, with what becomes of each line, and how many of its items were ignored, found on its own."""
    ignored = 0
    for number, line in enumerate(block.split(b"\n")):
        try:
            found = None if beyond(line, limits) else part_of(line)
        except (ValueError, RecursionError):  # as above, of a line that is no object or list
            found = None
        if found is None:
            left(number)
        else:
            result.add(found[0])
            ignored += found[1]
    return ignored


def _part_of_line(of_fields: OfFields, line: bytes, request: Any, most: int) -> tuple[Result, int] | None:
    """What becomes of a body that is an item or a list of so many items at most."""
    found = of_fields.read.one(line)
    items = found if type(found) is list else [found]
    if len(items) > most:
        return None
    part, left = Result(), list[int]()
    counts = _run_records(of_fields, items, request, part, left.append)
    part.bodies = 1
    return None if left else (part, counts[1])


def _part_of_body(program: Program, body: Any, request: Any) -> tuple[Result, int] | None:
    """What becomes of a body that was read in part, and in which the items are to be found."""
    part = Result()
    run_body(program, body, request, part)
    ignored = len(part.ignored)
    part.ignored = []
    return None if part.unmatched or part.rejected else (part, ignored)


class Alike(NamedTuple):
    """What two programs make of a block of lines: how many items both emit or ignore alike, and the other lines."""

    emitted: int
    ignored: int
    others: list[int]


def alike(old: Program, new: Program, block: bytes, request: Any, limits: Limits) -> Alike | None:
    """Compare what two programs make of lines of NDJSON; None where the lines cannot be read in part.

    A line is alike where both programs ignore its item, or emit events that are the same in every byte. The others, by
    their numbers from 0, need not differ: they have more to tell than events, or are to be looked at whole.
    """
    sides = [_made_of_lines(program, block, request, limits) for program in (old, new)]
    if sides[0] is None or sides[1] is None:
        return None
    events: list[tuple[int, Any, Any]] = []
    others, ignored = [], 0
    for number, (one, other) in enumerate(zip(*sides, strict=True)):
        if type(one) is not tuple and type(other) is not tuple:
            events.append((number, one, other))
        elif type(one) is type(other) and one[0] is other[0] is IGNORED:
            ignored += 1
        else:
            others.append(number)
    try:
        differing = _differing(events)
    except PayloadError:  # an event that JSON cannot hold
        return None
    return Alike(len(events) - len(differing), ignored, sorted([*others, *differing]))


def _made_of_lines(program: Program, block: bytes, request: Any, limits: Limits) -> list[Any] | None:
    """What becomes of the item in each line: events as records, or a tuple: `(None,)` where it is rejected."""
    of_fields = program.of_fields() if program.wanted is not None and is_utf8(block) else None
    records = _records(of_fields, block, limits) if of_fields is not None else None
    if of_fields is None or records is None:
        return None
    made = []
    for record in records:
        try:
            made.append(of_fields.item(record, request))
        except Exception:  # noqa: BLE001 as above
            made.append((None,))
    return made


def _differing(events: Sequence[tuple[int, Any, Any]]) -> list[int]:
    """The numbers of those whose two sides are not written alike."""
    if encode_lines([one for _, one, _ in events]) == encode_lines([other for _, _, other in events]):
        return []
    return [number for number, one, other in events if encode_line(one) != encode_line(other)]


# -- lists ------------------------------------------------------------------------------------------------------------


def run_list(
    program: Program, body: bytes, request: Any, result: Result, limits: Limits, decode: Callable[[], Any]
) -> bool:
    """Map a body in JSON that is a list of items; False, with nothing done, where it cannot be read in part.

    `decode` gives the body whole, for the items that are kept in `result`.
    """
    of_fields = program.of_fields()
    records = _list_of(of_fields, body, limits) if of_fields is not None and is_utf8(body) else None
    if of_fields is None or records is None:
        return False
    part, left = Result(), list[int]()
    _run_records(of_fields, records, request, part, left.append, keep=True)
    try:
        part.events = as_data(part.events)
    except RecursionError:  # it goes deeper than reading did; the plain way has no such step
        return False
    if left:
        try:
            items = decode()
        except PayloadError:  # nested too deeply to be read whole: the plain way says so
            return False
        for number in left:
            run_items(program, (items[number],), items, request, part, first=result.items + number)
    part.bodies = 1
    result.add(part)
    return True


def _list_of(of_fields: OfFields, body: bytes, limits: Limits) -> list[Any] | None:
    """The records of a list of objects within the limits; None for all else."""
    if holds_more(body, limits.values):
        return None
    try:
        found = of_fields.read.one(body)
    except (ValueError, RecursionError):  # as above
        return None
    if type(found) is not list or len(found) > limits.items or beyond(body, limits, len(found)):
        return None
    return found
