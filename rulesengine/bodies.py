"""What the added functions do: plain functions on values whose types were checked, for the table in `functions`.

None of them sees null or a value of another type than its parameter takes. What a value is not fit for is a
`FunctionFault`, and nothing else is ever raised: not for half a surrogate pair, endless digits or deep nesting.

Limits: `e164` knows no numbering plan: it neither tells whether a number exists nor that some countries (Italy) keep
the leading 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from rulesengine.diagnostics import shown
from rulesengine.errors import FunctionFault
from rulesengine.limits import DEFAULT_LIMITS, is_deeper
from rulesengine.patterns import Pattern

# replace() is the one function whose result can be far larger than what it was given: a bound against exhaustion.
_LONGEST_RESULT = 10_000_000
_MOST_DIGITS = 4_300


def named(value: object) -> str:
    """A value with its type, as a sentence says it; what is in an array or an object is left out."""
    if isinstance(value, bool):
        return f"the boolean {'true' if value else 'false'}"
    if isinstance(value, str):
        return f"the string {shown(value)}"
    if isinstance(value, int | float):
        return f"the number {shown(value)}"
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    return "null" if value is None else f"a {type(value).__name__}"


def _utf8(function: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FunctionFault(f"{function}() got {shown(text)}, which holds half a surrogate pair") from None


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_canonical = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode


# A number of this size Python is sure to write, however it is set up.
_SHORT = 10**18


def _written(function: str, encode: Callable[[object], str], value: object) -> str:
    try:
        return encode(value)
    except (ValueError, TypeError, RecursionError):
        raise FunctionFault(f"{function}() got {named(value)}, which cannot be written as JSON") from None


def text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:  # as JSON writes them too, and these are common
        return "true" if value else "false"
    if type(value) is int and -_SHORT < value < _SHORT:
        return str(value)
    return _written("text", _compact, value)


def split(text: str, separator: str) -> list[str]:
    if not separator:
        raise FunctionFault("split() got an empty separator")
    return text.split(separator)


def replace(text: str, old: str, new: str) -> str:
    if not old:
        raise FunctionFault("replace() got an empty string to replace")
    if len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > _LONGEST_RESULT:
        raise FunctionFault(f"replace() would make a string of more than {_LONGEST_RESULT} characters")
    return text.replace(old, new)


def matches(subject: str, pattern: Pattern) -> bool:
    return pattern.matches(_encodable("matches", subject))


def capture(subject: str, pattern: Pattern) -> str | None:
    return pattern.capture(_encodable("capture", subject))


def _encodable(function: str, text: str) -> str:
    if not text.isascii():
        _utf8(function, text)
    return text


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number too large")
    return number


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number too long")
    return int(digits)


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer).decode


def from_json(text: str) -> object:
    if is_deeper(text.encode(errors="replace"), DEFAULT_LIMITS.depth):
        raise FunctionFault(f"from_json() got {shown(text)}, which is nested too deeply")
    try:
        return _decode(text)
    except RecursionError:  # of text that is cut off, or under many calls
        raise FunctionFault(f"from_json() got {shown(text)}, which is nested too deeply") from None
    except ValueError as fault:
        raise FunctionFault(f"from_json() got {shown(text)}, which is no JSON: {fault}") from None


def items_of(table: dict[str, object]) -> list[list[object]]:
    return [[key, value] for key, value in table.items()]


def from_items(pairs: list[object]) -> dict[str, object]:
    table: dict[str, object] = {}
    for number, pair in enumerate(pairs):
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise FunctionFault(f"from_items() takes pairs of a string and a value, got another element at [{number}]")
        table[pair[0]] = pair[1]
    return table


# Not email.utils.parseaddr: it takes the first address of a list, reads 'a@b)c@d' differently from release to release
# (CVE-2023-27043) and recurses on '(((('.
_BARE_ADDRESS = r"""([^\s\x00-\x1f\x7f<>@"(),:;\\\[\]]+@[^\s\x00-\x1f\x7f<>@"(),:;\\\[\]]+)"""
_ADDRESS = re.compile(
    rf"""(?:(?:"(?:[^"\\]|\\.)*"|[^"<>,;])*<\s*{_BARE_ADDRESS}\s*>|\s*{_BARE_ADDRESS})\s*""", re.DOTALL
)


def address(text: str) -> str | None:
    found = _ADDRESS.fullmatch(text)
    return (found[1] or found[2]) if found else None


_CHANNEL_PREFIX = re.compile(r"(?:whatsapp|tel|sms|mms|rcs|viber):", re.IGNORECASE)
# Beside the ASCII ones the no-break space and the hyphens and dash that word processors put into numbers.
_PUNCTUATION = str.maketrans("", "", " -.()\u00a0\u2010\u2011\u2013")
_DIALLED = re.compile(r"(?:(\+|00)|(?!00))([0-9]{1,20})")
_CALLING_CODE = re.compile(r"(?:\+|00)?([1-9][0-9]{0,2})")
_E164 = re.compile(r"[1-9][0-9]{6,14}")
# The longest national number of nearly all countries: what is longer and begins with the country code carries it.
_LONGEST_NATIONAL = 10


def e164(given: str | int | float, country: str | int | float | None = None) -> str:
    dialled = _DIALLED.fullmatch(_plain_number(given))
    if dialled is None:
        raise _no_phone_number(given)
    international, digits = dialled.groups()
    if not international:
        # An area code in brackets is how nations write their own numbers: '(415) 666-7777' is not of Switzerland.
        is_national = digits.startswith("0") or str(given).strip().startswith("(")
        digits = _with_country(given, digits, "" if country is None else _calling_code(country), is_national)
    if not _E164.fullmatch(digits):
        raise _no_phone_number(given)
    return f"+{digits}"


def _plain_number(given: str | int | float) -> str:
    """The number without channel, spaces and punctuation; what is no whole number stays as unfit as it is."""
    if isinstance(given, str):
        text = _CHANNEL_PREFIX.sub("", given.strip(), count=1).strip()
        # '+44 (0)20 ...' writes the national and the international number in one.
        text = text if text.startswith("(0)") else text.replace("(0)", "")
        return text.translate(_PUNCTUATION)
    return str(int(given)) if 0 < given < 1e15 and given == int(given) else ""


def _with_country(given: object, digits: str, code: str, is_national: bool) -> str:
    if is_national and not code:
        raise FunctionFault(f"e164() got {shown(given)}, a national number: add the country's calling code")
    if digits.startswith("0"):
        return code + digits[1:]
    return digits if digits.startswith(code) and (not code or len(digits) > _LONGEST_NATIONAL) else code + digits


def _calling_code(country: str | int | float) -> str:
    found = _CALLING_CODE.fullmatch(_plain_number(country))
    if found is None:
        raise FunctionFault(f"e164() got {shown(country)} as country, expected a calling code such as '44'")
    return found[1]


def _no_phone_number(given: object) -> FunctionFault:
    return FunctionFault(f"e164() got {shown(given)}, which is no phone number")


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hex."""
    import hashlib  # it loads OpenSSL, for which each run would wait

    return hashlib.sha256(data).hexdigest()


def hash_of(text: str) -> str:
    return sha256(_utf8("hash", text))


def stable_id(values: list[object]) -> str | None:
    if all(value is None for value in values):
        return None
    text = _written("stable_id", _canonical, values)
    try:
        return sha256(text.encode())
    except UnicodeEncodeError:
        raise FunctionFault("stable_id() got an array with half a surrogate pair in a string") from None
