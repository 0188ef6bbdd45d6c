"""One company of the Exact Online half: its tables and its row version counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.sandbox.exact_columns import PADS, columns
from include.sandbox.exact_joins import derived
from include.sandbox.exact_kinds import KINDS
from include.sandbox.exact_store import Table

if TYPE_CHECKING:
    from datetime import datetime

    from include.sandbox.odata_types import Column, Row

_BEFORE = 64


class Division:
    """One company: its tables, its deleted log and its row version counter."""

    def __init__(self, code: int, name: str, created: datetime, first_version: int) -> None:
        self.code = code
        self.name = name
        self.created = created
        self.moved: datetime | None = None
        self.tables: dict[str, Table] = {table: Table() for table in KINDS}
        self.deleted: list[Row] = []
        self.highest_code = 0
        self.highest_hid = 0
        self._version = first_version
        self._numbers: dict[str, int] = {}
        joins = derived(self)
        self.columns: dict[str, dict[str, Column]] = {
            # Only relations have fixed-length texts; an item's code stays as it was typed.
            table: columns(kind.layout, joins.get(table), PADS if table in {"Accounts", "Contacts"} else None)
            for table, kind in KINDS.items()
        }
        self._furnish(first_version - _BEFORE)

    def _furnish(self, version: int) -> None:
        """Put two items and two projects in, which were there before anything else: see docs/sandbox.md."""
        for number, (table, row_id, fields) in enumerate(_FURNITURE):
            stamps = {"Created": self.created, "Modified": self.created, "Division": self.code}
            row = {"ID": furniture_id(self.code, row_id), "Timestamp": version + 7 * number, **stamps, **fields}
            self.tables[table].put({"StartDate": self.created.replace(hour=0, minute=0, second=0), **row})

    def value(self, table: str, row_id: str | None, name: str) -> Any:
        """Return a property of a row, None if there is no such row.

        :param table: its table.
        :param row_id: its ID.
        :param name: the property.
        """
        row = self.tables[table].rows.get(row_id or "")
        return None if row is None else self.columns[table][name].value(row)

    def next_number(self, table: str) -> int:
        """Return the next number of a document.

        :param table: its table.
        """
        self._numbers[table] = self._numbers.get(table, 0) + 1
        return self._numbers[table]

    def next_version(self) -> int:
        """Return a new row version; other tables of the database use some, so there are gaps."""
        self._version += 1 + self._version * 7919 % 13
        return self._version

    def restart_versions(self) -> None:
        """Continue in another database, whose counter stands lower."""
        self._version = self._version // 2


def furniture_id(division: int, name: str) -> str:
    """Return the ID of a row that every company has from the start.

    :param division: company number.
    :param name: last two digits: ``a1`` and ``a2`` are items, ``b1`` and ``b2`` projects.
    """
    return f"{division:08d}-0000-4000-8000-0000000000{name}"


_FURNITURE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "Items",
        "a1",
        {
            "Code": "CONSULT",
            "Description": "Consultancy hour",
            "IsFractionAllowedItem": True,
            "IsSalesItem": True,
            "IsTime": 1,
            "StandardSalesPrice": 95.0,
            "Unit": "hour",
            "UnitType": "T",
        },
    ),
    (
        "Items",
        "a2",
        {
            "Code": "LAPTOP",
            "Description": "Laptop",
            "IsSalesItem": True,
            "IsStockItem": True,
            "StandardSalesPrice": 1249.5,
            "Stock": 12.0,
            "Unit": "pc",
            "UnitType": "O",
        },
    ),
    ("Projects", "b1", {"Code": "P-001", "Description": "Website", "Type": 3}),
    ("Projects", "b2", {"Code": "P-002", "Description": "Moving house", "Type": 2}),
)
