"""Bodies and payload files: what decodes to what, what is refused, with which code and in which words."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine import codes
from rulesengine.diagnostics import Code
from rulesengine.errors import PayloadError
from rulesengine.files import Block, blocks, is_lines, lines_of, payload_files
from rulesengine.limits import Limits
from rulesengine.payloads import FORMATS, decode, encode, encode_line

BOM = b"\xef\xbb\xbf"
ANY = ("json", "form", "query")


def missing_words(text: str, words: list[str]) -> list[str]:
    return [word for word in words if word not in text]


# --- decode ---

READ: dict[str, tuple[bytes, tuple[str, ...], object]] = {
    "object": (b'{"a": 1}', ("json",), {"a": 1}),
    "array": (b"[]", ("json",), []),
    "line of NDJSON": (b'{"a": 1}\r', ("ndjson",), {"a": 1}),
    "CRLF": (b'{"a":\r\n1}\r\n', ("json",), {"a": 1}),
    "byte order mark": (BOM + b'{"a": 1}', ("json",), {"a": 1}),
    "byte order mark of a form": (BOM + b"a=1", ("form",), {"a": "1"}),
    "surrogate pair": (rb'["\ud83d\ude00"]', ("json",), ["\U0001f600"]),
    "large number": (b"[123456789012345678901234567890]", ("json",), [123456789012345678901234567890]),
    "form": (b"a[]=1&a[]=2\n", ("form",), {"a": ["1", "2"]}),
    "query": (b"https://host/p?a=b", ("query",), {"a": "b"}),
    "the first that fits": (b'["a=1"]', ("json", "form"), ["a=1"]),
    "the second that fits": (b"a=1", ("json", "form"), {"a": "1"}),
    "the third that fits": (b"/p?a=1", ("json", "form", "query"), {"/p?a": "1"}),
    "the order counts": (b"/p?a=1", ("json", "query", "form"), {"a": "1"}),
}

REFUSED: dict[str, tuple[bytes, tuple[str, ...], Code, list[str]]] = {
    "empty": (b"", ("json",), codes.E501, ["the body is empty"]),
    "empty, several formats": (b"", ANY, codes.E501, ["the body is empty"]),
    "white space": (b" \r\n", ("form",), codes.E501, ["the body is empty"]),
    "only a byte order mark": (BOM, ("json",), codes.E501, ["the body is empty"]),
    "no formats": (b"{}", (), codes.E501, ["none of its formats"]),
    "truncated": (b'{"a": [1,', ("json",), codes.E501, ["truncated", "after 9 bytes"]),
    "truncated in a string": (b'{"a": "b', ("json",), codes.E501, ["truncated", "after 8 bytes"]),
    "truncated in a number": (b"[-", ("json",), codes.E501, ["truncated", "after 2 bytes"]),
    "truncated in a pair": (rb'["\ud83d\ud', ("json",), codes.E501, ["truncated"]),
    "truncated in a character": (b'["\xc3', ("json",), codes.E501, ["truncated"]),
    "truncated after what looks like half a pair": (rb'["\\ud83d x', ("json",), codes.E501, ["truncated"]),
    "truncated line": (b"{", ("ndjson",), codes.E501, ["truncated", "--format json"]),
    "not JSON": (b'{"a": 1 "b"}', ("json",), codes.E501, ["not JSON at byte 9", "expected ','"]),
    "not JSON after a byte order mark": (BOM + b'{"a": 1 "b"}', ("json",), codes.E501, ["not JSON at byte 12"]),
    "NaN": (b"[NaN]", ("json",), codes.E501, ["not JSON at byte 2"]),
    "trailing": (b'{"a": 1} x', ("json",), codes.E501, ["not JSON at byte 10", "trailing"]),
    "trailing after a byte order mark": (BOM + b"{} x", ("json",), codes.E501, ["not JSON at byte 7", "trailing"]),
    "two documents": (b"{}\n{}", ("json",), codes.E501, ["several JSON documents", "NDJSON", "name the file .ndjson"]),
    "two arrays": (b"[1]\n[2]", ("json",), codes.E501, ["several JSON documents", "NDJSON"]),
    "two documents in a line": (b"{} {}", ("ndjson",), codes.E501, ["several JSON documents in one line"]),
    "not UTF-8 in a string": (b'{"abc": "de\xff"}', ("json",), codes.E501, ["not UTF-8 at byte 12"]),
    "not UTF-8 outside": (b"[\xff]", ("json",), codes.E501, ["not UTF-8 at byte 2"]),
    "not UTF-8 in a form": (b"a=\xe9&b=1", ("form",), codes.E501, ["not UTF-8 at byte 3"]),
    "not UTF-8 after a mark": (BOM + b'["\xff"]', ("json",), codes.E501, ["not UTF-8 at byte 6"]),
    "half a pair": (rb'["\ud83d"]', ("json",), codes.E501, ["surrogate pair"]),
    "half a pair before more": (rb'["\ud83d and more text"]', ("json",), codes.E501, ["surrogate pair"]),
    "number out of range": (b'[{"a": 1e999}]', ("json",), codes.E501, ["number", "out of range at $[0]"]),
    "only a number out of range": (b"1e999", ("json",), codes.E501, ["number", "out of range"]),
    "number of 5000 digits": (b"[" + b"1" * 5000 + b"]", ("json",), codes.E501, ["number", "out of range"]),
    "number": (b"5", ("json",), codes.E501, ["the JSON number 5, not an object or array"]),
    "string": (b'"x"', ("json",), codes.E501, ["the JSON string 'x'"]),
    "long string": (b'"' + b"x" * 5000 + b'"', ("json",), codes.E501, ["the JSON string 'xxx", "…"]),
    "true": (b"true", ("ndjson",), codes.E501, ["the JSON value true"]),
    "null": (b"null", ("json",), codes.E501, ["the JSON value null"]),
    "UTF-16": ("{}".encode("utf-16"), ANY, codes.E501, ["UTF-16", "UTF-8"]),
    "UTF-16, big end first": (b"\xfe\xff\x00{\x00}", ANY, codes.E501, ["UTF-16", "UTF-8"]),
    "UTF-32": ("{}".encode("utf-32"), ANY, codes.E501, ["UTF-32", "UTF-8"]),
    "UTF-32, big end first": (b"\x00\x00\xfe\xff\x00\x00\x00{", ANY, codes.E501, ["encoded in UTF-32"]),
    "UTF-16 without mark": ("a=1".encode("utf-16-le"), ANY, codes.E501, ["zero bytes", "UTF-16"]),
    "deep": (b"[" * 100_000, ("json",), codes.E513, ["more than 256 levels"]),
    "deep and closed": (
        b"[" * 100_000 + b"]" * 100_000,
        ("json", "form"),
        codes.E513,
        ["nested more than 256 levels deep"],
    ),
    "deep objects": (b'{"a":' * 100_000, ("ndjson",), codes.E513, ["more than 256 levels"]),
    "deep form": (b"a" + b"[b]" * 100_000 + b"=1", ("form",), codes.E501, ["nested more than 32 deep"]),
    "truncated JSON is no form": (b'{"a": "b=1&c=2', ANY, codes.E501, ["as json: the JSON is truncated", "as form: "]),
    "string is no form": (
        b'"a=b"',
        ("json", "form"),
        codes.E501,
        ["as json: the body is the JSON string", "as form: "],
    ),
    "none fits": (
        b"lorem",
        ANY,
        codes.E501,
        ["as json: not JSON at byte 1", "as form: the field", "as query: the field"],
    ),
    "conflict": (b"a=1&a[b]=2", ("form",), codes.E501, ["'a'", "both a value and names"]),
}


@pytest.mark.parametrize(("body", "formats", "data"), READ.values(), ids=READ)
def test_decode(body: bytes, formats: tuple[str, ...], data: object) -> None:
    assert decode(body, formats) == data


@pytest.mark.parametrize(("body", "formats", "code", "words"), REFUSED.values(), ids=REFUSED)
def test_decode_refuses(body: bytes, formats: tuple[str, ...], code: Code, words: list[str]) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(body, formats)
    assert caught.value.code == code
    assert missing_words(str(caught.value), words) == []


def test_one_format_is_refused_without_its_name() -> None:
    with pytest.raises(PayloadError, match=r"^not JSON at byte 1"):
        decode(b"lorem", ["json"])


@pytest.mark.parametrize("name", FORMATS)
def test_a_body_over_the_limit(name: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(b"[" + b" " * 1999, [name], Limits(body_bytes=1999))
    assert caught.value.code == codes.E502
    assert missing_words(str(caught.value), ["2,000 bytes", "1,999 bytes"]) == []


def test_a_body_at_the_limit() -> None:
    assert decode(b"[1]", ["json"], Limits(body_bytes=3)) == [1]


@pytest.mark.parametrize("name", ["form", "query"])
def test_the_limits_of_forms(name: str) -> None:
    with pytest.raises(PayloadError, match="more than 1 fields"):
        decode(b"a=1&b=2", [name], Limits(form_fields=1))
    with pytest.raises(PayloadError, match="more than 1 deep"):
        decode(b"a[b]=1", [name], Limits(form_depth=1))


def test_a_form_too_deep_for_the_stack() -> None:
    with pytest.raises(PayloadError) as caught:
        decode(b"a" + b"[b]" * 100_000 + b"=1", ["form"], Limits(form_depth=10**6))
    assert caught.value.code == codes.E513


def test_formats_and_limits() -> None:
    assert FORMATS == ("json", "ndjson", "form", "query")
    assert Limits() == Limits(
        body_bytes=67_108_864,
        items=250_000,
        depth=256,
        values=8_000_000,
        text_bytes=16_777_216,
        gz_ratio=500,
        form_fields=10_000,
        form_depth=32,
    )


FORMAT_LISTS = st.lists(st.sampled_from(FORMATS), max_size=4)
NEARLY_JSON = st.lists(
    st.sampled_from(
        [b"[", b"]", b"{", b"}", b'"', b",", b":", b"1e", b"99999", b"\\ud800", b"\\u", b"\xff", BOM, b"a="]
    )
)


@given(st.binary() | NEARLY_JSON.map(b"".join), FORMAT_LISTS)
def test_decode_raises_nothing_but_payload_errors(body: bytes, formats: list[str]) -> None:
    try:
        data = decode(body, formats)
    except PayloadError as error:
        if error.code != codes.E501 or not error.message:
            raise
    else:
        assert isinstance(data, (dict, list))


# --- encode ---


def test_encode() -> None:
    assert encode({"a": [1, None, "é"], "b": 2**70}) == '{"a":[1,null,"é"],"b":1180591620717411303424}'.encode()
    assert encode_line({"a": "x\n"}) == b'{"a":"x\\n"}\n'


def _deep(levels: int) -> object:
    data: object = 1
    for _ in range(levels):
        data = [data]
    return data


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a": "\ud800"}, codes.E501),
        ({"\udfff": 1}, codes.E501),
        (10**5000, codes.E501),
        (_deep(100_000), codes.E513),
    ],
    ids=["text", "key", "number", "deep"],
)
def test_encode_refuses(value: object, code: Code) -> None:
    for write in (encode, encode_line):
        with pytest.raises(PayloadError) as caught:
            write(value)
        assert caught.value.code == code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_what_is_encoded_is_decoded_as_a_line(data: object) -> None:
    line = encode_line(data)
    assert line.count(b"\n") == 1
    assert decode(line, ["ndjson"]) == data


# --- blocks ---


def read(data: bytes, lines: bool, limit: int = 64, size: int = 16) -> list[Block]:
    return list(blocks("-", lines, Limits(body_bytes=limit), io.BytesIO(data), _size=size))


def outline(found: list[Block]) -> list[tuple[int, bytes, str | None]]:
    """The blocks with the number of their error's code, or None."""
    return [(block.line, block.data, block.error.code.number if block.error else None) for block in found]


