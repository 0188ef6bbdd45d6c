"""What waits in a lane for a decision, asked for all rows and for those stored since it was settled."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.ledger.undecided import Question
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger

LIVE: Final = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER: Final = dataclasses.replace(LIVE, dag_id="another")
LANES: Final = (LIVE, OTHER, LIVE.history())
COMPANY: Final = 4242
START: Final = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=3)
"""Records 1 and 2 were created before the stream began."""


def question(stream: StreamKey, job: int, mapping: str) -> Question:
    return Question(stream, "application", job, COMPANY, mapping, f"{mapping} and window", START)


def waiting(ledger: Ledger, asked: Question, since: int | None) -> list[str]:
    found = ledger.staging.undecided(
        *(asked.stream, asked.destination, asked.job),
        fingerprint=asked.fingerprint,
        window_fingerprint=asked.window_fingerprint,
        company=asked.company,
        created_from=asked.created_from,
        stored_since=since,
    )
    return sorted(row.source_id for chunk in found for row in chunk)


def left_out(ledger: Ledger, asked: Question, since: int | None) -> list[int]:
    return [
        count(
            *(asked.stream, asked.destination, asked.job, COMPANY),
            fingerprint=asked.fingerprint or "",
            window_fingerprint=asked.window_fingerprint,
            stored_since=since,
        )
        for count in (ledger.deliveries.sent_elsewhere, ledger.deliveries.forgotten)
    ]


def decide(
    ledger: Ledger, stream: StreamKey, *decisions: Decision, mapping: str = "first", run: str = "", job: int = 1001
) -> None:
    """Decide as a run of the lane does; a named run is one of history, and has an outbox of its own."""
    ledger.deliveries.decide(
        *(stream, "application", job, COMPANY, decisions, run or "dag/live"),
        fingerprint=mapping,
        window_fingerprint=question(stream, job, mapping).window_fingerprint,
        selected_for=run or None,
    )
