"""Expressions compiled: the whole grammar, and the same answers and errors as the jmespath library.

The language is specified by example in tests/expressions: a file for each topic, each a list of

- given: {...}               # the data
  cases:
    - expression: a.b
      result: 1              # exactly this: 1 is neither 1.0 nor true, and keys have an order
    - expression: a.
      error: syntax          # or unknown-function, invalid-arity, invalid-type, invalid-value

Every case is run by the library, too. What cases cannot show, expressions and data made at random do.
"""

from __future__ import annotations

import copy
import json
import pickle
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import jmespath
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rulesengine import translate
from rulesengine.diagnostics import render
from rulesengine.errors import FunctionFault
from rulesengine.expressions import CompiledExpression, compile_expression
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD, JMESPathError, TooLarge, parse
from rulesengine.linking import defined
from rulesengine.runtime import truth
from rulesengine.signatures import Example
from rulesengine.source import read
from rulesengine.translate import ITEM, Translator
from rulesengine.writer import Namespace, Writer
from tests.conftest import APP, engine_of, item_of

# -- the language, by example -----------------------------------------------------------------------------------------

FOLDER = Path(__file__).parent / "expressions"

# The kinds of error that the specification has, and the classes that the library raises for each. A text that does not
# parse is found while compiling, everything else when it is reached.
KINDS = {
    "syntax": {"EmptyExpressionError", "IncompleteExpressionError", "LexerError", "ParseError"},
    "unknown-function": {"UnknownFunctionError"},
    "invalid-arity": {"ArityError", "VariadictArityError"},
    "invalid-type": {"JMESPathTypeError", "TypeError"},  # the latter is Python's own, which the library lets out
    "invalid-value": {"ValueError"},
}


@dataclass(frozen=True)
class Case:
    """One case of a file of tests/expressions: what an expression gives over some data, or the kind of error."""

    topic: str
    given: Any
    expression: str
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.topic}: {self.expression}"


def cases() -> Iterator[Case]:
    """All cases, in the order of their files."""
    for file in sorted(FOLDER.glob("*.yml")):
        root, faults = read(str(file), file.read_bytes())
        assert root is not None, render(faults)
        assert not faults, render(faults)
        for group in root.data:
            assert group.keys() == {"given", "cases"}, file
            for case in group["cases"]:
                yield Case(file.stem, group["given"], case["expression"], case)


CASES = list(cases())
DATA = next(case.given for case in CASES if case.topic == "tour")


def reference(text: str) -> Any:
    """The library's own answer; it warns of literals that are no JSON, which is not the question here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return jmespath.compile(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    """We give what the case says, and so does the library: the case is right."""
    ours, theirs = (asked(compile_one, case.expression, case.given) for compile_one in (compile_expression, reference))
    assert ours == theirs
    if "result" in case.data:
        assert ours == ("gives", exact(case.data["result"]))
        return
    kind = case.data["error"]
    assert ours[0] == ("does not compile" if kind == "syntax" else "raises")
    assert ours[1] in KINDS[kind]


def test_cases_are_well_formed_and_none_stands_twice() -> None:
    for case in CASES:
        assert case.data.keys() in ({"expression", "result"}, {"expression", "error"}), case.id
        assert case.data.get("error", "syntax") in KINDS, case.id
    counted = Counter((case.expression, json.dumps(case.given)) for case in CASES)
    assert [expression for (expression, _), count in counted.items() if count > 1] == []


def test_every_kind_of_tree_has_cases() -> None:
    """Nothing of the grammar is left out."""
    parsed = [parse(case.expression) for case in CASES if case.data.get("error") != "syntax"]
    kinds = {tree.kind for root in parsed for tree in root.walk()}
    assert kinds == {*translate._VALUES, "key_val_pair"}
    compared = {tree.value for root in parsed for tree in root.walk() if tree.kind == "comparator"}
    assert compared == {"eq", "ne", "lt", "lte", "gt", "gte"}


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_function_has_cases(name: str) -> None:
    """A result and every error that it can have."""
    calls = [case for case in CASES if case.expression.startswith(f"{name}(")]
    takes_all = all(types == ("any",) for types in STANDARD[name].parameters)
    errors = {case.data["error"] for case in calls if "error" in case.data}
    assert any("result" in case.data for case in calls)
    assert "invalid-arity" in errors
    assert takes_all or "invalid-type" in errors


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_has_not_is_none(text: str) -> None:
    """The one place where we follow the specification and the library does not."""
    assert compile_expression("to_number(@)").search(text) is None
    assert not isfinite(reference("to_number(@)").search(text))


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

NAMES = ["a", "b", "c", "list", "type", "x y", "é", ""]
TEXTS = ["", "x", "a", "ab", "b", "abc", "é", "日本", "😀", "e\u0301", "0", "5", "-1.5", "1e3", " 7 ", "null", "true",
         "it's", '"', "`", "\n", "\x00"]  # fmt: skip
NUMBERS: list[int | float] = [0, 1, 2, -1, 3, 5, 0.0, -0.0, 1.0, 1.5, -2.5, 2**70, -(2**70), 1e300, -1e300, 1e-9]

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(NUMBERS)
keys = st.sampled_from(NAMES)
scalars = st.one_of(st.sampled_from([None, True, False]), numbers, texts)


def _containers(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and objects; also lists of one kind, which is what most functions take."""
    return st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(keys, part, max_size=4),
        st.lists(texts, max_size=4),
        st.lists(numbers, max_size=4),
        st.lists(st.dictionaries(keys, part, max_size=3), max_size=4),
        st.lists(st.fixed_dictionaries({"a": st.one_of(numbers, texts)}, optional={"b": part}), max_size=4),
        st.lists(st.lists(part, max_size=3), max_size=3),
    )


