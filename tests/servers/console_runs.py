"""Runs that the ledger knows of, and a browser's way to the console's pages of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console_reading import HTML
from include.ledger import open_ledger
from include.records import StreamKey
from preview_samples import RUN

if TYPE_CHECKING:
    import httpx

LIST = "/exact-console/runs/"
ONE = "/exact-console/runs/one"
TAB = "/exact-console/runs/tab"
FILE = "/exact-console/runs/download"
DAG = RUN.partition("/")[0]
STREAM = StreamKey(DAG, 124132, "Contacts")
COUNTS = {
    "read": 2345,
    "new": 12,
    "changed": 3,
    "created": 7,
    "already_there": 2,
    "rejected": 3,
    "skipped_by_rule": 0,
    "pending": 1,
}


def write(run: str, stream: StreamKey = STREAM, at: datetime | None = None, **counts: int) -> None:
    end = at or datetime.now(UTC)
    with open_ledger(clock=lambda: end) as ledger:
        ledger.run_results.write(
            *(stream, "application", f"{stream.dag}/{run}"),
            mode="window" if stream.is_history else "live",
            started_at=end - timedelta(minutes=3),
            after=1000,
            reached=2000,
            counts=counts or COUNTS,
            calls={"exact": 5, "personio": 11},
        )


def read(client: httpx.Client, path: str, **query: str) -> httpx.Response:
    return client.get(path, params=query, headers=HTML)
