# SPDX-License-Identifier: Apache-2.0
"""Builds: cached by content, safe side by side, and clear when something is wrong."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.compiler import find_compiler
from drainstorm.errors import StoreError, TargetError, UsageError
from drainstorm.machine import Machine
from drainstorm.spec import TargetSpec, load_target

TALLY = Path(__file__).parents[1] / "support" / "tally"
_GETENV = "char *getenv(const char *);\nvoid tally_reset(void)\n{\n  getenv(0);"
_DEFINES = 'include = ["src"]\ndefines = ["TALLY_X=1"]'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAINSTORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TALLY, tmp_path / "tally"))


def change(path: Path, old: str, new: str) -> TargetSpec:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    folder = next(parent for parent in path.parents if (parent / "target.toml").exists())
    return load_target(folder / "target.toml")


@pytest.mark.usefixtures("cache")
def test_the_second_build_comes_from_the_cache(tally: TargetSpec) -> None:
    one = build(tally)
    written = one.path.stat()
    assert build(tally) == one
    assert one.path.stat() == written


@pytest.mark.usefixtures("cache")
def test_every_input_changes_the_digest(tally: TargetSpec, copy: Path) -> None:
    digests = {
        build(tally).digest,
        build(tally, flavour="cov").digest,
        build(tally, bug="lost-add").digest,
        build(change(copy / "src" / "tally.h", "Lock two", "Lock 2")).digest,
        build(change(copy / "target.toml", 'include = ["src"]', _DEFINES)).digest,
        build(change(copy / "target.toml", "count = 3", "count = 4")).digest,
    }
    assert len(digests) == 6


@pytest.mark.usefixtures("cache")
def test_the_digest_does_not_depend_on_the_place(tally: TargetSpec, copy: Path) -> None:
    assert build(load_target(copy / "target.toml")).digest == build(tally).digest


def test_builds_in_parallel_do_not_disturb_each_other(tally: TargetSpec, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: build(tally), range(4)))
    assert len({one.path for one in built}) == 1
    assert [entry.name for entry in (cache / "targets").iterdir()] == [built[0].path.parent.name]
    Machine(built[0]).close()


@pytest.mark.usefixtures("cache")
def test_a_damaged_entry_is_built_again(tally: TargetSpec) -> None:
    path = build(tally).path
    path.write_bytes(b"")
    assert build(tally).path.stat().st_size > 0


@pytest.mark.usefixtures("cache")
def test_a_missing_compiler_is_named(tally: TargetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-cc -m64")
    with pytest.raises(TargetError, match="C compiler 'no-such-cc -m64' not found"):
        build(tally)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TargetError, match="sudo apt-get install gcc"):
        find_compiler()


@pytest.mark.usefixtures("cache")
def test_a_failing_compilation_shows_the_command_and_the_words(copy: Path) -> None:
    spec = change(copy / "src" / "tally.c", "atomic_fetch_add(&counter", "atomic_fetch_add(&clown")
    with pytest.raises(TargetError) as error:
        build(spec)
    message = str(error.value)
    assert message.startswith("compiling tally: src/tally.c failed (exit status 1)\ncommand: ")
    assert "-fsanitize=thread" in message
    assert "clown" in message


@pytest.mark.usefixtures("cache")
def test_a_call_that_escapes_the_machine_is_refused_with_its_place(copy: Path) -> None:
    spec = change(copy / "src" / "tally.c", "void tally_reset(void)\n{", _GETENV)
    with pytest.raises(TargetError, match=r"src/tally.c uses 'getenv', which the machine does not"):
        build(spec)


@pytest.mark.usefixtures("cache")
def test_a_driver_without_its_functions_is_refused(copy: Path) -> None:
    spec = change(copy / "driver.c", "ds_driver_idle", "other_idle")
    with pytest.raises(TargetError, match=r"the driver does not define ds_driver_idle\(\)"):
        build(spec)


@pytest.mark.usefixtures("cache")
def test_a_patch_that_does_not_fit_is_named(copy: Path) -> None:
    spec = change(copy / "src" / "tally.c", "fetch_add(&counter, amount)", "fetch_add(&counter, 1)")
    with pytest.raises(TargetError, match="lost-add.patch: src/tally.c: hunk .* does not fit"):
        build(spec, bug="lost-add")


def test_unknown_bugs_and_flavours_are_usage_errors(tally: TargetSpec) -> None:
    with pytest.raises(UsageError, match="did you mean 'lost-add'"):
        build(tally, bug="lost-ad")
    with pytest.raises(UsageError, match="unknown flavour 'asan'"):
        build(tally, flavour="asan")  # type: ignore[arg-type]


def test_a_cache_that_cannot_be_written_is_named(
    tally: TargetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DRAINSTORM_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="set DRAINSTORM_CACHE"):
        build(tally)
