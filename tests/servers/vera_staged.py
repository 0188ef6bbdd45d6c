"""Vera as the ledger holds her: rows, decisions and deliveries of a person who is to be erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.ledger.tables import staged
from include.privacy.erasing import erase
from include.privacy.person import person
from include.records import Decision, SourceRow, StreamKey
from vera import MAIL

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.privacy.erasing import Erased

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER_DAG = StreamKey("exact_contacts_to_personio_employees", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
VERA = "d3b07384-0000-4000-8000-000000000001"
WORDS = [MAIL, "Unmistakable", "Verafirst"]


def vera(version: int = 1, **changes: Any) -> SourceRow:
    row = {"ID": VERA, "FirstName": "Verafirst", "LastName": "Unmistakable", "Email": MAIL}
    return SourceRow(VERA, version, None, row | {"Modified": f"/Date({version})/"} | changes)


def made(version: int = 1, source_id: str = VERA, email: str = MAIL) -> Decision:
    payload = {"first_name": "Verafirst", "last_name": "Unmistakable", "email": email}
    return Decision(source_id, version, "ready", payload=payload, email=email, trace={"email": "Email"})


def stage(ledger: Ledger, *rows: SourceRow, stream: StreamKey = STREAM, run: str = "r1") -> Any:
    return ledger.staging.stage(stream, run, rows, resume=None, page=1, versioned=not stream.is_history)


def decide(ledger: Ledger, *decisions: Decision, stream: StreamKey = STREAM, **asked: Any) -> dict[str, int]:
    return ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "r1", fingerprint="m1", **asked)


def erase_vera(ledger: Ledger, text: str = MAIL) -> Erased:
    return erase(ledger, person(ledger, text), asked_by="officer", exports=Path("/nowhere"))


def contents(ledger: Ledger, stream: StreamKey = STREAM) -> list[dict[str, Any]]:
    with ledger._database.read() as connection:
        sealed = connection.execute(
            staged.select().where(staged.c.dag_id == stream.dag_id, staged.c.division == stream.division)
        ).all()
    return [ledger._cipher.open(row.sealed) for row in sealed]


def of_state(ledger: Ledger, state: str, *, settle: bool = True) -> Any:
    """Bring Vera's delivery into a state; return the claim that did."""
    stage(ledger, vera())
    if state in {"rejected", "skipped_by_rule"}:
        decide(ledger, Decision(VERA, 1, state, "exact.City.missing", "City", email=MAIL))  # type: ignore[arg-type]
        return None
    decide(ledger, made())
    if state == "ready":
        return None
    claim = ledger.deliveries.claim(*TO, run_id="r1")
    assert claim is not None
    if state != "sending" and settle:
        assert ledger.deliveries.settle(claim, state, remote_id="77", result={"warnings": [MAIL]})  # type: ignore[arg-type]
    return claim
