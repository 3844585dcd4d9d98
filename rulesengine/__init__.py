"""A declarative rules engine: YAML and JMESPath mappings from provider webhooks to Optimizely Data Platform events."""

from rulesengine.diagnostics import Diagnostic, Place
from rulesengine.engine import Engine
from rulesengine.errors import InvalidApp, InvalidMapping, PayloadError, RulesEngineError, UnknownProvider
from rulesengine.payloads import Limits
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
