# SPDX-License-Identifier: Apache-2.0
"""Are the statements that use a macro found, and no others?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.errors import TargetError
from drainstorm.macros import macro_places
from drainstorm.spec import TargetSpec
from drainstorm.suppression import Suppression
from support.tiny import tiny_target


def lines_of(source: str, macro: str = "M") -> list[int]:
    """1-based lines; `M` must be used somewhere."""
    found = macro_places({"a.c": source.encode()}, [macro], target="t")
    assert {path for path, _ in found} <= {"a.c"}
    assert set(found.values()) <= {frozenset({macro})}
    return sorted(line for _, line in found)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("f();\nM(x);\ng();\n", [2]),
        ("f();\ny = a +\n  M(x) +\n  b;\ng();\n", [2, 3, 4]),
        ("f();\n\n  M(x,\n  y)\n;\ng();\n", [3, 4, 5]),
        ("f(); M(x); g();\nh();\n", [1]),
        ("void f(void)\n{\n  M(x);\n}\n", [3]),
        ("void f(void)\n{\n  if (a) {\n    M(x);\n  }\n  g();\n}\n", [4]),
        ("for (i = 0;\n     i < 3; i++)\n  M(i);\ng();\n", [1, 2, 3]),
        ("r = (S){\n  .a = 1,\n  .b = M(2),\n};\ng();\n", [1, 2, 3, 4]),
        ("int a[] = {\n  M(1),\n  2 };\ng();\n", [1, 2, 3]),
        ("M(x);", [1]),
    ],
)
def test_a_use_means_all_lines_of_its_statement_and_no_others(
    source: str, lines: list[int]
) -> None:
    assert lines_of(source) == lines


def test_words_that_only_look_like_it_do_not_count() -> None:
    source = """
#define M(x) ((x)++)
int MM, a_M, M2; /* M(x);
M(x); */
// M(x); \\
   M(x);
const char *text = "M(x)\\" M";
char letter = 'M';
#undef M
"""
    with pytest.raises(TargetError, match="macro 'M' is used on no line"):
        lines_of(source)
    assert lines_of(source + "M(x);\n") == [source.count("\n") + 1]


def test_a_macro_made_with_it_uses_it_too_also_in_another_file() -> None:
    files = {
        "m.h": b"#define M(x) ((x)++)\n#define TWICE(x) \\\n  do { M(x); M(x); } while (0)\n",
        "n.h": b"#define OFTEN(x) TWICE(x); TWICE(x)\n#define OTHER(x) (x)\n",
        "a.c": b"OFTEN(a);\nOTHER(b);\nM(c);\n",
    }
    both = macro_places(files, ["M", "TWICE"], target="t")
    assert both == {("a.c", 1): frozenset({"M", "TWICE"}), ("a.c", 3): frozenset({"M"})}


def test_what_conditional_parts_leave_open_ends_with_the_function() -> None:
    source = "void f(void)\n{\n#if A\n  if (a) {\n#else\n  if (b) {\n#endif\n  }\n  g(\n}\n"
    assert lines_of(source + "int c;\nM(x);\n") == [12]


def test_a_macro_that_nobody_uses_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    spec = tiny_target(tmp_path, "#define COUNT(x) (x)\nint a;\nvoid work(void) { COUNT(a); }\n")
    spec = dataclasses.replace(spec, suppress=(Suppression("r", macro="CUONT"),))
    with pytest.raises(TargetError, match=r"macro 'CUONT' .* \(did you mean 'COUNT'\?\)"):
        build(spec)


def test_a_planted_bug_moves_the_lines_below_it(tally: TargetSpec) -> None:
    spec = dataclasses.replace(tally, suppress=(Suppression("r", macro="assert"),))

    def lines(bug: str | None) -> list[int]:
        return [line for path, line in build(spec, bug=bug).macros if path == "src/tally.c"]

    assert lines("lost-add") == [line + 1 for line in lines(None)] != []
