"""Whether a file has the keys and kinds of values it must have; the only importer of cerberus.

The schemas of `keys` say what is allowed; Cerberus finds what is not; `_reword` turns each of its leaves into a
diagnostic with a place. Shape only: what expressions, metrics and tables mean is none of its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cerberus
from cerberus import errors

from rulesengine import codes
from rulesengine.diagnostics import Diagnostic, did_you_mean, listed, nearest, shown
from rulesengine.keys import CASES, EMISSION, MAPPING, VOCABULARY, Schema
from rulesengine.source import Node, Path, quoted


def check_mapping(root: Node) -> Iterator[Diagnostic]:
    """Faults of shape of a mapping file."""
    yield from _faults(root, MAPPING, (), "the mapping")
    rules = root.get("rules")
    for index, rule in enumerate(rules.children if rules and isinstance(rules.children, list) else ()):
        emit = rule.get("emit")
        if emit is not None:
            yield from _check_emission(root, emit, ("rules", index, "emit"), allow_list=True)


def _check_emission(root: Node, node: Node, path: Path, *, allow_list: bool) -> Iterator[Diagnostic]:
    if isinstance(node.children, dict) and node.data:
        yield from _faults(node, EMISSION, path, _where(path))
        misspelt = any(nearest(key, EMISSION) for key in node.data if key not in EMISSION)
        if not misspelt and not {"metric", "table", "key", "type", "action"} & set(node.data):
            yield codes.E202.at(node.place, where=_where(path), key="metric", hint="or `table` and `key`")
    elif isinstance(node.data, list) and allow_list:
        for index, child in enumerate(node.children):
            yield from _check_emission(root, child, (*path, index), allow_list=False)  # type: ignore[arg-type]
    elif not allow_list and (not isinstance(node.data, str) or not node.data):
        yield codes.E203.at(
            node.place, where=_where(path), expected="a metric or a mapping", found=_found(node), hint=node.swallowed()
        )


def check_cases(root: Node) -> Iterator[Diagnostic]:
    """Faults of shape of a file of cases."""
    yield from _faults(root, CASES, (), "the file of cases")
    cases = root.get("cases")
    for index, case in enumerate(cases.children if cases and isinstance(cases.children, list) else ()):
        if isinstance(case.data, dict) and not {"payload", "body", "file"} & set(case.data):
            yield codes.E202.at(case.place, where=f"cases[{index}]", key="payload", hint="or `body` or `file`")


def check_vocabulary(root: Node) -> Iterator[Diagnostic]:
    """Faults of shape of a vocabulary file, all under one code."""
    for one in _faults(root, VOCABULARY, (), "the vocabulary"):
        yield codes.E409.at(one.place, where="the vocabulary", problem=one.message, hint=one.hint)


def _faults(root: Node, schema: Schema, prefix: Path, name: str) -> Iterator[Diagnostic]:
    if not isinstance(root.data, dict):
        yield codes.E203.at(root.place, where=name, expected="a mapping of keys to values", found=_found(root), hint="")
        return
    validator = _validator(schema)
    validator.validate(root.data, normalize=False)
    leaves = [fault for fault in _leaves(validator._errors) if _is_news(root, fault)]
    misspelt = {(*one.document_path[:-1], near) for one in leaves if (near := _meant(one, schema)) is not None}
    for fault in leaves:
        if not _is_missing(fault) & misspelt:
            yield _reword(root, schema, prefix, name, fault)


_DEFINITIONS: dict[int, Any] = {}  # the schemas of this module by identity, as Cerberus has looked through them


def _validator(schema: Schema) -> Any:
    """A new validator. Cerberus checks a schema each time it is given as a dict, which takes longer than validating."""
    if id(schema) not in _DEFINITIONS:
        _DEFINITIONS[id(schema)] = cerberus.Validator(schema).schema
    return cerberus.Validator(_DEFINITIONS[id(schema)])


def _leaves(faults: Any) -> Iterator[Any]:
    """The innermost faults; Cerberus offers them only on its private list and on their `child_errors`."""
    for fault in faults:
        if fault.child_errors:
            yield from _leaves(fault.child_errors)
        else:
            yield fault


def _is_news(root: Node, fault: Any) -> bool:
    """Whether an author needs to hear of this leaf; Cerberus says some things twice.

    Of two keys that exclude each other both are faults to it: the later is enough. Of two keys of which one is
    required both are missing: one is enough. A key whose value is null is reported as null, not as missing too.
    """
    parent = root.at(fault.document_path[:-1])
    if fault.code == errors.EXCLUDES_FIELD.code:
        own = parent.key(fault.field)
        others = [key for name in _names(fault.constraint) if (key := parent.key(name)) is not None]
        return own is not None and bool(others) and own.start > min(key.start for key in others)
    if fault.code == errors.REQUIRED_FIELD.code and not fault.constraint:
        return False  # missed only since a key that excludes it has no value
    if fault.code == errors.REQUIRED_FIELD.code:
        either = ("emit", "ignore") if fault.field in ("emit", "ignore") else (fault.field,)
        return fault.field == either[0] and not any(parent.key(name) for name in either)
    return True


def _schema_at(schema: Schema, path: tuple[str, ...]) -> Mapping[str, Any]:
    """The part of a schema that a path of Cerberus names."""
    here: Any = schema
    for step in path:
        here = here[step]
    return here if isinstance(here, Mapping) else {}


def _meant(fault: Any, schema: Schema) -> str | None:
    """For an unknown key the known one that was probably meant."""
    if fault.code != errors.UNKNOWN_FIELD.code:
        return None
    return nearest(str(fault.document_path[-1]), _schema_at(schema, fault.schema_path))


def _is_missing(fault: Any) -> set[Path]:
    """The paths of the keys that a fault says are missing; a misspelt key is not reported as missing too."""
    if fault.code == errors.REQUIRED_FIELD.code:
        return {tuple(fault.document_path)}
    if fault.code == errors.DEPENDENCIES_FIELD.code:
        return {(*fault.document_path[:-1], name) for name in _names(fault.constraint)}
    return set()


def _names(constraint: Any) -> list[str]:
    return [constraint] if isinstance(constraint, str) else list(constraint)


# -- wording ----------------------------------------------------------------------------------------------------------


def _where(path: Path) -> str:
    """A path as authors write it: rules[3].data.ts."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _found(node: Node) -> str:
    """What stands there, in words."""
    data = node.data
    if data is None:
        return "nothing" if node.text == "" else "null"
    if isinstance(data, dict | list):
        return "a mapping" if isinstance(data, dict) else "a list"
    kind = "true or false" if isinstance(data, bool) else "the number" if isinstance(data, int | float) else "the text"
    return f"{kind} ({node.text})" if isinstance(data, bool) else f"{kind} {shown(data)}"


