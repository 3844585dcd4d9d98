"""The keys of mapping files, of vocabularies and of files of cases, and what may stand under each: only data.

The schemas are Cerberus schemas, which `shape` holds files against and `schema` makes the JSON Schema for editors of.
Under `meta` is what a key is for, and whether its value is an expression.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from rulesengine.payloads import FORMATS

Schema = dict[str, Any]

PROVIDER = "[a-z][a-z0-9_-]*"


def is_version(field: str, value: Any, error: Any) -> None:
    """1, the only version there is."""
    if isinstance(value, bool) or value != 1:
        error(field, "this engine knows version 1 of the mapping language")


def is_provider(field: str, value: str | None, error: Any) -> None:
    """Text like PROVIDER; that null is no text is said elsewhere."""
    if value is not None and not re.fullmatch(PROVIDER, value):
        error(field, "a provider is named in lower case letters, digits, '_' and '-', such as amazon_ses")


def is_formats(field: str, value: Any, error: Any) -> None:
    """A format, or a list of which only the last may be ndjson."""
    if isinstance(value, list) and "ndjson" in value[:-1]:
        error(field, "ndjson takes any body line by line, so nothing is tried after it")


def is_date(field: str, value: str | None, error: Any) -> None:
    """A day in ISO 8601; that null is no text is said elsewhere."""
    try:
        if value is not None:
            date.fromisoformat(value)
    except ValueError:
        error(field, "a date is written as 2026-11-23")


TEXT: Schema = {"type": "string", "empty": False}
EXPRESSION: Schema = {**TEXT, "meta": {"expression": True}}
FIELDS: Schema = {"type": "dict", "valuesrules": EXPRESSION}


def _key(about: str, schema: Schema, **rules: Any) -> Schema:
    """The schema of a key, with what the key is for in a few words; `rules` are more rules of Cerberus."""
    return {**schema, **rules, "meta": {**schema.get("meta", {}), "about": about}}


PAYLOAD: Schema = {
    "format": _key(
        "How bodies come: a format, or a list of them, tried in order. Without it: json.",
        {"type": ["string", "list"], "allowed": list(FORMATS), "empty": False, "check_with": is_formats},
    ),
    "each": _key(
        "An expression from the body to its items, or a list of such steps. Without it: the body itself.",
        {**EXPRESSION, "type": ["string", "list"], "schema": EXPRESSION},
    ),
    "event": _key("An expression over an item: the provider's name for what happened.", EXPRESSION,
                  dependencies="events"),
    "events": _key("Every name that the provider documents.", {"type": "list", "empty": False, "schema": TEXT},
                   dependencies="event"),
}  # fmt: skip
EVENT: Schema = {
    "identifiers": _key("Names and expressions that give text; null and '' are left out.", FIELDS),
    "data": _key("Names and expressions that give anything JSON has; null is left out.", FIELDS),
}
RULE: Schema = {
    "name": _key("What reports call the rule. Without it: its number, as rules[3].", TEXT),
    "when": _key("An expression; the rule takes the item if it is true. Without it: everything.", EXPRESSION),
    "emit": _key("What to emit: a metric, an emission, or a list of these.",
                 {"type": ["string", "dict", "list"], "empty": False}, required=True, excludes="ignore"),
    "ignore": _key("The reason why such items become no event, in words.", TEXT, required=True,
                   excludes=["emit", "list_id", "identifiers", "data"]),
    "list_id": _key("An expression that gives text: the list that list_unsubscribe is about.", EXPRESSION,
                    excludes="ignore"),
    "identifiers": _key("Identifiers of this rule's events, beside those of `event` or in their place.", FIELDS,
                        excludes="ignore"),
    "data": _key("Data of this rule's events, beside those of `event` or in their place.", FIELDS, excludes="ignore"),
}  # fmt: skip
EMISSION: Schema = {
    "metric": _key("The metric to emit.", TEXT, excludes=["table", "type"]),
    "table": _key("The table that holds the metric to emit, or `ignore`.", TEXT,
                  dependencies="key", excludes=["metric", "type"]),
    "key": _key("The expression that is looked up in the table.", EXPRESSION, dependencies="table"),
    "type": _key("An expression: the type of the event, such as channel().", EXPRESSION,
                 dependencies="action", excludes=["metric", "table"]),
    "action": _key("An expression: the action of the event.", EXPRESSION, dependencies="type"),
    "reachability_update_type": _key("An expression, for reachability events: why one cannot be reached.", EXPRESSION,
                                     dependencies=["type", "action"]),
    "list_id": _key("An expression that gives text: the list that list_unsubscribe is about.", EXPRESSION),
    "identifiers": _key("Identifiers of this event, beside those of the rule or in their place.", FIELDS),
    "data": _key("Data of this event, beside those of the rule or in their place.", FIELDS),
}  # fmt: skip
SCALAR: Schema = {"type": ["string", "number", "boolean"], "nullable": True}
MAPPING: Schema = {
    "mapping": _key("The version of the mapping language: 1.", {"required": True, "check_with": is_version}),
    "provider": _key("What `rules` and `Engine.apply` call the provider.", TEXT, required=True, check_with=is_provider),
    "title": _key("The mapping's name, for people.", TEXT),
    "docs": _key("The provider's page of webhook events.", TEXT),
    "reviewed": _key("The day on which the file was last compared with that page.", TEXT, check_with=is_date),
    "channels": _key("The channel types of app.yml that the mapping suits. Without it: any.",
                     {"type": "list", "empty": False, "schema": TEXT}),
    "payload": _key("How a body becomes items.", {"type": "dict", "schema": PAYLOAD}),
    "event": _key("What every event carries.", {"type": "dict", "schema": EVENT}),
    "tables": _key("The provider's words to metrics, or to other values, by the name of the table.",
                   {"type": "dict", "valuesrules": {"type": "dict", "empty": False, "valuesrules": SCALAR}}),
    "rules": _key("From top to bottom; the first whose `when` holds takes the item.",
                  {"type": "list", "empty": False, "schema": {"type": "dict", "schema": RULE}}, required=True),
}  # fmt: skip
METRIC: Schema = {
    "group": {**TEXT, "required": True},
    "type": {**TEXT, "required": True},
    "action": {**TEXT, "required": True},
    "reachability_update_type": TEXT,
    "list_id": {"type": "boolean"},
    "generated": {"type": "boolean"},
    "standing": {**TEXT, "required": True, "allowed": ["page", "inferred"]},
    "doubt": TEXT,
}
VOCABULARY: Schema = {
    "vocabulary": {"required": True, "check_with": is_version},
    "channel_types": {"type": "list", "required": True, "empty": False, "schema": TEXT},
    "attributable": {"type": "list", "schema": TEXT},
    "metrics": {"type": "dict", "required": True, "valuesrules": {"type": "dict", "schema": METRIC}},
    "messaging_identifiers": {
        "type": "dict",
        "schema": {"names": {"type": "list", "schema": TEXT}, "suffixes": {"type": "list", "schema": TEXT}},
    },
}
ANYTHING: Schema = {"nullable": True}
EXPECTED: Schema = {
    "events": _key("All events, in order; a value {matches: pattern} stands for text that varies.",
                   {"type": "list", "schema": {"type": "dict"}}),
    "ignored": _key("The labels of the rules that ignored an item, in order.", {"type": "list", "schema": TEXT}),
    "unmatched": _key("The codes of the items that no rule or table knows.", {"type": "list", "schema": TEXT}),
    "rejected": _key("The codes of the items with a fault.", {"type": "list", "schema": TEXT}),
    "items": _key("The number of items; 0 for a body without any.", {"type": "integer"}),
}  # fmt: skip
CASE: Schema = {
    "about": _key("What the case shows.", TEXT, required=True),
    "example": _key("Whether the provider's page shows it.", {"type": "boolean"}),
    "app": _key("The channel type of the app.yml to run it for. Without it: the mapping's first.", TEXT),
    "payload": _key("The decoded body.", ANYTHING, excludes=["body", "file"]),
    "body": _key("The body as text, decoded as `payload.format` says.", {"type": "string"},
                 excludes=["payload", "file"]),
    "file": _key("A file that holds the body, by its path from the case's own.", TEXT, excludes=["payload", "body"]),
    "request": _key("What `request()` gives.", {"type": "dict"}),
    "rules": _key("The labels of rules that must have run.", {"type": "list", "empty": False, "schema": TEXT}),
    "expect": _key("What becomes of the items; what is left out is empty.", {"type": "dict", "schema": EXPECTED},
                   required=True),
}  # fmt: skip
CASES: Schema = {
    "cases": _key("Bodies, and what becomes of each.", {"type": "list", "schema": {"type": "dict", "schema": CASE}},
                  required=True),
}  # fmt: skip
