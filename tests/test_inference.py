"""What is inferred from bodies: each part by example, and over the cases of every provider a draft that holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulesengine import Engine
from rulesengine.drafting.drafts import Draft, make_draft
from rulesengine.drafting.hints import reading_of
from rulesengine.drafting.inference import Inference, infer
from rulesengine.drafting.specimens import Specimen, Specimens, formats_of, read_specimens
from rulesengine.gathering import gather
from rulesengine.loading import check_files
from rulesengine.payloads import encode
from rulesengine.source import read as read_yaml
from rulesengine.testing.suites import gather_cases, run
from tests import cases
from tests.cases import channels_of, manifests, providers
from tests.conftest import files_of

NOW = 1795000000
DELIVERED = {"event": "delivered", "email": "ann@example.com", "ts": NOW, "id": "m-1"}
OPENED = {**DELIVERED, "event": "opened", "email": "bo@example.com"}


def inferred(*bodies: Any, channel: str = "email") -> Inference:
    return infer(bodies, channel)


def field(name: str, *bodies: Any, channel: str = "email") -> str | None:
    """The expression found for an identifier or for data."""
    found = inferred(*bodies, channel=channel)
    one = {**found.identifiers, **found.data}.get(name)
    return one.expression if one is not None else None


# -- envelopes --------------------------------------------------------------------------------------------------------

ENVELOPES: list[tuple[list[Any], list[str], int]] = [
    ([DELIVERED], [], 1),
    ([[DELIVERED, OPENED]], [], 2),
    ([{"batch": 1, "events": [DELIVERED, OPENED]}], ["events"], 2),
    ([{"data": {"results": [DELIVERED]}}, {"data": {"results": []}}], ["data.results"], 1),
    ([{"events": [DELIVERED]}, OPENED], ["not_null(events, @)"], 2),
    ([{"entry": [{"changes": [{"value": {"statuses": [DELIVERED, OPENED]}}]}]}],
     ["entry", "changes", "value.statuses"], 2),
    ([{"posted": json.dumps([DELIVERED, OPENED])}], ["from_json(posted)"], 2),
    ([{"Message": json.dumps(DELIVERED)}, {"Message": "You have subscribed"}],
     [r"matches(text(Message), '^\s*[\[{]') && from_json(text(Message)) || @"], 2),
    ([[{"msys": {"message": DELIVERED}}, {"msys": {"track": OPENED}}]], ["values(msys)"], 2),
    ([{"value": {"statuses": [DELIVERED]}}, {"value": {"reads": [OPENED]}}],
     ["not_null(value.statuses, value.reads)"], 2),
    # Lists that are no events: people of one event, headers of one message.
    ([{**DELIVERED, "headers": [{"name": "status", "value": "x"}]}], [], 1),
    ([{**DELIVERED, "to": [{"email": "a@example.com", "status": "delivered"}]}], [], 1),
]  # fmt: skip


@pytest.mark.parametrize(("bodies", "steps", "items"), ENVELOPES)
def test_envelope(bodies: list[Any], steps: list[str], items: int) -> None:
    found = inferred(*bodies)
    assert [step.expression for step in found.steps] == steps
    assert len(found.items) == items


# -- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "event", "names"),
    [
        ([DELIVERED, OPENED], "event", ["delivered", "opened"]),
        ([{"RecordType": "Bounce", "Type": "HardBounce"}, {"RecordType": "Open"}], "RecordType", ["Bounce", "Open"]),
        ([{"type": "email", "what": {"happened": "email.opened"}}] * 5, "what.happened", ["email.opened"]),
        ([{"type": "campaign", "action": "clicked"}, {"type": "campaign", "action": "bounced"}], "action", None),
        ([{"eventType": "Open"}, {"notificationType": "Bounce"}], "eventType || notificationType", ["Open", "Bounce"]),
        ([{"event-data": {"event": "opened"}}], '"event-data".event', ["opened"]),
        ([{"type": "letter", "status": one} for one in ("parked", "lifted")] * 3, "status", ["parked", "lifted"]),
        ([{"id": "a1", "subject": "Hello"}], None, []),
        ([{"event": 5}, {"event": True}], None, []),
        ([{"TRUE": "open"}], None, []),
    ],
)
def test_event(items: list[Any], event: str | None, names: list[str] | None) -> None:
    found = inferred(items)
    assert (found.event.expression if found.event is not None else None) == event
    assert names is None or [kind.name for kind in found.kinds] == names


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("delivered", "delivery"), ("email.delivered", "delivery"), ("MessageDelivered", "delivery"),
        ("OPEN", "open"), ("email_opened", "open"), ("message.link_click", "click"),
        ("hard-bounced", "hard_bounce"), ("activity.soft_bounced", "soft_bounce"),
        ("SpamComplaint", "spam_report"), ("unsub", "opt-out"), ("group_unsubscribe", "list_unsubscribe"),
        ("sent", None), ("delivery_delayed", None), ("proxy_open", None), ("resubscribe", None),
        ("bounce", None), ("failed", None), ("unique_opened", None),
    ],
)  # fmt: skip
def test_reading_of_an_event(name: str, metric: str | None) -> None:
    reading = reading_of(name)
    assert reading is not None
    assert reading.metric == metric


@pytest.mark.parametrize("name", ["", "survey", "not delivered at all", "opened the door"])
def test_other_names_are_not_read(name: str) -> None:
    assert reading_of(name) is None


def test_a_class_of_bounces_is_found_where_it_says_hard_or_soft() -> None:
    bounces = [{"event": "bounce", "code": 5, "type": kind} for kind in ("hard", "soft", "odd")]
    (kind,) = inferred(bounces).kinds
    assert kind.classes is not None
    assert kind.classes.expression == "type"
    assert kind.classes.metrics == {"hard": "hard_bounce", "soft": "soft_bounce", "odd": None}


def test_no_class_is_made_of_other_words() -> None:
    (kind,) = inferred([{"event": "bounce", "type": "blocked"}, {"event": "bounce", "type": "policy"}]).kinds
    assert kind.classes is None
    assert kind.deciding == ("type: blocked 1, policy 1",)


# -- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "name", "expression"),
    [
        ({"email": "a@example.com", "from": "b@example.com"}, "email", "lower(trim(email))"),
        ({"mail": {"sender": "c@example.com"}, "to": "a@example.com"}, "email", "lower(trim(to))"),
        ({"to": "Ann <a@example.com>"}, "email", "lower(trim(address(to)))"),
        ({"to": ["a@example.com"]}, "email", "lower(trim(to[0]))"),
        ({"r": {"e-mail": "a@example.com"}}, "email", 'lower(trim(r."e-mail"))'),
        ({"mail": {"to": "b@example.com"}, "bounce": {"to": "a@example.com"}}, "email", "lower(trim(bounce.to))"),
        ({"from": "b@example.com"}, "email", None),
        ({"to": "+15550100001", "from": "+15550100002"}, "phone", "e164(to)"),
        ({"msisdn": 15550100001}, "phone", "e164(msisdn)"),
        ({"price": "15550100001"}, "phone", None),
        ({"device_token": "f" * 32}, "push_token", "device_token"),
        ({"source": {"userId": "U206d25c2"}}, "customer_id", "source.userId"),
        ({"email": "a@example.com", "user_id": "U206d25c2"}, "customer_id", None),
        ({"timestamp": NOW}, "ts", "epoch(timestamp)"),
        ({"timestamp": NOW * 1000}, "ts", "epoch_ms(timestamp)"),
        ({"timestamp": str(NOW)}, "ts", "epoch(timestamp)"),
        ({"happened": "2026-11-18T12:26:40Z"}, "ts", "epoch(happened)"),
        ({"date": "11/18/2026 1:26:40 PM"}, "ts", "epoch_at(date, '%m/%d/%Y %I:%M:%S %p', 'UTC')"),
        ({"sent_at": NOW - 60, "timestamp": NOW}, "ts", "epoch(timestamp)"),
        ({"x_sent_time": NOW - 60, "x_its_time": NOW}, "ts", "epoch(x_its_time)"),
        ({"x_its_time": NOW - 60, "clickedAt": NOW}, "ts", "epoch(clickedAt)"),
        ({"bounce": {"timestamp": NOW}, "mail": {"timestamp": NOW - 60}}, "ts", "epoch(bounce.timestamp)"),
        ({"id": NOW, "version": "2010-04-01"}, "ts", None),
        ({"timestamp": 12}, "ts", None),
        ({"message_id": "m-1", "id": "e-1"}, "message_id", "message_id"),
        ({"message_id": "m-1", "id": "e-1"}, "event_id", "id"),
        ({"MessageID": 5}, "message_id", "text(MessageID)"),
        ({"user": {"id": "u-1"}}, "message_id", None),
        ({"tags": ["a", "b"]}, "tags", "join(',', [tags][].text(@)) || `null`"),
        ({"tag": "a"}, "tags", "tag"),
        ({"campaign": {"id": 7}}, "campaign_id", "text(campaign.id)"),
    ],
)  # fmt: skip
def test_field(item: dict[str, Any], name: str, expression: str | None) -> None:
    assert field(name, {"event": "opened", **item}) == expression


@pytest.mark.parametrize(
    ("items", "name", "expression"),
    [
        ([{"Email": "a@example.com"}, {"Recipient": "b@example.com"}], "email", "lower(trim(Email || Recipient))"),
        ([{"to": "+15550100001"}, {"to": [{"number": "+15550100001"}]}], "phone", "e164(to[0].number || to)"),
        ([{"ts_ms": NOW * 1000}, {"time": NOW}], "ts", "epoch(time) || epoch_ms(ts_ms)"),
        ([{"message_id": "m-1"}, {"message_id": 5}], "message_id", "text(message_id)"),
        ([{"timestamp": NOW}] * 9 + [{"timestamp": "yesterday"}], "ts", "epoch(timestamp)"),
    ],
)  # fmt: skip
def test_field_over_items(items: list[dict[str, Any]], name: str, expression: str) -> None:
    assert field(name, [{"event": "opened", **item} for item in items]) == expression


def test_the_kind_of_address_is_that_of_the_channel() -> None:
    both = {"event": "open", "email": "a@example.com", "phone": "+15550100001"}
    assert list(inferred(both, channel="email").identifiers) == ["email"]
    assert list(inferred(both, channel="sms").identifiers) == ["phone"]


def test_what_stands_around_the_items_is_found_last() -> None:
    body = {"timestamp": NOW, "events": [{"event": "open", "to": "a@example.com"}]}
    assert field("ts", body) == "epoch(root().timestamp)"
    own = {"event_time": NOW, "events": [{"event": "open", "to": "a@example.com", "time": NOW}]}
    assert field("ts", own) == "epoch(time)"


def test_doubts_are_told() -> None:
    naive = inferred({"event": "open", "to": ["a@example.com", "b@example.com"], "date": "2026-11-18 12:26:40"})
    assert naive.data["ts"].doubt == "the texts name no time zone: is it UTC?"
    assert "up to 2 elements" in str(naive.identifiers["email"].doubt)
    assert inferred({"event": "open", "at": "2026-11-18 12:26:40+0100"}).data["ts"].doubt is None


def test_evidence_counts_items_and_names_other_candidates() -> None:
    found = inferred([DELIVERED, {**OPENED, "recipient": "cy@example.com"}, {"event": "open"}]).identifiers["email"]
    assert (found.seen, found.of, found.also) == (2, 3, ("recipient",))


# -- bodies -----------------------------------------------------------------------------------------------------------


def read(folder: Path, name: str, text: str, form: str | None = None) -> Specimens:
    (folder / name).write_text(text)
    return read_specimens([str(folder / name)], form)


@pytest.mark.parametrize(
    ("name", "text", "forms", "data"),
    [
        ("a.json", '{"a": "1"}', ["json"], [{"a": "1"}]),
        ("a.txt", "a=1&b%5Bc%5D=2", ["form"], [{"a": "1", "b": {"c": "2"}}]),
        ("a.txt", "https://x.test/hook?a=1", ["query"], [{"a": "1"}]),
        ("a.txt", "?a=1", ["query"], [{"a": "1"}]),
        ("a.ndjson", '{"a": "1"}\n\n{"a": "2"}\n', ["json"], [{"a": "1"}, {"a": "2"}]),
        ("a.txt", '{"a": "1"}\n{"a": "2"}\n', ["ndjson"], [{"a": "1"}, {"a": "2"}]),
    ],
)
def test_format(tmp_path: Path, name: str, text: str, forms: list[str], data: list[Any]) -> None:
    found = read(tmp_path, name, text)
    assert formats_of(found.bodies) == forms
    assert [one.data for one in found.bodies] == data


def test_a_query_is_tried_before_a_form_which_takes_it_too(tmp_path: Path) -> None:
    found = [*read(tmp_path, "a.txt", "a=1").bodies, *read(tmp_path, "b.txt", "https://x.test/?a=1").bodies]
    assert formats_of(found) == ["query", "form"]


def test_a_format_that_is_asked_for_is_the_only_one(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", "/a=1", "form").bodies[0].form == "form"
    assert read(tmp_path, "a.json", '{"a": 1}', "form").faults != ()


def test_a_body_that_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    found = read(tmp_path, "a.ndjson", '{"a": 1}\n{"a":\n' + '{"a":' * 99 + "1" + "}" * 99)
    assert [one.data for one in found.bodies] == [{"a": 1}]
    assert [fault.split(":")[1] for fault in found.faults] == ["2", "3"]
    assert "60 levels" in found.faults[1]


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read_specimens([str(tmp_path / "none.json")], None).faults
    assert fault.endswith("no such file or directory")


# -- over all providers -----------------------------------------------------------------------------------------------


def specimens_of(provider: str) -> list[Specimen]:
    """The bodies of a provider's cases, as far as they can be read."""
    found: list[Specimen] = []
    for case in cases.tested(provider).cases:
        if case.body is None:
            found.append(Specimen("case.json", encode(case.payload), case.payload, "json"))
        else:
            program = next(iter(cases.tested(provider).engines.values()))
            data = [one for _, one in program.bodies(provider, case.body)]
            form = "json" if case.body.lstrip()[:1] in (b"{", b"[") else program.formats(provider)[-1]
            found += [Specimen("case.txt", case.body, one, form) for one in data if isinstance(one, dict | list)][:1]
    return found