data = st.recursive(scalars, _containers, max_leaves=14)
items = st.dictionaries(keys, data, min_size=1, max_size=5)  # where fields find something
small = st.recursive(scalars, _containers, max_leaves=4)


@st.composite
def fields(draw: st.DrawFn) -> str:
    """A field as it may be spelt: bare where that can be, quoted, or quoted with escapes."""
    name = draw(keys)
    spellings = [json.dumps(name), json.dumps(name, ensure_ascii=False)]
    return draw(st.sampled_from([name, name, *spellings] if name.isascii() and name.isidentifier() else spellings))


@st.composite
def literals(draw: st.DrawFn) -> str:
    """JSON between backticks, or raw text."""
    value = draw(small)
    if isinstance(value, str) and draw(st.booleans()):
        return "'" + value.replace("'", "\\'") + "'"
    return "`" + json.dumps(value, ensure_ascii=draw(st.booleans())).replace("`", "\\`") + "`"


bounds = st.one_of(st.just(""), st.integers(-5, 5).map(str), st.sampled_from(["-0", "99999999999999999999"]))
slices = st.one_of(st.builds("[{}:{}]".format, bounds, bounds), st.builds("[{}:{}:{}]".format, bounds, bounds, bounds))
comparators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
operators = st.one_of(comparators, st.sampled_from(["&&", "||", "|"]))
functions = st.sampled_from([*STANDARD, "nope"])
suffixes = st.one_of(
    st.sampled_from(["[*]", "[]", ".*", "[0]", "[-1]", "[?@]", "[?a]", "[*].a", "[].a", ".*.a", ".type", " | [0]"]),
    st.integers(-5, 5).map("[{}]".format),
    slices,
)
# What a function gets here, it refuses, or takes to be of each element. Those that would hand it on are left out: text
# that shows the address of an object in memory is the same in no two runs.
HAND_ON = {"not_null", "to_array", "to_string", "to_number", "nope"}


@st.composite
def calls(draw: st.DrawFn, part: st.SearchStrategy[str]) -> str:
    """A call of any function with one to three arguments of any kind."""
    name = draw(functions)
    arguments = draw(st.lists(part, min_size=1, max_size=3))
    if name not in HAND_ON:
        arguments = ["&" * draw(st.sampled_from([False, False, False, True])) + one for one in arguments]
    return f"{name}({', '.join(arguments)})"


