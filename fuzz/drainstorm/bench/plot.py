# SPDX-License-Identifier: Apache-2.0
"""This module draws points over powers of two as SVG, with a line through them: no dependency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.bench.svg import FAINT, MARGIN, opening, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH: Final = 640
_HEIGHT: Final = 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 88, 56
_GRID: Final = "#e4e7eb"
_POINT: Final = "#1d6fb8"
_LINE: Final = "#d9822b"


@dataclass(frozen=True, slots=True)
class Plot:
    """Points (x, y > 0) on logarithmic axes, and the line that is claimed to go through them."""

    title: str
    subtitle: str
    x: str
    y: str
    points: Sequence[tuple[float, float]]
    line: Callable[[float], float]


def render(plot: Plot) -> str:
    """The plot as the text of an SVG file.

    Raises:
        ValueError: There is no point, or one is not positive.
    """
    values = [(x, y) for x, y in plot.points if x > 0 and y > 0]
    if not values or len(values) != len(plot.points):
        raise ValueError("a logarithmic plot needs positive points")
    first, last = min(x for x, _ in values), max(x for x, _ in values)
    low = 10 ** math.floor(math.log10(min(y for _, y in values)))
    high = 10 ** math.ceil(math.log10(max(y for _, y in values)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / first) / max(math.log(last / first), 1e-9)
        up = math.log(y / low) / math.log(high / low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    lines = opening(_WIDTH, _HEIGHT, plot.title, plot.subtitle)
    power = low
    while power <= high * 1.01:
        _, y = at(first, power)
        lines.append(_rule(_LEFT, y, _WIDTH - _RIGHT, y))
        lines.append(text(_LEFT - 8, y + 4, f"{power:,.0f}", anchor="end"))
        power *= 10
    for x, _ in values:
        across, _y = at(x, low)
        lines.append(_rule(across, _TOP, across, _HEIGHT - _BOTTOM))
        lines.append(text(across, _HEIGHT - _BOTTOM + 18, f"{x:,.0f}", anchor="middle"))
    steps = [first * (last / first) ** (i / 64) for i in range(65)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (at(x, max(plot.line(x), low)) for x in steps))
    lines.append(f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    for x, y in values:
        across, down = at(x, y)
        lines.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="{_POINT}"/>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    lines.append(text(middle, _HEIGHT - 14, plot.x, anchor="middle", colour=FAINT))
    lines.append(text(MARGIN, _TOP - 16, plot.y, colour=FAINT))
    return "\n".join([*lines, "</svg>", ""])


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_GRID}"/>'
