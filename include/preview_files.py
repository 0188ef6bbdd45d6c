"""What a preview run would do as a file: one row per record, one column per field of the payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

from include.errors import ConfigurationError
from include.exports import write_parquet
from include.preview_story import every, said, why
from include.spreadsheets import write_csv, write_xlsx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.ledger.previews import Preview
    from include.records import Row

TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
"""Formats of files and their media types."""
FIRST: Final = ("ID", "action", "meaning", "outcome", "reason_code", "field", "why", "existing", "email")
"""Columns that every file has, before those of the payload."""
PAYLOAD: Final = "payload."
"""Begins the name of a payload's column, so that none of them is taken for another."""


def write_preview(ledger: Ledger, run: str, file: BinaryIO, fmt: str, *, action: str | None = None) -> int:
    """Write a preview's records to a file; return how many. It is personal data.

    The records are gone through one after the other, a slice in memory at a time.

    :param run: ``DAG/run``.
    :param fmt: one of `TYPES`.
    :param action: only what it would do this with.
    :raises ConfigurationError: the format is none, or needs a package that is not installed.
    """
    if fmt not in TYPES:
        raise ConfigurationError(
            "`format` is none of csv, xlsx and parquet.",
            reason_code="export.format.unknown",
            way_out="Choose one of the three.",
        )
    if fmt == "parquet":
        return write_parquet(_rows(ledger, run, action), file, columns=FIRST)
    # Once for the titles: what fields there are is known when the last record was seen.
    columns = dict.fromkeys(FIRST)
    for row in _rows(ledger, run, action):
        columns |= dict.fromkeys(row)
    write = write_csv if fmt == "csv" else write_xlsx
    return write(_rows(ledger, run, action), file, list(columns))


def _rows(ledger: Ledger, run: str, action: str | None) -> Iterator[Row]:
    return map(flat, every(ledger, run, action=action))


def flat(preview: Preview) -> Row:
    """Return a record as one row.

    :param preview: with its payload opened.
    """
    row: Row = {
        "ID": preview.source_id,
        "action": preview.action,
        "meaning": said(preview.action),
        "outcome": preview.outcome,
        "reason_code": preview.reason_code,
        "field": preview.field,
        "why": why(preview),
        "existing": preview.existing,
        "email": preview.email,
    }
    for name, value in (preview.payload or {}).items():
        row |= {f"{PAYLOAD}{part}": inner for part, inner in _parts(name, value)}
    return row


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give each attribute a column of its own; lists of plain texts are one text."""
    if name == "attributes" and isinstance(value, list):
        yield from ((f"{name}.{entry['id']}", entry["value"]) for entry in value)
    elif isinstance(value, dict):
        yield from ((f"{name}.{part}", inner) for part, inner in value.items())
    elif isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        yield name, ", ".join(value)
    else:
        yield name, value
