"""A store: what is put into it is found again, whole and the user's own, or it is as if nothing were there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rulesengine import store

NAME, OTHER = "ab" * 32, "cd" * 32
CONTENT = bytes(range(256))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with one entry."""
    store.put(str(tmp_path / "store"), NAME, CONTENT)
    return tmp_path / "store"


def found(folder: Path, name: str = NAME) -> bytes | None:
    return store.get(str(folder), name)


def test_what_is_put_is_found_under_its_name(folder: Path) -> None:
    assert (found(folder), found(folder, OTHER)) == (CONTENT, None)
    store.put(str(folder), NAME, b"")
    assert found(folder) == b""
    assert [one.name for one in folder.iterdir()] == [NAME]


def test_the_folder_and_what_is_in_it_are_closed_to_others(folder: Path) -> None:
    assert (folder.stat().st_mode & 0o777, (folder / NAME).stat().st_mode & 0o777) == (0o700, 0o600)


# -- damage -----------------------------------------------------------------------------------------------------------


def test_what_is_cut_off_is_not_there(folder: Path) -> None:
    whole = (folder / NAME).read_bytes()
    for length in range(len(whole)):
        (folder / NAME).write_bytes(whole[:length])
        assert found(folder) is None, length
    (folder / NAME).write_bytes(whole + b"\0")
    assert found(folder) is None


def test_what_is_changed_is_not_there(folder: Path) -> None:
    whole, chance = (folder / NAME).read_bytes(), random.Random(5)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << chance.randrange(8)
        (folder / NAME).write_bytes(changed)
        assert found(folder) is None, at


def test_the_content_of_another_name_is_not_there(folder: Path) -> None:
    (folder / NAME).rename(folder / OTHER)
    assert found(folder, OTHER) is None


def test_damage_is_replaced(folder: Path) -> None:
    (folder / NAME).write_bytes(b"")
    store.put(str(folder), NAME, CONTENT)
    assert found(folder) == CONTENT


# -- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "is_used"), [(0o700, True), (0o755, True), (0o770, False), (0o707, False)])
def test_a_folder_that_others_may_write_is_not_used(folder: Path, mode: int, is_used: bool) -> None:
    folder.chmod(mode)
    assert (found(folder) == CONTENT) is is_used
    store.put(str(folder), OTHER, CONTENT)
    assert (folder / OTHER).exists() is is_used


@pytest.mark.parametrize(("mode", "is_used"), [(0o600, True), (0o444, True), (0o620, False), (0o602, False)])
def test_a_file_that_others_may_write_is_not_used(folder: Path, mode: int, is_used: bool) -> None:
    (folder / NAME).chmod(mode)
    assert (found(folder) == CONTENT) is is_used


def test_what_is_another_users_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert found(folder) is None
    store.put(str(folder), OTHER, CONTENT)
    assert not (folder / OTHER).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["store", f"store/{NAME}"])
def test_what_was_given_away_is_not_used(folder: Path, part: str) -> None:
    os.chown(folder.parent / part, 1234, -1)
    assert found(folder) is None


def test_a_link_in_place_of_an_entry_is_not_followed(folder: Path) -> None:
    (folder / NAME).rename(folder / "elsewhere")
    (folder / NAME).symlink_to("elsewhere")
    assert found(folder) is None


