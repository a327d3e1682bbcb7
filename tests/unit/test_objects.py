# SPDX-License-Identifier: Apache-2.0
"""Compiled files: kept by what went into them, and never used when damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from drainstorm import objects
from drainstorm.build import build
from drainstorm.files import forget_old
from drainstorm.machine import Machine
from drainstorm.spec import TargetSpec, load_target

FILES = {
    "src/a/a.c": b'#include "a/a.h"\n#  include <stdio.h>\n',
    "src/a/a.h": b'#include "b/b.h"\n#include "../top.h"\n',
    "src/b/b.h": b'#include "a/a.h" /* each other */\n',
    "src/top.h": b"",
    "src/b/other.h": b"",
    "src/b/b.c": b"#include NAME\n",
}


def test_a_file_depends_on_what_it_includes_and_on_what_that_includes() -> None:
    read = objects.included("src/a/a.c", FILES, (".", "src"))
    assert read == {"src/a/a.c", "src/a/a.h", "src/b/b.h", "src/top.h"}


def test_a_name_that_only_the_preprocessor_knows_depends_on_everything() -> None:
    assert objects.included("src/b/b.c", FILES, (".", "src")) == set(FILES)


def test_a_key_changes_with_facts_and_contents() -> None:
    changed = {**FILES, "src/top.h": b"int x;"}
    keys = {
        objects.digest(["-O2"], FILES, FILES),
        objects.digest(["-O1"], FILES, FILES),
        objects.digest(["-O2"], FILES, changed),
        objects.digest(["-O2"], sorted(FILES)[1:], FILES),
    }
    assert len(keys) == 4


def test_a_damaged_object_is_not_there(tmp_path: Path) -> None:
    objects.keep(tmp_path, "key", b"object")
    assert objects.take(tmp_path, "key") == b"object"
    path = tmp_path / "key.o"
    for damaged in (b"", b"object", path.read_bytes()[:-1], b"X" + path.read_bytes()[1:]):
        path.write_bytes(damaged)
        assert objects.take(tmp_path, "key") is None
    assert objects.take(tmp_path, "another") is None


def test_old_objects_go_when_there_are_many(tmp_path: Path) -> None:
    for number in range(4):
        objects.keep(tmp_path, f"{number}", b"object")
        os.utime(tmp_path / f"{number}.o", (number, number))
    assert objects.take(tmp_path, "0") == b"object"  # in use: no longer old
    forget_old(tmp_path, keep=2, age_seconds=3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.o", "3.o"]
    forget_old(tmp_path / "missing", keep=2, age_seconds=3600)


def test_few_or_young_objects_stay(tmp_path: Path) -> None:
    for number in range(4):
        objects.keep(tmp_path, f"{number}", b"object")
    os.utime(tmp_path / "0.o", (0, 0))
    forget_old(tmp_path, keep=4, age_seconds=3600)
    assert len(list(tmp_path.iterdir())) == 4
    forget_old(tmp_path, keep=0, age_seconds=3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.o", "2.o", "3.o"]


def test_a_planted_bug_compiles_only_the_file_that_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: TargetSpec
) -> None:
    monkeypatch.setenv("DRAINSTORM_CACHE", str(tmp_path / "cache"))
    build(tally)
    kept = tmp_path / "cache" / "objects"
    before = set(kept.iterdir())
    build(tally, bug="lost-add")
    assert len(set(kept.iterdir()) - before) == 1


def test_a_build_survives_damaged_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: TargetSpec
) -> None:
    monkeypatch.setenv("DRAINSTORM_CACHE", str(tmp_path / "cache"))
    one = build(tally)
    content = one.path.read_bytes()
    shutil.rmtree(one.path.parent)
    for path in (tmp_path / "cache" / "objects").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    again = build(tally)
    assert again.path.read_bytes() == content
    Machine(again).close()


def test_a_header_that_changes_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: TargetSpec
) -> None:
    monkeypatch.setenv("DRAINSTORM_CACHE", str(tmp_path / "cache"))
    copy = Path(shutil.copytree(tally.folder, tmp_path / "tally"))
    build(load_target(copy / "target.toml"))
    header = copy / "src" / "tally.h"
    header.write_text(header.read_text() + "#define MORE 1\n")
    kept = tmp_path / "cache" / "objects"
    before = set(kept.iterdir())
    build(load_target(copy / "target.toml"))
    assert set(kept.iterdir()) - before
