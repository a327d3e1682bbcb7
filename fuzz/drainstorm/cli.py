# SPDX-License-Identifier: Apache-2.0
"""This module is the command line: options in, exit codes out, everything else elsewhere.

Modules of weight are imported inside the commands: `--help` answers at once.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from drainstorm.case import FAULTS, MODELS, faults_of
from drainstorm.errors import DrainstormError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from drainstorm.case import Case
    from drainstorm.hunt import Control, HuntConfig, Summary
    from drainstorm.machine import Machine
    from drainstorm.result import Totals
    from drainstorm.spec import Fault, TargetSpec
    from drainstorm.verify import Verified
    from drainstorm.view import View

_F = TypeVar("_F", bound="Callable[..., object]")

PIPE_WIDTH: Final = 120
BUG_SECONDS: Final = 60.0
SHIPPED_SECONDS: Final = 15.0
PLAIN_SECONDS: Final = 60.0

_CASE_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_TARGET = click.option(
    "--target", default="blocklayer", show_default=True, metavar="NAME|PATH",
    help="Target by name, or path of its target.toml.",
)  # fmt: skip


def _faults(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """The words of --faults; None: the option was not given."""
    del context, parameter
    words = [] if value in (None, "none") else str(value).replace(",", " ").split()
    if unknown := [word for word in words if word not in (*FAULTS, "all")]:
        raise UsageError(
            f"--faults: unknown fault '{unknown[0]}'; known: {', '.join(FAULTS)}, all, none"
        )
    return None if value is None else FAULTS if "all" in words else faults_of(words)


_FAULTS = click.option(
    "--faults", default=None, metavar="NAMES", callback=_faults,
    help=f"What may go wrong, with commas between: {', '.join(FAULTS)}; all; none.",
)  # fmt: skip


class _Commands(click.Group):
    """A group that turns our errors into one message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DrainstormError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"drainstorm: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of our output went away; Python would complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="drainstorm")
def main(debug: bool) -> None:
    """Find concurrency bugs in C code, replay them every time, tell them in ten lines."""
    del debug  # read by _Commands


def _shared_hunt_options(command: _F) -> _F:
    options = (
        click.option("--seconds", type=click.FloatRange(0.1, 1e6), default=None,
                     help=f"Time budget (with --bug: per bug). Default: {PLAIN_SECONDS:.0f}, "
                          f"with --bug {BUG_SECONDS:.0f}."),
        click.option("--seed", type=int, default=0, show_default=True,
                     help="The same seed does the same work."),
        click.option("--workers", type=click.IntRange(1, 256), default=None,
                     help="Threads with a machine each. Default: number of cores."),
        click.option("--from-nothing", is_flag=True, help="Leave out corpus/seeds/."),
        click.option("--strategy", "strategies", multiple=True, metavar="NAME",
                     help="Only this strategy ('random', 'sticky 1/8', 'pct' ..); repeatable."),
        click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path),
                     default=Path(".drainstorm"), show_default=True, help="Where findings go."),
    )  # fmt: skip
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@main.command()
@_TARGET
@click.option(
    "--bug", metavar="NAME|all", default="",
    help="Hunt this planted bug until it is found; 'all': every one, then the shipped code.",
)  # fmt: skip
@_shared_hunt_options
@_FAULTS
def hunt(
    *, target: str, bug: str, seconds: float | None, seed: int, workers: int | None,
    from_nothing: bool, strategies: tuple[str, ...], state_dir: Path,
    faults: tuple[Fault, ...] | None,
) -> None:  # fmt: skip
    """Hunt: generate programs and schedules, run them, keep what fails.

    Exit code: 0 nothing found, 1 a finding, 2 usage, 3 infrastructure, 130 and 143 signals.
    With --bug: 0 when each bug was found with its rule and the shipped code is clean, else 1.
    """
    import msgspec

    from drainstorm.hunt import HuntConfig, run_supervised
    from drainstorm.spec import find_target
    from drainstorm.strategies import select
    from drainstorm.view import choose_view

    spec = find_target(target)
    if faults is not None:
        limits = msgspec.structs.replace(spec.limits, faults=faults)
        spec = dataclasses.replace(spec, limits=limits)
    config = HuntConfig(
        spec=spec,
        seconds=seconds or (BUG_SECONDS if bug else PLAIN_SECONDS),
        seed=seed,
        workers=workers or len(os.sched_getaffinity(0)),
        from_nothing=from_nothing,
        strategies=select(strategies),
        state_dir=state_dir,
    )
    view = choose_view()
    view.open()
    if bug:
        code = _hunt_bugs(config, bug, view, seconds)
    else:
        code = run_supervised(view, functools.partial(_hunt_plain, config, view))
    sys.exit(code)


