"""Files that appear complete: with a name from the beginning or only at the end, whatever ends the writing."""

from __future__ import annotations

import errno
import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rulesengine import output
from rulesengine.output import Part, outputs, writing
from tests.conftest import leaves_parts_when_killed

real_open = os.open


def refusing(path: Any, flags: int, *given: Any, **named: Any) -> int:
    """A file system that has no files without a name."""
    if flags & output._NAMELESS == output._NAMELESS:
        raise OSError(errno.EOPNOTSUPP, "not supported")
    return real_open(path, flags, *given, **named)


@pytest.fixture(params=["nameless", "the system has none", "the file system has none"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The ways to begin a file, in a folder to stand in."""
    monkeypatch.chdir(tmp_path)
    if request.param != "the system has none" and leaves_parts_when_killed(tmp_path):
        pytest.skip("no files without a name here")
    with monkeypatch.context() as changed:
        if request.param == "the system has none":
            changed.setattr(output, "_NAMELESS", 0)
        elif request.param == "the file system has none":
            changed.setattr(os, "open", refusing)
        yield request.param


def test_a_file_has_a_name_when_it_is_complete(way: str) -> None:
    with writing("out") as stream:
        stream.write(b"x" * 3_000_000)
        assert not Path("out").exists()
        assert bool(list(Path().glob(".rules.*"))) == (way != "nameless")
    assert os.listdir() == ["out"]
    assert Path("out").read_bytes() == b"x" * 3_000_000


def test_nothing_is_named_before_it_is_whole(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the two would leave it."""
    sizes: list[int] = []
    link = os.link

    def noting(file: str, *given: Any, **named: Any) -> None:
        sizes.append(os.stat(file).st_size)
        link(file, *given, **named)

    monkeypatch.setattr(os, "link", noting)
    with writing("out") as stream:
        stream.write(b"x" * 5)
    assert sizes == ([5] if way == "nameless" else [])


def test_a_file_may_be_read_by_whom_the_user_lets(way: str) -> None:
    """As any program's; one that is there already keeps its mode."""
    Path("plain").touch()
    Path("secret").touch(0o600)
    for name in ("out", "secret"):
        with writing(name) as stream:
            stream.write(b"x")
    assert stat.S_IMODE(Path("out").stat().st_mode) == stat.S_IMODE(Path("plain").stat().st_mode)
    assert stat.S_IMODE(Path("secret").stat().st_mode) == 0o600


def test_gz_is_the_same_each_time_and_under_any_name(way: str) -> None:
    for path in ("one.gz", "one.gz", "two.gz"):
        with writing(path) as stream:
            stream.write(b"events")
        Path(f"{path}.copy").write_bytes(Path(path).read_bytes())
        assert Path(path).read_bytes() == Path("one.gz.copy").read_bytes()


def test_gz_is_whole(way: str) -> None:
    with writing("out.gz") as stream:
        stream.write(b"x" * 5_000_000)
    assert gzip.decompress(Path("out.gz").read_bytes()) == b"x" * 5_000_000


def write_and_raise(fault: type[BaseException]) -> None:
    with outputs("out", "left", None) as files:
        files.events.write(b"x" * 3_000_000)
        raise fault


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_ends_the_writing_leaves_what_was_there(way: str, fault: type[BaseException]) -> None:
    Path("out").write_text("before")
    with pytest.raises(fault):
        write_and_raise(fault)
    assert os.listdir() == ["out"]
    assert Path("out").read_text() == "before"


@pytest.mark.parametrize("call", ["replace", "link", "chmod"])
def test_what_the_system_refuses_at_the_end_names_the_file(
    way: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was given, and not what it was called until then."""

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "not permitted", ".rules.x.part")

    if call == "link" and way != "nameless":
        pytest.skip("it has its name already")
    Path("out").write_text("before")
    monkeypatch.setattr(os, call, refused)
    with pytest.raises(OSError, match="not permitted") as found, writing("out") as stream:
        stream.write(b"x")
    assert found.value.filename == "out"
    assert os.listdir() == ["out"]
    assert Path("out").read_text() == "before"


def refuse(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "no space left on device")


def test_a_disk_that_is_full_only_when_it_is_asked_for_all_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    with closing(Part("out", "beside", 0)) as part:
        part.write(b"x")
        with pytest.raises(OSError, match="no space left") as found:
            part.sync()
    assert found.value.filename == "out"


@pytest.mark.skipif(not os.path.exists(os.devnull), reason="a device")
def test_what_is_refused_as_a_file_is_closed_names_it() -> None:
    with pytest.raises(OSError, match="descriptor") as found, writing(os.devnull) as stream:
        os.close(stream.fileno())
    assert found.value.filename == os.devnull


def test_a_link_is_followed(way: str) -> None:
    Path("folder").mkdir()
    Path("out").symlink_to("folder/real")
    with writing("out") as stream:
        stream.write(b"x")
    assert Path("out").is_symlink()
    assert Path("folder/real").read_bytes() == b"x"
    assert os.listdir("folder") == ["real"]
