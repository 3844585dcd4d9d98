"""What a mapping needs to find in an item: the event's name, who it is about, when it was, ids, tags, links, reasons.

For each there is a mark for every field, from its name, its values and where it stands (`candidates`). A mark below
the least that counts means that the field is something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from typing import Any

from rulesengine.drafting import hints
from rulesengine.drafting.candidates import (
    Finding,
    Ranked,
    as_text,
    distance,
    either,
    finding,
    presence,
    ranked,
    weight,
)
from rulesengine.drafting.fields import Field
from rulesengine.drafting.hints import reading_of
from rulesengine.errors import FunctionFault
from rulesengine.times import epoch, epoch_at, epoch_ms, prepare_zone

_MOSTLY = 0.7  # of the values of a field: samples have strays
_VALUES = 200  # of a field that are looked at
_EVENTS = 80  # names at most, in a field that is not called as one of events is

_EMAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
_NAMED_EMAIL = re.compile(r"[^<>]*<[^@\s<>]+@[^@\s<>]+>")
_PHONE = re.compile(r"(?:[a-z]+:)?\+?\(?[0-9][0-9 ().-]{5,18}[0-9]")
_EVENT_NAME = re.compile(r"[A-Za-z][\w .:/-]{0,59}")
_ID = re.compile(r"(?=.*[0-9])[\w-]{12,}|.*[0-9]{5}.*")
_WITHOUT_ZONE = re.compile(r".*[0-9]:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: [AP]M)?")
_YEARS = range(946_684_800, 2_208_988_800)  # 2000 to 2040


def _looked_at(field: Field) -> list[Any]:
    return list(field.values.values())[:_VALUES]


def _in_list(field: Field) -> bool:
    return any(isinstance(part, int) for part in field.path)


def _of_the_event(field: Field) -> float:
    """What stands in an object named like an event, as `bounce.timestamp`, is about the event."""
    first = field.path[0] if len(field.path) > 1 else None
    return 0.3 * (isinstance(first, str) and reading_of(first) is not None)


# -- the event --------------------------------------------------------------------------------------------------------


def rank_events(fields: Sequence[Field], of: int) -> Ranked:
    """Fields that may name what happened."""
    return ranked(fields, partial(_event_mark, of=of), 0.4)


def find_event(fields: Sequence[Field], of: int) -> Finding | None:
    """The provider's name for what happened."""
    return finding(rank_events(fields, of), of, either, least=0.6)


def _event_mark(field: Field, of: int) -> float:
    """By its name, and by how many of its values are usual names of events."""
    texts = [value for value in field.values.values() if isinstance(value, str)]
    if _in_list(field) or len(texts) < _MOSTLY * len(field.values):
        return 0.0
    names, called = set(texts), weight(hints.EVENT, field)
    if not all(_EVENT_NAME.fullmatch(name) and not _ID.fullmatch(name) for name in names):
        return 0.0
    if len(names) > _EVENTS and called < 1:
        return 0.0
    known = sum(reading_of(name) is not None for name in names) / len(names)
    never_varies = len(names) == 1 and len(field.values) > 3 and not known
    mark = called + 1.2 * known - 0.5 * never_varies
    return mark * presence(field, of) - distance(field) * (2 + 2 * bool(field.scope))


# -- who it is about --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Identifier:
    """A kind of identifier: the names of its fields, what its values look like, and its expression."""

    name: str
    names: Mapping[str, float]
    looks_so: Callable[[Any], bool]
    make: Callable[[list[Field]], str]
    unnamed: float = 0.0
    doubt: str | None = None


def _is_email(value: Any) -> bool:
    return isinstance(value, str) and bool(_EMAIL.fullmatch(value.strip()) or _NAMED_EMAIL.fullmatch(value.strip()))


