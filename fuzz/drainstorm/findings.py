# SPDX-License-Identifier: Apache-2.0
"""This module turns a failing run into a finding: recorded, replayed, shrunk, stored, announced.

The order is a promise: what is announced has been stored, and what is stored has been replayed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import shlex
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from drainstorm.case import unique_schedule
from drainstorm.errors import UsageError
from drainstorm.result import Strategy, races_expected, races_meant_by
from drainstorm.shrink import Shrunk, Size, never, shrink
from drainstorm.spec import find_target
from drainstorm.store import CONSEQUENCE_NAME, Record
from drainstorm.triage import RUNS, Triage, triage
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from drainstorm.case import Case
    from drainstorm.runner import Runner
    from drainstorm.spec import TargetSpec
    from drainstorm.store import Store
    from drainstorm.verdict import Signature, Verdict


@dataclass(frozen=True, slots=True)
class Failure:
    """A failing run as a batch reports it.

    Args:
        strategy: Passed to `Runner.run()`, it repeats the run.
        schedules: Schedules that this worker ran up to and including the failing one.
    """

    case: Case
    verdict: Verdict
    strategy: Strategy
    schedules: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure that was recorded, shrunk and stored.

    Args:
        path: The minimal case.
        replay: What to type to see it again.
        schedules, seconds: What it took until it was found, shrinking not counted.
        reproduced: Whether the recorded schedule failed in the same way when replayed.
        triage: What a data race leads to; None: no race, or not reproduced.
    """

    verdict: Verdict
    case: Case
    path: Path
    replay: str
    strategy: str
    schedules: int
    seconds: float
    reproduced: bool
    triage: Triage | None = None

    @property
    def signature(self) -> Signature:
        """By what it is told from others."""
        return self.verdict.signature

    def lines(self) -> tuple[str, ...]:
        """What, where and how to see it again: what a hunt prints."""
        size = Size.of(self.case)
        doubt = "" if self.reproduced else "  (the replay did NOT repeat it: please report)"
        triaged = () if self.triage is None else (f"  {self.triage}",)
        return (
            f"{self.signature}: {self.verdict.message or 'no message'}",
            f"  after {self.schedules:,} schedules ({self.strategy}), {self.seconds:.1f} s; "
            f"shrunk to {size}{doubt}",
            *triaged,
            f"  replay: {self.replay}",
        )


def secure(
    runner: Runner,
    failure: Failure,
    *,
    spec: TargetSpec,
    store: Store,
    bug: str,
    build: str,
    seconds: float,
    stop: Callable[[], bool] = never,
) -> Finding:
    """Record, replay, shrink and store a failure; triage it when it is a data race.

    The unshrunk case is stored first: a `kill -9` while shrinking loses nothing.

    Args:
        bug: Planted bug of the build, empty: the shipped implementation.
        build: Digest of the build.
        seconds: Wall-clock time until the failure.
        stop: Ends the shrinking with the best case so far.

    Raises:
        StoreError: the disk said no.
    """
    signature = failure.verdict.signature
    with runner.judging(races_meant_by(signature)):
        found, reproduced = record_schedule(runner, failure)
    found = dataclasses.replace(found, expect=signature.expect(), bug=bug, story=())

    def save(minimal: Case, triaged: Triage | None = None) -> Path:
        record = _record(failure, minimal, bug=bug, build=build, seconds=seconds,
                         reproduced=reproduced, triaged=triaged)  # fmt: skip
        consequence = triaged.case if triaged is not None else None
        return store.save(
            record, found, minimal, spec=spec, signature=signature, consequence=consequence
        )

    path, minimal, triaged = save(found), found, None
    if reproduced:
        shrunk: Shrunk = shrink(runner, found, signature, stop=stop, spec=spec)
        minimal = shrunk.case
        path = save(minimal)
    if reproduced and signature.outcome is Outcome.RACE:
        triaged = triage_case(runner, minimal, found, spec=spec, stop=stop)
        if triaged is not None:
            minimal = dataclasses.replace(minimal, story=triage_story(triaged))
            path = save(minimal, triaged)
    return Finding(
        verdict=failure.verdict,
        case=minimal,
        path=path,
        replay=replay_command(path, spec),
        strategy=failure.strategy.name,
        schedules=failure.schedules,
        seconds=seconds,
        reproduced=reproduced,
        triage=triaged,
    )


def triage_case(
    runner: Runner, case: Case, *more: Case, spec: TargetSpec, stop: Callable[[], bool] = never,
    runs: int = RUNS,
) -> Triage | None:  # fmt: skip
    """Triage the races that a case is about: those that it expects, else all that it shows.

    Args:
        more: Other cases that show them; their programs are run, too.

    Returns:
        None when a replay of the case shows no race.
    """
    counts = races_expected(case.expect)
    with runner.judging(counts):
        races = runner.run(case, Strategy.replay()).races
    races = tuple(race for race in races if counts is None or counts(race))
    if not races:
        return None
    return triage(runner, (case, *more), races, runs=runs, spec=spec, stop=stop)


def triage_story(triaged: Triage) -> tuple[str, ...]:
    """What the case of a data race says about its consequence."""
    see = () if triaged.case is None else (f"See {CONSEQUENCE_NAME} beside this file.",)
    return (str(triaged), *see)


def record_schedule(runner: Runner, failure: Failure) -> tuple[Case, bool]:
    """The failing case with the deviations of its run, and whether their replay fails alike."""
    signature = failure.verdict.signature
    run = runner.run(failure.case, failure.strategy, record=True)
    case = dataclasses.replace(failure.case, schedule=unique_schedule(run.deviations))
    again = runner.run(case, Strategy.replay())
    return case, run.verdict.signature == signature == again.verdict.signature


def _record(
    failure: Failure, minimal: Case, *, bug: str, build: str, seconds: float, reproduced: bool,
    triaged: Triage | None,
) -> Record:  # fmt: skip
    verdict, size = failure.verdict, Size.of(minimal)
    return Record(
        target=minimal.target,
        bug=bug,
        bucket=verdict.signature.bucket,
        signature=str(verdict.signature),
        verdict=verdict.kind,
        rule=verdict.judged,
        site=verdict.site,
        message=verdict.message,
        strategy=failure.strategy.name,
        seed=failure.strategy.seed,
        schedules=failure.schedules,
        seconds=round(seconds, 3),
        reproduced=reproduced,
        operations=size.operations,
        deviations=size.deviations,
        build=build,
        drainstorm=version(),
        python=platform.python_version(),
        triage="" if triaged is None else str(triaged),
    )


def version() -> str:
    """Version of the installed package; "0" in a tree that is not installed."""
    try:
        return metadata.version("drainstorm")
    except metadata.PackageNotFoundError:
        return "0"


def own_command() -> str:
    """How the user can call us: by name, or by path when that is not on $PATH."""
    if shutil.which("drainstorm"):
        return "drainstorm"
    path = Path(sys.executable).with_name("drainstorm")
    with contextlib.suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


def replay_command(path: Path, spec: TargetSpec) -> str:
    """What to type to replay a case; names the target's path when its name alone is not found."""
    words = [own_command(), "replay", shlex.quote(str(path))]
    try:
        found = find_target(spec.name).folder == spec.folder
    except UsageError:
        found = False
    if not found:
        words += ["--target", shlex.quote(str(spec.folder))]
    return " ".join(words)
