"""The benchmarks without their clock: all sides give the same events, and the page shows what the JSON file holds."""

from __future__ import annotations

import re
import resource
import sys
from collections import Counter
from html import unescape
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from rulesengine import Engine
from rulesengine.testing.trials import Trial
from tests.bench import cold, events, files, handwritten, load, report, rules, samples, timing
from tests.bench.__main__ import main
from tests.bench.figures import PARTS, Figure, Ratio, WrongAnswer
from tests.bench.interpreted import Interpreted
from tests.bench.peers import PEERS, Peer
from tests.bench.report import Report
from tests.cases import suite_of

TRIALS = [trial for trial in suite_of("sendgrid").trials if trial.case.body is None]
PLAIN = [trial for trial in TRIALS if {*trial.case.expect} <= {"events", "ignored"}]
SENDGRID = events.TASKS["sendgrid"]


def _id(trial: Trial) -> str:
    return trial.case.about


def stored() -> Report:
    return report.from_json(report.JSON.read_text(encoding="utf-8"))


# -- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_json() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page == report.page_with(page, stored()), "stale: python -m tests.bench --write"


def test_the_json_is_as_it_is_written() -> None:
    assert report.to_json(stored()) == report.JSON.read_text(encoding="utf-8")


def test_the_json_has_every_part_and_nothing_wrong() -> None:
    figures = stored().figures
    assert [part for part in PARTS if part not in {one.part for one in figures}] == []
    assert [one.what for one in figures if one.wrong] == []


def test_the_plot_shows_the_json() -> None:
    plot = report.PLOT.read_text(encoding="utf-8")
    told = {unescape(text.strip()) for text in re.findall(r"<text[^>]*>([^<]*)</text>", plot)}
    points = [value for line in report.lines(stored()).values() for _, value in line]
    values = [value for _, value in report.dots(stored())]
    assert len(values) >= 3
    assert len(points) == 2 * len(rules.COUNTS)
    assert {*(name for name, _ in report.dots(stored())), *map(report.shown, [*values, *points])} - told == set()


def test_a_table() -> None:
    figures = [
        Figure("files", "g", "by hand", 0.4567, "s"),
        Figure("files", "g", "ours", 1234.5, "s", "by hand", Ratio(0.9, 1.25, 100.0), "5 MB/s"),
        Figure("files", "g", "theirs", None, "s", note="not installed"),
    ]
    assert report.tables(figures) == (
        "### Files\n\n"
        "| g | s | ratio | to | |\n|---|---:|---:|---|---|\n"
        "| by hand | 0.46 | | | |\n"
        "| ours | 1,234 | **1.25** (0.90 to 100) | by hand | 5 MB/s |\n"
        "| theirs | | | | not installed |\n"
    )


def test_a_part_taken_again_replaces_the_older_one() -> None:
    """The rest stays, in the order of the parts, and with what says whether it was taken quickly."""
    older = Report({"cores": 2}, ("events", "cold"), tuple(Figure(part, "g", "old", 1.0, "s") for part in PARTS))
    newer = Report({"cores": 2}, ("load",), (Figure("load", "g", "new", 2.0, "s"),))
    both = older.with_parts(newer)
    assert [(one.part, one.what) for one in both.figures] == [
        (part, "new" if part == "load" else "old") for part in PARTS
    ]
    assert both.quick == ("events", "load", "cold")
    assert older.with_parts(Report({}, (), (Figure("cold", "g", "new", 2.0, "s"),))).quick == ("events",)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        report.page_with("# Benchmarks\n", stored())


# -- the sides --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", events.TASKS)
def test_all_sides_give_the_same_events(name: str) -> None:
    items = events.TASKS[name].events()
    sides = events.sides_of(events.TASKS[name], items)
    expected = sides[events.BY_HAND]()
    assert len(expected) == events.COUNT
    assert {side: events.fault_of(call, items, expected) for side, call in sides.items()} == dict.fromkeys(sides)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.package)
def test_a_peer_gives_the_same_events(peer: Peer) -> None:
    task = events.TASKS[peer.task]
    items = task.events()
    sides = events.peer_sides(peer, items)
    if not sides:
        pytest.skip("not installed")
    expected = [task.by_hand(item) for item in items]
    for call in sides.values():
        assert list(call()) == expected


def test_a_peer_that_is_not_installed_has_no_sides() -> None:
    assert events.peer_sides(Peer("nothing", "no_such_module", lambda module: module), []) == {}


