"""The facade: `Engine.load` checks and compiles mappings, `apply` and `apply_bytes` run them.

An engine holds compiled programs and the texts they came from, nothing else: it never changes, does no I/O after
`load`, may be shared between threads, and travels between processes as its texts, to be compiled again there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from rulesengine import gathering, keeping
from rulesengine.bodies import sha256
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, listed
from rulesengine.errors import PayloadError, UnknownProvider, invalid
from rulesengine.gathering import Files
from rulesengine.keeping import Kept
from rulesengine.lean import run_lines, run_list
from rulesengine.limits import DEFAULT_LIMITS, Limits
from rulesengine.linking import linked
from rulesengine.payloads import FORMATS, decode
from rulesengine.program import Compiled, ItemFunction, Program, Written
from rulesengine.running import Result, reject_body, result_of, run_body

if TYPE_CHECKING:
    from rulesengine.building import Built
    from rulesengine.emitting import Target
    from rulesengine.explaining.why import Explainer, Explanation
    from rulesengine.loading import Checked
    from rulesengine.model import Mapping

StrPath = str | os.PathLike[str]
# Programs by provider, the advice of the check, the files left out.
_Parts = tuple[dict[str, Program], tuple[Diagnostic, ...], tuple[str, ...]]

# A body this long, in bytes, is worth looking through before it is read in parts.
_LARGE = 2**13


class Engine:
    """Checked and compiled mappings for one app."""

    __slots__ = ("_built", "_files", "_limits", "_programs", "advice", "left_out")

    def __init__(
        self,
        files: Files,
        limits: Limits = DEFAULT_LIMITS,
        checked: Checked | None = None,
        *,
        store: StrPath | None = None,
    ) -> None:
        """Check and compile; use `Engine.load` to read the files first. Raises `InvalidMapping` or `InvalidApp`.

        `checked` is what `check_files` found of these files, if that is known already. `store` is as for `load`.
        """
        self._files, self._limits = files, limits
        self._built = cache(partial(_build, files, checked))
        found = self._kept(os.fspath(store)) if store is not None else None
        programs, advice, left_out = found or self._compiled(store)
        self._programs = {name: replace(one, most_items=limits.items) for name, one in programs.items()}
        self.advice: tuple[Diagnostic, ...] = advice
        self.left_out: tuple[str, ...] = left_out

    def _kept(self, store: str) -> _Parts | None:
        """What a store has of these files."""
        kept = keeping.find(store, self._files)
        if kept is None:
            return None
        written = {one.provider: partial(self._written, one.provider) for one in kept.programs}
        try:
            programs = {one.provider: linked(one, written[one.provider]) for one in kept.programs}
        except ValueError:  # a time zone that this system had when it was kept
            return None
        return programs, kept.advice, kept.left_out

    def _compiled(self, store: StrPath | None) -> _Parts:
        """What these files compile to, kept in the store if there is one."""
        built = self._built()
        if store is not None:
            programs = tuple(map(_whole, built.programs.values()))
            keeping.keep(os.fspath(store), self._files, Kept(programs, built.advice, built.left_out))
        return built.programs, built.advice, built.left_out

    def _written(self, provider: str) -> Written:
        return self._built().programs[provider].written()

    @property
    def target(self) -> Target:
        """What the mappings are compiled for."""
        return self._built().target

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "left_out"):
            raise AttributeError("an Engine does not change: load another")
        super().__setattr__(name, value)

    @classmethod
    def load(
        cls,
        mappings: StrPath | Sequence[StrPath],
        app: StrPath,
        *,
        vocabulary: StrPath | None = None,
        limits: Limits = DEFAULT_LIMITS,
        store: StrPath | None = None,
    ) -> Engine:
        """An engine of the mappings that a file, a folder or a bundled name stands for (or several of these).

        `app` is the app.yml they are checked against, `vocabulary` a file to replace the bundled `odp.yml`. `store`
        is a folder for what is compiled: in a later process the same files are found there and neither checked nor
        compiled again. Code is run from it: it must be the user's own, and is not used otherwise. Raises
        `InvalidMapping` with every diagnostic of all files, or `InvalidApp`, a kind of it, when app.yml has faults;
        ValueError for an empty sequence of mappings.
        """
        paths = [mappings] if isinstance(mappings, str | os.PathLike) else list(mappings)
        if not paths:
            raise ValueError("no mappings are named")
        files, faults = gathering.gather(paths, app, vocabulary)
        if files is None:
            raise invalid(tuple(faults), os.fspath(app))
        return cls(files, limits, store=store)

    def noting(
        self,
        provider: str,
        seen: set[Place],
        *,
        mapping: Mapping | None = None,
        around: Callable[[ItemFunction], ItemFunction] | None = None,
    ) -> Engine:
        """This engine, with a program for a provider that adds to `seen` what of the mapping runs (see coverage).

        `mapping` is a changed one to try in its place; `around` makes of the function that maps an item the one that is
        called instead.
        """
        from rulesengine.codegen import compile_mapping  # who only maps need not wait for it

        program = compile_mapping(mapping or self.program(provider).mapping, self.target, seen=seen)
        if around is not None:
            program = replace(program, item=around(program.item), direct=None)
        return self.with_program(provider, replace(program, most_items=self._limits.items))

    def with_program(self, provider: str, program: Program) -> Engine:
        """This engine, but with another program for a provider: for tools that watch it run, or try a change.

        It does not travel to another process, where the programs are compiled from the files again.
        """
        other = object.__new__(Engine)
        changed = {"_programs": {**self._programs, provider: program}}
        for name in Engine.__slots__:
            object.__setattr__(other, name, changed.get(name, getattr(self, name)))
        return other

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers this engine has a mapping for."""
        return tuple(self._programs)

    def apply(self, provider: str, payload: Any, *, request: Any = None) -> Result:
        """What becomes of one decoded body. `request` is what `request()` gives: headers, query, received_at.

        Raises `UnknownProvider`; whatever is wrong with the payload is in the result.
        """
        return result_of(self._programs.get(provider) or self.program(provider), payload, request)

    def apply_bytes(
        self,
        provider: str,
        body: bytes,
        *,
        request: Any = None,
        formats: Sequence[str] | None = None,
        into: Result | None = None,
    ) -> Result:
        """What becomes of a body as it came: decoded as the mapping's `payload.format` says, or as `formats` does.

        Where the formats get to ndjson each line is a body of its own. `into` is a result to add to. Raises
        `UnknownProvider`, and ValueError for a format that is none of `payloads.FORMATS`.
        """
        program, result = self.program(provider), into if into is not None else Result()
        whole, by_line = _split(program, formats)
        fault = self._run(program, body, whole, request, result) if whole else None
        if whole and fault is None:
            return result
        lines = self._lines(body, fault) if by_line else []
        if fault is not None and not lines:
            reject_body(result, fault, body)
        for line in lines:
            self.apply_line(provider, line, request, result)
        return result

    def apply_line(self, provider: str, line: bytes, request: Any, into: Result) -> None:
        """Add to `into` what becomes of one line of NDJSON, a body of its own. Raises `UnknownProvider`."""
        fault = self._run(self.program(provider), line, ("ndjson",), request, into)
        if fault is not None:
            reject_body(into, fault, line)

    def apply_block(
        self, provider: str, block: bytes, request: Any, into: Result, whole: Callable[[int, bytes], None]
    ) -> int:
        """Map the lines of a block of NDJSON, each within the limits, in the fast way; how many items were ignored.

        A line that this does not suit, or that has more to tell than events, goes to `whole`, with its number from 0,
        in its turn, and is not counted here: `apply_line` does the rest. Ignored items are counted in `into` but not
        kept, and its events may be records, good for `payloads.encode_lines`. Raises `UnknownProvider`.
        """
        return run_lines(self.program(provider), block, request, into, self._limits, whole)

    def _run(
        self, program: Program, body: bytes, formats: Sequence[str], request: Any, result: Result
    ) -> PayloadError | None:
        """Decode a body and map it; the fault of one that does not decode, which is then not counted yet."""
        if len(body) >= _LARGE and formats[0] in ("json", "ndjson") and type(result) is Result:
            whole = partial(decode, body, formats[:1], self._limits, program.wanted)
            limits = self._limits
            if len(body) <= limits.body_bytes and run_list(program, body, request, result, limits, whole):
                return None
        payload = self._decoded(program, body, formats)
        if isinstance(payload, PayloadError):
            return payload
        run_body(program, payload, request, result)
        return None

    def _decoded(self, program: Program, body: bytes, formats: Sequence[str]) -> Any:
        """A body as data, or the fault of one that does not decode."""
        try:
            return decode(body, formats, self._limits, program.wanted)
        except PayloadError as fault:
            return fault

    def _lines(self, body: bytes, fault: PayloadError | None) -> list[bytes]:
        """The bodies in a body of NDJSON; none where it was tried as a whole, and its fault there says more."""
        lines = [one for one in body.split(b"\n") if one.strip()]
        if fault is None:
            return lines or [body]
        return lines if lines and self._is_json(lines[0]) else []

    def _is_json(self, line: bytes) -> bool:
        """Whether a first line is a body of its own, so that the rest may be; a cut-off document is one fault."""
        try:
            decode(line, ("ndjson",), self._limits)
        except PayloadError:
            return False
        return True

    # -- explaining ---------------------------------------------------------------------------------------------------

    def why(self, provider: str, payload: Any, *, request: Any = None) -> list[Explanation]:
        """What becomes of each item of a decoded body, and why. Raises `UnknownProvider`."""
        return [explain() for _, explain in self.explainer(provider).each([(b"", payload)], request)]

    def why_bytes(
        self, provider: str, body: bytes, *, request: Any = None, formats: Sequence[str] | None = None
    ) -> list[Explanation]:
        """The same of a body as it came, read as `apply_bytes` reads it. Raises as that does."""
        bodies = self.bodies(provider, body, formats)
        return [explain() for _, explain in self.explainer(provider).each(bodies, request)]

    def explainer(self, provider: str) -> Explainer:
        """What explains items of a provider, for who has many: it keeps what it compiles. Raises `UnknownProvider`."""
        from rulesengine.explaining.why import Explainer  # who only maps need not wait for it

        return Explainer(self.program(provider), self.target)

    def bodies(
        self, provider: str, body: bytes, formats: Sequence[str] | None = None
    ) -> Iterator[tuple[bytes, Any | PayloadError]]:
        """The bodies that `apply_bytes` finds in some bytes, each with its data or with why it has none.

        Raises as `apply_bytes` does.
        """
        program = self.program(provider)
        whole, by_line = _split(program, formats)
        data = self._decoded(program, body, whole) if whole else None
        fault = data if isinstance(data, PayloadError) else None
        lines = self._lines(body, fault) if by_line and (fault is not None or not whole) else []
        if whole and not lines:
            yield body, data
        for line in lines:
            yield line, self._decoded(program, line, ("ndjson",))

    # -- what it is made of -------------------------------------------------------------------------------------------

    def program(self, provider: str) -> Program:
        """The compiled mapping of a provider, for tools that look into it. Raises `UnknownProvider`."""
        try:
            return self._programs[provider]
        except KeyError:
            hint = did_you_mean(provider, self._programs)
            known = f"no mapping for provider {provider!r} (there are: {listed(self._programs)})"
            raise UnknownProvider(f"{known}; {hint}" if hint else known) from None

    def source(self, provider: str) -> str:
        """The Python source that the provider's mapping was compiled to."""
        return self.program(provider).written().source

    def formats(self, provider: str) -> tuple[str, ...]:
        """The formats that the provider's bodies come in, in the order in which they are tried."""
        return self.program(provider).compiled.formats

    def mapping_id(self, provider: str) -> tuple[str, str]:
        """The file of a provider's mapping and the SHA-256 of its text, in hex: which rules an outcome is from."""
        file = self.program(provider).compiled.file
        (raw,) = (one.raw for one in self._files.mappings if one.name == file)
        return file, sha256(raw)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that decides what becomes of a body: the files by name and text, and the limits."""
        return sha256(repr((self._files, self._limits)).encode())

    @property
    def limits(self) -> Limits:
        """The limits that bodies are held to."""
        return self._limits

    def __reduce__(self) -> tuple[type[Engine], tuple[Files, Limits]]:
        return Engine, (self._files, self._limits)

    def __repr__(self) -> str:
        return f"<Engine for {listed(getattr(self, '_programs', ()))}>"


def _split(program: Program, formats: Sequence[str] | None) -> tuple[Sequence[str], bool]:
    """The formats to try on a body as a whole, and whether it may also be read line by line."""
    if formats is not None and not set(formats) <= set(FORMATS):
        raise ValueError(f"formats must be of {listed(FORMATS)}, not {formats!r}")
    formats = formats or program.compiled.formats
    if "ndjson" not in formats:
        return formats, False
    return formats[: list(formats).index("ndjson")], True


def _whole(program: Program) -> Compiled:
    """A compiled mapping with the code for records, which is compiled for that."""
    compiled = program.compiled
    return compiled._replace(records=program.written().records()) if compiled.in_parts else compiled


def _build(files: Files, checked: Checked | None) -> Built:
    from rulesengine.building import build  # who finds programs in a store need not wait for checker and compiler

    return build(files, checked)
