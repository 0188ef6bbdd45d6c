from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Claim, Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)


def decide(ledger: Ledger, *decisions: Decision, run: str = "run-1", fingerprint: str = "m1") -> dict[str, int]:
    return ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, run, fingerprint=fingerprint)


def take(ledger: Ledger, run: str = "run-1", **options: Any) -> Claim:
    claim = ledger.deliveries.claim(*TO, run_id=run, **options)
    assert claim is not None
    return claim


def counts(ledger: Ledger) -> dict[str, int]:
    return ledger.deliveries.counts(STREAM, "application", 1001)


def story(ledger: Ledger, source_id: str) -> list[tuple[str | None, str, str]]:
    return [(e.from_state, e.to_state, e.reason_code) for e in ledger.deliveries.history(source_id)]


def test_a_record_goes_from_ready_over_sending_to_created(ledger: Ledger, ready: Make) -> None:
    """Every step is an event, and the claim carries the decrypted payload."""
    assert decide(ledger, ready(1))["ready"] == 1
    claim = take(ledger)
    assert claim.payload == {"first_name": "Ada", "email": "person1@example.org"}
    assert (claim.attempt, claim.prior_attempts, claim.was_in_doubt) == (1, 0, False)
    assert counts(ledger) == {"sending": 1}
    assert ledger.deliveries.settle(claim, "created", status=201)
    assert story(ledger, claim.source_id) == [
        (None, "ready", ""),
        ("ready", "sending", ""),
        ("sending", "created", ""),
    ]
    assert ledger.deliveries.claim(*TO, run_id="run-1") is None


def test_a_claimed_delivery_is_not_claimed_twice(ledger: Ledger, ready: Make) -> None:
    """`sending` is committed before claim returns, so a second claim finds the next record."""
    decide(ledger, ready(1), ready(2))
    assert take(ledger).source_id != take(ledger).source_id
    assert ledger.deliveries.claim(*TO, run_id="run-1") is None


def test_other_destinations_jobs_and_companies_are_apart(ledger: Ledger, ready: Make) -> None:
    """The key holds company, destination and job: a claim for another one finds nothing."""
    decide(ledger, ready(1))
    assert ledger.deliveries.claim(4243, "application", 1001, run_id="r") is None
    assert ledger.deliveries.claim(4242, "employee", 1001, run_id="r") is None
    assert ledger.deliveries.claim(4242, "application", 1002, run_id="r") is None
    other = StreamKey("another", 124132, "Contacts")
    assert ledger.deliveries.claim(*TO, run_id="r", stream=other) is None
    assert ledger.deliveries.claim(*TO, run_id="r", stream=STREAM) is not None


def test_an_expired_lease_becomes_in_doubt_and_is_never_simply_sent_again(
    ledger: Ledger, ready: Make, clock: Clock
) -> None:
    """A crashed sender may have created the applicant: the delivery waits for a read-back."""
    decide(ledger, ready(1))
    crashed = take(ledger, lease_seconds=60)
    clock.advance(61)
    assert ledger.deliveries.claim(*TO, run_id="run-2") is None
    assert counts(ledger) == {"in_doubt": 1}
    doubtful = ledger.deliveries.claim_in_doubt(*TO, run_id="run-2")
    assert doubtful is not None
    assert (doubtful.was_in_doubt, doubtful.prior_attempts) == (True, 1)
    assert not ledger.deliveries.settle(crashed, "created")
    assert ledger.deliveries.settle(doubtful, "ready", reason_code="personio.application.not_found")
    again = take(ledger, run="run-2")
    assert (again.was_in_doubt, again.attempt) == (True, 3)
    assert [e.kind for e in ledger.deliveries.history(crashed.source_id)].count("late_outcome") == 1