def _reword(root: Node, schema: Schema, prefix: Path, name: str, fault: Any) -> Diagnostic:
    path = tuple(fault.document_path)
    parent, node = root.at(path[:-1]), root.at(path)
    where = _where((*prefix, *path)) or name
    reword = _WORDING.get(fault.code, _wrong_kind)
    return reword(_Fault(parent, node, str(path[-1]), where, _where((*prefix, *path[:-1])) or name, fault, schema))


class _Fault:
    """What the wording of one Cerberus leaf draws on."""

    def __init__(
        self, parent: Node, node: Node, key: str, where: str, parent_where: str, fault: Any, schema: Schema
    ) -> None:
        self.parent, self.node, self.key = parent, node, key
        self.where, self.parent_where, self.fault, self.schema = where, parent_where, fault, schema

    @property
    def key_place(self) -> Any:
        key = self.parent.key(self.key)
        return key.place if key is not None else self.node.place

    def rule(self, name: str) -> list[str]:
        """What the schema says under `name` where this value stands."""
        constraint = _schema_at(self.schema, self.fault.schema_path[:-1]).get(name, ())
        return _names(constraint)


# Keys under which other engines keep what ours are for.
_FOREIGN_KEYS = {
    "where": "when", "if": "when", "condition": "when", "filter": "when", "match": "when", "then": "emit",
    "action": "emit", "event": "emit", "skip": "ignore", "drop": "ignore", "fields": "data", "id": "name",
}  # fmt: skip


