# SPDX-License-Identifier: Apache-2.0
"""Are plain accesses of a case's places, and volatile ones on request, relaxed atomic ones?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from drainstorm import binary, text
from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT, MODELS, Case, Limits, Operation, Place
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import find_target
from drainstorm.verdict import Outcome

SPEC: Final = find_target(Path(__file__).parent / "relaxed")
HEADER: Final = (SPEC.folder / "src" / "scenarios.h").read_text("utf-8")
FATAL: Final = {
    "plain_message": "receive:data == 42",
    "lost_update": "lost_update:counter == 2",
    "torn_copy": "copy_both:look->one == look->other",
    "freed_too_early": "",
    "two_blinks": "look:!one || !other",
}
STRATEGIES: Final = (
    Strategy.random(1), Strategy.sticky_random(1), Strategy.pct(1), Strategy.pos(1),
    Strategy.urw(1), Strategy.surw(1), Strategy.rff(1),
)  # fmt: skip


def listed(macro: str) -> list[str]:
    body = HEADER.split(f"#define {macro}(X)")[1].split("\n\n")[0]
    return re.findall(r"X\([A-Z_]+, ([a-z_]+)\)", body)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def scenario(
    name: str, model: str = "c11", *, relaxed: tuple[Place, ...] = (), volatile: bool = False
) -> Case:
    checks = (*CHECKS_DEFAULT, "volatile") if volatile else CHECKS_DEFAULT
    program = (Operation(0, SPEC.operation_code(name)),)
    return Case("relaxed", program, limits=Limits(model=model, checks=checks), relaxed=relaxed)


def runs(machine: Machine, case: Case, strategy: Strategy = STRATEGIES[0]) -> Totals:
    machine.races_clear()
    return machine.batch(case, strategy, 300, stop=False, twice=True)


def racy_places(machine: Machine, name: str) -> tuple[Place, ...]:
    """Where the races of a scenario are. A race names only the last access of each thread."""
    places: set[Place] = set()
    while True:
        with machine.judging(lambda _: False):
            runs(machine, scenario(name, relaxed=tuple(places)))
        sides = {side for race in machine.races() for side in (race.here, race.there)}
        if {Place(side.file, side.line) for side in sides} <= places:
            return tuple(places)
        places |= {Place(side.file, side.line) for side in sides}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize(("name", "site"), FATAL.items())
def test_a_race_of_consequence_fails_an_assertion_when_it_is_relaxed(
    machine: Machine, name: str, site: str, strategy: Strategy
) -> None:
    case = scenario(name, relaxed=racy_places(machine, name))
    totals = runs(machine, case, strategy)

    assert machine.races() == ()
    assert totals.first_fail is not None
    assert totals.first_fail.outcome is (Outcome.ASSERT if site else Outcome.LEAK)
    assert totals.first_fail.site == site
    assert Outcome.OK in totals.outcomes


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", listed("HARMLESS"))
def test_a_race_of_no_consequence_fails_nothing_when_it_is_relaxed(
    machine: Machine, name: str, model: str
) -> None:
    totals = runs(machine, scenario(name, model, relaxed=racy_places(machine, name)))

    assert totals.passed == totals.runs
    assert machine.races() == ()
    assert totals.choices > totals.runs


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [*listed("CORRECTED"), *listed("ALONE")])
def test_correct_code_stays_so_when_all_of_its_plain_accesses_are_relaxed(
    machine: Machine, name: str, model: str
) -> None:
    everywhere = {Place("src/corrected.c", line) for line in range(1, 1000)}
    missing = machine.places_without_access(Case("relaxed", (), relaxed=tuple(everywhere)))
    case = scenario(name, model, relaxed=tuple(everywhere - set(missing)))
    assert len(case.relaxed) > 10
    totals = runs(machine, case)

    assert totals.passed == totals.runs
    assert machine.races() == ()


def test_only_an_old_value_breaks_message_passing(machine: Machine) -> None:
    places = racy_places(machine, "plain_message")
    by_model = {
        model: runs(machine, scenario("plain_message", model, relaxed=places)).outcomes
        for model in MODELS
    }
    assert Outcome.ASSERT in by_model["c11"]
    assert Outcome.ASSERT in by_model["c11-graph"]
    assert by_model["tso"].keys() == by_model["sc"].keys() == {Outcome.OK}


def test_places_that_are_not_listed_stay_plain(machine: Machine) -> None:
    places = racy_places(machine, "plain_message")
    runs(machine, scenario("plain_message", relaxed=places[:1]))
    assert machine.races() != ()
    assert machine.places_without_access(scenario("message", relaxed=(Place("src/none.c", 3),)))


@pytest.mark.parametrize("name", listed("VOLATILE"))
def test_volatile_accesses_race_unless_they_are_said_to_be_atomic(
    machine: Machine, name: str
) -> None:
    assert Outcome.RACE in runs(machine, scenario(name)).outcomes
    for model in MODELS:
        totals = runs(machine, scenario(name, model, volatile=True))
        old_value = name == "volatile_message" and model.startswith("c11")
        assert machine.races() == ()
        assert (Outcome.ASSERT in totals.outcomes) == old_value
        assert totals.outcomes.keys() <= {Outcome.OK, Outcome.ASSERT}


def test_a_run_with_relaxed_places_replays_from_both_forms_of_its_case(machine: Machine) -> None:
    case = scenario("torn_copy", relaxed=racy_places(machine, "torn_copy"))
    totals = machine.batch(case, Strategy.random(1), 300, record=True)
    assert totals.first_fail is not None
    case = replace(case, schedule=totals.first_fail_deviations).normalised(SPEC)

    for stored in (
        text.parse(text.render(case, SPEC), SPEC, path="x.case"),
        binary.decode(binary.encode(case, SPEC), SPEC),
    ):
        assert machine.run(stored, Strategy.replay()).verdict == totals.first_fail


def test_the_timeline_shows_relaxed_accesses_at_their_own_points(machine: Machine) -> None:
    places = racy_places(machine, "lost_update")
    run = machine.run(scenario("lost_update", relaxed=places), Strategy.replay(), trace=True)
    seen = [(e.kind, e.thread, e.position, e.value) for e in run.events if e.object and e.size]
    assert seen[-4:] == [
        ("load", 1, 0, 0),
        ("store", 1, 1, 1),
        ("load", 2, 0, 1),
        ("store", 2, 1, 2),
    ]
