"""What an expression can yield, decided from its tree alone, before there is any payload.

`evaluate` runs an expression over sets of values (`Possible`) in place of values. What is known of parts (`narrowing`)
counts wherever the part is repeated: `data.type` is 'open' under `data.type == 'open'`. A function is run itself where
its arguments are known, so `lower` of a known text is known. Where nothing that is known matters to an expression, what
it can yield is decided once and kept with its tree: the checks ask often, and the compiler asks again.

What it cannot know: anything of a field but what conditions say of it; what lies in lists and objects; what a
function makes of texts that are not bounded, but for `lower`, `upper` and `trim`. What cannot be decided is left open,
never guessed: every value that can come is admitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from rulesengine import runtime
from rulesengine.diagnostics import shown
from rulesengine.functions import FUNCTIONS
from rulesengine.jmes import STANDARD, Tree, fault_sentence, standard_function
from rulesengine.narrowing import Parts, assume, joined, written_texts
from rulesengine.possible import (
    ANY,
    BOOLEAN,
    FALSE,
    FORMS,
    NONE,
    NULL,
    TRUE,
    Possible,
    both,
    constant_of,
    either,
    false_part,
    may_be,
    of,
    of_types,
    true_part,
    truth,
    values_of,
    without,
)
from rulesengine.signatures import bind

SCOPES = ("root", "parent", "request", "channel")  # what surrounds an item: reading it cannot fail
_TEXT = of_types("string")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")  # as JSON writes them
_COMBINATIONS = 64  # more known arguments than this are not tried one by one

# What the functions of JMESPath itself yield; jmespath does not say. Of null all of them fail, but for a few.
_YIELDS: Mapping[str, Possible] = {
    **dict.fromkeys(("abs", "ceil", "floor", "length", "sum"), of_types("number")),
    **dict.fromkeys(("avg", "to_number"), of_types("number", "null")),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), BOOLEAN),
    **dict.fromkeys(("join", "to_string"), _TEXT),
    **dict.fromkeys(("keys", "map", "sort", "sort_by", "to_array", "values"), of_types("array")),
    **dict.fromkeys(("max", "min"), of_types("number", "string", "null")),
    "merge": of_types("object"),
    "reverse": of_types("array", "string"),
    "type": of("null", "boolean", "number", "string", "array", "object"),
}
# Of the added functions those that yield null for nothing but null.
_TOTAL = ("lower", "upper", "trim", "text", "split", "replace", "trim_prefix", "trim_suffix", "matches", "hash")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known around an expression.

    `parts` are values by `Tree.key`, `channel` the type of the channel, `tables` the values of tables by key, with
    `default` among the keys; a table that is not there may hold anything.
    """

    parts: Parts = field(default_factory=dict)
    channel: str | None = None
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def knowing(self, parts: Parts) -> Facts:
        """These facts and more of some parts."""
        return Facts(joined(self.parts, parts), self.channel, self.tables) if parts else self

    def about(self, current: Possible) -> Facts:
        """What is left of the facts where `@` is another value."""
        return Facts({_CURRENT: current}, self.channel, self.tables)

    def concern(self, tree: Tree) -> bool:
        """Whether they can matter to an expression; it may say yes where they do not."""
        key = tree.key
        for part in self.parts:
            if part in key or part == _CURRENT:
                return True
        return (self.channel is not None and _CHANNEL in key) or (bool(self.tables) and _LOOKUP in key)


_CURRENT, _CHANNEL, _LOOKUP = "current:()", '"channel"(', '"lookup"('  # as they stand in `Tree.key`
NOTHING = Facts()
_ALONE = "possible"  # in the memo of a tree: what it can yield where nothing known matters to it


# -- values -----------------------------------------------------------------------------------------------------------


def evaluate(tree: Tree, facts: Facts = NOTHING) -> Possible:
    """Every value that the expression can have under these facts; an empty set where it always fails."""
    is_alone = facts is NOTHING or not facts.concern(tree)
    kept: Possible | None = tree.memo.get(_ALONE) if is_alone else None
    if kept is not None:
        return kept
    follow = _EVALUATE.get(tree.kind)
    found = follow(tree, facts) if follow else ANY
    known = facts.parts.get(tree.key)
    found = both(found, known) if known is not None else found
    if is_alone and tree.children:
        tree.memo[_ALONE] = found
    return found