def bodies(found: list[Block]) -> list[tuple[int, bytes]]:
    """The lines of the blocks without error."""
    return [line for block in found if block.error is None for line in lines_of(block)]


def message(block: Block) -> str:
    assert block.error is not None
    return str(block.error)


CONTENT = st.lists(st.sampled_from([b"\n", b"\r\n", b"", b"{}", b"\x00", b"\xff", b"0123456789" * 3])).map(b"".join)
PLAIN = (st.binary(min_size=1) | CONTENT).filter(lambda data: data != b"" and not data.startswith(b"\x1f\x8b"))


@given(PLAIN, st.integers(1, 40), st.booleans())
def test_blocks_of_lines_join_to_the_input(data: bytes, size: int, gz: bool) -> None:
    found = read(gzip.compress(data) if gz else data, lines=True, limit=10**6, size=size)
    assert b"".join(block.data for block in found) == data
    assert all(block.error is None for block in found)
    assert all(block.data.endswith(b"\n") for block in found[:-1])
    assert [block.line for block in found] == [
        1 + data[: sum(len(before.data) for before in found[:number])].count(b"\n") for number in range(len(found))
    ]


@given(PLAIN | st.just(b""), st.integers(1, 40), st.booleans())
def test_a_whole_file_is_one_block(data: bytes, size: int, gz: bool) -> None:
    assert read(gzip.compress(data) if gz else data, lines=False, limit=10**6, size=size) == [Block(1, data)]


