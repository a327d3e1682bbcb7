# SPDX-License-Identifier: Apache-2.0
"""This module runs one program under every schedule within a bound, and certifies that.

Depth-first search over all answers to all questions of the machine, one preemption bound after
the other, so that what fails does so with the fewest preemptions. A certificate is given only when
every execution was run to its end and the machine left nothing out that its memory model allows;
else the refusal names the bound that was hit. Price: a microsecond or two an execution, and
executions grow exponentially with operations.

Source: Musuvathi and Qadeer, "Iterative context bounding", PLDI 2007; ALGORITHMS 3.7.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import FAULTS_MOST
from drainstorm.errors import UsageError
from drainstorm.findings import Failure, Finding, secure, version
from drainstorm.machine import Machine
from drainstorm.result import Strategy, Totals
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drainstorm.build import Built
    from drainstorm.case import Case
    from drainstorm.result import Run
    from drainstorm.spec import TargetSpec
    from drainstorm.store import Store

EXECUTIONS_MAX: Final = 10_000_000
ANY_PREEMPTIONS: Final = -1

COMPLETE: Final = {"c11": "c11-graph"}
"""The form of a memory model that misses less, for those that hunt with a faster one."""

_LOAD_BUFFERING: Final = (
    "load buffering (a store that is seen before an earlier load of its thread is done)"
)
_SEQ_CST_ORDER: Final = (
    "an order of seq_cst operations in which they cannot be executed (relaxed loads say otherwise)"
)
NOT_MODELLED: Final = {
    "sc": (),
    "tso": (),
    "c11": (
        _LOAD_BUFFERING,
        _SEQ_CST_ORDER,
        "2+2W relaxed (two stores of one thread that others see in the other order)",
    ),
    "c11-graph": (
        _LOAD_BUFFERING,
        _SEQ_CST_ORDER,
        "a release sequence that a store ends which is executed only later",
    ),
}
"""What a model allows and the machine never shows, by model."""

_FAULT_WORDS: Final = {
    "wakeup": "condition waits that end for no reason",
    "memory": "failing allocations",
    "thread": "threads that cannot be created",
    "short": "short reads and writes",
    "interrupt": "system calls that are interrupted",
    "timer": "timers that fire early or out of order",
}
"""What is not tried unless the case says so (`case.FAULTS`)."""

_STALE_READS: Final = "stale-reads"
"""The one approximation that is a declared bound like preemptions: stores do become visible."""

_BOUND_WORDS: Final = {
    "history": "an older store than the machine keeps might have been read",
    "mixed-stores": "an atomic object was also stored to in another size, or unseen",
    "accesses": "more plain accesses to eight bytes than the machine keeps",
    "store-buffer": "a store buffer was full",
}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved, and under which assumptions; `hash` covers all fields before it.

    Args:
        threads, operations: Of the undisturbed run, and of the program.
        preemptions: Switches away from a thread that can run, at most; -1: any number.
        executions: Of this bound, and of the lower ones that were run before it.
        suppressed: Executions with a data race that the target suppresses.
        build: Digest of the target's build.
        case: SHA-256 of the program and its limits as text.
        not_modelled: Behaviour that is possible and was not tried.
        not_judged: What was not looked for.
    """

    target: str
    bug: str
    threads: int
    operations: int
    preemptions: int
    model: str
    checks: tuple[str, ...]
    executions: int
    executions_below: tuple[int, ...]
    suppressed: int
    not_modelled: tuple[str, ...]
    not_judged: tuple[str, ...]
    build: str
    case: str
    drainstorm: str
    hash: str = ""

    def signed(self) -> Certificate:
        """The same with its hash."""
        data = msgspec.json.encode(msgspec.structs.replace(self, hash=""))
        return msgspec.structs.replace(self, hash=hashlib.sha256(data).hexdigest())

    def lines(self) -> list[str]:
        """As a person reads it."""
        bound = f"at most {_many(self.preemptions, 'preemption')}"
        if self.preemptions == ANY_PREEMPTIONS:
            bound = "any number of preemptions"
        below = ", ".join(f"{count:,}" for count in self.executions_below)
        what = f"{self.target} + {self.bug}" if self.bug else self.target
        return [
            f"closed: {_many(self.threads, 'thread')}, {_many(self.operations, 'operation')}, "
            f"{bound}, model {self.model}, {self.executions:,} executions, hash {self.hash[:16]}",
            f"  {what}, build {self.build[:16]}, case {self.case[:16]}, "
            f"checks {' '.join(self.checks) or 'none'}",
            *([f"  executions with fewer preemptions: {below}"] if below else []),
            *(f"  not modelled: {name}" for name in self.not_modelled),
            *(f"  not judged: {name}" for name in self.not_judged),
        ]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no certificate, although nothing failed.

    Args:
        reasons: One sentence for each bound that was hit.
        executions: How many were run.
    """

    reasons: tuple[str, ...]
    executions: int

    def lines(self) -> list[str]:
        """As a person reads it."""
        head = f"not closed: nothing failed in {self.executions:,} executions, but"
        return [head, *(f"  {reason}" for reason in self.reasons)]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


Verified = Certificate | Refusal | Finding


def verify(
    case: Case,
    spec: TargetSpec,
    *,
    bug: str = "",
    preemptions: int = 2,
    model: str | None = None,
    executions_max: int = EXECUTIONS_MAX,
    store: Store,
    hold: Callable[[Machine], None] = lambda machine: None,
    stop: Callable[[], bool] = lambda: False,
) -> Verified:
    """Run a case's program under every schedule; its own schedule is not looked at.

    Args:
        bug: Planted bug to build; empty: the shipped implementation.
        preemptions: Bound, tried from 0 upwards; -1: no bound.
        model: Memory model; None: the case's, in the form that misses least (COMPLETE).
        executions_max: Most executions of one bound.
        store: Where a finding goes.
        hold: Given the machine before it works, so that another thread can interrupt it.
        stop: Whether to begin no further bound: an interruption may come between two.

    Raises:
        UsageError: the program has nothing to interleave: no choice, or nothing that is shared.
        TargetError: the target does not build or load.
        StoreError: a finding cannot be stored.
    """
    built = build(spec, bug=bug or None)
    model = model or COMPLETE.get(case.limits.model, case.limits.model)
    limits = dataclasses.replace(case.limits, model=model)
    case = dataclasses.replace(case, schedule=(), limits=limits, expect=None, bug=bug, story=())
    with Machine(built) as machine:
        hold(machine)
        started = time.monotonic()
        quiet = machine.run(case, Strategy.replay(), trace=True)
        below: list[int] = []
        for bound in range(preemptions + 1) if preemptions >= 0 else (ANY_PREEMPTIONS,):
            strategy = Strategy.exhaustive(preemptions=bound)
            totals = machine.batch(case, strategy, executions_max, record=True)
            if totals.first_fail is not None:
                failing = dataclasses.replace(case, schedule=totals.first_fail_deviations)
                failure = Failure(
                    failing, totals.first_fail, Strategy.replay(), sum(below) + totals.runs
                )
                return secure(machine, failure, spec=spec, store=store, bug=bug,
                              build=built.digest, seconds=time.monotonic() - started)  # fmt: skip
            cut = bound < preemptions and stop()
            if reasons := _reasons(totals, bound, executions_max, is_cut=cut):
                return Refusal(tuple(reasons), sum(below) + totals.runs)
            below.append(totals.runs)
    _check_that_it_tests(quiet, totals, spec)
    return _certificate(
        case, built, quiet, totals=totals, preemptions=preemptions, below=below[:-1]
    )


def from_program(lines: str, spec: TargetSpec, *, path: Path | str = "--program") -> Case:
    """The case of a program in one line: "main start co1 ctx1; co1 rdlock"."""
    program = "".join(f"  {line.strip()}\n" for line in lines.replace(";", "\n").splitlines())
    return text.parse(f"case v1\ntarget {spec.name}\nprogram\n{program}", spec, path=path)


def _reasons(totals: Totals, bound: int, executions_max: int, *, is_cut: bool) -> list[str]:
    """Bounds that were hit, one sentence each; none: every execution was seen."""
    reasons = [
        f"{outcome.word} in {count:,} of them: raise the limit in the case, or take a smaller one"
        for outcome, count in totals.outcomes.items()
        if outcome.kind == "UNKNOWN" and outcome is not Outcome.UNSUPPORTED
    ]
    reasons += [
        f"not simulated: {what}, in {count:,} of them: take it out of the program or the target"
        for what, count in totals.not_simulated.items()
    ]
    reasons += [
        f"{_BOUND_WORDS[name]}, in {count:,} of them"
        for name, count in totals.bounded.items()
        if name in _BOUND_WORDS
    ]
    words = "any number of preemptions" if bound < 0 else _many(bound, "preemption")
    if not totals.exhausted and totals.runs < executions_max:
        reasons.append(f"interrupted after {totals.runs:,} executions with {words}")
    elif not totals.exhausted:
        reasons.append(
            f"not all executions with {words} were run: at most {executions_max:,} were asked for"
        )
    elif is_cut:
        reasons.append(f"interrupted after all {totals.runs:,} executions with {words}")
    return reasons


def _check_that_it_tests(quiet: Run, totals: Totals, spec: TargetSpec) -> None:
    """A program in which nothing can go wrong is a mistake of whoever wrote it."""
    if totals.runs <= 1:
        raise UsageError(
            f"not one choice in this program of '{spec.name}': there is nothing to verify "
            "(with --preemptions 0 only threads that block give way)"
        )
    owners: dict[str, set[int]] = {}
    for event in quiet.events:
        if event.object and event.kind not in ("create", "start", "exit", "join"):
            owners.setdefault(event.object, set()).add(event.thread)
    if not any(len(threads) > 1 for threads in owners.values()):
        raise UsageError(
            f"no object is touched by two threads in this program of '{spec.name}': "
            "whatever the schedule, nothing can go wrong"
        )


def _certificate(
    case: Case, built: Built, quiet: Run, *, totals: Totals, preemptions: int, below: list[int]
) -> Certificate:
    checks = case.limits.checks
    not_judged = [] if "access" in checks else ["data races and accesses to freed memory"]
    not_judged += [] if "leak" in checks else ["memory that is never freed"]
    faults = case.limits.faults
    not_modelled = [*NOT_MODELLED[case.limits.model]]
    not_modelled += [words for name, words in _FAULT_WORDS.items() if name not in faults]
    not_modelled += [f"more than {FAULTS_MOST} faults in one run"] if faults else []
    if count := totals.bounded.get(_STALE_READS, 0):
        not_modelled.append(
            "still older stores after many stale reads of a thread in a row, "
            f"in {count:,} executions"
        )
    if totals.suppressed:
        not_judged.append(
            f"data races that the target suppresses, in {totals.suppressed:,} executions: other "
            "threads do not run between plain accesses"
        )
    return Certificate(
        target=case.target,
        bug=built.bug or "",
        threads=quiet.threads,
        operations=len(case.program),
        preemptions=preemptions,
        model=case.limits.model,
        checks=checks,
        executions=totals.runs,
        executions_below=tuple(below),
        suppressed=totals.suppressed,
        not_modelled=tuple(not_modelled),
        not_judged=tuple(not_judged),
        build=built.digest,
        case=hashlib.sha256(text.render(case, built.spec).encode()).hexdigest(),
        drainstorm=version(),
    ).signed()
