"""What a shell may complete: the names of mappings that come with the package, files, limits, codes, functions.

Each function is the `shell_complete` of parameters. `CompletionItem`s of type `file` and `dir` leave it to the shell.
"""

from __future__ import annotations

import os
from dataclasses import asdict

from click import Context, Parameter
from click.shell_completion import CompletionItem

from rulesengine.bundled import bundled_mappings
from rulesengine.codes import BY_NUMBER
from rulesengine.functions import FUNCTIONS
from rulesengine.gathering import is_mapping
from rulesengine.limits import DEFAULT_LIMITS

Items = list[CompletionItem]


def files(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Any file."""
    return [CompletionItem(incomplete if _is_utf8(incomplete) else "", type="file")]


def folders(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Any folder."""
    return [CompletionItem(incomplete if _is_utf8(incomplete) else "", type="dir")]


def _is_utf8(name: str) -> bool:
    """Whether a shell can be told the name: in others bytes that are no UTF-8 stand as half of a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def mappings(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Mappings that come with the package and those of this folder; any file where none of the former is meant.

    A shell lists its own files or what it is given: bash never does both.
    """
    named = [path.stem for path in bundled_mappings() if path.stem.startswith(incomplete)]
    here = [name for name in os.listdir() if is_mapping(name) and name.startswith(incomplete) and _is_utf8(name)]
    return [CompletionItem(name) for name in sorted([*named, *here])] if named else files(_ctx, _param, incomplete)


def providers(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Providers that there are mappings for in the package."""
    return [CompletionItem(path.stem) for path in bundled_mappings() if path.stem.startswith(incomplete)]


def limits(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Limits of bodies as they are, to be changed."""
    usual = [f"{name}={number}" for name, number in asdict(DEFAULT_LIMITS).items()]
    return [CompletionItem(one) for one in usual if one.startswith(incomplete)]


def codes(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Codes of diagnostics, with their titles."""
    wanted = incomplete.upper()
    return [CompletionItem(number, help=code.title) for number, code in BY_NUMBER.items() if number.startswith(wanted)]


def functions(_ctx: Context, _param: Parameter, incomplete: str) -> Items:
    """Functions of the language, with what they do, and those of JMESPath."""
    from rulesengine.jmes import STANDARD  # it loads jmespath, for which every verb would wait

    told = {**{name: one.sentence for name, one in FUNCTIONS.items()}, **dict.fromkeys(STANDARD, "")}
    return [CompletionItem(name, help=told[name]) for name in sorted(told) if name.startswith(incomplete)]
