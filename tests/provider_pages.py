"""The pages of docs/providers, made from the mappings: what becomes of each event, by which rules and tables, and why.

A page begins and ends with `mappings/<provider>/notes.md`, written by hand: its first paragraph leads to the example,
others above its first heading follow the example, its sections follow what is made here. The example is the case marked
with `example: true`, the tables are those of the mapping with its comments, what other parsers answer is in
`tests/peers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from rulesengine.analysis import Facts
from rulesengine.emissions import Subject, decided
from rulesengine.flow import as_json
from rulesengine.loading import check_files
from rulesengine.model import Emission, Entry, Rule, Table, list_id_of
from rulesengine.narrowing import joined, known_as
from rulesengine.reach import reached
from rulesengine.testing.cases import Case
from tests.cases import MAPPINGS, channels_of, data_of, engine_for, providers, tested
from tests.peers import differences

WIDTH = 110
_COMMENT = re.compile(r"(?:^|\s)\s*#\s*(.*)$")


def index() -> str:
    """The page that lists all providers."""
    rows = [
        [
            f"[{_head(one)['title']}]({one}.md)",
            ", ".join(channels_of(one)),
            str(len(_head(one)["payload"].get("events", []))),
            str(_head(one)["reviewed"]),
        ]
        for one in providers()
    ]
    made = _table(["provider", "channels", "events", "reviewed"], rows)
    return f"{_NOTE}\n\n# Providers\n\n{_ABOUT}\n\n{made}\n"


_NOTE = "<!-- Made from the mappings by `UPDATE_DOCS=1 python -m pytest tests/test_provider_pages.py`. Do not edit. -->"
_ABOUT = (
    "The mappings that come with the package. `events` counts the events that a provider documents; `reviewed` is the\n"
    "day on which the mapping was last compared with those documents. `rules providers` prints the same list."
)


def page(provider: str) -> str:
    """The page of one provider."""
    introduction, more, sections = _notes(provider)
    title = _head(provider)["title"]
    parts = [_NOTE, f"# {title}", introduction, *_example(provider), more, _facts(provider), "## Events"]
    parts += [*_events(provider), *_tables(provider), *_peers(provider), sections]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(provider: str) -> dict[str, Any]:
    found: dict[str, Any] = data_of(MAPPINGS / f"{provider}.yml")
    return found


def _notes(provider: str) -> tuple[str, str, str]:
    """What stands before the example, after it, and below the tables."""
    text = (MAPPINGS / provider / "notes.md").read_text(encoding="utf-8").strip()
    top, heading, rest = text.partition("\n## ")
    introduction, _, more = top.partition("\n\n")
    return introduction.strip(), more.strip(), (heading + rest).strip()


def _facts(provider: str) -> str:
    head, channels = _head(provider), [f"`{one}`" for one in channels_of(provider)]
    return (
        f"The mapping is [mappings/{provider}.yml](../../mappings/{provider}.yml), for the channel{_s(channels)} "
        f"{_listed(channels)}, compared with\n[the provider's documents]({head['docs']}) on {head['reviewed']}."
    )


# -- the example ------------------------------------------------------------------------------------------------------


def _example(provider: str) -> Iterator[str]:
    (case,) = (one for one in tested(provider).cases if one.node.data.get("example"))
    yield _body(provider, case)
    events, ignored = case.expect.get("events", []), case.expect.get("ignored", [])
    if events:
        yield "It becomes" if len(events) == 1 else f"It becomes {len(events)} events:"
        yield _block("json", as_json(events[0] if len(events) == 1 else events, width=WIDTH))
    if ignored:
        yield f"Ignored by: {_listed(ignored)}." if not events else f"The rest is ignored by: {_listed(ignored)}."


def _body(provider: str, case: Case) -> str:
    text, payload = case.body, case.payload
    if engine_for(provider, case.channel).formats(provider)[0] in ("form", "query") and not isinstance(payload, list):
        fields = parse_qsl(text.decode(), keep_blank_values=True) if text is not None else payload.items()
        return _block("text", "\n".join(f"{name}={value}" for name, value in fields))
    return _block("text", text.decode().strip()) if text is not None else _block("json", as_json(payload, width=WIDTH))


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


# -- events -----------------------------------------------------------------------------------------------------------


def _events(provider: str) -> Iterator[str]:
    """For each event the rules that may take it, in order; events with the same ones share a row."""
    takers = _takers(provider)
    rules = {rule.index: rule for one in _subjects(provider) for rule in one.mapping.rules}
    everywhere = [n for n in rules if len(takers) > 1 and all(n in found for found in takers.values())]
    if everywhere:
        yield "Whatever the event is, these rules see the item in their turn:"
        yield "\n".join(f"- {_name(rules[n])}: {_becomes(rules[n])}" for n in everywhere)
    groups: dict[tuple[int, ...], list[str]] = {}
    for event, found in takers.items():
        groups.setdefault(tuple(n for n in found if n not in everywhere), []).append(event)
    rows = []
    for numbers, events in groups.items():
        first = ", ".join(f"`{event}`" for event in events)
        rows += [[first if n == numbers[0] else "", _name(rules[n]), _becomes(rules[n])] for n in numbers]
    yield "Of several rules for an event the first whose condition holds takes the item."
    yield _table(["event", "rule", "becomes"], rows)
    yield "What is not here, an event or a value that a table lacks, ends unmatched: it is reported, not guessed."


def _subjects(provider: str) -> list[Subject]:
    """The mapping as it is checked for each of its channels."""
    engines = [engine_for(provider, channel) for channel in channels_of(provider)]
    return [check_files(engine._files).subjects[0] for engine in engines]


def _takers(provider: str) -> dict[str, list[int]]:
    """The numbers of the rules that may take each documented event, in an app of some channel."""
    found: dict[str, set[int]] = {}
    for subject in _subjects(provider):
        reaching = reached(subject)
        for event in subject.mapping.payload.events:
            found.setdefault(event.value, set()).update(_taking(subject, event.value, reaching))
    return {event: sorted(numbers) for event, numbers in found.items()}


def _taking(subject: Subject, event: str, reaching: Sequence[Mapping[str, Facts]]) -> Iterator[int]:
    name = subject.mapping.payload.event
    known = known_as(name.tree, event) if name is not None and name.tree is not None else {}
    facts = Facts(joined(known, subject.channel_known), subject.app.channel, subject.tables_known)
    for rule in subject.mapping.rules:
        verdict = decided(rule, facts)
        if event in reaching[rule.index] and verdict is not False:
            yield rule.index
        if verdict:
            return


def _name(rule: Rule) -> str:
    return rule.label


def _becomes(rule: Rule) -> str:
    if rule.ignore is not None:
        return f"ignored: {rule.ignore}"
    return ", and ".join(_emission(rule, one) for one in rule.emissions)


def _emission(rule: Rule, emission: Emission) -> str:
    if emission.table is not None:
        name, key = emission.table.value, emission.key.text if emission.key is not None else ""
        return f"by [{name}](#{name}): `{_one_line(key)}`"
    if emission.metric is None:
        return f"action `{_one_line(emission.action.text if emission.action is not None else '')}`"
    list_id = list_id_of(rule, emission)
    of_list = f" of `{_one_line(list_id.text)}`" if list_id is not None and emission.metric.value == LIST else ""
    return f"**{emission.metric.value}**{of_list}"


LIST = "list_unsubscribe"


# -- tables -----------------------------------------------------------------------------------------------------------


def _tables(provider: str) -> Iterator[str]:
    (subject, *_) = _subjects(provider)
    lines = (MAPPINGS / f"{provider}.yml").read_text(encoding="utf-8").splitlines()
    if subject.mapping.tables:
        yield "## Tables"
    for table in subject.mapping.tables.values():
        yield f"### {table.name}"
        yield _table(["value", "becomes", ""], list(_entries(table, lines)))


def _entries(table: Table, lines: Sequence[str]) -> Iterator[list[str]]:
    """The entries of a table with the comments on their lines, and those between them."""
    line = table.place.line
    for entry in table.all_entries:
        between = [_COMMENT.search(text) for text in lines[line : entry.key_place.line - 1]]
        comments = [found[1] for found in between if found]
        if comments and between[0] is not None:
            yield [f"*{' '.join(comments)}*", "", ""]
        line = entry.place.end_line
        yield [_key(entry), _value(entry.value), _remark(entry, lines)]


def _key(entry: Entry) -> str:
    return "*any other*" if entry.key == "default" else f"`{entry.key}`"


def _value(value: Any) -> str:
    return "ignored" if value == "ignore" else str(value)


def _remark(entry: Entry, lines: Sequence[str]) -> str:
    found = _COMMENT.search(lines[entry.place.end_line - 1][entry.place.end_column - 1 :])
    return found[1] if found else ""


# -- other parsers ----------------------------------------------------------------------------------------------------


def _peers(provider: str) -> Iterator[str]:
    known = differences(provider)
    if known is None:
        return
    yield "## Other parsers"
    if not known:
        yield "django-anymail, symfony and postboi answer the same for the same bodies, as far as they read them."
        return
    yield "Where they answer otherwise for the same bodies:"
    rows = [[_listed(one.parsers), one.theirs_in_words, one.ours, one.why] for one in known]
    yield _table(["parser", "there", "here", "why"], rows)


# -- Markdown ---------------------------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_cell(one) for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _s(words: Sequence[str]) -> str:
    return "s" if len(words) > 1 else ""
