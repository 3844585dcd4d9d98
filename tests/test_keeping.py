"""Mappings that were compiled before: all that is told and written is the same, faster, and nothing goes unchecked."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rulesengine import Engine, InvalidMapping, building, keeping, linking, store
from rulesengine.cli import main
from rulesengine.diagnostics import has_errors
from rulesengine.gathering import File, Files
from rulesengine.loading import check_files
from rulesengine.payloads import encode
from rulesengine.testing.cases import read_cases
from tests.cases import MAPPINGS, channels_of, engine_for, manifests, providers
from tests.conftest import APP, HEADER, files_of, item_of
from tests.test_diagnostics import MISTAKES, Mistake, files_with
from tests.test_lean import MAPPINGS as LEAN


@contextmanager
def nothing_is_compiled() -> Iterator[None]:
    """What is not found in a store is a failure."""

    def build(*_: Any) -> None:
        raise AssertionError("it was checked and compiled")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "build", build)
        yield


def kept(files: Files, folder: Path) -> Engine:
    """An engine that is found in a store."""
    Engine(files, store=folder)
    with nothing_is_compiled():
        return Engine(files, store=folder)


# -- the command line -------------------------------------------------------------------------------------------------

GOOD = """\
mapping: 1
provider: test
event: {identifiers: {email: email}, data: {ts: epoch(ts)}}
tables:
  reasons: {full: soft_bounce, gone: hard_bounce, later: ignore}
rules:
  - {name: open, when: "event == 'open'", emit: open}
  - {name: bounce, when: "event == 'bounce'", emit: {table: reasons, key: reason}}
  - {name: skip, when: "event == 'skip'", ignore: nobody asked}
"""
STEPS = GOOD.replace("event: {id", "payload: {each: ['batches', 'events || `[]`']}\nevent: {id")
LIBRARY = """\
mapping: 1
provider: test
payload: {event: event, events: [open, click]}
event:
  identifiers: {email: "address(to) || sort_by(people, &age)[0].email"}
  data:
    ts: epoch_at(at, '%d.%m.%Y %H:%M', 'Europe/Vienna')
    found: capture(text, '[a-z]+')
    many: max_by(people, &age).email
    how: lookup('kinds', kind)
    other: from_json(more).x
tables: {kinds: {a: first, default: none}}
rules:
  - {when: "matches(text, '^x')", ignore: x}
  - {when: "event == 'open'", emit: open}
  - {when: "event == 'click'", emit: [click, {type: channel(), action: "'open'"}]}
"""
SMS = HEADER | {"provider": "other", "channels": ["sms"], "rules": [{"emit": "open"}]}
BODIES: dict[str, Any] = {
    "a.json": [
        item_of(event="open", ts=1),
        item_of(event="bounce", reason="full", ts=2),
        item_of(event="bounce", reason="later", ts=2),
        item_of(event="bounce", reason="else", ts=2),
        item_of(event="skip"),
        item_of(event="odd"),
        {"event": "open", "ts": 4},
        item_of(event="open", ts="yesterday"),
        {"event": "open", "email": 5},
        None,
    ],
    "b.ndjson": [item_of(event="open", ts=3), item_of(event="skip"), {"event": "open"}, [item_of(event="odd")]],
    "c.json": {"batches": [{"events": [item_of(event="open", ts=1)]}, {}, {"events": 5}]},
    "d.json": {},
    "e.json": {"event": "open", "people": [{"age": 2, "email": "b"}, {"age": 1, "email": "a"}], "at": "1.2.2026 10:00"},
    "f.json": {"event": "click", "to": "Ann <a@b.c>", "kind": "a", "text": "-q-", "more": '{"x": 1}', "people": []},
    "g.json": {"event": "open", "people": [{"age": 2}, {"age": "1"}]},
    "h.json": [item_of(event="open", ts=3)] * 300 + [item_of(event="odd"), item_of(event="skip")],
    "i.txt": "event=open&email=ann",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A call of `rules` in a folder with BODIES, an app.yml and these files."""

    arguments: str
    status: int
    files: dict[str, str] = field(default_factory=lambda: {"m.yml": GOOD})


