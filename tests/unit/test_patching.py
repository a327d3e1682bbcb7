# SPDX-License-Identifier: Apache-2.0
"""Planted bugs are applied exactly or not at all."""

from __future__ import annotations

import pytest

from drainstorm.errors import TargetError
from drainstorm.patching import apply_patch

FILES = {"src/a.c": b"one\ntwo\nthree\nfour\nfive\nsix\n", "b.c": b"x\n"}
PATCH = """\
what: three goes
rule: R1

--- a/src/a.c
+++ b/src/a.c
@@ -2,3 +2,3 @@ context words
 two
-three
+THREE
 four
@@ -6 +6,2 @@
 six
+seven
"""


def test_hunks_are_applied_and_prose_is_ignored() -> None:
    patched = apply_patch(FILES, PATCH, name="p")
    assert patched["src/a.c"] == b"one\ntwo\nTHREE\nfour\nfive\nsix\nseven\n"
    assert patched["b.c"] == FILES["b.c"]


def test_a_hunk_may_have_moved_when_it_fits_in_one_place_only() -> None:
    moved = {"src/a.c": b"zero\nzero\n" + FILES["src/a.c"]}
    assert b"THREE\nfour\nfive\nsix\nseven\n" in apply_patch(moved, PATCH, name="p")["src/a.c"]


def test_a_missing_end_of_line_is_kept() -> None:
    patch = (
        "--- a/b.c\n+++ b/b.c\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n"
        "+y\n\\ No newline at end of file\n"
    )
    assert apply_patch({"b.c": b"x"}, patch, name="p")["b.c"] == b"y"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-three", "-tree", r"p: src/a.c: hunk '@@ -2,3 \+2,3 @@.*' does not fit"),
        ("src/a.c", "src/z.c", "p: changes 'src/z.c', which the target does not have"),
        ("+++ b/src/a.c", "+++ b/src/b.c", "p: renames"),
        ("--- a/src/a.c", "--- /dev/null", "p: '/dev/null'"),
        ("--- a/src/a.c", "nothing", "p: no '--- a/FILE' line"),
        ("@@ -6 +6,2 @@\n six\n+seven\n", "@@ -6 +6,2 @@\n six\n", "is shorter than its header"),
        ("@@ -2,3 +2,3 @@", "@@ -2,3 @@", "p:6: not a hunk header"),
    ],
)
def test_what_does_not_fit_is_named(old: str, new: str, message: str) -> None:
    patch = PATCH.replace(old, new)
    with pytest.raises(TargetError, match=message):
        apply_patch(FILES, patch, name="p")


def test_two_places_are_one_too_many() -> None:
    files = {"src/a.c": FILES["src/a.c"] * 2}
    patch = PATCH.replace("@@ -2,3 +2,3", "@@ -3,3 +3,3")
    with pytest.raises(TargetError, match="more than one place"):
        apply_patch(files, patch, name="p")
