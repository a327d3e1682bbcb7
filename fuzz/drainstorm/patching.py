# SPDX-License-Identifier: Apache-2.0
"""This module applies a planted bug: a unified diff, with the meaning of `patch -p1`.

Stricter than `patch`: every line must match exactly. A hunk may have moved, as long as there is
only one place where it fits, so that unrelated edits above it do not break a planted bug.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drainstorm.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE: Final = "\\ No newline at end of file"


@dataclass(slots=True)
class _Hunk:
    header: str
    first: int
    """Index of the first old line, 0-based."""
    counts: tuple[int, int]
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def apply_patch(files: Mapping[str, bytes], patch: str, *, name: str) -> dict[str, bytes]:
    """The files with a patch applied.

    Args:
        files: contents by path, "/" between folders.
        patch: text of the diff; what stands before the first `---` line is prose.
        name: of the patch, for messages.

    Raises:
        TargetError: no diff, a file that does not exist, a hunk that fits nowhere or twice.
    """
    patched = dict(files)
    hunks = _parse(patch, name)
    if not hunks:
        raise TargetError(f"{name}: no '--- a/FILE' line: not a unified diff")
    for path, found in hunks.items():
        if path not in patched:
            raise TargetError(f"{name}: changes '{path}', which the target does not have")
        try:
            lines = patched[path].decode("utf-8").splitlines(keepends=True)
        except UnicodeDecodeError as error:
            raise TargetError(f"{name}: '{path}' is not UTF-8") from error
        patched[path] = "".join(_apply(lines, found, f"{name}: {path}")).encode("utf-8")
    return patched


def _parse(patch: str, name: str) -> dict[str, list[_Hunk]]:
    files: dict[str, list[_Hunk]] = {}
    lines = patch.splitlines(keepends=True)
    current: list[_Hunk] | None = None
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r\n")
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            current = files.setdefault(_path(line, following, name), [])
            at += 2
        elif current is not None and line.startswith("@@"):
            hunk, at = _parse_hunk(lines, at, name)
            current.append(hunk)
        else:
            at += 1
    for path, hunks in files.items():
        if not hunks:
            raise TargetError(f"{name}: no hunk for '{path}'")
    return files


def _path(old: str, new: str, name: str) -> str:
    """The path below the target's folder: both sides, first component dropped, must agree."""
    paths = []
    for line in (old, new):
        whole = line[4:].split("\t", 1)[0].strip()
        head, slash, rest = whole.partition("/")
        if whole == "/dev/null" or not slash or not head:
            raise TargetError(
                f"{name}: '{whole}': a planted bug changes files, as 'a/FILE' and 'b/FILE'"
            )
        paths.append(rest)
    if paths[0] != paths[1]:
        raise TargetError(f"{name}: renames '{paths[0]}' to '{paths[1]}'")
    return paths[0]


def _parse_hunk(lines: list[str], at: int, name: str) -> tuple[_Hunk, int]:
    header = lines[at].rstrip("\r\n")
    match = _HUNK.match(header)
    if match is None:
        raise TargetError(f"{name}:{at + 1}: not a hunk header: '{header}'")
    first, old_count, new_count = int(match[1]), int(match[2] or 1), int(match[4] or 1)
    hunk = _Hunk(header, first - 1 if old_count else first, (old_count, new_count))
    at += 1
    while (len(hunk.old), len(hunk.new)) != hunk.counts:
        line = lines[at] if at < len(lines) else ""
        sign = line[:1]
        # Editors and mail strip the blank of an empty context line.
        if line.rstrip("\r\n") == "" and line:
            sign, line = " ", " \n"
        if sign not in (" ", "-", "+") or not line:
            raise TargetError(f"{name}:{at + 1}: hunk '{header}' is shorter than its header says")
        if sign != "+":
            hunk.old.append(line[1:])
        if sign != "-":
            hunk.new.append(line[1:])
        at += 1
        if at < len(lines) and lines[at].rstrip("\r\n") == _NO_NEWLINE:
            for side in (hunk.old,) * (sign != "+") + (hunk.new,) * (sign != "-"):
                side[-1] = side[-1].rstrip("\n")
            at += 1
        if len(hunk.old) > hunk.counts[0] or len(hunk.new) > hunk.counts[1]:
            raise TargetError(f"{name}:{at}: hunk '{header}' is longer than its header says")
    return hunk, at


def _apply(lines: list[str], hunks: list[_Hunk], where: str) -> list[str]:
    shift = 0
    for hunk in hunks:
        at = _place(lines, hunk, hunk.first + shift, where)
        lines = lines[:at] + hunk.new + lines[at + len(hunk.old) :]
        shift = at - hunk.first + len(hunk.new) - len(hunk.old)
    return lines


def _place(lines: list[str], hunk: _Hunk, wanted: int, where: str) -> int:
    size = len(hunk.old)
    if size == 0:
        if wanted <= len(lines):
            return wanted
        raise TargetError(f"{where}: hunk '{hunk.header}' lies behind the end of the file")
    if lines[max(wanted, 0) : wanted + size] == hunk.old:
        return wanted
    places = [at for at in range(len(lines) - size + 1) if lines[at : at + size] == hunk.old]
    if len(places) == 1:
        return places[0]
    problem = "fits in more than one place" if places else "does not fit: the source has changed"
    raise TargetError(f"{where}: hunk '{hunk.header}' {problem}")
