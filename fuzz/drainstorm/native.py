# SPDX-License-Identifier: Apache-2.0
"""This module is the only one that touches native code: engine.h through ctypes.

The engine is a plain shared library beside this package. Every call releases the interpreter
lock. Values are checked here, once, against the library's own idea of its structs; what the
numbers mean is said in `machine`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sysconfig
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_uint64
from functools import lru_cache
from pathlib import Path
from typing import Final

from drainstorm.errors import EngineError, TargetError
from drainstorm.layout import (
    STRUCTS,
    Case,
    Deviation,
    Event,
    Race,
    Result,
    Strategy,
    Totals,
    Waiter,
)

ABI_VERSION: Final = 10
_ERROR_BYTES: Final = 512

FLAG_RECORD: Final = 1
FLAG_TRACE: Final = 2
FLAG_HASH: Final = 4
FLAG_STOP: Final = 8
FLAG_FEEDBACK: Final = 16
FLAG_TWICE: Final = 32


class Engine:
    """The loaded library: its functions, typed. Use engine()."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise EngineError(f"cannot load the engine {path}: {error}") from error
        self._check(library)
        pointer = ctypes.POINTER
        handle = ctypes.c_void_p
        signatures: dict[str, tuple[type | None, list[type]]] = {
            "ds_machine_create": (handle, [c_char_p, c_size_t]),
            "ds_machine_destroy": (None, [handle]),
            "ds_machine_load": (c_int, [handle, c_char_p, c_char_p, c_size_t]),
            "ds_stub_symbols": (pointer(c_char_p), []),
            "ds_run": (
                c_uint32,
                [handle, pointer(Case), pointer(Strategy), c_uint32, pointer(Result)],
            ),
            "ds_batch": (
                c_uint32,
                [handle, pointer(Case), pointer(Strategy), c_uint64, c_uint32, pointer(Totals)],
            ),
            "ds_interrupt": (None, [handle]),
            "ds_bare_switches": (c_uint64, [c_uint64]),
            "ds_deviations": (c_uint32, [handle, pointer(Deviation), c_uint32]),
            "ds_events": (c_uint32, [handle, pointer(Event), c_uint32]),
            "ds_waiters": (c_uint32, [handle, pointer(Waiter), c_uint32]),
            "ds_races": (c_uint32, [handle, pointer(Race), c_uint32]),
            "ds_races_clear": (None, [handle]),
            "ds_suppress": (None, [handle, c_uint64, c_uint64, c_uint64, c_uint32]),
            "ds_suppress_clear": (None, [handle]),
            "ds_text": (c_char_p, [handle, c_uint32]),
            "ds_task_name": (c_char_p, [handle, c_uint32]),
            "ds_object_name": (c_char_p, [handle, c_uint64]),
            "ds_coverage": (ctypes.c_void_p, [handle, pointer(c_uint64)]),
            "ds_coverage_clear": (None, [handle]),
            "ds_attach_counters": (c_int, [c_char_p, c_char_p, c_size_t]),
        }
        for name, (result, arguments) in signatures.items():
            try:
                function = getattr(library, name)
            except AttributeError as error:
                raise EngineError(f"the engine {path} has no {name}(): {_REINSTALL}") from error
            function.restype = result
            function.argtypes = arguments
        self.calls = library

    def _check(self, library: ctypes.CDLL) -> None:
        version = library.ds_abi_version
        version.restype = c_uint32
        if (found := version()) != ABI_VERSION:
            raise EngineError(
                f"the engine {self.path} has ABI {found}, this package needs {ABI_VERSION}: "
                f"{_REINSTALL}"
            )
        size = library.ds_abi_size
        size.restype = c_uint32
        size.argtypes = [c_uint32]
        for which, struct in enumerate(STRUCTS):
            if (found := size(which)) != ctypes.sizeof(struct):
                raise EngineError(
                    f"the engine {self.path}: {struct.__doc__} has {found} bytes, "
                    f"this package expects {ctypes.sizeof(struct)}: {_REINSTALL}"
                )

    def stub_symbols(self) -> tuple[str, ...]:
        """Names that a target's stub must define."""
        names: list[str] = []
        array = self.calls.ds_stub_symbols()
        while (name := array[len(names)]) is not None:
            names.append(name.decode("ascii"))
        return tuple(names)

    def attach_counters(self, core: Path) -> None:
        """Give the interleaving counters to the libFuzzer inside `core`; once per process."""
        message = ctypes.create_string_buffer(_ERROR_BYTES)
        if self.calls.ds_attach_counters(os.fsencode(core), message, _ERROR_BYTES) != 0:
            raise EngineError(f"cannot attach counters to {core}: {decode(message.value)}")


