# SPDX-License-Identifier: Apache-2.0
"""This module opens a case in whichever form it is stored: text, or a fuzzer's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainstorm import binary, text
from drainstorm.errors import CaseError, UsageError
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.case import Case
    from drainstorm.spec import TargetSpec

_TEXT_START: Final = b"case v"


def load_any(path: Path, target: str = "") -> tuple[Case, TargetSpec]:
    """Read a case and find its target.

    Args:
        path: Text when it is named `*.case` or begins like one, else bytes.
        target: Name or path; empty: what the text's `target` line says.

    Raises:
        CaseError: unreadable, too large, or not a case of this target.
        UsageError: unknown target; bytes without a target.
    """
    spec = find_target(target) if target else None
    if path.suffix == ".case" or _read(path).startswith(_TEXT_START):
        case = text.load(path, spec)
        return case, spec or find_target(case.target)
    if spec is None:
        raise UsageError(
            f"{path}: the byte form does not name its target; say it: --target blocklayer"
        )
    return binary.decode(_read(path), spec), spec


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(text.BYTES_MAX + 1)
    except OSError as error:
        raise CaseError(f"{path}: {error.strerror or error}") from error
    if len(data) > text.BYTES_MAX:
        raise CaseError(f"{path}: larger than {text.BYTES_MAX} bytes, the most a case may have")
    return data
