# SPDX-License-Identifier: Apache-2.0
"""This module keeps compiled files by the SHA-256 of what went into each.

A planted bug changes one file of a target: the objects of all others are those of the shipped
sources. An entry is the object followed by its own SHA-256, so that a damaged one is noticed (and
compiled again); it appears by one rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ENTRIES_KEPT: Final = 5_000
ENTRY_AGE_SECONDS: Final = 7 * 24 * 3600
_DIGEST_BYTES: Final = 32
_INCLUDE: Final = re.compile(rb"^[ \t]*#[ \t]*include(?:_next)?[ \t]*(.*)$", re.MULTILINE)
_QUOTED: Final = re.compile(rb'^["<]([^">]+)[">]')


def included(path: str, files: Mapping[str, bytes], folders: Sequence[str]) -> frozenset[str]:
    """All files of `files` that compiling `path` may read, itself among them.

    Conditions are not evaluated: too many never makes an old object look new. A name that is no
    file of the tree is a system's header, which the compiler's version stands for.

    Args:
        path: a file of the tree.
        files: the whole tree, by path relative to its top.
        folders: where to look besides the including file's folder, relative to the top.
    """
    found, left = {path}, [path]
    while left:
        current = left.pop()
        for match in _INCLUDE.finditer(files[current]):
            quoted = _QUOTED.match(match[1])
            if quoted is None:
                return frozenset(files)  # a name that only the preprocessor knows
            name = os.fsdecode(quoted[1])
            for folder in (str(PurePosixPath(current).parent), *folders):
                target = os.path.normpath(str(PurePosixPath(folder) / name))
                if target in files and target not in found:
                    found.add(target)
                    left.append(target)
    return frozenset(found)


def digest(facts: object, paths: Iterable[str], files: Mapping[str, bytes]) -> str:
    """The key of an object: 64 hexadecimal digits over facts (JSON) and the contents of files."""
    contents = [(path, hashlib.sha256(files[path]).hexdigest()) for path in sorted(paths)]
    return hashlib.sha256(json.dumps([facts, contents]).encode("utf-8")).hexdigest()


def take(folder: Path, key: str) -> bytes | None:
    """The object that is kept under a key; None if there is none, or it is damaged."""
    path = folder / f"{key}.o"
    try:
        data = path.read_bytes()
        os.utime(path)  # it is in use
    except OSError:
        return None
    content, check = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == check else None


def keep(folder: Path, key: str, content: bytes) -> None:
    """Store an object.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".making-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content + hashlib.sha256(content).digest())
        Path(name).rename(folder / f"{key}.o")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def forget_old(folder: Path) -> None:
    """Drop objects that nobody has used for long and that are many."""
    try:
        entries = sorted((path.stat().st_mtime, path) for path in folder.iterdir())
    except OSError:
        return  # somebody else is tidying up, or there is no folder
    horizon = time.time() - ENTRY_AGE_SECONDS
    for modified, path in entries[:-ENTRIES_KEPT]:
        if modified < horizon:
            path.unlink(missing_ok=True)
