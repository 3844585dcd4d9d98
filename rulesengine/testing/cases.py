"""Cases beside a mapping: bodies, and what becomes of each. `sendgrid/*.yml` holds those of `sendgrid.yml`.

cases:
  - about: an address that does not exist
    payload: {event: bounce, email: ann@example.com, timestamp: 1795000000}    # or `body:` its text, or `file:`
    request: {received_at: 1795000001}      # what request() gives
    app: sms                                # the channel type of app.yml; the mapping's first unless said
    rules: [bounce]                         # labels of rules that must have run
    expect:
      events: [...]                         # all of them; a value {matches: '^a-\\d+$'} stands for text that varies
      ignored: [labels of rules]
      unmatched: [codes]
      rejected: [codes]
      items: 0                              # how many there are, where a body has none
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulesengine import codes, model, shape
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, has_errors, listed
from rulesengine.patterns import compile_pattern
from rulesengine.source import Node, read

SUFFIXES = (".yml", ".yaml")
_MATCHES = "matches"
_EMPTY = "a file of cases starts with 'cases:'"


@dataclass(frozen=True, slots=True)
class Case:
    """A case: `body` is its text in bytes, or None where `payload` is the body as data; `expect` is as written.

    `file` is where the body was read from, if it was.
    """

    about: str
    place: Place
    channel: str | None
    body: bytes | None
    payload: Any
    request: Any
    rules: tuple[str, ...]
    expect: dict[str, Any]
    node: Node
    file: str | None = None


def folder_of(file: str) -> Path:
    """Where the cases of a mapping's file lie."""
    return Path(file).with_suffix("")


def case_files(file: str) -> list[Path]:
    """The files of cases beside a mapping's file, by name."""
    folder = folder_of(file)
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES) if folder.is_dir() else []


def mapping_of(file: str) -> str | None:
    """The mapping that a file of cases belongs to, or None where it lies beside none."""
    folder = os.path.dirname(os.path.abspath(file))
    beside = [f"{folder}{suffix}" for suffix in SUFFIXES if os.path.isfile(f"{folder}{suffix}")]
    return os.path.relpath(beside[0]) if beside else None


def holds_cases(raw: bytes) -> bool:
    """Whether a text is that of a file of cases, and not of a mapping."""
    root, _ = read("", raw)
    return root is not None and root.get("cases") is not None and root.get("mapping") is None


def read_cases(mapping: model.Mapping) -> tuple[list[Case], list[Diagnostic]]:
    """The cases beside a mapping, and all that is wrong with them; a case with a fault is not among the cases."""
    cases: list[Case] = []
    faults: list[Diagnostic] = []
    for path in case_files(mapping.file):
        root, found = _file(path)
        faults += found
        for node in _nodes(root) if root is not None and not has_errors(found) else ():
            wrong = list(_check(node, mapping))
            faults += wrong
            if not wrong:
                cases.append(_case(node))
    return cases, faults


def _file(path: Path) -> tuple[Node | None, list[Diagnostic]]:
    try:
        root, faults = read(str(path), path.read_bytes())
    except OSError as fault:
        return None, [_unreadable(Place(str(path), 1, 1, 1, 2), str(path), fault)]
    faults = [codes.E111.at(one.place, hint=_EMPTY) if one.code is codes.E111 else one for one in faults]
    return root, [*faults, *(shape.check_cases(root) if root is not None and not faults else ())]


def _nodes(root: Node) -> list[Node]:
    listed = root.get("cases")
    return listed.children if listed is not None and isinstance(listed.children, list) else []


def _check(node: Node, mapping: model.Mapping) -> Iterator[Diagnostic]:
    """What is wrong with a case of the right shape."""
    expect, file = node.get("expect"), node.get("file")
    if expect is not None and not any(value or name == "items" for name, value in expect.data.items()):
        yield codes.E601.at((node.key("expect") or expect).place)
    channels, app = [one.value for one in mapping.channels], node.get("app")
    if app is not None and channels and app.data not in channels:
        yield codes.E605.at(app.place, channel=app.data, known=listed(channels), hint=did_you_mean(app.data, channels))
    labels = [rule.label for rule in mapping.rules]
    for name in _texts(node.get("rules")):
        if name.data not in labels:
            yield codes.E602.at(name.place, rule=name.data, hint=did_you_mean(name.data, labels))
    for pattern in _patterns(expect):
        try:
            compile_pattern(pattern.data)
        except ValueError as fault:
            yield codes.E603.at(pattern.place, problem=str(fault))
    if file is not None and not _path(file).is_file():
        yield codes.E101.at(file.place, file=str(_path(file)), reason="no such file")


def _texts(node: Node | None) -> list[Node]:
    return node.children if node is not None and isinstance(node.children, list) else []


def pattern_of(value: Any) -> str | None:
    """The pattern that an expected value is, `{matches: pattern}`, or None."""
    found = value.get(_MATCHES) if isinstance(value, dict) and len(value) == 1 else None
    return found if isinstance(found, str) else None


def _patterns(node: Node | None) -> Iterator[Node]:
    """The patterns in what a case expects."""
    if node is None:
        return
    own = node.get(_MATCHES) if pattern_of(node.data) is not None else None
    if own is not None:
        yield own
    for child in node.children if isinstance(node.children, list) else [value for _, value in node.items()]:
        yield from _patterns(child)


def _path(file: Node) -> Path:
    return Path(file.source.file).parent / str(file.data)


def _case(node: Node) -> Case:
    data, file = node.data, node.get("file")
    text = data.get("body")
    body = _path(file).read_bytes() if file is not None else text.encode() if text is not None else None
    return Case(
        about=data["about"],
        place=(node.get("about") or node).place,
        channel=data.get("app"),
        body=body,
        payload=data.get("payload"),
        request=data.get("request"),
        rules=tuple(data.get("rules", ())),
        expect=data["expect"],
        node=node,
        file=str(_path(file)) if file is not None else None,
    )


def _unreadable(place: Place, file: str, fault: OSError) -> Diagnostic:
    return codes.E101.at(place, file=file, reason=(fault.strerror or str(fault)).lower())
