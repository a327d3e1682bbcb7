# SPDX-License-Identifier: Apache-2.0
"""This module makes programs: from nothing, and out of programs that were worth keeping.

A program drawn uniformly from the operation table does nothing: coroutines that nobody starts,
unlocks without a lock. So a script is a random walk that keeps what the table says about pairs
and set-up, and every launched actor gets an operation that launches it. The rest is the driver's:
operands are taken modulo what is alive, preconditions are skipped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from drainstorm.case import (
    KINDS,
    Case,
    Deviation,
    Limits,
    Operation,
    unique_schedule,
)
from drainstorm.optable import OperationTable, Script

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from drainstorm.optable import Entry
    from drainstorm.spec import TargetSpec

    Edit = Callable[[list[Operation]], None]

SETUP_MAX: Final = 3
"""Contexts and the like that a program sets up before anything else."""

LAUNCHED_MAX: Final = 6
"""Actors of the first launched kind; of the others, half as many."""

SCRIPT_MAX: Final = 8
ROOT_SCRIPT_MAX: Final = 16
PROGRAM_MAX: Final = 96
"""Operations of a mutated program; a longer one only makes schedules slower."""

GROUPS_MAX: Final = 3
"""Groups of operations that a program keeps to: one that does a little of everything does nothing
for long enough to go wrong (swarm testing: Groce et al., ISSTA 2012)."""

_MOVES_MAX: Final = 24
"""How far a mutation moves a deviation's anchor along its thread."""


def limits_of(spec: TargetSpec) -> Limits:
    """Limits of generated cases: those of the target's description."""
    default = spec.limits
    return Limits(steps=default.steps, checks=default.checks, faults=default.faults).clipped()


