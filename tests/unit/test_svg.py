# SPDX-License-Identifier: Apache-2.0
"""Is a drawn table well-formed, complete, and safe for any text?"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from drainstorm.bench.svg import Cell, Column, Table, render

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(*rows: list[Cell]) -> ElementTree.Element:
    columns = [Column("program", 120, left=True), Column("mean", 60)]
    table = Table("Title", "subtitle", columns, rows, [Cell("1", "#00ff00")], ["a note"])
    return ElementTree.fromstring(render(table))


def test_every_text_of_the_table_stands_in_it_once() -> None:
    picture = drawn([Cell("reorder_3"), Cell("6.6", "#ff0000", bold=True)])

    texts = [text.text for text in picture.iter(f"{SPACE}text")]
    assert texts == ["Title", "subtitle", "program", "mean", "reorder_3", "6.6", "1", "a note"]


def test_text_with_markup_stays_text() -> None:
    picture = drawn([Cell("<script>&"), Cell('"')])

    assert "<script>&" in [text.text for text in picture.iter(f"{SPACE}text")]
    assert picture.find(f".//{SPACE}script") is None


def test_nothing_is_drawn_outside_of_the_picture() -> None:
    picture = drawn(*[[Cell(f"row {n}"), Cell("1", "#ffffff")] for n in range(40)])
    width, height = int(picture.attrib["width"]), int(picture.attrib["height"])

    for box in picture.iter(f"{SPACE}rect"):
        assert int(box.get("x", "0")) + int(box.attrib["width"]) <= width
        assert int(box.get("y", "0")) + int(box.attrib["height"]) <= height
    assert all(0 < int(text.attrib["y"]) < height for text in picture.iter(f"{SPACE}text"))


def test_a_row_with_a_missing_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        drawn([Cell("alone")])