@given(PLAIN, st.integers(2, 40), st.integers(1, 50))
def test_every_line_is_a_body_or_an_error(data: bytes, size: int, limit: int) -> None:
    found = read(data, lines=True, limit=max(2, limit), size=size)
    long = [number for number, line in enumerate(data.split(b"\n"), 1) if len(line) > max(2, limit)]
    assert [block.line for block in found if block.error] == long
    assert bodies(found) == [
        (number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip() and number not in long
    ]


def test_blocks_are_of_about_the_size_asked_for() -> None:
    found = read(b"0123\n" * 1000, lines=True, size=50)
    assert {len(block.data) for block in found[1:-1]} == {50}


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"{}", [(1, b"{}")]),
        (b"{}\n[]", [(1, b"{}"), (2, b"[]")]),
        (b"{}\r\n[]\r\n", [(1, b"{}\r"), (2, b"[]\r")]),
        (b"\n \t\n{}\n\r\n\n[]\n", [(3, b"{}"), (6, b"[]")]),
        (b'{"a":"\xe2\x80\xa8"}\x0b\x0c\x1c\n[]\n', [(1, b'{"a":"\xe2\x80\xa8"}\x0b\x0c\x1c'), (2, b"[]")]),
    ],
    ids=["no line end", "no last line end", "CRLF", "blank", "other line ends"],
)
def test_lines(data: bytes, lines: list[tuple[int, bytes]]) -> None:
    assert bodies(read(data, lines=True)) == lines


