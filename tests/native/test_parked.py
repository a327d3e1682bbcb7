# SPDX-License-Identifier: Apache-2.0
"""Does the machine know the stack of a parked task: where it stands, what is alive there?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine, Run, Strategy
from drainstorm.replay import replay
from drainstorm.spec import find_target
from drainstorm.verdict import Outcome

SPEC: Final = find_target(Path(__file__).parent / "parked")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def scenario(name: str) -> Case:
    return Case("parked", (Operation(0, SPEC.operation_code(name)),))


def run(machine: Machine, name: str) -> Run:
    return machine.run(scenario(name), Strategy.replay(), trace=True)


def test_a_deadlock_says_where_a_parked_task_stands(machine: Machine) -> None:
    found = run(machine, "never_resumed")
    assert found.verdict.outcome is Outcome.DEADLOCK
    main, guest = found.waiters
    assert (main.thread, guest.thread, guest.task) == (0, -1, "guest")
    functions = [machine.symbols[pc].function for pc in guest.stack]
    assert functions[:4] == ["park", "wait_inside", "wait_for_news", "task_main"]

    told = "\n".join(replay(scenario("never_resumed"), SPEC, bug="").lines(Path("x"), width=120))
    assert "guest waits for" in told
    assert "in park:" in told
    assert "< wait_for_news:" in told


def test_what_a_function_left_on_a_parked_stack_is_gone(machine: Machine) -> None:
    verdict = run(machine, "left_behind").verdict
    assert verdict.outcome is Outcome.USE_AFTER_RETURN
    assert verdict.site == "left_behind"
    assert "the stack of a task" in verdict.message
    assert machine.symbols[verdict.other_pc].function == "show_and_return"


def test_variables_of_a_parked_function_are_there(machine: Machine) -> None:
    assert run(machine, "still_there").verdict.outcome is Outcome.OK
