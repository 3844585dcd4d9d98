"""What several tests need: an engine of mapping texts, without a file."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rulesengine import Engine, Result
from rulesengine.gathering import File, Files
from rulesengine.loading import Checked, check_files
from rulesengine.tally import Tally

# Every metric that an e-mail app may declare and a mapping may emit.
APP = """\
channel:
  type: email
  metrics:
    delivery: [sent, delivery, delivery_unknown]
    engagement: [open, click, engage]
    attributable: [open, click]
    disengagement: [opt-out, spam_report, list_unsubscribe]
    reachability: [hard_bounce, soft_bounce]
"""
HEADER = {"mapping": 1, "provider": "test", "event": {"identifiers": {"email": "email"}}}


def files_of(*mappings: str | dict[str, Any], app: str = APP) -> Files:
    """Mapping texts, or data under `HEADER`, as files `0.yml`, `1.yml`... beside an app.yml."""
    texts = [one if isinstance(one, str) else _as_yaml({**HEADER, **one}) for one in mappings]
    named = tuple(File(f"{number}.yml", text.encode()) for number, text in enumerate(texts))
    return Files(named, File("app.yml", app.encode()))


def _as_yaml(data: dict[str, Any]) -> str:
    """JSON that YAML reads: it knows no surrogate pairs, and folds some line breaks within quotes."""
    text = json.dumps(data, ensure_ascii=False)
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def check(*mappings: str | dict[str, Any], app: str = APP) -> Checked:
    """All that a check of these mappings finds."""
    return check_files(files_of(*mappings, app=app))


def engine_of(*mappings: str | dict[str, Any], app: str = APP) -> Engine:
    """An engine of mapping texts or data; of data, JSON is YAML too."""
    return Engine(files_of(*mappings, app=app))


def item_of(**fields: Any) -> dict[str, Any]:
    """An item with the identifier that `HEADER` asks for."""
    return {"email": "ann@example.com", **fields}


def assert_all_accounted_for(result: Result) -> None:
    """Each item has exactly one outcome, and each outcome the index of another item."""
    others = [*result.ignored, *result.unmatched, *result.rejected]
    assert result.items == result.emitted + len(others)
    assert len({one.index for one in others}) == len(others)
    assert all(0 <= one.index < result.items for one in others)


def assert_adds_up(counts: Tally | Mapping[str, Any], bodies: int | None = None) -> None:
    """What a tally or a `--summary` counts: each body and item once, each event and fault under its kind as well."""
    found = counts.as_dict() if isinstance(counts, Tally) else counts
    assert bodies is None or found["bodies"] == bodies
    assert found["items"] == sum(found[name] for name in ("emitted", "ignored", "unmatched", "rejected"))
    assert found["events"] == sum(found["by_event"].values())
    assert found["unmatched"] == sum(one["count"] for one in found["unmapped"])
    if isinstance(counts, Tally):
        assert counts.rejected == sum(seen.times for seen in counts.problems.values())


def wait_for_output(pid: int, folder: Path) -> None:
    """Until a process writes to a file in a folder, whether that has a name yet or none."""
    while not list(folder.glob(".rules.*")) and not any(f"{folder}/#" in one for one in _open_files(pid)):
        time.sleep(0.02)


def _open_files(pid: int) -> list[str]:
    found = Path(f"/proc/{pid}/fd")
    links = list(found.iterdir()) if found.is_dir() else []
    return [os.readlink(one) for one in links if one.is_symlink()]


def leaves_parts_when_killed(folder: Path) -> bool:
    """Whether the system has no files without a name there."""
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
    except (AttributeError, OSError):
        return True
    return False


def pytest_configure(config: pytest.Config) -> None:
    """A shell that runs the tests in the background has SIGINT ignored, which the programs under test would inherit.

    What the command line keeps of mappings goes to a folder that is away with the tests, and not to the user's.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    store = tempfile.TemporaryDirectory(prefix="rules-store-")
    config.add_cleanup(store.cleanup)
    os.environ["RULES_STORE"] = store.name
