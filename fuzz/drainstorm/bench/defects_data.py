# SPDX-License-Identifier: Apache-2.0
"""This module reads what `targets/defects` says of its programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from drainstorm.bench.classics_data import load_table
from drainstorm.case import Case, Limits, Operation
from drainstorm.errors import TargetError
from drainstorm.spec import Fault  # noqa: TC001 (msgspec looks at it)
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from drainstorm.result import Totals
    from drainstorm.spec import TargetSpec

TWIN = "_fixed"
"""What follows a program's name in that of its corrected twin."""


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a program must give.

    Args:
        defect: What is wrong with it.
        outcome: The one verdict besides PASS that its runs may end with.
        needs: What shows it: any schedule, some order of threads, a store that is seen late, a call
            that fails.
        site: Site of every finding; empty: it has none.
        hidden_under: Memory models that do not show it.
        faults: What may go wrong in its runs and its twin's.
    """

    defect: str
    outcome: str
    needs: Literal["nothing", "switch", "store", "fault"]
    site: str = ""
    hidden_under: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def expected(self) -> Outcome:
        """The outcome as the machine numbers it."""
        return Outcome[self.outcome.upper().replace("-", "_")]

    def is_shown_by(self, totals: Totals) -> bool:
        """Whether one of these runs ended as expected."""
        return self.expected in totals.outcomes

    def wrong(self, totals: Totals) -> tuple[str, ...]:
        """Verdicts of these runs that are neither PASS nor the expected one."""
        others = [o.word for o in totals.outcomes if o not in (Outcome.OK, self.expected)]
        first = totals.first_fail
        if first is not None and first.outcome is self.expected and first.site != self.site:
            others.append(str(first))
        return tuple(others)


def load_defects(spec: TargetSpec) -> dict[str, Defect]:
    """Every entry of defects.toml, in its order.

    Raises:
        TargetError: The file is missing or not of this form, or its programs and their twins are
            not the target's operations.
    """
    path = spec.folder / "defects.toml"
    found = load_table(path, dict[str, Defect])
    wanted = {name + end for name in found for end in ("", TWIN)}
    if odd := sorted(wanted ^ {operation.name for operation in spec.operations}):
        raise TargetError(f"{path}: not in both it and target.toml: {', '.join(odd)}")
    return found


def case_of(
    spec: TargetSpec, program: str, model: str = "c11", *, faults: tuple[str, ...] = ()
) -> Case:
    """The case that runs one program under a memory model, with the default checks."""
    operation = Operation(0, spec.operation_code(program))
    limits = Limits(spec.limits.steps, model=model, faults=faults)
    return Case(spec.name, (operation,), limits=limits)
