# SPDX-License-Identifier: Apache-2.0
"""Does every strategy find what it should, repeat itself, and draw as evenly as it claims?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import TargetSpec, find_target

HERE = Path(__file__).parent
STRATEGIES = (
    Strategy.random(1),
    Strategy.sticky_random(1, sticky=32),
    Strategy.pct(1, depth=3),
    Strategy.pos(1),
    Strategy.urw(1),
    Strategy.surw(1),
    Strategy.rff(1),
)
ORDERS = 20
"""Of three stores of one thread and three of another one: 6 over 3."""
DRAWS = 4000
CHI_SQUARE_MOST = 43.8
"""19 degrees of freedom; an even draw exceeds it once in a thousand seeds, and this is one seed."""

each_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)


@pytest.fixture(scope="module")
def posix() -> TargetSpec:
    return find_target(str(HERE / "posix" / "target.toml"))


@pytest.fixture(scope="module")
def machine(posix: TargetSpec) -> Iterator[Machine]:
    with Machine(build(posix)) as machine:
        yield machine


@pytest.fixture(scope="module")
def lines() -> TargetSpec:
    return find_target(str(HERE / "lines" / "target.toml"))


@pytest.fixture(scope="module")
def line_machine(lines: TargetSpec) -> Iterator[Machine]:
    with Machine(build(lines)) as machine:
        yield machine


def program(spec: TargetSpec, name: str) -> Case:
    return Case(spec.name, (Operation(0, spec.operation_code(name)),), limits=Limits(model="sc"))


def class_counts(machine: Machine, case: Case, strategy: Strategy) -> list[int]:
    """How many of DRAWS runs fell into each class, most frequent first; ORDERS numbers."""
    seeded = (strategy.with_seed(seed) for seed in range(DRAWS))
    seen = Counter(machine.run(case, s, hashes=True).class_hash for s in seeded)
    assert len(seen) <= ORDERS
    return [count for _, count in seen.most_common()] + [0] * (ORDERS - len(seen))


def chi_square(machine: Machine, case: Case, strategy: Strategy) -> float:
    """Of the classes of DRAWS runs against an even draw."""
    counts = class_counts(machine, case, strategy)
    return sum((count - DRAWS / ORDERS) ** 2 / (DRAWS / ORDERS) for count in counts)


@each_strategy
@pytest.mark.parametrize("name", ["lost_update", "abba", "signal_order"])
def test_each_strategy_finds_a_schedule_dependent_bug(
    machine: Machine, posix: TargetSpec, name: str, strategy: Strategy
) -> None:
    totals = machine.batch(program(posix, name), strategy, 5000)

    assert totals.first_fail is not None


@each_strategy
@pytest.mark.parametrize("name", ["abba", "signal_order", "poll_wakes"])
def test_a_seed_is_a_schedule_in_another_machine_and_after_other_runs(
    machine: Machine, posix: TargetSpec, name: str, strategy: Strategy
) -> None:
    case = program(posix, name)
    strategy = (
        Strategy.pct(strategy.seed, depth=3, steps=40) if strategy.kind == "pct" else strategy
    )
    with Machine(build(posix)) as fresh:
        for seed in range(50):
            seeded = strategy.with_seed(seed)
            first = fresh.run(case, seeded, hashes=True)
            machine.batch(program(posix, "broadcast"), seeded, 3)
            again = machine.run(case, seeded, hashes=True)
            assert (first.trace_hash, first.verdict) == (again.trace_hash, again.verdict)


@each_strategy
def test_what_a_batch_found_is_repeated_by_a_single_run(
    machine: Machine, posix: TargetSpec, strategy: Strategy
) -> None:
    case = program(posix, "lost_update")
    for seed in range(0, 10_000, 1000):
        totals = machine.batch(case, strategy.with_seed(seed), 1000)
        assert totals.first_fail_strategy is not None
        assert machine.run(case, totals.first_fail_strategy).verdict == totals.first_fail


@each_strategy
@pytest.mark.parametrize("model", ["sc", "c11"])
def test_the_recorded_deviations_repeat_a_run_exactly(
    machine: Machine, posix: TargetSpec, strategy: Strategy, model: str
) -> None:
    limits = Limits(model=model)
    for name in ("abba", "signal_order", "broadcast", "timed_wait", "once", "poll_wakes"):
        case = Case("posix", program(posix, name).program, limits=limits)
        for seed in range(60):
            run = machine.run(case, strategy.with_seed(seed), record=True, hashes=True)
            recorded = Case("posix", case.program, run.deviations, limits=limits)
            again = machine.run(recorded, Strategy.replay(), hashes=True)
            assert (run.trace_hash, run.verdict) == (again.trace_hash, again.verdict)


def test_there_are_as_many_classes_as_orders(line_machine: Machine, lines: TargetSpec) -> None:
    case = program(lines, "even_lines")
    totals = line_machine.batch(case, Strategy.exhaustive(), 100_000, hashes=True)

    assert totals.exhausted
    assert totals.new_classes == ORDERS


def test_urw_is_even_over_the_interleavings_of_two_lines(
    line_machine: Machine, lines: TargetSpec
) -> None:
    case = program(lines, "even_lines")

    assert chi_square(line_machine, case, Strategy.urw(0)) < CHI_SQUARE_MOST
    assert chi_square(line_machine, case, Strategy.random(0)) > 5 * CHI_SQUARE_MOST


def test_surw_is_even_over_the_orders_of_one_object_whatever_comes_before(
    line_machine: Machine, lines: TargetSpec
) -> None:
    case = program(lines, "uneven_lines")

    assert chi_square(line_machine, case, Strategy.surw(0)) < CHI_SQUARE_MOST
    assert chi_square(line_machine, case, Strategy.urw(0)) > 5 * CHI_SQUARE_MOST


def test_pos_is_a_random_walk_where_all_operations_conflict(
    line_machine: Machine, lines: TargetSpec
) -> None:
    counts = class_counts(line_machine, program(lines, "even_lines"), Strategy.pos(0))

    # One half per choice, until one of the two lines has ended: after 3, 4 or 5 choices.
    expected = [DRAWS / 8] * 2 + [DRAWS / 16] * 6 + [DRAWS / 32] * 12
    distance = sum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))
    assert distance < CHI_SQUARE_MOST


def test_pos_lets_an_operation_wait_for_many_that_do_not_concern_it(
    line_machine: Machine, lines: TargetSpec
) -> None:
    case = program(lines, "uneven_lines")

    # A random walk has done the other line's three stores long before.
    assert sum(n > 0 for n in class_counts(line_machine, case, Strategy.pos(0))) > 10
    assert sum(n > 0 for n in class_counts(line_machine, case, Strategy.random(0))) < 5


def test_pct_gives_a_task_a_priority_of_its_own(line_machine: Machine, lines: TargetSpec) -> None:
    case = program(lines, "task_line")
    # Without a change point a thread is overtaken between its tasks and nowhere else.
    seeded = (Strategy.pct(seed, depth=1, steps=9) for seed in range(500))
    assert len({line_machine.run(case, s, hashes=True).class_hash for s in seeded}) == 3


def test_pct_learns_how_long_a_run_is_though_it_is_seldom_asked(lines: TargetSpec) -> None:
    with Machine(build(lines)) as fresh:
        case = program(lines, "even_lines")
        totals = fresh.batch(case, Strategy.pct(1, depth=2), 1000, hashes=True)

    # Either line first, and interrupted nowhere, after one store or after two.
    assert totals.new_classes == 6


@pytest.mark.parametrize("name", ["spinning_line", "held_line"])
@pytest.mark.parametrize("kind", ["pos", "urw", "surw", "rff"])
def test_a_spinning_thread_starves_nobody(
    line_machine: Machine, lines: TargetSpec, kind: str, name: str
) -> None:
    strategy = next(strategy for strategy in STRATEGIES if strategy.kind == kind)
    totals = line_machine.batch(program(lines, name), strategy, 3000)

    assert totals.passed == totals.runs == 3000


def test_obligations_are_what_makes_an_rff_run_depend_on_its_batch(
    machine: Machine, posix: TargetSpec
) -> None:
    case = program(posix, "abba")
    drawn = {machine.run(case, Strategy.rff(seed)).obligations for seed in range(50)}
    assert len(drawn) > 10
    for obligations in sorted(drawn)[:10]:
        asked = Strategy.rff(7, obligations=obligations)
        first, again = (machine.run(case, asked, hashes=True) for _ in range(2))
        assert first.obligations == again.obligations == obligations
        assert first.trace_hash == again.trace_hash


@each_strategy
def test_each_strategy_copes_with_more_threads_than_narrow_clocks_have(
    machine: Machine, posix: TargetSpec, strategy: Strategy
) -> None:
    case = Case("posix", program(posix, "many_threads").program, limits=Limits(model="c11"))
    first, again = (machine.run(case, strategy, hashes=True) for _ in range(2))

    assert first.threads == 151
    assert first.verdict.kind == "PASS"
    assert first.trace_hash == again.trace_hash
