"""Main contacts of accounts: an organisation does not apply, its main contact does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from include.clients.exact import ExactClient
    from include.ledger.staging import StagedRow
    from include.records import Row, Window
    from include.transform import Mapping

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PER_CALL: Final = 60
"""Main contacts per look-up: Exact's page size."""
BATCH: Final = 16 * PER_CALL
"""Accounts decided at once: so many look-ups, so that no call goes out half empty."""


def is_new(row: StagedRow, window: Window) -> bool:
    """Say whether the row is decided by its content; what is older and was not asked for needs no look-up."""
    if row.asked_for or row.created is None or window.created_from is None:
        return True
    return row.created >= window.created_from


def contact_id(account: Row) -> str | None:
    """Return the ID of an account's main contact, None if it has none.

    What is no ID is none: Exact would refuse to look it up, and with it those of the other accounts. The account is
    rejected, because its main contact is not found.

    :param account: as Exact sends it.
    """
    main = account.get("MainContact")
    key = main.strip().lower() if isinstance(main, str) else ""
    return key if _GUID.fullmatch(key) else None


def needed_contact(row: StagedRow, window: Window) -> str | None:
    """Return the ID of the main contact that must be looked up for this account, if any."""
    return contact_id(row.row) if is_new(row, window) else None


def lookup_batches(
    chunks: Iterable[Sequence[StagedRow]], window: Window, size: int = BATCH
) -> Iterator[list[StagedRow]]:
    """Regroup chunks so that each holds ``size`` accounts that need a look-up, as long as memory allows."""
    held: list[StagedRow] = []
    needing = 0
    for chunk in chunks:
        for row in chunk:
            held.append(row)
            needing += needed_contact(row, window) is not None
            # Ten chunks without need are enough to hold: memory must not grow with the company.
            if needing >= size or len(held) >= 10 * size:
                yield held
                held, needing = [], 0
    if held:
        yield held


def wanted_contacts(mapping: Mapping, rows: Sequence[StagedRow], window: Window) -> list[str]:
    """Return the IDs of the main contacts that these rows need; contacts need none."""
    if not mapping.contact_select:
        return []
    return sorted({main for row in rows if (main := needed_contact(row, window)) is not None})


def main_contacts(client: ExactClient, mapping: Mapping, ids: Sequence[str]) -> dict[str, Row]:
    """Look up main contacts, sixty per call."""
    if not ids:
        return {}
    found = client.by_ids("crm/Contacts", ids, mapping.contact_select)
    return {str(contact.get("ID")).lower(): contact for contact in found}
