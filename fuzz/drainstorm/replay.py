# SPDX-License-Identifier: Apache-2.0
"""This module replays one stored case and says what happened, and whether that was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainstorm import story, timeline
from drainstorm.build import build
from drainstorm.case import Expect
from drainstorm.errors import CaseError
from drainstorm.machine import Machine
from drainstorm.result import REMARK_WORDS, Strategy, races_expected
from drainstorm.shrink import Size
from drainstorm.symbols import Symbols
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.build import Built
    from drainstorm.case import Case
    from drainstorm.result import Run
    from drainstorm.spec import TargetSpec


@dataclass(frozen=True, slots=True)
class Replay:
    """A case that was run once, with all its events.

    Args:
        expect: What the verdict must be; without an `expect` in the file: PASS.
    """

    case: Case
    built: Built
    run: Run
    expect: Expect

    @property
    def is_expected(self) -> bool:
        """Whether the verdict is the expected one; UNKNOWN never counts as PASS."""
        return self.run.verdict.matches(self.expect)

    def lines(self, path: Path, *, width: int, full: bool = False) -> list[str]:
        """The report: verdict, rule, story, timeline.

        Args:
            path: As the reader should type it.
            width: Characters of a line.
            full: Whether the timeline shows every event.
        """
        spec, run = self.built.spec, self.run
        places = _places(self.built, run)
        rows = timeline.rows(
            run.events, spec=spec, places=places, schedule=self.case.schedule, full=full
        )
        if run.verdict.kind != "PASS":
            rows.append(timeline.end_row(run))
        return [
            *self._head(path),
            "",
            *story.tell(run, self.case.schedule, spec=spec, places=places),
            "",
            *timeline.render(rows, threads=story.thread_titles(run, spec), width=width),
            *([] if full or not any(r.step < 0 for r in rows) else ["", _FOLDED]),
        ]

    def _head(self, path: Path) -> list[str]:
        verdict, run = self.run.verdict, self.run
        as_expected = "as expected" if self.is_expected else f"EXPECTED {self.expect}"
        lines = [f"{verdict}  ({as_expected})"]
        if rule := self.built.spec.rules().get(verdict.rule):
            lines.append(f"  {verdict.rule} {rule.title}: {rule.sentence}")
        if verdict.message:
            lines.append(f"  {verdict.message}")
        if verdict.kind == "UNKNOWN":
            lines.append("  UNKNOWN: the run was cut short at a bound; it proves nothing")
        if self.case.relaxed:
            lines.append(f"  relaxed atomic: {', '.join(map(str, self.case.relaxed))}")
        if verdict.outcome is Outcome.RACE:
            lines += [f"  {line}" for line in self.case.story]
        lines += [f"  remark: the run {REMARK_WORDS[word]}" for word in run.remarks[-1:]]
        bug = f", with planted bug {self.built.bug}" if self.built.bug else ""
        lines.append(
            f"  {path}{bug}: {Size.of(self.case)}; {run.steps} points, {run.switches} switches, "
            f"{run.threads} threads"
        )
        return lines


_FOLDED = "(* a thread goes on where the case held it back; folded points: --full)"


def replay(case: Case, spec: TargetSpec, *, bug: str) -> Replay:
    """Build what the case needs and run it once.

    Args:
        bug: Planted bug to build; empty: the shipped implementation.

    Raises:
        TargetError: the target does not build or load.
    """
    built = build(spec, bug=bug or None)
    with Machine(built) as machine, machine.judging(races_expected(case.expect)):
        refuse_unknown_places(machine, case)
        run = machine.run(case, Strategy.replay(), trace=True)
    return Replay(case, built, run, case.expect or Expect("PASS"))


def refuse_unknown_places(machine: Machine, case: Case) -> None:
    """CaseError when the case names a line without a plain access: the source has changed."""
    if missing := machine.places_without_access(case):
        raise CaseError(
            f"relaxed: no plain access at {', '.join(map(str, missing))} in this build "
            "(the source has changed since; triage the race again: drainstorm triage FILE)"
        )


def _places(built: Built, run: Run) -> dict[int, str]:
    """ "function:line" of every offset that the run mentions."""
    offsets = {event.pc for event in run.events} | {run.verdict.pc, run.verdict.other_pc}
    offsets.update(pc for waiter in run.waiters for pc in waiter.stack)
    offsets.discard(0)
    found = Symbols(built.path).locate(sorted(offsets))
    return {
        pc: f"{place.function}:{place.line}" if place.line else place.function
        for pc, place in found.items()
    }
