#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Invariant tested: whatever the program and the schedule, the block layer breaks no rule.

python fuzz/fuzz_blocklayer.py [--bug NAME] [-max_total_time=60] [CORPUS_FOLDER]
"""

from __future__ import annotations

import sys

import atheris

from drainstorm.fuzzing import prepare


def main() -> None:
    """Fuzz until libFuzzer's limits end it; findings land in the state folder."""
    plan = prepare("blocklayer", sys.argv)
    session = plan.session
    atheris.Setup(
        list(plan.arguments),
        session.test_one_input,
        custom_mutator=session.mutate,
        custom_crossover=session.cross_over,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
