# SPDX-License-Identifier: Apache-2.0
"""Are generated and mutated programs legal, and shaped as the target's hints say?"""

from __future__ import annotations

import dataclasses
import random

import msgspec
import pytest

from drainstorm.case import Case, Operation
from drainstorm.generate import PROGRAM_MAX, ProgramGenerator
from drainstorm.optable import OperationTable, Script
from drainstorm.spec import TargetSpec


def generated(spec: TargetSpec, seed: int, count: int) -> list[Case]:
    generator = ProgramGenerator(spec, random.Random(seed))
    return [generator.generate() for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_generated_program_is_normalised(blocklayer: TargetSpec, seed: int) -> None:
    for case in generated(blocklayer, seed, 50):
        assert case.normalised(blocklayer) == case
        assert case.program


def test_the_same_stream_gives_the_same_programs(blocklayer: TargetSpec) -> None:
    assert generated(blocklayer, 3, 20) == generated(blocklayer, 3, 20)
    assert generated(blocklayer, 3, 20) != generated(blocklayer, 4, 20)


def test_every_launched_actor_has_an_operation_that_launches_it(blocklayer: TargetSpec) -> None:
    launcher = {"co": "start", "bh": "post"}
    for case in generated(blocklayer, 1, 200):
        for kind, name in launcher.items():
            actors = {o.actor for o in case.program if blocklayer.actor_kind(o.actor) == kind}
            code = blocklayer.operation_code(name)
            launches = [o for o in case.program if o.code == code]
            assert len(launches) == len(actors)


def test_scripts_keep_pairs_and_what_needs_them(blocklayer: TargetSpec) -> None:
    table = OperationTable(blocklayer)
    for case in generated(blocklayer, 2, 200):
        scripts: dict[int, Script] = {}
        for op in case.program:
            script = scripts.setdefault(op.actor, Script.empty())
            entry = table.entry(op.code)
            assert script.allows(entry), (case, op)
            script.advance(entry)


def test_generating_reaches_every_operation(blocklayer: TargetSpec) -> None:
    seen = {op.code for case in generated(blocklayer, 5, 300) for op in case.program}
    assert seen == set(range(1, len(blocklayer.operations) + 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_mutated_program_stays_legal_and_bounded(blocklayer: TargetSpec, seed: int) -> None:
    generator = ProgramGenerator(blocklayer, random.Random(seed))
    case, other = generator.generate(), generator.generate()
    for _ in range(300):
        case = generator.mutate(case, other)
        assert case.normalised(blocklayer) == case
        assert 0 < len(case.program) <= PROGRAM_MAX


def test_mutating_an_empty_program_gives_one(tally: TargetSpec) -> None:
    generator = ProgramGenerator(tally, random.Random(1))
    assert generator.mutate(Case(tally.name, ())).program


def test_a_mutated_schedule_is_normalised(blocklayer: TargetSpec) -> None:
    generator = ProgramGenerator(blocklayer, random.Random(1))
    case = generator.generate()
    for _ in range(300):
        case = generator.mutate_schedule(case)
        assert case.normalised(blocklayer) == case
    assert case.schedule


def test_a_target_without_hints_is_enough(tally: TargetSpec) -> None:
    for case in generated(tally, 1, 100):
        assert case.normalised(tally) == case
        starts = [op for op in case.program if op.code == tally.operation_code("start")]
        assert len(starts) == len({op.actor for op in case.program if op.actor})


def test_legal_drops_an_unlock_without_its_lock(blocklayer: TargetSpec) -> None:
    table = OperationTable(blocklayer)
    lock, unlock = (blocklayer.operation_code(n) for n in ("rdlock", "rdunlock"))
    program = [Operation(1, unlock), Operation(1, lock), Operation(1, lock), Operation(1, unlock)]
    assert table.legal(program) == [Operation(1, lock), Operation(1, unlock)]


def test_a_program_keeps_to_some_groups_of_operations(blocklayer: TargetSpec) -> None:
    names = [operation.name for operation in blocklayer.operations]
    paired = {name for pair in blocklayer.generate.pairs for name in pair}
    single = [name for name in names[4:] if name not in paired]
    groups = {name: f"g{index % 7}" for index, name in enumerate(single)}
    operations = tuple(
        msgspec.structs.replace(operation, group=groups.get(operation.name, ""))
        for operation in blocklayer.operations
    )
    spec = dataclasses.replace(blocklayer, operations=operations)
    generator = ProgramGenerator(spec, random.Random(7))

    used = [
        {groups.get(names[op.code - 1], "") for op in generator.generate().program} - {""}
        for _ in range(200)
    ]

    few = sum(len(program) <= 3 for program in used)
    assert few > 150
    assert set().union(*used) > {"g0", "g1", "g2"}
