"""How an expression is used: the calls in it, and what means something other than its author thinks.

JMESPath itself checks neither the names nor the arguments of functions before it runs into them. Here every call is
held against its signature, and the spellings that silently yield null are faults that say what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rulesengine import codes
from rulesengine.analysis import evaluate, sure_failure
from rulesengine.diagnostics import Diagnostic, did_you_mean, listed
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD, Standard, Tree
from rulesengine.model import Expression
from rulesengine.possible import listed_types
from rulesengine.signatures import Function

# What other languages and tools call functions of ours, or what to write in their place.
_FOREIGN_FUNCTIONS = {
    **dict.fromkeys(("downcase", "tolower", "lowercase", "to_lower", "lcase", "tolowercase"), "lower"),
    **dict.fromkeys(("upcase", "toupper", "uppercase", "to_upper", "ucase", "touppercase"), "upper"),
    **dict.fromkeys(("strip", "trim_space", "trimspace", "strip_whitespace"), "trim"),
    **dict.fromkeys(("parse_json", "json_parse", "json", "json_decode", "loads", "fromjson"), "from_json"),
    **dict.fromkeys(
        (
            "parse_timestamp",
            "to_timestamp",
            "timestamp",
            "to_unix",
            "unix_timestamp",
            "to_epoch",
            "ts_parse",
            "parse_time",
            "totimestamp",
        ),
        "epoch",
    ),
    **dict.fromkeys(("parse_date", "date_parse", "strptime", "format_date", "strftime", "to_date", "date"), "epoch_at"),
    **dict.fromkeys(("coalesce", "default", "ifnull", "nvl", "isnull", "if_null", "first_not_null"), "not_null"),
    **dict.fromkeys(("len", "size", "count", "strlen"), "length"),
    **dict.fromkeys(("sha256", "sha1", "md5", "digest"), "hash"),
    **dict.fromkeys(("concat", "concat_ws", "joined"), "join"),
    **dict.fromkeys(("regex_match", "match", "regexp", "regexp_like", "regex_matches", "re_match", "test"), "matches"),
    **dict.fromkeys(("substr", "substring", "regex_extract", "regexp_extract", "extract", "regex_capture"), "capture"),
    **dict.fromkeys(("explode", "tokenize"), "split"),
    **dict.fromkeys(("string", "str", "tostring", "to_str", "to_text"), "text"),
    **dict.fromkeys(("number", "int", "float", "tonumber", "to_int", "parse_int", "parseint"), "to_number"),
    **dict.fromkeys(("startswith", "has_prefix"), "starts_with"),
    **dict.fromkeys(("endswith", "has_suffix"), "ends_with"),
    **dict.fromkeys(("includes", "has", "in", "any_of", "is_in", "one_of"), "contains"),
    **dict.fromkeys(("replace_all", "regex_replace", "gsub", "sub"), "replace"),
    **dict.fromkeys(("get", "map_value", "table", "vlookup", "translate"), "lookup"),
    **dict.fromkeys(("format_phone", "phone", "to_e164", "normalize_phone"), "e164"),
    **dict.fromkeys(("uuid", "uuid5", "make_id"), "stable_id"),
}
_INSTEAD = {
    "split_part": "write split(text, separator)[0]: parts are counted from 0",
    **dict.fromkeys(("if", "iif", "case", "cond", "when"), "a choice is written condition && a || b"),
    **dict.fromkeys(("exists", "is_null", "isset", "present", "defined", "empty", "is_empty"),
                    "a field stands for itself: it holds where it is neither null nor empty"),
    **dict.fromkeys(("eq", "equals", "equal", "ne"), "comparisons are written a == 'b', a != 'b'"),
    **dict.fromkeys(("and", "or", "not"), "write &&, || and !(...)"),
    **dict.fromkeys(("first", "last", "head", "nth", "element_at"), "an element of a list is taken by [0], [-1]"),
    **dict.fromkeys(("now", "today", "utcnow", "current_timestamp"),
                    "events carry the time that the payload gives; request().received_at is when it came"),
    **dict.fromkeys(("add", "plus", "div", "divide", "multiply", "mul", "minus"), "JMESPath has no arithmetic"),
}  # fmt: skip
_WORDS = {"true": "true", "false": "false", "null": "null", "none": "null", "nil": "null"}
_NAME_LIKE = re.compile(r"[a-z][a-z_]{3,}\Z")  # as events are named, and no set of letters
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")  # any other field can only be written in double quotes
_KEYS = ("string", "number", "boolean")  # what tables are asked for
_ORDINALS = ("first", "second", "third", "next")


def check_calls(expression: Expression, tables: Sequence[str] | None, *, has_parent: bool) -> Iterator[Diagnostic]:
    """Names, number and literal arguments of every call in an expression; `tables` is None where they are not known."""
    assert expression.tree is not None
    for part in expression.tree.walk():
        if part.kind == "function_expression":
            yield from _check_call(expression, part, tables, has_parent)
        elif part.kind == "subexpression":
            yield from _check_method(expression, part)


def _check_method(expression: Expression, chain: Tree) -> Iterator[Diagnostic]:
    """`email.lower()`: to JMESPath a call without an argument, whose value the field is not."""
    subject, *following = chain.children
    for part in following:
        if part.kind == "function_expression" and not part.children and _takes_arguments(part.value):
            hint = f"write {part.value}({subject.value})" if subject.kind == "field" else f"write {part.value}(...)"
            yield codes.E303.at(
                expression.place_of(part), name=part.value, expected="an argument", found="none", hint=hint
            )


def _takes_arguments(name: str) -> bool:
    return bool(FUNCTIONS[name].parameters) if name in FUNCTIONS else name in STANDARD


def _is_method(expression: Expression, call: Tree) -> bool:
    return not call.children and expression.text[: call.start].rstrip().endswith(".")


def _check_call(
    expression: Expression, call: Tree, tables: Sequence[str] | None, has_parent: bool
) -> Iterator[Diagnostic]:
    if _takes_arguments(call.value) and _is_method(expression, call):
        return  # see _check_method
    name = call.value
    if name in STANDARD:
        found = list(_check_standard(expression, call, STANDARD[name]))
        yield from found or _check_outcome(expression, call)
    elif name not in FUNCTIONS:
        yield codes.E302.at(expression.place_of(call), name=name, hint=_instead_of(name))
    elif name == "parent" and not has_parent and not call.children:
        yield codes.E317.at(expression.place_of(call))
    else:
        found = [*_check_added(expression, call, FUNCTIONS[name]), *_check_table(expression, call, tables)]
        yield from found or _check_outcome(expression, call)


def _instead_of(name: str) -> str:
    """A hint for a function that there is not: ours of another name, or what to write."""
    ours = _FOREIGN_FUNCTIONS.get(name.lower())
    if ours is not None:
        signature = FUNCTIONS[ours].signature if ours in FUNCTIONS else STANDARD[ours].signature
        return f"did you mean {ours!r}? {signature}"
    return _INSTEAD.get(name.lower()) or did_you_mean(name, [*FUNCTIONS, *STANDARD])


def _check_standard(expression: Expression, call: Tree, function: Standard) -> Iterator[Diagnostic]:
    least, found = len(function.parameters), len(call.children)
    if found < least or (found > least and not function.variadic):
        yield _arity(expression, call, function.signature, least, None if function.variadic else least)
        return
    for number, argument in enumerate(call.children):
        types = function.parameters[min(number, least - 1)]
        yield from _check_type(expression, call, function.signature, number, types, argument)
    if function.name == "contains":
        yield from _check_contains(expression, call)


def _check_added(expression: Expression, call: Tree, function: Function) -> Iterator[Diagnostic]:
    least = sum(not parameter.optional for parameter in function.parameters)
    most = len(function.parameters)
    if not least <= len(call.children) <= most:
        yield _arity(expression, call, function.signature, least, most)
        return
    for number, argument in enumerate(call.children):
        yield from _check_argument(expression, call, function, number, argument)


def _arity(expression: Expression, call: Tree, signature: str, least: int, most: int | None) -> Diagnostic:
    number = f"at least {least}" if most is None else f"{least}" if least == most else f"{least} to {most}"
    expected = f"{number} argument{'' if number.endswith('1') else 's'}"
    return codes.E303.at(
        expression.place_of(call), name=call.value, expected=expected, found=len(call.children), signature=signature
    )


def _check_argument(
    expression: Expression, call: Tree, function: Function, number: int, argument: Tree
) -> Iterator[Diagnostic]:
    place, parameter = expression.place_of(argument), function.parameters[number]
    if parameter.prepare is None:
        yield from _check_type(expression, call, function.signature, number, parameter.types, argument)
    elif argument.kind != "literal" or not isinstance(argument.value, str):
        yield codes.E322.at(place, name=function.name, parameter=parameter.name, signature=function.signature)
    else:
        try:
            parameter.prepare(argument.value)
        except ValueError as fault:
            yield codes.E318.at(place, name=function.name, problem=str(fault))


def _check_type(
    expression: Expression, call: Tree, signature: str, number: int, types: Sequence[str], argument: Tree
) -> Iterator[Diagnostic]:
    """An argument that cannot be of a type that is wanted."""
    given, wanted = evaluate(argument).types, {one.split("-")[0] for one in types}
    if "any" in wanted or given & wanted or not given or (given == {"null"} and call.value in FUNCTIONS):
        return
    found = "a value" if wanted == {"expref"} else " or ".join(sorted(given - {"null"} or given))
    is_number = argument.kind == "literal" and given == {"number"}
    hint = f"write '{argument.value}' for the text" if is_number and "string" in wanted else signature
    hint = f"write &{argument.value}" if "expref" in wanted and argument.kind == "field" else hint
    yield codes.E323.at(
        expression.place_of(argument), name=call.value, expected=" or ".join(types),
        position=_ORDINALS[min(number, 3)], found=found, hint=hint,
    )  # fmt: skip


def _check_table(expression: Expression, call: Tree, tables: Sequence[str] | None) -> Iterator[Diagnostic]:
    if call.value != "lookup" or len(call.children) != 2:
        return
    yield from _check_type(expression, call, FUNCTIONS["lookup"].signature, 1, _KEYS, call.children[1])
    name, place = call.children[0], expression.place_of(call.children[0])
    if name.kind != "literal" or not isinstance(name.value, str):
        signature = FUNCTIONS["lookup"].signature
        yield codes.E322.at(place, name="lookup", parameter="table", signature=signature)
    elif tables is not None and name.value not in tables:
        hint = did_you_mean(name.value, tables)
        yield codes.E313.at(place, name=name.value, known=listed(tables), hint=hint)


def _check_contains(expression: Expression, call: Tree) -> Iterator[Diagnostic]:
    """`contains(event, ['a', 'b'])`, `contains('bounce', event)`: what is written out is sought in what is not."""
    searched, sought = call.children
    written = sought.kind == "multi_select_list" or (sought.kind == "literal" and isinstance(sought.value, list))
    is_word = searched.kind == "literal" and isinstance(searched.value, str) and _NAME_LIKE.match(searched.value)
    if (written and searched.kind not in ("literal", "multi_select_list")) or (is_word and sought.kind != "literal"):
        yield codes.E326.at(expression.place_of(call))


def _check_outcome(expression: Expression, call: Tree) -> Iterator[Diagnostic]:
    """A call that fails whatever the payload: run with its arguments, which are known."""
    problem = sure_failure(call)
    if problem is not None:
        written = [one for one in call.children if one.kind == "literal"]
        yield codes.E344.at(expression.span_of(written[0] if written else call), problem=problem)


def check_traps(expression: Expression) -> Iterator[Diagnostic]:
    """Spellings that JMESPath takes for something else than their author."""
    assert expression.tree is not None
    if expression.tree.kind == "expref":
        yield _reference(expression, expression.tree)
    for part in expression.tree.walk():
        yield from _check_references(expression, part)
        if part.kind == "function_expression":
            yield from _check_quotes(expression, part)
        if part.kind == "comparator":
            yield from _check_comparison(expression, part)
        elif part.kind in ("and_expression", "or_expression"):
            yield from _check_words(expression, part)
        elif part.kind == "literal":
            yield from _check_literal(expression, part)
        elif part.kind == "function_expression" and part.value == "to_string" and _may_be_null(part):
            yield codes.W305.at(expression.place_of(part))
        elif part.kind == "subexpression" and part.children[0].kind == "not_expression":
            yield from _check_negation(expression, part)


def _may_be_null(call: Tree) -> bool:
    return any("null" in evaluate(argument).types for argument in call.children)


def _check_words(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """`phone || null`: a field named null."""
    for side in part.children:
        if side.kind == "field" and not side.quoted and side.value in ("null", "true", "false"):
            yield codes.E328.at(expression.place_of(side), name=side.value, value=side.value)


# Where these functions take a text that is mostly written out: from which argument on.
_WRITTEN_FROM = {"join": 0, "contains": 1, "starts_with": 1, "ends_with": 1, "split": 1, "replace": 1,
                 "trim_prefix": 1, "trim_suffix": 1}  # fmt: skip


def _check_quotes(expression: Expression, call: Tree) -> Iterator[Diagnostic]:
    """`split(tags, ",")`: a field named as text is, where text is wanted."""
    first = _WRITTEN_FROM.get(call.value, len(call.children))
    for argument in call.children[first : first + 1 if first == 0 else None]:
        if argument.quoted and (_PLAIN_NAME.match(argument.value) or not re.search(r"\w", argument.value)):
            yield codes.E321.at(expression.place_of(argument), name=argument.value)


def _check_references(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """`&x` anywhere but as an argument that takes one: below a call it is a fault of the argument's type."""
    for child in part.children:
        if child.kind == "expref" and part.kind != "function_expression":
            yield _reference(expression, child)


