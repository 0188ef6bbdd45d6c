"""A process that stages, decides, claims and settles as a load does, until it is told to stop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.ledger import open_ledger
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from include.ledger import Ledger

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 20


def work(url: str, keys: str, number: int, line: Connection) -> None:
    """Load batch after batch of its own stream, and report the ids that it has sent.

    :param url: of the ledger.
    :param keys: of the ledger, in this process' order.
    :param number: of the process; its stream and its people.
    :param line: to the parent: ``ready``, then anything stops it, then the ids.
    """
    sent: list[str] = []
    stream = StreamKey(f"load_{number}", 124132, "Contacts")
    line.send("ready")
    batch = 0
    while not line.poll():
        # Every batch is a task: it opens the ledger anew.
        with open_ledger(url, keys) as ledger:
            _batch(ledger, stream, number, batch, sent)
        batch += 1
    line.recv()
    line.send(sent)


def _batch(ledger: Ledger, stream: StreamKey, number: int, batch: int, sent: list[str]) -> None:
    ids = [f"{number}-{batch}-{n}" for n in range(BATCH)]
    rows = [SourceRow(one, batch * BATCH + n, CREATED, {"ID": one}) for n, one in enumerate(ids)]
    ledger.staging.stage(stream, f"run-{batch}", rows, resume=None, page=1)
    for chunk in ledger.staging.undecided(stream, "application", number):
        decisions = [
            Decision(row.source_id, row.row_version, "ready", payload=dict(row.row), email=address(row.source_id))
            for row in chunk
        ]
        ledger.deliveries.decide(stream, "application", number, 4242, decisions, f"run-{batch}")
    while claim := ledger.deliveries.claim(4242, "application", number, run_id=f"run-{batch}"):
        payload: dict[str, Any] = dict(claim.payload)
        assert payload == {"ID": claim.source_id}
        assert ledger.deliveries.settle(claim, "created", result={"of": claim.source_id})
        sent.append(claim.source_id)


def address(source_id: str) -> str:
    """Return the invented address of a record."""
    return f"person-{source_id}@example.org"


def rotate(url: str, keys: str, line: Connection) -> None:
    """Bring everything under the first key, and report what is left.

    :param url: of the ledger.
    :param keys: of the ledger.
    :param line: to the parent.
    """
    line.send("ready")
    with open_ledger(url, keys) as ledger:
        done = ledger.resealing.reseal()
    line.send({"left": sum(one.left for one in done.values()), "lost": sum(one.lost for one in done.values())})
