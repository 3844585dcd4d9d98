"""Expressions compiled: the whole grammar, and the same answers and errors as the jmespath library."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jmespath
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rulesengine.errors import FunctionFault
from rulesengine.expressions import compile_expression
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD, JMESPathError, TooLarge
from rulesengine.signatures import Example
from tests.conftest import APP, engine_of

# -- the grammar, by example ------------------------------------------------------------------------------------------

DATA: dict[str, Any] = {
    "a": {"b": {"c": 1}, "x-y": "hyphen", "": "empty name"},
    "text": "abc",
    "empty": "",
    "zero": 0,
    "one": 1,
    "half": 0.5,
    "yes": True,
    "no": False,
    "nil": None,
    "none": [],
    "blank": {},
    "list": [10, 20, 30, 40],
    "nested": [[1, [2]], 3, [], [[4]]],
    "mixed": [1, "x", None, True, {"n": 5}],
    "people": [
        {"name": "ann", "age": 30, "tags": ["x", "y"]},
        {"name": "bob", "age": 20, "tags": []},
        {"name": "cid", "tags": ["z"]},
    ],
    "map": {"k1": {"n": 1}, "k2": {"n": 2}, "k3": 3},
    "ü": "unicode",
}

RESULTS: dict[str, Any] = {
    # fields
    "text": "abc",
    "missing": None,
    "a.b.c": 1,
    "a.b.c.d": None,
    "text.length": None,
    '"text"': "abc",
    'a."x-y"': "hyphen",
    'a.""': "empty name",
    '"\\u00fc"': "unicode",
    '"ü"': "unicode",
    " a . b . c ": 1,
    # literals
    "'a b'": "a b",
    r"'it\'s'": "it's",
    r"'a\nb'": r"a\nb",
    "''": "",
    "`1`": 1,
    "`-1.5`": -1.5,
    "`true`": True,
    "`null`": None,
    '`"x\\ty"`': "x\ty",
    '`{"a": [1, {"b": null}]}`': {"a": [1, {"b": None}]},
    "`[1, 2]`[1]": 2,
    "`word`": "word",
    # the current node
    "@.text": "abc",
    "@ | @.one": 1,
    "list[?@ > `20`]": [30, 40],
    # indices
    "list[0]": 10,
    "list[-1]": 40,
    "list[4]": None,
    "list[-5]": None,
    "text[0]": None,
    "nested[0][1][0]": 2,
    "[0]": None,
    # slices
    "list[1:3]": [20, 30],
    "list[:2]": [10, 20],
    "list[2:]": [30, 40],
    "list[::2]": [10, 30],
    "list[::-1]": [40, 30, 20, 10],
    "list[-2:]": [30, 40],
    "list[3:1]": [],
    "list[:]": [10, 20, 30, 40],
    "text[0:1]": None,
    "people[:2].name": ["ann", "bob"],
    # projections
    "people[*].name": ["ann", "bob", "cid"],
    "people[*].age": [30, 20],
    "people[*].tags[0]": ["x", "z"],
    "people[*].tags[*]": [["x", "y"], [], ["z"]],
    "people[*].tags[]": ["x", "y", "z"],
    "text[*]": None,
    "blank[*]": None,
    "none[*].x": [],
    "mixed[*]": [1, "x", True, {"n": 5}],
    "map.*.n": [1, 2],
    "map.*": [{"n": 1}, {"n": 2}, 3],
    "*.b.c": [1],
    "list.*": None,
    "nested[]": [1, [2], 3, [4]],
    "nested[][]": [1, 2, 3, 4],
    "text[]": None,
    "people[?age].name": ["ann", "bob"],
    "people[?age > `25`].name | [0]": "ann",
    "people[?tags[?@ == 'z']].name": ["cid"],
    "people[?contains(tags, 'x')] | [0].age": 30,
    "map[?n]": None,
    "list[*] | [1]": 20,
    "people[0].*": ["ann", 30, ["x", "y"]],
    # selections
    "[text, one]": ["abc", 1],
    "{t: text, \"odd name\": a.b.c, m: missing}": {"t": "abc", "odd name": 1, "m": None},
    "people[*].[name, age]": [["ann", 30], ["bob", 20], ["cid", None]],
    "people[*].{n: name}": [{"n": "ann"}, {"n": "bob"}, {"n": "cid"}],
    "missing.[a]": None,
    "missing.{a: a}": None,
    "a.b.[c, d]": [1, None],
    # comparisons
    "one == `1`": True,
    "one == `true`": False,
    "zero == `false`": False,
    "one == `1.0`": True,
    "text == 'abc'": True,
    "'abc' != text": False,
    "missing == `null`": True,
    "missing != nil": False,
    "list == `[10, 20, 30, 40]`": True,
    "a.b == `{\"c\": 1}`": True,
    "one < `2`": True,
    "`2` <= one": False,
    "half > zero": True,
    "half >= half": True,
    "text < 'abd'": True,
    "yes < one": None,
    "none < none": None,
    # conditions
    "zero || 'x'": 0,
    "empty || no || none || blank || nil || 'last'": "last",
    "none && 'x'": [],
    "text && one": 1,
    "!empty": True,
    "!zero": False,
    "!text": False,
    "!!text": True,
    "one == `1` && text == 'abc' || missing": True,
    "missing && one || two || one": 1,
    "(missing || a).b.c": 1,
    "!a.b": None,
    "!(a.b)": False,
    # pipes
    "people | [0] | name": "ann",
    "people[*].name | [1]": "bob",
    "missing | @": None,
    # calls
    "length(text)": 3,
    "length(list)": 4,
    "length(map)": 3,
    "max(list)": 40,
    "sum(none)": 0,
    "avg(none)": None,
    "join('-', people[*].name)": "ann-bob-cid",
    "sort_by(people[?age], &age)[*].name": ["bob", "ann"],
    "max_by(people[?age], &age).name": "ann",
    "map(&tags[0], people)": ["x", None, "z"],
    "not_null(missing, nil, zero)": 0,
    "merge(a.b, `{\"d\": 2}`)": {"c": 1, "d": 2},
    "keys(a.b)": ["c"],
    "values(a.b)": [1],
    "type(nil)": "null",
    "to_string(nil)": "null",
    "to_string(a.b)": '{"c":1}',
    "to_number('1.5')": 1.5,
    "to_number('x')": None,
    "to_array(text)": ["abc"],
    "reverse(text)": "cba",
    "contains(list, `20`)": True,
    "contains(text, 'bc')": True,
    "contains(['abc', 'x'], text)": True,
    "contains(['1'], one)": False,
    "contains(`[1]`, yes)": True,
    "starts_with(text, 'a') && ends_with(text, 'c')": True,
    "abs(`-1`)": 1,
    "ceil(half)": 1,
    "floor(half)": 0,
    "min(list)": 10,
    "min_by(people[?age], &age).name": "bob",
    "sort(`[3, 1, 2]`)": [1, 2, 3],
    "length(people[?length(tags) > `1`])": 1,
}  # fmt: skip

FAULTS: dict[str, str] = {
    # while compiling
    "": "EmptyExpressionError",
    "a.": "ParseError",
    "a ||": "IncompleteExpressionError",
    "a[": "IncompleteExpressionError",
    "a b": "ParseError",
    "a ==": "IncompleteExpressionError",
    "(a": "IncompleteExpressionError",
    "a[0": "IncompleteExpressionError",
    "a[b]": "ParseError",
    "[a,]": "ParseError",
    "{a}": "ParseError",
    "{a: }": "ParseError",
    "'a": "LexerError",
    '"a': "LexerError",
    "a & b": "ParseError",
    "a = b": "LexerError",
    "a ? b": "LexerError",
    "-1": "ParseError",
    "1": "ParseError",
    "a-b": "LexerError",
    '"a"(b)': "ParseError",
    # while running
    "nope(a)": "UnknownFunctionError",
    "text.length()": "ArityError",
    "text < one": "TypeError",
    "length()": "ArityError",
    "length(text, text)": "ArityError",
    "not_null()": "VariadictArityError",
    "length(one)": "JMESPathTypeError",
    "abs(text)": "JMESPathTypeError",
    "join(',', list)": "JMESPathTypeError",
    "sort(mixed)": "JMESPathTypeError",
    "sort_by(people, &age)": "JMESPathTypeError",
    "sort_by(people, age)": "JMESPathTypeError",
    "map(&length(@), list)": "JMESPathTypeError",
    "list[::0]": "ValueError",
    "people[?length(age) > `1`]": "JMESPathTypeError",
}


def reference(text: str) -> Any:
    """The library's own answer; it warns of literals that are no JSON, which is not the question here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return jmespath.compile(text)


