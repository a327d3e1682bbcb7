# SPDX-License-Identifier: Apache-2.0
"""Do damaged files, full disks and missing tools end in one clear message and an exit code?

Every command is a process of its own, as the user starts it: 2 is the user's or the file's fault,
3 the machine's that we run on. A traceback is never an answer.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.spec import TargetSpec

SEEDS = Path(__file__).parents[2] / "corpus" / "seeds" / "blocklayer"
GOOD = SEEDS / "two-readers-behind-one-writer.case"
RANDOM_FILES = 12


def run(
    *arguments: object, prepare: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Start the command line; whatever it answers, it is not a traceback.

    Args:
        prepare: Called in the new process before the command.
        environment: Variables besides our own.
    """
    done = subprocess.run(
        [sys.executable, "-c", "from drainstorm.cli import main; main()", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=prepare,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def no_file_grows_beyond(size_bytes: int) -> Callable[[], None]:
    """What a full disk looks like to a process that writes more than so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.fixture
def copy(tally: TargetSpec, tmp_path: Path) -> Path:
    """The folder of a small target, to be spoilt."""
    return Path(shutil.copytree(tally.folder, tmp_path / "tally"))


# ---------------------------------------------------------------- case files


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("case v1", "case v7", "'v7'"),
        ("case v1", "suitcase v1", "suitcase v1"),
        ("blocklayer", "blockslayer", "'blockslayer'"),
        ("wrunlock", "unwrlock", "'unwrlock'"),
        ("co1   rdlock", "co1   wrlock", "'wrlock'"),
        ("co2   rdlock", "co77  rdlock", "'co77'"),
        ("ctx2", "ctx300", "'ctx300'"),
        ("sleep 3", "sleep 3 4", "'sleep 3 4'"),
        ("expect PASS", "expect MAYBE", "'MAYBE'"),
        ("expect PASS", "bug wake-no-reader", "'wake-no-reader'"),
    ],
)
def test_a_damaged_line_is_shown_with_file_line_and_value(
    tmp_path: Path, old: str, new: str, value: str
) -> None:
    path = tmp_path / "damaged.case"
    content = GOOD.read_text()
    path.write_text(content.replace(old, new, 1))
    line = content[: content.index(old)].count("\n") + 1
    done = run("replay", path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"drainstorm: {path}:{line}: ")
    assert value in done.stderr.splitlines()[0]
    assert not done.stdout


@pytest.mark.parametrize("command", ["replay", "shrink", "show", "convert"])
def test_every_command_that_reads_a_case_refuses_a_damaged_one(
    tmp_path: Path, command: str
) -> None:
    path = tmp_path / "cut-off.case"
    path.write_bytes(GOOD.read_bytes()[:300])
    rest = [tmp_path / "out.case"] if command == "convert" else []
    done = run(command, path, *rest)
    assert done.returncode == 2
    assert done.stderr.startswith(f"drainstorm: {path}:")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_random_bytes_in_a_text_file_are_refused(tmp_path: Path) -> None:
    rng = random.Random(2)
    for number in range(RANDOM_FILES):
        path = tmp_path / f"{number}.case"
        path.write_bytes(rng.randbytes(rng.randrange(400)))
        done = run("replay", path)
        assert done.returncode == 2
        assert str(path) in done.stderr


def test_random_bytes_in_the_byte_form_are_always_a_case_that_runs(tmp_path: Path) -> None:
    rng = random.Random(3)
    for number in range(RANDOM_FILES):
        path = tmp_path / f"input-{number}"
        path.write_bytes(rng.randbytes(rng.randrange(4000)))
        done = run("replay", path, "--target", "blocklayer", "--quiet")
        assert done.returncode == 0, done.stdout + done.stderr  # no `expect` line: PASS


def test_a_run_that_is_cut_short_says_so_and_is_no_pass(tmp_path: Path) -> None:
    path = tmp_path / "short.case"
    path.write_text(GOOD.read_text().replace("program", "limits\n  steps 20\nprogram", 1))
    done = run("replay", path)
    assert done.returncode == 1
    assert done.stdout.startswith("UNKNOWN step-limit")


# ---------------------------------------------------------------- disks


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "out.case"
    done = run("convert", GOOD, out, prepare=no_file_grows_beyond(100))
    assert done.returncode == 3
    assert f"cannot write {out}: File too large" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_while_compiling_is_named(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = run("replay", GOOD, prepare=no_file_grows_beyond(100), DRAINSTORM_CACHE=str(cache))
    assert done.returncode == 3
    assert str(cache) in done.stderr
    assert "DRAINSTORM_CACHE" in done.stderr


def test_a_temporary_folder_that_is_full_is_named(blocklayer: TargetSpec) -> None:
    build(blocklayer)
    done = run("replay", GOOD, prepare=no_file_grows_beyond(4096))
    assert done.returncode == 3
    assert "File too large" in done.stderr


def test_a_finding_that_cannot_be_stored_ends_the_hunt(tally: TargetSpec, tmp_path: Path) -> None:
    """A printed finding is on disk, so one that is not on disk must not look like one."""
    hunt = ("hunt", "--target", tally.folder, "--bug", "lost-add", "--workers", 1,
            "--seconds", 20, "--state-dir", tmp_path)  # fmt: skip
    assert run(*hunt).returncode == 0
    for path in tmp_path.glob("findings/**/min.case"):
        path.unlink()
        path.mkdir()
    done = run(*hunt)
    assert done.returncode == 3
    assert "cannot write" in done.stderr
    assert "drainstorm replay" not in done.stdout
    assert not list(tmp_path.rglob(".*"))


# ---------------------------------------------------------------- compilers and targets


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    done = run("replay", GOOD, CC="/nonexistent/cc", DRAINSTORM_CACHE=str(tmp_path))
    assert done.returncode == 3
    assert "C compiler '/nonexistent/cc' not found" in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("src/tally.h", "void tally_", "vojd tally_", ("command: ", "vojd")),
        ("src/tally.c", "void tally_reset(void)\n{", "int puts(const char *);\n"
         "void tally_reset(void)\n{\n  puts(__func__);",
         ("src/tally.c uses 'puts'", "does not simulate")),
        ("target.toml", 'sources = ["', 'sources = ["no/', ("matches no file",)),
        ("target.toml", "count = 3", 'count = "three"', ("target.toml", "count")),
        ("bugs/lost-add.patch", "@@ -", "@@ ", ("lost-add.patch:", "not a hunk header")),
    ],
    ids=["no-c", "unknown-call", "no-sources", "wrong-type", "no-patch"],
)  # fmt: skip
def test_a_target_that_does_not_build_ends_with_3(
    copy: Path, file: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    content = (copy / file).read_text()
    assert old in content
    (copy / file).write_text(content.replace(old, new, 1))
    done = run("hunt", "--target", copy, "--bug", "lost-add", "--seconds", 1,
               "--state-dir", copy / "state")  # fmt: skip
    assert done.returncode == 3, done.stdout
    for word in words:
        assert word in done.stderr