def test_a_late_answer_counts_while_nobody_has_taken_over(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """The holder of an expired lease knows better than the doubt, as long as the attempt is the last one."""
    decide(ledger, ready(1))
    slow = take(ledger, lease_seconds=60)
    clock.advance(61)
    assert ledger.deliveries.expire("run-2") == 1
    assert ledger.deliveries.settle(slow, "created")
    assert counts(ledger) == {"created": 1}
    assert not ledger.deliveries.settle(slow, "rejected")
    assert counts(ledger) == {"created": 1}


def test_a_renewed_lease_does_not_expire(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """Waiting for a slot may last longer than the lease; renewing keeps the claim."""
    decide(ledger, ready(1))
    claim = take(ledger, lease_seconds=60)
    clock.advance(50)
    assert ledger.deliveries.renew(claim, lease_seconds=60)
    clock.advance(50)
    assert ledger.deliveries.expire("run-1") == 0
    clock.advance(11)
    assert ledger.deliveries.expire("run-1") == 1
    assert not ledger.deliveries.renew(claim)


def test_a_retry_waits_for_its_time_and_goes_first_then(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """A 429 names a time; before it the record is left alone, after it it has waited longest."""
    decide(ledger, ready(1), ready(2))
    first = take(ledger)
    due = clock.at + timedelta(seconds=30)
    ledger.deliveries.settle(first, "retry", reason_code="personio.limit.reached", due_at=due)
    assert ledger.deliveries.pending(*TO).next_due == due
    second = take(ledger)
    assert second.source_id != first.source_id
    ledger.deliveries.settle(second, "ready")
    clock.advance(30)
    assert take(ledger).source_id == first.source_id


def test_an_unresolved_doubt_is_not_asked_again_before_its_time(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """Settling with `in_doubt` and a due time keeps a read-back from spinning."""
    decide(ledger, ready(1))
    ledger.deliveries.settle(take(ledger), "in_doubt", due_at=clock.at + timedelta(seconds=10))
    assert ledger.deliveries.claim_in_doubt(*TO, run_id="r") is None
    clock.advance(10)
    assert ledger.deliveries.claim_in_doubt(*TO, run_id="r") is not None


@pytest.mark.parametrize("done", ["created", "already_there"])
def test_changed_content_after_load_is_an_event_and_never_a_second_send(
    ledger: Ledger, ready: Make, done: Any
) -> None:
    """Told once per change; the same content at a newer row version is no change."""
    decide(ledger, ready(1))
    claim = take(ledger)
    ledger.deliveries.settle(claim, done)
    assert decide(ledger, ready(1, 2))["unchanged"] == 1
    assert decide(ledger, ready(1, 3, "Grace"))["changed_after_load"] == 1
    assert decide(ledger, ready(1, 4, "Grace"))["unchanged"] == 1
    assert counts(ledger) == {done: 1}
    assert ledger.deliveries.claim(*TO, run_id="r") is None
    kinds = [event.kind for event in ledger.deliveries.history(claim.source_id)]
    assert kinds == ["state", "state", "state", "changed_after_load"]


def test_what_is_on_its_way_keeps_its_payload(ledger: Ledger, ready: Make) -> None:
    """In flight the change is noted once; when the attempt came to nothing the new content is sent."""
    decide(ledger, ready(1))
    claim = take(ledger)
    assert decide(ledger, ready(1, 2, "Grace"))["in_flight"] == 1
    assert decide(ledger, ready(1, 2, "Grace"))["in_flight"] == 1
    assert ledger.deliveries.settle(claim, "ready")
    assert decide(ledger, ready(1, 2, "Grace"))["ready"] == 1
    assert take(ledger).payload["first_name"] == "Grace"
    notes = [event.kind for event in ledger.deliveries.history(claim.source_id) if event.kind != "state"]
    assert notes == ["changed_in_flight"]


def test_a_corrected_record_becomes_ready(ledger: Ledger, ready: Make, rejected: Make) -> None:
    """A rejection waits for its source; an older decision never replaces a newer one."""
    assert decide(ledger, rejected(1))["rejected"] == 1
    assert ledger.deliveries.rejections(STREAM) == [("exact.Email.missing", "email", 1)]
    assert decide(ledger, ready(1, 2))["ready"] == 1
    assert decide(ledger, rejected(1))["stale"] == 1
    assert counts(ledger) == {"ready": 1}
    assert ledger.deliveries.rejections(STREAM) == []


def test_the_newest_of_two_decisions_in_one_call_counts(ledger: Ledger, ready: Make, rejected: Make) -> None:
    """A record that comes twice in a chunk is one delivery."""
    decide(ledger, ready(1, 2), rejected(1))
    assert counts(ledger) == {"ready": 1}


def test_a_decision_without_job_or_company_is_kept_apart(ledger: Ledger, ready: Make) -> None:
    """Employees have no job; the story says None, not a made-up number."""
    ledger.deliveries.decide(STREAM, "employee", None, None, [ready(1)], "run-1")
    claim = ledger.deliveries.claim(None, "employee", None, run_id="run-1")
    assert claim is not None
    assert {event.job for event in ledger.deliveries.history(claim.source_id)} == {None}


def test_stories_are_found_by_e_mail_whatever_its_case(ledger: Ledger, ready: Make) -> None:
    """The address itself is stored encrypted only; the keyed hash finds it."""
    decide(ledger, ready(1), ready(2))
    assert len(ledger.deliveries.history_of_email("PERSON1@Example.org")) == 1


def test_pending_and_listing_tell_what_is_left(ledger: Ledger, ready: Make, rejected: Make) -> None:
    """Counts by state, and every delivery once, over the borders of chunks."""
    decide(ledger, *(ready(number) for number in range(5)), rejected(9))
    take(ledger)
    pending = ledger.deliveries.pending(*TO)
    assert (pending.ready, pending.sending, pending.total) == (4, 1, 5)
    rows = list(ledger.deliveries.listing(STREAM, "application", 1001, chunk=2))
    assert len({row.source_id for row in rows}) == 6


def test_personal_data_is_not_readable_in_the_file(ledger: Ledger, ready: Make, source: Callable[..., Any]) -> None:
    """Neither staged rows nor payloads stand in the database in the clear."""
    ledger.staging.stage(STREAM, "r", [source(1, name="Zebulon")], resume=None, page=1)
    decide(ledger, ready(1, name="Zebulon"))
    with ledger._database.read() as connection:
        for table in ("ledger_staged", "ledger_deliveries", "ledger_events"):
            text = repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())  # noqa: S608
            assert "Zebulon" not in text
            assert "person1@" not in text
