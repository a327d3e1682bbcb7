# SPDX-License-Identifier: Apache-2.0
"""Does a measurement that is killed leave nobody behind?"""

from __future__ import annotations

import subprocess
import sys

WAIT_SECONDS = 60
MEASUREMENT = """
import os, signal
from drainstorm.bench.pool import processes
if __name__ == "__main__":
    with processes(2) as pool:
        pool.map(abs, range(8))  # they are there
        for _ in range(2):
            pool.apply_async(signal.pause)
        print("working", flush=True)
        signal.pause()
"""


def test_the_processes_of_a_measurement_end_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MEASUREMENT], stdout=subprocess.PIPE, text=True
    ) as measurement:
        assert measurement.stdout is not None
        assert measurement.stdout.readline() == "working\n"
        measurement.kill()
        rest, _ = measurement.communicate(timeout=WAIT_SECONDS)  # until all have closed it
    assert rest == ""
