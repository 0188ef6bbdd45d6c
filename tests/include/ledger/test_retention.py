"""After a purge personal data is gone, and still nothing is sent twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ServiceUnavailableError
from include.ledger import Cursor, StageResult
from include.ledger.retention import SLICE
from include.ledger.tables import calls
from include.records import Decision, StreamKey, Window

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
DAY = 86_400


def decide(ledger: Ledger, *decisions: Decision) -> dict[str, int]:
    return ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "run", fingerprint="m1")


def undecided(ledger: Ledger, job: int = 1001) -> list[int]:
    chunks = ledger.staging.undecided(STREAM, "application", job, fingerprint="m1")
    return [int(row.source_id[-12:]) for chunk in chunks for row in chunk]


def deliver(ledger: Ledger, source: Make, ready: Make, number: int, state: Any = "created") -> None:
    ledger.staging.stage(STREAM, "run", [source(number)], resume=None, page=1)
    decide(ledger, ready(number))
    claim = ledger.deliveries.claim(*TO, run_id="run")
    assert claim is not None
    ledger.deliveries.settle(claim, state, remote_id="7", result={"warnings": ["w"]})


def blanked(ledger: Ledger, before: datetime) -> tuple[int, int]:
    counts = ledger.retention.purge(before)
    return counts["deliveries"], counts["staged"]


@pytest.mark.parametrize("state", ["created", "already_there", "matched", "unmatched"])
def test_what_was_purged_is_never_sent_again(
    ledger: Ledger, source: Make, ready: Make, clock: Clock, state: Any
) -> None:
    """The same version is unchanged, a newer one is a change after the load; neither is ready."""
    deliver(ledger, source, ready, 1, state)
    clock.advance(200 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (1, 1)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (0, 0)

    assert ledger.staging.stage(STREAM, "again", [source(1)], resume=None, page=1) == StageResult(1, 0, 0, 1)
    assert undecided(ledger) == []
    assert decide(ledger, ready(1))["unchanged"] == 1

    assert ledger.staging.stage(STREAM, "newer", [source(1, 2)], resume=None, page=1).changed == 1
    assert undecided(ledger) == [1]
    assert decide(ledger, ready(1, 2))["unchanged"] == 1
    ledger.staging.stage(STREAM, "newest", [source(1, 3, "Grace")], resume=None, page=1)
    assert undecided(ledger) == [1]
    assert decide(ledger, ready(1, 3, "Grace"))["changed_after_load"] == 1
    assert ledger.deliveries.counts(STREAM, "application", 1001) == {state: 1}
    assert ledger.deliveries.claim(*TO, run_id="run") is None


def test_personal_data_goes_and_the_story_stays(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """Nothing of the person is left, not even by hash; id, state and events are."""
    deliver(ledger, source, ready, 1)
    source_id = source(1).source_id
    story = ledger.deliveries.history(source_id)
    clock.advance(200 * DAY)
    ledger.retention.purge(clock.at - timedelta(days=180))
    with ledger._database.read() as connection:
        kept = connection.exec_driver_sql("SELECT sealed, result, email_hash FROM ledger_deliveries").one()
        row = connection.exec_driver_sql("SELECT sealed FROM ledger_staged").scalar_one()
    assert tuple(kept) == (None, None, None)
    assert bytes(row) == b""
    assert ledger.deliveries.results(source_id) == []
    assert ledger.deliveries.history_of_email("person1@example.org") == []
    assert ledger.deliveries.history(source_id) == story
    assert ledger.deliveries.sources_of("7") == [(124132, "Contacts", source_id)]


def test_what_is_on_its_way_keeps_its_data(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """Waiting, in doubt, under way: however old, it can go on."""
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(1, 4)], resume=None, page=1)
    decide(ledger, ready(1), ready(2), ready(3))
    assert ledger.deliveries.claim(*TO, run_id="run", lease_seconds=DAY * 1000) is not None
    doubtful = ledger.deliveries.claim(*TO, run_id="run")
    assert doubtful is not None
    ledger.deliveries.settle(doubtful, "in_doubt", result={"kept": True})
    clock.advance(400 * DAY)
    assert blanked(ledger, clock.at) == (0, 0)
    assert ledger.deliveries.results(doubtful.source_id)[0].result == {"kept": True}
    again = ledger.deliveries.claim(*TO, run_id="run")
    assert again is not None
    assert again.payload["first_name"] == "Ada"


@pytest.mark.parametrize("outcome", ["rejected", "skipped_by_rule"])
def test_rejected_and_skipped_people_are_forgotten_and_the_reason_stays(
    ledger: Ledger, source: Make, clock: Clock, outcome: Any
) -> None:
    """Read again, the row is whole again and can be decided; until then nobody decides on an empty one."""
    source_id = source(1).source_id
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    email = "person1@example.org"
    decide(ledger, Decision(source_id, 1, outcome, "exact.LastName.missing", "LastName", email=email))
    clock.advance(179 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (0, 0)
    clock.advance(2 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (0, 1)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (0, 0)
    reasons = ledger.deliveries.rejections(states=(outcome,))
    assert reasons == [("exact.LastName.missing", "LastName", 1)]
    assert [event.reason_code for event in ledger.deliveries.history_of_email(email)] == ["exact.LastName.missing"]

    ledger.deliveries.replay(STREAM, "application", 1001, run_id="by-hand")
    assert undecided(ledger) == []
    assert ledger.deliveries.rejections(states=(outcome,)) == reasons
    assert ledger.staging.stage(STREAM, "again", [source(1)], resume=None, page=1) == StageResult(1, 0, 0, 1)
    rows = [row for chunk in ledger.staging.undecided(STREAM, "application", 1001) for row in chunk]
    assert [row.row for row in rows] == [source(1).row]


def test_a_decision_that_comes_to_the_same_every_day_keeps_nobody(ledger: Ledger, source: Make, clock: Clock) -> None:
    """It counts when the record came to its state, not when that was last confirmed."""
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    for _ in range(7):
        decide(ledger, Decision(source(1).source_id, 1, "rejected", "exact.Email.missing", "contact.Email"))
        clock.advance(30 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (0, 1)


def test_what_personio_refused_loses_its_payload(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """The payload goes, reason and hashes stay; decided again after a read it can be sent."""
    deliver(ledger, source, ready, 1, "rejected")
    clock.advance(200 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (1, 1)
    with ledger._database.read() as connection:
        query = "SELECT sealed, result, email_hash, content_hash FROM ledger_deliveries"
        sealed, result, email_hash, content_hash = connection.exec_driver_sql(query).one()
    assert (sealed, result) == (None, None)
    assert email_hash
    assert content_hash
    ledger.deliveries.replay(STREAM, "application", 1001, run_id="by-hand")
    ledger.staging.stage(STREAM, "again", [source(1)], resume=None, page=1)
    assert undecided(ledger) == [1]
    decide(ledger, ready(1))
    claim = ledger.deliveries.claim(*TO, run_id="run")
    assert claim is not None
    assert claim.payload["first_name"] == "Ada"


def test_what_nobody_came_to_decide_goes_when_no_run_can_be_retried(
    ledger: Ledger, source: Make, clock: Clock
) -> None:
    """However short the retention, 180 days are given; read again it is whole again."""
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    clock.advance(179 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=7)) == (0, 0)
    clock.advance(2 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=7)) == (0, 1)
    assert undecided(ledger) == []
    ledger.staging.stage(STREAM, "again", [source(1)], resume=None, page=1)
    assert undecided(ledger) == [1]


def test_the_young_stay(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """A row counts from when it was read last, a delivery from when it was settled."""
    deliver(ledger, source, ready, 1)
    clock.advance(100 * DAY)
    ledger.staging.stage(STREAM, "later", [source(1, 2)], resume=None, page=1)
    decide(ledger, ready(1, 2))
    deliver(ledger, source, ready, 2)
    clock.advance(100 * DAY)
    assert blanked(ledger, clock.at - timedelta(days=180)) == (1, 0)


@pytest.mark.parametrize("decider", ["live", "history"])
def test_a_row_goes_whichever_lane_of_its_dag_decided(
    ledger: Ledger, source: Make, ready: Make, clock: Clock, decider: str
) -> None:
    """Another DAG's decision is none of this DAG's: it may not have come to the record yet."""
    for stream in (STREAM, STREAM.history(), StreamKey("another", 124132, "Contacts")):
        ledger.staging.stage(stream, "run", [source(1)], resume=None, page=1)
    stream = STREAM if decider == "live" else STREAM.history()
    ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(1)], "run")
    claim = ledger.deliveries.claim(*TO, run_id="run")
    assert claim is not None
    ledger.deliveries.settle(claim, "created")
    clock.advance(100 * DAY)
    assert blanked(ledger, clock.at) == (1, 2)
    clock.advance(100 * DAY)
    assert blanked(ledger, clock.at) == (0, 1)


def test_a_row_that_another_destination_needs_stays(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """One delivery is finished, the other waits: both come from one row."""
    deliver(ledger, source, ready, 1)
    ledger.deliveries.decide(STREAM, "employee", None, 4242, [ready(1)], "run")
    clock.advance(200 * DAY)
    assert blanked(ledger, clock.at) == (1, 0)


def test_a_purged_row_comes_back_for_another_destination_when_it_is_read_again(
    ledger: Ledger, source: Make, ready: Make, clock: Clock
) -> None:
    """Until then it is left out instead of stopping the run."""
    deliver(ledger, source, ready, 1)
    clock.advance(200 * DAY)
    ledger.staging.stage(STREAM, "run2", [source(2)], resume=None, page=1)
    ledger.retention.purge(clock.at)
    for_employees = [row for chunk in ledger.staging.undecided(STREAM, "employee", None) for row in chunk]
    assert [row.source_id for row in for_employees] == [source(2).source_id]
    assert ledger.staging.stage(STREAM, "run3", [source(1)], resume=None, page=1) == StageResult(1, 0, 0, 1)
    for_employees = [row for chunk in ledger.staging.undecided(STREAM, "employee", None) for row in chunk]
    # In the order in which they were stored last.
    assert [row.row for row in for_employees] == [source(2).row, source(1).row]
    assert undecided(ledger) == [2]


def test_runs_are_forgotten_only_when_nobody_can_retry_them(ledger: Ledger, source: Make, clock: Clock) -> None:
    """Failures and counts go by the time asked for; windows and extracts stay for 180 days at least."""
    ledger.windows.pin(STREAM, "run", Window("live", 1))
    ledger.staging.stage(STREAM, "run", [source(1)], resume=None, page=1)
    ledger.failures.record("dag/run", "extract", ServiceUnavailableError("Down.", reason_code="exact.host.down"))
    ledger.meter("dag/run").count("exact", "current/Me", 200)
    clock.advance(30 * DAY)
    ledger.windows.pin(STREAM, "run2", Window("live", 1))
    ledger.meter("dag/run2").count("exact", "current/Me", 200)
    first = ledger.retention.purge(clock.at)
    assert (first["failures"], first["calls"], first["windows"], first["extracts"]) == (1, 1, 0, 0)
    assert ledger.calls("dag/run2")
    clock.advance(151 * DAY)
    second = ledger.retention.purge(clock.at - timedelta(days=1))
    assert (second["failures"], second["calls"], second["windows"], second["extracts"]) == (0, 1, 1, 1)
    assert ledger.windows.get(STREAM, "run2") is not None


def test_known_records_stay_known(ledger: Ledger, clock: Clock) -> None:
    """A source may list an old record again after years: it must not be new again."""
    cursor = Cursor("1", None)
    ledger.news.add("personio", [("1", clock.at)], cursor, expected=None)
    ledger.news.claim("personio", "b")
    ledger.news.confirm("personio", "b")
    ledger.writes.begin("k", endpoint="crm/Accounts", content_hash="c", run_id="r")
    ledger.writes.settle("k", "created", remote_id="9")
    clock.advance(4000 * DAY)
    ledger.retention.purge(clock.at)
    assert ledger.news.add("personio", [("1", clock.at)], Cursor("2", None), expected=cursor) == 0
    assert ledger.writes.begin("k", endpoint="crm/Accounts", content_hash="c", run_id="r").remote_id == "9"


def test_many_rows_go_in_slices(ledger: Ledger, source: Make, ready: Make, clock: Clock) -> None:
    """No transaction blanks or deletes more than a slice, and all are reached."""
    count = SLICE * 2 + 1
    ledger.staging.stage(STREAM, "run", [source(n) for n in range(count)], resume=None, page=1)
    decide(ledger, *(ready(n) for n in range(count)))
    with ledger._database.write() as connection:
        connection.exec_driver_sql("UPDATE ledger_deliveries SET state = 'created'")
        call = {"service": "exact", "endpoint": "e", "status": 200, "count": 1, "last_at": clock.at}
        connection.execute(calls.insert(), [{"run_id": f"r{n}", **call} for n in range(count)])
    clock.advance(DAY)
    counts = ledger.retention.purge(clock.at)
    assert (counts["deliveries"], counts["staged"], counts["calls"]) == (count, count, count)