ALL = "a.json b.ndjson d.json h.json i.txt"
RUNS = {
    "all": Run(f"apply m.yml {ALL}", 1),
    "strict": Run("apply m.yml h.json --strict", 1),
    "lines": Run("apply m.yml b.ndjson", 1),
    "all is well": Run("apply m.yml h.json", 0),
    "everything is written": Run(f"apply m.yml {ALL} --rejects r.ndjson --summary s.json --report r.html -o e.txt", 1),
    "several processes": Run(f"apply m.yml {ALL} --jobs 2", 1),
    "another format": Run("apply m.yml i.txt --format form", 0),
    "small bodies": Run("apply m.yml a.json --max-body 1", 1),
    "steps": Run("apply m.yml c.json d.json a.json b.ndjson", 1, {"m.yml": STEPS}),
    "the library": Run("apply m.yml e.json f.json g.json d.json", 1, {"m.yml": LIBRARY}),
    "a folder": Run("apply in a.json --provider test", 1, {"in/m.yml": GOOD, "in/o.yml": json.dumps(SMS)}),
    "for another channel": Run("apply in a.json", 2, {"in/o.yml": json.dumps(SMS)}),
    "an unknown provider": Run("apply m.yml a.json --provider tets", 2),
    "its own vocabulary": Run("apply m.yml a.json --vocabulary odp.yml", 1,
                              {"m.yml": GOOD, "odp.yml": Path("rulesengine/data/odp.yml").read_text()}),
    "advice": Run("apply m.yml a.json", 1, {"m.yml": GOOD.replace("rules:", "  idle: {a: b}\nrules:")}),
    "a fault": Run("apply m.yml a.json", 1, {"m.yml": GOOD.replace("'skip'", '"skip"')}),
    "no YAML": Run("apply m.yml a.json", 1, {"m.yml": "{"}),
    "a fault of app.yml": Run("apply m.yml a.json", 1, {"m.yml": GOOD, "app.yml": APP.replace("open", "opne")}),
    "no mapping": Run("apply missing.yml a.json", 2),
    "why": Run("why m.yml a.json", 1),
    "compile": Run("compile m.yml", 0),
}  # fmt: skip


def told(run: Run, folder: Path, where: str) -> tuple[Any, ...]:
    """All that a run says and writes."""
    folder.mkdir()
    for name, data in (BODIES | {"app.yml": APP} | run.files).items():
        (folder / name).parent.mkdir(exist_ok=True)
        lines = "\n".join(map(json.dumps, data)) if name.endswith(".ndjson") else None
        (folder / name).write_text(data if isinstance(data, str) else lines or json.dumps(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = CliRunner().invoke(main, run.arguments.split(), prog_name="rules", env={"RULES_STORE": where})
    assert found.exit_code == run.status, found.output
    return found.stdout_bytes, found.stderr_bytes, {one.name: one.read_bytes() for one in folder.glob("*.*")}


@pytest.mark.parametrize("name", RUNS)
def test_all_that_is_told_and_written_is_the_same(name: str, tmp_path: Path) -> None:
    run, folder = RUNS[name], str(tmp_path / "store")
    expected = told(run, tmp_path / "without", "off")
    assert told(run, tmp_path / "first", folder) == expected
    assert told(run, tmp_path / "again", folder) == expected


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.arguments.startswith("apply")])
def test_what_is_kept_is_what_has_no_errors(name: str, tmp_path: Path) -> None:
    told(RUNS[name], tmp_path / "run", str(tmp_path / "store"))
    has_engine = name not in ("a fault", "no YAML", "a fault of app.yml", "no mapping")
    assert (tmp_path / "store").exists() is has_engine
    if has_engine and "--report" not in RUNS[name].arguments:  # a page notes rules, by a program of its own
        with nothing_is_compiled():
            told(RUNS[name], tmp_path / "again", str(tmp_path / "store"))


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    told(RUNS["all"], tmp_path / "off", "off")
    assert not (tmp_path / ".cache").exists()
    told(RUNS["all"], tmp_path / "on", "")
    assert len(list((tmp_path / ".cache" / "rulesengine").iterdir())) == 1