def _fitting_calls(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Calls with the number of arguments that the function takes, often of the right types."""
    one = [name for name, spec in STANDARD.items() if len(spec.parameters) == 1]
    texts = st.builds("{}[?type(@) == 'string']".format, part)
    numbers = st.builds("{}[?type(@) == 'number']".format, part)
    return st.one_of(
        st.builds("{}({})".format, st.sampled_from(one), part),
        st.builds("{}({}, {})".format, st.sampled_from(["not_null", "merge"]), part, part),
        st.builds("{}({}, {})".format, st.sampled_from(["contains", "starts_with", "ends_with"]), part, part),
        st.builds("contains([{}, {}], {})".format, part, part, part),
        st.builds("{}(to_string({}), to_string({}))".format, st.sampled_from(["contains", "ends_with"]), part, part),
        st.builds("join({}, {})".format, part, texts),
        st.builds("join('', [to_string({}), {}])".format, part, part),
        st.builds("{}({})".format, st.sampled_from(["sort", "max", "min"]), st.one_of(texts, numbers)),
        st.builds("{}({})".format, st.sampled_from(["sum", "avg"]), numbers),
        st.builds("{}({}, &{})".format, st.sampled_from(["sort_by", "max_by", "min_by"]), part, part),
        st.builds("{}(list, &{})".format, st.sampled_from(["sort_by", "max_by", "min_by"]), part),
        st.builds("map(&{}, {})".format, part, part),
    )


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones, one alternative for each production of the grammar."""
    return st.one_of(
        st.builds("{} {} {}".format, part, operators, part),
        st.builds("{}{}".format, st.sampled_from(["!", "!!", "! "]), part),
        st.builds("({})".format, part),
        st.builds("{}.{}".format, part, fields()),
        st.builds("{}{}".format, part, suffixes),
        st.builds("{}[?{}]".format, part, part),
        st.builds("{}[?{} {} {}]".format, part, part, comparators, part),
        st.builds("[{}, {}]".format, part, part),
        st.builds("[{}][]{}".format, part, st.sampled_from(["", ".a", "[0]", "[?@]"])),
        st.builds("{{{}: {}, k: {}}}".format, fields(), part, part),
        st.builds("{}.[{}]".format, part, part),
        st.builds("{}.{{k: {}, {}: {}}}".format, part, part, fields(), part),
        st.builds("{}.{}".format, part, calls(part)),
        calls(part),
        _fitting_calls(part),
    )


leaves = st.one_of(fields(), fields(), literals(), st.just("@"))
expressions = st.recursive(leaves, _larger, max_leaves=9)

# One level after the other, each of which may become a block of the program; `b` stands for what was there before.
LEVELS = [
    "!{}", "({})", "[{}]", "{{k: {}}}", "{}[*]", "{}[]", "{}.*", "{}.a", "{}[0]", "{}[?@]", "{} | @", "{} || b",
    "b || {}", "b && {}", "{} && b", "{} == b", "b < {}", "to_array({})", "to_string({})", "type({})",
    "not_null({}, b)", "map(&{}, list)", "sort_by(list, &{})", "list[?{}]", "list[*].[{}]", "*.{{k: {}}}", "(b || {})",
    "(b && ({}))", "(length({}) || b)", "contains([{}], b)", "[{}][]",
]  # fmt: skip


@st.composite
def deep_expressions(draw: st.DrawFn) -> str:
    """Up to twelve levels, one within the other, but no more blocks than we allow."""
    text = draw(leaves)
    for level in draw(st.lists(st.sampled_from(LEVELS), min_size=4, max_size=12)):
        text = level.format(text)
    assume(answer(lambda: parse(text)) != ("raises", "TooLarge"))
    return text


TOKENS = [
    "a", "b", "list", '"x y"', "'x'", "`1`", "`[1]`", "`x", "'", '"', "@", "*", "[", "]", "[]", "[?", "[*]", "{", "}",
    "(", ")", ",", ":", ".", "0", "-1", "1", "&", "&&", "|", "||", "!", "!=", "==", "=", "<", "<=", ">", ">=", "?",
    "-", "#", " ", "length(", "map(&", "k: ", "é",
]  # fmt: skip
soups = st.lists(st.sampled_from(TOKENS), max_size=9).map("".join)


@st.composite
def misspelt(draw: st.DrawFn) -> str:
    """An expression with one token more, or one character less."""
    text = draw(expressions)
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(["", *TOKENS])) + text[at + draw(st.integers(0, 1)) :]


