"""What is known of an expression before any payload: nothing that a payload could contradict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rulesengine.analysis import Facts, Values, decide, literal_list, mentioned, narrowed, possible
from rulesengine.expressions import compile_expression
from rulesengine.jmes import parse
from tests.test_expressions import data, expressions, reference

TABLES: Mapping[str, Values] = {"t": frozenset(["one", "two"]), "empty": frozenset(["", "x"])}

POSSIBLE: dict[str, set[str | None] | None] = {
    # literals
    "'open'": {"open"},
    '`"open"`': {"open"},
    "''": {None},
    "`null`": {None},
    "`[]`": {None},
    "`{}`": {None},
    "`0`": None,
    "`1`": None,
    "`true`": None,
    "`[1]`": None,
    # what depends on the payload
    "a": None,
    "@": None,
    "a.b": None,
    "[0]": None,
    "length(a)": None,
    "not_null('a')": None,
    # choices
    "a && 'x'": {"x", None},
    "'x' && 'y'": {"y"},
    "'x' && a": None,
    "'' && 'y'": {"y", None},
    "a || 'x'": None,
    "'x' || a": {"x"},
    "'' || 'x'": {"x"},
    "'' || a": None,
    "a && 'x' || 'y'": {"x", "y"},
    "a && 'x' || b && 'y' || 'z'": {"x", "y", "z"},
    "a && 'x' || b && 'y'": {"x", "y", None},
    "a && b && 'x'": {"x", None},
    "a && (b && 'x' || 'y')": {"x", "y", None},
    # calls
    "channel()": {"email"},
    "lookup('t', a)": {"one", "two", None},
    "lookup('t', a) || 'three'": {"one", "two", "three"},
    "lookup('none', a)": None,
    "lookup(a, 'one')": None,
    "upper('x')": {"X"},
    "lower(upper('aB'))": {"ab"},
    "trim(a && ' x ' || '  ')": {"x", None},
    "upper(lookup('t', a))": {"ONE", "TWO", None},
    "lower(a)": None,
    "replace('a', 'a', 'b')": None,
    # negations and comparisons are no texts
    "!a": None,
    "a == 'x'": None,
}

NARROWED: dict[str, dict[str, set[str]]] = {
    "a == 'x'": {"a": {"x"}},
    "'x' == a": {"a": {"x"}},
    "a.b == 'x'": {"a.b": {"x"}},
    "lower(a) == 'x'": {"lower(a)": {"x"}},
    "contains(['x', 'y'], a)": {"a": {"x", "y"}},
    '''contains(`["x", "y"]`, a)''': {"a": {"x", "y"}},
    "a == 'x' && b == 'y'": {"a": {"x"}, "b": {"y"}},
    "a == 'x' && b": {"a": {"x"}},
    "a == 'x' || a == 'y'": {"a": {"x", "y"}},
    "a == 'x' || b == 'y'": {},
    "(a == 'x' || a == 'y') && b == 'z'": {"a": {"x", "y"}, "b": {"z"}},
    "contains(['x', 'y'], a) && contains(['y', 'z'], a)": {"a": {"y"}},
    "a == 'x' && a == 'y'": {"a": set()},
    "a": {},
    "a != 'x'": {},
    "!(a == 'x')": {},
    "a == `1`": {},
    "a == b": {},
    "'x' == 'y'": {},
    "contains(a, 'x')": {},
    "contains(['x', `1`], a)": {},
    "contains(['x', b], a)": {},
    "[?a == 'x']": {},
    "starts_with(a, 'x')": {},
}  # fmt: skip

# Whether a condition holds where `a` is 'open' and `b.c` is ''.
DECIDED: dict[str, bool | None] = {
    "a == 'open'": True,
    "a == 'click'": False,
    "'open' == a": True,
    "a != 'open'": False,
    "a != 'click'": True,
    "a": True,
    "!a": False,
    "b.c": False,
    "!(b.c)": True,
    "b.c == ''": True,
    "contains(['open', 'click'], a)": True,
    "contains(['click'], a)": False,
    "contains(`[\"open\"]`, a)": True,
    "starts_with(a, 'op')": True,
    "starts_with(a, 'x')": False,
    "ends_with(a, 'en')": True,
    "ends_with(a, 'x')": False,
    "!(a == 'open')": False,
    "!(a == 'click') && a": True,
    "a == 'open' && x": None,
    "a == 'click' && x": False,
    "x && a == 'click'": False,
    "x && a == 'open'": None,
    "a == 'open' || x": True,
    "a == 'click' || x": None,
    "!(a == 'open' || x)": False,
    "a == 'click' || b.c": False,
    # left open
    "x": None,
    "x == 'open'": None,
    "a == x": None,
    "b": None,
    "c": None,
    "lower(a) == 'open'": True,
    "lower(a) == 'OPEN'": False,
    "upper(trim(a)) == 'OPEN'": True,
    "replace(a, 'o', 'u') == 'open'": None,
    "contains(a, 'op')": None,
    "contains([x], a)": None,
    "starts_with(x, 'op')": None,
    "starts_with(a, x)": None,
    "[a == 'open']": None,
    "x[?a == 'click']": None,
    "x | a == 'click'": None,
}  # fmt: skip


@pytest.mark.parametrize("text", POSSIBLE)
def test_possible(text: str) -> None:
    assert possible(parse(text), Facts(channel="email", tables=TABLES)) == POSSIBLE[text]


def test_possible_with_what_is_known_of_parts() -> None:
    facts = Facts(narrowed(parse("contains(['open', 'CLICK'], data.event) && b == ''")))
    told: dict[str, Values | None] = {
        "data.event": frozenset(["open", "CLICK"]),
        "lower(data.event)": frozenset(["open", "click"]),
        "x && data.event": frozenset(["open", "CLICK", None]),
        "data": None,
        "event": None,
        "other.data.event": None,
    }
    assert {text: possible(parse(text), facts) for text in told} == told


def test_without_a_channel_nothing_is_known_of_it() -> None:
    assert possible(parse("channel()"), Facts()) is None


@pytest.mark.parametrize("text", NARROWED)
def test_narrowed(text: str) -> None:
    assert narrowed(parse(text)) == {parse(part).key: values for part, values in NARROWED[text].items()}


def test_a_rule_without_a_condition_narrows_nothing_and_takes_all() -> None:
    assert narrowed(None) == {}
    assert decide(None, {}) is True


@pytest.mark.parametrize("text", DECIDED)
def test_decide(text: str) -> None:
    known = {parse("a").key: "open", parse("b.c").key: ""}
    assert decide(parse(text), known) is DECIDED[text]


def test_mentioned() -> None:
    when = parse("lower(e) == 'a' && (x == 'b' || contains(['d', 'c'], lower(e))) && e == 'f'")
    assert mentioned(when, parse("lower(e)")) == ["a", "c", "d"]
    assert mentioned(None, parse("e")) == []


def test_literal_list() -> None:
    assert literal_list(parse("['a', `1`]")) == ["a", 1]
    assert literal_list(parse("['a', b]")) is None
    assert literal_list(parse("`[1]`")) is None


# -- whatever the payload ---------------------------------------------------------------------------------------------

WORDS = ["open", "click", "Open ", "", "x"]
FIELDS = ["a", "lower(a)", "b", "a.b", "@", "list[0]"]
words = st.sampled_from(WORDS).map(lambda word: f"'{word}'")
fields = st.one_of(st.just("a"), st.sampled_from(FIELDS))  # mostly one, so that condition and value speak of it
word_lists = st.lists(words, min_size=1, max_size=3).map(lambda some: f"[{', '.join(some)}]")
# Expressions of the kind that the analysis follows, among others that it must leave open.
texts = st.recursive(
    st.one_of(words, fields, st.sampled_from(["`null`", "`false`", "`0`", "`[]`", '`"x"`'])),
    lambda part: st.one_of(
        st.builds("({} || {})".format, part, part),
        st.builds("({} && {})".format, part, part),
        st.builds("{}({})".format, st.sampled_from(["lower", "upper", "trim", "not_null", "to_string"]), part),
        st.builds("({} == {})".format, part, part),
        st.builds("[{}][0]".format, part),
        st.builds("(@ | {})".format, part),
    ),
    max_leaves=6,
)
conditions = st.recursive(
    st.one_of(
        st.builds("{} == {}".format, fields, words),
        st.builds("{} == {}".format, words, fields),
        st.builds("{} != {}".format, fields, words),
        st.builds("contains({}, {})".format, word_lists, fields),
        st.builds("contains({}, {})".format, fields, words),
        st.builds("starts_with({}, {})".format, fields, words),
        st.builds("ends_with({}, {})".format, fields, words),
        fields,
    ),
    lambda part: st.one_of(
        st.builds("({} && {})".format, part, part),
        st.builds("({} || {})".format, part, part),
        st.builds("!({})".format, part),
        st.builds("(@ | {})".format, part),
        st.builds("list[?{}]".format, part),
    ),
    max_leaves=6,
)
values = st.recursive(
    st.sampled_from([*WORDS, None, True, False, 0, 1]),
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "list"]), part, max_size=3)
    ),
    max_leaves=8,
)
either = st.one_of(st.sampled_from(WORDS), values)
items = st.fixed_dictionaries({"a": either, "b": either}, optional={"list": st.lists(values, max_size=3)})

SETTINGS = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def evaluated(text: str, item: Any) -> tuple[bool, Any]:
    """Whether an expression has a value over an item, and which."""
    try:
        return True, compile_expression(text).search(item)
    except (ValueError, TypeError):  # jmespath lets some TypeErrors of Python through
        return False, None


def holds(value: Any) -> bool:
    """Whether JMESPath holds a value for true."""
    return (isinstance(value, int | float) and value is not False) or (value is not False and bool(value))


def as_known(value: Any) -> Any:
    """A value as the analysis speaks of it: whatever JMESPath holds for false counts as null."""
    return value if holds(value) else None


@SETTINGS
@given(text=texts, told=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True), item=items)
def test_every_value_is_among_the_possible_ones(text: str, told: list[str], item: Any) -> None:
    """Where `a` is known to be one of some texts."""
    known = possible(parse(text), Facts({parse("a").key: frozenset(told)}))
    for word in told:
        valued, value = evaluated(text, {**item, "a": word})
        if valued and known is not None:
            assert any(as_known(value) == (one or None) for one in known), (known, value)


@SETTINGS
@given(when=conditions, item=items)
def test_where_a_condition_holds_its_parts_have_the_narrowed_values(when: str, item: Any) -> None:
    applies, condition = evaluated(when, item)
    if not (applies and holds(condition)):
        return
    told = narrowed(parse(when))
    for field in FIELDS:
        key = parse(field).key
        if key in told:
            assert evaluated(field, item)[1] in told[key]


@SETTINGS
@given(when=conditions, item=items)
def test_what_is_decided_is_what_comes_out(when: str, item: Any) -> None:
    known = {parse(field).key: value for field in FIELDS if isinstance(value := evaluated(field, item)[1], str)}
    decided = decide(parse(when), known)
    applies, condition = evaluated(when, item)
    if decided is not None and applies:
        assert decided is holds(condition)


@SETTINGS
@given(text=expressions, item=data)
def test_of_any_expression_no_more_is_claimed_than_is_so(text: str, item: Any) -> None:
    """The expressions of the differential test: nothing is known of their parts."""
    try:
        reference(text)
    except ValueError:
        return
    tree = parse(text)
    known, decided, (valued, value) = possible(tree, Facts()), decide(tree, {}), evaluated(text, item)
    if valued and known is not None:
        assert as_known(value) in known
    if valued and decided is not None:
        assert decided is holds(value)
