"""The outbox of one run: it sends what is in it, nothing else, whoever owns it."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from forks import FORKS
from include.ledger import open_ledger
from include.ledger.run_tables import run_outbox
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Claim, Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
TO: Any = (4242, "application", 1001)
A, B = f"{LIVE.dag_id}/a", f"{LIVE.dag_id}/b"


def decide(ledger: Ledger, run: str | None, *decisions: Decision) -> None:
    """Decide for a run of history; None: as a live run does."""
    ledger.deliveries.decide(
        LIVE if run is None else LANE,
        *("application", 1001, 4242, decisions, run or f"{LIVE.dag_id}/live"),
        selected_for=run,
    )


def take(ledger: Ledger, run: str | None) -> Claim | None:
    """Claim as a load of the run does; None: as a live load does."""
    stream = LIVE if run is None else LANE
    return ledger.deliveries.claim(*TO, run_id=run or "live", stream=stream, selected_for=run)


def all_of(ledger: Ledger, run: str | None) -> list[int]:
    """Send everything that a run may send; return the numbers of the records in order."""
    numbers = []
    while claim := take(ledger, run):
        numbers.append(int(claim.source_id[-12:]))
        assert ledger.deliveries.settle(claim, "created")
    return numbers


def outboxes(ledger: Ledger) -> int:
    with ledger._database.read() as connection:
        return len(connection.execute(run_outbox.select()).all())


def test_a_run_sends_its_own_and_a_live_run_its_own(ledger: Ledger, ready: Make) -> None:
    decide(ledger, A, ready(1), ready(2))
    decide(ledger, B, ready(3))
    decide(ledger, None, ready(4))
    assert ledger.deliveries.selected(A) == {"ready": 2}
    assert all_of(ledger, B) == [3]
    assert all_of(ledger, None) == [4]
    assert all_of(ledger, A) == [1, 2]
    assert outboxes(ledger) == 0


def test_what_several_may_send_is_sent_once(ledger: Ledger, ready: Make) -> None:
    """Two runs of overlapping windows, and a live run that had it ready before: whoever comes first."""
    decide(ledger, None, ready(1), ready(2), ready(3))
    decide(ledger, A, ready(1), ready(2))
    decide(ledger, B, ready(2), ready(3))
    first = take(ledger, B)
    assert first is not None
    ledger.deliveries.settle(first, "created")
    assert ledger.deliveries.selected(A) == {"ready": 1}
    assert ledger.deliveries.selected(B) == {"ready": 1}
    assert all_of(ledger, None) == [1, 3]
    assert all_of(ledger, A) == all_of(ledger, B) == []
    assert outboxes(ledger) == 0


def test_deciding_again_changes_nothing(ledger: Ledger, ready: Make) -> None:
    """A cleared task decides once more: the same outbox."""
    for _ in range(2):
        decide(ledger, A, ready(1), ready(2))
    assert (ledger.deliveries.selected(A), outboxes(ledger)) == ({"ready": 2}, 2)


def test_a_row_that_is_behind_puts_what_waits_into_the_outbox(ledger: Ledger, ready: Make) -> None:
    """The live lane has decided a newer state: that one is sent, by whichever of them comes first."""
    decide(ledger, None, ready(1, 5, "Grace"))
    decide(ledger, A, ready(1, 4, "Ada"))
    claim = take(ledger, A)
    assert claim is not None
    assert claim.payload["first_name"] == "Grace"


@pytest.mark.parametrize("end", ["created", "already_there", "matched", "rejected"])
def test_settled_is_out_of_all_outboxes(ledger: Ledger, ready: Make, end: Any) -> None:
    decide(ledger, A, ready(1))
    decide(ledger, B, ready(1))
    claim = take(ledger, A)
    assert claim is not None
    assert ledger.deliveries.selected(B) == {"sending": 1}
    ledger.deliveries.settle(claim, end)
    assert outboxes(ledger) == 0


@pytest.mark.parametrize("state", ["retry", "in_doubt", "ready"])
def test_what_is_not_settled_stays_in_it(ledger: Ledger, ready: Make, clock: Clock, state: Any) -> None:
    """In its turn: what met a limit first, in doubt by a search of its own."""
    decide(ledger, A, ready(1), ready(2))
    claim = take(ledger, A)
    assert claim is not None
    due = clock.at + timedelta(seconds=30)
    ledger.deliveries.settle(claim, state, due_at=due, reason_code="personio.limit.reached")
    assert sum(ledger.deliveries.selected(A).values()) == 2
    clock.advance(30)
    doubtful = ledger.deliveries.claim_in_doubt(*TO, run_id=A, selected_for=A)
    assert (doubtful is not None) == (state == "in_doubt")
    following = take(ledger, A)
    assert following is not None
    assert following.source_id == ready(2 if state == "in_doubt" else 1).source_id


def test_decided_otherwise_is_out_of_it(ledger: Ledger, ready: Make, rejected: Make) -> None:
    """A live run finds it unusable, or for another position: nothing is left for the run to send."""
    decide(ledger, A, ready(1), ready(2), ready(3))
    decide(ledger, None, rejected(1, 2))
    ledger.deliveries.decide(LIVE, "application", 1002, 4242, [ready(2)], "live")
    assert ledger.deliveries.selected(A) == {"ready": 1}
    assert outboxes(ledger) == 1
    assert all_of(ledger, A) == [3]


def test_other_positions_and_companies_of_a_run_are_apart(ledger: Ledger, ready: Make) -> None:
    decide(ledger, A, ready(1))
    for other in ((4243, "application", 1001), (4242, "employee", 1001), (4242, "application", 1002)):
        assert ledger.deliveries.claim_in_doubt(*other, run_id=A, selected_for=A) is None
        assert ledger.deliveries.claim(*other, run_id=A, selected_for=A) is None
    assert take(ledger, A) is not None


def test_leases_are_waited_for_by_those_who_want_the_record(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """A run by its outbox, whoever sends; a live run by its own lane, or it would wait for a long backfill."""
    decide(ledger, A, ready(1))
    decide(ledger, B, ready(2))
    assert take(ledger, A) is not None
    ends = {
        run: ledger.deliveries.next_lease_end(LANE, "application", 1001, company=4242, selected_for=run)
        for run in (A, B)
    }
    assert ends == {A: clock.at + timedelta(seconds=300), B: None}
    assert ledger.deliveries.next_lease_end(LIVE, "application", 1001, company=4242) is None


def test_a_live_run_settles_what_history_left_under_way_and_not_the_reverse(
    ledger: Ledger, ready: Make, clock: Clock
) -> None:
    """Of any DAG that reads the same feed, also for positions other than its own; what other live lanes do is theirs.

    A DAG for history has no live runs, so nobody else would come.
    """
    others = [dataclasses.replace(LIVE, dag_id="another"), dataclasses.replace(LANE, division=9)]
    lanes = [LANE, LIVE, dataclasses.replace(LANE, dag_id="another/history"), *others]
    for number, stream in enumerate(lanes, start=1):
        selected_for = A if stream.is_history else None
        target: Any = ("application", 1001, 4242, [ready(number)], "r")
        ledger.deliveries.decide(stream, *target, selected_for=selected_for)
        assert ledger.deliveries.claim(*TO, run_id="r", stream=stream, lease_seconds=60) is not None
    clock.advance(61)
    assert ledger.deliveries.in_doubt_elsewhere(LIVE, "application", 7) == 0
    assert ledger.deliveries.claim(*TO, run_id="r", stream=LIVE) is None
    assert ledger.deliveries.in_doubt_elsewhere(LIVE, "application", 7) == 3
    found = [ledger.deliveries.claim_left_behind(4242, "application", 7, run_id="r", stream=LIVE)]
    found += [ledger.deliveries.claim_in_doubt(*TO, run_id="r", stream=LIVE) for _ in range(3)]
    taken = [claim.source_id for claim in found if claim is not None]
    assert sorted(taken) == [ready(number).source_id for number in (1, 2, 3)]
    assert ledger.deliveries.claim_in_doubt(*TO, run_id="r", stream=LANE) is None
    # A run of history finds by its outbox what nobody else has come for.
    mine = ledger.deliveries.claim_in_doubt(*TO, run_id="r", selected_for=A)
    assert mine is not None
    assert mine.source_id == ready(5).source_id


def test_a_sample_shows_ids_and_days_of_what_is_ready(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Of the run, whoever owns it; of a live lane its own. A row that was never stored has no day."""
    ledger.staging.stage(LIVE, "r", [source(2)], resume=None, page=1)
    decide(ledger, None, ready(1), ready(2))
    decide(ledger, A, ready(2), ready(3), rejected(4))
    target: Any = ("application", 1001)
    created = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    ids = [source(n).source_id for n in (1, 2, 3)]
    assert ledger.deliveries.sample(LANE, *target, selected_for=A) == [(ids[1], created), (ids[2], None)]
    assert ledger.deliveries.sample(LIVE, *target) == [(ids[0], None), (ids[1], created)]
    assert ledger.deliveries.sample(LANE, *target, selected_for=A, limit=1) == [(ids[1], created)]


