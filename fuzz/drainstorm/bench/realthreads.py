# SPDX-License-Identifier: Apache-2.0
"""This module measures the graph lock with real threads and a plain build, without the machine.

Three questions: what does a read section cost beside two full fences; do readers of different
contexts slow each other down; how does a write section's cost grow with the number of contexts.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drainstorm.bench import plot
from drainstorm.compiler import find_compiler, run_tool
from drainstorm.errors import TargetError
from drainstorm.files import atomic_write
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.spec import TargetSpec

FLAGS: Final = ("-O2", "-std=gnu17", "-pthread")
WANTED_PAIR: Final = 2.0
"""A read section, in costs of two full fences."""

WANTED_THREADS: Final = 1.8
"""Two readers on two contexts, in turns of one."""

WANTED_STRAIGHT: Final = 0.95
"""Least r squared of the line through cost and number of contexts. A curve would be well below; the
line itself bends once, where the counters, a cache line each, outgrow the first cache."""

CONTEXTS: Final = tuple(2**i for i in range(11))
_WRITER_NS: Final = 40_000_000
"""Of one measurement of the writer, about."""


def measure(rounds: int, turns: int, *, write: bool) -> int:
    """Print all numbers and how they compare with what is wanted; 0 when all bounds hold.

    Args:
        rounds: of each measurement; medians are printed.
        turns: read sections of a measurement.
        write: store text and picture beside the target.
    """
    spec = find_target("blocklayer")
    with tempfile.TemporaryDirectory(prefix="drainstorm-") as folder:
        program = _build(spec, Path(folder))
        lines = [f"graph lock, real threads, {' '.join(FLAGS)}, medians of {rounds} rounds"]
        good = [_pair(program, rounds, turns, lines), _threads(program, rounds, turns, lines)]
        points = [(c, _writer(program, rounds, c)) for c in CONTEXTS]
    good.append(_straight(points, lines))
    words = "\n".join(lines) + "\n"
    print(words, end="")
    if write:
        results = spec.folder / "realthreads"
        atomic_write(results / "results.txt", words.encode())
        atomic_write(results / "results.svg", plot.render(_picture(points)).encode())
    return 0 if all(good) else 1


def _build(spec: TargetSpec, folder: Path) -> Path:
    program = folder / "realthreads"
    source = spec.folder / "realthreads" / "realthreads.c"
    includes = [f"-I{spec.folder / 'src'}"]
    sources = sorted((spec.folder / "src").glob("*/*.[cS]"))
    command = [*find_compiler().command, *FLAGS, *includes, source, *sources, "-o", program]
    run_tool([str(word) for word in command], what="compiling the block layer as it is")
    return program


def _run(program: Path, *words: object) -> list[tuple[float, float]]:
    """Nanoseconds per turn, by the clock and by processor time, a row for each thread."""
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TargetError(f"{' '.join(command[1:])}: exit status {done.returncode}\n{done.stderr}")
    rows = (line.split() for line in done.stdout.splitlines())
    return [(float(clock), float(processor)) for clock, processor in rows]


def _judge(what: str, wanted: str, lines: list[str], *, holds: bool) -> bool:
    lines.append(f"{'holds' if holds else 'MISSED'}: {what} (wanted {wanted})")
    return holds


def _pair(program: Path, rounds: int, turns: int, lines: list[str]) -> bool:
    runs = [_run(program, "pair", turns) for _ in range(rounds)]
    section = statistics.median(run[0][1] for run in runs)
    fences = statistics.median(run[1][1] for run in runs)
    ratio = statistics.median(run[0][1] / run[1][1] for run in runs)
    lines.append(f"  rdlock + rdunlock, nobody else   {section:8.2f} ns")
    lines.append(f"  two full fences                  {fences:8.2f} ns")
    return _judge(
        f"a read section costs {ratio:.2f} x two full fences", f"<= {WANTED_PAIR}", lines,
        holds=ratio <= WANTED_PAIR,
    )  # fmt: skip


def _threads(program: Path, rounds: int, turns: int, lines: list[str]) -> bool:
    ratios, controls = [], []
    for _ in range(rounds):
        ratios.append(_gain(program, "threads", turns))
        controls.append(_gain(program, "line", turns))
    by_clock = statistics.median(clock for clock, _ in ratios)
    ratio = statistics.median(processor for _, processor in ratios)
    control = statistics.median(processor for _, processor in controls)
    lines.append(f"  two readers, two contexts        {ratio:8.2f} x one, by processor time")
    lines.append(f"                                   {by_clock:8.2f} x one, by the clock")
    lines.append(f"  control: two counters, one line  {control:8.2f} x one, by processor time")
    return _judge(
        f"two readers on two contexts do {ratio:.2f} x the turns of one", f">= {WANTED_THREADS}",
        lines, holds=ratio >= WANTED_THREADS,
    )  # fmt: skip


def _gain(program: Path, what: str, turns: int) -> tuple[float, float]:
    """How many turns of one thread two do together, by the clock and by processor time."""
    one = _run(program, what, 1, turns)[0]
    two = _run(program, what, 2, turns)
    clock = sum(one[0] / row[0] for row in two)
    return clock, sum(one[1] / row[1] for row in two)


def _writer(program: Path, rounds: int, contexts: int) -> float:
    turns = max(20, _WRITER_NS // (200 + 10 * contexts))
    runs = [_run(program, "writer", contexts, turns) for _ in range(rounds)]
    return statistics.median(run[0][1] for run in runs)


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What one more context costs, by least squares, and what the first one does."""
    (x0, y0), *others = points
    slope = sum((x - x0) * (y - y0) for x, y in others) / sum((x - x0) ** 2 for x, _ in others)
    return slope, y0


def _straight(points: Sequence[tuple[float, float]], lines: list[str]) -> bool:
    lines += [f"  write section, {c:4} contexts      {ns:10,.0f} ns" for c, ns in points]
    slope, intercept = _line(points)
    r = statistics.correlation([x for x, _ in points], [y for _, y in points])
    return _judge(
        f"a write section costs {intercept:.0f} ns + {slope:.2f} ns a further context, "
        f"r squared {r * r:.4f}",
        f">= {WANTED_STRAIGHT}", lines, holds=r * r >= WANTED_STRAIGHT,
    )  # fmt: skip


def _picture(points: Sequence[tuple[float, float]]) -> plot.Plot:
    slope, intercept = _line(points)
    return plot.Plot(
        title="A write section of the graph lock, by number of contexts",
        subtitle=f"real threads, plain build: {intercept:.0f} ns + {slope:.2f} ns a further one",
        x="contexts",
        y="ns of processor time",
        points=points,
        line=lambda x: intercept + slope * (x - 1),
    )
