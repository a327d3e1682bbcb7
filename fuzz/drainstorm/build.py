# SPDX-License-Identifier: Apache-2.0
"""This module compiles targets: from a description to a shared object that a machine loads.

A build is kept in a cache by the SHA-256 of everything that goes into it, so the second use of a
target costs a few milliseconds; so is each compiled file (objects.py), so a planted bug costs the
files that it changes. Entries appear by one rename: builds in parallel are safe.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from drainstorm import native, objects
from drainstorm.compiler import LINK, Compiler, find_compiler, find_tool, run_tool
from drainstorm.errors import StoreError, TargetError, UsageError
from drainstorm.files import forget_old
from drainstorm.instructions import hidden_instruction
from drainstorm.macros import macro_places
from drainstorm.patching import apply_patch
from drainstorm.startup import run_when_loaded
from drainstorm.stub import EXPORTED, stub_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drainstorm.macros import Place
    from drainstorm.spec import TargetSpec

Flavour = Literal["sim", "cov"]
FLAVOURS: Final = ("sim", "cov")
"""`sim`: instrumented for the machine. `cov`: also reports the basic blocks that ran."""

BUILD_VERSION: Final = 3
"""Part of every key; raised when this module builds differently from the same inputs."""

BUILDS_KEPT: Final = 200
OBJECTS_KEPT: Final = 5_000
KEPT_SECONDS: Final = 7 * 24 * 3600
_ELSEWHERE: Final = "(set DRAINSTORM_CACHE to a folder that can be written)"
_PARALLEL: Final = 4
_COMPILED: Final = (".c", ".S")
_READ: Final = (*_COMPILED, ".h", ".inc")
_OUTPUT: Final = "target.so"
_FACTS: Final = "facts.json"
_EXPORTS: Final = ("ds_driver_main", "ds_driver_idle", *EXPORTED)

PURE_CALLS: Final = frozenset(
    {
        *("strlen", "strnlen", "strcmp", "strncmp", "strchr", "strrchr", "strstr"),
        *("strspn", "strcspn", "strpbrk", "memcmp", "memchr", "bsearch", "qsort"),
        *("abs", "labs", "llabs", "_GLOBAL_OFFSET_TABLE_", "__tls_get_addr"),
    }
)
"""What a target may call in the C library: no state, no memory but its arguments'.

Sources do so under other names (compiler.py), by which the machine sees what is read."""

DRIVER_CALLS: Final = PURE_CALLS | frozenset({"snprintf", "vsnprintf"})
"""What a driver may call besides: formatting into its own buffers."""


@dataclass(frozen=True, slots=True)
class Built:
    """A target that was compiled.

    Args:
        path: the shared object in the cache; machines load private copies of it.
        spec: its description.
        flavour: one of FLAVOURS.
        bug: planted bug in it, None: the shipped sources.
        digest: 64 hexadecimal digits, of all that went into it.
        blocks: basic blocks that can report that they ran ("cov"; else 0).
        macros: by file and line, those that its suppressions name and that stand there.
    """

    path: Path
    spec: TargetSpec
    flavour: Flavour
    bug: str | None
    digest: str
    blocks: int
    macros: Mapping[Place, frozenset[str]] = field(default_factory=dict, compare=False)


class _Facts(msgspec.Struct, frozen=True):
    """What is stored beside a shared object; `size_bytes` tells a damaged one."""

    blocks: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """All inputs of a build, in memory."""

    spec: TargetSpec
    compiler: Compiler
    coverage: bool
    files: Mapping[str, bytes]
    sources: tuple[str, ...]
    drivers: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Definitions and include folders, relative to the staged copy."""
        return (*(f"-D{word}" for word in self.spec.defines), *(f"-I{f}" for f in self.folders))

    @property
    def folders(self) -> tuple[str, ...]:
        """Include folders, relative to the staged copy."""
        return (".", *self.spec.include)

    def flags(self, path: str) -> tuple[str, ...]:
        """The compiler's flags for one file."""
        if path.endswith(".S"):
            return self.compiler.assembler_flags()
        if path in self.drivers:
            return self.compiler.driver_flags()
        return self.compiler.target_flags(coverage=self.coverage)

    def digest(self) -> str:
        """SHA-256 over everything, also over what only the compiler's version implies."""
        facts = [
            BUILD_VERSION,
            native.ABI_VERSION,
            native.engine().stub_symbols(),  # the stub jumps through a table in their order
            self.compiler.command,
            self.compiler.version,
            [(path, self.flags(path)) for path in (*self.sources, *self.drivers)],
            self.arguments,
            LINK,
            [(path, objects.content_digest(self.files[path])) for path in sorted(self.files)],
        ]
        return hashlib.sha256(json.dumps(facts).encode("utf-8")).hexdigest()

    def object_digest(self, path: str) -> str:
        """The same for the object of one file."""
        facts = [BUILD_VERSION, self.compiler.command, self.compiler.version, path]
        facts += [self.flags(path), self.arguments]
        read = objects.included(path, self.files, self.folders)
        return objects.digest(facts, read, self.files)