@pytest.mark.parametrize("provider", providers())
def test_a_draft_is_free_of_errors_and_its_cases_pass(provider: str, tmp_path: Path) -> None:
    files, _ = gather([], manifests()[channels_of(provider)[0]])
    assert files is not None
    bodies = specimens_of(provider)
    draft = make_draft(provider, files, check_files(files).app, bodies, f"{provider}.yml")
    (tmp_path / f"{provider}.yml").write_text(draft.mapping)
    (tmp_path / provider).mkdir()
    (tmp_path / provider / "samples.yml").write_text(draft.samples)
    written, faults = gather([tmp_path / f"{provider}.yml"], files.app.name)
    assert written is not None, faults
    (one,), found = gather_cases([replace(written)])
    assert not [str(fault) for fault in found if fault.is_error]
    assert len(one.cases) == len(draft.cases) > 0
    assert [trial.differences for trial in run(one).failed] == []


# Of the events that the real mapping makes of the bodies of its cases, the least share that the draft has with the same
# recipient, and with the same time. Such bodies are odder than what a provider sends.
FOUND = {
    **dict.fromkeys(["sendgrid", "postmark", "mailtrap", "smtp2go", "iterable", "mailjet"], (0.9, 0.9)),
    **dict.fromkeys(["messagebird", "infobip", "sparkpost", "mailersend", "brevo"], (0.85, 0.85)),
    "braze": (0.8, 0.8),
    "line": (0, 0.9),
}


