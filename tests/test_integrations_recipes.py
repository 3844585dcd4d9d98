"""The recipes that need what `rulesengine` does not: run as docs/recipes.md shows them, where that is installed."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rulesengine.integrations.mapper import Mapper
from tests.test_docs import DOCS, ROOT, blocks_of

DELIVERED = {"event": "delivered", "to": "ann@example.com", "at": 1795000000}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page: the current one."""
    for block in blocks_of(DOCS / "recipes.md"):
        name = f"{block.words[0]}.py" if block.language == "py" else block.file
        if name is not None:
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- Kafka ------------------------------------------------------------------------------------------------------------


def test_kafka_loop(folder: Path) -> None:
    kafka = pytest.importorskip("confluent_kafka", reason="needs a Kafka client: pip install confluent-kafka")
    loop = runpy.run_path("kafka_loop.py", run_name="page")
    cluster = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    [broker] = cluster.list_topics(timeout=30).brokers.values()
    servers = {"bootstrap.servers": f"{broker.host}:{broker.port}", "log_level": 0}
    for number in range(200):
        fields = {"event": "sung"} if number % 10 == 0 else {"to": f"{number}@example.com"}
        cluster.produce("webhooks", json.dumps({"event": "delivered", **fields}), timestamp=1795000000000)
    assert cluster.flush(30) == 0
    settings = {"group.id": "rules", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = _Watched(kafka.Consumer({**servers, **settings}))
    producer = kafka.Producer({**servers, "transactional.id": "rules-1"})
    loop["run"](consumer, producer, Mapper.load("postino.yml", "app.yml"), lambda: consumer.read < 200)
    events = _all_of(kafka, servers, "events")
    assert len({one["identifiers"]["email"] for one in events}) == len(events) == 180
    assert {one["data"]["ts"] for one in events} == {1795000000}
    assert [one["code"] for one in _all_of(kafka, servers, "dead-letters")] == ["E511"] * 20
    consumer.close()


class _Watched:
    """A consumer that counts what it gave."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self.read = consumer, 0

    def consume(self, *given: Any, **named: Any) -> Any:
        messages = self._consumer.consume(*given, **named)
        self.read += len(messages)
        return messages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


def _all_of(kafka: Any, servers: dict[str, Any], topic: str) -> list[Any]:
    """All that is in a topic; the last offset of a partition may be the mark of a transaction, and no message."""
    reader = kafka.Consumer({**servers, "group.id": "reader", "enable.partition.eof": True})
    found = []
    for partition in reader.list_topics(topic, timeout=30).topics[topic].partitions:
        reader.assign([kafka.TopicPartition(topic, partition, 0)])
        while (message := reader.poll(30)) is not None and not message.error():
            found.append(json.loads(message.value()))
    reader.close()
    return found


# -- Dask -------------------------------------------------------------------------------------------------------------


def test_dask_bag(folder: Path) -> None:
    pytest.importorskip("dask.bag", reason="needs Dask: pip install dask")
    lines = [{**DELIVERED, "at": 1}, {**DELIVERED, "at": 2}, {"event": "delayed"}, {"event": "delivered"}]
    (folder / "bodies.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "bag.py", "bodies.ndjson", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    [shown] = [block.text for block in blocks_of(DOCS / "recipes.md") if block.text.startswith("$ python bag.py")]
    assert printed == shown.split("\n", 1)[1]
    written = [line for file in (folder / "out").iterdir() for line in file.read_text().splitlines()]
    assert sorted(json.loads(line)["data"]["ts"] for line in written) == [1, 2]
