# SPDX-License-Identifier: Apache-2.0
"""This module reads from a traced run which objects the operations really took.

An operand is taken modulo what is alive, so `start co7` may have started co2. A driver says so
in a note right behind the operation, in the words of a case: "start co2 ctx1".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.result import Event
    from drainstorm.spec import TargetSpec

_OPERAND_MAX = 255


def named_operations(
    events: Sequence[Event], spec: TargetSpec
) -> dict[tuple[int, int], tuple[int, int]]:
    """Operands of the operations for which a driver's note says them.

    Args:
        events: Of a run with trace=True.

    Returns:
        (actor, number of its operation from 0) -> (a, b).
    """
    turns: dict[int, int] = {}
    found: dict[tuple[int, int], tuple[int, int]] = {}
    pending: dict[int, tuple[int, int, int]] = {}  # thread -> actor, turn, code
    for event in events:
        if event.kind == "operation":
            turn = turns[event.actor] = turns.get(event.actor, -1) + 1
            pending[event.thread] = (event.actor, turn, event.value & 0xFF)
        elif event.kind == "note" and event.thread in pending:
            actor, turn, code = pending[event.thread]
            operands = _operands(event.text, code, spec)
            if operands is not None:
                found[actor, turn] = operands
                del pending[event.thread]
    return found


def _operands(note: str, code: int, spec: TargetSpec) -> tuple[int, int] | None:
    """Operands that a note gives for an operation; None when it speaks of something else."""
    if not 1 <= code <= len(spec.operations):
        return None
    operation = spec.operation(code)
    words = note.split()
    if not words or words[0] != operation.name or len(words) != 1 + len(operation.operands):
        return None
    values = []
    for word, kind in zip(words[1:], operation.operands, strict=True):
        number = word.removeprefix(kind)
        if not (word.startswith(kind) and number.isascii() and number.isdigit()):
            return None
        values.append(int(number))
    if any(value > _OPERAND_MAX for value in values):
        return None
    a, b = (*values, 0, 0)[:2]
    return a, b
