# SPDX-License-Identifier: Apache-2.0
"""Has every rule a judge, every judge a defect that it catches, and every planted bug its papers?

A rule without a planted bug may be blind for all that anybody knows.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detection.planted import header, patched_copy, regressions_of, seed_of
from drainstorm import text
from drainstorm.build import build
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import Bug, TargetSpec, find_target

SPEC = find_target(Path(__file__).parents[2] / "targets" / "blocklayer")
MUTANTS = sorted((Path(__file__).parent / "mutants").glob("*.patch"))
JUDGE = re.compile(r'"(R\d+)",\s*"([a-z-]+)"')  # in a call of DS_CHECK() or ds_fail()
TABLE_ROW = re.compile(r"^\| (R\d+) \|[^|]*\|([^|]*)\|$", re.MULTILINE)

every_bug = pytest.mark.parametrize("bug", SPEC.bugs, ids=lambda bug: bug.name)
every_mutant = pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)


def judges() -> set[str]:
    """ "R1 graph-torn" for every check that the driver's source makes, "R9 use-after-free" for a
    rule that the machine itself judges."""
    sources = "".join(path.read_text() for path in SPEC.driver_files())
    by_machine = {f"{bug.rule} {bug.verdict}" for bug in SPEC.bugs if bug.verdict}
    return by_machine | {f"{rule} {site}" for rule, site in JUDGE.findall(sources)}


def broken_by_planted_bugs() -> set[str]:
    """Judges that the stored cases expect to speak."""
    stored = [(bug, case.expect) for bug in SPEC.bugs for case in regressions_of(SPEC, bug)]
    driver = {f"{expect.rule} {expect.site}" for bug, expect in stored if expect}
    machine = {f"{bug.rule} {bug.verdict}" for bug, expect in stored if bug.verdict}
    return {judge for judge in driver if judge.startswith("R")} | machine


def test_every_rule_has_a_planted_bug_and_every_planted_bug_a_rule() -> None:
    assert {bug.rule for bug in SPEC.bugs} == set(SPEC.rules())


def test_every_rule_has_a_judge_and_the_table_in_rules_md_lists_them_all() -> None:
    assert {judge.split()[0] for judge in judges()} == set(SPEC.rules())
    rows = TABLE_ROW.findall((SPEC.folder / "RULES.md").read_text())
    listed = {f"{rule} {site}" for rule, sites in rows for site in re.findall(r"`([^`]+)`", sites)}
    assert listed == judges()


def test_every_judge_has_caught_something() -> None:
    """The planted bugs cover every rule; the mutants here cover the judges that remain."""
    caught = {header(patch)["Verdict"].removeprefix("FAIL ") for patch in MUTANTS}
    assert caught | broken_by_planted_bugs() == judges()


@every_bug
def test_a_planted_bug_says_what_it_is(bug: Bug) -> None:
    papers = header(SPEC.folder / bug.patch)
    assert list(papers) == ["What", "Rule", "Verdict", "Zoo", "Source"]
    assert papers["Rule"] == bug.rule
    assert papers["Verdict"].split()[:2] == ["FAIL", bug.judged]
    assert papers["Zoo"] == (bug.zoo or "none")


@every_bug
def test_a_planted_bug_has_a_seed_and_a_regression_with_its_verdict(bug: Bug) -> None:
    assert seed_of(SPEC, bug).program
    verdict = header(SPEC.folder / bug.patch)["Verdict"]
    expected = {str(case.expect) for case in regressions_of(SPEC, bug)}
    assert any(verdict.startswith(words) for words in expected)


def test_every_patch_below_bugs_is_planted() -> None:
    patches = {path.relative_to(SPEC.folder).as_posix() for path in SPEC.folder.glob("bugs/*")}
    assert patches == {bug.patch for bug in SPEC.bugs}


@every_mutant
def test_a_mutant_is_caught_by_the_judge_that_it_is_for(patch: Path, tmp_path: Path) -> None:
    mutant: TargetSpec = patched_copy(SPEC, tmp_path, patch)
    case = text.load(patch.with_suffix(".case"), SPEC)
    with Machine(build(mutant)) as machine:
        found = machine.run(case, Strategy.replay()).verdict
    with Machine(build(SPEC)) as machine:
        shipped = machine.run(case, Strategy.replay()).verdict
    assert str(found) == header(patch)["Verdict"], found.message
    assert str(shipped) == "PASS"
