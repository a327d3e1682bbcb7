# SPDX-License-Identifier: Apache-2.0
"""This module keeps the rows of a measurement in a file, so that one that was cut short goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from drainstorm.errors import UsageError
from drainstorm.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

R = TypeVar("R")


class _File(msgspec.Struct, Generic[R]):
    """What the file holds."""

    of: dict[str, str]
    rows: dict[str, R]


class Rows(Generic[R]):
    """Rows by name, each written to the file as soon as it is known.

    Args:
        path: The file; None: only in memory.
        row: Type of a row, a msgspec structure.
        of: What is measured, word by word: target, build, caps. Rows of something else are no use.

    Raises:
        UsageError: The file is damaged, or of something else.
    """

    def __init__(self, path: Path | None, row: type[R], of: dict[str, str]) -> None:
        self._path = path
        self._file = _File[R](of, {})
        if path is None or not path.exists():
            return
        try:
            known = msgspec.json.decode(path.read_bytes(), type=_File[row])  # type: ignore[valid-type]
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(f"{path}: not a state file of this measurement: {error}") from error
        for name, value in of.items():
            if known.of.get(name) != value:
                raise UsageError(
                    f"{path} is of another {name}: {known.of.get(name, 'none')}, now {value}; "
                    "name another --state"
                )
        self._file = known

    def __contains__(self, name: str) -> bool:
        return name in self._file.rows

    def __getitem__(self, name: str) -> R:
        return self._file.rows[name]

    def __len__(self) -> int:
        return len(self._file.rows)

    def keep(self, name: str, row: R) -> None:
        """Take in a row.

        Raises:
            StoreError: The file cannot be written.
        """
        self._file.rows[name] = row
        if self._path is not None:
            atomic_write(self._path, msgspec.json.encode(self._file))
