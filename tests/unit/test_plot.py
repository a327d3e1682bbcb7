# SPDX-License-Identifier: Apache-2.0
"""Plots: every point is drawn where it belongs, and nothing that has no logarithm."""

from __future__ import annotations

import re

import pytest

from drainstorm.bench.plot import Plot, render


def plot(*points: tuple[float, float]) -> Plot:
    return Plot("A < B", "how", "x", "y", points, line=lambda x: x)


def test_points_stand_by_their_logarithms() -> None:
    drawn = render(plot((1, 10), (10, 100), (100, 1000)))
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
    (x1, y1), (x2, y2), (x3, y3) = ((float(x), float(y)) for x, y in circles)
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert x2 > x1
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert y2 < y1
    assert "A &lt; B" in drawn


@pytest.mark.parametrize("points", [(), ((0, 1),), ((1, -1),)])
def test_what_has_no_logarithm_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="positive"):
        render(plot(*points))