def build(
    spec: TargetSpec,
    *,
    flavour: Flavour = "sim",
    bug: str | None = None,
    compiler: str | None = None,
) -> Built:
    """Compile a target, or take it from the cache.

    Args:
        spec: its description.
        flavour: one of FLAVOURS.
        bug: name of a planted bug to apply.
        compiler: command to use instead of $CC or gcc.

    Raises:
        UsageError: no such flavour or bug.
        TargetError: no compiler, or it says no; the message has its command and words. Or a
            suppression names a macro that nobody uses.
        StoreError: the cache cannot be written.
    """
    if flavour not in FLAVOURS:
        raise UsageError(f"unknown flavour '{flavour}' (known: {', '.join(FLAVOURS)})")
    plan = _plan(spec, find_compiler(compiler), coverage=flavour == "cov", bug=bug)
    named = (suppression.macro for suppression in spec.suppress if suppression.macro)
    macros = macro_places(plan.files, named, target=spec.name)
    digest = plan.digest()
    folder = cache_folder() / "targets"
    entry = folder / "-".join([spec.name, flavour, *([bug] if bug else []), digest[:24]])
    facts = _facts(entry)
    if facts is None:
        shutil.rmtree(entry, ignore_errors=True)  # not there, or damaged by a power failure
        _make(plan, folder, entry)
        forget_old(folder, keep=BUILDS_KEPT, age_seconds=KEPT_SECONDS)
        forget_old(folder.parent / "objects", keep=OBJECTS_KEPT, age_seconds=KEPT_SECONDS)
        facts = _facts(entry)
    if facts is None:
        raise StoreError(f"the cache entry {entry} vanished; start again")
    return Built(entry / _OUTPUT, spec, flavour, bug, digest, facts.blocks, macros)