@pytest.mark.parametrize("gz", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 10**6])
@pytest.mark.parametrize("length", [65, 70, 500])
def test_a_long_line_between_two_good_ones(length: int, size: int, gz: bool) -> None:
    data = b"[1]\n" + b"x" * length + b"\n[3]\n[4]"
    found = read(gzip.compress(data) if gz else data, lines=True, limit=64, size=size)
    assert bodies(found) == [(1, b"[1]"), (3, b"[3]"), (4, b"[4]")]
    (wrong,) = [block for block in found if block.error]
    assert (wrong.line, wrong.error and wrong.error.code) == (2, codes.E502)
    assert wrong.line == 2
    assert missing_words(message(wrong), ["64 bytes"]) == []
    assert (b"x" * length).startswith(wrong.data)


def test_lines_at_the_limit() -> None:
    assert bodies(read(b"x" * 64 + b"\n" + b"y" * 64, lines=True, limit=64)) == [(1, b"x" * 64), (2, b"y" * 64)]


def test_a_long_last_line() -> None:
    found = read(b"[1]\n" + b"x" * 10_000, lines=True)
    assert [(block.line, block.error and block.error.code.number) for block in found] == [(1, None), (2, "E502")]


def test_what_is_kept_of_a_bad_body() -> None:
    long = b"x" * 100_000
    assert [block.data for block in read(long, lines=True, limit=5000, size=4000)] == [b"x" * 1024]
    assert [block.data for block in read(long, lines=False, limit=5000, size=4000)] == [b"x" * 1024]


def test_a_whole_file_over_the_limit() -> None:
    assert outline(read(b"x" * 64, lines=False)) == [(1, b"x" * 64, None)]
    (block,) = read(b"x" * 65, lines=False)
    assert (block.error and block.error.code) == codes.E502
    assert "more than 64 bytes" in message(block)


def test_no_more_is_read_than_shows_that_a_file_is_too_large() -> None:
    stdin = io.BytesIO(b"x" * 1000)
    list(blocks("-", False, Limits(body_bytes=64), stdin, _size=50))
    assert stdin.tell() == 65


def test_an_empty_file() -> None:
    assert outline(read(b"", lines=False)) == [(1, b"", None)]
    assert outline(read(b"", lines=True)) == [(1, b"", "E501")]
    assert outline(read(gzip.compress(b""), lines=False)) == [(1, b"", None)]
    assert outline(read(gzip.compress(b""), lines=True)) == [(1, b"", "E501")]
    assert message(read(b"", lines=True)[0]) == "the file is empty"


