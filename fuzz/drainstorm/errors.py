# SPDX-License-Identifier: Apache-2.0
"""This module names whose fault an error is; a failing target is data, not an exception.

Every message shows the offending value and, where there is one, the next command to type. The
command line prints the message alone and ends with `exit_code`.
"""

from __future__ import annotations

from typing import ClassVar


class DrainstormError(Exception):
    """Base of all errors that Drainstorm raises on purpose."""

    exit_code: ClassVar[int] = 3


class UsageError(DrainstormError):
    """The caller asked for something that does not exist or makes no sense."""

    exit_code: ClassVar[int] = 2


class CaseError(DrainstormError):
    """A stored case cannot be read; the message starts with `file:line:`."""

    exit_code: ClassVar[int] = 2


class TargetError(DrainstormError):
    """The code under test, its description or its driver does not build or load."""

    exit_code: ClassVar[int] = 3


class StoreError(DrainstormError):
    """The disk said no: unwritable, full, or somebody else's."""

    exit_code: ClassVar[int] = 3


class EngineError(DrainstormError):
    """Drainstorm itself is broken or installed wrongly; please report it."""

    exit_code: ClassVar[int] = 3