@pytest.mark.parametrize(("provider", "least"), FOUND.items())
def test_how_much_of_a_mapping_is_found(provider: str, least: tuple[float, float]) -> None:
    engine = next(iter(cases.tested(provider).engines.values()))
    files, _ = gather([], manifests()[channels_of(provider)[0]])
    assert files is not None
    bodies = [one for one in specimens_of(provider) if not engine.apply(provider, one.data).rejected]
    draft = make_draft(provider, files, check_files(files).app, bodies, "draft.yml")
    found = Engine(replace(files, mappings=(replace(files.app, name="draft.yml", raw=all_emitted(draft.mapping)),)))
    same: list[tuple[bool, bool]] = []
    for body in bodies:
        made = found.apply(provider, body.data).events
        people, times = ([one["identifiers"] for one in made], [one["data"].get("ts") for one in made])
        for event in engine.apply(provider, body.data).events:
            same.append((event["identifiers"] in people, event["data"].get("ts") in times))
    shares = [sum(one) / len(same) for one in zip(*same, strict=True)]
    assert shares[0] >= least[0]
    assert shares[1] >= least[1]


def all_emitted(mapping: str) -> bytes:
    """A draft in which every event is emitted, so that what it finds can be seen of all items."""
    head, _, rules = mapping.partition("\nrules:\n")
    lines = [line for line in rules.splitlines() if line.lstrip().startswith(("- name:", "when:"))]
    emitted = [f"{line}\n    emit: delivery" if line.lstrip().startswith("when:") else line for line in lines]
    return "\n".join([head.partition("\ntables:\n")[0], "rules:", *emitted]).encode()


