# SPDX-License-Identifier: Apache-2.0
"""This module knows C compilers: which one to use, which flags make a target visible.

A target is compiled with the code generation of `-fsanitize=thread` and linked without its
runtime: the machine supplies the `__tsan_*` entry points itself.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drainstorm.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

CANDIDATES: Final = ("gcc", "cc", "clang")

_COMMON: Final = (
    "-O2",
    "-g",
    "-fPIC",
    "-fno-omit-frame-pointer",
    "-fno-optimize-sibling-calls",  # else the caller's line is shown for a last call
    # What distributions switch on and the machine cannot do without: calls of checked variants
    # instead of memcpy(), random stack canaries, shadow stacks (a target switches stacks).
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=0",
    "-fno-stack-protector",
    "-fcf-protection=none",
)
_C: Final = (
    "-std=gnu17",
    "-Werror=implicit-function-declaration",
    # A large frame touches each of its pages, from the top: no stack overflow gets past the guard
    # into memory of somebody else.
    "-fstack-clash-protection",
)
_JUDGED: Final = (
    *("memcmp", "memchr", "qsort", "strlen", "strnlen", "strcmp", "strncmp", "strchr", "strrchr"),
    *("strstr", "strspn", "strcspn", "strpbrk"),
)
"""Functions of the C library that read a target's memory: the machine looks on (libc.c)."""

_RENAMED: Final = tuple(f"-D{name}=__tsan_{name}" for name in _JUDGED)
_VISIBLE_GCC: Final = (
    "-fsanitize=thread",
    "--param",
    "tsan-instrument-func-entry-exit=0",
    "--param",
    "tsan-distinguish-volatile=1",
    # Calls instead of inlined copies, so that they are seen.
    "-fno-builtin-memset",
    "-fno-builtin-memcpy",
    "-fno-builtin-memmove",
    "-fno-builtin-strcpy",
    "-D__builtin_memset(p,c,n)=memset(p,c,n)",
    # Renamed, so that the machine judges the target's copies and not the driver's.
    "-Dmemcpy=__tsan_memcpy",
    "-Dmemmove=__tsan_memmove",
    "-Dmemset=__tsan_memset",
    "-Wno-tsan",  # says that fences are not supported; here they are
)
_VISIBLE_CLANG: Final = (
    "-fsanitize=thread",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
    "-mllvm",
    "-tsan-distinguish-volatile=1",
)
_FILL_STACK: Final = "-ftrivial-auto-var-init=pattern"
COVERAGE: Final = "-fsanitize-coverage=trace-pc"
_BLOCKS_AS_WRITTEN: Final = ("-Og", "-fno-inline")
"""For gcc: one basic block for each way through a function of the source, not one for each copy of
it that an optimiser makes."""
LINK: Final = ("-shared", "-Wl,-z,now", "-Wl,--no-undefined", "-Wl,-z,noexecstack")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler.

    Args:
        command: program and its own arguments ("ccache", "gcc").
        version: all that `--version` says; part of a build's key.
    """

    command: tuple[str, ...]
    version: str

    @property
    def is_clang(self) -> bool:
        """Whether it takes clang's flags."""
        return "clang" in self.version

    def driver_flags(self) -> tuple[str, ...]:
        """For the driver: ghost code, which the machine must not see."""
        return (*_COMMON, *_C, "-fvisibility=default")

    def assembler_flags(self) -> tuple[str, ...]:
        """For assembler sources."""
        return (*_COMMON, "-fvisibility=hidden")

    def target_flags(self, *, coverage: bool) -> tuple[str, ...]:
        """For the code under test."""
        flags = [*_COMMON, *_C, "-fvisibility=hidden"]
        flags += _VISIBLE_CLANG if self.is_clang else _VISIBLE_GCC
        flags += _RENAMED
        if _takes(self, _FILL_STACK):
            flags.append(_FILL_STACK)  # an uninitialised variable is the same in every run
        if coverage:
            flags += [COVERAGE, *(() if self.is_clang else _BLOCKS_AS_WRITTEN)]
        return tuple(flags)


def find_compiler(command: str | None = None) -> Compiler:
    """The compiler to use: `command`, else $CC, else the first of gcc, cc, clang.

    Raises:
        TargetError: there is none, or it does not run.
    """
    wanted = command or os.environ.get("CC", "").strip()
    if wanted:
        words = tuple(shlex.split(wanted))
        if not words or shutil.which(words[0]) is None:
            raise TargetError(f"C compiler '{wanted}' not found (set CC to one that exists)")
        return _compiler(words)
    for name in CANDIDATES:
        if shutil.which(name) is not None:
            return _compiler((name,))
    raise TargetError(
        "no C compiler found (looked for gcc, cc, clang and $CC); "
        "on Debian or Ubuntu: sudo apt-get install gcc libc6-dev"
    )


def find_tool(name: str) -> str:
    """The command of a tool of binutils, or of LLVM's in its place.

    Args:
        name: "nm", "objdump" ..

    Raises:
        TargetError: there is none.
    """
    for candidate in (name, f"llvm-{name}"):
        if shutil.which(candidate) is not None:
            return candidate
    raise TargetError(f"'{name}' not found; on Debian or Ubuntu: sudo apt-get install binutils")


def run_tool(
    command: Sequence[str], *, what: str, folder: Path | None = None, where: str = ""
) -> str:
    """Run a tool of the compiler's family.

    Args:
        command: program and arguments.
        what: what it was for, "compiling src/aio/aio.c".
        folder: current folder of the tool.
        where: what to call that folder in a message; it may be gone when somebody reads it.

    Returns:
        Its standard output.

    Raises:
        TargetError: it failed; the message has the whole command and the tool's words.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        reason = error.strerror or error
        raise TargetError(f"{what} failed: {command[0]}: {reason}") from error
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip())[:20_000]
        raise TargetError(
            f"{what} failed (exit status {done.returncode})\n"
            f"command: {shlex.join(command)}\n"
            f"in:      {where or folder or Path.cwd()}\n{words}"
        )
    return done.stdout


@lru_cache(maxsize=8)
def _compiler(command: tuple[str, ...]) -> Compiler:
    version = run_tool([*command, "--version"], what=f"asking {command[0]} for its version")
    return Compiler(command, version.strip())


@lru_cache(maxsize=32)
def _takes(compiler: Compiler, flag: str) -> bool:
    """Whether a compiler knows a flag; compiles an empty file, about 20 ms."""
    with tempfile.TemporaryDirectory(prefix="drainstorm-") as name:
        command = [*compiler.command, "-Werror", flag, "-c", "-x", "c", "/dev/null", "-o", "x.o"]
        try:
            run_tool(command, what=f"trying {flag}", folder=Path(name))
        except TargetError:
            return False
    return True
