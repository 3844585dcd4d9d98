"""The added functions, called as the engine calls them: bound, with prepared literals."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jmespath.functions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rulesengine.errors import FunctionFault
from rulesengine.functions import FUNCTIONS
from rulesengine.signatures import Example, Function, Parameter, bind

MOMENT = 1513299569  # 2017-12-15T00:59:29Z
# Nothing is timed: a slow machine must not fail a property.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BOUND = [function for function in FUNCTIONS.values() if function.body is not None]
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


def call(name: str, *arguments: object) -> object:
    """The function on these arguments, literals prepared as the compiler prepares them."""
    function = FUNCTIONS[name]
    pairs = zip(function.parameters, arguments, strict=False)
    return bind(function)(*(one.prepare(value) if one.prepare else value for one, value in pairs))  # type: ignore[arg-type]


def fault(name: str, *arguments: object) -> str:
    with pytest.raises(FunctionFault) as caught:
        call(name, *arguments)
    return str(caught.value)


# The table


def test_the_functions_are_those_of_the_language() -> None:
    assert " ".join(FUNCTIONS) == (
        "lower upper trim text split replace trim_prefix trim_suffix matches capture epoch epoch_ms epoch_at from_json "
        "lookup items from_items address e164 hash stable_id root parent request channel"
    )
    without_body = [name for name, function in FUNCTIONS.items() if function.body is None]
    assert without_body == ["lookup", "root", "parent", "request", "channel"]


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_each_function_is_described_and_has_examples(function: Function) -> None:
    assert function.sentence.endswith(".")
    assert "\n" not in function.sentence
    worked = [example for example in function.examples if example.fails is None]
    assert len(worked) >= 2
    assert all(f"{function.name}(" in example.expression for example in function.examples)
    assert all(example.scoped == (function.body is None) for example in function.examples)


def test_a_function_that_can_fail_has_an_example_that_fails() -> None:
    without = {one.name for one in FUNCTIONS.values() if not any(example.fails for example in one.examples)}
    # text() fails only for what no JSON decoder yields.
    assert without == {"text", "lookup", "root", "parent", "request", "channel"}


class _Jmespath(jmespath.functions.Functions):  # type: ignore[misc]
    def call_function(self, function_name: str, resolved_args: list[object]) -> object:
        if function_name in FUNCTIONS:
            return call(function_name, *resolved_args)
        return super().call_function(function_name, resolved_args)


@pytest.mark.parametrize(
    "example",
    [example for function in BOUND for example in function.examples],
    ids=lambda example: f"{example.expression} of {example.given}",
)
def test_the_examples_are_true(example: Example) -> None:
    options = jmespath.Options(custom_functions=_Jmespath())
    if example.fails is None:
        given = jmespath.search(example.expression, example.given, options=options)
        assert given == example.gives
        assert type(given) is type(example.gives)
        return
    with pytest.raises(FunctionFault) as caught:
        jmespath.search(example.expression, example.given, options=options)
    assert str(caught.value) == example.fails


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("lower", "lower(s: string) -> string"),
        ("replace", "replace(s: string, old: string, new: string) -> string"),
        ("e164", "e164(s: string|number[, country: string|number]) -> string"),
        ("root", "root() -> any"),
    ],
)
def test_signature(name: str, signature: str) -> None:
    assert FUNCTIONS[name].signature == signature


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["lower"] = FUNCTIONS["upper"]  # type: ignore[index]


# What bind() adds


def test_a_function_without_a_body_cannot_be_bound() -> None:
    with pytest.raises(ValueError, match=r"root\(\) has no body"):
        bind(FUNCTIONS["root"])


def _literal(parameter: Parameter) -> object:
    literals = {"pattern": "a", "format": "%Y-%m-%d", "zone": "UTC"}
    return parameter.prepare(literals[parameter.name]) if parameter.prepare else None


@pytest.mark.parametrize("function", BOUND, ids=lambda function: function.name)
def test_a_null_in_any_place_gives_null(function: Function) -> None:
    bound = bind(function)
    fitting = {"string": "a", "number": 1, "array": [], "object": {}, "any": 1}
    arguments = [_literal(one) or fitting[one.types[0]] for one in function.parameters]
    for place, parameter in enumerate(function.parameters):
        if parameter.prepare is None:
            assert bound(*arguments[:place], None, *arguments[place + 1 :]) is None


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("lower", (5,), "lower() takes a string, got the number 5"),
        ("lower", (1.5,), "lower() takes a string, got the number 1.5"),
        ("lower", (True,), "lower() takes a string, got the boolean true"),
        ("lower", ([],), "lower() takes a string, got an array"),
        ("lower", ({},), "lower() takes a string, got an object"),
        ("lower", (10**5000,), "lower() takes a string, got the number 10^30 or more"),
        ("lower", (b"a",), "lower() takes a string, got a bytes"),
        ("split", (5, ","), "split() takes a string as s, got the number 5"),
        ("split", ("a", 5), "split() takes a string as sep, got the number 5"),
        ("epoch", (True,), "epoch() takes a string or a number, got the boolean true"),
        ("e164", ("a", False), "e164() takes a string or a number as country, got the boolean false"),
        ("items", ("a",), "items() takes an object, got the string 'a'"),
        ("matches", (5, "a"), "matches() takes a string as s, got the number 5"),
    ],
)
def test_another_type_is_a_fault(name: str, arguments: tuple[object, ...], sentence: str) -> None:
    assert fault(name, *arguments) == sentence


def test_subclasses_are_what_they_derive_from() -> None:
    class Text(str):
        __slots__ = ()

    assert call("lower", Text("A")) == "a"
    assert call("items", OrderedDict(a=1)) == [["a", 1]]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(9, 5000).map(lambda digits: 10**digits)
    | st.integers(9, 5000).map(lambda digits: -(10**digits))
    | st.floats()
    | st.text(st.characters())
    | st.text("0123456789+-:.TZ ()@<>\"'[]{},\ud800٣", max_size=30)
    | st.sampled_from(["9" * 5000, "[" * 100_000, '{"a":' * 50_000, "NaN", "1e999", "9999-12-31T23:59:59-23:59"])
    | st.sampled_from(["0001-01-01T00:00:00+23:59", "(" * 5000, '"' * 5000, "\ud800", "2026-02-30"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
) | st.just("deep").map(lambda _: DEEP)
FORMATS = ["%Y-%m-%d", "%m/%d/%Y %I:%M:%S %p", "%y%m%d%H%M", "%Y-%m-%d %H:%M:%S %z"]
ZONES = ["UTC", "Asia/Tokyo", "America/New_York"]


@pytest.mark.parametrize("function", BOUND, ids=lambda function: function.name)
@UNTIMED
@given(data=st.data())
def test_nothing_but_a_function_fault_is_ever_raised(function: Function, data: st.DataObject) -> None:
    literals = {"pattern": ["a", "(b)?.", "\\d+$"], "format": FORMATS, "zone": ZONES}
    arguments: list[object] = []
    for parameter in function.parameters[: data.draw(st.sampled_from(_arities(function)))]:
        if parameter.prepare:
            arguments.append(parameter.prepare(data.draw(st.sampled_from(literals[parameter.name]))))
        else:
            arguments.append(data.draw(JSON, label=parameter.name))
    sentence = f"{function.name}() "
    try:
        bind(function)(*arguments)
    except FunctionFault as caught:
        sentence = str(caught)
    assert sentence.startswith(f"{function.name}() ")
    assert sentence.isprintable()


def _arities(function: Function) -> list[int]:
    required = sum(not parameter.optional for parameter in function.parameters)
    return list(range(required, len(function.parameters) + 1))


# Strings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", "1"),
        (1, "1"),
        (1.0, "1.0"),
        (1.5, "1.5"),
        (1e22, "1e+22"),
        (-0.0, "-0.0"),
        (12345678901234567890, "12345678901234567890"),
        (True, "true"),
        (False, "false"),
        ([], "[]"),
        ({"b": [1, None], "a": "é"}, '{"b":[1,null],"a":"é"}'),
        ("\ud800", "\ud800"),
    ],
)
def test_text(value: object, text: str) -> None:
    assert call("text", value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("nan")], [10**5000], DEEP, {"a": b""}])
def test_text_of_what_json_cannot_write(value: object) -> None:
    assert fault("text", value).endswith("which cannot be written as JSON")


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("lower", ("ÀB c",), "àb c"),
        ("upper", ("àb c",), "ÀB C"),
        ("trim", ("\t a b\u00a0\r\n",), "a b"),
        ("split", ("a, b,,c", ","), ["a", " b", "", "c"]),
        ("split", ("", ","), [""]),
        ("split", ("abc", ","), ["abc"]),
        ("replace", ("a.b.c", ".", ""), "abc"),
        ("replace", ("aaa", "aa", "b"), "ba"),
        ("trim_prefix", ("aab", "a"), "ab"),
        ("trim_prefix", ("aab", "b"), "aab"),
        ("trim_prefix", ("aab", ""), "aab"),
        ("trim_suffix", ("abb", "b"), "ab"),
        ("trim_suffix", ("abb", "a"), "abb"),
        ("trim_suffix", ("abb", ""), "abb"),
        ("matches", ("550 5.1.1", "5\\.1"), True),
        ("matches", ("550", "^50"), False),
        ("capture", ("550 5.1.1", "^(\\d+) "), "550"),
        ("capture", ("550 5.1.1", "\\d\\.\\d"), "5.1"),
        ("capture", ("550", "x"), None),
    ],
)
def test_strings(name: str, arguments: tuple[str, ...], result: object) -> None:
    assert call(name, *arguments) == result


def test_an_empty_separator_or_target_is_a_fault() -> None:
    assert fault("split", "a", "") == "split() got an empty separator"
    assert fault("replace", "a", "", "b") == "replace() got an empty string to replace"


def test_replace_cannot_exhaust_memory() -> None:
    assert len(str(call("replace", "a" * 1_000, "a", "b" * 10_000))) == 10_000_000
    assert "more than 10000000 characters" in fault("replace", "a" * 1_000 + "c", "a", "b" * 10_000)
    assert call("replace", "ab" * 6_000_000, "a", "b") == "b" * 12_000_000


@pytest.mark.parametrize("name", ["matches", "capture"])
def test_half_a_surrogate_pair_has_no_matches(name: str) -> None:
    assert fault(name, "\ud800", ".") == f"{name}() got '\\ud800', which holds half a surrogate pair"


# Times


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (MOMENT, MOMENT),
        (0, 0),
        (99_999_999_999, 99_999_999_999),
        (1513299569.999, MOMENT),
        ("1513299569", MOMENT),
        ("1513299569.999999", MOMENT),
        ("1513299569.0", MOMENT),
        ("2017-12-15T00:59:29Z", MOMENT),
        ("2017-12-15T00:59:29.9Z", MOMENT),
        ("2017-12-15T00:59:29.999Z", MOMENT),
        ("2017-12-15T00:59:29.999999Z", MOMENT),
        ("2017-12-15T00:59:29.9999999Z", MOMENT),
        ("2017-12-15T00:59:29.999999999Z", MOMENT),
        ("2017-12-15T01:59:29+01:00", MOMENT),
        ("2017-12-14T19:29:29.5-05:30", MOMENT),
        ("2017-12-15T01:59:29+0100", MOMENT),
        ("2017-12-15T01:59:29.123+0100", MOMENT),
        ("2017-12-15T01:59:29+01", MOMENT),
        ("2017-12-15T00:59:29", MOMENT),
        ("2017-12-15T00:59:29.123456", MOMENT),
        ("2017-12-15 00:59:29", MOMENT),
        ("2017-12-15 00:59:29.123", MOMENT),
        ("2017-12-15 00:59:29Z", MOMENT),
        ("2017-12-15 00:59:29 +00:00", MOMENT),
        ("2017-12-15 01:59:29 +01:00", MOMENT),
        ("2017-12-15 01:59:29 +0100", MOMENT),
        ("2017-12-15T00:59", MOMENT - 29),
        ("2017-12-15T01:59+01:00", MOMENT - 29),
        ("2017-12-15", 1513296000),
        ("2024-02-29", 1709164800),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59.999999Z", 253402300799),
    ],
)
def test_epoch(value: object, seconds: int) -> None:
    given = call("epoch", value)
    assert given == seconds
    assert type(given) is int


@pytest.mark.parametrize(
    "value", [100_000_000_000, MOMENT * 1000, float(MOMENT * 1000), f"{MOMENT}123", f"{MOMENT}123.5"]
)
def test_epoch_of_milliseconds_says_so(value: object) -> None:
    assert fault("epoch", value) == f"epoch() got {value!r}, which can only be milliseconds: use epoch_ms()"


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), 10**14, "9" * 19])
def test_epoch_of_a_number_that_is_no_time(value: object) -> None:
    assert fault("epoch", value) == f"epoch() got {value!r}, which is no time in seconds since 1970"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "now",
        "-1513299569",
        "1e9",
        "NaN",
        "٣",
        "1513299569 ",
        "9" * 20,
        "2017-12-15T00:59:29\n",
        "2017-12-15T25:59:29Z",
        "2017-12-15T24:00:00Z",
        "2017-12-15T00:60:29Z",
        "2017-13-15",
        "2017-02-29",
        "0000-01-01",
        "2017-12-15T",
        "2017-12-15Z",
        "2017-12-15T00",
        "2017-12-15T00:59:29.Z",
        "2017-12-15T00:59:29.1234567890Z",
        "2017-12-15T00:59:29+24:00",
        "2017-12-15T00:59:29+01:60",
        "2017-12-15T00:59:29 UTC",
        "2017-12-15x00:59:29",
        "2017-12-1٥",
        "20171215T005929Z",
        "12/15/2017",
        "\ud800",
    ],
)
def test_epoch_of_other_text_says_what_was_expected(value: str) -> None:
    assert fault("epoch", value).endswith(", expected seconds since 1970 or an ISO 8601 date and time")


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.9Z", "1970-01-01T00:30:00+01:00"])
def test_a_date_before_1970_is_a_fault(value: str) -> None:
    assert fault("epoch", value) == f"epoch() got {value!r}, which lies before 1970"


def test_a_huge_number_is_a_fault_not_an_error_of_python() -> None:
    assert fault("epoch", 10**5000) == "epoch() got 10^30 or more, which is no time in seconds since 1970"
    assert len(fault("epoch", "9" * 5000)) < 200


SHAPES = [
    "{date}T{time}{fraction}{colon}",
    "{date}T{time}{fraction}{plain}",
    "{date} {time}{fraction}{colon}",
    "{date} {time}{fraction} {colon}",
    "{date}T{time}{fraction} {plain}",
]
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@UNTIMED
@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS),
    st.integers(0, 9),
    st.sampled_from(SHAPES),
)
def test_epoch_of_a_moment_in_any_shape_is_its_timestamp(moment: datetime, digits: int, shape: str) -> None:
    fraction = f"{moment.microsecond:06}000"[:digits]
    text = shape.format(
        date=moment.strftime("%Y-%m-%d").zfill(10),
        time=moment.strftime("%H:%M:%S"),
        fraction="." + fraction if fraction else "",
        colon=moment.isoformat()[-6:],
        plain=moment.strftime("%z"),
    )
    assert call("epoch", text) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


@UNTIMED
@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)), st.sampled_from("T "), st.sampled_from(["", "Z"]))
def test_epoch_of_a_moment_without_offset_is_utc(moment: datetime, between: str, zone: str) -> None:
    text = moment.isoformat(between) + zone
    assert call("epoch", text) == (moment - datetime(1970, 1, 1)) // timedelta(seconds=1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (MOMENT * 1000 + 999, MOMENT),
        (float(MOMENT * 1000), MOMENT),
        ("1513299569999", MOMENT),
        ("1513299569999.9", MOMENT),
        (631_152_000_000, 631_152_000),
    ],
)
def test_epoch_ms(value: object, seconds: int) -> None:
    given = call("epoch_ms", value)
    assert given == seconds
    assert type(given) is int


@pytest.mark.parametrize("value", [MOMENT, str(MOMENT), 0, 631_151_999_999])
def test_epoch_ms_of_seconds_says_so(value: object) -> None:
    assert fault("epoch_ms", value) == f"epoch_ms() got {value!r}, which can only be seconds: use epoch()"


@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), 10**14, "", "2017-12-15", "-1513299569999", "9" * 5000]
)
def test_epoch_ms_of_anything_else(value: object) -> None:
    assert fault("epoch_ms", value).endswith(", which is no time in milliseconds since 1970")


@pytest.mark.parametrize(
    ("text", "form", "zone", "seconds"),
    [
        ("1/31/2026 3:04:05 PM", "%m/%d/%Y %I:%M:%S %p", "UTC", 1769871845),
        ("1/31/2026 3:04:05 PM", "%m/%d/%Y %I:%M:%S %p", "America/New_York", 1769889845),
        ("7/31/2026 3:04:05 AM", "%m/%d/%Y %I:%M:%S %p", "America/New_York", 1785481445),
        ("2012181335", "%y%m%d%H%M", "UTC", 1608298500),
        ("2017-12-15", "%Y-%m-%d", "Asia/Tokyo", 1513263600),
        ("15 Dec 2017 01:59:29.9 +0100", "%d %b %Y %H:%M:%S.%f %z", "Asia/Tokyo", MOMENT),
        ("100%Z 2017-12-15", "100%%Z %Y-%m-%d", "UTC", 1513296000),
        ("2025-10-26 02:30", "%Y-%m-%d %H:%M", "Europe/Berlin", 1761438600),
    ],
)
def test_epoch_at(text: str, form: str, zone: str, seconds: int) -> None:
    given = call("epoch_at", text, form, zone)
    assert given == seconds
    assert type(given) is int


@pytest.mark.parametrize(
    "text", ["", "31.01.2026", "2026-02-30", "2026-01-31 ", "٢026-01-31", "0000-01-01", "9" * 5000]
)
def test_epoch_at_of_other_text_names_value_and_format(text: str) -> None:
    assert fault("epoch_at", text, "%Y-%m-%d", "UTC").endswith(", which is not written as '%Y-%m-%d' says")


def test_epoch_at_takes_no_long_text() -> None:
    assert call("epoch_at", "2026" + " " * 50 + "01 31", "%Y %m %d", "UTC") == 1769817600
    assert "is not written as" in fault("epoch_at", "2026" + " " * 100 + "01 31", "%Y %m %d", "UTC")


def test_epoch_at_before_1970_is_a_fault() -> None:
    assert (
        fault("epoch_at", "0001-01-01", "%Y-%m-%d", "Asia/Tokyo")
        == "epoch_at() got '0001-01-01', which lies before 1970"
    )


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("", "the date format '' lacks a year"),
        ("YYYY-MM-DD", "the date format 'YYYY-MM-DD' lacks a year"),
        ("%%Y-%m-%d", "the date format '%%Y-%m-%d' lacks a year"),
        ("%m/%d %H:%M", "the date format '%m/%d %H:%M' lacks a year"),
        ("%Y-%m", "the date format '%Y-%m' lacks a month or a day"),
        ("%Y-%d", "the date format '%Y-%d' lacks a month or a day"),
        ("%c", "the date format '%c' has %c, %x or %X, which differ by locale: write them out"),
        ("%Y-%m-%d %X", "the date format '%Y-%m-%d %X' has %c, %x or %X, which differ by locale: write them out"),
        ("%Y-%m-%d %I:%M", "the date format '%Y-%m-%d %I:%M' has a 12-hour clock (%I) without AM or PM (%p)"),
        ("%Y-%m-%d %Z", "the date format '%Y-%m-%d %Z' has %Z, but an abbreviation names no one zone: use %z"),
        ("%Y-%m-%d %Y", "'%Y-%m-%d %Y' is no date format: write it in strptime codes such as '%Y-%m-%d %H:%M:%S'"),
        ("%Y-%m-%d %q", "'%Y-%m-%d %q' is no date format"),
        ("%Y-%m-%d %", "'%Y-%m-%d %' is no date format"),
        ("%Y-%m-%d\0", "'%Y-%m-%d\\x00' is no date format"),
        ("%Y-%m-%d \ud800", "'%Y-%m-%d \\ud800' is no date format"),
        ("%Y-%m-%d" + " " * 93, "a date format of 101 characters is too long: 100 are allowed"),
    ],
)
def test_a_faulty_date_format_is_found_when_loading(form: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call("epoch_at", "2026-01-31", form, "UTC")
    assert not isinstance(caught.value, FunctionFault)
    assert str(caught.value).startswith(sentence)


@UNTIMED
@given(st.text("%YmdHMSyjbBpzIfGVuaAUwcxX -/\ud800\0é", max_size=12))
def test_any_text_is_a_date_format_or_a_value_error(form: str) -> None:
    prepare = FUNCTIONS["epoch_at"].parameters[1].prepare
    assert prepare is not None
    try:
        assert prepare(form) == form
    except ValueError:
        assert True


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("Europe/Berln", "'Europe/Berln' is no time zone of the tz database: did you mean 'Europe/Berlin'?"),
        ("", "'' is no time zone of the tz database"),
        ("Mars/Olympus_Mons_Base", "'Mars/Olympus_Mons_Base' is no time zone of the tz database"),
        ("../../../etc/localtime", "'../../../etc/localtime' is no time zone of the tz database"),
        ("/etc/localtime", "'/etc/localtime' is no time zone of the tz database"),
        ("localtime", "'localtime' is no time zone of the tz database"),
        ("America", "'America' is no time zone of the tz database"),
        ("UTC\0", "'UTC\\x00' is no time zone of the tz database"),
        ("\ud800", "'\\ud800' is no time zone of the tz database"),
        ("a" * 10_000, "'aaaa"),
    ],
)
def test_a_faulty_zone_is_found_when_loading(zone: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call("epoch_at", "2026-01-31", "%Y-%m-%d", zone)
    assert not isinstance(caught.value, FunctionFault)
    assert str(caught.value).startswith(sentence)


def test_a_zone_that_is_a_folder_of_the_tzdata_package_is_a_faulty_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(name: str) -> None:
        raise IsADirectoryError(21, "Is a directory", name)

    monkeypatch.setattr("zoneinfo.ZoneInfo", opened)
    with pytest.raises(ValueError, match="'America' is no time zone of the tz database"):
        call("epoch_at", "2026-01-31", "%Y-%m-%d", "America")


# JSON, objects, ids


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (' {"a": [1, 2.5, "b", true]} ', {"a": [1, 2.5, "b", True]}),
        ('"\\ud800"', "\ud800"),
        ("9007199254740993", 9007199254740993),
        pytest.param("9" * 4300, 10**4300 - 1, id="4300 digits"),
    ],
)
def test_from_json(text: str, value: object) -> None:
    assert call("from_json", text) == value


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", "which is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{'a': 1}", "column 2 (char 1)"),
        ("1 2", "which is no JSON: Extra data: line 1 column 3 (char 2)"),
        ("NaN", "which is no JSON: NaN is no number of JSON"),
        ("[-Infinity]", "which is no JSON: -Infinity is no number of JSON"),
        ("1e999", "which is no JSON: a number too large"),
        ("-1e999", "which is no JSON: a number too large"),
        ("9" * 4301, "which is no JSON: a number too long"),
        ("\ufeff1", "(char 0)"),
        ("[" * 100_000, "which is nested too deeply"),
    ],
)
def test_from_json_of_what_is_no_json(text: str, end: str) -> None:
    sentence = fault("from_json", text)
    assert sentence.startswith("from_json() got ")
    assert sentence.endswith(end)


def test_items_keep_their_order_and_from_items_is_the_reverse() -> None:
    table = {"b": 1, "a": None, "": [1]}
    assert call("items", table) == [["b", 1], ["a", None], ["", [1]]]
    assert call("from_items", call("items", table)) == table
    assert call("from_items", [["a", 1], ["a", 2]]) == {"a": 2}


@pytest.mark.parametrize("pair", ["ab", None, [], ["a"], ["a", 1, 2], [1, "a"], [None, 1], {"a": 1}])
def test_from_items_takes_pairs_only(pair: object) -> None:
    sentence = "from_items() takes pairs of a string and a value, got another element at [1]"
    assert fault("from_items", [["a", 1], pair]) == sentence


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@b", "a@b"),
        (" ann+x@example.com\n", "ann+x@example.com"),
        ("<a@b>", "a@b"),
        ("Ann <a@b>", "a@b"),
        ("Ann < a@b > ", "a@b"),
        ("Ann (Sales) <a@b>", "a@b"),
        ('"Last, First" <a@b>', "a@b"),
        ('"say \\"<x@y>\\"" <a@b>', "a@b"),
        ("a@b <c@d>", "c@d"),
        ("zoë@exämple.com", "zoë@exämple.com"),
        ("", None),
        ("Ann", None),
        ("Ann <>", None),
        ("Ann <a@b", None),
        ("a@b>", None),
        ("Ann <a@b> x", None),
        ("a@b, c@d", None),
        ("a@b, Cy <c@d>", None),
        ("a@b; Cy <c@d>", None),
        ("Ann <a@b>, Bob <c@d>", None),
        ("Ann <a@b> <c@d>", None),
        ("a@b@c", None),
        ("@b", None),
        ("a@", None),
        ("a b@c", None),
        ("a@b)c@d", None),
        ("mailto:a@b", None),
        ("a@b\0", None),
        ("(" * 10_000, None),
        ('"' * 10_001, None),
        ("<" * 10_000, None),
        (" " * 10_000 + "x", None),
    ],
)
def test_address(text: str, address: str | None) -> None:
    assert call("address", text) == address


def test_hash() -> None:
    assert call("hash", "é") == hashlib.sha256(b"\xc3\xa9").hexdigest()
    assert fault("hash", "a\ud800") == "hash() got 'a\\ud800', which holds half a surrogate pair"


def test_stable_id_depends_on_the_values_and_not_on_the_order_of_keys() -> None:
    assert call("stable_id", ["é", 1, None]) == hashlib.sha256('["é",1,null]'.encode()).hexdigest()
    assert call("stable_id", [{"a": 1, "b": 2}]) == call("stable_id", [{"b": 2, "a": 1}])
    assert call("stable_id", ["a", "b"]) != call("stable_id", ["b", "a"])
    assert call("stable_id", ["ab", ""]) != call("stable_id", ["a", "b"])
    assert call("stable_id", [1]) != call("stable_id", ["1"])


@pytest.mark.parametrize("values", [[], [None], [None, None]])
def test_stable_id_of_nothing_is_null(values: list[None]) -> None:
    assert call("stable_id", values) is None


def test_stable_id_of_what_has_no_utf8_or_no_json() -> None:
    assert fault("stable_id", ["\ud800"]) == "stable_id() got an array with half a surrogate pair in a string"
    assert fault("stable_id", [float("nan")]) == "stable_id() got an array, which cannot be written as JSON"
    assert fault("stable_id", DEEP) == "stable_id() got an array, which cannot be written as JSON"


# Phone numbers


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("+12015550123",), "+12015550123"),
        (("12015550123",), "+12015550123"),
        ((12015550123,), "+12015550123"),
        ((12015550123.0,), "+12015550123"),
        (("0012015550123",), "+12015550123"),
        (("whatsapp:+12015550123",), "+12015550123"),
        (("WhatsApp:12015550123",), "+12015550123"),
        (("tel:+1-201-555-0123",), "+12015550123"),
        (("sms: +1 201 555 0123",), "+12015550123"),
        ((" +1 (201) 555.0123\n",), "+12015550123"),
        (("+1\u00a0201\u2011555\u20130123",), "+12015550123"),
        (("+44 (0)20 7946 0018",), "+442079460018"),
        (("07700 900123", "44"), "+447700900123"),
        (("(0)7700 900123", "44"), "+447700900123"),
        (("(0)4477 0090 0123", "44"), "+44447700900123"),
        (("7700900123", 44), "+447700900123"),
        ((7700900123, "+44"), "+447700900123"),
        (("07700900123", "0044"), "+447700900123"),
        (("+12015550123", "44"), "+12015550123"),
        (("0012015550123", "44"), "+12015550123"),
        (("whatsapp:+447700900123", "44"), "+447700900123"),
        (("447700900123", "44"), "+447700900123"),
        (("12015550123", "1"), "+12015550123"),
        (("9123456789", "91"), "+919123456789"),
        (("1234567",), "+1234567"),
        (("123456789012345",), "+123456789012345"),
    ],
)
def test_e164(arguments: tuple[object, ...], number: str) -> None:
    assert call("e164", *arguments) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Acme",
        "+",
        "00",
        "123456",
        "+1234567890123456",
        "+0447700900123",
        "0000447700900123",
        "+1+2015550123",
        "+1 201 555 0123 ext 5",
        "tel:+12015550123;ext=5",
        "messenger:12015550123",
        "tel:sms:12015550123",
        "+1201555٠123",
        "\ud800",
        "9" * 5000,
        -12015550123,
        12015550123.5,
        0,
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_phone_number_is_a_fault(value: object) -> None:
    sentence = fault("e164", value)
    assert sentence.startswith("e164() got ")
    assert sentence.endswith(", which is no phone number")


def test_a_national_number_needs_its_country() -> None:
    assert fault("e164", "(415) 555-0100").endswith("a national number: add the country's calling code")
    assert call("e164", "(415) 555-0100", "1") == "+14155550100"
    assert fault("e164", "07700 900123") == (
        "e164() got '07700 900123', a national number: add the country's calling code"
    )


@pytest.mark.parametrize("country", ["GB", "", "0", "1234", 0, -44, 4.5, float("nan"), 10**400])
def test_a_country_is_a_calling_code(country: object) -> None:
    assert fault("e164", "07700900123", country).endswith(" as country, expected a calling code such as '44'")


@UNTIMED
@given(st.text("0123456789+ -.()", max_size=22) | st.integers(0), st.sampled_from([(), ("44",), (1,), ("91",)]))
def test_e164_gives_that_form_or_a_fault(value: object, country: tuple[object, ...]) -> None:
    try:
        number = call("e164", value, *country)
    except FunctionFault:
        return
    assert isinstance(number, str)
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number)
