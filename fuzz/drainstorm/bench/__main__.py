# SPDX-License-Identifier: Apache-2.0
"""This module is the command line of the measurements."""

from __future__ import annotations

from pathlib import Path

import click

from drainstorm.errors import DrainstormError

_CASE = click.Path(dir_okay=False, exists=True, path_type=Path)


class _Measurements(click.Group):
    """A group that turns our errors into one message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DrainstormError as error:
            click.echo(f"bench: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Measurements, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure what the project claims; 0 when the stated bound holds, else 1."""


@main.command()
@click.argument("case", type=_CASE, default=Path("corpus/seeds/blocklayer/three-threads.case"))
@click.option("--seconds", default=0.2, show_default=True, help="Of each round of each number.")
def speed(case: Path, seconds: float) -> None:
    """Schedules per second, one core and two; what a point, an access, a start cost."""
    from drainstorm.bench.speed import measure

    raise SystemExit(measure(case, seconds))


@main.command()
@click.option("--target", default="blocklayer", show_default=True)
@click.option("--bug", "bugs", multiple=True, help="Only this bug; repeatable.")
@click.option("--strategy", "strategies", multiple=True, help="Only this column; repeatable.")
@click.option("--seeds", default=20, show_default=True, help="Searches from a seed program.")
@click.option("--schedules", default=10_000, show_default=True, help="Cap of each of these.")
@click.option("--free-seeds", default=3, show_default=True, help="Searches from nothing.")
@click.option("--seconds", default=600.0, show_default=True, help="Cap of each of these.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Go on from this file, and keep the rows there.")  # fmt: skip
@click.option("--write", is_flag=True, help="Store the table beside the target.")
def bugs(
    *, target: str, bugs: tuple[str, ...], strategies: tuple[str, ...], seeds: int,
    schedules: int, free_seeds: int, seconds: float, workers: int, state: Path | None, write: bool,
) -> None:  # fmt: skip
    """Every planted bug, from its seed program by strategy, and from nothing."""
    from drainstorm.bench.bugs import Plan, measure
    from drainstorm.bench.scores import STRATEGIES

    plan = Plan(
        seeds=seeds, schedules=schedules, free_seeds=free_seeds, seconds=seconds,
        strategies=strategies or tuple(STRATEGIES),
    )  # fmt: skip
    raise SystemExit(measure(target, bugs, plan, workers=workers, state=state, write=write))


@main.command()
@click.option("--target", default="blocklayer", show_default=True)
@click.option("--model", default="sc", show_default=True, help="sc (without checks), tso, c11.")
@click.option("--schedules", default=10_000_000, show_default=True,
              help="That mean something; 0 with --cpu-minutes.")  # fmt: skip
@click.option("--cpu-minutes", default=0.0, help="Bound by processor time instead.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--lines", "file", default="src/graph/graph_lock.c", show_default=True,
              help="File whose line coverage is printed.")  # fmt: skip
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Go on from this file, and keep the sum there.")  # fmt: skip
def clean(
    *, target: str, model: str, schedules: int, cpu_minutes: float, seed: int, workers: int,
    file: str, state: Path | None,
) -> None:  # fmt: skip
    """No finding on the shipped implementation over generated programs."""
    from drainstorm.bench.clean import measure

    if cpu_minutes:
        schedules = 0
    raise SystemExit(
        measure(target, model=model, schedules=schedules, cpu_minutes=cpu_minutes, seed=seed,
                workers=workers, file=file, state=state)
    )  # fmt: skip


@main.command()
@click.argument("case", type=_CASE, default=Path("corpus/seeds/blocklayer/three-threads.case"))
@click.option("--runs", default=100_000, show_default=True, help="Of each strategy.")
def determinism(case: Path, runs: int) -> None:
    """The same case many times, in two processes, at two addresses: one trace hash."""
    from drainstorm.bench.determinism import measure

    raise SystemExit(measure(case, runs))


@main.command()
@click.option("--target", default="blocklayer", show_default=True)
@click.option("--inputs", default=10_000_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
def hostile(target: str, inputs: int, seed: int, workers: int) -> None:
    """Random bytes of any length: decoded and run; nothing crashes, hangs or leaks."""
    from drainstorm.bench.hostile import measure

    raise SystemExit(measure(target, inputs, seed=seed, workers=workers))


@main.command()
@click.option("--program", "programs", multiple=True, help="Only this one; repeatable.")
@click.option("--strategy", "strategies", multiple=True, help="Only this one; repeatable.")
@click.option("--seeds", default=20, show_default=True, help="Searches per program and strategy.")
@click.option("--cap", default=10_000, show_default=True, help="Schedules of one search.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Go on from this file, and keep the scores there.")  # fmt: skip
@click.option("--write", is_flag=True, help="Store the table beside the programs.")
def classics(
    *,
    programs: tuple[str, ...],
    strategies: tuple[str, ...],
    seeds: int,
    cap: int,
    workers: int,
    state: Path | None,
    write: bool,
) -> None:
    """Schedules to the first finding in the programs of the literature, by strategy."""
    from drainstorm.bench.classics import measure

    raise SystemExit(
        measure(
            programs, strategies, seeds=seeds, cap=cap, workers=workers, state=state, write=write
        )
    )


@main.command()
@click.option("--defect", "names", multiple=True, help="Only this one; repeatable.")
@click.option("--seeds", default=20, show_default=True, help="Searches per defect.")
@click.option("--schedules", default=100_000, show_default=True, help="Of each twin.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--write", is_flag=True, help="Store the table beside the programs.")
def defects(
    *, names: tuple[str, ...], seeds: int, schedules: int, workers: int, write: bool
) -> None:
    """Tiny programs with one known defect get exactly its verdict, their twins none."""
    from drainstorm.bench.defects import measure

    raise SystemExit(measure(names, seeds=seeds, schedules=schedules, workers=workers, write=write))


@main.command()
@click.option("--rounds", default=7, show_default=True, help="Of each measurement.")
@click.option("--turns", default=10_000_000, show_default=True, help="Read sections of one.")
@click.option("--write", is_flag=True, help="Store text and picture beside the target.")
def realthreads(*, rounds: int, turns: int, write: bool) -> None:
    """What the graph lock costs with real threads and a plain build."""
    from drainstorm.bench.realthreads import measure

    raise SystemExit(measure(rounds, turns, write=write))


if __name__ == "__main__":
    main(prog_name="scripts/bench")