def _unknown(one: _Fault) -> Diagnostic:
    known = list(_schema_at(one.schema, one.fault.schema_path))
    foreign = _FOREIGN_KEYS.get(one.key.lower())
    hint = f"did you mean {foreign!r}?" if foreign in known else did_you_mean(one.key, known)
    return codes.E201.at(one.key_place, key=one.key, known=listed(known), hint=hint)


def _missing(one: _Fault) -> Diagnostic:
    if one.key == "emit":
        return codes.E202.at(one.parent.place, where=one.parent_where, key=one.key, hint="or `ignore:` with a reason")
    return codes.E202.at(one.parent.place, where=one.parent_where, key=one.key)


def _excluded(one: _Fault) -> Diagnostic:
    others = [name for name in _names(one.fault.constraint) if one.parent.key(name) is not None]
    return codes.E205.at(one.key_place, key=one.key, other=listed(map(repr, others)))


def _dependent(one: _Fault) -> Diagnostic:
    others = [name for name in _names(one.fault.constraint) if one.parent.key(name) is None]
    return codes.E206.at(one.parent.place, key=one.key, other=listed(map(repr, others)))


def _empty(one: _Fault) -> Diagnostic:
    return codes.E207.at(one.node.place, where=one.where)


def _not_allowed(one: _Fault) -> Diagnostic:
    node, allowed = one.node, list(one.fault.constraint)
    strange = node.data if not isinstance(node.data, list) else next(v for v in node.data if v not in allowed)
    at = node if not isinstance(node.data, list) else node.at((node.data.index(strange),))
    hint = did_you_mean(str(strange), allowed)
    return codes.E204.at(at.place, where=one.where, allowed=listed(allowed), found=shown(strange), hint=hint)


def _malformed(one: _Fault) -> Diagnostic:
    return codes.E208.at(one.node.place, where=one.where, found=_found(one.node), expected=one.fault.info[0])


_KINDS = {"string": "text", "dict": "a mapping", "list": "a list", "number": "a number", "boolean": "true or false"}


def _wrong_kind(one: _Fault) -> Diagnostic:
    allowed, is_expression = one.rule("type"), "expression" in one.rule("meta")
    kinds = " or ".join(_KINDS.get(kind, kind) for kind in allowed)
    expected = kinds.replace("text", "a JMESPath expression") if is_expression else kinds
    hint = _expression_hint(one.node) if is_expression else _text_hint(one.node) if allowed == ["string"] else ""
    return codes.E203.at(one.node.place, where=one.where, expected=expected, found=_found(one.node), hint=hint)


def _expression_hint(node: Node) -> str:
    """How to write the value that YAML read as something other than text."""
    if node.swallowed():
        return node.swallowed()
    written = node.source.text[node.start : node.end].strip()
    if isinstance(node.data, dict | list) and written[:1] in ("{", "["):
        return f"YAML reads this as {_found(node)}: quote the expression: {quoted(written)}"
    if isinstance(node.data, bool | int | float):
        return f"write '`{node.text}`' for the value itself, or \"'{node.text}'\" for the text"
    return "write '`null`' if null is meant" if node.data is None else ""


def _text_hint(node: Node) -> str:
    return f"write '{node.text}' in quotes" if isinstance(node.data, bool | int | float) else ""


_WORDING: Mapping[int, Callable[[_Fault], Diagnostic]] = {
    errors.UNKNOWN_FIELD.code: _unknown,
    errors.REQUIRED_FIELD.code: _missing,
    errors.EXCLUDES_FIELD.code: _excluded,
    errors.DEPENDENCIES_FIELD.code: _dependent,
    errors.EMPTY_NOT_ALLOWED.code: _empty,
    errors.UNALLOWED_VALUE.code: _not_allowed,
    errors.UNALLOWED_VALUES.code: _not_allowed,
    errors.CUSTOM.code: _malformed,
}
