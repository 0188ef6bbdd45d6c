"""A person's no holds: what only the refused run wanted is put aside, and nobody sends it by the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import REFUSED
from include.ledger.run_tables import run_outbox
from include.ledger.states import NOT_NEW
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
TO: Any = (4242, "application", 1001)
A, B = f"{LIVE.dag_id}/a", f"{LIVE.dag_id}/b"
BORDER = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
"""Where the live stream begins: the fixture's records 1 to 4 were created before it."""


def decide(ledger: Ledger, run: str | None, *decisions: Decision) -> dict[str, int]:
    """Decide for a run of history; None: as a live run does, by its border."""
    counts = ledger.deliveries.decide(
        LIVE if run is None else LANE,
        *("application", 1001, 4242, decisions, run or f"{LIVE.dag_id}/live"),
        fingerprint="mapping",
        window_fingerprint="live" if run is None else "window",
        selected_for=run,
    )
    return {name: count for name, count in counts.items() if count}


def live(ledger: Ledger, ready: Make, *, border: datetime | None = BORDER) -> list[int]:
    """Run live, decide to load: what was asked for by its content, the rest by its age; return who was sent."""
    chunks = ledger.staging.undecided(
        *(LIVE, "application", 1001),
        company=4242,
        fingerprint="mapping",
        window_fingerprint="live",
        created_from=border,
    )
    for chunk in chunks:
        for row in chunk:
            number, new = int(row.source_id[-12:]), border is None or (row.created and row.created >= border)
            decision = ready(number, row.row_version, row.row["FirstName"])
            if not (new or row.asked_for):
                decision = Decision(row.source_id, row.row_version, "skipped_by_rule", NOT_NEW, "Created")
            decide(ledger, None, decision)
    sent = []
    while claim := ledger.deliveries.claim(*TO, run_id="live", stream=LIVE):
        ledger.deliveries.settle(claim, "created")
        sent.append(int(claim.source_id[-12:]))
    return sent


def stage(ledger: Ledger, stream: StreamKey, *rows: Any) -> None:
    ledger.staging.stage(stream, "run", rows, resume=None, page=1)


def of_window(ledger: Ledger) -> list[int]:
    """Return what a window decides: all that the lane holds and no decision stands for."""
    names: dict[str, Any] = {"company": 4242, "fingerprint": "mapping", "window_fingerprint": "window"}
    found = ledger.staging.undecided(LANE, "application", 1001, which="history", **names)
    return [int(row.source_id[-12:]) for chunk in found for row in chunk]


def reasons(ledger: Ledger) -> dict[str, int]:
    return {code: count for code, _, count in ledger.deliveries.rejections(states=("skipped_by_rule",))}


def test_refused_is_put_aside_with_the_name_of_who_said_no(ledger: Ledger, ready: Make) -> None:
    decide(ledger, A, ready(1), ready(2))
    assert ledger.deliveries.refuse(A, by="jane") == 2
    assert reasons(ledger) == {REFUSED: 2}
    assert ledger.deliveries.selected(A) == {}
    assert ledger.deliveries.claim(*TO, run_id=A, selected_for=A) is None
    last = ledger.deliveries.history(ready(1).source_id)[-1]
    told = (last.run_id, last.from_state, last.to_state, last.reason_code, last.field)
    assert told == (A, "ready", "skipped_by_rule", REFUSED, "jane")
    assert ledger.deliveries.refuse(A, by="jane") == 0
    assert ledger.deliveries.refuse("nobody/knows", by="jane") == 0


def test_many_are_refused_in_slices(ledger: Ledger) -> None:
    decide(ledger, A, *(Decision(f"{n:036d}", 1, "ready", payload={"n": n}) for n in range(1850)))
    assert ledger.deliveries.refuse(A, by="time-out") == 1850
    assert ledger.deliveries.selected(A) == {}


@pytest.mark.parametrize("read", ["before", "after"])
def test_a_live_run_does_not_send_who_was_refused(ledger: Ledger, source: Make, ready: Make, read: str) -> None:
    """Whatever is edited: by its age it is not new, like a record that nobody ever asked for."""
    stage(ledger, LANE, source(1))
    if read == "before":
        stage(ledger, LIVE, source(1))
        assert live(ledger, ready) == []
    decide(ledger, A, ready(1))
    ledger.deliveries.refuse(A, by="jane")
    for version in range(1, 4):
        stage(ledger, LIVE, source(1, version, f"Name{version}"))
        assert live(ledger, ready) == []
    assert reasons(ledger) == {NOT_NEW: 1}


