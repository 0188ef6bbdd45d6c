"""The budget counts what Exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from include.errors import ErrorBudgetSpentError
from include.ledger.staging import StagedRow

if TYPE_CHECKING:
    from include.ledger import Ledger


def test_path_in_another_case_is_the_same_endpoint(ledger: Ledger) -> None:
    budget = ledger.error_budget("app")
    for name in ("crm/accounts", "CRM/Accounts", "crm/Accounts") * 3:
        budget.check(name)
        budget.record(name, 404)
    with pytest.raises(ErrorBudgetSpentError, match="CRM/ACCOUNTS"):
        budget.check("CRM/ACCOUNTS")
    budget.check("crm/Contacts")


def test_staged_row_does_not_show_the_person() -> None:
    assert "Ada" not in repr(StagedRow("id", 1, None, {"FirstName": "Ada"}))
