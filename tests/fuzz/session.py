"""`python -m tests.fuzz.session TARGET FOLDER SECONDS`: what `tests.fuzz` starts.

Whatever a target raises is written down with its traceback, once for each place it is raised at, and the search goes
on: one fault does not hide the next.
"""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rulesengine", "jmespath", "yaml"]):
    from tests.fuzz.targets import TARGETS, Target

# One input may take this many seconds, and all of them together this many megabytes.
_SECONDS, _MEGABYTES = 30, 2_000


def main(name: str, folder: str, seconds: str) -> None:
    target, own = TARGETS[name], Path(folder)
    corpus = own / "inputs"
    corpus.mkdir(exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = own / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words()))
    os.chdir(own / "found")  # where it leaves an input that hangs
    limits = [f"-max_total_time={seconds}", f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEGABYTES}", "-max_len=20000"]
    atheris.Setup([sys.argv[0], f"-dict={words}", "-print_final_stats=1", *limits, str(corpus)], _noting(target))
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{one:02x}" for one in word.encode())


def _noting(target: Target) -> Callable[[bytes], None]:
    """The target, with what it raises written to the folder in which this runs."""
    known: set[str] = set()

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except Exception as raised:  # noqa: BLE001 whatever it is, it is what is looked for
            last = traceback.extract_tb(raised.__traceback__)[-1]
            name = f"{type(raised).__name__}-{Path(last.filename).stem}-{last.lineno}"
            if name not in known:
                known.add(name)
                Path(name).write_bytes(data)
                Path(f"{name}.txt").write_text(traceback.format_exc(), errors="backslashreplace")
                print(f"found: {name}", file=sys.stderr)  # noqa: T201

    return run


if __name__ == "__main__":
    main(*sys.argv[1:])
