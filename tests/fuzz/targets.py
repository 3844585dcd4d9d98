"""What is tried on made-up inputs: four targets, each a function that takes bytes and raises if a promise is broken.

The promises: nothing but what is documented is raised; every item is accounted for; events can be sent; a body read in
part becomes what it becomes read whole; an expression answers as jmespath does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from jmespath.exceptions import JMESPathError

from rulesengine import Engine, InvalidMapping, PayloadError, Result
from rulesengine.errors import FunctionFault
from rulesengine.expressions import CompiledExpression, compile_expression
from rulesengine.functions import FUNCTIONS
from rulesengine.gathering import File, Files
from rulesengine.jmes import STANDARD, parse
from rulesengine.limits import Limits
from rulesengine.payloads import encode_lines
from rulesengine.vocabulary import default_vocabulary
from tests.cases import MAPPINGS, engine_for, providers, tested
from tests.conftest import APP, assert_all_accounted_for
from tests.test_expressions import CASES, DATA, HAND_ON, TOKENS, asked, exact, reference
from tests.test_forms import READ, REFUSED
from tests.test_language import EXAMPLES
from tests.test_lean import ODD, SCALARS

# What mappings and expressions are tried over, besides what the search makes.
ITEMS: list[Any] = [
    None, {}, [], "text", {"email": "ann@example.com", "event": "open", "ts": 1795000000, "list": [{"a": 1}, "x"]},
    [{"email": "a@b.c", "event": kind, "kind": kind, "items": [{"a": kind}]} for kind in ("open", "", 5, None, ["x"])],
]  # fmt: skip
# Nested as deep as may still be read, and deeper.
DEEP = [mark * depth for mark in (b"[", b'{"a":') for depth in (400, 950, 1_100, 5_000)]

FORM_MARKS = ["&", "=", "%", "[", "]", "[]", "%00", "%ff", "?", "+", ";"]


@dataclass(frozen=True)
class Target:
    """What is run on an input; the inputs to begin with, and the words to put into them."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    words: Callable[[], Iterable[str]]


# -- mappings ---------------------------------------------------------------------------------------------------------


def run_mapping(text: bytes) -> None:
    """A mapping's text makes an engine or an `InvalidMapping`; the engine maps whatever it is given."""
    try:
        engine = Engine(Files((File("mapping.yml", text),), File("app.yml", APP.encode())))
    except InvalidMapping:
        return
    for provider in engine.providers:
        for body in ITEMS:
            result = engine.apply(provider, body)
            assert_all_accounted_for(result)
            assert_sendable(result)


def mapping_seeds() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted(MAPPINGS.glob("*.yml")))
    yield from (example.mapping.encode() for example in EXAMPLES)


def mapping_words() -> list[str]:
    keys = ["mapping: 1", "provider:", "payload:", "event:", "identifiers:", "rules:", "- when:", "emit:", "each:"]
    marks = ["&a ", "*a", "<<: ", "!!python/object:", "!!binary ", "|\n", ">-\n", "---\n", "...\n", "%YAML 1.1\n", "? "]
    return [*keys, *marks, *default_vocabulary().metrics, *expression_words()]


# -- expressions ------------------------------------------------------------------------------------------------------


def run_expression(data: bytes) -> None:
    """An expression answers as in jmespath, or with a documented error where it is larger or has our functions."""
    text = data.decode(errors="surrogateescape")
    compiled = compiled_or_none(text)
    if compiled is None:
        return
    called = {one.value for one in parse(text).walk() if one.kind == "function_expression"}
    alike = not called & (FUNCTIONS.keys() - STANDARD.keys() | HAND_ON)
    for value in (DATA, *ITEMS):
        before = exact(value)
        if alike:
            assert asked(compile_expression, text, value) == asked(reference, text, value)
        else:
            with suppress(JMESPathError, FunctionFault, TypeError):
                compiled.search(value)
        assert exact(value) == before


def compiled_or_none(text: str) -> CompiledExpression | None:
    """None of what does not compile: for jmespath neither, or for one of our documented reasons, a ValueError."""
    refused = ""
    try:
        return compile_expression(text)
    except JMESPathError as fault:
        refused = type(fault).__name__
    except ValueError:
        return None
    assert asked(reference, text, None) == ("does not compile", refused)
    return None


def expression_seeds() -> list[bytes]:
    examples = [one.expression for function in FUNCTIONS.values() for one in function.examples]
    return [text.encode() for text in [*(case.expression for case in CASES), *examples]]


