"""A mapping over Spark DataFrames, on a local Spark, batch and streaming."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sql = pytest.importorskip("pyspark.sql", reason="needs Spark: pip install 'rulesengine[spark]'")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs a Java runtime", allow_module_level=True)

from rulesengine.integrations import arrow, spark  # noqa: E402 only where Spark is
from tests.test_docs import DOCS, blocks_of  # noqa: E402
from tests.test_integrations import BODY, DELIVERED, folder  # noqa: E402

__all__ = ["folder"]  # a fixture
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A small local Spark whose workers are this Python."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
    }
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


def bodies(session: Any, *texts: str | None) -> Any:
    return session.createDataFrame([(text,) for text in texts], "body string")


def test_rows_and_counts(session: Any, folder: Path) -> None:
    counts = sql.Observation("counts")
    frame = bodies(session, json.dumps(BODY), "{", None, "[]")
    rows = spark.apply(frame, folder / "postino.yml", folder / "app.yml").observe(counts, *spark.counts()).collect()
    assert Counter(row.kind for row in rows) == {"event": 3, "ignored": 1, "unmatched": 1, "rejected": 3}
    assert counts.get == {"items": 7, "emitted": 2, "events": 3, "ignored": 1, "unmatched": 1, "rejected": 3}
    event = next(row for row in rows if row.action == "delivery")
    assert json.loads(event.json)["data"] == {"ts": 1795000000}
    assert (event.type, event.identifiers, event.data) == ("email", {"email": "ann@example.com"}, {"ts": "1795000000"})


def test_the_columns_are_those_of_arrow(session: Any, folder: Path) -> None:
    frame = spark.apply(bodies(session, "{}"), folder / "postino.yml", folder / "app.yml")
    assert frame.columns == arrow.SCHEMA.names
    assert [one.num_rows for one in frame.toArrow().cast(arrow.SCHEMA).to_batches()] == [1]


def test_another_column_and_its_request(session: Any, folder: Path) -> None:
    frame = session.sql(
        """select encode('{"event": "delivered", "to": "ann@example.com"}', 'UTF-8') as value,
                  struct(1795000000L as received_at) as request, 1 as other"""
    )
    (row,) = spark.apply(frame, folder / "postino.yml", folder / "app.yml", "value", request="request").collect()
    assert row.data == {"ts": "1795000000"}


def test_a_file_that_is_no_utf_8(session: Any, folder: Path) -> None:
    (folder / "lines.txt").write_bytes(b'{"event": "\xff"}\n')
    lines = session.read.text(str(folder / "lines.txt"))
    (row,) = spark.apply(lines, folder / "postino.yml", folder / "app.yml", "value").collect()
    assert (row.kind, row.code) == ("rejected", "E501")


def test_a_column_that_holds_no_bodies_is_refused(session: Any, folder: Path) -> None:
    with pytest.raises(TypeError, match="column 'id' must be string or binary, not bigint: a body as it came"):
        spark.apply(session.range(1), folder / "postino.yml", folder / "app.yml", "id")


def run_job(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a job as docs/scale.md shows it, but with the mapping of the folder: from `in` to `out`."""
    [block] = [block for block in blocks_of(DOCS / "scale.md") if block.words == (name,)]
    job = folder / f"{name}.py"
    job.write_text(block.text.replace('"sendgrid"', '"postino.yml"'), encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, str(folder / "in"), str(folder / "out")])
    runpy.run_path(str(job))


def test_the_job_of_the_page(
    session: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in").write_text(json.dumps(BODY))
    run_job("spark_job", folder, monkeypatch)
    counts = {"items": 5, "emitted": 2, "events": 3, "ignored": 1, "unmatched": 1, "rejected": 1}
    assert json.loads(capsys.readouterr().out) == counts
    lines = {path.name: path.glob("part-*") for path in (folder / "out").glob("kind=*")}
    found = {name: sum(len(file.read_text().splitlines()) for file in files) for name, files in lines.items()}
    assert found == {"kind=event": 3, "kind=ignored": 1, "kind=unmatched": 1, "kind=rejected": 1}


def test_the_stream_of_the_page_goes_on_at_its_checkpoint(
    session: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "in").mkdir()
    for number in range(2):
        (folder / "in" / f"{number}.ndjson").write_text(json.dumps({**DELIVERED, "at": number}) + "\n{\n")
        run_job("stream_job", folder, monkeypatch)
    run_job("stream_job", folder, monkeypatch)  # and nothing is new
    rows = session.read.text(str(folder / "out")).collect()
    assert sorted(json.loads(row.value)["data"]["ts"] for row in rows if row.kind == "event") == [0, 1]
    assert Counter(row.kind for row in rows) == {"event": 2, "rejected": 2}