Answer = tuple[str, Any]


def answer(ask: Callable[[], Any]) -> Answer:
    """What a call gives, 1 apart from 1.0 and true, or the name of the class it raises."""
    try:
        return "gives", exact(ask())
    except Exception as fault:  # noqa: BLE001 whichever it is, both sides must raise the same
        return "raises", type(fault).__name__


def asked(compile_one: Callable[[str], Any], text: str, value: Any) -> Answer:
    """What an expression gives or raises over a value, or what it raises when it is compiled."""
    try:
        compiled = compile_one(text)
    except Exception as fault:  # noqa: BLE001 as above
        return "does not compile", type(fault).__name__
    return answer(lambda: compiled.search(value))


def exact(value: Any) -> Any:
    """A value that is equal only to one of the same types, keys in the same order, and 0.0 not to -0.0."""
    if isinstance(value, list):
        return [exact(one) for one in value]
    if isinstance(value, dict):
        return {"keys": list(value), "values": [exact(one) for one in value.values()]}
    if isinstance(value, bool | int | float | str | None):
        return type(value).__name__, repr(value)
    return type(value).__name__  # an expression reference: equal in kind


def assert_same(text: str, value: Any, compile_one: Callable[[str], Any] = compile_expression) -> None:
    """Ours and theirs are the same, and the value is as it was; else both are shown, with the program."""
    before = exact(value)
    theirs, ours = asked(reference, text, value), asked(compile_one, text, value)
    if ours == theirs and exact(value) == before:
        return
    source = "" if ours[0] == "does not compile" else compile_one(text).source
    changed = "" if exact(value) == before else "\n(the data was changed)"
    over = json.dumps(value, ensure_ascii=False)
    pytest.fail(f"{text}\nover    {over}\nours    {ours}\ntheirs  {theirs}{changed}\n\n{source}")


UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@settings(UNTIMED, max_examples=400)
@given(text=expressions, values=st.lists(st.one_of(items, items, data), min_size=1, max_size=3))
def test_any_expression_answers_as_in_jmespath(text: str, values: list[Any]) -> None:
    for value in values:
        assert_same(text, value)


@settings(UNTIMED, max_examples=150)
@given(text=deep_expressions(), value=items)
def test_any_nesting_answers_as_in_jmespath(text: str, value: Any) -> None:
    assert_same(text, value)


@settings(UNTIMED, max_examples=200)
@given(text=st.one_of(soups, misspelt()), value=items)
def test_any_text_parses_or_fails_as_in_jmespath(text: str, value: Any) -> None:
    assume("to_string(&" not in text)
    assert_same(text, value)


# Where a call may stand: as a value, as a condition, compared, beside itself.
PLACES = [
    "{}", "{}", "!{}", "{} && 'x'", "{} || 'x'", "'x' && {}", "{} == `true`", "{} == `1`", "{} != a", "{} < `2`",
    "[{0}, {0}]", "{{k: {0}, l: {0} && a}}", "a && {}", "a || {}", "{}[0]", "{}.a", "@ | {}", "`[1, 0]`[?$ && {}]",
    "({} || a) && b",
]  # fmt: skip


@st.composite
def single_calls(draw: st.DrawFn) -> tuple[str, Any]:
    """A call of a function with values of any types, each as a field or as a literal, and the item it is over."""
    item = {name: draw(small) for name in "abc"}
    as_literal = {name: "`" + json.dumps(item[name]).replace("`", "\\`") + "`" for name in "abc"}
    spelt = [draw(st.sampled_from([name, name, as_literal[name], f"[{name}]"])) for name in "abc"]
    call = f"{draw(st.sampled_from(list(STANDARD)))}({', '.join(spelt[: draw(st.integers(1, 3))])})"
    return draw(st.sampled_from(PLACES)).replace("$", "@").format(call), item


@settings(UNTIMED, max_examples=500)
@given(single_calls())
def test_any_call_answers_as_in_jmespath(one: tuple[str, Any]) -> None:
    assert_same(*one)
    assert_same(*one, InMapping)


