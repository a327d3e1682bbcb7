# SPDX-License-Identifier: Apache-2.0
"""This module asks what a data race leads to: does anything fail because of it, or nothing?

The racy accesses are carried out as relaxed atomic ones, which may interleave with others and read
old values, and the program is run under every strategy of the portfolio. What fails then, and does
not fail while they are plain, is a consequence. Finding none proves nothing beyond the schedules
that were run. Real compilers may do more to a racy access than that; what this finds is real.

Price: a few thousand short runs, about 0.1 s.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.case import PLACES_MAX, Place, unique_places, unique_schedule
from drainstorm.errors import UsageError
from drainstorm.shrink import never, shrink
from drainstorm.strategies import PORTFOLIO, derive_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from drainstorm.case import Case
    from drainstorm.result import Race, Strategy
    from drainstorm.runner import Runner
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Signature, Verdict

RUNS: Final = 2_200
"""Schedules of each program, shared by the strategies of the portfolio."""

SHRINK_RUNS: Final = 20_000
ROUNDS_MAX: Final = 4
"""How often places may be added: relaxed accesses can race with others that are still plain."""

FAILURES_MAX: Final = 4
"""Failing runs of one strategy that are looked at; the others are of the same kinds, mostly."""

_WEAK_MODELS: Final = ("c11", "c11-graph")


@dataclass(frozen=True, slots=True)
class Triage:
    """What became of a data race.

    Args:
        places: Whose plain accesses were relaxed.
        schedules: Runs with relaxed accesses.
        programs: How many different ones.
        verdict: The consequence; None: there was none.
        case: A run that shows it, shrunk; None: there was none.
        fails_anyway: What failed, but also while nothing was relaxed: not judged.
        fails_with_others: What failed, but also while only other racy places were relaxed: theirs.
        still_racy: Races of these places that were there nonetheless: with memory that is freed
            or passed to the C library, or a copy that is too large.
    """

    places: tuple[Place, ...]
    schedules: int
    programs: int
    verdict: Verdict | None = None
    case: Case | None = None
    fails_anyway: tuple[Signature, ...] = ()
    fails_with_others: tuple[Signature, ...] = ()
    still_racy: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = ", ".join(map(str, self.places)) or "no known place"
        if self.verdict is not None:
            return f"consequential: {self.verdict} once the accesses at {where} are relaxed atomic"
        programs = "1 program" if self.programs == 1 else f"{self.programs} programs"
        words = (
            f"formal only within this bound: {self.schedules:,} schedules of {programs}, "
            f"c11, with the accesses at {where} relaxed atomic"
        )
        if self.fails_anyway:
            names = ", ".join(map(str, self.fails_anyway))
            words += f"; not judged: {names}, which fails without that as well"
        if self.fails_with_others:
            names = ", ".join(map(str, self.fails_with_others))
            words += f"; {names} is the consequence of other races of this program"
        if self.still_racy:
            words += f"; not judged: {', '.join(self.still_racy)}, still a race"
        return words


def places_of(races: Sequence[Race]) -> tuple[Place, ...]:
    """The source lines of both sides, as far as they are known."""
    sides = [side for race in races for side in (race.here, race.there)]
    return unique_places(Place(side.file, side.line) for side in sides)


def triage(
    runner: Runner,
    programs: Sequence[Case],
    races: Sequence[Race],
    *,
    runs: int = RUNS,
    spec: TargetSpec | None = None,
    stop: Callable[[], bool] = never,
) -> Triage:
    """Run programs with the accesses of some races relaxed.

    Args:
        programs: Cases in which they were seen; their schedules are not used.
        races: What shall be judged, at least one.
        runs: Schedules of each program, at least one for each strategy.
        spec: The target, for shrinking.
        stop: Ends the work early.

    Raises:
        UsageError: no program, no race or no schedule.
    """
    if not programs or not races or runs < 1:
        raise UsageError("nothing to triage: it needs a program, a race and a schedule")
    with runner.judging(lambda _: False):
        work = _Triage(runner, max(1, runs // len(PORTFOLIO)), stop, places_of(races))
        for program in dict.fromkeys(_bare(case) for case in programs):
            if work.look_at(program) is not None or stop():
                break
    if work.found is not None:
        work.found = _shrunk(runner, *work.found, spec=spec, stop=stop), work.found[1]
        with runner.judging(lambda _: False):
            work.doubt()
    return work.result()


def _bare(case: Case) -> Case:
    """The program alone, under a model with old values."""
    model = case.limits.model if case.limits.model in _WEAK_MODELS else _WEAK_MODELS[0]
    limits = dataclasses.replace(case.limits, model=model)
    return dataclasses.replace(case, schedule=(), limits=limits, expect=None, story=())


def _shrunk(
    runner: Runner, case: Case, verdict: Verdict, *, spec: TargetSpec | None,
    stop: Callable[[], bool],
) -> Case:  # fmt: skip
    small = shrink(
        runner, case, verdict.signature, budget_runs=SHRINK_RUNS, stop=stop, spec=spec
    ).case
    said = "The plain accesses of the lines under 'relaxed' race; as relaxed atomic ones they fail."
    return dataclasses.replace(small, story=(said,))


class _Triage:
    """What is known so far."""

    def __init__(
        self, runner: Runner, count: int, stop: Callable[[], bool], places: tuple[Place, ...]
    ) -> None:
        self.found: tuple[Case, Verdict] | None = None
        self._runner = runner
        self._count = count
        self._stop = stop
        self._places = places
        self._schedules = 0
        self._programs = 0
        self._fails_anyway: set[Signature] = set()
        self._fails_with_others: set[Signature] = set()
        self._still_racy: tuple[str, ...] = ()

    def result(self) -> Triage:
        """What it all means."""
        case, verdict = self.found or (None, None)
        return Triage(
            places=case.relaxed if case is not None else self._places,
            schedules=self._schedules,
            programs=self._programs,
            verdict=verdict,
            case=case,
            fails_anyway=tuple(sorted(self._fails_anyway)),
            fails_with_others=tuple(sorted(self._fails_with_others)),
            still_racy=self._still_racy,
        )

    def look_at(self, program: Case) -> tuple[Case, Verdict] | None:
        """Run one program; the consequence with a case that shows it, if there is one."""
        self._programs += 1
        self._runner.races_clear()
        known = {verdict.signature for verdict, _ in self._failures(program)}
        racy = set(places_of(self._runner.races()))
        for _ in range(ROUNDS_MAX):
            if self._search(program, self._places, known):
                return self.found
            racy.update(places_of(self._runner.races()))
            if not (more := self._also_racy(self._places)) or self._stop():
                break
            self._places = unique_places((*self._places, *more))
        races = [race for race in self._runner.races() if _touches(race, self._places)]
        self._still_racy = tuple(dict.fromkeys((*self._still_racy, *(r.site for r in races))))
        return self._search_together(program, racy - set(self._places), known)

    def _search_together(
        self, program: Case, others: set[Place], known: set[Signature]
    ) -> tuple[Case, Verdict] | None:
        """Two races may do no harm alone but together, as those of a message and of its flag."""
        more = others
        theirs: set[Signature] = set()
        for _ in range(ROUNDS_MAX):
            places = unique_places((*self._places, *others))
            if not more or len(places) == PLACES_MAX or self._stop():
                break
            without_ours = dataclasses.replace(program, relaxed=unique_places(others))
            theirs |= {verdict.signature for verdict, _ in self._failures(without_ours)} - known
            if self._search(program, places, known, theirs):
                return self.found
            more = self._also_racy(places)
            others = others | more
        return None

    def _also_racy(self, places: tuple[Place, ...]) -> set[Place]:
        """What these places still race with: a race names the last access of a thread only."""
        races = [race for race in self._runner.races() if _touches(race, places)]
        return set(places_of(races)) - set(places)

    def _search(
        self,
        program: Case,
        places: tuple[Place, ...],
        known: set[Signature],
        theirs: Collection[Signature] = (),
    ) -> bool:
        """Whether something fails that is neither known nor theirs; then `found` is set."""
        relaxed = dataclasses.replace(program, relaxed=places)
        self._runner.races_clear()
        for verdict, strategy in self._failures(relaxed):
            if verdict.signature in known:
                self._fails_anyway.add(verdict.signature)
                continue
            if verdict.signature in theirs:
                self._fails_with_others.add(verdict.signature)
                continue
            run = self._runner.run(relaxed, strategy, record=True)
            case = dataclasses.replace(relaxed, schedule=unique_schedule(run.deviations))
            self.found = case, verdict
            return True
        return False

    def doubt(self) -> None:
        """Drop what was found when the same small program fails so with plain accesses, too."""
        if self.found is None:
            return
        case, verdict = self.found
        plain = dataclasses.replace(case, schedule=(), relaxed=())
        if any(seen.signature == verdict.signature for seen, _ in self._failures(plain)):
            self._fails_anyway.add(verdict.signature)
            self.found = None

    def _failures(self, case: Case) -> Iterator[tuple[Verdict, Strategy]]:
        """Failing runs of all strategies."""
        for turn, strategy in enumerate(PORTFOLIO):
            seeded = strategy.with_seed(derive_seed(0, 0, turn))
            left = self._count
            for _ in range(FAILURES_MAX):
                if left <= 0 or self._stop():
                    break
                batch = self._runner.batch(case, seeded, left)
                left -= batch.runs
                self._schedules += batch.runs if case.relaxed else 0
                if batch.first_fail is None or batch.first_fail_strategy is None:
                    break
                yield batch.first_fail, batch.first_fail_strategy
                seeded = seeded.with_seed(batch.first_fail_strategy.seed + 1)


def _touches(race: Race, places: tuple[Place, ...]) -> bool:
    return not set(places).isdisjoint(places_of([race]))
