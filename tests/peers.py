"""How three other parsers read the e-mail bodies that lie beside the checkout, and why they differ from the mappings.

`tests/peers/<provider>.yml` is a list of differences, each explained once:

- {peer: [anymail, symfony], theirs: drop, ours: hard_bounce, why: ...}    # what happened: one of KINDS, one of ours
- {peer: anymail, time: true, why: ...}                                    # when
- {peer: postboi, recipient: true, why: ...}                               # to whom

`ours` is a metric, or what became of an item without an event. `theirs` is `nothing` where a parser leaves a body out.
What a parser fails on is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cases import data_of

PEERS = Path(__file__).parent / "peers"

# What each parser's word may be here without being a difference.
AGREE = {
    "delivered": {"delivery"},
    "bounce": {"hard_bounce", "soft_bounce"},
    "bounce:hard": {"hard_bounce"},
    "bounce:soft": {"soft_bounce"},
    "bounce:unknown": {"delivery_unknown"},
    "open": {"open"},
    "click": {"click"},
    "accepted": {"ignored"},
    "deferred": {"ignored"},
    "subscribe": {"ignored"},
    "nothing": {"ignored"},
    "unsub": {"opt-out", "list_unsubscribe"},
    "spam": {"spam_report"},
    "drop": set(),
    "other": set(),
    "autoreply": set(),
}
_NAMES = {"anymail": "django-anymail"}
_IN_WORDS = {
    "other": "unknown",
    "nothing": "left out",
    "accepted": "accepted or sent",
    "unsub": "unsubscribed",
    "time": "another time",
    "recipient": "other recipients",
}


@dataclass(frozen=True)
class Difference:
    """One way in which parsers differ from a mapping, and why."""

    peers: tuple[str, ...]
    theirs: str
    ours: str
    why: str

    @property
    def parsers(self) -> tuple[str, ...]:
        """The parsers, by the names they are known under."""
        return tuple(_NAMES.get(peer, peer) for peer in self.peers)

    @property
    def theirs_in_words(self) -> str:
        """What they answer, for people."""
        return _IN_WORDS.get(self.theirs, self.theirs)

    def keys(self) -> set[tuple[str, str, str]]:
        """The (peer, theirs, ours) that it explains."""
        return {(peer, self.theirs, self.ours) for peer in self.peers}


def differences(provider: str) -> list[Difference] | None:
    """What is known to differ for a provider; None where no other parser was asked."""
    path = PEERS / f"{provider}.yml"
    return [_difference(one) for one in data_of(path)] if path.is_file() else None


def _difference(entry: dict[str, Any]) -> Difference:
    peers = entry["peer"] if isinstance(entry["peer"], list) else [entry["peer"]]
    what = next((name for name in ("time", "recipient") if entry.get(name)), None)
    theirs, ours = (what, "") if what else (entry["theirs"], entry["ours"])
    return Difference(tuple(peers), theirs, ours, entry["why"])
