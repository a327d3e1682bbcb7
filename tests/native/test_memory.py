# SPDX-License-Identifier: Apache-2.0
"""Does the machine see every data race and memory error, and none where there is none?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import MODELS, Case, Limits, Operation
from drainstorm.errors import EngineError
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import find_target
from drainstorm.verdict import Outcome
from support.tiny import tiny_target

SPEC: Final = find_target(Path(__file__).parent / "memory")
HEADER: Final = (SPEC.folder / "src" / "scenarios.h").read_text("utf-8")
STRATEGIES: Final = (
    Strategy.random(1), Strategy.sticky_random(1, sticky=32), Strategy.pct(1, depth=3),
)  # fmt: skip
SITES: Final = {
    "race_two_writes": "write_number|write_number_too number",
    "race_read_and_write": "read_number|write_number number",
    "race_of_sizes": "write_a_byte_of_it|write_wide wide",
    "race_memcpy": "copy_all|write_a_member shared+8",
    "race_memset": "clear_all|write_a_member shared+8",
    "race_struct_copy": "assign_all|write_a_member shared+8",
    "race_bit_fields": "set_one|set_other bits",
    "race_atomic_read": "read_flag|set_flag_plainly flag (atomic)",
    "race_atomic_write": "read_flag_plainly|set_flag flag (atomic)",
    "race_on_heap": "write_there|write_there block+0",
    "race_relaxed_flag": "publish_relaxed|read_if_published number",
    "race_half_fenced": "publish_with_fence|read_without_fence number",
    "race_two_places": "write_elsewhere|write_number number",
    "race_large_copy": "copy_large|write_into_large large+160",
    "race_strlen": "measure_text|write_text text+0",
    "race_memcmp": "compare_text|write_text text+0",
}
ERRORS: Final = {
    "use_after_free": Outcome.USE_AFTER_FREE,
    "read_after_free_by_copy": Outcome.USE_AFTER_FREE,
    "behind_a_block": Outcome.OUT_OF_BOUNDS,
    "before_a_block": Outcome.OUT_OF_BOUNDS,
    "copy_beyond_a_block": Outcome.OUT_OF_BOUNDS,
    "atomic_after_free": Outcome.USE_AFTER_FREE,
    "strlen_after_free": Outcome.USE_AFTER_FREE,
    "strdup_after_free": Outcome.USE_AFTER_FREE,
    "memcmp_beyond_a_block": Outcome.OUT_OF_BOUNDS,
    "string_without_end": Outcome.OUT_OF_BOUNDS,
    "sort_beyond_a_block": Outcome.OUT_OF_BOUNDS,
    "no_string": Outcome.SEGV,
    "use_after_return": Outcome.USE_AFTER_RETURN,
    "atomic_after_return": Outcome.USE_AFTER_RETURN,
    "return_while_others_look": Outcome.USE_AFTER_RETURN,
    "use_after_thread": Outcome.USE_AFTER_RETURN,
    "forgotten_block": Outcome.LEAK,
}


def listed(macro: str) -> list[str]:
    """Scenarios of one X-macro of scenarios.h."""
    body = HEADER.split(f"#define {macro}(X)")[1].split("\n\n")[0]
    return re.findall(r"X\([A-Z_]+, ([a-z_]+)\)", body)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def scenario(name: str, model: str = "c11") -> Case:
    program = (Operation(0, SPEC.operation_code(name)),)
    return Case("memory", program, limits=Limits(model=model))


def runs(machine: Machine, name: str, strategy: Strategy, model: str = "c11") -> Totals:
    machine.races_clear()
    return machine.batch(scenario(name, model), strategy, 500, stop=False, twice=True)


def test_every_scenario_has_an_expectation() -> None:
    assert listed("RACY") == list(SITES)
    assert listed("BROKEN") == [*ERRORS, "free_while_used"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", list(SITES))
def test_a_race_is_found_with_both_of_its_places(machine: Machine, name: str, model: str) -> None:
    totals = runs(machine, name, Strategy.random(1), model)

    assert totals.outcomes.keys() <= {Outcome.RACE, Outcome.OK}
    assert totals.first_fail is not None
    assert str(totals.first_fail) == f"FAIL race {SITES[name]}"
    file = "src/library.c" if name in ("race_strlen", "race_memcmp") else "src/races.c"
    for race in machine.races():
        assert race.here.file == race.there.file == file
        assert race.here.line != 0 != race.there.line
        assert {race.thread, race.other_thread} == {1, 2}
        assert race.write or race.other_write
        assert race.mixed == (name in ("race_atomic_read", "race_atomic_write"))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", listed("ORDERED"))
def test_ordered_accesses_are_no_race(
    machine: Machine, name: str, strategy: Strategy, model: str
) -> None:
    totals = runs(machine, name, strategy, model)

    assert totals.first_fail is None
    assert totals.passed == totals.runs == 500
    assert machine.races() == ()


def test_one_race_does_not_hide_another_of_the_same_run(machine: Machine) -> None:
    runs(machine, "race_two_places", Strategy.random(1))
    sites = {race.site for race in machine.races()}
    assert sites == {"write_elsewhere|write_number number", "write_both|write_elsewhere elsewhere"}

    run = machine.run(scenario("race_two_places"), Strategy.replay())
    assert {race.site for race in run.races} == sites
    assert all(race.first_seed for race in machine.races())


def test_the_same_race_from_both_sides_is_one(machine: Machine) -> None:
    runs(machine, "race_read_and_write", Strategy.random(1))
    places = [(race.here.line, race.there.line) for race in machine.races()]
    assert len({frozenset(pair) for pair in places}) == len(places) == 1


def test_a_race_that_does_not_count_hides_nothing(machine: Machine) -> None:
    machine.races_clear()
    with machine.judging(lambda race: "write_both" in race.site):
        totals = machine.batch(scenario("race_two_places"), Strategy.random(1), 100, stop=False)
        assert totals.first_fail is not None
        assert totals.first_fail.site == "write_both|write_elsewhere elsewhere"
    with machine.judging(lambda _: False):
        totals = machine.batch(scenario("race_two_places"), Strategy.random(1), 100, stop=False)
        assert totals.passed == totals.suppressed == 100
        assert all(race.is_suppressed and race.count for race in machine.races())
    after = machine.run(scenario("race_two_places"), Strategy.random(1))
    assert after.verdict.outcome is Outcome.RACE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "outcome"), ERRORS.items())
def test_a_memory_error_ends_the_run(
    machine: Machine, name: str, outcome: Outcome, model: str
) -> None:
    totals = runs(machine, name, Strategy.random(1), model)

    assert totals.outcomes == {outcome: 500}
    assert totals.first_fail is not None
    assert totals.first_fail.site == ("" if outcome is Outcome.LEAK else name)


def test_a_use_after_free_says_where_it_was_freed(machine: Machine) -> None:
    verdict = machine.run(scenario("use_after_free"), Strategy.replay()).verdict
    assert machine.symbols[verdict.pc].function == "use_after_free"
    assert machine.symbols[verdict.other_pc].function == "give_back"


@pytest.mark.parametrize(
    ("name", "left_by"),
    {
        "use_after_return": "leave_variable",
        "atomic_after_return": "?",
        "return_while_others_look": "leave_variable",
        "use_after_thread": "give_own_variable",
    }.items(),
)
def test_a_use_after_return_says_who_used_the_variable_before(
    machine: Machine, name: str, left_by: str
) -> None:
    verdict = machine.run(scenario(name), Strategy.replay()).verdict
    assert machine.symbols[verdict.pc].function == name
    assert (machine.symbols[verdict.other_pc].function if verdict.other_pc else "?") == left_by
    assert ("has ended" in verdict.message) == (name == "use_after_thread")


def test_a_block_freed_while_it_is_used_is_found_whatever_comes_first(machine: Machine) -> None:
    totals = runs(machine, "free_while_used", Strategy.random(1))
    assert totals.outcomes.keys() == {Outcome.RACE, Outcome.USE_AFTER_FREE}
    assert totals.failed == totals.runs


def test_a_lost_wakeup_is_told_from_a_deadlock(machine: Machine) -> None:
    assert machine.run(scenario("lost_signal"), Strategy.replay()).verdict.kind == "PASS"
    totals = runs(machine, "lost_signal", Strategy.random(1))

    assert totals.outcomes.keys() == {Outcome.OK, Outcome.LOST_WAKEUP}
    assert totals.first_fail is not None
    assert str(totals.first_fail) == "FAIL lost-wakeup its-condition"
    assert "T0 waits for" in totals.first_fail.message


def test_a_run_that_cannot_be_repeated_is_an_error_and_no_result(tmp_path: Path) -> None:
    """Also in a test that does not ask for it (conftest.py)."""
    reads_the_processor = """
        #include <stdatomic.h>
        static atomic_ullong cycles;
        void work(void) { atomic_store(&cycles, __builtin_ia32_rdtsc()); }
    """
    case = Case("tiny", (Operation(0, 1),))
    with Machine(build(tiny_target(tmp_path, reads_the_processor))) as machine:
        assert machine.batch(case, Strategy.random(1), 10, hashes=True, twice=False).passed == 10
        with pytest.raises(EngineError, match="differs from the run"):
            machine.batch(case, Strategy.random(1), 10)
        with pytest.raises(EngineError, match="differs from the run"):
            machine.batch(case, Strategy.random(1), 10, twice=True)


def test_nothing_changes_when_the_numbers_of_runs_begin_again() -> None:
    count = 1500  # a new machine wipes its cells after 1,000 runs
    with Machine(build(SPEC)) as machine:
        found = machine.batch(
            scenario("race_two_writes"), Strategy.replay(), count, stop=False, twice=False
        )
        (race,) = machine.races()
        assert (found.failed, race.count) == (count, count)
        clean = machine.batch(scenario(listed("ORDERED")[0]), Strategy.random(1), count, stop=False)
        assert clean.passed == count


UNSEEN_STORE: Final = """
#include <pthread.h>
#include <stdatomic.h>
static _Atomic int x, y;
static void *look(void *unused)
{
  atomic_load_explicit(&x, memory_order_relaxed);
  return unused;
}
void work(void);
void work(void)
{
  pthread_t t;
  atomic_load_explicit(&x, memory_order_relaxed);
  %s
  pthread_create(&t, NULL, look, NULL);
  atomic_store_explicit(&x, 1, memory_order_relaxed);
  __asm__ volatile("movl $5, %%0" : "=m"(*(int *)&x));
  atomic_load_explicit(&y, memory_order_relaxed);
  pthread_join(t, NULL);
}
"""


@pytest.mark.parametrize("before", ["", "*(volatile int *)&x = 0;"])
@pytest.mark.parametrize("model", ["c11", "c11-graph"])
def test_a_plain_store_excuses_no_later_one_that_is_not_seen(
    tmp_path: Path, before: str, model: str
) -> None:
    case = Case("tiny", (Operation(0, 1),), limits=Limits(model=model))
    with Machine(build(tiny_target(tmp_path, UNSEEN_STORE % before))) as machine:
        totals = machine.batch(case, Strategy.random(1), 100, stop=False)
    assert totals.passed == 100
    assert totals.bounded.keys() == {"mixed-stores"}
