"""What a function of the language is: parameters, a sentence, examples, a body; and the checks around the body.

`bind` is the one place that passes null through and checks types, so that a body sees only what it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rulesengine.bodies import named
from rulesengine.errors import FunctionFault


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `types` are JMESPath type names or "any".

    With `prepare` the argument must be a literal string in the mapping: the compiler calls `prepare` on it once, when
    loading (ValueError: the literal's fault, a sentence), and the body gets what that returned.
    """

    name: str
    types: tuple[str, ...]
    optional: bool = False
    prepare: Callable[[str], object] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """An expression over `given` and what it gives, or the sentence (`fails`) with which it fails.

    When `scoped`, `given` is no item but {"item", "root", "parent", "request", "channel", "tables"}, as far as needed.
    """

    expression: str
    given: object
    gives: object = None
    fails: str | None = None
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One function; without `body` the engine compiles it itself, since it needs the surroundings of the item."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str
    sentence: str
    examples: tuple[Example, ...]
    body: Callable[..., object] | None
    # For the common argument, Python to write in place of a call: {x} is the first argument, {call} the call itself.
    inline: str = ""

    @property
    def signature(self) -> str:
        """Such as `e164(s: string|number[, country: string|number]) -> string`."""
        text = ""
        for parameter in self.parameters:
            one = f"{', ' if text else ''}{parameter.name}: {'|'.join(parameter.types)}"
            text += f"[{one}]" if parameter.optional else one
        return f"{self.name}({text}) -> {self.returns}"


_CLASSES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "string": (str,),
        "number": (int, float),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
        "null": (),
        "any": (str, int, float, bool, list, dict),
    }
)


def bind(function: Function) -> Callable[..., object]:
    """The callable for `function`: null if an argument is null, FunctionFault if one has another type, else the body's.

    It takes the arguments by position, prepared ones as `prepare` returned them. ValueError without a body.
    """
    if function.body is None:
        raise ValueError(f"{function.name}() has no body: the engine compiles it")
    checked = [index for index, parameter in enumerate(function.parameters) if parameter.prepare is None]
    return _bind_first(function, function.body) if checked == [0] else _bind_all(function, function.body)


def _bind_first(function: Function, body: Callable[..., object]) -> Callable[..., object]:
    """For the common case: only the first argument is to be checked."""
    parameter = function.parameters[0]
    classes = _exact_classes(parameter)

    def first(value: object, *prepared: object) -> object:
        if type(value) not in classes:
            if value is None:
                return None
            _admit(function, parameter, value)
        return body(value, *prepared)

    return first


def _bind_all(function: Function, body: Callable[..., object]) -> Callable[..., object]:
    checks = tuple((one, _exact_classes(one)) for one in function.parameters)

    def every(*values: object) -> object:
        if None in values:
            return None
        for value, (parameter, classes) in zip(values, checks, strict=False):
            if type(value) not in classes and parameter.prepare is None:
                _admit(function, parameter, value)
        return body(*values)

    return every


def _exact_classes(parameter: Parameter) -> frozenset[type]:
    return frozenset(one for name in parameter.types for one in _CLASSES[name])


def _admit(function: Function, parameter: Parameter, value: object) -> None:
    """Raises unless `value` is of an allowed type after all: of a subclass, or where any is allowed."""
    classes = tuple(_exact_classes(parameter) - ({int, float} if isinstance(value, bool) else set()))
    if "any" in parameter.types or isinstance(value, classes):
        return
    wanted = " or ".join(f"{'an' if name[0] in 'ao' else 'a'} {name}" for name in parameter.types)
    role = f" as {parameter.name}" if len(function.parameters) > 1 else ""
    raise FunctionFault(f"{function.name}() takes {wanted}{role}, got {named(value)}")