def _reference(expression: Expression, part: Tree) -> Diagnostic:
    return codes.E329.at(expression.place_of(part), text=expression.text[part.start + 1 :].strip())


def _check_comparison(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    for side in part.children:
        if side.kind != "field":
            continue
        if side.quoted and _PLAIN_NAME.match(side.value):
            yield codes.E321.at(expression.place_of(side), name=side.value)
        elif side.value.lower() in _WORDS:
            yield codes.E328.at(expression.place_of(side), name=side.value, value=_WORDS[side.value.lower()])
    yield from _check_types(expression, part)


def _check_types(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    """Sides that never have the same type: `length(tags) == '5'`, or in an order what has none."""
    types = [evaluate(side).types - {"null"} for side in part.children]
    wanted = types[0] & types[1] if part.value in ("eq", "ne") else types[0] & types[1] & {"number", "string"}
    if wanted or not all(types):
        return
    literal = next((side for side in part.children if side.kind == "literal"), None)
    hint = ""
    if literal is not None and types[0] ^ types[1] == {"number", "string"}:
        hint = f"write `{literal.value}`" if _is_number(literal.value) else f"write '{literal.value}'"
    left, right = map(listed_types, types)
    yield codes.E330.at(expression.span_of(part), left=left, right=right, hint=hint)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _check_literal(expression: Expression, part: Tree) -> Iterator[Diagnostic]:
    written = expression.text[part.start + 1 : part.start + part.length].rstrip().removesuffix("`").strip()
    quietly = isinstance(part.value, str) and expression.text[part.start] == "`" and not written.startswith('"')
    if quietly:
        meant = _WORDS.get(written.lower())
        hint = f"write `{meant}`, or '{written}' for the text" if meant else None
        yield codes.E325.at(expression.place_of(part), text=written, hint=hint)


def _check_negation(expression: Expression, chain: Tree) -> Iterator[Diagnostic]:
    negated, *following = chain.children
    inner = negated.children[0]
    if inner.kind == "field":
        names = [_as_written(part) if part.kind == "field" else "…" for part in (inner, *following)]
        path = ".".join(names)
        yield codes.E327.at(expression.place_of(negated), name=inner.value, path=path)


def _as_written(field: Tree) -> str:
    """A field's name as an expression takes it."""
    return str(field.value) if _PLAIN_NAME.match(field.value) else f'"{field.value}"'
