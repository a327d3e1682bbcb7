# SPDX-License-Identifier: Apache-2.0
"""This module starts the processes of a measurement: they end with whoever asked for them.

A measurement that is killed (a closed terminal, the kernel short of memory) would else leave
processes behind that measure for nobody and slow down the next one.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

_PR_SET_PDEATHSIG: Final = 1


def processes(workers: int) -> Pool:
    """So many fresh processes that are killed when this one ends, however it ends."""
    context = multiprocessing.get_context("spawn")
    return context.Pool(workers, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it has ended already
        os.kill(os.getpid(), signal.SIGKILL)