def expression_words() -> list[str]:
    return [*TOKENS, *(f"{name}(" for name in (*STANDARD, *FUNCTIONS))]


# -- bodies -----------------------------------------------------------------------------------------------------------


def run_body(data: bytes, formats: Sequence[str], lines: str) -> None:
    """A body becomes the same in each of the ways there are, for the mapping that its first byte says.

    The second byte says whether it is read line by line (its lowest bit), made long enough to be read in parts, and
    held to limits that a short body can go beyond.
    """
    number, choice, body = *data[:2].ljust(2, b"\0"), data[2:]
    provider = providers()[number % len(providers())]
    engine = narrow_engine_for(provider) if choice & 4 else engine_for(provider)
    formats = (lines,) if choice & 1 else formats
    body += b" " * (9_000 if choice & 2 else 0)
    found = engine.apply_bytes(provider, body, formats=formats)
    assert_all_accounted_for(found)
    assert_sendable(found)
    assert found == engine.apply_bytes(provider, body, formats=formats)
    assert counts(found) == counts(one_by_one(engine, provider, body, formats))
    if formats == ("ndjson",) and body.strip():
        assert counts(found) == counts(by_block(engine, provider, body))


@cache
def narrow_engine_for(provider: str) -> Engine:
    """The engine with small limits."""
    limits = Limits(body_bytes=20_000, items=2, depth=3, text_bytes=40, form_fields=8, form_depth=3)
    return Engine(engine_for(provider)._files, limits)


def one_by_one(engine: Engine, provider: str, body: bytes, formats: Sequence[str]) -> Result:
    """The bodies in it decoded, and each given to `apply`."""
    result = Result()
    for raw, payload in engine.bodies(provider, body, formats):
        if isinstance(payload, PayloadError):
            engine.apply_bytes(provider, raw, formats=formats, into=result)
        else:
            result.add(engine.apply(provider, payload))
    return result


def by_block(engine: Engine, provider: str, body: bytes) -> Result:
    """Its lines mapped together."""
    result = Result()
    ignored = engine.apply_block(
        provider, body, None, result, lambda _, line: engine.apply_line(provider, line, None, result)
    )
    result.events = [json.loads(line) for line in encode_lines(result.events).splitlines()]
    result.ignored.extend([None] * ignored)  # type: ignore[list-item]  # only counted
    return result


def counts(result: Result) -> tuple[Any, ...]:
    others = (len(result.ignored), [one.code for one in result.unmatched], [one.code for one in result.rejected])
    return result.bodies, result.items, result.emitted, result.events, *others


def assert_sendable(result: Result) -> None:
    """The events are JSON, but for what is nested too deeply to be written, which `encode` says."""
    fault = None
    try:
        assert encode_lines(result.events).count(b"\n") == len(result.events)
    except PayloadError as raised:
        fault = raised
    assert fault is None or fault.code.number == "E513", fault


def body_seeds(wanted: Sequence[str], made: Iterable[bytes]) -> Iterator[bytes]:
    """The bodies of the cases beside the mappings that take one of these formats, and some for all."""
    for number, provider in enumerate(providers()):
        formats = engine_for(provider).formats(provider)
        for case in tested(provider).cases if set(formats) & set(wanted) else ():
            yield bytes([number, 4 * (number % 2)]) + (case.body or json.dumps(case.payload).encode())
    for number, body in enumerate(made):
        yield bytes([number % 256, number % 8]) + body


def json_seeds() -> Iterator[bytes]:
    of_lines = [b"\n".join(SCALARS), b'{"event":"open"}\n{"event":"click"}\r\n\n[]\n', b'\xef\xbb\xbf{"a":"b"}']
    yield from body_seeds(("json", "ndjson"), [*SCALARS, *ODD, *DEEP, *of_lines])


def form_seeds() -> Iterator[bytes]:
    texts = [text for text, _ in (*READ.values(), *REFUSED.values())]
    odd = [urlencode({"a": value.decode(errors="replace")}) for value in (*SCALARS, *ODD)]
    yield from body_seeds(("form", "query"), [text.encode() for text in [*texts, *odd, "a" + "[b]" * 40 + "=1"]])


TARGETS = {
    "mapping": Target(run_mapping, mapping_seeds, mapping_words),
    "expression": Target(run_expression, expression_seeds, expression_words),
    "json": Target(
        partial(run_body, formats=("json",), lines="ndjson"), json_seeds, lambda: map(bytes.decode, SCALARS)
    ),
    "form": Target(partial(run_body, formats=("form",), lines="query"), form_seeds, lambda: FORM_MARKS),
}
