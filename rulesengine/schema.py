"""The JSON Schema (draft 2020-12) of mapping files, for editors: the schemas of `keys`, said in the other language.

What a vocabulary knows, metrics and channel types, is added. What an editor accepts may still be wrong: whether
expressions parse, what app.yml declares and what rules mean is for `rules check`. A list of formats that is longer than
there are formats may have ndjson before its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rulesengine.keys import EMISSION, MAPPING, PROVIDER, Schema, is_date, is_formats, is_provider, is_version
from rulesengine.payloads import FORMATS
from rulesengine.vocabulary import Vocabulary

Json = dict[str, Any]

_TYPES = {"string": "string", "list": "array", "dict": "object", "number": "number", "boolean": "boolean"}
_LEAST = {"string": "minLength", "list": "minItems", "dict": "minProperties"}

# What the functions of `keys` that look at a value ask for.
_CHECKS: dict[Callable[..., None], Json] = {
    is_version: {"const": 1},
    is_provider: {"pattern": f"^{PROVIDER}$"},
    is_date: {"format": "date", "pattern": r"^\d{4}-\d\d-\d\d$"},
    is_formats: {"not": {"type": "array", "anyOf": [
        {"minItems": place + 2, "prefixItems": [{}] * place + [{"const": "ndjson"}]} for place in range(len(FORMATS))
    ]}},
}  # fmt: skip


def mapping_schema(vocabulary: Vocabulary) -> Json:
    """The schema of mapping files that emit metrics of this vocabulary."""
    metric, emission = {"$ref": "#/$defs/metric"}, {"$ref": "#/$defs/emission"}
    known: dict[str, Json] = {
        "channels": {"items": {"enum": list(vocabulary.channel_types)}},
        "rules.emit": {"anyOf": [metric, emission, {"type": "array", "items": {"anyOf": [metric, emission]}}]},
        "emit.metric": metric,
    }
    metrics = [one.name for one in vocabulary.metrics.values() if not one.generated]
    which = {"anyOf": [{"required": [name]} for name in ("metric", "table", "type")]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A mapping of the rules engine",
        **_object(MAPPING, "", known),
        "$defs": {"metric": {"enum": metrics}, "emission": {**_object(EMISSION, "emit.", known), **which}},
    }


def _object(keys: Schema, path: str, known: dict[str, Json]) -> Json:
    """A closed object: its keys, which of them must be there, which need others, which exclude each other."""
    required = [name for name, one in keys.items() if one.get("required")]
    either = [name for name in required if "excludes" in keys[name]]
    needs = {name: _names(one["dependencies"]) for name, one in keys.items() if "dependencies" in one}
    found: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _value(one, path + name, known) for name, one in keys.items()},
        "required": [name for name in required if name not in either],
        "dependentRequired": needs,
        "allOf": [{"not": {"required": pair}} for pair in _exclusive(keys)],
        "anyOf": [{"required": [name]} for name in either],
    }
    return {name: value for name, value in found.items() if value != [] and value != {}}


def _value(rules: Schema, path: str, known: dict[str, Json]) -> Json:
    """The value of a key, or what lists and objects hold; `known` adds to the rules what the vocabulary knows."""
    kinds = _names(rules.get("type", ()))
    about = rules.get("meta", {}).get("about")
    found: Json = {"title": path, "description": about} if about else {}
    types = [_TYPES[kind] for kind in kinds] + ["null"] * rules.get("nullable", False)
    if types:
        found["type"] = types[0] if len(types) == 1 else types
    if rules.get("empty") is False:
        found.update({_LEAST[kind]: 1 for kind in kinds})
    if "allowed" in rules:
        found.update({"items": {"enum": rules["allowed"]}, "anyOf": [{"type": "array"}, {"enum": rules["allowed"]}]})
    if "list" in kinds and "schema" in rules:
        found["items"] = _value(rules["schema"], path, known)
    elif "schema" in rules:
        found.update(_object(rules["schema"], f"{path}.", known))
    if "valuesrules" in rules:
        found["additionalProperties"] = _value(rules["valuesrules"], path, known)
    if "check_with" in rules:
        found.update(_CHECKS[rules["check_with"]])
    return {**found, **known.get(path, {})}


def _exclusive(keys: Schema) -> Iterator[list[str]]:
    """The pairs of keys that cannot stand together, each once."""
    pairs = (sorted((name, other)) for name, one in keys.items() for other in _names(one.get("excludes", ())))
    yield from (list(pair) for pair in dict.fromkeys(map(tuple, pairs)))


def _names(constraint: str | Iterable[str]) -> list[str]:
    return [constraint] if isinstance(constraint, str) else list(constraint)
