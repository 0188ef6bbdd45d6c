"""Exact may move a division to another database, and then all its row versions are made anew.

The new ones may lie below the watermark: the feed would be empty for years, and every run would be well.

.. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SystemSystemDivisions
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from include.errors import PermissionDeniedError
from include.sync.planning_starts import FEED_START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.watermarks import Watermark
    from include.records import SourceRow, StreamKey

log = logging.getLogger(__name__)

DATES = ("DivisionMoveDate", "DivisionHRLinkUnlinkDate")
"""Exact: "Please resync all data when this value changes because value of Timestamp is regenerated"."""


def witness_after(after: int) -> int:
    """Return where to read from so that the last row that was read comes along: it costs no call of its own."""
    return max(after - 1, FEED_START)


def witness_in(rows: Sequence[SourceRow], after: int, mark: Watermark | None) -> SourceRow | None:
    """Return the row that the stream was read up to, None if the feed does not show it there.

    :param rows: of the feed, read from :func:`witness_after` on.
    """
    known = mark.witness if mark is not None and mark.value == after else None
    found = (row for row in rows if row.row_version == after > FEED_START)
    return next((row for row in found if known in (None, row.source_id)), None)


def begun_anew(
    ledger: Ledger,
    client: ExactClient,
    stream: StreamKey,
    mark: Watermark | None,
    rows: Sequence[SourceRow] | None,
    *,
    run_id: str,
    after: int,
) -> bool:
    """Say whether Exact made new row versions; if so, the ledger has forgotten the old ones.

    Only when the witness is gone, because it was changed or deleted or the division was moved, does it cost a
    call: Exact's dates of the move then decide. A login that may not see them reads everything again, which is
    safe.

    :param mark: the stream's watermark.
    :param rows: the feed's first page, read from :func:`witness_after` on; None: it was kept by a former attempt, and
        the division may have been moved since.
    :param after: row version that the run's window begins at.
    """
    if mark is None:
        return False
    if rows is not None:
        witness = witness_in(rows, after, mark)
        if witness is not None:
            _learn(ledger, client, stream, mark, witness)
            return False
        if after <= FEED_START and not ledger.staging.has_rows(stream):
            return False
    dates = move_dates(client)
    if dates is None and rows is None:
        # Else a long read that is interrupted again and again would never come to its end.
        return False
    if dates is not None and dates == (mark.moved or ""):
        ledger.watermarks.note(stream, mark.value, moved=dates)
        return False
    log.warning(
        "%s: %s. The feed is read again from the start; what was delivered is known and not sent again.",
        stream,
        "Exact moved the division to another database and made all row versions anew"
        if dates is not None
        else "the last record read has changed, and this login may not see whether Exact moved the division",
    )
    ledger.watermarks.restart(stream, FEED_START, run_id, moved=dates)
    return True


def known_moves(ledger: Ledger, client: ExactClient, stream: StreamKey) -> str:
    """Return the dates of the division's moves, for a lane that begins to read: they were before it.

    Costs a call unless the DAG's live lane knows them. Dates that are older than the truth cost one more reading.

    :param stream: in either lane.
    :return: empty if there was no move, and if the login may not see them.
    """
    known = moves_noted(ledger, stream)
    return known if known is not None else move_dates(client) or ""


def moves_noted(ledger: Ledger, stream: StreamKey) -> str | None:
    """Return the dates of the division's moves as the DAG's live lane knows them; None if it does not.

    :param stream: in either lane.
    """
    mark = ledger.watermarks.get(dataclasses.replace(stream, dag_id=stream.dag))
    return None if mark is None else mark.moved


def move_dates(client: ExactClient) -> str | None:
    """Return the dates of the division's moves as Exact tells them, empty if there was none.

    :return: None if the login may not see them.
    """
    try:
        rows = [row for row in client.divisions() if str(row.get("Code")) == str(client.config.division)]
    except PermissionDeniedError:
        return None
    if not rows:
        return None
    dates = [str(rows[0].get(name) or "") for name in DATES]
    return "|".join(dates) if any(dates) else ""


def _learn(ledger: Ledger, client: ExactClient, stream: StreamKey, mark: Watermark, witness: SourceRow) -> None:
    """Keep the witness of a stream that began with ``now``, and once the dates: its history must stay out."""
    if mark.value == witness.row_version and mark.witness is None:
        ledger.watermarks.note(stream, mark.value, witness=witness.source_id)
    if mark.moved is None and not ledger.staging.has_rows(stream):
        ledger.watermarks.note(stream, mark.value, moved=move_dates(client) or "")