def cache_folder() -> Path:
    """$DRAINSTORM_CACHE, $XDG_CACHE_HOME/drainstorm or ~/.cache/drainstorm."""
    if own := os.environ.get("DRAINSTORM_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "drainstorm"
    return Path.home() / ".cache" / "drainstorm"


def _facts(entry: Path) -> _Facts | None:
    """What is known about a cache entry; None when it is missing or damaged."""
    try:
        facts = msgspec.json.decode((entry / _FACTS).read_bytes(), type=_Facts)
        intact = (entry / _OUTPUT).stat().st_size == facts.size_bytes
    except (OSError, msgspec.DecodeError):
        return None
    return facts if intact else None


def _plan(spec: TargetSpec, compiler: Compiler, *, coverage: bool, bug: str | None) -> _Plan:
    files = _read_tree(spec)
    if bug:
        planted = spec.bug(bug)
        path = spec.folder / planted.patch
        try:
            patch = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TargetError(f"bug '{bug}': cannot read {path}: {error}") from error
        files = apply_patch(files, patch, name=planted.patch)
    sources = _relative(spec, spec.source_files())
    drivers = _relative(spec, spec.driver_files())
    header = (native.driver_header_folder() / "driver.h").read_bytes()
    generated = {
        "operations.h": spec.operations_header().encode("utf-8"),
        "driver.h": header,
        "stub.S": _stub(spec).encode("utf-8"),
        "exports.map": f"{{ global: {' '.join(f'{n};' for n in _EXPORTS)} local: *; }};\n".encode(),
    }
    if taken := generated.keys() & files.keys():
        name = min(taken)
        raise TargetError(f"{spec.folder / name}: this name is taken by a generated file")
    if both := set(sources) & set(drivers):
        raise TargetError(f"{spec.folder}: {min(both)} is both source and driver")
    return _Plan(spec, compiler, coverage, files | generated, (*sources, "stub.S"), drivers)


def _stub(spec: TargetSpec) -> str:
    symbols = native.engine().stub_symbols()
    if both := set(symbols) & set(spec.not_simulated):
        raise TargetError(f"{spec.folder}: not_simulated names '{min(both)}', which is simulated")
    return stub_source(symbols, stack_kib=spec.limits.stack_kib, refused=spec.not_simulated)


def _read_tree(spec: TargetSpec) -> dict[str, bytes]:
    """C files and headers below the target's folder, by relative path."""
    paths = (path for path in sorted(spec.folder.rglob("*")) if path.suffix in _READ)
    return {str(path.relative_to(spec.folder)): path.read_bytes() for path in paths}


def _relative(spec: TargetSpec, paths: Iterable[Path]) -> tuple[str, ...]:
    found = []
    for path in paths:
        if path.suffix not in _COMPILED or not path.is_relative_to(spec.folder):
            raise TargetError(
                f"{path}: sources are .c and .S files below the folder of target.toml"
            )
        found.append(str(path.relative_to(spec.folder)))
    return tuple(found)


def _make(plan: _Plan, folder: Path, entry: Path) -> None:
    """Build in a scratch folder, then rename: an entry is complete or not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as scratch:
            stage, ready = Path(scratch) / "stage", Path(scratch) / "ready"
            ready.mkdir()
            for name, data in plan.files.items():
                path = stage / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            blocks = _compile(plan, stage, ready / _OUTPUT, folder.parent / "objects")
            facts = _Facts(blocks, (ready / _OUTPUT).stat().st_size)
            (ready / _FACTS).write_bytes(msgspec.json.encode(facts))
            try:
                ready.rename(entry)
            except OSError:
                if _facts(entry) is None:  # else: somebody was faster with the same
                    raise
    except StoreError as error:
        raise StoreError(f"{error} {_ELSEWHERE}") from error
    except OSError as error:
        raise StoreError(
            f"cannot write the cache {folder}: {error.strerror or error} {_ELSEWHERE}"
        ) from error


def _compile(plan: _Plan, stage: Path, output: Path, kept: Path) -> int:
    """Compile and link what was staged; returns the number of basic blocks that report."""
    paths = (*plan.sources, *plan.drivers)
    where = f"a copy of {plan.spec.folder} with driver.h and operations.h"

    def compile_one(path: str) -> str:
        result = str(PurePosixPath("obj") / f"{path.replace('/', '.')}.o")
        key = plan.object_digest(path)
        if (content := objects.take(kept, key)) is not None:
            (stage / result).write_bytes(content)
            return result
        command = [*plan.compiler.command, *plan.flags(path), *plan.arguments]
        command += [f"-ffile-prefix-map={stage}=.", "-c", path, "-o", result]
        what = f"compiling {plan.spec.name}: {path}"
        run_tool(command, what=what, folder=stage, where=where)
        _check_instructions(plan, stage, path, result)  # what is kept has passed
        _check_startup(plan, stage, path, result)
        objects.keep(kept, key, (stage / result).read_bytes())
        return result

    (stage / "obj").mkdir()
    with ThreadPoolExecutor(min(_PARALLEL, os.cpu_count() or 1)) as pool:
        compiled = dict(zip(paths, pool.map(compile_one, paths), strict=True))
    _check_calls(plan, stage, compiled)
    link = [*plan.compiler.command, *LINK, "-Wl,--version-script=exports.map"]
    link += [*compiled.values(), "-o", str(output)]
    run_tool(link, what=f"linking {plan.spec.name}", folder=stage, where=where)
    return _count_blocks(compiled.values(), stage) if plan.coverage else 0


def _check_calls(plan: _Plan, stage: Path, compiled: Mapping[str, str]) -> None:
    """Every call that leaves the target must be one that the machine simulates or a pure one."""
    listing = run_tool(
        [find_tool("nm"), "-A", "-P", *compiled.values()], what="listing symbols", folder=stage
    )
    sources = {result: path for path, result in compiled.items()}
    defined: set[str] = set()
    wanted: dict[str, list[str]] = {}
    for line in listing.splitlines():
        where, _, symbol = line.partition(": ")
        name, kind = symbol.split()[:2]
        if kind in "Uwv":  # a weak reference would find the C library's too
            wanted.setdefault(sources[where], []).append(name)
        else:
            defined.add(name)
    for path, names in wanted.items():
        allowed = defined | (DRIVER_CALLS if path in plan.drivers else PURE_CALLS)
        if escaping := [f"'{name}'" for name in names if name not in allowed]:
            raise TargetError(
                f"{plan.spec.folder / path} uses {', '.join(escaping)}, which the machine does not "
                "simulate (it would escape control: replace it, or list it under not_simulated in "
                "target.toml if no run should come there)"
            )
    for name in _EXPORTS[:2]:
        if name not in defined:
            raise TargetError(f"{plan.spec.folder}: the driver does not define {name}()")


def _check_instructions(plan: _Plan, stage: Path, path: str, result: str) -> None:
    """No instruction may act behind the machine's back: no run could repeat or undo it."""
    listing = run_tool(
        [find_tool("objdump"), "-d", "--no-show-raw-insn", result],
        what="disassembling",
        folder=stage,
    )
    if (found := hidden_instruction(listing)) is None:
        return
    where = f"{plan.spec.folder / path}: '{found.function}'"
    if found.enters_the_kernel:
        raise TargetError(
            f"{where} calls the kernel by itself ({found.words}), which the machine does not "
            "simulate (use the C library's name of the call)"
        )
    advice = (
        "a driver needs none; if it is a macro or an inline function of the target, call it from a "
        "source of the target"
        if path in plan.drivers
        else "take <stdatomic.h> instead of assembly"
    )
    raise TargetError(
        f"{where} carries out an atomic operation by itself ({found.words}), which the machine "
        f"does not see ({advice})"
    )


def _check_startup(plan: _Plan, stage: Path, path: str, result: str) -> None:
    """Nothing may run when the target is loaded: that is before there is a machine."""
    listing = run_tool([find_tool("objdump"), "-r", "-t", result], what="listing", folder=stage)
    if found := run_when_loaded(listing):
        names = ", ".join(f"'{name}'" for name in found)
        raise TargetError(
            f"{plan.spec.folder / path}: {names} would run when the target is loaded or unloaded "
            "(constructor, destructor, ifunc), where the machine cannot see it: take the attribute "
            "away and call it from ds_driver_main()"
        )


def _count_blocks(compiled: Iterable[str], stage: Path) -> int:
    listing = run_tool(
        [find_tool("readelf"), "-rW", *compiled], what="counting blocks", folder=stage
    )
    return sum("__sanitizer_cov_trace_pc" in line for line in listing.splitlines())