class ProgramGenerator:
    """Draws programs for one target from one random stream.

    Args:
        spec: The target; its operation table and `[generate]` hints shape the programs.
        rng: The only source of randomness.
    """

    def __init__(self, spec: TargetSpec, rng: random.Random) -> None:
        self._spec = spec
        self._rng = rng
        self._table = OperationTable(spec)
        self._limits = limits_of(spec)
        self._groups = frozenset(self._table.groups)

    def generate(self) -> Case:
        """A program from nothing, without a schedule."""
        rng, table = self._rng, self._table
        self._groups = self._some_groups()
        set_up = rng.randint(1, SETUP_MAX) if table.makers else 0
        scripts: dict[int, list[Operation]] = {}
        most = LAUNCHED_MAX
        for kind in self._launched_kinds():
            fewest = 1 if most == LAUNCHED_MAX else 0
            count = min(table.counts[kind], self._skewed(fewest, most))
            for index in range(count):
                actor = table.first_index[kind] + index
                length = self._skewed(1, SCRIPT_MAX)
                scripts[actor] = self._script(kind, actor, length, set_up)
            most //= 2
        length = self._skewed(0, ROOT_SCRIPT_MAX - 3)
        root_actor = table.first_index[table.root_kind]
        root = self._script(table.root_kind, root_actor, length, set_up)
        scripts = self._launch(root_actor, root, scripts, set_up)
        return self._case(op for actor in sorted(scripts) for op in scripts[actor])

    def mutate(self, case: Case, other: Case | None = None) -> Case:
        """One to four small edits of the program; stays legal, keeps limits and schedule.

        Args:
            case: What to start from; stays as it is.
            other: A second program to splice with; None: splicing is left out.
        """
        rng = self._rng
        program = list(case.program)
        self._groups = self._groups_of(program)
        edits: list[Edit] = [
            self._insert, self._insert, self._delete, self._duplicate, self._swap,
            self._change_operand, self._change_operand, self._move_to_other_actor,
            self._grow_script,
        ]  # fmt: skip
        for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
            if other is not None and rng.random() < 0.15:
                program = self._splice(program, other.program)
            else:
                rng.choice(edits)(program)
        if not program:
            program = list(self.generate().program)
        legal = self._launched(self._table.legal(program))[:PROGRAM_MAX]
        return dataclasses.replace(case, program=tuple(legal), expect=None, bug="", story=())

    def mutate_schedule(self, case: Case) -> Case:
        """One small edit of the deviations: drop, move, redirect, add; for the byte fuzzer."""
        rng = self._rng
        schedule = list(case.schedule)
        what = rng.randrange(4)
        if schedule and what == 0:
            schedule.pop(rng.randrange(len(schedule)))
        elif schedule and what == 1:
            at = rng.randrange(len(schedule))
            moved = schedule[at].position + rng.randint(-_MOVES_MAX, _MOVES_MAX)
            schedule[at] = dataclasses.replace(schedule[at], position=max(0, moved))
        elif schedule and what == 2:
            at = rng.randrange(len(schedule))
            schedule[at] = dataclasses.replace(schedule[at], answer=rng.randrange(5))
        else:
            kind = 0 if rng.random() < 0.9 else rng.randrange(len(KINDS))
            position = self._skewed(0, 200) if kind == 0 else rng.randrange(4)
            schedule.append(Deviation(kind, rng.randrange(5), position, rng.randrange(5)))
        return dataclasses.replace(case, schedule=unique_schedule(tuple(schedule)), expect=None)

    # ---------------------------------------------------------------- drawing

    def _some_groups(self) -> frozenset[str]:
        """Groups that one program keeps to; one program in eight to none."""
        groups, rng = self._table.groups, self._rng
        if len(groups) <= 1 or rng.random() < 1 / 8:
            return frozenset(groups)
        return frozenset(rng.sample(groups, rng.randint(1, min(GROUPS_MAX, len(groups)))))

    def _groups_of(self, program: Iterable[Operation]) -> frozenset[str]:
        """The groups that a program uses, sometimes with another one."""
        groups, rng = self._table.groups, self._rng
        used = {self._table.entry(op.code).group for op in program} - {""}
        if not used:
            return self._some_groups()
        if len(used) < len(groups) and rng.random() < 1 / 8:
            used.add(rng.choice([group for group in groups if group not in used]))
        return frozenset(used)

    def _is_active(self, entry: Entry) -> bool:
        wanted_by = self._table.groups_of(entry)
        return not wanted_by or not wanted_by.isdisjoint(self._groups)

    def _launched_kinds(self) -> list[str]:
        """Kinds of actors that the program's groups can set going, in the table's order."""
        table = self._table
        return [k for k in table.launched_kinds() if self._is_active(table.launchers[k])]

    def _makers(self) -> tuple[Entry, ...]:
        return tuple(filter(self._is_active, self._table.makers))

    def _ordinary(self, kind: str) -> tuple[Entry, ...]:
        return tuple(filter(self._is_active, self._table.ordinary(kind)))

    def _case(self, program: Iterable[Operation]) -> Case:
        return Case(target=self._spec.name, program=tuple(program), limits=self._limits)

    def _skewed(self, low: int, high: int) -> int:
        """Uniform in low..high, but every second time in the lower half."""
        top = high if self._rng.random() < 0.5 else (low + high + 1) // 2
        return self._rng.randint(low, max(low, top))

    def _script(self, kind: str, actor: int, length: int, set_up: int) -> list[Operation]:
        """A random walk over what an actor of this kind may do, with what it opened closed."""
        table, rng = self._table, self._rng
        script, ops = Script.empty(), list[Operation]()
        if kind == table.root_kind:
            for entry in self._makers():
                script.live[entry.makes] = set_up
                ops.extend(self._operation(actor, entry, script, set_up) for _ in range(set_up))
        choices = self._ordinary(kind)
        if kind == table.root_kind:
            choices += tuple(e for e in self._makers() if kind in e.actors)
        for _ in range(length):
            fitting = [e for e in choices if self._wanted(e, script)]
            if not fitting:
                break
            entry = rng.choices(fitting, [self._weight(e, script) for e in fitting])[0]
            ops.append(self._operation(actor, entry, script, set_up))
            script.advance(entry)
        if rng.random() < 0.9:
            for opener in sorted(script.held):
                if (closer := table.closer.get(opener)) and kind in closer.actors:
                    ops.append(self._operation(actor, closer, script, set_up))
        return ops

    def _wanted(self, entry: Entry, script: Script) -> bool:
        full = entry.makes != "" and script.live.get(entry.makes, 0) >= SETUP_MAX
        return script.allows(entry) and not full

    @staticmethod
    def _weight(entry: Entry, script: Script) -> float:
        """What is held wants to be released sometime."""
        return entry.weight * (2.0 if entry.closes in script.held else 1.0)

    def _operation(self, actor: int, entry: Entry, script: Script, set_up: int) -> Operation:
        operands = [
            self._rng.randint(1, max(1, script.live.get(kind, set_up)))
            if kind == entry.removes
            else self._operand(kind, set_up)
            for kind in entry.operands
        ]
        a, b = (*operands, 0, 0)[:2]
        return Operation(actor, entry.code, a, b)

    def _operand(self, kind: str, set_up: int) -> int:
        """A value for an operand of this kind; small, because a reader will see it."""
        if kind == "n":
            return self._skewed(0, 12)
        if kind in self._table.counts:
            return self._rng.randint(1, self._table.counts[kind])
        if any(maker.makes == kind for maker in self._table.makers):
            return self._rng.randint(0, set_up)
        return self._rng.randrange(8)

    # ---------------------------------------------------------------- launching

    def _launch(
        self, root_actor: int, root: list[Operation], scripts: dict[int, list[Operation]],
        set_up: int,
    ) -> dict[int, list[Operation]]:  # fmt: skip
        """Give every script an operation that launches its actor, mostly in the root's script."""
        rng = self._rng
        result = {root_actor: root}
        skip = min(len(root), set_up * len(self._makers()))
        for actor in sorted(scripts):
            entry = self._table.launchers[self._spec.actor_kind(actor)]
            able = [a for a in result if self._spec.actor_kind(a) in entry.actors]
            parent = root_actor if rng.random() < 0.8 else rng.choice(able)
            op = self._launch_operation(parent, actor, set_up)
            low = skip if parent == root_actor else 0
            at = low + int((len(result[parent]) - low + 1) * rng.random() ** 2)
            result[parent].insert(at, op)
            result[actor] = scripts[actor]
        return result

    def _launch_operation(self, parent: int, actor: int, set_up: int) -> Operation:
        kind = self._spec.actor_kind(actor)
        entry = self._table.launchers[kind]
        number = actor - self._table.first_index[kind] + 1
        values = [
            number if operand == kind else self._operand(operand, set_up)
            for operand in entry.operands
        ]
        a, b = (*values, 0, 0)[:2]
        return Operation(parent, entry.code, a, b)

    def _launched(self, program: list[Operation]) -> list[Operation]:
        """The program with as many launching operations as it has launched actors."""
        root_actor = self._table.first_index[self._table.root_kind]
        set_up = sum(1 for op in program if self._table.entry(op.code).makes)
        for kind, entry in self._table.launchers.items():
            actors = sorted({
                op.actor for op in program if self._spec.actor_kind(op.actor) == kind
            })  # fmt: skip
            have = [at for at, op in enumerate(program) if op.code == entry.code]
            for actor in actors[len(have) :]:
                roots = sum(1 for op in program if op.actor == root_actor)
                at = self._rng.randint(min(set_up, roots), roots)
                program.insert(at, self._launch_operation(root_actor, actor, set_up))
            for at in reversed(have[len(actors) :]):
                del program[at]
        return program

    # ---------------------------------------------------------------- edits, in place

    def _insert(self, program: list[Operation]) -> None:
        kinds = list(self._table.counts)
        used = sorted({op.actor for op in program}) or [0]
        kind = self._rng.choice(kinds)
        fitting = [a for a in used if self._spec.actor_kind(a) == kind]
        actor = self._rng.choice(fitting or [self._table.first_index[kind]])
        choices = self._ordinary(kind) + tuple(
            e for e in self._makers() if kind == self._table.root_kind
        )
        if choices:
            entry = self._rng.choices(choices, [e.weight for e in choices])[0]
            op = self._operation(actor, entry, Script.empty(), SETUP_MAX)
            program.insert(self._rng.randint(0, len(program)), op)

    def _delete(self, program: list[Operation]) -> None:
        if len(program) > 1:
            at = self._rng.randrange(len(program))
            del program[at : at + self._rng.choice((1, 1, 1, 2, 4))]

    def _duplicate(self, program: list[Operation]) -> None:
        if program:
            op = self._rng.choice(program)
            program.insert(self._rng.randint(0, len(program)), op)

    def _swap(self, program: list[Operation]) -> None:
        if len(program) > 1:
            i, j = self._rng.randrange(len(program)), self._rng.randrange(len(program))
            program[i], program[j] = program[j], program[i]

    def _change_operand(self, program: list[Operation]) -> None:
        taking = [at for at, op in enumerate(program) if self._table.entry(op.code).operands]
        if taking:
            at = self._rng.choice(taking)
            entry = self._table.entry(program[at].code)
            which = self._rng.randrange(len(entry.operands))
            value = self._operand(entry.operands[which], SETUP_MAX)
            op = program[at]
            program[at] = (
                dataclasses.replace(op, a=value) if which == 0 else dataclasses.replace(op, b=value)
            )

    def _move_to_other_actor(self, program: list[Operation]) -> None:
        if program:
            at = self._rng.randrange(len(program))
            entry = self._table.entry(program[at].code)
            kind = self._rng.choice(sorted(entry.actors))
            index = self._rng.randrange(min(self._table.counts[kind], LAUNCHED_MAX))
            actor = self._table.first_index[kind] + index
            program[at] = dataclasses.replace(program[at], actor=actor)

    def _grow_script(self, program: list[Operation]) -> None:
        """A new launched actor with a script of its own."""
        kinds = self._launched_kinds()
        if kinds:
            kind = self._rng.choice(kinds)
            index = self._rng.randrange(min(self._table.counts[kind], LAUNCHED_MAX))
            actor = self._table.first_index[kind] + index
            program.extend(self._script(kind, actor, self._skewed(1, SCRIPT_MAX), SETUP_MAX))

    def _splice(self, one: list[Operation], two: Sequence[Operation]) -> list[Operation]:
        """Some actors' scripts from one program, the others' from another."""
        actors = sorted({op.actor for op in one} | {op.actor for op in two})
        from_two = {actor for actor in actors if self._rng.random() < 0.4}
        kept = [op for op in one if op.actor not in from_two]
        return kept + [op for op in two if op.actor in from_two]
