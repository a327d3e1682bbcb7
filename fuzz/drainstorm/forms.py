# SPDX-License-Identifier: Apache-2.0
"""This module brings cases and strategies into the form in which the engine takes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from drainstorm import case as model
from drainstorm import layout
from drainstorm.errors import UsageError
from drainstorm.result import STRATEGY_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainstorm.case import Case
    from drainstorm.result import Strategy
    from drainstorm.spec import TargetSpec

_DEVIATION: Final = struct.Struct("<IHHI")
_OFFSET: Final = struct.Struct("<Q")
_SEED: Final = 2**64 - 1


def native_case(case: Case, data: bytes, spec: TargetSpec, relaxed: Iterable[int]) -> layout.Case:
    if case.target != spec.name:
        raise UsageError(f"a case of target '{case.target}' cannot run on '{spec.name}'")
    ops = b"".join([bytes((op.actor, op.code, op.a, op.b)) for op in case.program])
    deviations = b"".join(
        [_DEVIATION.pack(d.position, d.thread, d.kind, d.answer) for d in case.schedule]
    )
    offsets = b"".join(_OFFSET.pack(offset) for offset in relaxed)
    return layout.Case(
        ops=ops,
        deviations=deviations,
        bytes=data,
        op_count=len(case.program),
        deviation_count=len(case.schedule),
        byte_count=len(data),
        step_limit=case.limits.steps,
        thread_limit=case.limits.threads or spec.limits.threads,
        model=model.MODELS.index(case.limits.model),
        checks=case.limits.check_bits,
        relaxed_count=len(offsets) // _OFFSET.size,
        relaxed=offsets,
        faults=case.limits.fault_bits,
    )


def native_strategy(strategy: Strategy) -> layout.Strategy:
    return layout.Strategy(
        seed=strategy.seed & _SEED,
        kind=STRATEGY_KINDS.index(strategy.kind),
        sticky=strategy.sticky,
        pct_depth=strategy.pct_depth,
        pct_steps=strategy.pct_steps,
        obligations=strategy.obligations,
        preemptions=layout.PREEMPTIONS_ANY if strategy.preemptions < 0 else strategy.preemptions,
    )
