# SPDX-License-Identifier: Apache-2.0
"""This module hunts every planted bug, and the shipped code, and says in a table what was found.

A bug counts as found only when the rule that it was planted to break is the one that fails: any
other failure may be another defect, of the target or of the bug's patch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.hunt import Summary, hunt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.findings import Finding
    from drainstorm.hunt import Control, HuntConfig
    from drainstorm.spec import Bug
    from drainstorm.view import View

SIGNATURE_MOST: Final = 44
"""Columns; a failed assertion has its words as its name, and they stand above the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        bug: Planted bug, None: the shipped implementation.
        finding: What was found with the right rule; for the shipped code, anything.
        others: Signatures that were found besides.
    """

    bug: Bug | None
    summary: Summary
    finding: Finding | None
    others: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """A planted bug is found; the shipped code is clean, and was really run."""
        if self.bug is None:
            return self.finding is None and self.summary.totals.runs > 0
        return self.finding is not None and self.finding.reproduced

    def cells(self) -> tuple[str, ...]:
        """Bug, found?, rule, schedules, seconds, replay line."""
        name = self.bug.name if self.bug else "(as shipped)"
        found = self.finding
        runs, seconds = self.summary.totals.runs, self.summary.seconds
        if found is None:
            said = "clean" if self.bug is None else "NOT FOUND"
            others = ", ".join(self.others)
            return (name, said, others or "-", f"{runs:,} run", f"{seconds:.1f}", "")
        said = "FINDING" if self.bug is None else "found"
        words = str(found.signature).removeprefix("FAIL ")
        if len(words) > SIGNATURE_MOST:
            words = f"{words[: SIGNATURE_MOST - 2]}.."
        return (
            name, said, words, f"{found.schedules:,}",
            f"{found.seconds:.1f}", found.replay,
        )  # fmt: skip


async def hunt_bugs(
    config: HuntConfig,
    view: View,
    control: Control,
    *,
    bugs: Sequence[Bug],
    shipped_seconds: float = 0.0,
) -> int:
    """Hunt each bug until its rule breaks, then the shipped code; print table and summary.

    Args:
        config: `seconds` is the budget per bug.
        bugs: Planted bugs, in the table's order.
        shipped_seconds: Budget for the shipped implementation, 0: leave it out.

    Returns:
        0 when every bug was found with its rule and the shipped code is clean, else 1.
    """
    rows: list[Row] = []
    for bug in bugs:
        if not control.signal:
            wanted = dataclasses.replace(config, bug=bug.name, until=bug.judged)
            summary = await hunt(wanted, view, control)
            rows.append(_row(bug, summary))
    if shipped_seconds and not control.signal:
        wanted = dataclasses.replace(config, seconds=shipped_seconds)
        rows.append(_row(None, await hunt(wanted, view, control)))
    view.close()
    view.result("", *table(rows), "", sentence(rows, interrupted=bool(control.signal)))
    return 0 if rows and all(row.is_good for row in rows) else 1


def _row(bug: Bug | None, summary: Summary) -> Row:
    if bug is None:
        finding = summary.findings[0] if summary.findings else None
    else:
        finding = summary.first_of(bug.judged)
    others = tuple(str(f.signature) for f in summary.findings if f is not finding)
    return Row(bug, summary, finding, others)


def table(rows: Sequence[Row]) -> list[str]:
    """The table as plain lines; the last column is for copying and may be long."""
    head = ("bug", "found?", "rule", "schedules", "seconds", "see it again")
    cells = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = []
    for line in cells:
        padded = [
            cell.rjust(width) if column in (3, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return [lines[0], "-" * min(100, len(lines[0]) + 20), *lines[1:]]


def sentence(rows: Sequence[Row], *, interrupted: bool) -> str:
    """One sentence: how many planted bugs were found, and whether the shipped code is clean."""
    planted = [row for row in rows if row.bug is not None]
    found = sum(row.is_good for row in planted)
    words = [f"{found} of {len(planted)} planted bugs found with their rule"] if planted else []
    for row in rows:
        if row.bug is None:
            totals = row.summary.totals
            said = "no finding" if row.is_good else f"{len(row.summary.findings)} FINDINGS"
            words.append(f"{said} in {totals.runs:,} schedules of the shipped code")
    end = " (interrupted)" if interrupted else ""
    return "; ".join(words) + end + "."