def _literal(tree: Tree, facts: Facts) -> Possible:
    return of(tree.value)


def _or(tree: Tree, facts: Facts) -> Possible:
    left = evaluate(tree.children[0], facts)
    if not may_be(left, False):
        return left
    right = evaluate(tree.children[1], facts.knowing(assume(tree.children[0], holds=False)))
    return either(true_part(left), right)


def _and(tree: Tree, facts: Facts) -> Possible:
    left = evaluate(tree.children[0], facts)
    if not may_be(left, True):
        return left
    right = evaluate(tree.children[1], facts.knowing(assume(tree.children[0], holds=True)))
    return either(false_part(left), right)


def _not(tree: Tree, facts: Facts) -> Possible:
    inner = evaluate(tree.children[0], facts)
    if inner.is_empty:
        return NONE
    verdict = truth(inner)
    return BOOLEAN if verdict is None else FALSE if verdict else TRUE


def _comparator(tree: Tree, facts: Facts) -> Possible:
    quick = _quick_equal(tree, facts)
    if quick is not None:
        return TRUE if quick is (tree.value == "eq") else FALSE
    left, right = (evaluate(side, facts) for side in tree.children)
    if left.is_empty or right.is_empty:
        return NONE
    if tree.value not in ("eq", "ne"):
        return _order(tree, left, right)
    verdict = _equal(left, right)
    return BOOLEAN if verdict is None else TRUE if verdict is (tree.value == "eq") else FALSE


def _quick_equal(tree: Tree, facts: Facts) -> bool | None:
    """Whether a part of one known value equals a scalar that is written out: most of what is asked of conditions."""
    subject, other = tree.children
    known = facts.parts.get(subject.key)
    if known is None or known.open or len(known.constants) != 1 or tree.value not in ("eq", "ne"):
        return None
    is_scalar = other.kind == "literal" and not isinstance(other.value, list | dict)
    return constant_of(other.value) in known.constants if is_scalar else None


def _equal(left: Possible, right: Possible) -> bool | None:
    if both(left, right).is_empty:
        return False
    is_one = not left.open and left == right and len(left.constants) == 1
    return True if is_one else None


def _order(tree: Tree, left: Possible, right: Possible) -> Possible:
    """The order of numbers, or of texts; null where a side is neither, a failure where they are mixed."""
    sides = _combinations([left, right])
    if sides is not None:
        return _each_of(runtime.ORDER[tree.value], sides)[0]
    ordered = {"number", "string"}
    is_ordered = bool(left.types & right.types & ordered)
    is_null = bool(left.types - ordered or right.types - ordered)
    return either(BOOLEAN if is_ordered else NONE, NULL if is_null else NONE)


def _chain(tree: Tree, facts: Facts) -> Possible:
    first, *following = tree.children
    current = evaluate(first, facts)
    for child in following:
        current = NONE if current.is_empty else evaluate(child, facts.about(current))
    return current


def _field(tree: Tree, facts: Facts) -> Possible:
    return ANY if "object" in facts.parts.get(_CURRENT, ANY).open else NULL


def _index(tree: Tree, facts: Facts) -> Possible:
    return ANY if "array" in facts.parts.get(_CURRENT, ANY).open else NULL


def _slice(tree: Tree, facts: Facts) -> Possible:
    return _where_it_is(facts.parts.get(_CURRENT, ANY), "array", of_types("array"))


def _projection(tree: Tree, facts: Facts) -> Possible:
    base = "object" if tree.kind == "value_projection" else "array"
    return _where_it_is(evaluate(tree.children[0], facts), base, of_types("array"))


def _where_it_is(base: Possible, kind: str, result: Possible) -> Possible:
    """What a part that wants one type of value makes of a set: null of everything else."""
    others = either(result if kind in base.types else NONE, NULL if base.types - {kind} else NONE)
    return NONE if base.is_empty else others


