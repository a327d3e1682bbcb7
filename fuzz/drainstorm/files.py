# SPDX-License-Identifier: Apache-2.0
"""This module writes files so that a crash at any moment leaves the old or the new content."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from drainstorm.errors import StoreError


def atomic_write(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file in one step.

    Args:
        path: the file; its folder is created.
        data: its whole content.
        durable: also survive a power failure (two fsync calls, some milliseconds).

    Raises:
        StoreError: the disk said no; nothing half-written is left.
    """
    scratch: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        scratch = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        scratch.chmod(0o666 & ~_umask())
        scratch.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def forget_old(folder: Path, *, keep: int, age_seconds: float) -> None:
    """Drop files and folders in a folder that are both many and old, so that it stays bounded.

    Args:
        folder: a cache; it need not exist.
        keep: so many of the latest stay in any case.
        age_seconds: what was modified since then stays too.
    """
    try:
        entries = sorted((path.stat().st_mtime, path) for path in folder.iterdir())
    except OSError:
        return  # somebody else is tidying up, or there is no folder
    horizon = time.time() - age_seconds
    for modified, path in entries[: max(len(entries) - keep, 0)]:
        if modified >= horizon:
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure; OSError as it comes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # The only portable way to ask is to set; /proc answers without a race between threads.
    try:
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.split("Umask:", 1)[1].split(None, 1)[0], 8)
    except (OSError, IndexError, ValueError):
        return 0o022