@pytest.mark.parametrize("name", ["all", "lines", "all is well", "steps", "the library", "for another channel"])
def test_who_finds_a_mapping_waits_for_neither_checker_nor_compiler(name: str, tmp_path: Path) -> None:
    """In a process of its own: what an item makes a function raise is worded by JMESPath's library, nothing else."""
    run = RUNS[name]
    expected = told(run, tmp_path / "in", str(tmp_path / "store"))
    code = f"""import sys; sys.argv = ["rules", *{run.arguments.split()}]
try: __import__("rulesengine.__main__").__main__.main()
finally: print(*sys.modules, file=open("modules", "w"))"""
    environment = {**os.environ, "RULES_STORE": str(tmp_path / "store"), "PYTHONPATH": str(MAPPINGS.parent)}
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "in", env=environment, capture_output=True)
    assert (found.stdout, found.stderr) == expected[:2]
    loaded = set((tmp_path / "in" / "modules").read_text().split())
    unwanted = {"yaml", "cerberus", "rulesengine.source", "rulesengine.loading", "rulesengine.codegen"}
    assert "rulesengine.linking" in loaded
    assert loaded & unwanted == set()
    assert ("jmespath" in loaded) is (b"E506" in expected[1] or name == "the library")


# -- engines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", providers())
def test_every_mapping_maps_alike(provider: str, tmp_path: Path) -> None:
    """Each case of each mapping, as it is, as a line, and in a long list; and what else is asked of an engine."""
    plain = engine_for(provider)
    engine = Engine.load(MAPPINGS / f"{provider}.yml", app=manifests()[channels_of(provider)[0]], store=tmp_path)
    assert_alike(engine, plain, provider)
    with nothing_is_compiled():
        engine = Engine.load(MAPPINGS / f"{provider}.yml", app=manifests()[channels_of(provider)[0]], store=tmp_path)
        assert_alike(engine, plain, provider)
    assert engine.source(provider) == plain.source(provider)
    assert engine.target == plain.target
    assert engine.program(provider).mapping == plain.program(provider).mapping