@pytest.mark.parametrize("text", RESULTS)
def test_result(text: str) -> None:
    expected = exact(RESULTS[text])
    assert exact(compile_expression(text).search(DATA)) == expected
    assert exact(reference(text).search(DATA)) == expected


@pytest.mark.parametrize("text", FAULTS)
def test_fault(text: str) -> None:
    assert answer(lambda: compile_expression(text).search(DATA)) == ("raises", FAULTS[text])
    assert answer(lambda: reference(text).search(DATA)) == ("raises", FAULTS[text])


def test_every_standard_function_is_in_the_table() -> None:
    written = " ".join(RESULTS)
    assert [name for name in STANDARD if f"{name}(" not in written] == []


@pytest.mark.parametrize("text", ["nope(a)", "length()", "not_null()", "length(one)", "abs(text)", "lower(one)"])
def test_faults_of_running_wait_until_they_are_reached(text: str) -> None:
    """A wrong call behind `&&` does not matter until the left side holds, as in jmespath."""
    assert compile_expression(f"missing && {text}").search(DATA) is None


def test_errors_are_those_of_jmespath_and_value_errors() -> None:
    with pytest.raises(jmespath.exceptions.ParseError) as syntax:
        compile_expression("a b")
    assert isinstance(syntax.value, JMESPathError)
    with pytest.raises(jmespath.exceptions.JMESPathTypeError, match=r"length") as types:
        compile_expression("length(one)").search(DATA)
    assert isinstance(types.value, ValueError)