# --- gz ---


@pytest.mark.parametrize("between", [b"", b"\x00" * 100, gzip.compress(b"")], ids=["", "padded", "empty member"])
def test_gz_of_several_members(between: bytes) -> None:
    packed = gzip.compress(b'{"a":1}\n{"b"') + between + gzip.compress(b":2}\n") + between
    assert bodies(read(packed, lines=True)) == [(1, b'{"a":1}'), (2, b'{"b":2}')]
    assert outline(read(packed, lines=False)) == [(1, b'{"a":1}\n{"b":2}\n', None)]


LINES = b"".join(b'{"number":%d}\n' % number for number in range(5000))


@pytest.mark.parametrize("kept", [3, 12, 5000, -9, -1])
def test_cut_gz(kept: int) -> None:
    packed = gzip.compress(LINES)
    found = read(packed[:kept], lines=True, limit=10**6, size=1000)
    before, last = b"".join(block.data for block in found[:-1]), found[-1]
    assert [block.line for block in found if block.error] == [before.count(b"\n") + 1]
    assert (last.error and last.error.code) == codes.E503
    assert "cut off" in message(last)
    assert LINES.startswith(before + last.data)
    assert before == b"" or before.endswith(b"\n")
    assert kept > -10 or before == b""
    assert kept < 5000 or len(before) > 10_000
    assert outline(read(packed[:kept], lines=False, limit=10**6)) == [(1, (before + last.data)[:1024], "E503")]


def test_cut_gz_keeps_all_that_came_before() -> None:
    found = read(gzip.compress(LINES)[:-1], lines=True, limit=10**6, size=1000)
    assert b"".join(block.data for block in found) == LINES


CORRUPT = {
    "wrong checksum": (gzip.compress(b"[1]\n")[:-8] + b"\x00" * 8, "incorrect data check"),
    "wrong data": (gzip.compress(b"[1]\n")[:10] + b"\xff" * 20, "invalid block type"),
    "text after it": (gzip.compress(b"[1]\n") + b"[2]\n", "incorrect header check"),
}


@pytest.mark.parametrize(("packed", "words"), CORRUPT.values(), ids=CORRUPT)
@pytest.mark.parametrize("lines", [True, False])
def test_corrupt_gz(packed: bytes, words: str, lines: bool) -> None:
    *_, last = read(packed, lines)
    assert (last.error and last.error.code) == codes.E503
    assert missing_words(message(last), ["the gz file is broken", words]) == []


def test_lines_before_the_fault_of_a_gz_are_yielded() -> None:
    found = read(gzip.compress(b"[1]\n[2]\n[3") + b"lorem", lines=True, size=4)
    assert bodies(found) == [(1, b"[1]"), (2, b"[2]")]
    assert outline(found)[-1] == (3, b"[3", "E503")


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("data", [b"", b"\x1f", b"[1]\n"])
def test_gz_by_name_only(tmp_path: Path, data: bytes, lines: bool) -> None:
    path = tmp_path / "x.json.GZ"
    path.write_bytes(data)
    (block,) = blocks(str(path), lines)
    assert (block.error and block.error.code) == codes.E503
    assert "not a gz file" in message(block)


def test_gz_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(gzip.compress(b"[1]"))
    assert list(blocks(str(path), False)) == [Block(1, b"[1]")]


BOMB = gzip.compress(bytes(10**7), mtime=0)


def test_a_bomb_as_one_body() -> None:
    stdin = io.BytesIO(BOMB * 100)
    (block,) = blocks("-", False, Limits(body_bytes=1000), stdin)
    assert (block.error and block.error.code) == codes.E503
    assert "unpacks to more than 1,000 bytes" in message(block)
    assert stdin.tell() < 2 * 2**16


def test_a_bomb_as_lines_is_given_up() -> None:
    stdin = io.BytesIO(gzip.compress(b"[1]\n") + BOMB * 100)
    found = list(blocks("-", True, Limits(body_bytes=1000), stdin))
    assert [(block.line, block.error and block.error.code.number) for block in found] == [
        (1, None),
        (2, "E502"),
        (2, "E503"),
    ]
    assert found[-1].line == 2
    assert missing_words(message(found[-1]), ["given up"]) == []
    assert stdin.tell() < 2 * 2**16