def is_phone(value: Any) -> bool:
    """Whether it is written as a phone number may be; so are many other numbers."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return bool(_PHONE.fullmatch(text)) and 7 <= sum(char.isdigit() for char in text) <= 15


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 20 and not _is_email(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and not _is_email(value)


def _as_email(fields: list[Field]) -> str:
    plain = all(isinstance(value, str) and _EMAIL.fullmatch(value) for field in fields for value in _looked_at(field))
    return f"lower(trim({either(fields)}))" if plain else f"lower(trim(address({either(fields)})))"


_EMAIL_KIND = _Identifier("email", hints.EMAIL, _is_email, _as_email, unnamed=0.35)
_PHONE_KIND = _Identifier("phone", hints.PHONE, is_phone, lambda fields: f"e164({either(fields)})")
_TOKEN_KIND = _Identifier("push_token", hints.PUSH_TOKEN, _is_token, as_text)
_PERSON_KIND = _Identifier("customer_id", hints.PERSON, _is_id, as_text, doubt="an id, no address: whose is it?")
_ADDRESSES = (_EMAIL_KIND, _PHONE_KIND, _TOKEN_KIND)
_FIRST = {"sms": _PHONE_KIND, "whatsapp": _PHONE_KIND, "app_push": _TOKEN_KIND, "web_push": _TOKEN_KIND}


def rank_people(fields: Sequence[Field], of: int) -> Ranked:
    """Fields that may say who an item is about, by whatever kind of address there is most of."""
    return max((_rank_kind(kind, fields, of) for kind in (*_ADDRESSES, _PERSON_KIND)), key=len)


def _rank_kind(kind: _Identifier, fields: Sequence[Field], of: int) -> Ranked:
    return ranked(fields, partial(_person_mark, kind, of=of), 0.3)


def _person_mark(kind: _Identifier, field: Field, of: int) -> float:
    values = _looked_at(field)
    mark = max(weight(kind.names, field), kind.unnamed)
    if not mark or sum(map(kind.looks_so, values)) < _MOSTLY * len(values):
        return 0.0
    mark += 0.1 * len(set(map(str, values))) / len(values) - 0.8 * bool(field.words & hints.OF_THE_SENDER)
    return mark * presence(field, of) - distance(field) + _of_the_event(field) if mark > 0 else 0.0


def find_identifiers(fields: Sequence[Field], of: int, channel: str) -> dict[str, Finding]:
    """Who each item is about. Another kind of address only where many items lack the first, an id where all do."""
    first = _FIRST.get(channel, _EMAIL_KIND)
    found: dict[str, Finding] = {}
    covered: set[int] = set()
    for kind in (first, *(one for one in _ADDRESSES if one is not first), _PERSON_KIND):
        one = finding(_rank_kind(kind, fields, of), of, kind.make, kind.doubt)
        new = {number for field in one.fields for number in field.values} - covered if one is not None else set()
        if one is not None and len(new) > 0.2 * len(covered) and not (kind is _PERSON_KIND and covered):
            found[kind.name] = one
            covered |= new
    return found


# -- when -------------------------------------------------------------------------------------------------------------


def rank_times(fields: Sequence[Field], of: int) -> Ranked:
    """Fields that may say when it happened."""
    return ranked(fields, partial(_time_mark, of=of), 0.2)


def find_time(fields: Sequence[Field], of: int) -> Finding | None:
    """When it happened, in epoch seconds."""
    found = finding(rank_times(fields, of), of, _as_time, least=0.4)
    if found is not None and any(map(_lacks_zone, found.fields)):
        return replace(found, doubt="the texts name no time zone: is it UTC?")
    return found


def _lacks_zone(field: Field) -> bool:
    return any(isinstance(value, str) and _WITHOUT_ZONE.fullmatch(value) for value in _looked_at(field))


def _time_mark(field: Field, of: int) -> float:
    own = hints.words(next((part for part in reversed(field.path) if isinstance(part, str)), ""))
    named = any(word in hints.TIMELY or word.endswith(("time", "date", "stamp")) for word in own)
    written = sum(isinstance(value, str) and ":" in value for value in _looked_at(field))
    if not (named or written >= _MOSTLY * len(field.values)) or _time_call(field) is None:
        return 0.0
    what = " ".join(word for word in own if word not in hints.TIMELY)
    mark = weight(hints.TIME, field) or (0.9 if reading_of(what) else 0.5)
    mark -= 0.5 * any(word in hints.NOT_THE_EVENTS for word in own) + 0.5 * bool(field.words & hints.OF_THE_SENDER)
    return mark * presence(field, of) - distance(field) + _of_the_event(field)


# Ways to write a time that epoch() does not read.
_FORMATS = (
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y%m%d%H%M%S",
    "%y%m%d%H%M",
)


def _time_call(field: Field) -> str | None:
    """The call that reads most times of a field, with {} for the field; None if they are none."""
    values = _looked_at(field)
    calls: list[tuple[str, Callable[[Any], int]]] = [("epoch({})", epoch), ("epoch_ms({})", epoch_ms)]
    if any(isinstance(value, str) for value in values):
        utc = prepare_zone("UTC")
        calls += [(f"epoch_at({{}}, '{form}', 'UTC')", partial(_epoch_at, form, utc)) for form in _FORMATS]
    fits = (call for call, read in calls if sum(_is_time(read, one) for one in values) >= _MOSTLY * len(values))
    return next(fits, None)


def _epoch_at(form: str, zone: tzinfo, value: Any) -> int:
    return epoch_at(str(value), form, zone)


def _is_time(read: Callable[[Any], int], value: Any) -> bool:
    try:
        return isinstance(value, str | int | float) and not isinstance(value, bool) and read(value) in _YEARS
    except FunctionFault:
        return False


def _as_time(fields: list[Field]) -> str:
    """One call for neighbours that are read by the same."""
    calls: list[tuple[str, list[Field]]] = []
    for field in fields:
        call = _time_call(field) or ""
        if not calls or calls[-1][0] != call:
            calls.append((call, []))
        calls[-1][1].append(field)
    return " || ".join(call.format(either(some)) for call, some in calls)


# -- what is found by its name ----------------------------------------------------------------------------------------


def find_data(fields: Sequence[Field], of: int) -> dict[str, Finding]:
    """What the data of every event may hold besides the address: by name what was found."""
    message = find_named(fields, of, hints.MESSAGE_ID)
    rest = [field for field in fields if message is None or field not in message.fields]
    lists = [field for field in fields if not _is_element(field)]
    found = {
        "ts": find_time(fields, of),
        "message_id": message,
        "event_id": find_named(rest, of, hints.EVENT_ID),
        "campaign_id": find_named(fields, of, hints.CAMPAIGN_ID),
        "tags": finding(ranked(lists, partial(_named_mark, hints.TAGS, of=of), 0.2), of, _as_tags),
    }
    return {name: one for name, one in found.items() if one is not None}


def _is_element(field: Field) -> bool:
    return bool(field.path) and isinstance(field.path[-1], int)


def find_named(
    fields: Sequence[Field], of: int, names: Mapping[str, float], make: Callable[[list[Field]], str] = as_text
) -> Finding | None:
    """What is found by the name of its field; text or numbers."""
    scalars = [field for field in fields if _is_scalar(field)]
    return finding(ranked(scalars, partial(_named_mark, names, of=of), 0.2), of, make)


def _is_scalar(field: Field) -> bool:
    values = _looked_at(field)
    return sum(not isinstance(one, list | bool) for one in values) >= _MOSTLY * len(values)


def _named_mark(names: Mapping[str, float], field: Field, of: int) -> float:
    mark = weight(names, field) - 0.5 * bool(field.words & hints.OF_THE_SENDER)
    return mark * presence(field, of) - distance(field) if mark > 0 else 0.0


def _as_tags(fields: list[Field]) -> str:
    """Tags as one text, separated by commas."""
    if all(field.is_all(str) for field in fields):
        return either(fields)
    return f"join(',', [{either(fields)}][].text(@)) || `null`"
