"""One company of the Exact Online half: its tables and its row version counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.sandbox.exact_columns import ACCOUNT, CONTACT, columns
from include.sandbox.exact_store import Table

if TYPE_CHECKING:
    from datetime import datetime

    from include.sandbox.odata_types import Column, Row


class Division:
    """One company: its tables, its deleted log and its row version counter."""

    def __init__(self, code: int, name: str, created: datetime, first_version: int) -> None:
        self.code = code
        self.name = name
        self.created = created
        self.moved: datetime | None = None
        self.tables: dict[str, Table] = {"Accounts": Table(), "Contacts": Table()}
        self.deleted: list[Row] = []
        self.highest_code = 0
        self.highest_hid = 0
        self._version = first_version
        self.columns: dict[str, dict[str, Column]] = {
            "Accounts": columns(ACCOUNT),
            "Contacts": columns(
                CONTACT,
                {
                    "AccountIsCustomer": lambda row: self._account(row).get("Status") == "C",
                    "AccountIsSupplier": lambda row: bool(self._account(row).get("IsSupplier")),
                    "AccountMainContact": lambda row: self._account(row).get("MainContact"),
                    "AccountName": lambda row: self._account(row).get("Name"),
                    "Code": lambda row: self._account(row).get("Code"),
                    "Country": lambda row: self._account(row).get("Country"),
                    "FullName": _full_name,
                    "IsMainContact": lambda row: self._account(row).get("MainContact") == row["ID"],
                },
            ),
        }

    def _account(self, contact: Row) -> Row:
        return self.tables["Accounts"].rows.get(contact.get("Account") or "", {})

    def next_version(self) -> int:
        """Return a new row version; other tables of the database use some, so there are gaps."""
        self._version += 1 + self._version * 7919 % 13
        return self._version

    def restart_versions(self) -> None:
        """Continue in another database, whose counter stands lower."""
        self._version = self._version // 2


def _full_name(row: Row) -> str:
    return " ".join(part for part in (row.get("FirstName"), row.get("MiddleName"), row.get("LastName")) if part)
