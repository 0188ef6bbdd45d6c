"""What the ledger says of records beforehand, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.forecast.known import IDS, Known, Standing
from include.records import Decision, SourceRow, StreamKey
from include.sync.job import Job

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Outcome

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
JOB = Job(STREAM, "application", company=4242, position=1001)


def decide(
    ledger: Ledger, number: int, outcome: Outcome, reason: str = "", *, job: Job = JOB, fingerprint: str = "f"
) -> str:
    """Let a record be read and decided; return its id."""
    source_id = f"{number:08d}-0000-4000-8000-000000000000"
    row = SourceRow(source_id, number + 2, datetime(2026, 1, 1, tzinfo=UTC), {"ID": source_id})
    ledger.staging.stage(job.stream, f"r{number}", [row], resume=None, page=1)
    payload = {"email": "a@example.org"} if outcome == "ready" else None
    decision = Decision(source_id, number + 2, outcome, reason, payload=payload, email="a@example.org")
    ledger.deliveries.decide(
        *(job.stream, job.destination, job.position, job.company), [decision], "r", fingerprint=fingerprint
    )
    return source_id


def send(ledger: Ledger, job: Job = JOB) -> None:
    claim = ledger.deliveries.claim(
        *(job.company, job.destination, job.position), stream=job.stream, run_id="r", lease_seconds=9
    )
    assert claim is not None
    ledger.deliveries.settle(claim, "created", status=201)


def test_each_state_says_what_a_run_would_do(either_ledger: Ledger) -> None:
    ledger = either_ledger
    done, other = decide(ledger, 1, "ready"), Job(STREAM, "application", 4242, 1002)
    send(ledger)
    elsewhere = decide(ledger, 2, "ready", job=other)
    send(ledger, other)
    waiting, wanting = decide(ledger, 3, "ready"), decide(ledger, 4, "rejected", "exact.Email.missing")
    refused = decide(ledger, 5, "rejected", "personio.email.invalid")
    skipped = decide(ledger, 6, "skipped_by_rule", "rule.EndDate.ended")
    earlier = decide(ledger, 7, "rejected", "exact.Email.missing", fingerprint="older")
    ready_elsewhere = decide(ledger, 8, "ready", job=other)
    everybody = [done, elsewhere, waiting, wanting, refused, skipped, earlier, ready_elsewhere, "unknown"]
    assert Known(ledger, JOB, "f").standings(everybody) == {
        done: Standing("done_already"),
        elsewhere: Standing("sent_elsewhere"),
        waiting: Standing("ready"),
        wanting: Standing("rejected", "exact.Email.missing", final=False),
        refused: Standing("rejected", "personio.email.invalid"),
        skipped: Standing("skipped_by_rule", "rule.EndDate.ended", final=False),
    }


def test_another_company_and_destination_say_nothing(either_ledger: Ledger) -> None:
    done = decide(either_ledger, 1, "ready")
    send(either_ledger)
    for job in (Job(STREAM, "application", 4243, 1001), Job(STREAM, "employee", 4242, 0)):
        assert Known(either_ledger, job, "f").standings([done]) == {}


def test_any_number_of_records_can_be_asked_for(either_ledger: Ledger) -> None:
    last = decide(either_ledger, 1, "ready")
    ids = [*(f"{number}" for number in range(2 * IDS)), last]
    assert Known(either_ledger, JOB, "f").standings(ids) == {last: Standing("ready")}


def test_exacts_day_is_what_its_headers_said_last(either_ledger: Ledger) -> None:
    known, day = Known(either_ledger, JOB, "f"), "exact:124132:day"
    assert known.quota(124132, 5000) is None
    either_ledger.pacer.learn(day, remaining=4321, reset_in=600)
    quota = known.quota(124132, 5000)
    assert quota is not None
    assert (quota.limit, quota.left) == (5000, 4321)
    assert known.quota(124133, 5000) is None
