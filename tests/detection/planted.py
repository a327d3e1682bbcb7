# SPDX-License-Identifier: Apache-2.0
"""This module finds what belongs to a planted bug, and searches with a campaign's strategies."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from drainstorm import text
from drainstorm.case import Case
from drainstorm.machine import Machine
from drainstorm.patching import apply_patch
from drainstorm.result import Totals
from drainstorm.spec import Bug, TargetSpec, load_target
from drainstorm.strategies import PORTFOLIO, derive_seed

CORPUS = Path(__file__).parents[2] / "corpus"
BUDGET_SCHEDULES = 10_000
CHUNK_SCHEDULES = 100

_HEADER = re.compile(r"^([A-Z][a-z]+): +(\S.*(?:\n {9}\S.*)*)", re.MULTILINE)
_PATCHED = re.compile(r"^--- a/(\S+)$", re.MULTILINE)


def header(patch: Path) -> dict[str, str]:
    """What stands before the diff: "What", "Rule", "Verdict", "Zoo", "Source", each on one line."""
    prose = patch.read_text().partition("\n--- ")[0]
    return {key: " ".join(value.split()) for key, value in _HEADER.findall(prose)}


def seed_of(spec: TargetSpec, bug: Bug) -> Case:
    """The program that target.toml names for the bug."""
    return program_of(text.load(CORPUS / "seeds" / spec.name / f"{bug.seed}.case", spec))


def regressions_of(spec: TargetSpec, bug: Bug) -> list[Case]:
    """Regressions whose `bug` line names the bug, in the order of their names."""
    paths = sorted((CORPUS / "regressions" / spec.name).glob("*.case"))
    return [case for path in paths if (case := text.load(path, spec)).bug == bug.name]


def program_of(case: Case) -> Case:
    """The program alone: no schedule, and nothing that says what will happen."""
    return Case(case.target, case.program, limits=case.limits)


def batches(machine: Machine, case: Case, seed: int) -> Iterator[Totals]:
    """Batches of the portfolio's strategies in turn, without end; each stops at a failure.

    Args:
        seed: campaign seed.
    """
    turn = 0
    while True:
        strategy = PORTFOLIO[turn % len(PORTFOLIO)].with_seed(derive_seed(seed, 0, turn))
        yield machine.batch(case, strategy, CHUNK_SCHEDULES)
        turn += 1


def search(
    machine: Machine, case: Case, seed: int, *, until: Callable[[Totals], bool],
    schedules: int = BUDGET_SCHEDULES,
) -> Totals:  # fmt: skip
    """Run batches until they add up to what is wanted, or the budget of schedules is used up."""
    totals = Totals()
    for batch in batches(machine, case, seed):
        totals += batch
        if until(batch) or totals.runs >= schedules:
            break
    return totals


def patched_copy(spec: TargetSpec, folder: Path, *patches: Path) -> TargetSpec:
    """A copy of the target below `folder` with patches applied, one after the other."""
    copy = Path(shutil.copytree(spec.folder, folder / spec.name))
    for patch in patches:
        words = patch.read_text()
        files = {name: (copy / name).read_bytes() for name in _PATCHED.findall(words)}
        for name, content in apply_patch(files, words, name=patch.name).items():
            (copy / name).write_bytes(content)
    return load_target(copy / "target.toml")
