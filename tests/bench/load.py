"""Milliseconds for `Engine.load`, reading, checking and compiling, in a process that has done so before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rulesengine import Engine
from tests.bench.figures import Figure, Scale, WrongAnswer
from tests.bench.rules import mapping_of
from tests.bench.timing import APP, MAPPINGS, in_turns, looped

RULES, COPIES = 20, 40


def copies(count: int) -> Iterator[tuple[str, str]]:
    """The project's mappings for e-mail, over and over, each under a provider's name of its own."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(MAPPINGS.glob("*.yml"))}
    names = [name for name, text in texts.items() if re.search(r"(?m)^channels: .*\bemail\b", text)]
    for number in range(count):
        name = names[number % len(names)]
        yield f"{name}_{number}", re.sub(r"(?m)^provider: .*$", f"provider: {name}_{number}", texts[name])


def measure(scale: Scale) -> Iterator[Figure]:
    """The figures of one mapping, of the one for SendGrid, and of many."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        one, many = folder / "one.yml", folder / "many"
        one.write_text(mapping_of(RULES), encoding="utf-8")
        many.mkdir()
        for provider, text in copies(COPIES):
            (many / f"{provider}.yml").write_text(text, encoding="utf-8")
        if len(Engine.load(many, app=APP).providers) != COPIES:
            raise WrongAnswer(f"load: not all of {COPIES} mappings were loaded")
        each, kept = f"{COPIES} mappings", f"{COPIES} mappings in the store"
        paths = {
            f"a mapping of {RULES} rules": one,
            "the mapping for SendGrid": MAPPINGS / "sendgrid.yml",
            each: many,
        }
        sides = {what: looped(_loading(path), scale.seconds) for what, path in paths.items()}
        sides[kept] = looped(_loading(many, folder / "store"), scale.seconds)
        times = in_turns(sides, scale.rounds)
    for what, taken in times.items():
        value = median(taken) * 1e3
        note = f"{value / COPIES:.1f} ms a mapping" if what in (each, kept) else ""
        yield Figure("load", "Engine.load", what, value, "ms", note=note)


def _loading(path: Path, store: Path | None = None) -> Callable[[], Engine]:
    return lambda: Engine.load(path, app=APP, store=store)
