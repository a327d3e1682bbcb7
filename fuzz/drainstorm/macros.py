# SPDX-License-Identifier: Apache-2.0
"""This module finds the lines of statements in which a macro is used, by reading the sources.

A compiler's line table names the place where a macro is expanded, not the macro. So its name is
looked for, as a whole word outside of comments, strings and directives; what a statement goes on
over is told by brackets and semicolons alone. A macro in whose definition another one stands uses
it, too. What that costs: a few ms for a target, and only where a suppression names a macro.
"""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING, Final

from drainstorm.errors import TargetError
from drainstorm.spec import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NO_CODE: Final = re.compile(
    r"//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
_DIRECTIVE: Final = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_DEFINITION: Final = re.compile(r"\s*#\s*define\s+(\w+)(.*)", re.DOTALL)
_NOT_NEWLINE: Final = re.compile(r"[^\n]")
_WORD: Final = re.compile(r"\b[A-Za-z_]\w*")
_BRACKET: Final = re.compile(r"[;(){}]")
_VALUE: Final = re.compile(r"(?:[=,(]|\breturn)\s*(?:\([^()]*\)\s*)?\Z")
"""What stands before a brace that begins a value and not a block."""
_VALUE_CHARACTERS: Final = 200

Place = tuple[str, int]


def macro_places(
    files: Mapping[str, bytes], names: Iterable[str], *, target: str
) -> dict[Place, frozenset[str]]:
    """Which of some macros are used in the statements of which lines.

    Args:
        files: Contents by path below the target's folder.
        names: Of macros.
        target: Its name, for messages.

    Returns:
        Macros by file and 1-based line; lines without one are missing.

    Raises:
        TargetError: nobody uses such a macro.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    codes: dict[str, str] = {}
    bodies: dict[str, set[str]] = {}
    for path, content in files.items():
        text = _blank(_NO_CODE, content.decode("utf-8", "replace"))
        for directive in _DIRECTIVE.findall(text):
            if definition := _DEFINITION.match(directive):
                bodies.setdefault(definition[1], set()).update(_WORD.findall(definition[2]))
        codes[path] = _blank(_DIRECTIVE, text)
    found: dict[Place, set[str]] = {}
    for name in wanted:
        places = set(_places(codes, _with_users(name, bodies)))
        if not places:
            raise TargetError(
                f"target '{target}': [[suppress]] macro '{name}' is used on no line of its sources"
                f"{did_you_mean(name, bodies)}"
            )
        for place in places:
            found.setdefault(place, set()).add(name)
    return {place: frozenset(macros) for place, macros in found.items()}


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Spaces for what matches: every line stays where it is."""
    return pattern.sub(lambda match: _NOT_NEWLINE.sub(" ", match[0]), text)


def _with_users(name: str, bodies: Mapping[str, set[str]]) -> set[str]:
    """A macro and those in whose definitions it stands, over any number of steps."""
    names = {name}
    while more := {user for user, body in bodies.items() if body & names} - names:
        names |= more
    return names


def _places(codes: Mapping[str, str], names: set[str]) -> Iterator[Place]:
    for path, code in codes.items():
        uses = [match.start() for match in _WORD.finditer(code) if match[0] in names]
        if not uses:
            continue
        ends = _statement_ends(code)
        newlines = [match.start() for match in re.finditer("\n", code)]
        for use in uses:
            at = bisect.bisect_left(ends, use)
            begin = ends[at - 1] + 1 if at else 0
            begin += len(code[begin:use]) - len(code[begin:use].lstrip())
            end = ends[at] if at < len(ends) else len(code)
            first, last = bisect.bisect(newlines, begin), bisect.bisect_left(newlines, end)
            yield from ((path, line + 1) for line in range(first, last + 1))


def _statement_ends(code: str) -> list[int]:
    """Where semicolons and braces end or begin statements; those inside of brackets do not."""
    ends: list[int] = []
    depth = 0
    for match in _BRACKET.finditer(code):
        at, bracket = match.start(), match[0]
        if bracket == "}" and (at == 0 or code[at - 1] == "\n"):
            depth = 0  # of a function: whatever conditional parts have left open
            ends.append(at)
        elif bracket == "(" or (bracket == "{" and (depth or _is_value(code, at))):
            depth += 1
        elif depth and bracket != ";":
            depth -= 1
        elif not depth and bracket != ")":
            ends.append(at)
    return ends


def _is_value(code: str, brace: int) -> bool:
    return _VALUE.search(code[max(0, brace - _VALUE_CHARACTERS) : brace]) is not None