@pytest.mark.parametrize("trial", TRIALS, ids=_id)
def test_by_hand_is_the_whole_mapping(trial: Trial) -> None:
    """The function written by hand does in every case of the mapping what the mapping does."""
    result, payload = trial.result, trial.case.payload
    found, ignored, failed = handwritten.each(handwritten.sendgrid, payload if isinstance(payload, list) else [payload])
    assert found == result.events
    assert ignored == len(result.ignored)
    assert failed == [one.item for one in sorted([*result.unmatched, *result.rejected], key=lambda one: one.index)]


@pytest.mark.parametrize("trial", PLAIN, ids=_id)
def test_rule_by_rule_is_the_whole_mapping(trial: Trial) -> None:
    """jmespath.py on the mapping's text gives the same events in every case without a fault."""
    interpreted, payload = Interpreted(SENDGRID.mapping, "email"), trial.case.payload
    found = [interpreted(item) for item in (payload if isinstance(payload, list) else [payload])]
    assert [event for event in found if event is not None] == trial.case.expect.get("events", [])


def test_another_answer_is_noticed() -> None:
    items, expected = [{"n": 1}, {"n": 2}], [{"a": 1}, {"a": 2}]
    assert events.fault_of(lambda: [{"a": 1}, {"a": 2}], items, expected) is None
    assert events.fault_of(lambda: [{"a": 1}, {"a": 3}], items, expected) == "gives {'a': 3}, not {'a': 2}"
    assert events.fault_of(lambda: [{"a": 1}], items, expected) == "gives 1 events, not 2"
    assert events.fault_of(lambda: [one.pop("x") for one in items], items, expected) == "raises KeyError: 'x'"
    assert events.fault_of(lambda: [one.update(n=0) for one in items], items, expected) == "changes what it is given"


