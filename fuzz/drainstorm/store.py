# SPDX-License-Identifier: Apache-2.0
"""This module keeps findings on disk so that `kill -9` loses none that has been announced.

One folder per target, planted bug and signature. A new finding is written beside its place, made
durable and renamed; a reader sees all of it or nothing. What is announced has been renamed before.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from drainstorm import text
from drainstorm.errors import StoreError
from drainstorm.files import atomic_write, sync_folder
from drainstorm.shrink import Size

if TYPE_CHECKING:
    from drainstorm.case import Case
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Signature

FOUND_NAME = "found.case"
MINIMAL_NAME = "min.case"
CONSEQUENCE_NAME = "consequence.case"
"""Of a data race: what fails when its accesses are relaxed atomic ones."""
RECORD_NAME = "finding.json"


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `finding.json` says about a finding.

    Args:
        signature: As it is printed: "FAIL R3 orphans-lost".
        strategy, seed: What found it.
        schedules: Schedules run until then, over all workers.
        seconds: Wall-clock time until then.
        reproduced: Whether replaying the recorded deviations gave the signature again.
        operations, deviations: Of the minimal case.
        build: Digest of the build in which it fails.
        triage: What a data race leads to; empty: no race, or not triaged.
    """

    target: str
    bug: str
    bucket: str
    signature: str
    verdict: str
    rule: str
    site: str
    message: str
    strategy: str
    seed: int
    schedules: int
    seconds: float
    reproduced: bool
    operations: int
    deviations: int
    build: str
    drainstorm: str
    python: str
    triage: str = ""


class Store:
    """The findings below one state folder.

    Args:
        root: The state folder (`.drainstorm`); created when the first finding is saved.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, target: str, bug: str, signature: Signature) -> Path:
        """Where a finding with this signature lives; its parent is shared by one build."""
        owner = f"{target}-{bug}" if bug else target
        return self.root / "findings" / owner / signature.bucket

    def save(
        self, record: Record, found: Case, minimal: Case, *, spec: TargetSpec,
        signature: Signature, consequence: Case | None = None,
    ) -> Path:  # fmt: skip
        """Write a finding durably; a smaller one of the same build that is there already stays.

        Args:
            consequence: Of a data race: a case in which it makes something fail.

        Returns:
            Path of the minimal case.

        Raises:
            StoreError: the disk said no; nothing half-written is left.
        """
        folder = self.folder(record.target, record.bug, signature)
        files = {
            FOUND_NAME: text.render(found, spec).encode(),
            MINIMAL_NAME: text.render(minimal, spec).encode(),
            RECORD_NAME: msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n",
        }
        if consequence is not None:
            files[CONSEQUENCE_NAME] = text.render(consequence, spec).encode()
        if not folder.exists():
            _write_folder(folder, files)
        elif not self._has_better(folder, record, minimal, spec):
            for name, data in files.items():
                atomic_write(folder / name, data)
        return folder / MINIMAL_NAME

    @staticmethod
    def _has_better(folder: Path, record: Record, minimal: Case, spec: TargetSpec) -> bool:
        """Whether the folder holds a case of the same build that is smaller, or as well known."""
        try:
            there = msgspec.json.decode((folder / RECORD_NAME).read_bytes(), type=Record)
            case = text.load(folder / MINIMAL_NAME, spec)
        except Exception:  # damaged or of an older version: replace it
            return False
        if there.build != record.build:
            return False
        old, new = Size.of(case), Size.of(minimal)
        return old < new or (old == new and not (record.triage and not there.triage))


def load_record(path: Path) -> Record:
    """The record beside a stored case.

    Raises:
        StoreError: missing or damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    scratch: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        scratch.chmod(0o755)
        for name, data in files.items():
            atomic_write(scratch / name, data)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(scratch)  # another process has just stored the same signature
        sync_folder(folder.parent)
        _sync_parents(folder.parent)
    except (OSError, StoreError) as error:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        if isinstance(error, StoreError):
            raise
        reason = error.strerror or str(error)
        raise StoreError(
            f"cannot store a finding in {folder}: {reason}\n"
            "free some space or choose another place: drainstorm hunt --state-dir DIR"
        ) from error


def _sync_parents(folder: Path, levels: int = 3) -> None:
    """The folders above may be new as well; their names must survive, too."""
    for parent in list(folder.parents)[:levels]:
        if os.access(parent, os.R_OK):
            sync_folder(parent)
