"""What a good engineer would write by hand instead of a mapping: plain functions, one event in, one event out.

`sendgrid` does what mappings/sendgrid.yml does, `plain` what plain.yml does, `reduced` that without trimming addresses
and writing numbers as text. Each returns None for an event to ignore and raises for one it cannot map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Event = dict[str, Any]


class CannotMap(Exception):
    """An event that is not known, or lacks what it must have."""


_BOUNCES = {
    "bounce": ("reachability", "unreachable", "hard_bounce"),
    "blocked": ("email", "soft_bounce", None),
    "expired": ("email", "soft_bounce", None),
}
_DROPS = {
    "Bounced Address": ("reachability", "unreachable", "hard_bounce"),
    "Invalid": ("reachability", "unreachable", "hard_bounce"),
    "Spam Reporting Address": ("reachability", "unreachable", "spam_report"),
    "Unsubscribed Address": ("content", "opt-out", None),
    "Spam Content": ("email", "soft_bounce", None),
    "Invalid SMTPAPI header": None,
    "Recipient List over Package Quota": None,
}
_IGNORED = {"processed", "Processed", "deferred", "group_resubscribe", "account_status_change"}


def sendgrid(item: Event) -> Event | None:
    """The ODP event of an event of SendGrid."""
    name = item.get("event")
    if name == "delivered":
        return _event("email", "delivery", item, _data(item))
    if name == "open":
        machine = item.get("sg_machine_open")
        if machine is True or (isinstance(machine, str) and machine.lower() == "true"):
            return None
        return _event("email", "open", item, _data(item))
    if name == "click":
        data = _data(item)
        _put(data, "campaign_event_value", item.get("url"))
        return _event("email", "click", item, data)
    if name == "bounce":
        return _refused(_BOUNCES, item.get("type") or "bounce", item, item.get("bounce_classification"))
    if name == "dropped":
        if item.get("reason") == "Unsubscribed Address" and item.get("asm_group_id") not in (None, ""):
            data = _data(item)
            data["value"] = item["reason"]
            data["list_id"] = _text(item["asm_group_id"])
            return _event("list", "unsubscribe", item, data)
        return _refused(_DROPS, item.get("reason"), item, None)
    if name == "spamreport":
        data = _data(item)
        data["reachability_update_type"] = "spam_report"
        return _event("reachability", "unreachable", item, data)
    if name == "unsubscribe":
        return _event("content", "opt-out", item, _data(item))
    if name == "group_unsubscribe":
        group = item.get("asm_group_id")
        if group is None or group == "":
            raise CannotMap("a group_unsubscribe without asm_group_id")
        data = _data(item)
        data["list_id"] = _text(group)
        return _event("list", "unsubscribe", item, data)
    if name in _IGNORED:
        return None
    raise CannotMap(f"event {name!r}")


def _refused(table: dict[str, Any], key: Any, item: Event, value: Any) -> Event | None:
    try:
        target = table[key]
    except KeyError:
        raise CannotMap(f"a {item['event']} of {key!r}") from None
    if target is None:
        return None
    kind, action, update = target
    data = _data(item)
    _put(data, "value", item.get("reason") or value)
    _put(data, "reachability_update_type", update)
    return _event(kind, action, item, data)


def _event(kind: str, action: str, item: Event, data: Event) -> Event:
    address = item.get("email")
    email = address.strip().lower() if address else None
    if not email:
        raise CannotMap("no address")
    return {"type": kind, "action": action, "identifiers": {"email": email}, "data": data}


def _data(item: Event) -> Event:
    data: Event = {}
    get = item.get
    if (timestamp := get("timestamp")) is not None:
        data["ts"] = seconds = int(timestamp)
        if not 0 <= seconds < 100_000_000_000:
            raise CannotMap(f"{timestamp} is no time in seconds")
    if (address := get("email")) is not None:
        data["target_address"] = address
    if (message := get("sg_message_id")) is not None:
        data["message_id"] = message
    if (event := get("sg_event_id")) is not None:
        data["event_id"] = event
    if (campaign := get("singlesend_id") or get("marketing_campaign_id")) is not None:
        data["campaign_id"] = _text(campaign)
    if category := get("category"):
        data["tags"] = category if isinstance(category, str) else ",".join(map(_text, category))
    return data


def _put(data: Event, key: str, value: Any) -> None:
    if value is not None:
        data[key] = value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def plain(item: Event) -> Event:
    """The ODP event of an event with all its fields: the task of plain.yml."""
    return _plain(item, item["email"].strip().lower())


def reduced(item: Event) -> Event:
    """As `plain`, for addresses without white space around them and list ids that are text already."""
    return _plain(item, item["email"].lower())


def _plain(item: Event, email: str) -> Event:
    name = item["event"]
    data = {"ts": item["timestamp"], "target_address": item["email"], "message_id": item["sg_message_id"]}
    kind = "email"
    if name == "delivered":
        action = "delivery"
    elif name == "open":
        action = "open"
    elif name == "click":
        action = "click"
        data["campaign_event_value"] = item["url"]
    elif name == "bounce":
        data["value"] = item["reason"]
        if item["type"] == "bounce":
            kind, action = "reachability", "unreachable"
            data["reachability_update_type"] = "hard_bounce"
        elif item["type"] == "blocked":
            action = "soft_bounce"
        else:
            raise CannotMap(f"a bounce of {item['type']!r}")
    elif name == "group_unsubscribe":
        kind, action = "list", "unsubscribe"
        data["list_id"] = _text(item["asm_group_id"])
    else:
        raise CannotMap(f"event {name!r}")
    return {"type": kind, "action": action, "identifiers": {"email": email}, "data": data}


def each(function: Callable[[Event], Event | None], items: Iterable[Event]) -> tuple[list[Event], int, list[Event]]:
    """The events of a list, how many were ignored, and the items that could not be mapped: one costs no other."""
    events: list[Event] = []
    failed: list[Event] = []
    ignored = 0
    for item in items:
        try:
            event = function(item)
        except (CannotMap, KeyError, TypeError, ValueError, AttributeError):
            failed.append(item)
            continue
        if event is None:
            ignored += 1
        else:
            events.append(event)
    return events, ignored, failed
