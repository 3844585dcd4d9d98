"""Mappings that change under a running app: loaded, then swapped, and the last good engine kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore

import pytest

from rulesengine import InvalidApp, InvalidMapping
from rulesengine.reload import Status, Watcher
from tests.conftest import APP, item_of

MAPPING = """\
mapping: 1
provider: test
event: {identifiers: {email: email}, data: {version: "'%s'"}}
rules:
  - emit: open
"""
BROKEN = MAPPING + "  - emit: opened\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yml").write_text(APP)
    write(tmp_path, "1")
    return tmp_path


def write(folder: Path, version: str, text: str = MAPPING) -> None:
    (folder / "test.yml").write_text(text.replace("%s", version))


def watcher_of(folder: Path, on_change: Callable[[Status], object] = lambda status: None) -> Watcher:
    return Watcher(folder, folder / "app.yml", on_change=on_change)


def version_of(watcher: Watcher) -> str:
    (event,) = watcher.engine.apply("test", item_of()).events
    version: str = event["data"]["version"]
    return version


def test_a_change_is_loaded_and_no_change_is_not(folder: Path) -> None:
    told: list[Status] = []
    watcher = watcher_of(folder, told.append)
    first = watcher.engine
    (folder / "test.yml").touch()
    assert watcher.refresh().engine is first
    write(folder, "2")
    assert version_of(watcher) == "1"
    status = watcher.refresh()
    assert (version_of(watcher), status.engine is watcher.engine, told) == ("2", True, [status])
    assert first.apply("test", item_of()).events[0]["data"] == {"version": "1"}


# What may happen to the files of a good engine, and a word of why they cannot be loaded.
BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a fault in a mapping": (lambda folder: write(folder, "2", BROKEN), "'opened' is no metric"),
    "no YAML": (lambda folder: write(folder, "2", "rules: ["), "test.yml"),
    "no mapping left": (lambda folder: (folder / "test.yml").unlink(), "no mapping"),
    "no app.yml": (lambda folder: (folder / "app.yml").unlink(), "app.yml"),
    "a fault in app.yml": (lambda folder: (folder / "app.yml").write_text("channel: {type: fax}\n"), "app.yml"),
    "another mapping of the provider": (lambda folder: (folder / "b.yml").write_text(MAPPING), "b.yml"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_the_last_good_engine_is_kept_with_its_age_and_the_fault(folder: Path, case: str) -> None:
    break_it, word = BREAKS[case]
    watcher = watcher_of(folder)
    good = watcher.status
    assert (good.fault, good.stale_since) == (None, None)
    break_it(folder)
    status = watcher.refresh()
    assert (status.engine, status.loaded_at) == (good.engine, good.loaded_at)
    assert word in str(status.fault)
    assert status.stale_since == status.checked_at
    (folder / "app.yml").write_text(APP)
    (folder / "more.yml").write_text("rules: [")  # broken in another way: stale since the first
    again = watcher.refresh()
    assert again.fault != status.fault
    assert (again.engine, again.stale_since) == (good.engine, status.stale_since)


def test_mended_files_end_the_fault(folder: Path) -> None:
    watcher = watcher_of(folder)
    write(folder, "2", BROKEN)
    fault = watcher.refresh().fault
    assert fault is watcher.refresh().fault  # not tried again
    write(folder, "3")
    status = watcher.refresh()
    assert (version_of(watcher), status.fault, status.stale_since) == ("3", None, None)


def test_the_first_load_raises(folder: Path) -> None:
    write(folder, "1", BROKEN)
    with pytest.raises(InvalidMapping, match="'opened' is no metric"):
        watcher_of(folder)
    (folder / "app.yml").unlink()
    with pytest.raises(InvalidApp):
        watcher_of(folder)
    with pytest.raises(ValueError, match="no mappings"):
        Watcher([], folder / "app.yml")


def test_by_itself_it_sees_every_kind_of_change(folder: Path) -> None:
    told: list[Status] = []
    changed = Semaphore(0)

    def note(status: Status) -> None:
        told.append(status)
        changed.release()

    with watcher_of(folder, note).start(0.001) as watcher:
        for version, text in (("2", MAPPING), ("3", BROKEN), ("4", MAPPING)):
            beside = folder / "test.new"
            beside.write_text(text.replace("%s", version))
            beside.replace(folder / "test.yml")
            assert changed.acquire(timeout=60)
        with pytest.raises(RuntimeError, match="runs already"):
            watcher.start()
    assert [one.fault is None for one in told] == [True, False, True]
    assert version_of(watcher) == "4"
    watcher.stop()  # once more does no harm
    with watcher:  # and it may be started again
        pass


def test_by_itself_it_waits_until_two_looks_find_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is still being written is another at each look."""
    looks = 0
    enough, changed, watcher = Event(), Event(), watcher_of(folder)
    read = watcher._read

    def grown() -> object:
        nonlocal looks
        looks += 1
        if looks == 20:
            enough.set()
        write(folder, str(min(looks, 20)))
        return read()

    monkeypatch.setattr(watcher, "_read", grown)
    changes: list[str] = []

    def note(status: Status) -> None:
        changes.append(version_of(watcher))
        changed.set()

    watcher._on_change = note
    with watcher.start(0.001):
        assert enough.wait(60)
        assert changed.wait(60)
    assert changes == ["20"]


WORKERS, ROUNDS = 8, 12


def test_under_load_no_request_fails(folder: Path) -> None:
    """Threads apply while the files change, to good ones and to broken ones, written in place and removed."""
    watcher, ended, served = watcher_of(folder), Event(), Semaphore(0)

    def serve() -> set[str]:
        seen = set()
        while not ended.is_set():
            seen.add(version_of(watcher))
            served.release()
        return seen

    expected = {"1"}
    with ThreadPoolExecutor(WORKERS) as pool:
        serving = [pool.submit(serve) for _ in range(WORKERS)]
        try:
            for number in range(2, ROUNDS):
                for break_it, _ in BREAKS.values():
                    break_it(folder)
                    assert watcher.refresh().fault is not None
                    (folder / "b.yml").unlink(missing_ok=True)
                    (folder / "app.yml").write_text(APP)
                    write(folder, str(number))
                expected.add(str(number))
                assert watcher.refresh().fault is None
                for _ in range(WORKERS):
                    assert served.acquire(timeout=60)
        finally:
            ended.set()
        seen = set().union(*(one.result() for one in serving))
    assert seen <= expected
    assert len(seen) > ROUNDS / 4