# Names and values that inference looks for, among any others.
NAMES = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["event", "type", "email", "to", "timestamp", "date", "id", "tags", "events", "data", "bounce",
                     "list_id", "url", "message-id", "class", "severity", "phone", "user_id", "a b", "true", "'", "`"]),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from(["open", "bounce", "click", "unsubscribe", "group_unsubscribe", "hard", "soft", "A <a@example.com>",
                     "a@example.com", "+15550100001", NOW, NOW * 1000, "2026-11-18 12:26:40", "it's: #1", "\x7f\u2028",
                     "https://example.com/", '[{"event": "open", "to": "a@example.com"}]', "O'Neill \\ `x`"]),
)  # fmt: skip
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)),
    max_size=6,
)


@given(st.lists(st.one_of(OBJECTS, st.lists(OBJECTS, max_size=3)), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bodies_a_draft_is_free_of_errors(bodies: list[Any]) -> None:
    draft = drafted(bodies)
    root, faults = read_yaml("samples.yml", draft.samples.encode())
    assert root is not None
    assert not faults
    assert len(root.data["cases"]) == len(bodies)


def drafted(bodies: list[Any]) -> Draft:
    specimens = [Specimen("b.json", encode(one), one, "json") for one in bodies]
    files = replace(files_of(), mappings=())
    return make_draft("test", files, check_files(files).app, specimens, "test.yml")
