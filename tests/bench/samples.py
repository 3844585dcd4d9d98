"""SendGrid-like events, made up: a mix of what its webhook posts for a mailing, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

Event = dict[str, Any]

# What happened, and how often among a hundred events. Every one of them makes an event of ODP.
MIX = {"delivered": 40, "open": 30, "click": 15, "bounce": 5, "blocked": 5, "group_unsubscribe": 5}

_FIRST = ("ann", "bert", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "jo", "kim", "lea", "max", "nora", "otto")
_LAST = ("field", "stone", "rivers", "marsh", "woods", "hill", "brook", "lake", "moor", "glen", "dale", "ford")
_DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.net")
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
_CATEGORIES = (["newsletter"], ["newsletter", "autumn"], ["receipt"], ["welcome", "trial"], ["reminder"])
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_REASONS = {
    "bounce": ("550", "5.1.1", "550 5.1.1 The email account that you tried to reach does not exist", "Invalid Address"),
    "blocked": ("421", "4.7.0", "421 4.7.0 Too many messages from this address, try again later", "Reputation"),
}
_START = 1_764_547_200


def event_of(kind: str, number: int, random: Random) -> Event:
    """The `number`-th event, of a kind in `MIX`."""
    name = f"{random.choice(_FIRST)}.{random.choice(_LAST)}{number % 1000}"
    unique = random.getrandbits(96)
    sent = f"{random.getrandbits(64):016x}"
    address = f"{name.title() if number % 10 == 0 else name}@{random.choice(_DOMAINS)}"
    event: Event = {
        "email": f" {address}" if number % 50 == 7 else address,
        "timestamp": _START + number // 8,
        "smtp-id": f"<{sent}.{number:x}@mta{number % 4}.mail.example.com>",
        "event": "bounce" if kind == "blocked" else kind,
        "category": random.choice(_CATEGORIES),
        "sg_event_id": f"{unique:024x}",
        "sg_message_id": f"{sent}.recvd-7c9f{number % 10_000:04d}-1-{unique % 16**8:08X}-{number % 60}.0",
    }
    if kind == "delivered":
        event["response"] = f"250 2.0.0 OK {event['timestamp']} {unique % 16**12:012x}.{number % 1000} - gsmtp"
        event["ip"] = "198.51.100.25"
    elif kind in ("open", "click"):
        event["useragent"] = random.choice(_AGENTS)
        event["ip"] = f"{random.choice(_NETWORKS)}.{number % 254 + 1}"
        if kind == "click":
            event["url"] = f"https://shop.example.com/autumn/{number % 500}?ref=mail&id={unique % 10**6}"
            event["url_offset"] = {"index": number % 5, "type": "html"}
        else:
            event["sg_machine_open"] = False
    elif kind in _REASONS:
        code, status, reason, classification = _REASONS[kind]
        event.update(type=kind, status=status, reason=f"{reason} (code {code})", bounce_classification=classification)
    else:
        event["asm_group_id"] = 100 + number % 7
        event["useragent"] = random.choice(_AGENTS)
        event["ip"] = f"{random.choice(_NETWORKS)}.{number % 254 + 1}"
    return event


def events(count: int, seed: int = 1) -> Iterator[Event]:
    """So many events: each hundred holds each kind as often as `MIX` says, in an order of its own."""
    random = Random(seed)
    kinds = [kind for kind, times in MIX.items() for _ in range(times)]
    for number in range(count):
        if number % len(kinds) == 0:
            random.shuffle(kinds)
        yield event_of(kinds[number % len(kinds)], number, random)


def write_lines(path: Path, *, count: int | None = None, size: int | None = None) -> int:
    """Write events as NDJSON, so many or as many as fill so many bytes; how many were written."""
    encode = msgspec.json.Encoder().encode
    written = filled = 0
    with path.open("wb", buffering=2**20) as file:
        for event in events(count if count is not None else 2**40):
            if size is not None and filled >= size:
                break
            filled += file.write(encode(event) + b"\n")
            written += 1
    return written
