"""Rows that only say that their person was erased: they are decided on without a look at anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ledger.tombstones import is_erased, left_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger.staging import StagedRow
    from include.records import Decision


def apart(rows: Sequence[StagedRow]) -> tuple[list[StagedRow], list[Decision]]:
    """Return the rows that have content, and the decisions on those whose person was erased."""
    told = [row for row in rows if not is_erased(row.row)]
    erased = [left_alone(row.source_id, row.row_version) for row in rows if is_erased(row.row)]
    return told, erased
