# SPDX-License-Identifier: Apache-2.0
"""Target descriptions: look-ups, the generated header, and mistakes named with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from drainstorm.errors import TargetError, UsageError
from drainstorm.spec import TargetSpec, find_target, load_target, parse_rules

TALLY = Path(__file__).parents[1] / "support" / "tally" / "target.toml"


def test_actors_follow_in_the_order_of_their_kinds(blocklayer: TargetSpec) -> None:
    names = [blocklayer.actor_name(i) for i in range(blocklayer.actor_count)]
    assert names[:3] == ["main", "co1", "co2"]
    assert [blocklayer.actor_index(name) for name in names] == list(range(len(names)))
    assert {blocklayer.actor_kind(i) for i in range(len(names))} == {"main", "co", "bh", "vcpu"}


def test_operations_are_counted_from_one(blocklayer: TargetSpec) -> None:
    assert blocklayer.operation(1).name == blocklayer.operations[0].name == "create_context"
    assert blocklayer.operation_code("create_context") == 1
    for code in (0, len(blocklayer.operations) + 1):
        with pytest.raises(UsageError, match=f"operation code {code} is not in 1.."):
            blocklayer.operation(code)


def test_only_listed_kinds_of_actors_may_do_an_operation(blocklayer: TargetSpec) -> None:
    rdlock, co1 = blocklayer.operation_code("rdlock"), blocklayer.actor_index("co1")
    assert blocklayer.allows(co1, rdlock)
    assert not blocklayer.allows(0, rdlock)
    assert not blocklayer.allows(co1, 0)
    assert not blocklayer.allows(-1, rdlock)
    assert not blocklayer.allows(999, rdlock)


def test_unknown_words_are_answered_with_the_nearest(blocklayer: TargetSpec) -> None:
    with pytest.raises(UsageError, match="did you mean 'lost-orphans'"):
        blocklayer.bug("lost-orphan")
    with pytest.raises(UsageError, match="did you mean 'co3'"):
        blocklayer.actor_index("co33")


def test_the_generated_header_numbers_operations_and_actors(tally: TargetSpec) -> None:
    header = tally.operations_header()
    for line in ("OP_START = 1,", "OP_COUNT = 5,", "ACTOR_MAIN_FIRST = 0,"):
        assert line in header
    for line in ("ACTOR_WORKER_FIRST = 1,", "ACTOR_WORKER_COUNT = 3,"):
        assert line in header


def test_rules_are_read_from_their_page(tally: TargetSpec) -> None:
    rules = tally.rules()
    assert list(rules) == ["R1", "R2"]
    assert rules["R1"].title == "sum"
    assert rules["R1"].sentence.startswith("When all workers have ended, the counter is the sum of")


def test_a_rule_ends_at_a_blank_line() -> None:
    rules = parse_rules("- **R7 two words.** One.\n\n  Not this.\n* **R8 x** Two.\n")
    assert rules == {"R7": ("two words", "One."), "R8": ("x", "Two.")}


def test_a_target_is_found_by_name_folder_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "targets" / "mine"
    folder.mkdir(parents=True)
    text = TALLY.read_text().replace('name = "tally"', 'name = "mine"')
    (folder / "target.toml").write_text(text)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for name in ("mine", folder, str(folder), folder / "target.toml"):
        assert find_target(name).name == "mine"
    with pytest.raises(UsageError, match=r"unknown target 'min' \(did you mean 'mine'\?\)"):
        find_target("min")
    with pytest.raises(UsageError, match="no target description at"):
        find_target("./nowhere/target.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[limits]", '[[suppress]]\nfunction = "f"\n[limits]', "required field `reason`"),
        ("[limits]", '[[suppress]]\nfunction = "f"\nreason = " "\n[limits]', "reason is needed"),
        ("[limits]", '[[suppress]]\nreason = "r"\n[limits]', "function or a file"),
        (
            "[limits]",
            '[[suppress]]\nmacro = "ADD(x)"\nreason = "r"\n[limits]',
            "name alone, without its arguments",
        ),
        (
            "[limits]",
            '[[suppress]]\nmacro = "M"\nfunction = ["f", "g"]\nreason = "r"\n[limits]',
            "two functions, one for each access, and nothing else",
        ),
        (
            "[limits]",
            '[[suppress]]\nkind = "leak"\nfile = "f"\nreason = "r"\n[limits]',
            "only 'race'",
        ),
        (
            "[limits]",
            '[[suppress]]\nfunction = "f"\nline = 3\nreason = "r"\n[limits]',
            "needs its file",
        ),
        ('summary = "a', 'sumary = "a', "unknown field `sumary`"),
        ('name = "tally"', "name = 7", "Expected `str`, got `int`"),
        ('name = "tally"', 'name = "../x"', "small letters"),
        ('actors = ["main"]', 'actors = ["mian"]', r"unknown actor 'mian' \(did you mean 'main'"),
        ('operands = ["worker"]', 'operands = ["a", "b", "c"]', "more than 2 operands"),
        ('name = "hold"', 'name = "add"', "operation 'add' stands there twice"),
        ("count = 3", "count = 300", "more than 256 actors"),
        ("[limits]", "[limits", "line"),
    ],
)
def test_a_mistake_in_a_description_is_named(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TALLY.read_text().replace(old, new, 1))
    with pytest.raises(TargetError, match=message) as error:
        load_target(path)
    assert str(error.value).startswith(str(path))


def test_a_pattern_without_files_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TALLY.read_text())
    with pytest.raises(TargetError, match=r"sources = 'src/\*.c' matches no file"):
        load_target(path).source_files()


def test_a_folder_may_hold_a_second_description() -> None:
    spec = find_target("behaviours")
    assert spec.folder == find_target("blocklayer").folder
    assert spec.name == "behaviours"