@pytest.mark.parametrize("data", [None, 5, "text", True, [], [{"a": 1}], {}], ids=repr)
@pytest.mark.parametrize("text", ["a", "@", "[0]", "[*].a", "*", "[?a]", "[a]", "{a: a}", "a || @", "[]", "length(@)"])
def test_any_data_may_be_searched(text: str, data: Any) -> None:
    assert answer(lambda: compile_expression(text).search(data)) == answer(lambda: reference(text).search(data))


# -- any expression over any data -------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "type", '"x y"', "list"]
LITERALS = [
    "'x'", "''", "`0`", "`1`", "`1.5`", "`true`", "`false`", "`null`", "`[]`", "`{}`", "`[1,2]`", '`"s"`',
    '`["a","b"]`', '`{"a":1}`',
]  # fmt: skip
OPERATORS = ["&&", "||", "==", "!=", "<", "<=", ">", ">=", "|"]
SLICES = ["[:1]", "[::2]", "[1:]", "[::-1]", "[::0]", "[-2:]"]
OF_ONE = [
    "length", "to_string", "to_number", "keys", "values", "type", "not_null", "sort", "sum", "max", "reverse",
    "to_array", "abs", "nope", "avg",
]  # fmt: skip
OF_TWO = ["contains", "starts_with", "ends_with", "join", "not_null", "merge", "length"]
BY_EXPRESSION = ["sort_by", "max_by", "min_by"]

