# SPDX-License-Identifier: Apache-2.0
"""Does a hunt report every data race as a finding of its own, and only those that count?"""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.cli import main
from drainstorm.hunt import RACES_MAX
from drainstorm.machine import Machine, Strategy
from drainstorm.replay import replay
from drainstorm.result import races_expected
from drainstorm.spec import TargetSpec, find_target
from drainstorm.store import load_record
from drainstorm.suppression import Suppression
from drainstorm.verdict import Outcome
from support.tiny import SIDE_BY_SIDE, tiny_target

MEMORY: Final = Path(__file__).parents[1] / "native" / "memory"
RACES: Final = 13
"""Of its scenarios, at least."""

SUPPRESSED: Final = """
[[suppress]]
kind = "race"
function = "write_elsewhere"
reason = "a counter for people; the last writer wins"

[[suppress]]
function = ["set_one", "set_other"]
reason = "set before anybody looks"

[[suppress]]
file = "src/ordered.c"
reason = "two scenarios of one program share their flag"
"""


def hunt(folder: Path, state: Path, seconds: float, seed: int = 0) -> Result:
    arguments = ["hunt", "--target", folder, "--seconds", seconds, "--workers", 1,
                 "--state-dir", state, "--seed", seed]  # fmt: skip
    return CliRunner().invoke(main, [str(word) for word in arguments])


def signatures(state: Path) -> set[str]:
    return {load_record(path).signature for path in state.glob("findings/*/*/finding.json")}


