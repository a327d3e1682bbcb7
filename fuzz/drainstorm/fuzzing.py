# SPDX-License-Identifier: Apache-2.0
"""This module is what a coverage-guided byte fuzzer calls: one input, one mutation, one crossover.

One input is one case, run under its own deviations and under a handful of schedules whose seeds
come from the input: the same bytes always do the same. A finding is stored and the fuzzer goes
on. The fuzzer itself (atheris) is imported by the entry points under `fuzz/` only.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drainstorm import binary, native
from drainstorm.build import build
from drainstorm.errors import DrainstormError
from drainstorm.findings import Failure, secure
from drainstorm.generate import ProgramGenerator, limits_of
from drainstorm.hunt import seed_cases
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target
from drainstorm.store import Store
from drainstorm.strategies import splitmix64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.build import Built
    from drainstorm.case import Case
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Signature

CORE_MODULE: Final = "atheris.core_with_libfuzzer"
FLAGS: Final = ("-entropic=0", "-len_control=0", "-max_len=2048", "-timeout=60")
"""Presence counters make entropic scheduling slow; our mutator chooses lengths by itself."""

SCHEDULES: Final = 4
"""Schedules of each of two strategies per input, besides the case's own deviations."""

SHRINK_SECONDS: Final = 2.0


class FuzzSession:
    """One target behind a byte fuzzer.

    Args:
        built: The build; a planted bug may be in it.
        store: Where findings go.
    """

    def __init__(self, built: Built, store: Store) -> None:
        self._spec: TargetSpec = built.spec
        self._built = built
        self._store = store
        self._machine = Machine(built)
        self._rng = random.Random(0)
        self._generator = ProgramGenerator(built.spec, self._rng)
        self._known: set[Signature] = set()
        self._attached = False
        self._schedules = 0
        self._started = time.monotonic()

    def close(self) -> None:
        """Give the machine back."""
        self._machine.close()

    def test_one_input(self, data: bytes) -> None:
        """Run the case that the bytes mean; returns normally whatever the target does."""
        if not self._attached:
            # Not earlier: importing the fuzzer's core before its start disables our mutators.
            self._attached = True
            attach_counters()
        case = self._bounded(binary.decode(data, self._spec))
        seed = splitmix64(zlib.crc32(data))
        self._batch(case, Strategy.replay(), 1)
        self._batch(case, Strategy.sticky_random(seed), SCHEDULES)
        self._batch(case, Strategy.pct(seed), SCHEDULES)

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """A custom mutator: edits whole operations and deviations. Never raises."""
        try:
            self._rng.seed(seed)
            case = binary.decode(data, self._spec)
            if not case.program:
                case = self._generator.generate()
            elif self._rng.random() < 0.5:
                case = self._generator.mutate(case)
            else:
                case = self._generator.mutate_schedule(case)
            return binary.encode(case, self._spec)[:max_size]
        except Exception:  # an exception here would hang the fuzzer's process at its exit
            return data[:max_size]

    def cross_over(self, one: bytes, two: bytes, max_size: int, seed: int) -> bytes:
        """A custom crossover: scripts of both programs, deviations of both. Never raises."""
        try:
            self._rng.seed(seed)
            first, second = binary.decode(one, self._spec), binary.decode(two, self._spec)
            mixed = self._generator.mutate(first, second)
            schedule = tuple(
                d for d in first.schedule + second.schedule if self._rng.random() < 0.6
            )
            mixed = dataclasses.replace(mixed, schedule=schedule).normalised(self._spec)
            return binary.encode(mixed, self._spec)[:max_size]
        except Exception:  # see mutate()
            return one[:max_size]

    def _bounded(self, case: Case) -> Case:
        """The case with the target's own limits: a fuzzer would ask for a million steps."""
        steps = min(case.limits.steps, self._spec.limits.steps)
        limits = dataclasses.replace(limits_of(self._spec), steps=steps)
        return dataclasses.replace(case, limits=limits)

    def _batch(self, case: Case, strategy: Strategy, count: int) -> None:
        with self._machine.judging(lambda race: race.signature not in self._known):
            totals = self._machine.batch(case, strategy, count, feedback=True)
        self._schedules += totals.runs
        verdict, failing = totals.first_fail, totals.first_fail_strategy
        if verdict is None or failing is None or verdict.signature in self._known:
            return
        self._known.add(verdict.signature)
        now = time.monotonic()
        finding = secure(
            self._machine,
            Failure(case, verdict, failing, schedules=self._schedules),
            spec=self._spec,
            store=self._store,
            bug=self._built.bug or "",
            build=self._built.digest,
            seconds=now - self._started,
            stop=lambda: time.monotonic() > now + SHRINK_SECONDS,
        )
        print(*finding.lines(), sep="\n", flush=True)


@dataclasses.dataclass(frozen=True, slots=True)
class FuzzPlan:
    """What an entry point hands to the fuzzer.

    Args:
        arguments: argv for the fuzzer: flags, then corpus folders.
    """

    session: FuzzSession
    arguments: tuple[str, ...]


def prepare(target: str, argv: Sequence[str]) -> FuzzPlan:
    """Read the entry point's options, build the target, fill the corpus folder with the seeds.

    Args:
        target: Default of `--target`.
        argv: As in `sys.argv`; `-flag=value` and folders are the fuzzer's own.

    Raises:
        SystemExit: with an error's message and exit code; an entry point has no other words.
    """
    try:
        return _prepared(target, argv)
    except DrainstormError as error:
        print(f"drainstorm: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error


def _prepared(target: str, argv: Sequence[str]) -> FuzzPlan:
    parser = argparse.ArgumentParser(
        prog=Path(argv[0]).name, allow_abbrev=False,
        description="Options of libFuzzer (-runs=N, -max_total_time=SECONDS ..) and corpus "
        "folders may follow.",
    )  # fmt: skip
    parser.add_argument("--target", default=target, help="name or path of target.toml")
    parser.add_argument("--bug", default="", help="planted bug; default: the shipped code")
    parser.add_argument("--state-dir", type=Path, default=Path(".drainstorm"))
    options, rest = parser.parse_known_args(list(argv[1:]))
    spec = find_target(options.target)
    built = build(spec, bug=options.bug or None)
    folders = [word for word in rest if not word.startswith("-")]
    if not folders:
        corpus = options.state_dir / "fuzz" / spec.name
        _write_seeds(corpus, spec)
        rest.append(str(corpus))
    session = FuzzSession(built, Store(options.state_dir))
    return FuzzPlan(session, (argv[0], *FLAGS, *rest))


def attach_counters() -> None:
    """Give the machine's interleaving counters to the fuzzer's core, if that runs here."""
    core = sys.modules.get(CORE_MODULE)
    if core is not None and core.__file__:
        native.engine().attach_counters(Path(core.__file__))


def _write_seeds(folder: Path, spec: TargetSpec) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(seed_cases(spec)):
        (folder / f"seed-{number:02}").write_bytes(binary.encode(case.normalised(spec), spec))