def assert_alike(engine: Engine, plain: Engine, provider: str) -> None:
    cases, _ = read_cases(plain.program(provider).mapping)
    for case in cases:
        body = case.body if case.body is not None else json.dumps(case.payload).encode()
        for way in (
            body,
            body.replace(b"\n", b" ") + b"\n",
            b"[" + b",".join([body] * (1 + 9_000 // max(1, len(body)))) + b"]",
        ):
            for formats in (None, ("ndjson",)):
                found = engine.apply_bytes(provider, way, request=case.request, formats=formats)
                assert found == plain.apply_bytes(provider, way, request=case.request, formats=formats)
    assert (engine.advice, engine.left_out, engine.digest) == (plain.advice, plain.left_out, plain.digest)
    assert (engine.formats(provider), engine.mapping_id(provider)) == (
        plain.formats(provider),
        plain.mapping_id(provider),
    )


@pytest.mark.parametrize("name", LEAN)
def test_what_is_read_in_part_is_read_in_part(name: str, tmp_path: Path) -> None:
    files = files_of(LEAN[name])
    program, plain = kept(files, tmp_path).program("test"), Engine(files).program("test")
    assert (program.wanted, program.direct is None) == (plain.wanted, plain.direct is None)
    with nothing_is_compiled():
        assert (program.of_fields() is None) == (plain.of_fields() is None)


def test_a_record_has_its_event_by_a_table(tmp_path: Path) -> None:
    """As it is, and not by way of a fault in it, after which the item would be read whole."""
    of_fields = kept(files_of(GOOD), tmp_path).program("test").of_fields()
    assert of_fields is not None
    item = json.dumps(item_of(event="bounce", reason="full")).encode()
    assert encode(of_fields.item(of_fields.read.one(item), None)) == encode(
        Engine(files_of(GOOD)).apply_bytes("test", item).events
    )


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.id)
def test_faults_are_told_each_time_and_advice_is_kept(mistake: Mistake, tmp_path: Path) -> None:
    files = files_with(mistake)
    diagnostics = check_files(files).diagnostics
    for _ in range(2):
        try:
            found = Engine(files, store=tmp_path).advice
        except InvalidMapping as fault:
            found = fault.diagnostics
        assert found == diagnostics
    assert bool(list(tmp_path.iterdir())) is not has_errors(diagnostics)


def test_an_embedder_keeps_nothing_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULES_STORE", str(tmp_path / "store"))
    Engine.load("sendgrid", app=MAPPINGS / "apps" / "email.yml")
    assert not (tmp_path / "store").exists()


def test_an_engine_travels_as_its_texts(tmp_path: Path) -> None:
    files = files_of(GOOD)
    engine = kept(files, tmp_path)
    assert pickle.dumps(engine) == pickle.dumps(Engine(files))
    assert pickle.loads(pickle.dumps(engine)).source("test") == Engine(files).source("test")


def test_an_engine_that_is_watched_or_explains_is_compiled_for_that(tmp_path: Path) -> None:
    files = files_of(GOOD)
    engine, plain = kept(files, tmp_path), Engine(files)
    item, seen = item_of(event="bounce", reason="else"), set[Any]()
    assert engine.noting("test", seen).apply("test", item) == plain.apply("test", item)
    assert engine.why("test", item) == plain.why("test", item)


# -- what is found ----------------------------------------------------------------------------------------------------


def changed(files: Files, **parts: Any) -> Files:
    return replace(files, mappings=(replace(files.mappings[0], **parts), *files.mappings[1:]))


FILES: dict[str, Callable[[Files], Files]] = {
    "its text": lambda files: changed(files, raw=files.mappings[0].raw + b"\n"),
    "its name": lambda files: changed(files, name="1.yml"),
    "where it was found": lambda files: changed(files, in_folder=True),
    "another mapping": lambda files: replace(files, mappings=(*files.mappings, File("o.yml", b""))),
    "app.yml": lambda files: replace(files, app=replace(files.app, raw=files.app.raw + b"\n")),
    "the name of app.yml": lambda files: replace(files, app=replace(files.app, name="a.yml")),
    "a vocabulary": lambda files: replace(files, vocabulary=File("odp.yml", b"")),
}  # fmt: skip


def keys_of(*files: Files) -> list[str | None]:
    return [keeping._key(one) for one in files]


@pytest.mark.parametrize("part", FILES)
def test_the_key_is_of_all_files(part: str) -> None:
    files = files_of(GOOD)
    same, other = keys_of(files_of(GOOD), FILES[part](files))
    assert keys_of(files) == [same] != [other]


def _touched(folder: Path, patch: pytest.MonkeyPatch) -> None:
    os.utime(folder / "below" / "module.py", (1, 1))


def _grown(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "data.yml").write_text("x")
    os.utime(folder / "data.yml", (0, 0))


def _added(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "another.py").touch()


def _library(folder: Path, patch: pytest.MonkeyPatch) -> None:
    os.utime(folder / "data.yml", (0, 0))
    find = PathFinder.find_spec
    other = ModuleSpec("jmespath", None, origin=str(folder / "data.yml"))
    patch.setattr(PathFinder, "find_spec", lambda name: other if name == "jmespath" else find(name))


class _Flags:
    """Those of `python -OO`; importing asks for `verbose`."""

    optimize = 2
    verbose = sys.flags.verbose
    int_max_str_digits = sys.flags.int_max_str_digits


AROUND: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "the time of a module": _touched,
    "the size of a file": _grown,
    "a new module": _added,
    "a library": _library,
    "the version": lambda _, patch: patch.setattr(keeping, "__version__", "0.0"),
    "the version of Python": lambda _, patch: patch.setattr(sys, "version", "4.0"),
    "the implementation": lambda _, patch: patch.setattr(sys, "implementation", "Other"),
    "how it compiles": lambda _, patch: patch.setattr(sys, "flags", _Flags()),
    "code without columns": lambda _, patch: patch.setenv("PYTHONNODEBUGRANGES", "1"),
    "code without columns, by an option": lambda _, patch: patch.setitem(sys._xoptions, "no_debug_ranges", True),
}