def races_in(state: Path) -> set[str]:
    return {name for name in signatures(state) if name.startswith("FAIL race")}


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What hunts have found: another one where the processor had too much else to do."""
    state = tmp_path_factory.mktemp("state")
    for seed in range(5):
        assert hunt(MEMORY, state, 4, seed).exit_code == 1
        if len(races_in(state)) >= RACES:
            break
    return state


def test_both_races_of_one_run_are_findings(hunted: Path) -> None:
    found = signatures(hunted)
    assert "FAIL race write_elsewhere|write_number number" in found
    assert "FAIL race write_both|write_elsewhere elsewhere" in found
    assert len(races_in(hunted)) >= RACES


def test_every_stored_race_was_reproduced_and_replays_from_its_file(hunted: Path) -> None:
    spec = find_target(MEMORY)
    with Machine(build(spec)) as machine:
        for path in hunted.glob("findings/memory/*/min.case"):
            assert load_record(path.with_name("finding.json")).reproduced, path
            case = text.load(path, spec)
            assert case.expect is not None
            with machine.judging(races_expected(case.expect)):
                assert machine.run(case, Strategy.replay()).verdict.matches(case.expect), path
            assert len(case.program) <= 2


def test_a_replay_tells_both_sides_of_a_race(hunted: Path) -> None:
    spec = find_target(MEMORY)
    path = next(
        path.with_name("min.case")
        for path in hunted.glob("findings/memory/*/finding.json")
        if load_record(path).signature == "FAIL race write_both|write_elsewhere elsewhere"
    )
    report = "\n".join(replay(text.load(path, spec), spec, bug="").lines(path, width=120))
    assert "write_both src/races.c:" in report
    assert "write_elsewhere src/races.c:" in report


@pytest.fixture(scope="module")
def suppressing(tmp_path_factory: pytest.TempPathFactory) -> TargetSpec:
    folder = tmp_path_factory.mktemp("target") / "memory"
    shutil.copytree(MEMORY, folder)
    with (folder / "target.toml").open("a") as stream:
        stream.write(SUPPRESSED)
    return find_target(folder)


def test_suppressed_races_are_counted_and_named_but_are_no_findings(
    suppressing: TargetSpec, tmp_path: Path
) -> None:
    result = hunt(suppressing.folder, tmp_path, 3)
    found = signatures(tmp_path)

    assert "FAIL race read_number|write_number number" in found
    assert not [name for name in found if "write_elsewhere" in name or "set_one" in name]
    assert not [name for name in found if "take_" in name]
    counted = re.findall(r"suppressed: (.+), in [\d,]+ schedules \((.+)\)", result.stdout)
    assert ("race in write_elsewhere", "a counter for people; the last writer wins") in counted
    assert ("race in set_one and set_other", "set before anybody looks") in counted


def test_a_suppressed_race_does_not_hide_another_of_the_same_run(suppressing: TargetSpec) -> None:
    names = ("race_two_places", "race_memcpy")
    program = tuple(Operation(0, suppressing.operation_code(name)) for name in names)
    case = Case("memory", program)
    with Machine(build(suppressing)) as machine:
        run = machine.run(case, Strategy.replay())
        assert run.verdict.outcome is Outcome.RACE
        assert run.verdict.site == "copy_all|write_a_member shared+8"
        assert [race.is_suppressed for race in run.races] == [True, True, False]


HARMLESS_BESIDE_HARMFUL: Final = """
#include <assert.h>
#include <stdatomic.h>
void work(void);
static int statistics, data;
static atomic_int asked, done;
static void *give(void *unused)
{
  statistics++;
  if (atomic_load_explicit(&asked, memory_order_relaxed)) {
    data = 7;
    atomic_store_explicit(&done, 1, memory_order_relaxed);
  }
  return unused;
}
static void *take(void *unused)
{
  statistics++;
  atomic_store(&asked, 1);
  if (atomic_load_explicit(&done, memory_order_relaxed)) {
    assert(data == 7);
  }
  return unused;
}
void work(void)
{
  side_by_side(give, take, NULL);
}
"""


def test_a_harmless_race_hides_no_harmful_one_of_the_same_functions(tmp_path: Path) -> None:
    tiny_target(tmp_path, SIDE_BY_SIDE + HARMLESS_BESIDE_HARMFUL)
    result = hunt(tmp_path, tmp_path / "state", 2)
    records = [load_record(path) for path in (tmp_path / "state").glob("findings/*/*/finding.json")]
    triaged = {record.signature: record.triage for record in records}

    assert set(triaged) == {"FAIL race give|take data", "FAIL race give|take statistics"}
    assert triaged["FAIL race give|take data"].startswith("consequential: FAIL assert")
    formal = triaged["FAIL race give|take statistics"]
    assert formal.startswith("formal only within this bound")
    assert formal.endswith("is the consequence of other races of this program")
    assert "fails without that" not in result.stdout


RACY_ARRAY: Final = """
#include <stdlib.h>
void work(void);
static void *fill(void *array)
{
  for (int i = 0; i < 32; i++) {
    ((long *)array)[i] = i;
  }
  return NULL;
}
void work(void)
{
  long *array = malloc(32 * sizeof *array);
  side_by_side(fill, fill, array);
  free(array);
}
"""


def test_a_racy_array_is_reported_at_a_few_of_its_places_only(tmp_path: Path) -> None:
    tiny_target(tmp_path, SIDE_BY_SIDE + RACY_ARRAY)
    hunt(tmp_path, tmp_path / "state", 2)
    found = signatures(tmp_path / "state")

    assert "FAIL race fill|fill block+0" in found
    assert len(found) == RACES_MAX


COUNTED: Final = """
#define ADD(counter, by) ((counter) += (by))
#define COUNT(counter) ADD(counter, 1)
void work(void);
static int hits, misses, total;
static void *look(void *unused)
{
  COUNT(hits); /* ADD: of statistics */
  ADD(misses,
      1);
  total += 1;
  return unused;
}
void work(void)
{
  side_by_side(look, look, NULL);
}
"""


@pytest.mark.parametrize(
    ("macro", "shown"),
    [("COUNT", {"misses", "total"}), ("ADD", {"total"}), ("", {"hits", "misses", "total"})],
)
def test_a_macro_suppresses_the_races_of_the_statements_that_use_it(
    tmp_path: Path, macro: str, shown: set[str]
) -> None:
    spec = tiny_target(tmp_path, SIDE_BY_SIDE + COUNTED)
    rules = (Suppression("statistics", macro=macro),) if macro else ()
    spec = dataclasses.replace(spec, suppress=rules)
    with Machine(build(spec)) as machine:
        run = machine.run(Case("tiny", (Operation(0, 1),)), Strategy.random(1))
        assert {race.object for race in run.races} == {"hits", "misses", "total"}
        assert {race.object for race in run.races if not race.is_suppressed} == shown
        assert run.verdict.outcome is Outcome.RACE


def test_a_hunt_counts_what_a_macro_suppresses_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    tiny_target(folder, SIDE_BY_SIDE + COUNTED.replace("total += 1", "(void)total"))
    with (folder / "target.toml").open("a") as stream:
        stream.write('[[suppress]]\nmacro = "ADD"\nreason = "statistics; a lost one is no harm"\n')
    result = hunt(folder, tmp_path / "state", 0.3)
    assert "suppressed: race in macro ADD, in " in result.stdout
    assert "schedules (statistics; a lost one is no harm)" in result.stdout
    assert not signatures(tmp_path / "state")


ALONE: Final = """
#include <stdatomic.h>
void work(void);
static atomic_int done;
void work(void) { atomic_fetch_add(&done, 1); }
"""


def test_a_hunt_without_a_choice_is_a_mistake_of_the_test(tmp_path: Path) -> None:
    tiny_target(tmp_path, ALONE)
    result = hunt(tmp_path, tmp_path / "state", 0.3)
    assert result.exit_code == 2
    assert "had a choice" in result.stderr
    assert ": 0 findings in" in result.stdout