def _hunt_bugs(config: HuntConfig, bug: str, view: View, seconds: float | None) -> int:
    from drainstorm.detection import hunt_bugs
    from drainstorm.hunt import run_supervised

    bugs = config.spec.bugs if bug == "all" else (config.spec.bug(bug),)
    shipped = (seconds or SHIPPED_SECONDS) if bug == "all" else 0.0
    # A planted bug is understood already: shrink just enough to be read.
    config = dataclasses.replace(config, shrink_seconds=2.0)
    return run_supervised(
        view, lambda control: hunt_bugs(config, view, control, bugs=bugs, shipped_seconds=shipped)
    )


async def _hunt_plain(config: HuntConfig, view: View, control: object) -> int:
    from drainstorm.hunt import Control
    from drainstorm.hunt import hunt as run_hunt

    assert isinstance(control, Control)
    summary = await run_hunt(config, view, control)
    view.close()
    lines = _summary_lines(summary, config.spec, interrupted=bool(control.signal))
    view.result(*lines)
    if summary.findings:
        return 1
    totals = summary.totals
    if totals.runs and not totals.choices and not config.spec.limits.faults:
        raise UsageError(
            f"not one of {totals.runs:,} schedules had a choice: no two threads of "
            f"'{config.spec.name}' can run at the same time, so this proves nothing"
        )
    if totals.runs and not totals.shared:
        raise UsageError(
            f"in not one of {totals.runs:,} schedules did two threads of "
            f"'{config.spec.name}' do something to the same object: whatever the schedule, "
            "nothing can go wrong, so this proves nothing"
        )
    return 0


def _summary_lines(summary: Summary, spec: TargetSpec, *, interrupted: bool) -> list[str]:
    from drainstorm.result import REMARK_WORDS

    totals = summary.totals
    rate = totals.runs / summary.seconds if summary.seconds else 0.0
    meaning = 100 * totals.marked_any / totals.runs if totals.runs else 0.0
    lines = [
        f"{summary.label}: {len(summary.findings)} findings in {totals.runs:,} schedules of "
        f"{summary.programs:,} programs, {summary.seconds:.1f} s ({rate:,.0f}/s)"
        + (", interrupted" if interrupted else ""),
        f"  {totals.new_classes:,} distinct traces, {meaning:.0f} % of the schedules meant "
        f"something (a mark of the driver), {_unknown_words(totals)}, "
        f"{100 * totals.skipped_share:.1f} % of the operations skipped",
    ]
    lines.append(
        f"  chance that the next schedule shows a new trace: {100 * totals.unseen_share:.2g} % "
        "(Good-Turing)"
    )
    for what, count in totals.not_simulated.items():
        lines.append(f"  not simulated: {what}, in {count:,} schedules, which are UNKNOWN")
    if totals.bounded:
        met = ", ".join(f"{name} in {count:,}" for name, count in totals.bounded.items())
        lines.append(f"  schedules in which the machine kept less than there was: {met}")
    reasons = {str(suppression): suppression.reason for suppression in spec.suppress}
    for name, count in summary.suppressed.items():
        lines.append(f"  suppressed: {name}, in {count:,} schedules ({reasons[name].strip()})")
    if totals.suppressed:
        lines.append(
            f"  {totals.suppressed:,} schedules showed only data races that are known or suppressed"
        )
    for word, count in totals.remarked.items():
        lines.append(f"  remark: {count:,} schedules {REMARK_WORDS[word]}")
    if summary.blocks:
        lines.append(f"  {summary.blocks_seen} of {summary.blocks} basic blocks reached")
    if summary.known_failures:
        lines.append(f"  {summary.known_failures:,} more failing schedules, all of known kinds")
    return lines


def _unknown_words(totals: Totals) -> str:
    """How many schedules reached a limit, and which."""
    limits = [f"{o.word} {n:,}" for o, n in totals.outcomes.items() if o.kind == "UNKNOWN"]
    return f"{totals.unknown:,} UNKNOWN" + (f" ({', '.join(limits)})" if limits else "")