def test_retention_empties_what_was_left(ledger: Ledger, ready: Make, clock: Clock) -> None:
    """What is to be sent stays, however old."""
    decide(ledger, A, ready(1), ready(2))
    with ledger._database.write() as connection:
        connection.exec_driver_sql("UPDATE ledger_deliveries SET state = 'created' WHERE id = 1")
    clock.advance(400 * 86_400)
    assert ledger.retention.purge(clock.at)["run_outbox"] == 1
    assert ledger.deliveries.selected(A) == {"ready": 1}


def test_a_claim_walks_along_the_runs_own(sqlite_ledger: Ledger, plans: Make, ready: Make) -> None:
    """However many other deliveries are ready: the outbox by run, a delivery by its number, nothing sorted."""
    decide(sqlite_ledger, A, ready(1))
    explained = plans(lambda: take(sqlite_ledger, A))
    plan = [line for lines in explained.values() for line in lines]
    assert not any("SCAN" in line for line in plan), plan
    walk = next(lines for statement, lines in explained.items() if statement.startswith("SELECT ledger_run_outbox"))
    assert "SEARCH ledger_run_outbox USING COVERING INDEX" in walk[0], walk
    assert "(run_id=?)" in walk[0], walk
    assert not any("TEMP B-TREE" in line for line in walk), walk
    lock = [lines for statement, lines in explained.items() if "ledger_deliveries.id IN" in statement]
    assert lock
    assert all("SEARCH ledger_deliveries USING INTEGER PRIMARY KEY" in lines[0] for lines in lock), lock


