"""The mappings beside three other parsers: where these answer otherwise for the same body, tests/peers says why.

Runs where the shared bodies and the parsers' answers lie beside the checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import cache
from typing import Any

import pytest

from rulesengine import Result
from tests.cases import engine_for
from tests.peers import AGREE, PEERS, differences
from tests.test_shared_payloads import SHARED

ANSWERS = SHARED.parent / "facts" / "email-peers-answers.json"
NAMES = ("anymail", "symfony", "postboi")
RECIPIENT = {"anymail": "recipient", "symfony": "recipientEmail", "postboi": "email"}
TIME = {"anymail": "timestamp", "symfony": "date", "postboi": "timestamp"}

pytestmark = pytest.mark.skipif(not ANSWERS.is_file(), reason="the parsers' answers are not beside this checkout")


@cache
def answers() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.is_file() else ():
        found.setdefault(one["provider"], []).append(one)
    return found


@pytest.mark.parametrize("provider", sorted(answers()))
def test_every_difference_is_explained_and_every_explanation_needed(provider: str) -> None:
    explained = [key for one in differences(provider) or () for key in sorted(one.keys())]
    assert len(explained) == len(set(explained)), "explained twice"
    found = {key: file for file, key in _differences(provider)}
    assert {key: file for key, file in found.items() if key not in explained} == {}, "not explained"
    assert set(explained) - set(found) == set(), "explained, but not so"


def test_explanations_are_of_providers_that_others_read() -> None:
    assert {path.stem for path in PEERS.glob("*.yml")} <= set(answers())


def _differences(provider: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for answer in answers()[provider]:
        body = (SHARED / provider / answer["file"]).read_bytes()
        result = engine_for(provider).apply_bytes(provider, body, request={"received_at": 0})
        for peer in NAMES:
            if peer in answer and not any("error" in one for one in answer[peer]):
                yield from ((answer["file"], (peer, *key)) for key in _compared(answer, peer, result))


def _compared(answer: dict[str, Any], peer: str, result: Result) -> Iterator[tuple[str, str]]:
    theirs, ours = answer["common"][peer] or ["nothing"], _kinds(result)
    # Item by item where that is possible; else what the one has and the other has not.
    pairs = list(zip(theirs, ours, strict=True)) if len(theirs) == len(ours) else _left_over(theirs, ours)
    yield from (pair for pair in pairs if pair[1] not in AGREE[pair[0]])
    if result.events and answer[peer]:
        if any(not _is_among(event["data"].get("ts"), answer, peer) for event in result.events):
            yield "time", ""
        if {event["identifiers"].get("email") for event in result.events} - _recipients(answer, peer):
            yield "recipient", ""


def _left_over(theirs: list[str], ours: list[str]) -> list[tuple[str, str]]:
    odd = [one for one in theirs if not AGREE[one] & {*ours}] or ["nothing"]
    ours_odd = [one for one in ours if not any(one in AGREE[word] for word in theirs)] or ["ignored"]
    return [(word, one) for word in odd for one in ours_odd]


def _kinds(result: Result) -> list[str]:
    """What became of each item of a body: a metric, or the outcome without an event."""
    outcomes = {one.index: name for name in ("ignored", "unmatched", "rejected") for one in getattr(result, name)}
    if len(result.events) != result.emitted:
        return [*map(_metric, result.events), *outcomes.values()]
    events = iter(result.events)
    return [outcomes[n] if n in outcomes else _metric(next(events)) for n in range(result.items)]


def _metric(event: dict[str, Any]) -> str:
    if event["type"] == "list":
        return "list_unsubscribe"
    update = event["data"].get("reachability_update_type")
    return str(update or event["action"])


def _is_among(ts: int | None, answer: dict[str, Any], peer: str) -> bool:
    times = [_seconds(one.get(TIME[peer])) for one in answer[peer]]
    return any(ts is None or (one is not None and abs(one - ts) <= 1.5) for one in times)


def _seconds(text: str | None) -> float | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _recipients(answer: dict[str, Any], peer: str) -> set[str]:
    return {parseaddr(one.get(RECIPIENT[peer]) or "")[1].strip().lower() for one in answer[peer]}