def test_a_link_to_the_folder_is_followed_where_it_is_the_users(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert found(link) == CONTENT
    assert found(link / ".." / "store") == CONTENT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give links away")
@pytest.mark.parametrize("path", ["link", "up/store"])
def test_a_link_of_another_user_is_not_followed(folder: Path, path: str) -> None:
    for name, to in (("link", folder), ("up", folder.parent)):
        (folder.parent / name).symlink_to(to)
        os.lchown(folder.parent / name, 1234, -1)
    assert found(folder.parent / path) is None


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_not_read(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / NAME).unlink()
    make(folder / NAME)
    assert found(folder) is None


# -- no place for it --------------------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    store.put(str(tmp_path / "file" / "store"), NAME, CONTENT)
    assert found(tmp_path / "file" / "store") is None

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    store.put(str(tmp_path / "store"), NAME, CONTENT)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_disk_that_is_only_read_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(os, "utime", refused)
    assert found(folder) == CONTENT


FOLDERS = {
    "by itself": ({"HOME": "{home}"}, "{home}/.cache/rulesengine"),
    "the caches are elsewhere": ({"HOME": "{home}", "XDG_CACHE_HOME": "/c"}, "/c/rulesengine"),
    "the caches are nowhere that is known": ({"HOME": "{home}", "XDG_CACHE_HOME": "c"}, None),
    "it is elsewhere": ({"HOME": "{home}", "RULES_STORE": "/s"}, "/s"),
    "it is nowhere that is known": ({"HOME": "{home}", "RULES_STORE": "s"}, None),
    "it is off": ({"HOME": "{home}", "RULES_STORE": "off"}, None),
    "it is named and empty": ({"HOME": "{home}", "RULES_STORE": ""}, "{home}/.cache/rulesengine"),
    "nobody is at home": ({}, None),
    "there is no such home": ({"HOME": "{home}/missing"}, None),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_where_it_is(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, expected = FOLDERS[case]
    monkeypatch.setattr("sys.platform", "linux")
    given = {name: value.format(home=tmp_path) for name, value in environment.items()}
    assert store.default_folder(given) == (expected and expected.format(home=tmp_path))


@pytest.mark.parametrize(
    ("platform", "name", "below"), [("darwin", "HOME", "Library/Caches/rulesengine"), ("win32", "LOCALAPPDATA", "")]
)
def test_where_it_is_on_other_systems(
    platform: str, name: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert store.default_folder({name: str(tmp_path)}) == str(tmp_path / (below or "rulesengine"))


# -- how much ---------------------------------------------------------------------------------------------------------


def filled(folder: Path, count: int) -> list[str]:
    """The names of entries of 165 bytes each, the oldest first, all of some time ago."""
    names = [f"{number:064x}" for number in range(count)]
    for number, name in enumerate(names):
        store.put(str(folder), name, b"x" * 101)
        os.utime(folder / name, (number, number))
    return names


@pytest.mark.parametrize(("limit", "value"), [("MOST_ENTRIES", 3), ("MOST_BYTES", 3 * 165)])
def test_what_was_not_used_for_longest_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    first, second, third = filled(tmp_path, 3)
    monkeypatch.setattr(store, limit, value)
    assert found(tmp_path, first) is not None
    store.put(str(tmp_path), NAME, b"y" * 101)
    assert {one.name for one in tmp_path.iterdir()} == {first, third, NAME}
    assert second not in {first, third}


def test_what_is_larger_than_all_may_be_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = filled(tmp_path, 1)
    monkeypatch.setattr(store, "MOST_BYTES", 200)
    store.put(str(tmp_path), NAME, b"y" * 201)
    assert [one.name for one in tmp_path.iterdir()] == [first]


def test_files_that_are_not_its_own_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["letter.txt", "f" * 63, f"{NAME}.txt"]
    left = f"{OTHER}.ab_c1.part"
    for name in (*names, left):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    monkeypatch.setattr(store, "MOST_ENTRIES", 1)
    store.put(str(tmp_path), NAME, CONTENT)
    assert {one.name for one in tmp_path.iterdir()} == {*names, NAME}


def test_several_at_once_find_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_ENTRIES", 2)
    contents = {name: [bytes([number]) * 50_000 for number in range(4)] for name in (NAME, OTHER, "ef" * 32)}

    def work(number: int) -> set[bytes | None]:
        seen = set()
        for turn in range(60):
            name = list(contents)[(number + turn) % 3]
            store.put(str(tmp_path), name, contents[name][turn % 4])
            seen.add(found(tmp_path, name))
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = set().union(*pool.map(work, range(8)))
    assert seen <= {None, *contents[NAME]}
    assert len(seen) > 2
    assert {one.name for one in tmp_path.iterdir()} <= set(contents)