@pytest.mark.parametrize(("length", "given_up"), [(16 * 64, False), (17 * 64, True)])
def test_how_long_a_line_of_a_gz_is_skipped(length: int, given_up: bool) -> None:
    data = b"x" * length + b"\n[2]\n"
    packed = read(gzip.compress(data), lines=True, size=8)
    assert [block.error.code.number for block in packed if block.error] == ["E502", "E503"][: 1 + given_up]
    assert bodies(packed) == ([] if given_up else [(2, b"[2]")])
    assert bodies(read(data, lines=True, size=8)) == [(2, b"[2]")]


# --- files ---


@pytest.mark.parametrize("lines", [True, False])
def test_files_the_system_does_not_give(tmp_path: Path, lines: bool) -> None:
    for path, words in ((tmp_path / "none.json", "no such file"), (tmp_path, "is a directory")):
        (block,) = blocks(str(path), lines)
        assert (block.line, block.data, block.error and block.error.code) == (1, b"", codes.E504)
        assert missing_words(message(block), [str(path), words]) == []


class Failing(io.BytesIO):
    """A file whose fourth read fails."""

    reads = 0

    def read1(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads == 4:
            raise OSError(5, "input/output error")
        return super().read1(size)


@pytest.mark.parametrize(("lines", "kept"), [(True, [b"[1]\n", b"[2"]), (False, [b"[1]\n[2"])])
def test_a_file_that_fails_while_it_is_read(lines: bool, kept: list[bytes]) -> None:
    found = list(blocks("-", lines, stdin=Failing(b"[1]\n[2]\n"), _size=4))
    assert [block.data for block in found] == kept
    assert (found[-1].error and found[-1].error.code) == codes.E504
    assert "cannot read -: input/output error" in message(found[-1])


def test_a_file_that_fails_at_once() -> None:
    stdin = Failing(b"[1]\n")
    stdin.reads = 3
    assert outline(list(blocks("-", True, stdin=stdin))) == [(1, b"", "E504")]


def test_stdin_is_the_process_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[1]\n")))
    assert list(blocks("-", True)) == [Block(1, b"[1]\n")]


def test_stdin_stays_open() -> None:
    stdin = io.BytesIO(b"[1]")
    list(blocks("-", True, stdin=stdin))
    assert not stdin.closed


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("data", [LINES, gzip.compress(LINES)], ids=["plain", "gz"])
def test_progress_counts_the_bytes_of_the_file(tmp_path: Path, data: bytes, lines: bool) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    counts: list[int] = []
    list(blocks(str(path), lines, progress=counts.append))
    assert sum(counts) == len(data)
    assert 0 not in counts


def test_a_file_is_read_as_its_blocks_are_taken(tmp_path: Path) -> None:
    counts: list[int] = []
    stdin: BinaryIO = io.BytesIO(LINES)
    taken: Iterator[Block] = blocks("-", True, stdin=stdin, progress=counts.append, _size=100)
    next(taken)
    assert sum(counts) == 102
    assert counts[:2] == [1, 1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.ndjson", True),
        ("a/b.jsonl", True),
        ("a.ndjson.gz", True),
        ("A.JSONL.GZ", True),
        ("a.json", False),
        ("a.json.gz", False),
        ("a.txt", False),
        ("a.ndjson.zip", False),
        ("ndjson", False),
        ("-", False),
    ],
)
def test_is_lines(path: str, expected: bool) -> None:
    assert is_lines(path) is expected


def test_payload_files(tmp_path: Path) -> None:
    payloads = [
        "a.json",
        "b.ndjson",
        "b.ndjson.gz",
        "c/d/e.jsonl",
        "c/d/e.jsonl.gz",
        "c/f.txt",
        "c/f.txt.gz",
        "z.JSON.GZ",
    ]
    others = ["SOURCES.md", "a.yml", "c/json", "a.json.bak", "x.gz"]
    for name in payloads + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert payload_files(str(tmp_path)) == [str(tmp_path / name) for name in payloads]


def test_payload_files_of_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"")
    for path in (str(tmp_path / "a.md"), str(tmp_path / "none"), "-"):
        assert payload_files(path) == [path]


def test_a_folder_that_cannot_be_listed_does_not_vanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "a.json").write_bytes(b"{}")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path == str(closed):
            raise PermissionError(13, "permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refusing)
    found = payload_files(str(tmp_path))
    assert found == [str(tmp_path / "a.json"), str(closed)]
    assert outline(list(blocks(found[1], False))) == [(1, b"", "E504")]
