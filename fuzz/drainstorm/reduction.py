# SPDX-License-Identifier: Apache-2.0
"""This module works on one stored case: `drainstorm shrink FILE`, `drainstorm triage FILE`."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.build import build
from drainstorm.errors import CaseError
from drainstorm.findings import replay_command, triage_case
from drainstorm.machine import Machine
from drainstorm.replay import refuse_unknown_places
from drainstorm.result import Strategy, races_expected
from drainstorm.shrink import shrink

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.case import Case
    from drainstorm.spec import TargetSpec

BUDGET_RUNS: Final = 5_000_000


def shrink_file(case: Case, spec: TargetSpec, *, output: Path, seconds: float) -> list[str]:
    """Shrink a case in the build that it names and write the result.

    Args:
        output: Where the smaller case goes.
        seconds: Wall-clock bound.

    Returns:
        Lines for the user.

    Raises:
        CaseError: the case does not fail, so there is nothing to keep.
    """
    until = time.monotonic() + seconds
    with Machine(build(spec, bug=case.bug or None)) as machine:
        refuse_unknown_places(machine, case)
        with machine.judging(races_expected(case.expect)):
            verdict = machine.run(case, Strategy.replay()).verdict
        if verdict.kind != "FAIL":
            raise CaseError(
                f"the case does not fail but gives {verdict}; "
                "see what happens: drainstorm replay FILE"
            )
        if case.expect is not None and not verdict.matches(case.expect):
            raise CaseError(f"the case gives {verdict}, but expects {case.expect}")
        shrunk = shrink(
            machine, case, verdict.signature, budget_runs=BUDGET_RUNS, spec=spec,
            stop=lambda: time.monotonic() > until,
        )  # fmt: skip
    text.save(output, dataclasses.replace(shrunk.case, story=case.story), spec)
    return [
        f"{verdict}",
        f"  {shrunk.before} -> {shrunk.after}, in {shrunk.runs:,} runs",
        f"  replay: {replay_command(output, spec)}",
    ]


def triage_file(
    case: Case, spec: TargetSpec, *, output: Path, runs: int
) -> tuple[list[str], bool]:  # fmt: skip
    """Ask what the data races of a stored case lead to; write the case of a consequence.

    Args:
        output: Where that case goes.
        runs: Schedules to run.

    Returns:
        Lines for the user, and whether there was a consequence.

    Raises:
        CaseError: a replay of the case shows no data race.
    """
    with Machine(build(spec, bug=case.bug or None)) as machine:
        refuse_unknown_places(machine, case)
        triaged = triage_case(machine, case, spec=spec, runs=runs)
    if triaged is None:
        raise CaseError(
            "a replay of the case shows no data race that it is about; "
            "see what happens: drainstorm replay FILE"
        )
    if triaged.case is None:
        return [str(triaged)], False
    text.save(output, dataclasses.replace(triaged.case, bug=case.bug), spec)
    return [str(triaged), f"  replay: {replay_command(output, spec)}"], True
