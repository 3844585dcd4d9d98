"""One JMESPath expression, compiled: `compile_expression(text).search(data)`.

It answers as `jmespath.compile(text).search(data)` does, error classes included, and knows the functions that the
mapping language adds, but for those that need a mapping around them (`root`, `parent`, `request`, `channel`, `lookup`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rulesengine import jmes
from rulesengine.linking import defined
from rulesengine.translate import ITEM, Translator
from rulesengine.writer import Namespace, Writer


class CompiledExpression:
    """A compiled expression: immutable, safe to share between threads, pickled as its text."""

    __slots__ = ("_run", "expression", "source")

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.source, self._run = _compile(expression)

    def search(self, data: Any) -> Any:
        """The value of the expression over `data` (dict, list, str, int, float, bool, None).

        Raises a `jmespath.exceptions.JMESPathError`, or `FunctionFault` from an added function, both `ValueError`; and
        as jmespath does a TypeError where an `&expression` stands in the place of a value, as in `to_number(&a)`.
        """
        return self._run(data)

    def __reduce__(self) -> tuple[type[CompiledExpression], tuple[str]]:
        return CompiledExpression, (self.expression,)

    def __repr__(self) -> str:
        return f"compile_expression({self.expression!r})"


def compile_expression(text: str) -> CompiledExpression:
    """Compile one expression. Raises the `JMESPathError` that jmespath raises, or another ValueError for an expression
    that is too large and for a pattern, date format or time zone that is none.
    """
    return CompiledExpression(text)


def _compile(text: str) -> tuple[str, Callable[[Any], Any]]:
    writer, namespace = Writer(), Namespace()
    value = Translator(writer, namespace).value(jmes.parse(text), ITEM)
    body = "\n".join(line for line, _ in writer.lines)
    source = f"def search({ITEM}):\n{body}\n    return {value.text}\n"
    code = compile(source, f"<jmespath {text[:60]!r}>", "exec")
    return source, defined(code, namespace.objects)["search"]
