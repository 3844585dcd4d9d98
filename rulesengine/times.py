"""Times as providers write them, turned into whole seconds since 1970-01-01T00:00:00Z.

Nothing is guessed: a number whose size belongs to another unit, a time before 1970 (no event happened then; Go's zero
time is year 1) and any text of another shape are faults. Fractions of a second are cut off.

Limits: names of months and days in the formats of `epoch_at` are those of the process's locale, English unless it was
changed; of a local time that comes twice because clocks go back, the first is meant; no leap seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from rulesengine.diagnostics import did_you_mean, shown
from rulesengine.errors import FunctionFault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

# 100,000,000,000 is the year 5138 in seconds and 1973 in milliseconds; 631,152,000,000 milliseconds is 1990.
SECONDS_END = 100_000_000_000
_MILLISECONDS_START = 631_152_000_000
_MILLISECONDS_END = 1_000 * SECONDS_END

_DIGITS = re.compile(r"([0-9]{1,19})(?:\.[0-9]{1,20})?")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9])(?:(:[0-5][0-9])(?:\.[0-9]{1,9})?)?"
    r"(?: ?(Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?)?"
)

_CODE = re.compile("%(.)", re.DOTALL)
_LONGEST_DATE = 100
_LONGEST_FORMAT = 100
_SAMPLE = datetime(2024, 11, 28, 15, 4, 5, tzinfo=UTC)
# Both lie in a system's tz database without belonging to it: `localtime` is whatever the machine is set to.
_NO_ZONES = frozenset({"localtime", "posixrules"})


def epoch(value: str | int | float) -> int:
    """Whole seconds since 1970 of seconds (number or digits) or of ISO 8601 text, UTC if it names no zone."""
    number = _number(value)
    if number is None and isinstance(value, str):
        return _from_iso(value)
    if number is not None and 0 <= number < SECONDS_END:
        return int(number)
    if number is not None and SECONDS_END <= number < _MILLISECONDS_END:
        raise FunctionFault(f"epoch() got {shown(value)}, which can only be milliseconds: use epoch_ms()")
    raise FunctionFault(f"epoch() got {shown(value)}, which is no time in seconds since 1970")


def epoch_ms(value: str | int | float) -> int:
    """Whole seconds since 1970 of milliseconds (number or digits)."""
    number = _number(value)
    if number is not None and _MILLISECONDS_START <= number < _MILLISECONDS_END:
        return int(number) // 1000
    if number is not None and 0 <= number < _MILLISECONDS_START:
        raise FunctionFault(f"epoch_ms() got {shown(value)}, which can only be seconds: use epoch()")
    raise FunctionFault(f"epoch_ms() got {shown(value)}, which is no time in milliseconds since 1970")


def epoch_at(text: str, form: str, zone: tzinfo) -> int:
    """Whole seconds since 1970 of a date written as `form` says, in `zone` unless the text itself names an offset."""
    moment = _parsed(text, form)
    if moment is None:
        raise FunctionFault(f"epoch_at() got {shown(text)}, which is not written as {shown(form)} says")
    return _since_1970("epoch_at", text, moment if moment.tzinfo else moment.replace(tzinfo=zone))


def prepare_zone(name: str) -> tzinfo:
    """The zone of that name in the tz database; ValueError with a sentence if there is none."""
    from zoneinfo import ZoneInfo, available_timezones  # few mappings name a zone, and each run would wait for it

    # ZoneInfo refuses absolute and climbing paths with a ValueError, so no name leaves the tz database; a folder of the
    # tzdata package ('America') or an overlong name reaches open(): OSError (Python 3.11).
    try:
        if name not in _NO_ZONES:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    hint = did_you_mean(name, available_timezones())
    raise ValueError(f"{shown(name)} is no time zone of the tz database" + (f": {hint}" if hint else ""))


def prepare_format(form: str) -> str:
    """The strptime format itself, once it has read a date and time that it wrote; else ValueError with a sentence."""
    if len(form) > _LONGEST_FORMAT:
        raise ValueError(f"a date format of {len(form)} characters is too long: {_LONGEST_FORMAT} are allowed")
    codes = set(_CODE.findall(form))
    if "Z" in codes:
        raise ValueError(f"the date format {shown(form)} has %Z, but an abbreviation names no one zone: use %z")
    if codes & {"c", "x", "X"}:
        raise ValueError(f"the date format {shown(form)} has %c, %x or %X, which differ by locale: write them out")
    # Before strptime sees it: a day without a year is a DeprecationWarning there from Python 3.13 on.
    if not codes & {"Y", "y", "G"}:
        raise ValueError(f"the date format {shown(form)} lacks a year")
    again = _parsed(_written(form), form)
    if again is None:
        raise ValueError(f"{shown(form)} is no date format: write it in strptime codes such as '%Y-%m-%d %H:%M:%S'")
    if again.date() != _SAMPLE.date():
        raise ValueError(f"the date format {shown(form)} lacks a month or a day")
    if again.hour not in (0, _SAMPLE.hour):
        raise ValueError(f"the date format {shown(form)} has a 12-hour clock (%I) without AM or PM (%p)")
    return form


def _number(value: str | int | float) -> int | float | None:
    if not isinstance(value, str):
        return value
    digits = _DIGITS.fullmatch(value)
    return int(digits[1]) if digits else None


def _from_iso(text: str) -> int:
    parts = _ISO.fullmatch(text)
    try:
        if parts is None:
            raise ValueError
        date, minutes, seconds, zone = parts.groups(default="")
        moment = datetime.fromisoformat(f"{date}T{minutes or '00:00'}{seconds}{zone or 'Z'}")
    except ValueError:
        expected = "seconds since 1970 or an ISO 8601 date and time"
        raise FunctionFault(f"epoch() got {shown(text)}, expected {expected}") from None
    return _since_1970("epoch", text, moment)


def _since_1970(function: str, text: str, moment: datetime) -> int:
    seconds = (moment - _EPOCH) // _SECOND
    if seconds < 0:
        raise FunctionFault(f"{function}() got {shown(text)}, which lies before 1970")
    return seconds


def _written(form: str) -> str:
    try:
        return _SAMPLE.strftime(form)
    except ValueError:
        return ""


def _parsed(text: str, form: str) -> datetime | None:
    # strptime takes digits of every script. No date is long, so strptime's backtracking never meets long text.
    if len(text) > _LONGEST_DATE or any(char.isdigit() and not char.isascii() for char in text):
        return None
    # A code given twice reaches strptime's own regular expression as a group given twice: re.error.
    try:
        return datetime.strptime(text, form)
    except (ValueError, re.error):
        return None