@main.command()
@click.argument("file", type=_CASE_FILE)
@click.option("--target", default="", metavar="NAME|PATH", help="Default: the file's target line.")
@click.option("--bug", default=None, metavar="NAME", help="Build this planted bug instead.")
@click.option("--no-bug", is_flag=True, help="Run the shipped code, whatever the file says.")
@click.option("--full", is_flag=True, help="Fold nothing in the timeline.")
@click.option("--quiet", is_flag=True, help="Only the verdict.")
@_FAULTS
def replay(
    *, file: Path, target: str, bug: str | None, no_bug: bool, full: bool, quiet: bool,
    faults: tuple[str, ...] | None,
) -> None:  # fmt: skip
    """Replay a stored case: verdict, why, timeline.

    Exit code: 0 when the verdict is the expected one (no `expect` line: PASS), else 1.
    """
    from drainstorm.replay import replay as run_replay

    case, spec = _load(file, target)
    case = _with_faults(case, faults)
    chosen = "" if no_bug else case.bug if bug is None else spec.bug(bug).name
    result = run_replay(case, spec, bug=chosen)
    lines = result.lines(file, width=_width(), full=full)
    click.echo("\n".join(lines[: lines.index("")] if quiet else lines))
    sys.exit(0 if result.is_expected else 1)


@main.command()
@click.argument("file", type=_CASE_FILE)
@click.option("--target", default="", metavar="NAME|PATH", help="Default: the file's target line.")
@click.option("--output", type=_CASE_FILE, default=None, help="Default: FILE.min.case")
@click.option("--seconds", type=click.FloatRange(0.1, 1e6), default=30.0, show_default=True)
def shrink(file: Path, target: str, output: Path | None, seconds: float) -> None:
    """Make a failing case small; rule and site stay the same."""
    from drainstorm.reduction import shrink_file

    case, spec = _load(file, target)
    output = output or file.with_name(file.name.removesuffix(".case") + ".min.case")
    for line in shrink_file(case, spec, output=output, seconds=seconds):
        click.echo(line)


@main.command()
@click.argument("file", type=_CASE_FILE)
@click.option("--target", default="", metavar="NAME|PATH", help="Default: the file's target line.")
@click.option("--output", type=_CASE_FILE, default=None, help="Default: FILE.consequence.case")
@click.option("--runs", type=click.IntRange(1, 10**9), default=100_000, show_default=True)
def triage(file: Path, target: str, output: Path | None, runs: int) -> None:
    """Ask what a data race leads to, by making its accesses relaxed atomic ones.

    Exit code: 1 when something fails then (a case that shows it is written), 0 when nothing did
    within this many schedules.
    """
    from drainstorm.reduction import triage_file

    case, spec = _load(file, target)
    output = output or file.with_name(file.name.removesuffix(".case") + ".consequence.case")
    lines, is_consequential = triage_file(case, spec, output=output, runs=runs)
    click.echo("\n".join(lines))
    sys.exit(1 if is_consequential else 0)


@main.command()
@click.argument("file", type=_CASE_FILE)
@click.option("--target", default="", metavar="NAME|PATH", help="Needed for the byte form.")
def show(file: Path, target: str) -> None:
    """Print a case, text or bytes, in its canonical text form."""
    from drainstorm import text

    case, spec = _load(file, target)
    click.echo(text.render(case, spec), nl=False)


@main.command()
@click.argument("source", type=_CASE_FILE)
@click.argument("destination", type=_CASE_FILE)
@click.option("--target", default="", metavar="NAME|PATH", help="Needed for the byte form.")
def convert(source: Path, destination: Path, target: str) -> None:
    """Convert between text (NAME.case) and bytes (any other name), as fuzzers keep them."""
    from drainstorm import binary, text
    from drainstorm.files import atomic_write

    case, spec = _load(source, target)
    if destination.suffix == ".case":
        text.save(destination, case, spec)
    else:
        atomic_write(destination, binary.encode(case, spec))