class InMapping:
    """An expression as a mapping's program has it: the item is known not to be null, so shorter ways are open."""

    def __init__(self, text: str) -> None:
        writer, namespace = Writer(), Namespace()
        returned = self.returned(Translator(writer, namespace, item_is_null=False), text)
        self.source = "\n".join([f"def search({ITEM}):", *(line for line, _ in writer.lines), f"    return {returned}"])
        self.search: Callable[[Any], Any] = defined(self.source, namespace.objects)["search"]

    def returned(self, translator: Translator, text: str) -> str:
        return translator.value(parse(text), ITEM).text


class Condition(InMapping):
    """As a rule's `when` has it: only its truth."""

    def returned(self, translator: Translator, text: str) -> str:
        return f"bool({translator.test(parse(text), ITEM)})"


@settings(UNTIMED, max_examples=300)
@given(text=st.one_of(expressions, deep_expressions()), value=items)
def test_any_expression_of_a_mapping_answers_as_in_jmespath(text: str, value: Any) -> None:
    """Its value, and its truth where it is a condition."""
    assert_same(text, value, InMapping)
    assume(asked(reference, text, value)[0] != "does not compile")
    theirs = answer(lambda: reference(f"{{holds: !!({text})}}").search(value)["holds"])
    condition = Condition(text)
    assert answer(lambda: condition.search(value)) == theirs, f"{text}\nover {value}\n\n{condition.source}"


@pytest.mark.parametrize("compile_one", [InMapping, Condition])
def test_cases_hold_in_a_mapping(compile_one: Callable[[str], Any]) -> None:
    """The cases over data that is not null, as a mapping's values and conditions."""
    wrong = []
    for case in CASES:
        if case.given is None or case.data.get("error") == "syntax":
            continue
        theirs = asked(reference, case.expression, case.given)
        if compile_one is Condition and theirs[0] == "gives":
            theirs = "gives", exact(truth(case.data["result"]))
        if asked(compile_one, case.expression, case.given) != theirs:
            wrong.append(case.id)
    assert wrong == []


# -- the added functions ----------------------------------------------------------------------------------------------

EXAMPLES = [(one.name, example) for one in FUNCTIONS.values() for example in one.examples]


def run_in_mapping(example: Example) -> Any:
    """The value of an expression in the surroundings that a scoped example gives."""
    assert isinstance(example.given, dict)
    around = example.given
    mapping = {
        "event": {"identifiers": {"email": "email || 'ann@example.com'"}, "data": {"value": example.expression}},
        "payload": {"each": ["a", "b"]},  # parent() asks for two steps
        "tables": around.get("tables", {"unused": {"a": "b"}}),
        "rules": [{"emit": "open"}],
    }
    engine = engine_of(mapping, app=APP.replace("type: email", f"type: {around.get('channel', 'email')}"))
    item, root, parent, request = (around.get(name) for name in ("item", "root", "parent", "request"))
    event = engine._programs["test"].item(item, root, parent, request)
    return event["data"].get("value")


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

COMPILED = [(case, compile_expression(case.expression)) for case in CASES if case.data.get("error") != "syntax"]


def all_answers(compiled: list[tuple[Case, CompiledExpression]]) -> list[Answer]:
    """What every expression gives over the data of its case."""
    return [answer(lambda case=case, one=one: one.search(case.given)) for case, one in compiled]  # type: ignore[misc]


def test_an_expression_travels_as_its_text() -> None:
    original = compile_expression("people[?age > `25`].name | [0]")
    copy = pickle.loads(pickle.dumps(original))
    assert copy.expression == original.expression
    assert copy.search(DATA) == "ann"
    assert len(pickle.dumps(original)) < 200


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_expression_travels_by_every_protocol(protocol: int) -> None:
    copies = pickle.loads(pickle.dumps([one for _, one in COMPILED], protocol))
    assert [one.expression for one in copies] == [one.expression for _, one in COMPILED]
    assert [one.source for one in copies] == [one.source for _, one in COMPILED]
    assert all_answers([(case, one) for (case, _), one in zip(COMPILED, copies, strict=True)]) == all_answers(COMPILED)


