"""Records that were refused, for tests of replays: staged with contents that are fit, decided as if they were not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.ledger.decision_batch import delivery_key
from include.ledger.tables import deliveries
from include.records import Decision, SourceRow, StreamKey
from include.transform import load_mapping

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Outcome

DAG = "exact_contacts_to_personio_applications"
STREAM = StreamKey(DAG, 124132, "Contacts")
MAPPING = load_mapping("Contacts", "application", overrides={"job_position_id": 1001})
REASONS = ("exact.Email.missing", "mapping.last_name.empty", "rule.Created.not_new")


def source_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def stage(ledger: Ledger, reasons: list[str], lanes: list[StreamKey] | None = None) -> None:
    """Read one record per reason, each in its lane, and refuse it for that; by their contents they are fit."""
    for number, (reason, lane) in enumerate(zip(reasons, lanes or [STREAM] * len(reasons), strict=True)):
        content = {"ID": source_id(number), "Email": f"a{number}@example.org", "FirstName": "A", "LastName": "B"}
        row = SourceRow(source_id(number), number + 1, datetime(2026, 1, 1, tzinfo=UTC), content)
        ledger.staging.stage(lane, f"r{number}", [row], resume=None, page=1)
        outcome: Outcome = "skipped_by_rule" if reason.startswith("rule") else "rejected"
        decision = Decision(source_id(number), number + 1, outcome, reason)
        ledger.deliveries.decide(
            *(lane, "application", 1001, 4242), [decision], f"{DAG}/r1", fingerprint=MAPPING.fingerprint
        )


def put_rejected(ledger: Ledger, count: int) -> None:
    """Write rejected deliveries as they stand after a load; staging a hundred thousand would take minutes."""
    now = datetime.now(UTC)
    common = {"company": 4242, "destination": "application", "job": 1001, "dag_id": DAG, "division": 124132}
    common |= {"entity": "Contacts", "state": "rejected", "decided_version": 1, "fingerprint": "m", "field": "files"}
    common |= {"reason_code": "personio.files.not_readable", "attempt": 1, "was_in_doubt": False}
    common |= {"run_id": f"{DAG}/r1", "decided_at": now, "updated_at": now}
    for start in range(0, count, 10_000):
        ids = [f"{number:08d}-1111-4000-8000-000000000000" for number in range(start, min(start + 10_000, count))]
        rows = [
            {**common, "source_id": one, "key": delivery_key(STREAM, "application", 1001, 4242, one)} for one in ids
        ]
        with ledger._database.write() as connection:
            connection.execute(deliveries.insert(), rows)