def send_all(url: str, key: str, run: str | None) -> list[int]:
    with open_ledger(url, key) as ledger:
        return all_of(ledger, run)


def decide_all(url: str, key: str, run: str | None) -> None:
    """Decide sixty new records, each process in an order of its own."""
    numbers = sorted(range(60), key=lambda n: (n * 7919 * os.getpid()) % 61)
    decisions = [Decision(f"{n:036d}", 1, "ready", payload={"n": n}, email=f"p{n}@example.org") for n in numbers]
    with open_ledger(url, key) as ledger:
        for start in range(0, 60, 20):
            decide(ledger, run, *decisions[start : start + 20])


def test_live_and_history_at_once_decide_and_send_everything_once(url: str, key: str) -> None:
    """Three processes, three outboxes, the same records in different orders: none is lost, doubled or deadlocked."""
    runs = [None, A, B]
    with open_ledger(url, key) as ledger, FORKS.Pool(3) as pool:
        pool.starmap(decide_all, [(url, key, run) for run in runs], chunksize=1)
        assert ledger.deliveries.selected(A) == ledger.deliveries.selected(B) == {"ready": 60}
        sent = pool.starmap(send_all, [(url, key, run) for run in runs], chunksize=1)
        left = all_of(ledger, A)
        assert sorted([*left, *(number for mine in sent for number in mine)]) == list(range(60))
        assert left == []
        assert outboxes(ledger) == 0
        assert len(ledger.deliveries.history(f"{7:036d}")) == 3
