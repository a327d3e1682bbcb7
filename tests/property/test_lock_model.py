# SPDX-License-Identifier: Apache-2.0
"""For every program without interleaving: the machine shows what a sequential model predicts.

Interleaving-free means that a thread is left only where it has to wait: the quiet schedule, in
which the next thread by number that can run goes on. No lock function, no push and no wakeup is
ever stopped half-way there, so the order of everything follows from the rules alone. In a
*settled* program the main thread also sleeps after whatever could set others to work, until all
of them have ended or wait; and coroutines neither move nor start others. Then every actor sees
the same under any schedule.

Compared are the operations taken, in order and by thread, those skipped, and the driver's notes:
which object an operand named, and with which count a context went. `support/lock_model.py` says
where the model comes from. What it cannot show are bugs that need an interleaving.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine
from drainstorm.result import Run, Strategy
from drainstorm.spec import find_target
from support.driver_model import Program, Seen

ROOT = Path(__file__).parents[2]
SPEC = find_target(ROOT / "targets" / "blocklayer")
MAIN_MOST, SCRIPT_MOST, COROUTINES_MOST, HALVES_MOST, CONTEXTS_MOST = 24, 8, 5, 4, 2
SCHEDULES = 5
MODELLED = frozenset(op.name for op in SPEC.operations if op.group in ("", "lock"))
"""The model knows the lock and what it stands on; other groups have rules of their own."""
SETTLING = ("start", "post", "poll", "wrlock", "wrunlock", "delete_context")
TO_THEMSELVES = ("rdlock", "rdunlock", "walk", "yield", "sleep")
SEEN_BY_THE_MODEL = ("lost-orphans", "kick-only-if-writer", "wake-one-reader", "lock-time-counter")

operands = st.integers(0, 4) | st.integers(0, 255)


def operation(draw: st.DrawFn, actor: str, names: tuple[str, ...]) -> Operation:
    code = SPEC.operation_code(draw(st.sampled_from(names)))
    kinds = SPEC.operations[code - 1].operands
    a, b = (draw(operands) if len(kinds) > i else 0 for i in range(2))
    return Operation(SPEC.actor_index(actor), code, a, b)


def script(draw: st.DrawFn, actor: str, length: int, names: tuple[str, ...]) -> list[Operation]:
    return [operation(draw, actor, names) for _ in range(length)]


def names_of(kind: str) -> tuple[str, ...]:
    """What this kind of actor may do; what the lock is about, twice as often."""
    names = tuple(o.name for o in SPEC.operations if kind in o.actors and o.name in MODELLED)
    return names + tuple(name for name in names if name in ("start", "rdlock", "wrlock"))


def lengths(draw: st.DrawFn, actors: int, most: int) -> list[int]:
    return draw(st.lists(st.integers(1, most), min_size=0, max_size=actors))


@st.composite
def programs(draw: st.DrawFn, *, settled: bool = False) -> Case:
    """Programs; lengths first, so that shrinking takes operations away.

    Args:
        settled: main sleeps after whatever sets others to work, and they keep to themselves.
    """
    contexts, length = draw(st.integers(0, CONTEXTS_MOST)), draw(st.integers(0, MAIN_MOST))
    coroutines = lengths(draw, COROUTINES_MOST, SCRIPT_MOST)
    halves = [] if settled else lengths(draw, HALVES_MOST, SCRIPT_MOST)
    sleep = Operation(0, SPEC.operation_code("sleep"))
    pauses = {SPEC.operation_code(name) for name in SETTLING} if settled else set()

    found = [Operation(0, SPEC.operation_code("create_context"))] * contexts
    for op in script(draw, "main", length, names_of("main")):
        found += [op, sleep] if op.code in pauses else [op]
    for number, length in enumerate(coroutines, 1):
        found += script(draw, f"co{number}", length, TO_THEMSELVES if settled else names_of("co"))
    for number, length in enumerate(halves, 1):
        found += script(draw, f"bh{number}", length, names_of("bh"))
    return Case(SPEC.name, tuple(found))


def seen(run: Run) -> Iterator[Seen]:
    """What the machine's events show, in the model's words."""
    for event in run.events:
        if event.kind == "note":
            yield Seen("note", event.thread, event.text)
        elif event.kind in ("operation", "skip"):
            code, a, b = event.value & 0xFF, event.value >> 8 & 0xFF, event.value >> 16 & 0xFF
            words = f"{SPEC.actor_name(event.actor)} {SPEC.operations[code - 1].name} {a} {b}"
            yield Seen(event.kind, event.thread, words)


def by_actor(found: list[Seen]) -> dict[str, list[Seen]]:
    """What each actor did and skipped, each thread's notes, and which contexts went.

    A context goes as soon as nobody is left in it; which one does so first is nobody's promise.
    """
    mine: dict[str, list[Seen]] = {}
    for one in found:
        words = one.words.split()
        actor = words[0] if one.kind != "note" else f"notes of T{one.thread}"
        mine.setdefault("contexts" if words[1] == "goes" else actor, []).append(one)
    return {actor: sorted(all_, key=str) if actor == "contexts" else all_
            for actor, all_ in mine.items()}  # fmt: skip


def agrees(machine: Machine, case: Case) -> bool:
    run = machine.run(case, Strategy.replay(), trace=True)
    return str(run.verdict) == "PASS" and list(seen(run)) == Program(case, SPEC).run()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


@given(case=programs())
@settings(max_examples=500)
def test_the_quiet_run_shows_what_the_model_predicts(machine: Machine, case: Case) -> None:
    predicted = Program(case, SPEC).run()
    run = machine.run(case, Strategy.replay(), trace=True)
    assert str(run.verdict) == "PASS", run.verdict.message
    assert list(seen(run)) == predicted
    assert run.ops_skipped == sum(one.kind == "skip" for one in predicted)


@given(case=programs(settled=True), seed=st.integers(0, 2**32))
@settings(max_examples=200)
def test_a_settled_program_shows_every_actor_the_same_under_any_schedule(
    machine: Machine, case: Case, seed: int
) -> None:
    predicted = by_actor(Program(case, SPEC).run())
    for number in range(SCHEDULES):
        run = machine.run(case, Strategy.random(seed + number), trace=True)
        assert str(run.verdict) == "PASS", run.verdict.message
        assert by_actor(list(seen(run))) == predicted


def modelled_seeds() -> list[Path]:
    paths = sorted(ROOT.glob("corpus/seeds/blocklayer/*.case"))
    names = {path: {SPEC.operation(op.code).name for op in text.load(path, SPEC).program}
             for path in paths}  # fmt: skip
    return [path for path in paths if names[path] <= MODELLED]


@pytest.mark.parametrize("path", modelled_seeds(), ids=lambda path: path.stem)
def test_the_quiet_run_of_a_seed_shows_what_the_model_predicts(
    machine: Machine, path: Path
) -> None:
    assert agrees(machine, text.load(path, SPEC))


@pytest.mark.parametrize("bug", SEEN_BY_THE_MODEL)
def test_the_comparison_shows_a_bug_that_needs_no_interleaving(bug: str) -> None:
    generate = settings(max_examples=3000, phases=[Phase.generate], database=None)
    with Machine(build(SPEC, bug=bug)) as machine:
        find(programs(), lambda case: not agrees(machine, case), settings=generate)
