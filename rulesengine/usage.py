"""How an expression is used: the calls in it, and what means something other than its author thinks.

JMESPath itself checks neither the names nor the arguments of functions before it runs into them. Here every call is
held against its signature, and the spellings that silently yield null are faults that say what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rulesengine import codes
from rulesengine.analysis import type_of
from rulesengine.diagnostics import Diagnostic, did_you_mean, listed
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD, Standard, Tree
from rulesengine.model import Expression
from rulesengine.signatures import Function

# What other languages call functions of ours.
_FOREIGN_FUNCTIONS = {
    "downcase": "lower", "tolower": "lower", "lowercase": "lower", "to_lower": "lower",
    "upcase": "upper", "toupper": "upper", "uppercase": "upper", "to_upper": "upper",
    "strip": "trim", "parse_json": "from_json", "json_parse": "from_json", "parse_timestamp": "epoch",
    "to_timestamp": "epoch", "coalesce": "not_null", "default": "not_null", "len": "length", "size": "length",
    "sha256": "hash", "concat": "join", "regex_match": "matches", "match": "matches", "split_part": "split",
    "string": "text", "str": "text", "number": "to_number", "int": "to_number", "startswith": "starts_with",
    "endswith": "ends_with", "includes": "contains",
}  # fmt: skip
_WORDS = {"true": "true", "false": "false", "null": "null", "none": "null", "nil": "null"}
# What the functions of JMESPath itself yield, where it is always the same; jmespath does not say.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")  # any other field can only be written in double quotes
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
    place, name = expression.place_of(call), call.value
    if name in STANDARD:
        yield from _check_standard(expression, call, STANDARD[name])
    elif name not in FUNCTIONS:
        known = [*FUNCTIONS, *STANDARD]
        foreign = _FOREIGN_FUNCTIONS.get(name.lower())
        hint = f"did you mean {foreign!r}?" if foreign else did_you_mean(name, known)
        yield codes.E302.at(place, name=name, hint=hint)
    elif name == "parent" and not has_parent and not call.children:
        yield codes.E317.at(place)
    else:
        yield from _check_added(expression, call, FUNCTIONS[name])
        yield from _check_table(expression, call, tables)


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
    """A literal, or what can only be a boolean, where another type is wanted."""
    found = type_of(argument)
    wanted = {one.split("-")[0] for one in types}
    if wanted == {"expref"} and found != "expref":
        found = "a value"
    if found is None or "any" in wanted or found in wanted or (found == "null" and call.value in FUNCTIONS):
        return
    expected = " or ".join(types)
    hint = f"write '{argument.value}' for the text" if _is_number(argument) and "string" in wanted else signature
    hint = f"write &{argument.value}" if "expref" in wanted and argument.kind == "field" else hint
    yield codes.E323.at(
        expression.place_of(argument), name=call.value, expected=expected, position=_ORDINALS[min(number, 3)],
        found=found, hint=hint,
    )  # fmt: skip


def _is_number(tree: Tree) -> bool:
    return tree.kind == "literal" and type_of(tree) == "number"


def _check_table(expression: Expression, call: Tree, tables: Sequence[str] | None) -> Iterator[Diagnostic]:
    if call.value != "lookup" or len(call.children) != 2:
        return
    name, place = call.children[0], expression.place_of(call.children[0])
    if name.kind != "literal" or not isinstance(name.value, str):
        signature = FUNCTIONS["lookup"].signature
        yield codes.E322.at(place, name="lookup", parameter="table", signature=signature)
    elif tables is not None and name.value not in tables:
        hint = did_you_mean(name.value, tables)
        yield codes.E313.at(place, name=name.value, known=listed(tables), hint=hint)


def _check_contains(expression: Expression, call: Tree) -> Iterator[Diagnostic]:
    """`contains(event, ['a', 'b'])`: nothing contains a list that is written out, but a list of lists."""
    searched, sought = call.children
    written = sought.kind == "multi_select_list" or (sought.kind == "literal" and isinstance(sought.value, list))
    if written and searched.kind not in ("literal", "multi_select_list"):
        yield codes.E326.at(expression.place_of(call))


def check_traps(expression: Expression) -> Iterator[Diagnostic]:
    """Spellings that JMESPath takes for something else than their author."""
    assert expression.tree is not None
    if expression.tree.kind == "expref":
        yield _reference(expression, expression.tree)
    for part in expression.tree.walk():
        yield from _check_references(expression, part)
        if part.kind == "comparator":
            yield from _check_comparison(expression, part)
        elif part.kind == "literal":
            yield from _check_literal(expression, part)
        elif part.kind == "function_expression" and part.value == "to_string":
            yield codes.W305.at(expression.place_of(part))
        elif part.kind == "subexpression" and part.children[0].kind == "not_expression":
            yield from _check_negation(expression, part)


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
    """Sides of which each can only have one type, and not the same: `length(tags) == '5'`."""
    left, right = (type_of(side) for side in part.children)
    if part.value not in ("eq", "ne") or None in (left, right) or "null" in (left, right) or left == right:
        return
    literal = next((side for side in part.children if side.kind == "literal"), None)
    hint = ""
    if literal is not None and {left, right} == {"number", "string"}:
        hint = f"write `{literal.value}`" if isinstance(literal.value, str) else f"write '{literal.value}'"
    yield codes.E330.at(expression.place_of(part), left=f"a {left}", right=f"a {right}", hint=hint)


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
        path = ".".join(str(part.value) if part.kind == "field" else "…" for part in (inner, *following))
        yield codes.E327.at(expression.place_of(negated), name=inner.value, path=path)
