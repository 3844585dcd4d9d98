"""What an app.yml declares: `channel.type` and `channel.metrics`. The rest of the file is OCP's to judge.

The file is read as OCP reads it (YAML 1.2 scalars, a repeated key is a fault). Every fault is a diagnostic with a
place, and an `App` is made of what could be read, so that mappings are checked against it in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rulesengine import codes, source
from rulesengine.diagnostics import Diagnostic, Place, did_you_mean, listed, nearest, printable, shown
from rulesengine.source import Node
from rulesengine.vocabulary import ATTRIBUTABLE, Vocabulary


@dataclass(frozen=True, slots=True)
class App:
    """A manifest's channel section: the channel type, and where each metric is declared (not: marked attributable).

    `channel` is empty where the type cannot be read. `doubtful` are the metrics that a part of the section with a
    fault may have meant to declare: that they are not declared would only say the same fault twice.
    """

    file: str
    channel: str
    declared: Mapping[str, Place]
    attributable: Mapping[str, Place]
    doubtful: frozenset[str]
    metrics_place: Place

    @property
    def where(self) -> str:
        """File and line of `channel.metrics`, as messages name it."""
        return f"{self.metrics_place.file}:{self.metrics_place.line}"


def read_app(file: str, raw: bytes, vocabulary: Vocabulary) -> tuple[App, list[Diagnostic]]:
    """What an app.yml declares, and its faults. Where a part is missing or broken, what it may declare is doubtful."""
    root, faults = source.read(file, raw, strict=False)
    channel = root.get("channel") if root is not None else None
    if root is None or channel is None:
        missing = [] if root is None else [codes.E401.at(root.place, app=file, hint=_misspelt(root, "channel"))]
        return _stand_in(file, vocabulary), [*faults, *missing]
    if not isinstance(channel.data, dict):
        return _stand_in(file, vocabulary), [*faults, _malformed(channel, "channel", "a mapping")]
    kind, metrics = channel.get("type"), channel.get("metrics")
    faults = [*faults, *_check_type(channel, kind, vocabulary), *_check_metrics(channel, metrics, vocabulary)]
    name = kind.data if kind is not None and isinstance(kind.data, str) else ""
    if metrics is None or not isinstance(metrics.data, dict):
        return _stand_in(file, vocabulary, name), faults
    metrics_key = channel.key("metrics") or metrics
    doubtful = frozenset(_doubtful(metrics, vocabulary))
    return App(file, name, _declared(metrics), _marked(metrics), doubtful, metrics_key.place), faults


def _stand_in(file: str, vocabulary: Vocabulary, channel: str = "") -> App:
    """In place of what cannot be read: nothing is declared, and nothing surely not."""
    return App(file, channel, {}, {}, frozenset(vocabulary.metrics), Place(file, 1, 1, 1, 2))


def _declared(metrics: Node) -> dict[str, Place]:
    groups = (group for key, group in metrics.items() if key.text != ATTRIBUTABLE)
    return {metric.text: metric.place for group in groups for metric in _listed_in(group)}


def _marked(metrics: Node) -> dict[str, Place]:
    group = metrics.get(ATTRIBUTABLE)
    return {metric.text: metric.place for metric in _listed_in(group)} if group is not None else {}


def _doubtful(metrics: Node, vocabulary: Vocabulary) -> Iterator[str]:
    for key, group in metrics.items():
        if not isinstance(group.data, list):
            yield from vocabulary.groups.get(key.text, ())
        unknown = (metric.text for metric in _listed_in(group) if metric.text not in vocabulary.metrics)
        yield from (near for word in unknown if (near := nearest(word, vocabulary.metrics)) is not None)


def _listed_in(group: Node) -> Iterator[Node]:
    children = group.children if isinstance(group.children, list) else []
    return (child for child in children if isinstance(child.data, str))


def _misspelt(node: Node, missing: str) -> str | None:
    """A hint when the missing key stands there under a near name; None for the code's own hint."""
    near = nearest(missing, (key.text for key, _ in node.items()))
    return f"did you mean {missing!r} where {near!r} stands?" if near else None


def _malformed(node: Node, where: str, expected: str) -> Diagnostic:
    found = "nothing" if node.data is None else f"{shown(node.data)}"
    is_word = isinstance(node.data, str) and expected.startswith("a list")
    hint = f"write [{', '.join(re.split('[, ]+', printable(node.text)))}]" if is_word else ""
    return codes.E408.at(node.place, where=where, expected=expected, found=found, hint=hint)


def _check_type(channel: Node, kind: Node | None, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    known = listed(vocabulary.channel_types)
    if kind is None:
        yield codes.E402.at(channel.place, app=channel.source.file, known=known)
    elif not isinstance(kind.data, str):
        yield _malformed(kind, "channel.type", "a channel type")
    elif kind.data not in vocabulary.channel_types:
        hint = did_you_mean(kind.data, vocabulary.channel_types) or None
        yield codes.E403.at(kind.place, type=kind.data, known=known, hint=hint)


def _check_metrics(channel: Node, metrics: Node | None, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    if metrics is None:
        yield codes.E404.at(channel.place, app=channel.source.file, hint=_misspelt(channel, "metrics"))
        return
    if not isinstance(metrics.children, dict):
        yield _malformed(metrics, "channel.metrics", "a mapping of groups to lists of metrics")
        return
    groups = vocabulary.groups
    for key, group in metrics.items():
        if key.text not in groups:
            hint = did_you_mean(key.text, groups)
            yield codes.E405.at(key.place, group=key.text, known=listed(groups), hint=hint)
        elif not isinstance(group.data, list):
            yield _malformed(group, f"channel.metrics.{key.text}", "a list of metrics")
        else:
            yield from _check_group(key.text, group, vocabulary)
    yield from _check_attributable(metrics, vocabulary)


def _check_group(name: str, group: Node, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    assert isinstance(group.children, list)
    allowed = vocabulary.groups[name]
    seen: dict[object, Node] = {}
    for metric in group.children:
        if isinstance(metric.data, str) and metric.data in seen:
            line = seen[metric.data].place.line
            yield codes.W405.at(metric.place, metric=metric.data, group=name, line=line)
        seen.setdefault(metric.text, metric)
        if not isinstance(metric.data, str):
            yield _malformed(metric, f"channel.metrics.{name}", "a list of metrics")
        elif metric.data in allowed:
            continue
        elif metric.data in vocabulary.metrics:
            right = vocabulary.metrics[metric.data].group
            yield codes.E407.at(metric.place, metric=metric.data, group=name, right=f"channel.metrics.{right}")
        else:
            yield codes.E406.at(
                metric.place, metric=metric.data, group=name, known=listed(allowed), hint=_hint(metric.data, vocabulary)
            )


def _hint(word: str, vocabulary: Vocabulary) -> str:
    near = nearest(word, vocabulary.metrics)
    return f"did you mean {near!r} (group {vocabulary.metrics[near].group})?" if near else ""


def _check_attributable(metrics: Node, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    declared, doubtful = _declared(metrics), set(_doubtful(metrics, vocabulary))
    for name, place in _marked(metrics).items():
        if name in vocabulary.metrics and name not in declared and name not in doubtful:
            right = f"channel.metrics.{vocabulary.metrics[name].group}"
            yield codes.W401.at(place, metric=name, right=right)
