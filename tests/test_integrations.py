"""What all integrations share: one body to rows, by a mapping that travels as text."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from rulesengine import Engine, InvalidMapping
from rulesengine.cli import main
from rulesengine.integrations.mapper import Mapper, Row
from tests.conftest import APP

MAPPING = """\
mapping: 1
provider: postino
payload:
  event: event
  events: [delivered, cleaned, delayed]
event:
  identifiers:
    email: to
  data:
    ts: epoch(at || request().received_at)
    tags: tags
rules:
  - when: event == 'delivered'
    emit: delivery
  - when: event == 'cleaned'
    emit: [hard_bounce, list_unsubscribe]
    list_id: "'news'"
  - name: delayed
    when: event == 'delayed'
    ignore: the outcome will come
"""
# The same with bodies that items depend on.
NESTED = MAPPING.replace("payload:\n", "payload:\n  each: [list]\n")
DELIVERED = {"event": "delivered", "to": "ann@example.com", "at": 1795000000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a mapping and the app.yml for it."""
    (tmp_path / "postino.yml").write_text(MAPPING)
    (tmp_path / "nested.yml").write_text(NESTED)
    (tmp_path / "app.yml").write_text(APP)
    return tmp_path


@pytest.fixture
def mapper(folder: Path) -> Mapper:
    return Mapper.load(folder / "postino.yml", folder / "app.yml")


def kinds(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return [(row.kind, row.items) for row in rows]


BODY = [DELIVERED, {**DELIVERED, "event": "cleaned"}, {"event": "delayed"}, {"event": "sung"}, {"event": "delivered"}]


def test_a_row_for_each_event_and_each_item_that_made_none(mapper: Mapper) -> None:
    rows = list(mapper.rows(json.dumps(BODY).encode()))
    assert kinds(rows) == [
        ("event", 1),
        ("event", 1),
        ("event", 0),  # the second event of one item
        ("ignored", 1),
        ("unmatched", 1),
        ("rejected", 1),
    ]
    assert sum(row.items for row in rows) == len(BODY)
    assert json.loads(rows[0].json) == rows[0].event
    assert json.loads(rows[3].json) == {
        "outcome": "ignored",
        "provider": "postino",
        "rule": "delayed",
        "reason": "the outcome will come",
    }
    assert json.loads(rows[4].json)["item"] == {"event": "sung"}


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff", b"null", b'{"event": "delivered", "to": "\\ud800"}'])
def test_a_body_that_cannot_be_read_is_one_rejected_row(mapper: Mapper, body: bytes | None) -> None:
    assert kinds(mapper.rows(body)) == [("rejected", 1)]


def test_a_body_without_items_makes_no_row(mapper: Mapper) -> None:
    assert kinds(mapper.rows(b"[]")) == []


def test_the_request_is_what_the_mapping_asks_for(mapper: Mapper) -> None:
    body = b'{"event": "delivered", "to": "ann@example.com"}'
    (row,) = mapper.rows(body, {"received_at": 1795000000})
    assert row.event is not None
    assert row.event["data"] == {"ts": 1795000000}
    (row,) = mapper.rows(b'{"event": "sung"}', {"received_at": 1795000000})
    assert json.loads(row.json)["request"] == {"received_at": 1795000000}


_FIELDS = st.fixed_dictionaries(
    {"event": st.sampled_from(["delivered", "cleaned", "delayed", "sung"])},
    optional={"to": st.sampled_from(["ann@example.com", "", 1]), "at": st.integers(), "tags": st.text() | st.floats()},
)


@given(st.binary() | st.lists(_FIELDS).map(lambda items: json.dumps(items).encode()))
def test_rows_are_what_an_engine_finds(engine: Engine, body: bytes) -> None:
    result = engine.apply_bytes("postino", body)
    rows = list(Mapper("postino", pickle.dumps(engine), ()).rows(body))
    assert sum(row.items for row in rows) == result.items
    assert [row.event for row in rows if row.kind == "event"] == result.events
    told = {kind: [row.outcome for row in rows if row.kind == kind] for kind in ("ignored", "unmatched", "rejected")}
    assert told == {"ignored": result.ignored, "unmatched": result.unmatched, "rejected": result.rejected}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "postino.yml").write_text(MAPPING)
    (folder / "app.yml").write_text(APP)
    return Engine.load(folder / "postino.yml", folder / "app.yml")


