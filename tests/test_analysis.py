"""What is known of an expression before any payload: nothing that a payload could contradict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rulesengine.analysis import Facts, evaluate, type_of
from rulesengine.conditions import alike, can_fail, decide, mentioned
from rulesengine.expressions import compile_expression
from rulesengine.jmes import parse, revalued
from rulesengine.narrowing import Parts, assume, joined, known_as, literal_list
from rulesengine.possible import (
    ANY,
    FORMS,
    NONE,
    Possible,
    both,
    constant_of,
    either,
    false_part,
    of,
    texts_of,
    true_part,
    truth,
    values_of,
    without,
)
from tests.test_expressions import data, expressions, reference

TABLES: Mapping[str, Mapping[str, object]] = {
    "t": {"a": "one", "b": "two"},
    "n": {"5": "five", "true": "yes", "default": "other"},
}
FALSE = '"" [] false null {}'


def shown(possible: Possible) -> str:
    """Constants as JSON, then the types that are open, with what leaves texts as they are."""
    constants = [str(value) if kind in ("array", "object") else json.dumps(value) for kind, value in possible.constants]
    forms = "".join(f".{form}" for form in sorted(possible.forms))
    return " ".join([*sorted(constants), *sorted(kind + (forms if kind == "string" else "") for kind in possible.open)])


# What an expression can yield: any value at all is "any".
EVALUATED: dict[str, str] = {
    # literals
    "'open'": '"open"',
    "`5`": "5",
    "`null`": "null",
    "`[]`": "[]",
    "`[1]`": "array",
    # what depends on the payload
    "a": "any",
    "@": "any",
    "a.b": "any",
    "[0]": "any",
    # what is no object has no fields, what is no list no elements
    "'x'.a": "null",
    "lower(a).b": "null",
    "length(a)[0]": "null",
    "split(a, '.')[0]": "any",
    "[a, b]": "null array",
    "{a: b}": "null object",
    "a[*].b": "null array",
    "a[].b": "null array",
    "a[?b]": "null array",
    "a.*": "null array",
    "a[1:]": "null array",
    "&a": "expref",
    # choices
    "a && 'x'": f'{FALSE[:2]} "x"{FALSE[2:]}',
    "'x' && 'y'": '"y"',
    "'' && 'y'": '""',
    "'x' || a": '"x"',
    "'' || 'x'": '"x"',
    "`0` || 'x'": "0",
    "a && 'x' || 'y'": '"x" "y"',
    "a && 'x' || b && 'y' || 'z'": '"x" "y" "z"',
    "(a == 'x') && a": '"x" false',
    "(a != 'x') || a": '"x" true',
    "not_null(a && 'x', 'y')": '"" "x" "y" [] false {}',
    # comparisons
    "a == 'x'": "false true",
    "'x' == 'y'": "false",
    "'x' != 'y'": "true",
    "'x' == 'x'": "true",
    "`1` == `1.0`": "true",
    "`1` == `true`": "false",
    "length(a) == 'x'": "false",
    "lower(a) == 'Bounce'": "false",
    "lower(a) == 'bounce'": "false true",
    "upper(trim(a)) == 'X '": "false",
    "trim(lower(a)) == 'Bounce'": "false",
    "`1` < `2`": "true",
    "`1` < 'a'": "",
    "`1` < `true`": "null",
    "length(a) > `0`": "false true",
    "a > `0`": "false null true",
    "'x' == a && 'y' == a": "false",
    "(a && 'x' || 'y') == 'z'": "false",
    "!'x'": "false",
    "!a": "false true",
    # calls
    "channel()": '"email"',
    "lookup('t', a)": '"one" "two" null',
    "lookup('t', 'b')": '"two"',
    "lookup('t', 'c')": "null",
    "lookup('t', a) || 'three'": '"one" "three" "two"',
    "lookup('n', a)": '"five" "other" "yes" null',
    "lookup('n', `5`)": '"five"',
    "lookup('n', length(a))": '"five" "other" null',
    "lookup('n', upper(a))": '"five" "other" null',
    "lookup('n', `true`)": '"yes"',
    "lookup('n', `null`)": "null",
    "lookup('none', a)": "any",
    "lookup(a, 'one')": "any",
    "upper('x')": '"X"',
    "trim(a && ' x ' || '  ')": '"" "x"',
    "upper(lookup('t', a))": '"ONE" "TWO" null',
    "lower(a)": "null string.lower",
    "trim(lower(a))": "null string.lower.trim",
    "upper(lower(trim(a)))": "null string.trim.upper",
    "replace('a', 'a', 'b')": '"b"',
    "replace(a, 'a', 'b')": "null string",
    "to_number('5')": "5",
    "to_string(a)": "string",
    "to_string(`null`)": '"null"',
    "length(`null`)": "",
    "length(`null`) || 'x'": "",
    "epoch(`1513299569123`)": "",
    "epoch('2017-12-15')": "1513296000",
    "contains(['a', 'b'], 'a')": "true",
    "contains(['a', 'b'], lower(c))": "false true",
    "contains(['A', 'B'], lower(c))": "false",
    "contains(['a', 'b'], c && 'a' || 'b')": "true",
    "contains('abc', 'b')": "true",
    "type(`1`)": '"number"',
    "no_such(a)": "any",
    "from_json(a)": "any",
    # another value than the item
    "a | b": "any",
    "'x' | lower(@)": '"x"',
    "lower(a) | @ == 'X'": "false",
}


@pytest.mark.parametrize("text", EVALUATED)
def test_evaluate(text: str) -> None:
    found = evaluate(parse(text), Facts(channel="email", tables=TABLES))
    assert shown(found) == (shown(ANY) if EVALUATED[text] == "any" else EVALUATED[text])


def test_evaluate_with_what_is_known_of_parts() -> None:
    facts = Facts(assume(parse("contains(['open', 'CLICK'], data.event) && b == `5` && c && c != 'x'")))
    told = {
        "data.event": '"CLICK" "open"',
        "lower(data.event)": '"click" "open"',
        "b": "5",
        "c": "true array number object string",
        "event": "any",
        "other.data.event": "any",
        "@ | b": "any",
        "c == 'x'": "false",
        "c || 'y'": "true array number object string",
    }
    for text, expected in told.items():
        assert shown(evaluate(parse(text), facts)) == (shown(ANY) if expected == "any" else expected), text


def test_without_a_channel_nothing_is_known_of_it_but_its_type() -> None:
    assert shown(evaluate(parse("channel()"))) == "string"


# What is known of the parts of a condition where it holds; the condition itself is left out.
ASSUMED: dict[str, dict[str, str]] = {
    "a == 'x'": {"a": '"x"'},
    "'x' == a": {"a": '"x"'},
    "a.b == `5`": {"a.b": "5"},
    "a == `null`": {"a": "null"},
    "a == `[]`": {},
    "a == b": {},
    "'x' == 'y'": {},
    "lower(a) == 'x'": {"lower(a)": '"x"'},
    "contains(['x', 'y'], a)": {"a": '"x" "y"'},
    """contains(`["x", "y"]`, a)""": {"a": '"x" "y"'},
    "contains(a, 'x')": {},
    "contains(['x', `1`], a)": {},
    "contains(['x', b], a)": {},
    "a == 'x' && b == 'y'": {"a": '"x"', "b": '"y"'},
    "a == 'x' || a == 'y'": {"a": '"x" "y"'},
    "a == 'x' || b == 'y'": {},
    "(a == 'x' || a == 'y') && b == 'z'": {"a": '"x" "y"', "b": '"z"'},
    "contains(['x', 'y'], a) && contains(['y', 'z'], a)": {"a": '"y"'},
    "a == 'x' && a == 'y'": {"a": ""},
    "!(a == 'x' || b == 'y') && a && a == 'x'": {"a": ""},
    "!(a == 'x') && a == 'x'": {"a": ""},
    "!(a != 'x')": {"a": '"x"'},
    "a": {"a": "true array number object string"},
    "!a": {"a": FALSE},
    "!(a && b)": {},
    "!(a || b)": {"a": FALSE, "b": FALSE},
    "starts_with(a, 'x')": {"a": "string"},
    "[?a == 'x']": {},
}


@pytest.mark.parametrize("text", ASSUMED)
def test_assume(text: str) -> None:
    known = assume(parse(text))
    expected = {parse(part).key: values for part, values in ASSUMED[text].items()}
    assert {key: shown(known[key]) for key in expected} == expected


def test_a_rule_without_a_condition_assumes_nothing_and_takes_all() -> None:
    assert assume(None) == {}
    assert decide(None) is True


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
    "replace(a, 'o', 'u') == 'open'": False,
    "contains(a, 'op')": True,
    "contains([x], a)": None,
    "a == 'open' && a == 'click'": False,
    "x == 'y' && x == 'z'": False,
    "x != 'y' || x != 'z'": True,
    "x && !x": False,
    "x || !x": True,
    "length(a) == `4`": True,
    "starts_with(x, 'op')": None,
    "starts_with(a, x)": None,
    "[a == 'open']": None,  # the item might be null, as far as the tree tells
    "x[?a == 'click']": None,
    "x | a == 'click'": None,
}  # fmt: skip


@pytest.mark.parametrize("text", DECIDED)
def test_decide(text: str) -> None:
    known = joined(known_as(parse("a"), "open"), known_as(parse("b.c"), ""))
    assert decide(parse(text), Facts(known)) is DECIDED[text]


# Decided, but the part to the left may fail first, or the whole may.
INEXACT = ["length(x) && a == 'click'", "length(x) > `1` && a == 'click'",
           "x > y && a == 'click'", "lower(x) == 'X'", "x[::0] && a == 'click'",
           "starts_with(x, 'y') || a == 'open'", "!(length(x) && a == 'click')"]  # fmt: skip
EXACT = ["x && a == 'click'", "lower(a) == 'click'", "contains(['y'], x) && a == 'click'", "x || a == 'open'",
         "`1` > `2`", "!(x && a == 'click')", "starts_with(a, 'op')", "root().x && a == 'click'"]  # fmt: skip


@pytest.mark.parametrize("text", [*INEXACT, *EXACT])
def test_decide_exactly(text: str) -> None:
    facts = Facts(known_as(parse("a"), "open"))
    assert decide(parse(text), facts) is not None
    assert (decide(parse(text), facts, exact=True) is None) is (text in INEXACT)


@pytest.mark.parametrize(
    ("conditions", "groups"),
    [
        (["e == 'a'", "contains(['b', 'c'], e)"], [["a"], ["b", "c"], ["d"]]),
        (["e == 'a' || contains(['a', 'b', 'c'], e)"], [["a"], ["b", "c"], ["d"]]),
        (["e != 'a' && x == 'b'"], [["a"], ["b", "c", "d"]]),
        (["starts_with(e, 'a')"], [["a"], ["b"], ["c"], ["d"]]),
        (["e == `1`"], [["a"], ["b"], ["c"], ["d"]]),
        (["e == x"], [["a"], ["b"], ["c"], ["d"]]),
        (["x == 'a'"], [["a", "b", "c", "d"]]),
    ],
    ids=str,
)
def test_alike(conditions: list[str], groups: list[list[str]]) -> None:
    assert alike("abcd", map(parse, conditions), parse("e")) == groups


def test_mentioned() -> None:
    when = parse("lower(e) == 'a' && (x == 'b' || contains(['d', 'c'], lower(e))) && e == 'f' && lower(e) != 'g'")
    assert mentioned(when, parse("lower(e)")) == ["a", "d", "c", "g"]
    assert mentioned(None, parse("e")) == []


def test_literal_list() -> None:
    assert literal_list(parse("['a', `1`]")) == ["a", 1]
    assert literal_list(parse("['a', b]")) is None
    assert literal_list(parse("`[1]`")) is None


def test_type_of() -> None:
    told = {"lower(a)": "string", "a": None, "a == b": "boolean", "length(a)": "number", "`null`": "null",
            "a && 'x'": None, "a[*]": "array", "to_number(a)": "number", "max(a)": None}  # fmt: skip
    assert {text: type_of(parse(text)) for text in told} == told


def test_texts_of() -> None:
    assert texts_of(of("a", "b")) == frozenset({"a", "b"})
    assert texts_of(of("a", "", 5)) == frozenset({"a", None})
    assert texts_of(ANY) is None


# -- sets of values ---------------------------------------------------------------------------------------------------

SCALARS: list[Any] = ["open", "Open", " x ", "", None, True, False, 0, 1, 2.5]
sets = st.recursive(
    st.one_of(
        st.lists(st.sampled_from([*SCALARS, [], {}, [1], {"a": 1}]), max_size=3).map(lambda some: of(*some)),
        st.just(ANY),
        st.sampled_from(sorted(FORMS)).map(lambda form: Possible(open=frozenset(["string"]), forms=frozenset([form]))),
    ),
    lambda part: st.one_of(
        st.builds(either, part, part),
        st.builds(both, part, part),
        st.builds(true_part, part),
        st.builds(false_part, part),
        st.builds(lambda one, gone: without(one, map(constant_of, gone)), part, st.lists(st.sampled_from(SCALARS))),
    ),
    max_leaves=5,
)


def within(value: Any, possible: Possible) -> bool:
    """Whether a set of values has this one."""
    if isinstance(value, list | dict) and value:
        return ("array" if isinstance(value, list) else "object") in possible.open
    return all(possible.admits(constant) for constant in of(value).constants)


@given(one=sets, other=sets, value=st.sampled_from([*SCALARS, [], {}, [1], {"a": 1}]))
def test_sets_are_joined_and_cut(one: Possible, other: Possible, value: Any) -> None:
    assert within(value, both(one, other)) == (within(value, one) and within(value, other))
    assert within(value, either(one, other)) >= (within(value, one) or within(value, other))
    assert within(value, true_part(one)) == (within(value, one) and holds(value))
    assert within(value, false_part(one)) == (within(value, one) and not holds(value))
    if within(value, one):
        assert truth(one) in (None, holds(value))
        assert value in (values_of(one) or [value])


@given(st.text())
def test_what_forms_give_they_leave_as_it_is(text: str) -> None:
    for form in FORMS.values():
        for other in (form, FORMS["trim"]):
            assert form(other(form(text))) == other(form(text))
    assert FORMS["trim"](FORMS["lower"](FORMS["trim"](text))) == FORMS["lower"](FORMS["trim"](text))


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
words_or_values = st.one_of(st.sampled_from(WORDS), values)
items = st.fixed_dictionaries(
    {"a": words_or_values, "b": words_or_values}, optional={"list": st.lists(values, max_size=3)}
)

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


@SETTINGS
@given(text=texts, told=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True), item=items)
def test_every_value_is_among_the_possible_ones(text: str, told: list[str], item: Any) -> None:
    """Where `a` is known to be one of some texts."""
    possible = evaluate(parse(text), Facts(known_as(parse("a"), *told)))
    for word in told:
        valued, value = evaluated(text, {**item, "a": word})
        if valued:
            assert within(value, possible), (value, possible)


@SETTINGS
@given(when=conditions, item=items)
def test_where_a_condition_holds_or_not_its_parts_have_the_assumed_values(when: str, item: Any) -> None:
    applies, condition = evaluated(when, item)
    if not applies:
        return
    told = assume(parse(when), holds=holds(condition))
    for field in FIELDS:
        valued, value = evaluated(field, item)
        if valued and parse(field).key in told:
            assert within(value, told[parse(field).key])


@SETTINGS
@given(when=conditions, item=items)
def test_what_is_decided_is_what_comes_out(when: str, item: Any) -> None:
    known: Parts = {}
    for field in FIELDS:
        valued, value = evaluated(field, item)
        known = joined(known, known_as(parse(field), value)) if valued else known
    facts, tree = Facts(known), parse(when)
    decided, exactly = decide(tree, facts), decide(tree, facts, exact=True)
    applies, condition = evaluated(when, item)
    if decided is not None and applies:
        assert decided is holds(condition)
    if exactly is not None:
        assert applies
        assert exactly is holds(condition)
    if not can_fail(tree, facts):
        assert applies


calls = st.sampled_from(["channel()", "lookup('n', a)", "lookup('t', channel())", "list[].lookup('n', @)"])
facts = st.builds(
    lambda parts, channel, tables: Facts(reduce(joined, parts, {}), channel, tables),
    st.lists(st.builds(lambda field, word: known_as(parse(field), word), fields, st.sampled_from(WORDS)), max_size=2),
    st.sampled_from([None, "email"]),
    st.sampled_from([{}, TABLES]),
)


@SETTINGS
@given(text=st.one_of(conditions, st.builds("({} || {})".format, texts, calls)), known=facts, before=facts)
def test_what_was_asked_before_changes_no_answer(text: str, known: Facts, before: Facts) -> None:
    """A tree keeps what follows from it alone: nothing that was known when it was asked the first time."""
    tree = parse(text)
    evaluate(tree, before)
    evaluate(tree)
    for number, part in enumerate(tree.walk()):
        fresh = [*parse(text).walk()][number]
        assert evaluate(part, known) == evaluate(fresh, known)


def test_a_changed_tree_is_asked_anew() -> None:
    tree = parse("'a' == 'a'")
    assert evaluate(tree) == of(True)
    assert evaluate(revalued(tree, tree, "ne")) == of(False)


@SETTINGS
@given(text=expressions, item=data)
def test_of_any_expression_no_more_is_claimed_than_is_so(text: str, item: Any) -> None:
    """The expressions of the differential test: nothing is known of their parts."""
    try:
        reference(text)
    except ValueError:
        return
    tree = parse(text)
    possible, (valued, value) = evaluate(tree), evaluated(text, item)
    if valued:
        assert within(value, possible)
        assert truth(possible) in (None, holds(value))
    if not can_fail(tree):
        assert valued


def test_nothing_is_in_the_empty_set() -> None:
    assert NONE.is_empty
    assert truth(NONE) is None
    assert either(NONE, of(1)) == of(1) == either(of(1), NONE)
