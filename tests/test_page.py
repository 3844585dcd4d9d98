"""The page that `rules apply --report` writes: what it counts, and that a browser draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rulesengine.cli import main
from rulesengine.codes import BY_NUMBER
from rulesengine.flows import HOUR, OTHERS, Flows, Step
from rulesengine.page import Report, Row, render_page, report_of
from rulesengine.sankey import Flow, picture
from rulesengine.tally import Problem, Seen, Source, Tally

APP = "channel: {type: email, metrics: {engagement: [open], reachability: [hard_bounce, soft_bounce]}}\n"
MAPPING = """\
mapping: 1
provider: acme
payload: {event: event, events: [open, bounce, sent]}
event:
  identifiers: {email: email}
  data: {ts: epoch(ts)}
tables:
  kind: {hard: hard_bounce, soft: soft_bounce}
rules:
  - {name: opened, when: "event == 'open'", emit: open}
  - {name: bounced, when: "event == 'bounce'", emit: {table: kind, key: kind}}
  - {name: on its way, when: "event == 'sent'", ignore: the outcome will come}
"""
START = 1795003200  # an hour, and not a day
ITEMS = [
    *[{"event": "open", "email": "a@example.com", "ts": START + n} for n in range(5)],
    {"event": "open", "email": "a@example.com", "ts": START + HOUR},
    {"event": "bounce", "email": "a@example.com", "ts": START, "kind": "hard"},
    {"event": "bounce", "email": "a@example.com", "ts": START, "kind": "<b>new</b>"},
    {"event": "sent"},
    {"event": "<script>alert(1)</script>"},
    {"event": "open", "ts": START},
    None,
]
# (event, rule, metric, outcome): count
STEPS = {
    ("open", "opened", "open", "emitted"): 6,
    ("bounce", "bounced", "hard_bounce", "emitted"): 1,
    ("bounce", "bounced", "", "unmatched"): 1,
    ("sent", "on its way", "", "ignored"): 1,
    ("<script>alert(1)</script>", "", "", "unmatched"): 1,
    ("open", "", "", "rejected"): 1,
    ("", "", "", "rejected"): 1,
}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "acme.yml").write_text(MAPPING)
    (tmp_path / "app.yml").write_text(APP)
    (tmp_path / "in.json").write_text(json.dumps(ITEMS))
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(one) + "\n" for one in [*ITEMS[:-1], [None]]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def apply(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["apply", "acme.yml", *arguments, "--report", "page.html"], prog_name="rules")
    assert result.exit_code == 1, result.output
    return result


def bands() -> dict[str, int]:
    """What the bands of the page's flow say: `open → opened`, and how many."""
    page = Path("page.html").read_text()
    found = re.findall(r'class="band \w+"[^>]*><title>(.*?): ([\d,]+)</title>', page)
    return {told: int(count.replace(",", "")) for told, count in found}


@pytest.mark.parametrize("payload", ["in.json", "in.ndjson"])
def test_every_item_is_in_the_flow_once(payload: str) -> None:
    apply(payload)
    told = bands()
    assert told["open → opened → open → emitted"] == 6
    assert told["bounce → bounced → hard_bounce → emitted"] == 1
    assert told["bounce → bounced → unmatched"] == 1
    assert told["sent → on its way → ignored"] == 1
    assert told["open → rejected"] == 1
    assert sum(told.values()) == len(ITEMS)


def test_the_page_is_the_same_from_several_processes_and_events_are_those_of_a_run_without(folder: Path) -> None:
    events = apply("in.ndjson").stdout
    page = Path("page.html").read_text()
    assert apply("in.ndjson", "--jobs", "2").stdout == events
    assert Path("page.html").read_text() == page
    plain = CliRunner().invoke(main, ["apply", "acme.yml", "in.ndjson"], prog_name="rules")
    assert plain.stdout == events
    assert plain.stderr == apply("in.ndjson").stderr


