"""Personal data in sample bodies, replaced by made-up data: the same by the same in all bodies.

E-mail addresses and IP addresses are replaced wherever they stand, in the middle of text too. Phone numbers and names
are known by the fields they stand in (`phone`, `to`, `first_name`), and are then replaced in all text.

Limits: names in free text alone, street addresses and ids that lead to a person are not seen: look over what is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rulesengine.drafting import hints
from rulesengine.drafting.traits import is_phone
from rulesengine.errors import PayloadError
from rulesengine.payloads import decode

# Also as it stands in the query of a URL.
_AT = r"@|%(?:25)*40"  # a URL within a URL is encoded once more
_EMAIL = re.compile(rf"[^\s<>()\[\],;:\"'\\@=|/?&]+?({_AT})[\w-]+(?:\.[\w-]+)*")
# A return path with the recipient in it (VERP): `bounces+123-jane=example.org@mail.postino.example`.
_VERP = re.compile(rf"[^\s<>()\[\],;:\"'\\@=|/?&]+=[\w-]+(?:\.[\w-]+)+(?={_AT})")
_IP = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])")
_WITH_AT = re.compile(r"[^\s<>\"']*(?:@|%(?:25)*40)[^\s<>\"']*")
_LONG_NUMBER = re.compile(r"(?<!\w)\+?\(?[0-9][0-9 ().-]{5,18}[0-9](?!\w)")
_DIGITS = re.compile(r"[^0-9]")
_SHORTEST_NAME = 3
_PARTS_OF_NAME = {"first", "last"}


def redacted(bodies: Sequence[Any]) -> list[Any]:
    """Decoded bodies with made-up people."""
    opened = [_opened(body) for body in bodies]
    people = _Redaction(opened)
    return [people.of(body) for body in opened]


def without_addresses(text: str) -> str:
    """A text with `<address>` for what has an @, `<number>` for what may be a phone number or an IP address."""
    text = _WITH_AT.sub("<address>", text)
    return _LONG_NUMBER.sub(lambda found: "<number>" if is_phone(found[0]) else found[0], text)


@dataclass(frozen=True, slots=True)
class _Json:
    """What stood as text of JSON, to be written as text again."""

    data: Any


def _opened(value: Any) -> Any:
    """A value whose texts of JSON are open for redaction."""
    if isinstance(value, dict):
        return {key: _opened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_opened(inner) for inner in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        with suppress(PayloadError):
            return _Json(_opened(decode(value.encode(), ("json",))))
    return value


class _Redaction:
    """What stands for what."""

    def __init__(self, bodies: Sequence[Any]) -> None:
        self._emails: dict[str, str] = {}
        self._ips: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for name, value in (found for body in bodies for found in _scalars(body, "")):
            if is_phone(value) and (name in hints.PHONE or "phone" in name or "mobile" in name):
                self._phones.setdefault(_DIGITS.sub("", str(value)), f"1555010{len(self._phones):04}")
            elif isinstance(value, str) and name in hints.PERSON_NAME and _may_be_a_name(value):
                self._names.setdefault(value, f"Name {len(self._names) + 1}")
        known = sorted((*self._names, *self._phones), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)") if known else None

    def of(self, value: Any) -> Any:
        """A value with made-up people."""
        if isinstance(value, _Json):
            return json.dumps(self.of(value.data), ensure_ascii=False)
        if isinstance(value, dict):
            return {self._text(key): self.of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in self._phones:
            return int(self._phones[str(value)])
        return value

    def _text(self, text: str) -> str:
        digits = _DIGITS.sub("", text)
        if is_phone(text) and digits in self._phones:
            prefix = text[: text.rfind(":") + 1] + "+" * ("+" in text)
            return prefix + self._phones[digits]
        text = _EMAIL.sub(self._email, _VERP.sub("bounces", text))
        text = _IP.sub(lambda one: _stand_in(self._ips, one[0], "192.0.2.{}"), text)
        if self._known is None:
            return text
        return self._known.sub(lambda one: self._names.get(one[0]) or self._phones[one[0]], text)

    def _email(self, found: re.Match[str]) -> str:
        address = found[0].replace(found[1], "@").lower()
        return _stand_in(self._emails, address, "person{}@example.com").replace("@", found[1])


def _may_be_a_name(text: str) -> bool:
    return len(text) >= _SHORTEST_NAME and "@" not in text and hints.reading_of(text) is None


def _stand_in(known: dict[str, str], real: str, made: str) -> str:
    return known.setdefault(real, made.format(len(known) + 1))


def _scalars(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All that is neither object nor list, with the name of the field it stands in, its words joined.

    A field `name` counts as that of a person where an e-mail address stands beside it; `last` there too, or beside
    `first`.
    """
    if isinstance(value, _Json):
        yield from _scalars(value.data, name)
    elif isinstance(value, dict):
        is_person = any(isinstance(inner, str) and _EMAIL.search(inner) for inner in value.values())
        for key, inner in value.items():
            own = "".join(hints.words(key))
            if own in _PARTS_OF_NAME and (is_person or len(_PARTS_OF_NAME & value.keys()) > 1):
                own += "name"
            yield from _scalars(inner, "title" if own == "name" and not is_person else own)
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, name)
    else:
        yield name, value
