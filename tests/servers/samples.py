"""One invented contact and its account, as Exact would send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from include.records import Decision, SourceRow
from include.transform import load_mapping, transform_rows

JOB = {"job_position_id": 1001}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CREATED = datetime(2026, 6, 25, 14, 14, 12, tzinfo=UTC)
KEY = "d3b07384-0000-4000-8000-000000000001"
PERSON = {
    "ID": KEY, "Timestamp": "88001", "Created": "/Date(1782404052403)/", "Modified": "/Date(1782404052403)/",
    "FirstName": " Vera ", "MiddleName": None, "LastName": "Jansen", "Email": "vera@example.org",
    "BusinessEmail": "vera@example.com", "Gender": "V", "BirthDate": "/Date(631152000000)/", "City": "Delft",
    "Mobile": None, "Phone": "  ", "BusinessMobile": None, "BusinessPhone": "+31 10 000", "EndDate": None,
    "IsAnonymised": 0, "Country": "NL ", "HID": "0", "IsMainContact": False,
}  # fmt: skip
ACCOUNT = {
    "ID": "a0000000-0000-4000-8000-00000000000a", "Timestamp": "9", "Created": "/Date(1782404052403)/",
    "Name": "Acme B.V.", "Code": "           0000011", "MainContact": KEY.upper(), "Type": "A", "City": "Breda",
    "IsAnonymised": 0, "EndDate": None, "Phone": None,
}  # fmt: skip


def staged(row: dict[str, Any], created: datetime | None = CREATED) -> SourceRow:
    return SourceRow(str(row.get("ID")), 1, created, row)


def decide_account(account: dict[str, Any], contacts: dict[str, dict[str, Any]]) -> Decision:
    """Decide on the sample account with changes.

    :param contacts: main contacts that were looked up, by key.
    """
    mapping = load_mapping("Accounts", "application", overrides=JOB)
    (decision,) = transform_rows([staged({**ACCOUNT, **account})], mapping, main_contacts=contacts, now=NOW)
    return decision