def test_nothing_of_a_payload_is_markup() -> None:
    apply("in.json")
    page = Path("page.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "table kind &#x27;&lt;b&gt;new&lt;/b&gt;&#x27;" in page
    assert "a@example.com" not in page


def test_no_address_is_on_the_page(folder: Path) -> None:
    items = [
        {"event": "open", "email": email, "ts": ts}
        for email, ts in [("ann@corp.test", START), ("bob@corp.test", START), ("a", "at eve@corp.test"), ("a", "7 Elm")]
    ]
    items += [{"event": name, "email": "a"} for name in ("mail to cy@corp.test", "di%40corp.test", "+44 7700 900123")]
    items += [{"event": "bounce", "email": "a", "ts": START, "kind": f"550 <{n}@corp.test>"} for n in ("flo", "x" * 80)]
    items += [{"event": "bounce", "email": "a", "ts": START, "kind": "447700900123"}, {"event": "error 131026"}]
    (folder / "in.json").write_text(json.dumps(items))
    apply("in.json")
    page = Path("page.html").read_text()
    shown = re.findall("corp|ann@|bob@|eve@|Elm|cy@|di%|7700|flo@|xxx", page.partition("<body>")[2])
    assert shown == []
    assert "event &#x27;mail to &lt;address&gt;&#x27;" in page
    assert "event &#x27;&lt;number&gt;&#x27;" in page
    assert "event &#x27;error 131026&#x27;" in page
    assert "table kind &#x27;550 &lt;&lt;address&gt;&gt;&#x27;" in page


def test_faults_of_a_kind_and_a_place_are_one_row() -> None:
    tally = Tally()
    for number, message in enumerate(("no number: 'a'", "no number: 'b'")):
        tally.problems[Problem("E506", message, "m.yml:1:1")] = Seen(2, Source("in.json", None, number))
    tally.problems[Problem("E506", "no number: 'a'", "m.yml:2:1")] = Seen(5, Source("in.json", None, 7))
    title = BY_NUMBER["E506"].title
    assert report_of(tally, "t").problems == [
        Row(5, ("E506", title, "m.yml:2:1", "in.json item 7")),
        Row(4, ("E506", title, "m.yml:1:1", "in.json item 0")),
    ]


def test_the_page_is_no_input_and_no_other_output(folder: Path) -> None:
    for other in (["--report", "in.json"], ["-o", "page.html", "--report", "page.html"]):
        result = CliRunner().invoke(main, ["apply", "acme.yml", "in.json", *other], prog_name="rules")
        assert result.exit_code == 2, result.output
    assert json.loads((folder / "in.json").read_text()) == ITEMS


def test_events_over_time_are_by_the_hour_and_by_the_day_where_there_are_many() -> None:
    flows = Flows(hours=Counter({("open", START + n * HOUR): 1 for n in (0, 1)}))
    page = render_page(Report("t", "s", flows, [], []))
    assert "2026-11-18 12:00: open 1" in page
    flows.hours["open", START + 400 * HOUR] = 3
    page = render_page(Report("t", "s", flows, [], []))
    assert "2026-11-18: open 2" in page
    assert "2026-12-05: open 3" in page


def test_an_empty_run_has_a_page_too() -> None:
    page = render_page(Report("t", "s", Flows(), [], []))
    assert page.count("<svg") == 0
    assert "No item was mapped" in page
    assert "No event has a time" in page


def test_rows_are_in_tables() -> None:
    page = render_page(Report("t", "s", Flows(), [Row(1234, ("x", "y", "z"))], [Row(1, ("E506", "a", "b", "c"))]))
    assert "<td>1,234</td><td>x</td>" in page
    assert "<td>1</td><td>E506</td>" in page


def test_of_too_many_events_the_others_are_one() -> None:
    flows = Flows()
    for n in range(600):
        flows.add(Flows(steps=Counter({Step(f"e{n}", "", "", "unmatched"): 1})))
    assert len(flows.steps) == 501
    assert flows.steps[Step(OTHERS, "", "", "unmatched")] == 100
    assert render_page(Report("t", "s", flows, [], [])).count('class="band') < 200


def test_bands_fit_the_things_they_join() -> None:
    drawn = picture([Flow(("a", "x"), "emitted", 3), Flow(("b", "x"), "ignored", 1)], ("from", "to"))
    heights = {name: float(height) for height, name in re.findall(r'height="([\d.]+)"><title>(\w)', drawn)}
    widths = [float(one) for one in re.findall(r'stroke-width="([\d.]+)"', drawn)]
    assert heights["x"] == pytest.approx(heights["a"] + heights["b"], abs=0.2)
    assert sorted(widths, reverse=True) == pytest.approx([heights["a"], heights["b"]], abs=0.2)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to look at the page with")
def test_a_browser_draws_it(folder: Path) -> None:
    apply("in.json")
    page, shot = (folder / "page.html").as_uri(), folder / "page.png"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    seen = subprocess.run([*command, "--dump-dom", page], capture_output=True, text=True, timeout=120, check=True)
    assert len(re.findall(r'<path class="band', seen.stdout)) == 3 * len(STEPS)
    assert seen.stdout.count("<svg") == 2
    assert "<script" not in seen.stdout
    subprocess.run([*command, f"--screenshot={shot}", page], capture_output=True, timeout=120, check=True)
    assert shot.stat().st_size > 10_000
