# SPDX-License-Identifier: Apache-2.0
"""Which memory models show a missing fence of the block layer?

C11 shows every one. Sequential consistency has nothing that a fence could prevent. A processor
with total store order lets a load pass an earlier plain store, and nothing else: an addition, an
exchange or a mutex between the two is a fence already.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detection.planted import search, seed_of
from drainstorm.build import build
from drainstorm.machine import Machine
from drainstorm.result import Totals
from drainstorm.spec import find_target

SPEC = find_target(Path(__file__).parents[2] / "targets" / "blocklayer")
FOUND_WITHIN = 40_000
SILENT_FOR = 3_000

# What stands between the step before the fence and the load behind it, and so whether x86 shows it.
SHOWN_BY_X86 = {
    "no-fence-in-rdlock": True,  # nothing: a reader's count is a plain store
    "no-fence-in-kick": True,  # nothing: the count again
    "no-fence-in-wrlock": False,  # has_writer is a plain store, but the sum is taken under a mutex
    "no-fence-in-notify": False,  # the work was pushed by an exchange, before the flag was stored
    "no-fence-in-request": False,  # in_flight is counted by an addition
    "no-fence-after-push": False,  # a waiter is pushed by an exchange
    "rmw-instead-of-a-fence": False,  # the poller's announcement is an addition
}
QUESTIONS = [
    (name, model, model == "c11" or (model == "tso" and shown))
    for name, shown in SHOWN_BY_X86.items()
    for model in ("sc", "tso", "c11")
]


@pytest.mark.parametrize(("name", "model", "shown"), QUESTIONS)
def test_a_missing_fence_is_seen_by_the_models_that_need_it(
    name: str, model: str, shown: bool
) -> None:
    bug = SPEC.bug(name)
    program = seed_of(SPEC, bug)
    case = replace(program, limits=replace(program.limits, model=model))

    def is_found(batch: Totals) -> bool:
        return batch.first_fail is not None

    with Machine(build(SPEC, bug=name)) as machine:
        totals = search(
            machine, case, 0, until=is_found, schedules=FOUND_WITHIN if shown else SILENT_FOR
        )
    assert totals.unknown == 0
    assert (totals.first_fail is not None) == shown
    if totals.first_fail is not None:
        assert totals.first_fail.judged == bug.judged


def test_every_planted_bug_of_a_fence_is_asked_about() -> None:
    named = {bug.name for bug in SPEC.bugs if "fence" in bug.name}
    assert named <= SHOWN_BY_X86.keys()
