"""A mapping over Beam collections, on the direct runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

beam = pytest.importorskip("apache_beam", reason="needs Beam: pip install 'rulesengine[beam]'")

from apache_beam.metrics import MetricsFilter  # noqa: E402 only where Beam is
from apache_beam.testing.util import assert_that, equal_to  # noqa: E402

from rulesengine.integrations.beam import ApplyMapping  # noqa: E402
from tests.test_docs import DOCS, ROOT, blocks_of  # noqa: E402
from tests.test_integrations import BODY, DELIVERED, folder  # noqa: E402

__all__ = ["folder"]  # a fixture
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def counts_of(done: Any) -> dict[str, int]:
    """What the counters of a pipeline that is done have come to."""
    counters = done.metrics().query(MetricsFilter().with_namespace("rulesengine"))["counters"]
    return {one.key.metric.name: one.committed for one in counters}


def test_outputs_and_counters(folder: Path) -> None:
    pipeline = beam.Pipeline("FnApiRunner")
    bodies = pipeline | beam.Create([json.dumps(BODY), b"{", None, b"\xff", "[]"])
    lines = bodies | ApplyMapping(folder / "postino.yml", folder / "app.yml")
    actions = lines.events | "actions" >> beam.Map(lambda line: json.loads(line)["action"])
    assert_that(actions, equal_to(["delivery", "unreachable", "unsubscribe"]), "events")
    rules = lines.ignored | "rules" >> beam.Map(lambda line: json.loads(line)["rule"])
    assert_that(rules, equal_to(["delayed"]), "ignored")
    codes = lines.dead_letters | "codes" >> beam.Map(lambda line: json.loads(line)["code"])
    assert_that(codes, equal_to(["E511", "E508", "E501", "E501", "E501"]), "dead letters")
    done = pipeline.run()
    done.wait_until_finish()
    expected = {"bodies": 5, "items": 8, "emitted": 2, "events": 3, "ignored": 1, "unmatched": 1, "rejected": 4}
    assert counts_of(done) == expected


def test_a_body_and_its_request(folder: Path) -> None:
    with beam.Pipeline("FnApiRunner") as pipeline:
        bodies = pipeline | beam.Create([('{"event": "delivered", "to": "a@b.c"}', {"received_at": 1795000000})])
        lines = bodies | ApplyMapping(folder / "postino.yml", folder / "app.yml")
        times = lines.events | beam.Map(lambda line: json.loads(line)["data"]["ts"])
        assert_that(times, equal_to([1795000000]))


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_the_job_of_the_page(folder: Path, mode: str) -> None:
    [block] = [block for block in blocks_of(DOCS / "scale.md") if block.words == ("beam_job",)]
    (folder / "beam_job.py").write_text(block.text.replace('"sendgrid"', '"postino.yml"'))
    (folder / "in.ndjson").write_bytes(json.dumps(DELIVERED).encode() + b'\n{"event": "\xff"}\n{"event": "delayed"}\n')
    options = ["--runner=FnApiRunner", "--direct_num_workers=2", f"--direct_running_mode={mode}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "beam_job.py", "in.ndjson", "out", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = {"bodies": 3, "items": 3, "emitted": 1, "events": 1, "ignored": 1, "rejected": 1}
    assert json.loads(done.stdout) == counts
    lines: Counter[str] = Counter()
    for file in (folder / "out").iterdir():
        lines[file.name.split("-")[0]] += len(file.read_text().splitlines())
    assert lines == {"events": 1, "ignored": 1, "dead_letters": 1}
