"""The facade: what can be loaded, what loading refuses and says, and what an engine is once it stands."""

from __future__ import annotations

import gc
import hashlib
import json
import pickle
import random
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from rulesengine import (
    Diagnostic,
    Engine,
    InvalidApp,
    InvalidMapping,
    Limits,
    Result,
    RulesEngineError,
    UnknownProvider,
)
from rulesengine.writer import compile_lines
from tests import cases
from tests.conftest import APP, engine_of, item_of

EVENT = {"type": "email", "action": "open", "identifiers": {"email": "ann@example.com"}, "data": {}}


def mapping_text(provider: str, emit: str = "open", more: str = "") -> str:
    return (
        f"mapping: 1\nprovider: {provider}\n{more}event: {{identifiers: {{email: email}}}}\nrules:\n  - emit: {emit}\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two mappings and an app.yml."""
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "one.yml").write_text(mapping_text("one"))
    (tmp_path / "two.yaml").write_text(mapping_text("two", "click"))
    return tmp_path


def numbers(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    """Errors as file name and code."""
    return [(Path(one.place.file).name, one.code.number) for one in diagnostics if one.is_error]


# -- what can be loaded -----------------------------------------------------------------------------------------------


def test_a_file(folder: Path) -> None:
    engine = Engine.load(folder / "one.yml", app=folder / "app.yml")
    assert engine.providers == ("one",)
    assert engine.apply("one", item_of()).events == [EVENT]


def test_a_folder_is_the_mappings_directly_in_it(folder: Path) -> None:
    (folder / "notes.txt").write_text("no mapping")
    (folder / "one").mkdir()
    (folder / "one" / "cases.yml").write_text("no mapping: either")
    engine = Engine.load(str(folder), app=str(folder / "app.yml"))
    assert engine.providers == ("one", "two")
    assert engine.left_out == ()


def test_several_paths_and_none_twice(folder: Path) -> None:
    paths = [folder / "two.yaml", folder / "one.yml", folder]
    assert Engine.load(paths, app=folder / "app.yml").providers == ("two", "one")


def test_the_name_of_a_bundled_mapping(folder: Path) -> None:
    engine = Engine.load("sendgrid", app=folder / "app.yml")
    assert engine.providers == ("sendgrid",)


def test_mappings_of_another_channel_are_left_out_of_a_folder(folder: Path) -> None:
    (folder / "sms.yml").write_text(mapping_text("three", more="channels: [sms, whatsapp]\n"))
    engine = Engine.load(folder, app=folder / "app.yml")
    assert engine.providers == ("one", "two")
    assert engine.left_out == (str(folder / "sms.yml"),)
    with pytest.raises(UnknownProvider):
        engine.apply("three", {})


def test_named_directly_they_are_an_error(folder: Path) -> None:
    (folder / "sms.yml").write_text(mapping_text("three", more="channels: [sms]\n"))
    with pytest.raises(InvalidMapping) as caught:
        Engine.load([folder / "one.yml", folder / "sms.yml"], app=folder / "app.yml")
    assert numbers(caught.value.diagnostics) == [("sms.yml", "E316")]


def test_a_mapping_of_another_channel_may_be_wrong_in_a_folder(folder: Path) -> None:
    """What is left out is not checked against an app it is not for."""
    (folder / "sms.yml").write_text(mapping_text("three", emit="invalid_token", more="channels: [app_push]\n"))
    assert Engine.load(folder, app=folder / "app.yml").providers == ("one", "two")


VOCABULARY = """\
vocabulary: 1
channel_types: [email, carrier_pigeon]
attributable: [landed]
metrics:
  landed: {group: delivery, type: channel(), action: landed, standing: page}
  lost: {group: reachability, type: gone, action: lost, reachability_update_type: eaten, standing: page}
messaging_identifiers: {names: [ring]}
"""


def test_the_vocabulary_can_be_replaced(folder: Path) -> None:
    (folder / "odp.yml").write_text(VOCABULARY)
    (folder / "app.yml").write_text(
        "channel: {type: carrier_pigeon, metrics: {delivery: [landed], attributable: [landed], reachability: [lost]}}"
    )
    (folder / "one.yml").write_text("""\
mapping: 1
provider: one
event: {identifiers: {ring: ring}}
rules:
  - when: lost
    emit: lost
  - emit: {type: channel(), action: "'landed'"}
""")
    engine = Engine.load(folder / "one.yml", app=folder / "app.yml", vocabulary=folder / "odp.yml")
    assert engine.apply("one", [{"ring": "r1", "lost": True}, {"ring": "r1"}]).events == [
        {
            "type": "gone",
            "action": "lost",
            "identifiers": {"ring": "r1"},
            "data": {"reachability_update_type": "eaten"},
        },
        {"type": "carrier_pigeon", "action": "landed", "identifiers": {"ring": "r1"}, "data": {}},
    ]
    assert [one.code.number for one in engine.advice] == ["W303"]
    assert pickle.loads(pickle.dumps(engine)).apply("one", {"ring": "r1"}).emitted == 1


def test_a_broken_vocabulary_is_told(folder: Path) -> None:
    (folder / "odp.yml").write_text("vocabulary: 1\nmetrics: {}\n")
    with pytest.raises(InvalidMapping) as caught:
        Engine.load(folder, app=folder / "app.yml", vocabulary=folder / "odp.yml")
    assert ("odp.yml", "E409") in numbers(caught.value.diagnostics)


# -- what loading refuses ---------------------------------------------------------------------------------------------


def test_all_faults_of_all_files_come_at_once(folder: Path) -> None:
    (folder / "one.yml").write_text(mapping_text("one", "opened") + "    dat: {a: a}\n")
    (folder / "two.yaml").write_text("mapping: 1\nprovider: two\nrules: [\n")
    (folder / "three.yml").write_text(mapping_text("three", "delivery") + "    data: {a: 'a.', b: nope(a)}\n")
    with pytest.raises(InvalidMapping) as caught:
        Engine.load(folder, app=folder / "app.yml")
    assert numbers(caught.value.diagnostics) == [
        ("one.yml", "E305"),
        ("one.yml", "E201"),
        ("three.yml", "E301"),
        ("two.yaml", "E103"),
    ]
    assert not isinstance(caught.value, InvalidApp)
    assert str(caught.value).count("\n") + 1 == len(caught.value.diagnostics)


def test_two_mappings_for_one_provider(folder: Path) -> None:
    (folder / "two.yaml").write_text(mapping_text("one"))
    with pytest.raises(InvalidMapping) as caught:
        Engine.load(folder, app=folder / "app.yml")
    assert numbers(caught.value.diagnostics) == [("two.yaml", "E320")]


def test_faults_of_app_yml_are_an_invalid_app(folder: Path) -> None:
    (folder / "app.yml").write_text(APP.replace("type: email", "type: e-mail").replace("click", "clicks"))
    with pytest.raises(InvalidApp) as caught:
        Engine.load(folder, app=folder / "app.yml")
    assert {file for file, _ in numbers(caught.value.diagnostics)} == {"app.yml"}
    assert isinstance(caught.value, InvalidMapping)


def test_faults_of_a_mapping_beside_a_sound_app_are_none(folder: Path) -> None:
    (folder / "one.yml").write_text(mapping_text("one", more="channels: [e-mail]\n"))
    with pytest.raises(InvalidMapping) as caught:
        Engine.load(folder / "one.yml", app=folder / "app.yml")
    assert numbers(caught.value.diagnostics) == [("one.yml", "E403")]
    assert not isinstance(caught.value, InvalidApp)


def test_files_that_cannot_be_read_are_named_all_at_once(folder: Path) -> None:
    with pytest.raises(InvalidMapping) as caught:
        Engine.load([folder / "none.yml", "sendgird"], app=folder / "no.yml")
    assert sorted(numbers(caught.value.diagnostics)) == [("no.yml", "E101"), ("none.yml", "E101"), ("sendgird", "E101")]
    assert "'sendgrid'" in str(caught.value)


def test_an_empty_folder_has_no_mapping(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InvalidMapping, match="no mapping"):
        Engine.load(folder / "empty", app=folder / "app.yml")


def test_everything_that_is_raised_on_purpose_has_one_base(folder: Path) -> None:
    with pytest.raises(RulesEngineError):
        Engine.load(folder / "none.yml", app=folder / "app.yml")
    with pytest.raises(RulesEngineError):
        Engine.load(folder, app=folder / "app.yml").apply("x", {})


def test_advice_does_not_refuse(folder: Path) -> None:
    (folder / "one.yml").write_text(mapping_text("one") + "tables: {t: {a: open}}\n")
    engine = Engine.load(folder / "one.yml", app=folder / "app.yml")
    assert {"W301", "W303", "W402"} <= {one.code.number for one in engine.advice}
    assert not any(one.is_error for one in engine.advice)


# -- what an engine answers -------------------------------------------------------------------------------------------


def test_an_unknown_provider_is_told_with_the_nearest_name(folder: Path) -> None:
    engine = Engine.load(folder, app=folder / "app.yml")
    for ask in (engine.apply, engine.source, engine.formats, engine.mapping_id):
        with pytest.raises(UnknownProvider, match="there are: one, two"):
            ask(*(["ones", {}] if ask == engine.apply else ["ones"]))
    with pytest.raises(UnknownProvider, match="did you mean 'two'"):
        engine.apply_bytes("twoo", b"{}")
    with pytest.raises(LookupError):
        engine.apply("none", {})


FORMATS: dict[str, tuple[Any, bytes, tuple[str, ...] | None, int, int]] = {
    "as the mapping says": ("form", b"email=ann@example.com", None, 1, 0),
    "as the caller says": ("form", b'{"email": "ann@example.com"}', ("json",), 1, 0),
    "the first that fits": ("json", b"email=ann@example.com", ("json", "form"), 1, 0),
    "none fits": ("json", b"email=ann@example.com", ("json", "ndjson"), 0, 1),
    "lines": ("json", b'{"email": "a"}\n\n{"email": "b"}\r\n[]\n', ("ndjson",), 2, 0),
    "one of the lines is broken": ("json", b'{"email": "a"}\n{"email": \n{"email": "b"}', ("json", "ndjson"), 2, 1),
    "a document of several lines": ("json", b'{"email":\n "a"}', ("json", "ndjson"), 1, 0),
    "an empty body of lines": ("ndjson", b"\n \n", None, 0, 1),
    "an empty body": ("json", b"", None, 0, 1),
}


@pytest.mark.parametrize("case", FORMATS)
def test_bytes_are_decoded(case: str) -> None:
    usual, body, formats, emitted, rejected = FORMATS[case]
    engine = engine_of({"payload": {"format": usual}, "rules": [{"emit": "open"}]})
    result = engine.apply_bytes("test", body, formats=formats)
    assert (result.emitted, len(result.rejected)) == (emitted, rejected)
    assert all(one.code == "E501" for one in result.rejected)


def test_each_line_is_a_body() -> None:
    engine = engine_of(
        {"payload": {"format": "ndjson"}, "rules": [{"emit": "open", "data": {"all": "length(root())"}}]}
    )
    result = engine.apply_bytes("test", b'[{"email": "a"}, {"email": "b"}]\n[{"email": "c"}]')
    assert result.bodies == 2
    assert [event["data"]["all"] for event in result.events] == [2, 2, 1]


def test_limits_hold_for_bodies() -> None:
    engine = Engine(engine_of({"rules": [{"emit": "open"}]})._files, Limits(body_bytes=10))
    assert [one.code for one in engine.apply_bytes("test", b'{"email": "a"}').rejected] == ["E502"]
    assert engine.limits == pickle.loads(pickle.dumps(engine)).limits == Limits(body_bytes=10)


def test_request_reaches_every_item_and_line() -> None:
    engine = engine_of(
        {"payload": {"format": "ndjson"}, "rules": [{"emit": "open", "data": {"at": "request().received_at"}}]}
    )
    request = {"received_at": 1513299569}
    body = b'{"email": "a"}\n[{"email": "b"}, {"email": "c"}]'
    events = engine.apply_bytes("test", body, request=request).events
    assert [event["data"] for event in events] == [{"at": 1513299569}] * 3
    assert engine.apply("test", item_of(), request=request).events[0]["data"] == {"at": 1513299569}
    assert engine.apply("test", item_of()).events[0]["data"] == {}


def test_an_engine_knows_its_mappings(folder: Path) -> None:
    engine = Engine.load(folder, app=folder / "app.yml")
    raw = (folder / "one.yml").read_bytes()
    assert engine.mapping_id("one") == (str(folder / "one.yml"), hashlib.sha256(raw).hexdigest())
    assert engine.formats("one") == ("json",)
    assert "def map_item(" in engine.source("one")
    assert repr(engine) == "<Engine for one, two>"


# -- what an engine is ------------------------------------------------------------------------------------------------


def test_results_are_independent() -> None:
    engine = engine_of({"rules": [{"emit": "open"}]})
    first, second = engine.apply("test", item_of()), engine.apply("test", [])
    assert (first.items, second.items) == (1, 0)
    expected = Result()
    expected.bodies = 1
    assert second == expected


def test_it_travels_as_its_texts(folder: Path) -> None:
    engine = Engine.load(folder, app=folder / "app.yml")
    copy = pickle.loads(pickle.dumps(engine))
    assert copy.providers == engine.providers
    assert copy.source("two") == engine.source("two")
    assert copy.mapping_id("two") == engine.mapping_id("two")
    assert copy.advice == engine.advice
    assert copy.apply("two", item_of()) == engine.apply("two", item_of())
    assert len(pickle.dumps(engine)) < 2_000


def test_it_travels_without_its_files(folder: Path) -> None:
    pickled = pickle.dumps(Engine.load(folder, app=folder / "app.yml"))
    shutil.rmtree(folder)
    assert pickle.loads(pickled).apply("one", item_of()).events == [EVENT]


class Io:
    """Notes what the process opens, lists or connects to while it is watched."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.watched = False
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watched and event in ("open", "os.listdir", "os.scandir", "import", "socket.connect"):
            self.seen.append((event, arguments[0]))

    @contextmanager
    def watch(self) -> Iterator[list[object]]:
        self.watched = True
        try:
            yield self.seen
        finally:
            self.watched = False


def test_it_does_no_io_once_loaded(folder: Path) -> None:
    """Also not for a time zone, the place of a fault and its snippet."""
    (folder / "one.yml").write_text(
        mapping_text("one") + "    data: {a: \"epoch_at(at, '%Y-%m-%d', 'Europe/Berlin')\", b: length(b)}\n"
    )
    engine = Engine.load(folder, app=folder / "app.yml")
    shutil.rmtree(folder)
    body = b'[{"email": "a", "at": "2026-01-31", "b": "x"}, {"email": "a", "b": 5}, {}]'
    with Io().watch() as seen:
        result = engine.apply_bytes("one", body)
        engine.source("one")
        engine.mapping_id("one")
    assert seen == []
    assert [event["data"] for event in result.events] == [{"a": 1769814000, "b": 1}]
    assert [one.place.snippet[:9] for one in result.rejected if one.place] == ["    data:", "  - emit:"]


def test_io_is_noticed(folder: Path) -> None:
    """The test above would see it."""
    with Io().watch() as seen:
        Engine.load(folder, app=folder / "app.yml")
    assert ("open", str(folder / "one.yml")) in seen


def test_threads_share_it() -> None:
    mapping = {"rules": [{"when": "n", "emit": ["open", "click"], "data": {"n": "sort_by(list, &n)[-1].n"}}]}
    engine = engine_of(mapping)

    def ask(n: int) -> list[Any]:
        result = engine.apply("test", [item_of(n=n, list=[{"n": i} for i in range(n)]), {"n": 0}])
        assert (result.items, len(result.rejected)) == (2, 1)
        return [event["data"]["n"] for event in result.events]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(1, 200))) == [[n - 1, n - 1] for n in range(1, 200)]


def test_threads_get_the_results_of_one() -> None:
    """Each of 8 threads takes the bodies of many cases in an order of its own, from an engine not used before."""
    chosen = ["amazon_ses", "mailgun", "postmark", "sendgrid", "sparkpost"]
    asked = [
        (provider, case.body or json.dumps(case.payload).encode(), case.request)
        for provider in chosen
        for case in cases.tested(provider).cases
    ]
    engine = Engine.load([cases.MAPPINGS / f"{one}.yml" for one in chosen], app=cases.MAPPINGS / "apps" / "email.yml")
    # Padded, so that half of the bodies go the way of those that are read in part.
    asked += [(provider, body + b" " * 9_000, request) for provider, body, request in asked]

    def apply(engine: Engine, provider: str, body: bytes, request: Any) -> Result:
        return engine.apply_bytes(provider, body, request=request)

    def ask(engine: Engine, order: list[int]) -> dict[int, Result]:
        return {number: apply(engine, *asked[number]) for number in order}

    orders = [random.Random(seed).sample(range(len(asked)), len(asked)) for seed in range(8)]
    alone = ask(engine, list(range(len(asked))))
    fresh = pickle.loads(pickle.dumps(engine))
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(found == alone for found in pool.map(ask, [fresh] * 8, orders))
    finally:
        sys.setswitchinterval(switch)
    assert len(asked) > 100


@contextmanager
def collecting() -> Iterator[None]:
    """Garbage is collected often, and calls somebody back, as monitors of an app ask for; threads take quick turns."""

    def called_back(*_: object) -> None:
        for _turn in range(20):
            pass

    often, switch = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(called_back)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(switch)
        gc.set_threshold(*often)
        gc.callbacks.remove(called_back)


def test_threads_compile_side_by_side() -> None:
    """The program over records is compiled when it is first asked for, and an app may load an engine meanwhile."""
    lines = ["def f(a):", *["    x = ((a + 1) * [a, {'k': a.b.c(a)}])[0]"] * 400]
    with collecting(), ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: compile_lines(lines, [(1, 1, 1)] * len(lines), "f"), range(60)))
    assert len(set(made)) == 1


def test_processes_share_its_texts(folder: Path) -> None:
    engine = Engine.load(folder, app=folder / "app.yml")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(engine.apply, "one", item_of()).result().events == [EVENT]