def test_a_live_run_sends_what_is_new_to_it(ledger: Ledger, source: Make, ready: Make) -> None:
    """By its own scope: the refusal was about the window."""
    stage(ledger, LIVE, source(4), source(5))
    decide(ledger, A, ready(4), ready(5))
    ledger.deliveries.refuse(A, by="jane")
    assert live(ledger, ready) == [5]
    assert live(ledger, ready) == []
    assert reasons(ledger) == {NOT_NEW: 1}


def test_a_window_decides_the_refused_again(ledger: Ledger, source: Make, ready: Make) -> None:
    """Whoever asks once more gets them, whatever a live run has said of their age meanwhile."""
    stage(ledger, LANE, source(1, 3), source(2, 3))
    stage(ledger, LIVE, source(1, 2))
    decide(ledger, A, ready(1, 3), ready(2, 3))
    ledger.deliveries.refuse(A, by="jane")
    assert live(ledger, ready) == []
    assert of_window(ledger) == [1, 2]
    assert decide(ledger, B, ready(1, 3), ready(2, 3)) == {"ready": 2}
    assert ledger.deliveries.selected(B) == {"ready": 2}


def test_what_others_want_stays_theirs(ledger: Ledger, ready: Make) -> None:
    """The live lane's own, and what another run has in its outbox: the no was about this run."""
    decide(ledger, None, ready(1))
    decide(ledger, A, ready(1), ready(2), ready(3))
    decide(ledger, B, ready(2))
    assert ledger.deliveries.refuse(A, by="jane") == 1
    assert ledger.deliveries.counts(LIVE, "application", 1001) == {"ready": 1}
    assert ledger.deliveries.selected(B) == {"ready": 1}
    assert ledger.deliveries.refuse(B, by="jane") == 1


@pytest.mark.parametrize(
    ("state", "refused"), [("in_doubt", 0), ("sending", 0), ("retry", 1), ("ready", 1), ("created", 0)]
)
def test_what_may_have_arrived_is_not_put_aside(ledger: Ledger, ready: Make, state: Any, refused: int) -> None:
    """It has to be looked up; what surely was not processed is refused like the rest."""
    decide(ledger, A, ready(1))
    claim = ledger.deliveries.claim(*TO, run_id=A, selected_for=A)
    assert claim is not None
    if state != "sending":
        ledger.deliveries.settle(claim, state)
    assert ledger.deliveries.refuse(A, by="jane") == refused
    with ledger._database.read() as connection:
        assert connection.execute(run_outbox.select()).all() == []


def test_a_change_of_what_waits_for_a_person_is_left_to_its_lane(
    ledger: Ledger, source: Make, ready: Make, clock: Clock
) -> None:
    """A live run neither sends it nor takes it over; sent or refused, the change is looked at."""
    stage(ledger, LANE, source(1), source(2), source(5))
    decide(ledger, A, ready(1), ready(2), ready(5))
    stage(ledger, LIVE, source(1, 2, "Grace"), source(2, 2, "Grace"), source(5, 2, "Grace"))
    assert live(ledger, ready) == [5]
    assert ledger.deliveries.counts(LANE, "application", 1001) == {"ready": 2}
    claim = ledger.deliveries.claim(*TO, run_id=A, selected_for=A)
    assert claim is not None
    assert claim.payload["first_name"] == "Ada"
    ledger.deliveries.settle(claim, "created")
    clock.advance(timedelta(minutes=1).total_seconds())
    assert live(ledger, ready) == []
    assert ledger.deliveries.history(source(1).source_id)[-1].kind == "changed_after_load"
    # Without a border everything is the live run's.
    assert live(ledger, ready, border=None) == [2]


def test_a_replay_that_waits_for_a_person_is_not_sent_by_the_schedule(
    ledger: Ledger, source: Make, ready: Make, rejected: Make
) -> None:
    """Its records were the live lane's before: they wait for the run that was asked for them, and its no counts."""
    stage(ledger, LIVE, source(1))
    decide(ledger, None, rejected(1))
    ledger.deliveries.replay(LIVE, "application", 1001, run_id="cli")
    ledger.deliveries.decide(LIVE, "application", 1001, 4242, [ready(1)], A, fingerprint="mapping", selected_for=A)
    assert live(ledger, ready) == []
    assert ledger.deliveries.refuse(A, by="jane") == 1
    assert live(ledger, ready) == []
