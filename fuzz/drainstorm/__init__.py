# SPDX-License-Identifier: Apache-2.0
"""Drainstorm: deterministic concurrency fuzzing of C code made of threads, loops and coroutines.

Bytes become a case, the machine turns a case into events, rules turn events into a verdict. The
names below are the public ones; each is imported when it is first used, because a command line
should answer at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from drainstorm.build import Built
    from drainstorm.case import Case, Deviation, Expect, Limits, Operation
    from drainstorm.errors import (
        CaseError,
        DrainstormError,
        EngineError,
        StoreError,
        TargetError,
        UsageError,
    )
    from drainstorm.generate import ProgramGenerator
    from drainstorm.machine import Machine
    from drainstorm.result import Event, Run, Strategy, Totals, Waiter
    from drainstorm.shrink import Shrunk
    from drainstorm.spec import TargetSpec, find_target, load_target
    from drainstorm.store import Store
    from drainstorm.verdict import Outcome, Signature, Verdict

__all__ = [
    "Built", "Case", "CaseError", "Deviation", "DrainstormError", "EngineError", "Event",
    "Expect", "Limits", "Machine", "Operation", "Outcome", "ProgramGenerator", "Run", "Shrunk",
    "Signature", "Store", "StoreError", "Strategy", "TargetError", "TargetSpec", "Totals",
    "UsageError", "Verdict", "Waiter", "find_target", "load_target",
]  # fmt: skip

_MODULES: Final = {
    "build": ("Built",),
    "case": ("Case", "Deviation", "Expect", "Limits", "Operation"),
    "errors": ("CaseError", "DrainstormError", "EngineError", "StoreError", "TargetError",
               "UsageError"),
    "generate": ("ProgramGenerator",),
    "machine": ("Machine",),
    "result": ("Event", "Run", "Strategy", "Totals", "Waiter"),
    "shrink": ("Shrunk",),
    "spec": ("TargetSpec", "find_target", "load_target"),
    "store": ("Store",),
    "verdict": ("Outcome", "Signature", "Verdict"),
}  # fmt: skip
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'drainstorm' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"drainstorm.{home}"), name)
    globals()[name] = value
    return value
