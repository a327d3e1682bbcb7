# SPDX-License-Identifier: Apache-2.0
"""This module reads what `targets/classics` says of its programs: expected and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from drainstorm.bench.scores import PORTFOLIO_NAME
from drainstorm.case import Expect
from drainstorm.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.spec import TargetSpec

_T = TypeVar("_T")


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a program must give.

    Args:
        sc: Verdict under sequential consistency: "PASS", "FAIL assert".
        schedules: Within so many it is found; for PASS, so many must be clean.
        c11, tso: Verdict under these models; empty: as under sc.
        strategy: Kind of strategy that finds it; empty for a program that passes everywhere.
        case: Stored case that shows it, relative to the target's folder; empty: none.
    """

    sc: str
    schedules: int
    c11: str = ""
    tso: str = ""
    strategy: str = ""
    case: str = ""

    def under(self, model: str) -> Expect:
        """The verdict under a memory model."""
        words = {"sc": self.sc, "c11": self.c11 or self.sc, "tso": self.tso or self.sc}[model]
        return Expect(*words.split())


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What others have published of a program.

    Args:
        best: Smallest mean of schedules to the first finding.
        by: Who has it.
        next: Second smallest mean, 0: none known.
        next_by: Who has that.
        cap: Schedules of one search of ours, 0: as the bench says.
        portfolio_cap: The same for the portfolio, 0: as for the others.
        note: Where ours differs from theirs.
    """

    best: int
    by: str
    next: int = 0
    next_by: str = ""
    cap: int = 0
    portfolio_cap: int = 0
    note: str = ""

    def cap_of(self, column: str, usual: int) -> int:
        """Schedules of one search of ours in a column of the table."""
        of_all = self.cap or usual
        return (self.portfolio_cap or of_all) if column == PORTFOLIO_NAME else of_all


def load_expected(spec: TargetSpec) -> dict[str, Program]:
    """Every program's entry in expected.toml, in its order.

    Raises:
        TargetError: The file is missing or not of this form, or its programs are not the target's.
    """
    path = spec.folder / "expected.toml"
    found = load_table(path, dict[str, Program])
    operations = {operation.name for operation in spec.operations}
    if odd := sorted(operations ^ set(found)):
        raise TargetError(f"{path}: not in both target.toml and expected.toml: {', '.join(odd)}")
    return found


def load_published(spec: TargetSpec) -> dict[str, Published]:
    """Every entry in published.toml, by program; TargetError as in load_expected()."""
    path = spec.folder / "published.toml"
    found = load_table(path, dict[str, Published])
    if odd := sorted(set(found) - {operation.name for operation in spec.operations}):
        raise TargetError(f"{path}: unknown programs: {', '.join(odd)}")
    return found


def load_table(path: Path, kind: type[_T]) -> _T:
    """A TOML file as a table of this kind; TargetError with path and reason when it is none."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, ValueError) as error:
        raise TargetError(f"{path}: {error}") from error