@pytest.mark.parametrize("wrong", [False, True])
def test_a_wrong_peer_is_told_of_and_nothing_is_written(
    wrong: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = Figure("cold", "g", "peer", None, "s", note="gives {}, not {'a': 1}", wrong=wrong)
    monkeypatch.setattr(cold, "measure", lambda scale: [found])
    for name in ("JSON", "PAGE", "PLOT"):
        monkeypatch.setattr(f"tests.bench.__main__.{name}", tmp_path / name)
    result = CliRunner().invoke(main, ["--only", "cold", "--quick"])
    assert result.exit_code == int(wrong)
    assert ("Error: wrong: peer" in result.output) == wrong
    assert list(tmp_path.iterdir()) == []


def test_figures_of_events_are_microseconds_of_one() -> None:
    """Ours against the same by hand, all others against ours."""
    times = {events.BY_HAND: [100e-6], events.OURS: [150e-6], events.INTERPRETED: [600e-6], "peer": [300e-6]}
    found = list(events.figures_of(SENDGRID, times, {"peer": "in Rust"}))
    ratios = [one.ratio.median if one.ratio else 0.0 for one in found]
    assert [one.what for one in found] == [events.BY_HAND, events.OURS, events.INTERPRETED, "peer"]
    assert [one.value for one in found] == pytest.approx([1.0, 1.5, 6.0, 3.0])
    assert [one.against for one in found] == ["", events.BY_HAND, events.OURS, events.OURS]
    assert ratios == pytest.approx([0.0, 1.5, 4.0, 2.0])
    assert [one.note for one in found] == ["", "", "", "in Rust"]


# -- what is mapped ---------------------------------------------------------------------------------------------------


def test_a_hundred_events_hold_the_mix() -> None:
    found = list(samples.events(200))
    kinds = Counter("blocked" if one.get("type") == "blocked" else one["event"] for one in found)
    assert kinds == {kind: 2 * times for kind, times in samples.MIX.items()}
    assert found == list(samples.events(200))
    assert len({one["sg_event_id"] for one in found}) == 200


def test_lines_are_the_events(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    assert samples.write_lines(file, count=300) == 300
    lines = file.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [msgspec.json.decode(line) for line in lines] == list(samples.events(300))
    assert 350 < file.stat().st_size / 300 < 450


def test_lines_fill_a_size(tmp_path: Path) -> None:
    """The line that reaches the size is the last one."""
    file = tmp_path / "events.ndjson"
    count = samples.write_lines(file, size=50_000)
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == count
    assert sum(map(len, lines[:-1])) < 50_000 <= sum(map(len, lines))


def test_the_engine_maps_every_line(tmp_path: Path) -> None:
    file, out = tmp_path / "events.ndjson", tmp_path / "out.ndjson"
    samples.write_lines(file, count=200)
    timing.spent_by(*files.apply_command(file, out))
    files.check_output(files.APPLY, out, 200)


@pytest.mark.parametrize(("side", "loop"), [(files.LOOP, "loop_orjson"), (files.BY_HAND, "loop_handwritten")])
def test_the_loops_write_every_line(side: str, loop: str, tmp_path: Path) -> None:
    pytest.importorskip("orjson")
    file, out = tmp_path / "events.ndjson", tmp_path / "out.ndjson"
    samples.write_lines(file, count=200)
    timing.spent_by("-m", f"tests.bench.{loop}", str(file), str(out))
    files.check_output(side, out, 200)


def test_output_that_is_not_right_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    samples.write_lines(file, count=3)
    files.check_output(files.LOOP, file, 3)
    for side, count in ((files.LOOP, 2), (files.LOOP, 4), (files.APPLY, 3)):
        with pytest.raises(WrongAnswer, match=f"files: {side} wrote"):
            files.check_output(side, file, count)


@pytest.mark.parametrize("count", rules.COUNTS)
def test_the_last_ten_rules_take_the_events(count: int, tmp_path: Path) -> None:
    path = tmp_path / "many.yml"
    path.write_text(rules.mapping_of(count), encoding="utf-8")
    engine = Engine.load(path, app=timing.APP)
    written = engine.program("many").mapping.rules
    assert len(written) == count
    last = [f"event == 'e{number}'" for number in reversed(range(10))]
    assert [rule.when.text for rule in written[-10:] if rule.when] == last
    results = [engine.apply("many", item) for item in rules.items()]
    assert [len(one.events) for one in results] == [1] * 10


def test_copies_of_the_mappings_load_together(tmp_path: Path) -> None:
    for provider, text in islice(load.copies(load.COPIES), 0, None, 9):
        (tmp_path / f"{provider}.yml").write_text(text, encoding="utf-8")
    loaded = Engine.load(tmp_path, app=timing.APP).providers
    assert set(loaded) == {path.stem for path in tmp_path.iterdir()}
    assert len(loaded) == 5


def test_halves_come_to_the_whole(tmp_path: Path) -> None:
    file = tmp_path / "in.ndjson"
    samples.write_lines(file, count=101)
    first, second = (half.read_bytes() for half in files.halves(file))
    assert first + second == file.read_bytes()
    assert [half.count(b"\n") for half in (first, second)] == [pytest.approx(50, abs=3)] * 2


# -- the measurement --------------------------------------------------------------------------------------------------


def test_a_ratio_is_that_of_one_round() -> None:
    """Neither the medians of both sides nor their extremes are divided by each other."""
    assert timing.ratio_of([2.0, 30.0, 5.0], [1.0, 10.0, 4.0]) == Ratio(1.25, 2.0, 3.0)
    assert timing.ratio_of([1.0, 4.0], [2.0, 2.0]) == Ratio(0.5, 1.25, 2.0)
    with pytest.raises(ValueError, match="shorter"):
        timing.ratio_of([1.0, 2.0], [1.0])


def test_sides_take_turns() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    times = timing.in_turns({name: lambda name=name: side(name) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abccbaabc"
    assert times == {"a": [1.0, 6.0, 7.0], "b": [2.0, 5.0, 8.0], "c": [3.0, 4.0, 9.0]}


def test_a_side_gives_the_seconds_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of three loops: here a call takes 2 seconds, and 5 once after the first of them."""
    clock, calls = [0.0], [0]

    def call() -> None:
        calls[0] += 1
        clock[0] += 5.0 if calls[0] > 12 else 2.0

    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    side = timing.looped(call, 60.0)
    assert calls == [2]
    assert side() == 2.0
    assert calls == [2 + 3 * 10]


def test_what_a_command_took() -> None:
    """Its own memory, not that of the process that asks, which is larger."""
    unit = 1 if sys.platform == "darwin" else 1024
    asking = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    little, much = timing.spent_by("-c", "pass"), timing.spent_by("-c", "b'x' * 100_000_000")
    assert 0 < little.memory < asking
    assert 90_000_000 < much.memory - little.memory < 110_000_000
    assert little.seconds > 0


def test_a_command_that_fails_is_told_of() -> None:
    with pytest.raises(RuntimeError, match=r"python -c .* failed:\n(.|\n)*exit status 3"):
        timing.spent_by("-c", "raise SystemExit(3)")