class MachineHandle:
    """One native machine with a target in it; destroyed by close()."""

    def __init__(self, path: Path) -> None:
        """Load a target from a file that nobody else has loaded or will load."""
        self.calls = engine().calls
        message = ctypes.create_string_buffer(_ERROR_BYTES)
        self.pointer: int | None = self.calls.ds_machine_create(message, _ERROR_BYTES)
        if not self.pointer:
            raise EngineError(f"cannot create a machine: {decode(message.value)}")
        if self.calls.ds_machine_load(self.pointer, os.fsencode(path), message, _ERROR_BYTES) != 0:
            self.close()
            raise TargetError(f"cannot load the target: {decode(message.value)}")

    def close(self) -> None:
        """Destroy the machine; may be called twice."""
        pointer, self.pointer = self.pointer, None
        if pointer:
            self.calls.ds_machine_destroy(pointer)

    def run(self, case: Case, strategy: Strategy, flags: int) -> Result:
        """ds_run()."""
        result = Result()
        self.calls.ds_run(self.pointer, case, strategy, flags, result)
        return result

    def batch(self, case: Case, strategy: Strategy, count: int, flags: int) -> Totals:
        """ds_batch() into fresh totals."""
        totals = Totals()
        self.calls.ds_batch(self.pointer, case, strategy, count, flags, totals)
        return totals

    def interrupt(self) -> None:
        """ds_interrupt()."""
        self.calls.ds_interrupt(self.pointer)

    def deviations(self, count: int) -> ctypes.Array[Deviation]:
        """The first `count` deviations of the last run."""
        array = (Deviation * count)()
        self.calls.ds_deviations(self.pointer, array, count)
        return array

    def events(self, count: int) -> ctypes.Array[Event]:
        """The first `count` events of the last run."""
        array = (Event * count)()
        self.calls.ds_events(self.pointer, array, count)
        return array

    def waiters(self, count: int) -> ctypes.Array[Waiter]:
        """The first `count` waiters of the last run."""
        array = (Waiter * count)()
        self.calls.ds_waiters(self.pointer, array, count)
        return array

    def races(self) -> ctypes.Array[Race]:
        """The races since races_clear(), in the order in which they were first seen."""
        count: int = self.calls.ds_races(self.pointer, None, 0)
        array = (Race * count)()
        self.calls.ds_races(self.pointer, array, count)
        return array

    def races_clear(self) -> None:
        """ds_races_clear()."""
        self.calls.ds_races_clear(self.pointer)

    def suppress(self, race: Race) -> None:
        """ds_suppress()."""
        self.calls.ds_suppress(self.pointer, race.pc, race.other_pc, race.place, race.mixed)

    def suppress_clear(self) -> None:
        """ds_suppress_clear()."""
        self.calls.ds_suppress_clear(self.pointer)

    def text(self, offset: int) -> str:
        """Text of an event or waiter."""
        return decode(self.calls.ds_text(self.pointer, offset)) if offset else ""

    def task_name(self, task: int) -> str:
        """Name of a logical task, empty for none."""
        return decode(self.calls.ds_task_name(self.pointer, task)) if task > 0 else ""

    def object_name(self, number: int) -> str:
        """Name of a canonical object, empty for none."""
        return decode(self.calls.ds_object_name(self.pointer, number)) if number else ""

    def coverage(self) -> bytes:
        """One byte per byte of the target's text; empty when it was not built for coverage."""
        size = c_uint64()
        address = self.calls.ds_coverage(self.pointer, size)
        return ctypes.string_at(address, size.value) if address and size.value else b""

    def coverage_clear(self) -> None:
        """ds_coverage_clear()."""
        self.calls.ds_coverage_clear(self.pointer)


def bare_switch_ns(count: int) -> float:
    """Processor time in ns of a switch between two fibers that do nothing else, mean of `count`."""
    return int(engine().calls.ds_bare_switches(count)) / count


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this installation.

    Raises:
        EngineError: it is missing, cannot be loaded or does not belong to this package.
    """
    return Engine(_library_path())


def decode(text: bytes | None) -> str:
    """Text that came from the target: whatever it is, something printable."""
    return (text or b"").decode("utf-8", "replace")


_REINSTALL: Final = "install again with: pip install -e . (or scripts/test, which does it)"


def _library_path() -> Path:
    spec = importlib.util.find_spec("drainstorm._engine")
    candidates = [Path(spec.origin)] if spec is not None and spec.origin else []
    candidates += [
        Path(__file__).parent / "_engine.so",
        Path(sysconfig.get_path("platlib")) / "drainstorm" / "_engine.so",
    ]
    for path in candidates:
        if path.is_file():
            return path
    raise EngineError(f"the engine is not installed (looked for {candidates[-1]}): {_REINSTALL}")


def driver_header_folder() -> Path:
    """The folder with `driver.h`, which drivers include."""
    candidates = (
        engine().path.parent / "include",
        Path(__file__).resolve().parents[1] / "engine",
    )
    for folder in candidates:
        if (folder / "driver.h").is_file():
            return folder
    raise EngineError(f"driver.h is missing (looked in {candidates[0]}): {_REINSTALL}")
