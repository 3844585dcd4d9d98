"""`rules schema`: the JSON Schema says what `shape` says, and knows the vocabulary besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from rulesengine import keys, shape, source
from rulesengine.cli import main
from rulesengine.schema import mapping_schema
from rulesengine.vocabulary import default_vocabulary
from tests.test_language import EXAMPLES, Example

HERE = Path(__file__).parent
SCHEMA = mapping_schema(default_vocabulary())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

HEAD = "mapping: 1\nprovider: acme\n"
RULES = "rules: [{emit: open}]\n"


def data_of(text: str) -> Any:
    """What the schema sees of a mapping's text, and an editor too: YAML 1.2, keys and dates are text."""
    root, _ = source.read("m.yml", text.encode())
    assert root is not None
    return root.data


def has_shape(data: object) -> bool:
    """Whether `shape` finds nothing wrong with a mapping file of this data."""
    root, faults = source.read("m.json", json.dumps(data).encode())
    assert root is not None
    assert not faults
    return not list(shape.check_mapping(root))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


MAPPINGS = [*sorted((HERE.parent / "mappings").glob("*.yml")), HERE / "diagnostics" / "mapping.yml"]


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_mappings_are_valid(path: Path) -> None:
    VALIDATOR.validate(data_of(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("example", [one for one in EXAMPLES if "errors" not in one.data], ids=lambda one: one.id)
def test_examples_of_the_language_are_valid(example: Example) -> None:
    VALIDATOR.validate(data_of(example.mapping))


VALID = [
    HEAD + RULES,
    HEAD + RULES + "reviewed: 2026-11-23\n",
    HEAD + RULES + "payload: {}\nevent: {}\ntables: {}\n",
    HEAD + RULES + "payload: {format: query}\n",
    HEAD + RULES + "payload: {format: [form, ndjson], each: [a, b]}\n",
    HEAD + RULES + "tables: {t: {a: 1, b: true, c: null, 7: x, default: 0.5}}\n",
    HEAD + "rules: [{emit: [open, {metric: click}, {table: t, key: a}, {type: a, action: b}]}]\n",
    HEAD + "rules: [{emit: {type: a, action: b, reachability_update_type: c, list_id: d, data: {e: f}}}]\n",
    HEAD + "rules: [{name: a, when: b, ignore: c}]\n",
]


@pytest.mark.parametrize("text", VALID)
def test_valid(text: str) -> None:
    assert has_shape(data_of(text))
    VALIDATOR.validate(data_of(text))


# What `shape` refuses, and the schema with it.
MALFORMED = [
    "[1]",
    HEAD,
    "mapping: 1\n" + RULES,
    "provider: acme\n" + RULES,
    HEAD.replace("1", "2") + RULES,
    HEAD.replace("1", "true") + RULES,
    HEAD.replace("1", "'1'") + RULES,
    HEAD.replace("acme", "Acme") + RULES,
    HEAD.replace("acme", "7") + RULES,
    HEAD + "rules: []\n",
    HEAD + "rules: {emit: open}\n",
    HEAD + "rules: [open]\n",
    HEAD + "rules: [{when: a}]\n",
    HEAD + "rules: [{emit: open, ignore: x}]\n",
    HEAD + "rules: [{ignore: ''}]\n",
    HEAD + "rules: [{ignore: x, data: {a: b}}]\n",
    HEAD + "rules: [{ignore: x, list_id: a}]\n",
    HEAD + "rules: [{emit: open, where: a}]\n",
    HEAD + "rules: [{emit: open, when: true}]\n",
    HEAD + "rules: [{emit: open, data: {a: 1}}]\n",
    HEAD + "rules: [{emit: []}]\n",
    HEAD + "rules: [{emit: [[open]]}]\n",
    HEAD + "rules: [{emit: {}}]\n",
    HEAD + "rules: [{emit: {list_id: a}}]\n",
    HEAD + "rules: [{emit: {table: t}}]\n",
    HEAD + "rules: [{emit: {key: a}}]\n",
    HEAD + "rules: [{emit: {action: a}}]\n",
    HEAD + "rules: [{emit: {metric: open, table: t, key: a}}]\n",
    HEAD + "rules: [{emit: {metric: open, reachability_update_type: a}}]\n",
    HEAD + RULES + "event: {data: [a]}\n",
    HEAD + RULES + "event: {identifiers: {email: null}}\n",
    HEAD + RULES + "payload: {event: a}\n",
    HEAD + RULES + "payload: {events: [a]}\n",
    HEAD + RULES + "payload: {event: a, events: []}\n",
    HEAD + RULES + "payload: {format: xml}\n",
    HEAD + RULES + "payload: {format: [json, xml]}\n",
    HEAD + RULES + "payload: {format: [ndjson, json]}\n",
    HEAD + RULES + "payload: {format: [json, ndjson, form, query]}\n",
    HEAD + RULES + "payload: {each: {a: b}}\n",
    HEAD + RULES + "tables: {t: {}}\n",
    HEAD + RULES + "tables: {t: {a: [open]}}\n",
    HEAD + RULES + "channels: email\n",
    HEAD + RULES + "channels: []\n",
    HEAD + RULES + "reviewed: yesterday\n",
    HEAD + RULES + "title:\n",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed(text: str) -> None:
    assert not has_shape(data_of(text))
    assert not VALIDATOR.is_valid(data_of(text))


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "rules: [{emit: opened}]\n",
        HEAD + "rules: [{emit: sent}]\n",
        HEAD + "rules: [{emit: {metric: opened}}]\n",
        HEAD + "rules: [{emit: [open, opened]}]\n",
        HEAD + RULES + "channels: [emial]\n",
    ],
)
def test_the_schema_knows_the_vocabulary(text: str) -> None:
    assert has_shape(data_of(text))
    assert not VALIDATOR.is_valid(data_of(text))


# -- a whole mapping, changed in each place in many ways --------------------------------------------------------------

WHOLE = data_of("""\
mapping: 1
provider: acme
title: Acme
docs: https://acme.example
reviewed: 2026-11-23
channels: [email, sms]
payload: {format: [json, form], each: [a, b], event: c, events: [d, e]}
event: {identifiers: {email: a}, data: {ts: b}}
tables: {t: {a: open, b: 1}}
rules:
  - {name: a, when: b, ignore: c}
  - {when: b, emit: open, list_id: c, identifiers: {a: b}, data: {c: d}}
  - emit:
      - open
      - {metric: click, list_id: a, identifiers: {b: c}, data: {d: e}}
      - {table: t, key: a}
      - {type: a, action: b, reachability_update_type: c}
  - emit: {table: t, key: a}
""")
VALUES: list[object] = [
    None,
    True,
    1,
    1.5,
    "",
    "open",
    "Open me",
    [],
    ["open"],
    [1],
    {},
    {"a": "b"},
    {"metric": "open"},
]
KEYS = sorted({*keys.MAPPING, *keys.PAYLOAD, *keys.EVENT, *keys.RULE, *keys.EMISSION, "unknown"})


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value below the top."""
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in below:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(path: tuple[str | int, ...]) -> Iterator[Any]:
    """WHOLE with the value at a path left out or replaced, or with another key beside it."""
    for change in ("remove", *VALUES, *(("add", key) for key in KEYS)):
        data = json.loads(json.dumps(WHOLE))
        parent = data
        for step in path[:-1]:
            parent = parent[step]
        if change == "remove":
            del parent[path[-1]]
        elif not isinstance(change, tuple):
            parent[path[-1]] = change
        elif isinstance(parent, dict):
            parent.setdefault(change[1], "open")
        yield data


def names_strange(data: Any) -> bool:
    """Whether a metric or channel is named that the vocabulary lacks, which `shape` does not look at."""
    emits = [rule["emit"] for rule in _list(data.get("rules")) if isinstance(rule, dict) and "emit" in rule]
    ones = [one for emit in emits for one in (emit if isinstance(emit, list) else [emit])]
    metrics = [one.get("metric") if isinstance(one, dict) else one for one in ones]
    known = default_vocabulary()
    strange = [name for name in metrics if isinstance(name, str) and name not in known.metrics]
    channels = [one for one in _list(data.get("channels")) if isinstance(one, str)]
    return bool(strange) or not {*channels} <= {*known.channel_types}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_the_schema_refuses_what_shape_refuses_and_nothing_else(path: tuple[str | int, ...]) -> None:
    assert has_shape(WHOLE)
    for data in changed(path):
        if not names_strange(data):
            assert VALIDATOR.is_valid(data) == has_shape(data), data


# -- what editors show ------------------------------------------------------------------------------------------------


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema that has properties."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)


def test_every_key_has_a_title_and_a_description_and_every_object_is_closed() -> None:
    found = list(objects(SCHEMA))
    assert len(found) == 5
    assert all(one["additionalProperties"] is False for one in found)
    keys = [(name, key) for one in found for name, key in one["properties"].items()]
    assert {name for name, _ in keys} == {*KEYS} - {"unknown"}
    assert [name for name, key in keys if not (key.get("title") and key.get("description"))] == []
    titles = [key["title"] for _, key in keys]
    assert len(titles) == len(set(titles))


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_the_schema() -> None:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == SCHEMA


OWN = """\
vocabulary: 1
channel_types: [pigeon]
metrics:
  landed: {group: delivery, type: channel(), action: landed, standing: page}
  released: {group: delivery, type: channel(), action: released, standing: page, generated: true}
"""


def test_another_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(OWN)
    result = CliRunner().invoke(main, ["schema", "--vocabulary", str(tmp_path / "own.yml")])
    schema = json.loads(result.stdout)
    assert schema["$defs"]["metric"] == {"enum": ["landed"]}
    assert schema["properties"]["channels"]["items"] == {"enum": ["pigeon"]}


@pytest.mark.parametrize(("text", "status", "words"), [("metrics: 1", 1, "error E409"), (None, 2, "--vocabulary")])
def test_a_vocabulary_that_is_none(tmp_path: Path, text: str | None, status: int, words: str) -> None:
    if text is not None:
        (tmp_path / "own.yml").write_text(text)
    result = CliRunner().invoke(main, ["schema", "--vocabulary", str(tmp_path / "own.yml")])
    assert (result.exit_code, result.stdout) == (status, "")
    assert words in result.stderr
