"""Urlencoded text: what nests how, what is refused and in which words."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesengine import codes
from rulesengine.errors import PayloadError
from rulesengine.forms import parse_form, parse_query

READ = {
    "one": ("a=b", {"a": "b"}),
    "plus and escapes": ("a=x+y%2Bz%C3%A9", {"a": "x y+zé"}),
    "raw UTF-8": ("a=é", {"a": "é"}),
    "values stay text": ("a=1&b=true&c=", {"a": "1", "b": "true", "c": ""}),
    "equals in a value": ("a=b=c", {"a": "b=c"}),
    "empty parts": ("&a=1&&b=2&", {"a": "1", "b": "2"}),
    "line break at the end": ("a=b\n", {"a": "b"}),
    "CRLF at the end": ("a=b\r\n", {"a": "b"}),
    "line break, escaped": ("a=b%0A", {"a": "b\n"}),
    "repeated": ("a=1&b=x&a=2", {"a": ["1", "2"], "b": "x"}),
    "names": (
        "data[merges][EMAIL]=x&data[merges][N]=y&data[id]=7",
        {"data": {"merges": {"EMAIL": "x", "N": "y"}, "id": "7"}},
    ),
    "escaped brackets": ("data%5Ba%5D=x", {"data": {"a": "x"}}),
    "list": ("a[]=1&a[]=2", {"a": ["1", "2"]}),
    "list of one": ("a[]=1", {"a": ["1"]}),
    "list of objects, PHP's way": ("a[][id]=1&a[][id]=2", {"a": [{"id": "1"}, {"id": "2"}]}),
    "list of lists": ("a[0][]=1&a[0][]=2&a[1][]=3", {"a": [["1", "2"], ["3"]]}),
    "numbers": ("a[0][id]=1&a[1][id]=2", {"a": [{"id": "1"}, {"id": "2"}]}),
    "numbers in any order": ("a[2]=z&a[0]=x&a[1]=y", {"a": ["x", "y", "z"]}),
    "numbers with a gap": ("a[0]=x&a[2]=z", {"a": {"0": "x", "2": "z"}}),
    "numbers and names": ("a[0]=x&a[k]=z", {"a": {"0": "x", "k": "z"}}),
    "number written otherwise": ("a[00]=x", {"a": {"00": "x"}}),
    "number at the top": ("0=x", {"0": "x"}),
    "repeated below": ("a[k]=1&a[k]=2", {"a": {"k": ["1", "2"]}}),
    "dots and hyphens": ("X-Tag.a_b=1", {"X-Tag.a_b": "1"}),
    "escaped white space in a key": ("ordinary+field=1&a[my%20key]=2", {"ordinary field": "1", "a": {"my key": "2"}}),
    "raw JSON in a value": ('mandrill_events=[{"event":\n "open"}]', {"mandrill_events": '[{"event":\n "open"}]'}),
}

REFUSED = {
    "empty": ("", ["empty"]),
    "only a line break": ("\n", ["empty"]),
    "object": ('{"a=1', ["starts with {", "JSON"]),
    "array after white space": (' \n["a=1', ["starts with [", "JSON"]),
    "no equals": ("a=1&lorem", ["'lorem'", "no '='"]),
    "no key": ("a=1&=2", ["key ''", "not a name"]),
    "white space": ("a=1&b c=2", ["'b c'", "' '"]),
    "line break in a key": ("a=1&b\nc=2", ["'b\\nc'"]),
    "control character": ("a\x00=1", ["'a\\x00'"]),
    "quote": ('"a"=1', ["'\"a\"'"]),
    "single quote": ("a'=1", ["in it, unescaped"]),
    "back quote": ("a`=1", ["in it, unescaped"]),
    "brace": ("a=1&b}=2", ["'b}'", "'}'"]),
    "XML": ('<a b="c">', ["'<a b'"]),
    "angle bracket": ("a>=1", ["'a>'"]),
    "two lines": ("a=1&b=2\na=3&b=4", ["'b'", "line break", "several forms"]),
    "two lines that end in CR": ("a=1\ra=3", ["'a'", "line break"]),
    "open bracket": ("a[b=1", ["'a[b'", "[...]"]),
    "close bracket": ("a]b=1", ["'a]b'", "[...]"]),
    "text after bracket": ("a[b]c=1", ["'a[b]c'", "[...]"]),
    "bracket in bracket": ("a[b[c]]=1", ["'a[b[c]]'", "[...]"]),
    "bracket first": ("x=1&[a]=1", ["'[a]'", "[...]"]),
    "value and names": ("a=1&a[b]=2", ["'a'", "both a value and names"]),
    "names and value": ("a[b]=1&a=2", ["'a'", "both a value and names"]),
    "value and list": ("a=1&a[]=2", ["'a'", "both a value and names"]),
    "value and names below": ("a[b]=1&a[b][c]=2", ["'a[b]'", "both a value and names"]),
    "list and names": ("a[]=1&a[b]=2", ["'a'", "both [] and names"]),
    "list and names below": ("a[b][]=1&a[b][0]=2", ["'a[b]'", "both [] and names"]),
    "broken escape": ("a=100%", ["value of 'a'", "broken escape", "'%'"]),
    "broken escape in a key": ("a%zz=1", ["key 'a%zz'", "broken escape", "'%zz'"]),
    "escape not UTF-8": ("a=%E9", ["value of 'a'", "not UTF-8"]),
    "escape of a surrogate": ("a=%ED%A0%80", ["value of 'a'", "not UTF-8"]),
}


@pytest.mark.parametrize(("text", "data"), READ.values(), ids=READ)
def test_reads(text: str, data: object) -> None:
    assert parse_form(text) == data


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(text: str, words: list[str]) -> None:
    with pytest.raises(PayloadError) as caught:
        parse_form(text)
    assert caught.value.code == codes.E501
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a=b", {"a": "b"}),
        ("?a=b\n", {"a": "b"}),
        ("?a=b?", {"a": "b?"}),
        ("??a=b", {"?a": "b"}),
        ("a=b?c=d", {"a": "b?c=d"}),
        ("url=https://h/p?a=b", {"url": "https://h/p?a=b"}),
        ("https://host/p?a[x]=b&c=?", {"a": {"x": "b"}, "c": "?"}),
        ("/p/q?a=b", {"a": "b"}),
        ("/?a=b", {"a": "b"}),
    ],
)
def test_reads_a_query(text: str, data: object) -> None:
    assert parse_query(text) == data


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("?", "empty"),
        ("/p?", "empty"),
        ("/p", "the URL has no query"),
        ("https://host/p=1", "the URL has no query"),
        ('{"url": "https://h/p?a=b', "JSON"),
        ("GET /p?a=b", "unescaped"),
    ],
)
def test_refuses_a_query(text: str, word: str) -> None:
    with pytest.raises(PayloadError, match=word) as caught:
        parse_query(text)
    assert caught.value.code == codes.E501


def test_the_number_of_fields_is_limited() -> None:
    assert parse_form("a=1&b=2", fields=2) == {"a": "1", "b": "2"}
    with pytest.raises(PayloadError, match="more than 2 fields"):
        parse_form("a=1&b=2&c=3", fields=2)
    with pytest.raises(PayloadError, match="more than 10,000 fields"):
        parse_form("&".join(["a=1"] * 10_001))
    with pytest.raises(PayloadError, match="more than 2 fields"):
        parse_query("/p?a=1&b=2&c=3", fields=2)


def test_the_depth_of_keys_is_limited() -> None:
    assert parse_form("a[b][c]=1", depth=3) == {"a": {"b": {"c": "1"}}}
    with pytest.raises(PayloadError, match="nested more than 3 deep"):
        parse_form("a[b][c][d]=1", depth=3)
    with pytest.raises(PayloadError, match="nested more than 32 deep"):
        parse_form("a" + "[b]" * 100_000 + "=1")
    with pytest.raises(PayloadError, match="nested more than 1 deep"):
        parse_query("a[b]=1", depth=1)


NAMES = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def _is_list_in_disguise(data: dict[str, object]) -> bool:
    return data.keys() == {str(number) for number in range(len(data))}


DATA = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=4).filter(lambda data: not _is_list_in_disguise(data))
    ),
    max_leaves=12,
)


def _encoded(data: object, key: str) -> list[str]:
    """As PHP's http_build_query writes it."""
    match data:
        case list():
            return [field for number, each in enumerate(data) for field in _encoded(each, f"{key}[{number}]")]
        case dict():
            return [field for name, each in data.items() for field in _encoded(each, f"{key}[{name}]")]
        case _:
            return [f"{quote_plus(key)}={quote_plus(str(data))}"]


@given(st.dictionaries(NAMES, DATA, min_size=1, max_size=4))
def test_what_php_writes_is_read_back(data: dict[str, object]) -> None:
    fields = [field for name, each in data.items() for field in _encoded(each, name)]
    assert parse_form("&".join(fields)) == data
    assert parse_query("https://host/p?" + "&".join(fields)) == data
    assert parse_form("&".join(reversed(fields))) == data


@given(st.text(st.sampled_from("ab[]=&%+0?/{ \n")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_form, parse_query):
        try:
            assert isinstance(parse(text), dict)
        except PayloadError as error:
            if error.code != codes.E501:
                raise
