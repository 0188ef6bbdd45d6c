"""Rows into files that people open in a spreadsheet: CSV and XLSX, in which no text of a record becomes a formula.

.. seealso:: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import xlsxwriter  # type: ignore[import-untyped]

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from include.records import Row

MOST_ROWS: Final = 1_048_575
"""Rows that a sheet holds below its titles."""
MOST_LETTERS: Final = 32_767
"""That a cell of a sheet holds; the library leaves a longer text out altogether."""
CUT: Final = " … [cut]"
_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# What makes a formula of a cell, at its beginning; and after what begins a cell where a spreadsheet splits otherwise.
_DANGEROUS: Final = re.compile(rf"\A(?=\s*[{_SIGNS}]|[\t\r\n])|(?<=[;\t\r\n])(?=[\s\"']*[{_SIGNS}])")
# Control characters and halves of surrogate pairs: no XML and no UTF-8 holds them.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def harmless(text: str) -> str:
    """Return a text that no spreadsheet reads as a formula: an apostrophe stands before what would begin one.

    :param text: of a record, so anybody's.
    """
    return _DANGEROUS.sub("'", text)


def write_csv(rows: Iterable[Row], file: BinaryIO, columns: Sequence[str]) -> int:
    """Write CSV in UTF-8 with a mark that Excel knows it by; return how many rows.

    Texts stand in quotes and numbers do not, so that a reader can tell them apart.

    :param rows: taken one by one.
    :param columns: titles, in order; what a row lacks is left empty.
    """
    out = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="", write_through=True)
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([harmless(name) for name in columns])
    count = 0
    for row in rows:
        cells = (_cell(row.get(name)) for name in columns)
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
        count += 1
    out.flush()
    out.detach()
    return count


def write_xlsx(rows: Iterable[Row], file: BinaryIO, columns: Sequence[str]) -> int:
    """Write one sheet of texts and numbers, no formulas and no links; return how many rows.

    :param rows: taken one by one; the library keeps one of them in memory.
    :param columns: titles, in order.
    :raises ConfigurationError: there are more than a sheet holds.
    """
    safe = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(file, safe) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for place, name in enumerate(columns):
            sheet.write_string(0, place, _fitting(name), bold)
        count = 0
        for row in rows:
            count += 1
            if count > MOST_ROWS:
                raise ConfigurationError(
                    f"A sheet holds {MOST_ROWS} rows, and there are more.",
                    reason_code="export.rows.too_many",
                    way_out="Take CSV or Parquet, or narrow what is exported.",
                )
            for place, name in enumerate(columns):
                cell = _cell(row.get(name))
                if isinstance(cell, str):
                    sheet.write_string(count, place, _fitting(cell))
                else:
                    sheet.write_number(count, place, cell)
    return count


def _cell(value: Any) -> str | int | float:
    """Return what stands in a cell; what is neither text nor number is written as JSON."""
    if value is None:
        return ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return value
    return json.dumps(value, ensure_ascii=False)


def _fitting(text: str) -> str:
    text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - len(CUT)] + CUT
