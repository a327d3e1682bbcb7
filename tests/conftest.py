# SPDX-License-Identifier: Apache-2.0
"""What all tests share: targets, and Hypothesis without clocks or luck."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from drainstorm.build import Built, build
from drainstorm.spec import TargetSpec, find_target, load_target

TALLY = Path(__file__).parent / "support" / "tally" / "target.toml"

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def blocklayer() -> TargetSpec:
    """The shipped target's description."""
    return find_target(Path(__file__).parents[1] / "targets" / "blocklayer")


@pytest.fixture(scope="session")
def tally() -> TargetSpec:
    """A tiny target of the tests' own."""
    return load_target(TALLY)


@pytest.fixture(scope="session")
def tally_built(tally: TargetSpec) -> Built:
    """It, compiled."""
    return build(tally)