@pytest.mark.parametrize("part", AROUND)
def test_the_key_is_of_what_checks_and_compiles(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below" / "__pycache__").mkdir(parents=True)
    (tmp_path / "below" / "module.py").touch()
    (tmp_path / "data.yml").touch()
    os.utime(tmp_path / "data.yml", (0, 0))
    monkeypatch.setattr(keeping, "_PACKAGE", str(tmp_path))
    before = keys_of(files_of(GOOD))
    (tmp_path / "below" / "__pycache__" / "module.pyc").touch()
    assert keys_of(files_of(GOOD)) == before
    AROUND[part](tmp_path, monkeypatch)
    assert None not in keys_of(files_of(GOOD)) != before


@pytest.mark.parametrize("part", ["_PACKAGE", "_LIBRARIES"])
def test_where_the_key_cannot_be_told_nothing_is_kept(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, part, str(tmp_path / "missing") if part == "_PACKAGE" else ("no_such_library",))
    assert Engine(files_of(GOOD), store=tmp_path / "store").apply("test", item_of(event="open")).emitted == 1
    assert not (tmp_path / "store").exists()


# -- damage -----------------------------------------------------------------------------------------------------------


def test_damage_is_a_miss_and_mended(tmp_path: Path) -> None:
    """Beginnings of an entry, entries with bytes changed: an engine all the same, and the entry is whole again."""
    files, chance = files_of(GOOD), random.Random(7)
    Engine(files, store=tmp_path)
    (entry,) = tmp_path.iterdir()
    whole = entry.read_bytes()
    cut = [whole[:length] for length in range(0, len(whole), 1 + len(whole) // 40)]
    flipped = [_flipped(whole, chance) for _ in range(40)]
    for damaged in (*cut, *flipped, b"", whole + whole):
        entry.write_bytes(damaged)
        assert Engine(files, store=tmp_path).apply("test", item_of(event="open", ts=1)).emitted == 1
        with nothing_is_compiled():
            assert Engine(files, store=tmp_path).apply("test", item_of(event="open", ts=1)).emitted == 1


def _flipped(whole: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(whole)
    for at in chance.sample(range(len(whole)), 3):
        damaged[at] ^= chance.randrange(1, 256)
    return bytes(damaged)


@pytest.mark.parametrize("content", [b"", b"N", b"(\x03", b"i\x01\x00\x00\x00", b")\x03)\x01))\x00)\x00"])
def test_what_is_whole_and_still_not_ours_is_a_miss(content: bytes, tmp_path: Path) -> None:
    files = files_of(GOOD)
    key = keeping._key(files)
    assert key is not None
    store.put(str(tmp_path), key, content)
    assert keeping.find(str(tmp_path), files) is None
    assert Engine(files, store=tmp_path).apply("test", item_of(event="open", ts=1)).emitted == 1


def test_a_time_zone_that_is_gone_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when the mapping was kept. The check tells what is wrong, as if nothing had been kept."""
    files, built = files_of(LIBRARY), list[Files]()
    kept(files, tmp_path)
    prepared, build = linking._MAKERS["prepared"], building.build

    def gone(function: str, parameter: str, text: str) -> object:
        if parameter == "zone" and not built:
            raise ValueError(f"no time zone {text}")
        return prepared(function, parameter, text)

    def noted(files: Files, checked: Any) -> Any:
        built.append(files)
        return build(files, checked)

    monkeypatch.setitem(linking._MAKERS, "prepared", gone)
    monkeypatch.setattr(building, "build", noted)
    assert Engine(files, store=tmp_path).providers == ("test",)
    assert built == [files]
