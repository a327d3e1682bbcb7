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
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from drainstorm.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

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
        names = _names(files[current])
        if names is None:
            return frozenset(files)
        for name in names:
            for folder in (str(PurePosixPath(current).parent), *folders):
                target = os.path.normpath(str(PurePosixPath(folder) / name))
                if target in files and target not in found:
                    found.add(target)
                    left.append(target)
    return frozenset(found)


@lru_cache(maxsize=1024)  # a header is read for every file that includes it
def _names(content: bytes) -> tuple[str, ...] | None:
    """What a file includes; None: also a name that only the preprocessor knows."""
    quoted = [_QUOTED.match(match[1]) for match in _INCLUDE.finditer(content)]
    known = tuple(os.fsdecode(name[1]) for name in quoted if name is not None)
    return known if len(known) == len(quoted) else None


@lru_cache(maxsize=1024)
def content_digest(content: bytes) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest(facts: object, paths: Iterable[str], files: Mapping[str, bytes]) -> str:
    """The key of an object: 64 hexadecimal digits over facts (JSON) and the contents of files."""
    contents = [(path, content_digest(files[path])) for path in sorted(paths)]
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
        StoreError: it cannot be written.
    """
    check = hashlib.sha256(content).digest()
    atomic_write(folder / f"{key}.o", content + check, durable=False)
