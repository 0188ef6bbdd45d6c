"""Whoever was deleted at Exact is sent no more, however a window is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from include.ledger.tables import staged, windows
from include.sync.planning_lane import note
from line import DIVISION, Line
from planned import fill

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

MAY = datetime(2024, 5, 6, 12, tzinfo=UTC)
WINDOW = {"created_from": "2024-05-01", "created_to": "2024-06-01"}


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def a_day_passes(line: Line) -> None:
    """Let everything that a lane has read so far be a day old."""
    ago = datetime.now(UTC) - timedelta(days=1)
    history = line.job.stream.history()
    with line.ledger._database.write() as connection:
        connection.execute(update(staged).values(seen_at=ago))
        connection.execute(update(windows).values(pinned_at=ago))
    if line.ledger.watermarks.get(history) is not None:
        note(line.ledger, history, whole_feed_at=ago.isoformat())


def applied(line: Line) -> set[str]:
    return {str(made["email"]) for made in line.sandbox.sandbox.personio.contents()["applications"]}


def put(sandbox: RunningSandbox, email: str) -> str:
    return fill(sandbox, MAY, FirstName="Sanne", Email=email)[0]


@pytest.mark.parametrize("others", [None, 0, 300], ids=["nobody is left", "read by pages", "read by the feed"])
def test_who_was_deleted_after_a_preview_is_not_sent(line: Line, sandbox: RunningSandbox, others: int | None) -> None:
    gone = put(sandbox, "gone@example.org")
    if others is not None:
        put(sandbox, "stays@example.org")
        fill(sandbox, *[MAY] * others, FirstName="Sanne")
    line.preview("looked", **WINDOW)
    assert (line.ledger.watermarks.get(line.job.stream.history()) is not None) == (others == 300)
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", gone)
    a_day_passes(line)
    line.window("sent", **WINDOW)
    assert applied(line) == (set() if others is None else {"stays@example.org"})


def test_who_changed_since_the_whole_feed_was_read_and_who_did_not_are_both_sent(
    line: Line, sandbox: RunningSandbox
) -> None:
    """Reading on brings one of them only; the other was seen when the whole feed was read."""
    changed = put(sandbox, "old@example.org")
    put(sandbox, "same@example.org")
    fill(sandbox, *[MAY] * 300, FirstName="Sanne")
    line.preview("looked", **WINDOW)
    assert line.ledger.watermarks.get(line.job.stream.history()) is not None
    sandbox.sandbox.exact.update(DIVISION, "Contacts", changed, {"Email": "new@example.org"})
    line.window("sent", **WINDOW)
    assert applied(line) == {"new@example.org", "same@example.org"}
