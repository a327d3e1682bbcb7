# SPDX-License-Identifier: Apache-2.0
"""This module builds C programs with the engine's own sources, also for tools that check it.

What it builds stays under build/ until a source or a flag changes: a few seconds of one core for
each flavour, once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from drainstorm.compiler import find_compiler

ROOT: Final = Path(__file__).parents[2]
ENGINE: Final = ROOT / "fuzz" / "engine"
PROGRAMS: Final = ROOT / "tests" / "native" / "engine"
COMMON: Final = (
    "-std=gnu17", "-g", "-fno-omit-frame-pointer", "-D_GNU_SOURCE=", f"-I{ENGINE}", f"-I{PROGRAMS}",
    "-w",  # the engine's own build is the one that warns
)  # fmt: skip
VALGRIND: Final = shutil.which("valgrind")
VALGRIND_HEADER: Final = Path("/usr/include/valgrind/valgrind.h")
FLAVOURS: Final = {
    "plain": ("-O2", *(["-DDS_VALGRIND="] if VALGRIND_HEADER.exists() else [])),
    "sanitized": ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
}
FOR_THE_TARGET: Final = ("tsan_abi", "memory_", "libc")
"""Sources that carry out accesses of the target, which may be wrong: they are its own fault."""

SIGNALS: Final = ("segv", "sigbus", "abort", "sigfpe", "sigill", "sigtrap")
SANITIZER_ENVIRONMENT: Final = {
    "ASAN_OPTIONS": ":".join(
        [
            *(f"handle_{name}=0" for name in SIGNALS),
            "use_sigaltstack=0",
            "detect_stack_use_after_return=0",
            "fast_unwind_on_malloc=0",  # else what is allocated on a fiber is never a leak
        ]
    ),
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
"""The engine has handlers of its own, and switches stacks (fuzz/engine/sanitize.h)."""


def programs(flavour: str) -> Path:
    """The folder with all programs of tests/native/engine, built this way.

    Args:
        flavour: One of FLAVOURS.

    Raises:
        subprocess.CalledProcessError: something does not compile; the compiler has said what.
    """
    folder = ROOT / "build" / "engine" / f"{flavour}-{_digest(flavour)[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{flavour}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            for old in folder.parent.glob(f"{flavour}-*"):
                shutil.rmtree(old)
            folder.mkdir()
            _build(flavour, folder)
            (folder / "done").touch()
    return folder


def run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program, with its output as text."""
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


def _sources() -> list[Path]:
    return sorted(path for path in ENGINE.iterdir() if path.suffix in (".c", ".S"))


def _digest(flavour: str) -> str:
    digest = hashlib.sha256(repr((find_compiler().command, FLAVOURS[flavour])).encode())
    for path in sorted([Path(__file__), *ENGINE.iterdir(), *PROGRAMS.iterdir()]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _build(flavour: str, folder: Path) -> None:
    compiler = [*find_compiler().command, *COMMON, *FLAVOURS[flavour]]

    def compile_one(source: Path) -> Path:
        made = folder / f"{source.name}.o"
        extra = []
        if flavour == "sanitized" and source.name.startswith(FOR_THE_TARGET):
            extra = ["-fno-sanitize=null,alignment,nonnull-attribute"]
        subprocess.run([*compiler, *extra, "-c", source, "-o", made], check=True)
        return made

    def link_one(source: Path) -> None:
        target = folder / source.stem
        subprocess.run([*compiler, source, *objects, "-o", target, "-pthread", "-ldl"], check=True)

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_one, _sources()))
        list(pool.map(link_one, sorted(PROGRAMS.glob("*.c"))))
