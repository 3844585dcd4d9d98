"""A declarative rules engine: YAML and JMESPath mappings from provider webhooks to Optimizely Data Platform events."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rulesengine.diagnostics import Diagnostic, Place
    from rulesengine.engine import Engine
    from rulesengine.errors import InvalidApp, InvalidMapping, PayloadError, RulesEngineError, UnknownProvider
    from rulesengine.limits import Limits
    from rulesengine.running import Outcome, Result

__version__ = "0.1.0"

__all__ = [
    "Diagnostic",
    "Engine",
    "InvalidApp",
    "InvalidMapping",
    "Limits",
    "Outcome",
    "PayloadError",
    "Place",
    "Result",
    "RulesEngineError",
    "UnknownProvider",
]
_IN = {"Diagnostic": "diagnostics", "Place": "diagnostics", "Engine": "engine", "Limits": "limits"}
_IN |= {"Outcome": "running", "Result": "running"}


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is first asked for: the program is to start before it loads the engine."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"rulesengine.{_IN.get(name, 'errors')}"), name)
    globals()[name] = found
    return found