def _selection(tree: Tree, facts: Facts) -> Possible:
    kind = "array" if tree.kind == "multi_select_list" else "object"
    whole = Possible(open=frozenset([kind]), never=of([], {}).constants)
    is_null = "null" in facts.parts.get(_CURRENT, ANY).types
    return either(whole, NULL) if is_null else whole


_EVALUATE: Mapping[str, Callable[[Tree, Facts], Possible]] = {
    "literal": _literal,
    "field": _field,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "comparator": _comparator,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "index": _index,
    "slice": _slice,
    "projection": _projection,
    "flatten": _projection,
    "filter_projection": _projection,
    "value_projection": _projection,
    "multi_select_list": _selection,
    "multi_select_dict": _selection,
    "expref": lambda tree, facts: Possible(open=frozenset(["expref"])),
    "function_expression": lambda tree, facts: _call(tree, facts),
}


# -- calls ------------------------------------------------------------------------------------------------------------


def _call(tree: Tree, facts: Facts) -> Possible:
    name, arguments = tree.value, tree.children
    if name == "channel" and not arguments:
        return of(facts.channel) if facts.channel else _TEXT
    if name == "lookup" and len(arguments) == 2:
        return _lookup(*arguments, facts)
    if not _takes(name, len(arguments)):
        return ANY
    given = [evaluate(argument, facts) for argument in arguments]
    if any(one.is_empty for one in given):
        return NONE
    tried = _tried(tree, given)
    if tried is not None:
        return tried[0]
    written = written_texts(arguments[0]) if name == "contains" and len(arguments) == 2 else None
    return _is_among(written, given[1]) if written is not None else _yield(name, given)


def _takes(name: str, count: int) -> bool:
    """Whether a function takes this number of arguments; of another number nothing is claimed."""
    if name in STANDARD:
        return count == len(STANDARD[name].parameters) or (STANDARD[name].variadic and count > 0)
    parameters = FUNCTIONS[name].parameters if name in FUNCTIONS else ()
    return sum(not one.optional for one in parameters) <= count <= len(parameters)


def _is_among(written: list[str], sought: Possible) -> Possible:
    """`contains(['a', 'b'], x)`: a list of texts holds nothing but these."""
    if sought.open:
        return BOOLEAN if any(sought.admits(("string", text)) for text in written) else FALSE
    among = sum(kind == "string" and value in written for kind, value in sought.constants)
    return FALSE if not among else TRUE if among == len(sought.constants) else BOOLEAN


def _yield(name: str, given: list[Possible]) -> Possible:
    """What a function yields of arguments that are not bounded."""
    if name == "not_null":
        return _not_null(given)
    if name in _YIELDS:
        return _YIELDS[name]
    if name not in FUNCTIONS:
        return ANY
    kind, is_null = FUNCTIONS[name].returns, name not in _TOTAL or any("null" in one.types for one in given)
    if kind == "any":
        return ANY
    found = of_types(kind) if name not in FORMS else _formed(name, given[0])
    return either(found, NULL) if is_null else found


def _formed(name: str, argument: Possible) -> Possible:
    """Texts that `lower`, `upper` or `trim` leaves as they are, and what was so before still is."""
    kept = argument.forms if name == "trim" else argument.forms & {"trim"}
    return Possible(open=frozenset(["string"]), forms=kept | {name})


def _not_null(given: list[Possible]) -> Possible:
    found = NONE
    for one in given:
        found = either(found, without(one, [constant_of(None)]))
        if "null" not in one.types:
            return found
    return either(found, NULL)


def _lookup(table: Tree, key: Tree, facts: Facts) -> Possible:
    entries = facts.tables.get(table.value) if table.kind == "literal" and isinstance(table.value, str) else None
    asked = evaluate(key, facts)
    if entries is None or asked.is_empty:
        return ANY if entries is None else NONE
    default, keys = entries.get("default"), values_of(asked)
    if keys is None:
        others = (value for name, value in entries.items() if may_ask(asked, name))
        return either(of(*others), of(None, default))
    return of(*(None if one is None else entries.get(str(runtime.table_key(one)), default) for one in keys))