def test_a_copy_answers_as_the_original() -> None:
    original = compile_expression("sort_by(list[?@ > `10`], &@) | [0]")
    for one in (copy.copy(original), copy.deepcopy(original)):
        assert (one.expression, one.source, one.search(DATA)) == (original.expression, original.source, 20)


def test_an_expression_keeps_nothing_between_calls() -> None:
    """A list written in the expression is not changed by what one call does with it."""
    compiled = compile_expression('{a: `[1]`, b: [x, `{"n": []}`]}')
    assert compiled.search({"x": 1}) == compiled.search({"x": 1}) == {"a": [1], "b": [1, {"n": []}]}


def test_all_expressions_give_the_same_again() -> None:
    """Also once all the others have run."""
    assert all_answers(COMPILED) == all_answers(COMPILED)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns all the time, so that what they should not share shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hurried")
def test_threads_share_an_expression() -> None:
    compiled = compile_expression("sort_by(people[?n == @.m], &n)[*].{n: n, all: length(tags || `[]`)} | [-1].n")

    def ask(n: int) -> bool:
        people = [{"n": i, "m": i} for i in range(n)]
        return bool(compiled.search({"people": people}) == n - 1)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 400)))


@pytest.mark.usefixtures("hurried")
def test_threads_share_all_expressions() -> None:
    """Eight at once, over the very same data, give what one alone gives, errors included."""
    alone = all_answers(COMPILED)
    with ThreadPoolExecutor(8) as pool:
        assert [answers == alone for answers in pool.map(all_answers, [COMPILED] * 8)] == [True] * 8


@pytest.mark.usefixtures("hurried")
def test_threads_compile_at_once() -> None:
    """Compiling keeps nothing that another thread could find half done."""
    some = [(case, one.source) for case, one in COMPILED if case.topic in ("tour", "precedence", "references")]

    def compile_all(_: int) -> list[str]:
        return [compile_expression(case.expression).source for case, _ in some]

    with ThreadPoolExecutor(8) as pool:
        for sources in pool.map(compile_all, range(8)):
            assert sources == [source for _, source in some]


@pytest.mark.usefixtures("hurried")
def test_threads_share_an_engine_that_has_travelled() -> None:
    """Each thread's items come out as they do alone, faults in their places."""
    mapping = {
        "payload": {"event": "kind", "events": ["open", "click", "bounce"]},
        "rules": [
            {"when": "kind == 'open' && contains(tags, 'x')", "emit": "open", "data": {"all": "join('-', tags)"}},
            {"when": "kind == 'open'", "ignore": "no tag"},
            {"when": "kind == 'click'", "emit": ["click", "open"], "data": {"n": "sort_by(list, &n)[-1].n"}},
            {"when": "kind == 'bounce'", "emit": "hard_bounce", "data": {"value": "abs(n)"}},
        ],
    }
    engine = pickle.loads(pickle.dumps(engine_of(mapping)))

    def bodies(n: int) -> list[dict[str, Any]]:
        return [
            item_of(kind="open", tags=["x", str(n)]),
            item_of(kind="open", tags=[str(n)]),
            item_of(kind="click", list=[{"n": one} for one in range(n)]),
            item_of(kind="bounce", n=-n if n % 3 else str(n)),
            item_of(kind=str(n)),
        ]

    alone = [engine.apply("test", bodies(n)) for n in range(1, 200)]
    assert [len(one.events) for one in alone[:3]] == [4, 4, 3]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: engine.apply("test", bodies(n)), range(1, 200))) == alone


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


@pytest.mark.parametrize(
    "text", ["[a < b, length(c)]", "{x: a < b, y: length(c)}", "not_null(a < b, length(c))", "[!(a < b), abs(b)]"]
)
def test_of_two_parts_that_fail_the_first_one_tells(text: str) -> None:
    """An order of a number and a text fails with Python's TypeError, a call with jmespath's."""
    given = {"a": 1, "b": "x", "c": 5}
    with pytest.raises(TypeError):
        reference(text).search(given)
    with pytest.raises(TypeError):
        compile_expression(text).search(given)