names = st.sampled_from(NAMES)


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones, one alternative for each production of the grammar."""
    return st.one_of(
        st.builds("{} {} {}".format, part, st.sampled_from(OPERATORS), part),
        st.builds("!{}".format, part),
        st.builds("({})".format, part),
        st.builds("{}.{}".format, part, names),
        st.builds("{}[{}]".format, part, st.integers(-3, 3)),
        st.builds("{}{}".format, part, st.sampled_from(["[*]", "[]", ".*", *SLICES])),
        st.builds("{}[?{}]".format, part, part),
        st.builds("{}[*].{}".format, part, names),
        st.builds("[{}, {}]".format, part, part),
        st.builds("{{k: {}, l: {}}}".format, part, part),
        st.builds("{}.{{k: {}, l: {}}}".format, part, part, part),
        st.builds("{}({})".format, st.sampled_from(OF_ONE), part),
        st.builds("{}({}, {})".format, st.sampled_from(OF_TWO), part, part),
        st.builds("{}({}, &{})".format, st.sampled_from(BY_EXPRESSION), part, part),
        st.builds("map(&{}, {})".format, part, part),
    )


expressions = st.recursive(st.one_of(names, st.sampled_from(LITERALS), st.just("@")), _larger, max_leaves=9)
scalars = st.sampled_from([None, True, False, 0, 1, 2, -1, 1.5, 0.0, "", "x", "a", "5"])
data = st.recursive(
    scalars,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(st.sampled_from([name.strip('"') for name in NAMES]), part, max_size=4),
    ),
    max_leaves=14,
)


def answer(ask: Callable[[], Any]) -> tuple[str, Any]:
    """What a call gives, 1 apart from 1.0 and true, or the name of the class it raises."""
    try:
        return "gives", exact(ask())
    except Exception as fault:  # noqa: BLE001 whichever it is, both sides must raise the same
        return "raises", type(fault).__name__


def exact(value: Any) -> Any:
    """A value that is equal only to one of the same types."""
    if isinstance(value, list):
        return [exact(one) for one in value]
    if isinstance(value, dict):
        return {key: exact(one) for key, one in value.items()}
    if isinstance(value, bool | int | float | str | None):
        return type(value).__name__, value
    return type(value).__name__  # an expression reference: equal in kind


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=expressions, values=st.lists(data, min_size=2, max_size=4))
def test_any_expression_answers_as_in_jmespath(text: str, values: list[Any]) -> None:
    compiled = answer(lambda: reference(text))
    if compiled[0] == "raises":
        assert answer(lambda: compile_expression(text)) == compiled
        return
    ours, theirs = compile_expression(text), reference(text)
    for value in values:
        assert answer(lambda v=value: ours.search(v)) == answer(lambda v=value: theirs.search(v)), ours.source  # type: ignore[misc]


# -- the added functions ----------------------------------------------------------------------------------------------

EXAMPLES = [(one.name, example) for one in FUNCTIONS.values() for example in one.examples]


def run_in_mapping(example: Example) -> Any:
    """The value of an expression in the surroundings that a scoped example gives."""
    assert isinstance(example.given, dict)
    around = example.given
    mapping = {
        "event": {"identifiers": {"email": "'ann@example.com'"}, "data": {"value": example.expression}},
        "payload": {"each": ["a", "b"]},  # parent() asks for two steps
        "tables": around.get("tables", {"unused": {"a": "b"}}),
        "rules": [{"emit": "open"}],
    }
    engine = engine_of(mapping, app=APP.replace("type: email", f"type: {around.get('channel', 'email')}"))
    item, root, parent, request = (around.get(name) for name in ("item", "root", "parent", "request"))
    _, _, events = engine._programs["test"].item(item, root, parent, request)
    return events[0]["data"].get("value")


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda one: getattr(one, "expression", one))
def test_example_of_an_added_function(name: str, example: Example) -> None:
    if example.scoped:
        assert exact(run_in_mapping(example)) == exact(example.gives)
    elif example.fails is None:
        assert exact(compile_expression(example.expression).search(example.given)) == exact(example.gives)
    else:
        with pytest.raises(FunctionFault) as caught:
            compile_expression(example.expression).search(example.given)
        assert str(caught.value) == example.fails


@pytest.mark.parametrize("text", ["root()", "parent()", "request()", "channel()", "lookup('t', a)"])
def test_functions_that_need_a_mapping_are_unknown_without_one(text: str) -> None:
    with pytest.raises(jmespath.exceptions.UnknownFunctionError):
        compile_expression(text).search({"a": 1})


# -- the object -------------------------------------------------------------------------------------------------------


def test_an_expression_travels_as_its_text() -> None:
    original = compile_expression("people[?age > `25`].name | [0]")
    copy = pickle.loads(pickle.dumps(original))
    assert copy.expression == original.expression
    assert copy.search(DATA) == "ann"
    assert len(pickle.dumps(original)) < 200


def test_an_expression_keeps_nothing_between_calls() -> None:
    """A list written in the expression is not changed by what one call does with it."""
    compiled = compile_expression('{a: `[1]`, b: [x, `{"n": []}`]}')
    assert compiled.search({"x": 1}) == compiled.search({"x": 1}) == {"a": [1], "b": [1, {"n": []}]}


def test_threads_share_an_expression() -> None:
    compiled = compile_expression("sort_by(people[?n == @.m], &n)[*].{n: n, all: length(tags || `[]`)} | [-1].n")

    def ask(n: int) -> bool:
        people = [{"n": i, "m": i} for i in range(n)]
        return bool(compiled.search({"people": people}) == n - 1)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 400)))


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "a" + ")" * n,
    "nots": lambda n: "!" * n + "a",
    "lists": lambda n: "[" * n + "a" + "]" * n,
    "objects": lambda n: "{a: " * n + "a" + "}" * n,
    "calls": lambda n: "abs(" * n + "a" + ")" * n,
    "filters": lambda n: "a[?" * n + "a" + "]" * n,
    "projections": lambda n: "a" + "[*].a" * n,
    "value projections": lambda n: "a" + ".*" * n,
    "flattenings": lambda n: "a" + "[]" * n,
    "ors to the right": lambda n: "(a || " * n + "a" + ")" * n,
    "ors to the left": lambda n: " || ".join(["a"] * n),
    "ands with calls": lambda n: "(a && abs(" * n + "a" + "))" * n,
    "references": lambda n: "map(&" * n + "a" + ", @)" * n,
    "pipes": lambda n: " | ".join(["a"] * n),
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_nesting_is_refused(kind: str) -> None:
    with pytest.raises(TooLarge, match=r"nested more than \d+ .*deep"):
        compile_expression(DEEP[kind](1_500))


@pytest.mark.parametrize("kind", DEEP)
def test_what_anybody_writes_is_not_too_deep(kind: str) -> None:
    text = DEEP[kind](10)
    assert answer(lambda: compile_expression(text).search(DATA)) == answer(lambda: reference(text).search(DATA))


@pytest.mark.parametrize("kind", DEEP)
def test_up_to_the_limit_every_depth_compiles(kind: str) -> None:
    """No depth between what compiles and what is refused makes Python itself give up."""
    refused = 0
    for depth in [*range(10, 130, 3), *range(130, 600, 17)]:
        try:
            compile_expression(DEEP[kind](depth))
        except TooLarge:
            refused += 1
        else:
            assert not refused, depth
    assert refused or kind == "parentheses"


def test_long_expressions_are_refused() -> None:
    assert compile_expression("a" * 20_000).search({"a" * 20_000: 1}) == 1
    with pytest.raises(TooLarge, match="longer than 20000 characters"):
        compile_expression("a" * 20_001)


def test_wide_expressions_are_not() -> None:
    wide = ", ".join(f"a{n}" for n in range(2_000))
    assert compile_expression(f"[{wide}] | length(@)").search({}) == 2_000
