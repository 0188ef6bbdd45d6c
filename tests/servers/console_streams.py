"""Streams as runs leave them in the ledger: committed, waiting, in doubt, in trouble."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.ledger.alarms import Trouble
from include.ledger.reconciliations import Check
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger

CONTACTS = "exact_contacts_to_personio_applications"
ACCOUNTS = "exact_accounts_to_personio_applications"
STREAM = StreamKey(CONTACTS, 124132, "Contacts")
PART = "124132/Contacts/application/4242/1001"
SCRIPT = "<script>document.title='owned'</script>"


def now() -> datetime:
    return datetime.now(UTC)


def commit(ledger: Ledger, stream: StreamKey = STREAM, **counts: int) -> None:
    """Leave what a run leaves that came through."""
    ledger.watermarks.advance(stream, expected=None, to=118402113, run_id="r", created_from=None)
    ledger.run_results.write(
        *(stream, "application", f"{stream.dag_id}/r"),
        mode="live",
        started_at=None,
        after=1,
        reached=2,
        counts=counts,
        calls={},
    )


def wait(ledger: Ledger, count: int, stream: StreamKey = STREAM) -> None:
    """Leave records that are ready to be sent."""
    ids = [f"{number:08d}-0000-4000-8000-{stream.division:012d}" for number in range(count)]
    decisions = [Decision(one, 1, "ready", payload={"email": f"{one}@example.org"}) for one in ids]
    ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, f"{stream.dag_id}/r")


def doubt(ledger: Ledger) -> None:
    wait(ledger, 1)
    claim = ledger.deliveries.claim(4242, "application", 1001, run_id="x")
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt")


def everything(ledger: Ledger) -> None:
    """Leave one of each trouble."""
    commit(ledger)
    doubt(ledger)
    wait(ledger, 3, StreamKey(ACCOUNTS, 124132, "Accounts"))
    ledger.alarms.note(ACCOUNTS, Trouble("exact.permission.denied", f"No right {SCRIPT}", "Grant it."))
    ledger.pacer.acquire("exact:124132:day", limit=5000, seconds=86_400)
    ledger.pacer.learn("exact:124132:day", remaining=0, reset_in=600)
    report = {"run": "sync_reconciliation/r1", "depth": "ledger", "verdict": "difference"}
    parts = [{"name": PART, "dags": [CONTACTS]}]
    check = Check(PART, "personio.application.missing", 2, ("a", "b"), "exact-personio reconcile --send-again ID")
    ledger.reconciliations.keep(report | {"parts": parts}, now(), [check])
