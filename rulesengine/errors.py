"""The exceptions an embedder may catch: `RulesEngineError` and below it one class a layer."""

from __future__ import annotations

from collections.abc import Iterable

from rulesengine.diagnostics import Code, Diagnostic, in_order


class RulesEngineError(Exception):
    """Anything this package raises on purpose."""


class InvalidMapping(RulesEngineError):
    """Mapping files that cannot be loaded; `.diagnostics` has every fault of every file, in order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.diagnostics)


class InvalidApp(InvalidMapping):
    """An `InvalidMapping` among whose faults are some of app.yml itself."""


def invalid(diagnostics: tuple[Diagnostic, ...], app: str) -> InvalidMapping:
    """The exception for a set of diagnostics: an `InvalidApp` when some are of app.yml itself."""
    app_at_fault = any(one.is_error and one.place.file == app for one in diagnostics)
    return InvalidApp(diagnostics) if app_at_fault else InvalidMapping(diagnostics)


class UnknownProvider(RulesEngineError, LookupError):
    """The engine was asked for a provider that none of its mappings is for."""


class PayloadError(RulesEngineError):
    """A body that cannot be turned into data: `.code` says which kind of fault, the text says what and where."""

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(code, message)

    def __str__(self) -> str:
        return self.message


class WorkerKilled(RulesEngineError):
    """A process of a run over several was killed."""


class CheckpointRefused(RulesEngineError):
    """A run cannot go on from a checkpoint, or cannot have one; the text says why and what to do."""


class FunctionFault(RulesEngineError, ValueError):
    """A value that a function of the mapping language cannot take; the text is a sentence for the mapping's author."""
