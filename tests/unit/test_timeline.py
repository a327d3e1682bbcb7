# SPDX-License-Identifier: Apache-2.0
"""Does the report of a replay say what happened, why, and fit where it is shown?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drainstorm import story, text, timeline
from drainstorm.build import build
from drainstorm.case import KINDS, Case, Deviation, Expect, Operation
from drainstorm.machine import Machine
from drainstorm.naming import named_operations
from drainstorm.replay import Replay, replay
from drainstorm.result import Event, Strategy
from drainstorm.shrink import shrink
from drainstorm.spec import TargetSpec, find_target
from drainstorm.wording import event_words, value_words

HERE = Path("x.case")
CORPUS = Path(__file__).parents[2] / "corpus" / "regressions" / "blocklayer"


def event(kind: str, thread: int = 0, step: int = 0, **fields: object) -> Event:
    values: dict[str, object] = {
        "kind": kind, "thread": thread, "task": "", "actor": 0, "step": step, "position": step,
        "object": "", "size": 4, "value": 0, "old": 0, "order": 0, "pc": 0, "text": "",
    }  # fmt: skip
    return Event(**{**values, **fields})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lost_add(tally: TargetSpec) -> Replay:
    start, add = tally.operation_code("start"), tally.operation_code("add")
    program = (
        Operation(0, start, 0), Operation(0, start, 1), Operation(1, add, 1), Operation(2, add, 2),
    )  # fmt: skip
    case = Case("tally", program)
    with Machine(build(tally, bug="lost-add")) as machine:
        totals = machine.batch(case, Strategy.random(1), 10_000)
        assert totals.first_fail is not None
        assert totals.first_fail_strategy is not None
        run = machine.run(case, totals.first_fail_strategy, record=True)
        found = Case("tally", program, run.deviations)
        small = shrink(machine, found, totals.first_fail.signature).case
    return replay(small, tally, bug="lost-add")


def test_the_report_says_verdict_rule_and_expectation(lost_add: Replay) -> None:
    lines = lost_add.lines(HERE, width=120)
    assert lines[0] == "FAIL R1 sum  (as expected)"
    assert lines[1].startswith("  R1 sum: When all workers have ended")
    assert "planted bug lost-add" in lines[3]
    assert lost_add.is_expected


def test_the_story_names_the_decisive_switch_and_what_happened_meanwhile(lost_add: Replay) -> None:
    report = "\n".join(lost_add.lines(HERE, width=120))
    assert "Decisive switches (1)" in report
    assert "is stopped just before `store" in report
    assert "meanwhile T" in report
    assert len(report.splitlines()) < 60


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_timeline_line_is_wider_than_asked(lost_add: Replay, width: int) -> None:
    lines = lost_add.lines(HERE, width=width, full=True)
    assert max(map(len, lines[lines.index("", 6) + 1 :])) <= width


def test_every_thread_has_a_column_when_there_is_room(lost_add: Replay) -> None:
    titles = story.thread_titles(lost_add.run, lost_add.built.spec)
    assert list(titles) == [0, 1, 2]
    assert titles[0] == "T0 main"
    report = lost_add.lines(HERE, width=120)
    head = next(line for line in report if line.startswith(" step"))
    assert all(title in head for title in titles.values())


def test_a_clean_case_passes_and_a_wrong_expectation_is_said(tally: TargetSpec) -> None:
    quiet = Case("tally", (Operation(0, tally.operation_code("start"), 0),))
    passed = replay(quiet, tally, bug="")
    assert passed.is_expected
    assert passed.lines(HERE, width=80)[0] == "PASS  (as expected)"
    wrong = Replay(quiet, passed.built, passed.run, Expect("FAIL", "R1"))
    assert not wrong.is_expected
    assert "EXPECTED FAIL R1" in wrong.lines(HERE, width=80)[0]


def test_unknown_is_said_by_name(tally: TargetSpec) -> None:
    from drainstorm.case import Limits

    start, add = tally.operation_code("start"), tally.operation_code("add")
    program = (Operation(0, start, 0), *[Operation(1, add, 1)] * 20)
    result = replay(Case("tally", program, limits=Limits(steps=10)), tally, bug="")
    assert not result.is_expected
    assert result.lines(HERE, width=80)[0].startswith("UNKNOWN step-limit")


def test_long_quiet_stretches_are_folded_unless_all_is_asked_for(tally: TargetSpec) -> None:
    events = [event("load", step=n, object="x") for n in range(20)]
    folded = timeline.rows(events, spec=tally, places={})
    assert [row.words for row in folded] == ["... 20 points"]
    assert len(timeline.rows(events, spec=tally, places={}, full=True)) == 20


def test_a_line_begins_with_its_task_where_another_one_goes_on_in_its_column(
    tally: TargetSpec,
) -> None:
    start = tally.operation_code("start")
    tasks = ["", "co1", "co1", "co2", "", "co2"]
    events = [event("load", step=n, object="x", task=task) for n, task in enumerate(tasks)]
    events.insert(2, event("load", 1, 2, object="y", task="co9"))  # another column
    events.append(event("operation", step=6, task="co2", value=start))
    words = [row.words for row in timeline.rows(events, spec=tally, places={}, full=True)]
    shown = timeline.render(
        timeline.rows(events, spec=tally, places={}, full=True),
        threads={0: "T0", 1: "T1"}, width=100,
    )[2:]  # fmt: skip
    marks = [
        line[6:].replace(said, "").strip(" >") for line, said in zip(shown, words, strict=True)
    ]
    assert marks == ["", "[co1]", "[co9]", "", "[co2]", "[T0]", "[co2]", "[]"]
    narrow = timeline.render(
        timeline.rows(events, spec=tally, places={}, full=True),
        threads={0: "T0", 1: "T1"}, width=40,
    )[1:]  # fmt: skip
    assert [line.count("[") for line in narrow] == [0, 1, 1, 0, 1, 1, 1, 1]


def test_an_operation_names_its_actor_and_needs_no_mark(tally: TargetSpec) -> None:
    operation = event("operation", task="worker1", actor=1, value=tally.operation_code("add"))
    events = [operation, event("load", step=1, object="x", task="worker1")]
    rows = timeline.rows(events, spec=tally, places={}, full=True)
    shown = timeline.render(rows, threads={0: "T0"}, width=80)[2:]
    assert shown == ["    0  [worker1: add 0]", "    1   load x = 0"]


def test_a_folded_stretch_of_several_tasks_is_nobodys(tally: TargetSpec) -> None:
    quiet = [event("load", step=n, object="x", task=f"co{n // 8}") for n in range(16)]
    quiet.append(event("note", step=16, task="co1", text="so"))
    rows = timeline.rows(quiet, spec=tally, places={})
    shown = timeline.render(rows, threads={0: "T0"}, width=80)[2:]
    assert shown == ["        ... 16 points", "   16   [co1] so"]


def test_in_a_real_replay_every_line_can_be_given_to_its_coroutine(
    blocklayer: TargetSpec,
) -> None:
    path = CORPUS / "two-upgrades-wait-for-each-other.case"
    case = text.parse(path.read_text(), blocklayer, path=path)
    found = replay(case, blocklayer, bug=case.bug)
    rows = timeline.rows(found.run.events, spec=blocklayer, places={}, full=True)
    shown = timeline.render(rows, threads={0: "T0"}, width=200)[2:]
    task, tasks = "", []
    for line in shown:
        if said := re.search(r"\[(co\d|T0)(?:\]|: )", line):
            task = said.group(1).replace("T0", "")
        elif "[main: " in line:
            task = ""
        tasks.append(task)
    assert tasks == [event.task for event in found.run.events]
    assert {"", "co1", "co2"} == set(tasks)


def test_where_a_deviation_hits_nothing_is_folded(tally: TargetSpec) -> None:
    events = [event("load", step=n, object="x") for n in range(20)]
    rows = timeline.rows(events, spec=tally, places={}, schedule=[Deviation(0, 0, 9, 1)])
    assert [row.step for row in rows if row.is_decisive] == [9]


@pytest.mark.parametrize(
    ("value", "size", "words"),
    [(0, 4, "0"), (9999, 4, "9999"), (10000, 4, "0x2710"), (2**32 - 1, 4, "-1"),
     (2**32 - 1, 8, "0xffffffff"), (255, 1, "-1")],
)  # fmt: skip
def test_values_read_as_people_write_them(value: int, size: int, words: str) -> None:
    assert value_words(value, size) == words


def test_words_of_events(tally: TargetSpec) -> None:
    start = tally.operation_code("start")
    assert event_words(event("operation", value=start | 2 << 8), tally) == "main: start worker2"
    assert event_words(event("store", object="sum", old=1, value=2), tally) == "store sum 1 -> 2"
    assert event_words(event("operation", value=250, actor=99), tally) == "#99: operation 250"


def test_a_real_deadlock_names_both_waiters(tally: TargetSpec) -> None:
    start, hold = tally.operation_code("start"), tally.operation_code("hold")
    program = (
        Operation(0, start, 0), Operation(0, start, 1),
        Operation(1, hold, 0, 1), Operation(2, hold, 1, 0),
    )  # fmt: skip
    case = Case("tally", program)
    with Machine(build(tally)) as machine:
        totals = machine.batch(case, Strategy.random(1), 10_000)
        assert totals.first_fail_strategy is not None
        found = machine.run(case, totals.first_fail_strategy, record=True)
    result = replay(Case("tally", program, found.deviations), tally, bug="")
    report = "\n".join(result.lines(HERE, width=120))
    assert "FAIL deadlock" in report
    assert report.count("waits for lock") >= 2
    assert "held by T" in report


def test_a_note_in_the_words_of_a_case_gives_the_operands(blocklayer: TargetSpec) -> None:
    start = blocklayer.operation_code("start")
    events = [
        event("operation", value=start | 9 << 8 | 9 << 16),
        event("note", text="something else"),
        event("note", text="start co2 ctx1"),
        event("operation", value=start),
        event("note", text="start co2 nowhere"),
    ]
    assert named_operations(events, blocklayer) == {(0, 0): (2, 1)}


def test_a_stale_read_says_what_memory_has_and_is_never_folded(tally: TargetSpec) -> None:
    stale = event("load", 1, 3, object="flag", value=0, old=1)
    fresh = event("load", 1, 3, object="flag", value=1, old=1)
    assert event_words(stale, tally) == "load flag = 0 (memory has 1)"
    assert event_words(fresh, tally) == "load flag = 1"
    quiet = [event("load", 1, step, object="x") for step in range(9)]
    rows = timeline.rows([*quiet, stale, *quiet], spec=tally, places={})
    assert [row.words for row in rows if row.step >= 0] == ["load flag = 0 (memory has 1)"]


def test_a_case_that_needs_a_stale_read_tells_which_store_was_not_seen() -> None:
    litmus = find_target(Path(__file__).parents[2] / "targets" / "litmus")
    program = (Operation(0, litmus.operation_code("sb_relaxed")),)
    with Machine(build(litmus)) as machine:
        case = next(
            Case("litmus", program, run.deviations)
            for seed in range(1000)
            for run in [machine.run(Case("litmus", program), Strategy.random(seed), record=True)]
            if any(d.kind == KINDS.index("read") for d in run.deviations)
        )
    report = "\n".join(replay(case, litmus, bug="").lines(HERE, width=120))
    assert "Reads of something else than memory held (" in report
    place = r"sb_relaxed_[12]:\d+"
    line = rf"T[12] reads [xy] = 0 at {place}; memory has 1, stored by T[12] at {place}"
    assert re.search(line, report)
    assert "undisturbed run" not in report


def test_the_sample_in_the_readme_is_what_a_replay_prints(blocklayer: TargetSpec) -> None:
    def plain(line: str) -> str:  # steps and line numbers move with every change of the target
        return re.sub(r"^ +\d+ | {2,}|(?<=:)\d+", " ", line).strip()

    readme = (Path(__file__).parents[2] / "README.md").read_text()
    sample = readme.split("last-reader-does-not-kick.case\n", 1)[1].split("```", 1)[0]
    path = CORPUS / "last-reader-does-not-kick.case"
    case = text.parse(path.read_text(), blocklayer, path=path)
    report = replay(case, blocklayer, bug=case.bug).lines(path, width=120)
    shown = {plain(line) for line in report}
    quoted = [line for line in sample.splitlines() if line.strip() not in ("", "...")]
    missing = [line for line in quoted if plain(line) not in shown]
    assert [line[:12] for line in missing] == ["  R4 wakeup:", "  writer. (s"]  # folded there
    assert path.read_text() in readme
