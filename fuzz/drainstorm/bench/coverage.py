# SPDX-License-Identifier: Apache-2.0
"""This module says which branches of a target's sources are taken, by what, or why they are not.

By generated programs; by a second target beside it, `behaviours.target.toml`, whose operations are
one behaviour of the same sources each, under a bounded number of schedules. What nobody takes has
its reason in a table beside the target, `UNTAKEN.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.bench.branches import branches_of, read_reasons, source_text, taken
from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine
from drainstorm.spec import load_target
from drainstorm.strategies import PORTFOLIO, derive_seed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from drainstorm.bench.branches import Branch, Reason
    from drainstorm.spec import TargetSpec

SECOND_TARGET: Final = "behaviours.target.toml"
REASONS: Final = "UNTAKEN.md"
BEHAVIOUR_SCHEDULES: Final = 30
"""Of each strategy of the portfolio, for each behaviour."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Branches of a target's sources.

    Args:
        folder: The target's.
        branches: All but those that only fail.
        generated: Taken by generated programs.
        behaved: Taken by the second target.
        reasons: The table.
    """

    folder: Path
    branches: frozenset[Branch]
    generated: frozenset[Branch]
    behaved: frozenset[Branch]
    reasons: tuple[Reason, ...]

    @property
    def untaken(self) -> tuple[Branch, ...]:
        """Those that nobody takes, sorted."""
        return tuple(sorted(self.branches - self.generated - self.behaved))

    @property
    def unexplained(self) -> tuple[Branch, ...]:
        """Those of them without a reason."""
        return tuple(branch for branch in self.untaken if not self.reason(branch))

    def reason(self, branch: Branch) -> str:
        """Why it is not taken; "": the table does not say."""
        text = source_text(self.folder, branch)
        words = (reason.words for reason in self.reasons if reason.covers(branch, text))
        return next(words, "")

    def share(self, some: Collection[Branch]) -> float:
        """Of all; 0.0 when there are none."""
        return len(some) / len(self.branches) if self.branches else 0.0

    def words(self, some: Collection[Branch]) -> str:
        """As a person reads it."""
        return f"{len(some):,} of {len(self.branches):,} ({self.share(some):.1%})"

    def tell(self) -> None:
        """Print what is not taken: by nobody, with the reason; by behaviours only."""
        for branch in self.untaken:
            print(f"untaken: {self._place(branch)} -- {self.reason(branch) or 'NO REASON GIVEN'}")
        for branch in sorted(self.behaved - self.generated):
            print(f"by behaviours only: {self._place(branch)}")

    def _place(self, branch: Branch) -> str:
        text = source_text(self.folder, branch)
        return f"{branch.file}:{branch.line} {branch.function}: {text}"


def measure_coverage(spec: TargetSpec, blocks: Iterable[int]) -> Coverage:
    """What generated programs took, beside what the second target takes, if there is one.

    Args:
        spec: The target.
        blocks: Of its `cov` build: those that ran.
    """
    sources = _sources(spec)
    branches = branches_of(build(spec, flavour="cov"), sources)
    second = spec.folder / SECOND_TARGET
    behaved = _behaved(load_target(second), sources) if second.exists() else frozenset()
    return Coverage(
        spec.folder,
        frozenset(branches),
        taken(branches, blocks),
        behaved & frozenset(branches),
        read_reasons(spec.folder / REASONS),
    )


def _sources(spec: TargetSpec) -> list[Path]:
    """The sources under test, with the headers beside them."""
    files = {path for path in spec.source_files() if path.suffix == ".c"}
    headers = {header for path in files for header in path.parent.glob("*.h")}
    return sorted(files | headers)


def _behaved(spec: TargetSpec, sources: list[Path]) -> frozenset[Branch]:
    built = build(spec, flavour="cov")
    with Machine(built) as machine:
        for number, operation in enumerate(spec.operations):
            program = (Operation(0, spec.operation_code(operation.name)),)
            case = Case(spec.name, program, limits=Limits(steps=spec.limits.steps))
            for strategy in PORTFOLIO:
                seeded = strategy.with_seed(derive_seed(0, 0, number))
                machine.batch(case, seeded, BEHAVIOUR_SCHEDULES, stop=False)
        return taken(branches_of(built, sources), machine.coverage())