# -- how it travels ---------------------------------------------------------------------------------------------------


def test_it_pickles_as_text(mapper: Mapper) -> None:
    assert len(pickle.dumps(mapper)) < len(MAPPING) + len(APP) + 1000


def test_a_process_compiles_it_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "postino.yml").write_text(f"# a text that no other test compiled\n{MAPPING}")
    sent = pickle.dumps(Mapper.load(folder / "postino.yml", folder / "app.yml"))
    compiled, compile_ = [], Engine.__init__

    def counted(self: Engine, *given: Any) -> None:
        compiled.append(given)
        compile_(self, *given)

    monkeypatch.setattr(Engine, "__init__", counted)
    for _ in range(3):
        assert list(pickle.loads(sent).rows(b"[]")) == []
    assert len(compiled) == 1


def test_another_text_is_another_mapping(folder: Path, mapper: Mapper) -> None:
    list(mapper.rows(b"[]"))
    (folder / "postino.yml").write_text(MAPPING.replace("emit: delivery", "emit: open"))
    changed = Mapper.load(folder / "postino.yml", folder / "app.yml")
    (row,) = changed.rows(json.dumps(DELIVERED).encode())
    assert row.event is not None
    assert row.event["action"] == "open"


_ELSEWHERE = """
import pickle, sys
mapper = pickle.load(sys.stdin.buffer)
print([row.kind for row in mapper.rows(b'{"event": "delayed"}')])
print(sorted(sys.modules.keys() & {"pyspark", "apache_beam", "pyarrow"}))
"""


def test_a_worker_needs_neither_the_files_nor_the_extras(folder: Path, mapper: Mapper, tmp_path: Path) -> None:
    for file in folder.glob("*.yml"):
        file.unlink()
    sent = pickle.dumps(mapper)
    done = subprocess.run([sys.executable, "-c", _ELSEWHERE], input=sent, capture_output=True, check=True)
    assert done.stdout.decode() == "['ignored']\n[]\n"


def test_the_library_does_not_load_the_integrations() -> None:
    code = "import rulesengine, rulesengine.cli, sys; print([one for one in sys.modules if 'integrations' in one])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# -- what is wrong from the start -------------------------------------------------------------------------------------


def test_a_mapping_with_faults_is_refused_where_it_is_loaded(folder: Path) -> None:
    (folder / "postino.yml").write_text(MAPPING.replace("emit: delivery", "emit: delivry"))
    with pytest.raises(InvalidMapping):
        Mapper.load(folder / "postino.yml", folder / "app.yml")


def test_a_folder_of_several_mappings_is_refused(folder: Path) -> None:
    (folder / "nested.yml").write_text(NESTED.replace("postino", "nested"))
    with pytest.raises(
        ValueError, match=r"has mappings for nested, postino with .*app\.yml, there must be one: name a file"
    ):
        Mapper.load(folder, folder / "app.yml")


# -- lines for `rules retry` ------------------------------------------------------------------------------------------


def retried(folder: Path, name: str, lines: list[bytes]) -> Any:
    """The status and the output of `rules retry` over these lines, by a mapping that knows what was unmatched."""
    mended = (folder / name).read_text().replace("delayed]", "delayed, sung]")
    (folder / name).write_text(mended + "  - when: event == 'sung'\n    emit: open\n")
    (folder / "left.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    return CliRunner().invoke(main, ["retry", str(folder / "left.ndjson"), "--app", str(folder / "app.yml")])


@pytest.mark.parametrize(("name", "shape"), [("postino.yml", "{}"), ("nested.yml", '{{"list": {}}}')])
def test_lines_can_be_run_again_in_any_order(folder: Path, name: str, shape: str) -> None:
    items = [{**DELIVERED, "event": "sung", "to": f"{number}@example.com"} for number in range(3)]
    rows = list(Mapper.load(folder / name, folder / "app.yml").rows(shape.format(json.dumps(items)).encode()))
    assert kinds(rows) == [("unmatched", 1)] * 3
    done = retried(folder, name, [row.json for row in reversed(rows)])
    assert done.exit_code == 0, done.output
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["identifiers"]["email"] for one in events] == ["2@example.com", "1@example.com", "0@example.com"]