def may_ask(asked: Possible, key: str) -> bool:
    """Whether a table can be asked for the entry of this key, numbers and booleans being asked for by their text."""
    if key == "default" or asked.admits(("string", key)) or ("number" in asked.open and _NUMBER.fullmatch(key)):
        return True
    return any(runtime.table_key(value) == key for kind, value in asked.constants if kind in ("number", "boolean"))


def _tried(tree: Tree, given: list[Possible]) -> tuple[Possible, Exception | None] | None:
    """What a call yields, run with every combination of its arguments, and how one fails; None if unbounded."""
    sides = _combinations(given)
    run = _runnable(tree) if sides is not None else None
    return _each_of(run, sides) if run is not None and sides is not None else None


def _combinations(given: list[Possible]) -> list[list[object]] | None:
    """The values of each argument, where all are known and there are not too many ways to combine them."""
    return _if_few([values_of(one) for one in given])


def _if_few(sides: list[list[object] | None]) -> list[list[object]] | None:
    known = [side for side in sides if side is not None]
    is_few = prod(map(len, known)) <= _COMBINATIONS
    return known if sides and len(known) == len(sides) and is_few else None


def _each_of(run: Callable[..., Any], sides: list[list[object]]) -> tuple[Possible, Exception | None]:
    """What a function yields of every combination, and the last of its failures."""
    results, failure = [], None
    for arguments in product(*sides):
        try:
            results.append(run(*arguments))
        except _FAILURES as fault:
            failure = fault
    return of(*results), failure


# What jmespath and the added functions raise; some let errors of Python through.
_FAILURES = (ValueError, TypeError, ArithmeticError)


# A first argument with which a call works, if its other arguments are right.
_PROBES = {"split": "a", "replace": "a", "e164": "0301234567", "trim_prefix": "a", "trim_suffix": "a"}


def sure_failure(call: Tree) -> str | None:
    """What is wrong with a call that fails with all it can be given; None where it may work, or that is not known."""
    run, sides = _runnable(call), _known_arguments(call)
    if run is None or sides is None or not _takes(call.value, len(call.children)):
        return None
    found, failure = _each_of(run, sides)
    return fault_sentence(failure, shown) if failure is not None and found.is_empty else None


def _known_arguments(call: Tree) -> list[list[object]] | None:
    """The values of each argument: as written, or bounded; the first may be one that surely is right."""
    sides = [[one.value] if one.kind == "literal" else values_of(evaluate(one)) for one in call.children]
    if len(sides) > 1 and sides[0] is None and call.value in _PROBES:
        sides[0] = [_PROBES[call.value]]
    return _if_few(sides)


def _runnable(tree: Tree) -> Callable[..., Any] | None:
    """The function of a call, to be run with the values of its arguments as the expression has them."""
    name, count = tree.value, len(tree.children)
    if name in STANDARD:
        return standard_function(name)
    function = FUNCTIONS.get(name)
    if function is None or function.body is None:
        return None
    prepare = [parameter.prepare for parameter in function.parameters[:count]]
    body = bind(function)

    def run(*arguments: Any) -> object:
        return body(*(make(str(one)) if make else one for make, one in zip(prepare, arguments, strict=True)))

    return run


def always_works(call: Tree, facts: Facts) -> bool:
    """Whether a call cannot fail: it reads what surrounds the item, or it was run with all it can be given."""
    if call.value in SCOPES:
        return not call.children
    if not _takes(call.value, len(call.children)):
        return False
    tried = _tried(call, [evaluate(argument, facts) for argument in call.children])
    if tried is not None:
        return tried[1] is None
    is_membership = call.value == "contains" and len(call.children) == 2 and written_texts(call.children[0]) is not None
    return is_membership and _CURRENT not in facts.parts  # an item is never null, and what is selected of it neither


def type_of(tree: Tree) -> str | None:
    """The JMESPath type of all that an expression can yield but null, where there is only one."""
    types = evaluate(tree).types - {"null"}
    return next(iter(types)) if len(types) == 1 else "null" if tree.kind == "literal" and not types else None