@main.command()
@click.argument("file", type=_CASE_FILE, required=False)
@click.option(
    "--program",
    default="",
    metavar="TEXT",
    help="Instead of FILE, lines separated by ';': \"main start co1; co1 rdlock\".",
)
@click.option(
    "--target",
    default="",
    metavar="NAME|PATH",
    help="Default: the file's target line; with --program: blocklayer.",
)
@click.option("--bug", default=None, metavar="NAME", help="Build this planted bug instead.")
@click.option(
    "--preemptions",
    type=click.IntRange(-1, 1000),
    default=2,
    show_default=True,
    help="Most switches away from a thread that can run; -1: any number.",
)
@click.option(
    "--model",
    type=click.Choice(MODELS),
    default=None,
    help="Memory model. Default: the case's, c11 in its complete form c11-graph.",
)
@_FAULTS
@click.option(
    "--max-executions",
    type=click.IntRange(1, 10**12),
    default=10_000_000,
    show_default=True,
    help="Of one preemption bound.",
)
@click.option("--json", "as_json", is_flag=True, help="The certificate as JSON.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".drainstorm"),
    show_default=True,
    help="Where a finding goes.",
)
def verify(
    *,
    file: Path | None,
    program: str,
    target: str,
    bug: str | None,
    preemptions: int,
    model: str | None,
    faults: tuple[str, ...] | None,
    max_executions: int,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Run a program under every schedule within a bound, and certify that nothing failed.

    Exit code: 0 closed (a certificate), 1 a finding, 2 usage (also: nothing to interleave),
    3 infrastructure, 4 not closed (a bound was hit, it is named), 130 and 143 signals.
    """
    from drainstorm.hunt import run_supervised
    from drainstorm.spec import find_target
    from drainstorm.store import Store
    from drainstorm.verify import from_program
    from drainstorm.verify import verify as run_verify
    from drainstorm.view import PlainView

    if (file is None) == (not program):
        raise UsageError("say what to verify: either FILE or --program TEXT")
    if file is not None:
        case, spec = _load(file, target)
    else:
        spec = find_target(target or "blocklayer")
        case = from_program(program, spec)
    case = _with_faults(case, faults)
    chosen = case.bug if bug is None else spec.bug(bug).name if bug else ""
    search = functools.partial(
        run_verify, case, spec, bug=chosen, preemptions=preemptions, model=model,
        executions_max=max_executions, store=Store(state_dir),
    )  # fmt: skip
    work = _verify(lambda hold, stop: search(hold=hold, stop=stop), as_json=as_json)
    sys.exit(run_supervised(PlainView(), work))


def _verify(
    work: Callable[[Callable[[Machine], None], Callable[[], bool]], Verified], *, as_json: bool
) -> Callable[[Control], Coroutine[object, object, int]]:
    """What run_supervised() runs: the search in a thread, which a signal interrupts."""
    import msgspec
    import trio

    from drainstorm.verify import Certificate, Refusal

    async def supervised(control: Control) -> int:
        def hold(machine: Machine) -> None:
            control.begin(trio.CancelScope(), [machine])

        found = await trio.to_thread.run_sync(work, hold, control.is_stopped)
        if as_json and isinstance(found, Certificate):
            click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        else:
            click.echo("\n".join(found.lines()))
        return 0 if isinstance(found, Certificate) else 4 if isinstance(found, Refusal) else 1

    return supervised


@main.command()
@click.argument("target", default="blocklayer")
def targets(target: str) -> None:
    """Say what a target offers: actors, operations, rules, planted bugs."""
    from drainstorm.spec import find_target

    spec = find_target(target)
    click.echo(f"{spec.name}: {spec.summary}\n\nactors")
    for actor in spec.actors:
        click.echo(f"  {actor.kind:<14} {actor.count}")
    click.echo("\noperations")
    for op in spec.operations:
        words = " ".join((op.name, *op.operands))
        click.echo(f"  {words:<24} {', '.join(op.actors):<13} {op.help}")
    click.echo("\nrules")
    for name, rule in spec.rules().items():
        click.echo(f"  {name} {rule.title}: {rule.sentence}")
    click.echo("\nplanted bugs")
    for bug in spec.bugs:
        click.echo(f"  {bug.name:<24} breaks {bug.rule}  {bug.zoo or bug.help}".rstrip())


def _with_faults(case: Case, faults: tuple[str, ...] | None) -> Case:
    """The case, under these faults where the command line names any."""
    if faults is None:
        return case
    return dataclasses.replace(case, limits=dataclasses.replace(case.limits, faults=faults))


def _load(file: Path, target: str) -> tuple[Case, TargetSpec]:
    """A case in text or, without the suffix `.case`, in bytes; and its target."""
    from drainstorm.loading import load_any

    return load_any(file, target)


def _width() -> int:
    """Characters of a line: the terminal's, or a fixed number for pipes."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return PIPE_WIDTH
    return max(60, shutil.get_terminal_size((PIPE_WIDTH, 24)).columns)
