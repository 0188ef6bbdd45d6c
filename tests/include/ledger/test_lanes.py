"""Two lanes decide the same deliveries: whoever comes first, asked for once stays asked for."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger.staging import PURGED
from include.ledger.states import NOT_NEW
from include.ledger.tables import staged
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
OTHER_LANE = dataclasses.replace(LIVE, dag_id="another").history()
START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "exact_contacts_to_personio_applications/backfill-1"
MAPPING, NOW, LATER = "mapping", "mapping and this window", "mapping and another window"
MARKED: dict[str, Any] = {"which": "marked"}


def minute(number: int) -> datetime:
    """Return when the fixture's record of this number was created."""
    return START + timedelta(minutes=number)


def stage(ledger: Ledger, stream: StreamKey, *rows: Any) -> None:
    ledger.staging.stage(stream, "run", rows, resume=None, page=1)


def decide(ledger: Ledger, stream: StreamKey, *decisions: Decision, window: str = NOW) -> dict[str, int]:
    """Decide as a run of the lane does: what a run of history decides goes into its outbox."""
    selected_for = RUN if stream.is_history else None
    counts = ledger.deliveries.decide(
        *(stream, "application", 1001, 4242, decisions, RUN),
        fingerprint=MAPPING,
        window_fingerprint=window,
        selected_for=selected_for,
    )
    return {name: count for name, count in counts.items() if count}


def waiting(ledger: Ledger, stream: StreamKey, *, window: str = NOW, **options: Any) -> dict[int, bool]:
    """Return what waits for a decision: number -> whether it was asked for."""
    found = ledger.staging.undecided(
        *(stream, "application", 1001),
        company=4242,
        fingerprint=MAPPING,
        window_fingerprint=window,
        **options,
    )
    return {int(row.source_id[-12:]): row.asked_for for chunk in found for row in chunk}


def in_window(ledger: Ledger, first: int, last: int, **options: Any) -> list[int]:
    window: dict[str, Any] = {"created_from": minute(first), "created_to": minute(last), **options}
    return list(waiting(ledger, LANE, which="history", **window))


def states(ledger: Ledger, stream: StreamKey) -> dict[str, int]:
    return ledger.deliveries.counts(stream, "application", 1001)


def claim(ledger: Ledger, **options: Any) -> Any:
    return ledger.deliveries.claim(4242, "application", 1001, run_id=RUN, **options)


@pytest.fixture
def not_new() -> Make:
    def make(number: int, version: int = 1) -> Decision:
        return Decision(f"00000000-0000-4000-8000-{number:012d}", version, "skipped_by_rule", NOT_NEW, "Created")

    return make


def test_a_window_is_half_open_and_decides_nothing_else(ledger: Ledger, source: Make) -> None:
    """Neighbouring windows share no record and miss none; rows without a date belong to none."""
    dateless = dataclasses.replace(source(9), created=None)
    stage(ledger, LANE, *(source(n) for n in range(1, 7)), dateless)
    assert [in_window(ledger, 1, 3), in_window(ledger, 3, 5), in_window(ledger, 5, 7)] == [[1, 2], [3, 4], [5, 6]]
    assert list(waiting(ledger, LANE, which="history", created_to=minute(3))) == [1, 2]
    assert list(waiting(ledger, LANE, which="history", created_from=minute(5))) == [5, 6]
    assert list(waiting(ledger, LANE, which="history")) == [1, 2, 3, 4, 5, 6, 9]


def test_what_was_not_new_for_one_window_is_decided_for_another(
    ledger: Ledger, source: Make, not_new: Make, rejected: Make
) -> None:
    """Only that: a decision by content stands for every window."""
    stage(ledger, LIVE, source(1), source(2))
    decide(ledger, LIVE, not_new(1), rejected(2))
    assert waiting(ledger, LIVE) == {}
    assert waiting(ledger, LIVE, window=LATER) == {1: False}
    stage(ledger, LANE, source(1), source(2))
    assert in_window(ledger, 0, 9, window=LATER) == [1]


@pytest.mark.parametrize("state", ["ready", "retry", "in_doubt", "sending"])
def test_a_window_takes_along_what_waits_to_be_sent(
    ledger: Ledger, source: Make, ready: Make, state: Any, clock: Clock
) -> None:
    """Whoever decided it: the run is to send it, and to know that it is on its way."""
    stage(ledger, LANE, source(1), source(2))
    decide(ledger, LIVE, ready(1), ready(2))
    taken = claim(ledger, stream=LIVE)
    if state != "sending":
        ledger.deliveries.settle(taken, state, due_at=clock.at)
    assert in_window(ledger, 0, 9) == [1, 2]
    came_to = decide(ledger, LANE, ready(1), ready(2))
    assert came_to == ({"ready": 2} if state in {"ready", "retry"} else {"in_flight": 1, "ready": 1})
    assert sum(ledger.deliveries.selected(RUN).values()) == 2
    # What waited already keeps its owner: the live lane sends it, whatever becomes of the run.
    assert states(ledger, LANE) == {}


def test_what_is_done_or_refused_stays_as_it_is(ledger: Ledger, source: Make, ready: Make, rejected: Make) -> None:
    """A backfill over what was loaded already has nothing to decide."""
    stage(ledger, LANE, source(1), source(2))
    decide(ledger, LIVE, ready(1), rejected(2))
    ledger.deliveries.settle(claim(ledger), "created")
    assert in_window(ledger, 0, 9) == []
    assert ledger.deliveries.selected(RUN) == {}


def test_rejections_that_a_contact_could_change_come_again_where_that_is_asked(
    ledger: Ledger, source: Make, rejected: Make
) -> None:
    """Only what a corrected main contact may change."""
    stage(ledger, LANE, source(1), source(2))
    by_contact = rejected(2)._replace(field="contact.Email")
    decide(ledger, LANE, rejected(1), by_contact)
    assert in_window(ledger, 0, 9) == []
    assert in_window(ledger, 0, 9, look_again=True) == [2]


@pytest.mark.parametrize("first", ["live", "history"])
@pytest.mark.parametrize("versions", [(5, 5), (5, 4), (4, 5)], ids=["same", "history is behind", "live is behind"])
def test_whoever_comes_first_the_record_is_asked_for(  # noqa: PLR0917 - fixtures and cases
    ledger: Ledger, source: Make, ready: Make, not_new: Make, first: str, versions: tuple[int, int]
) -> None:
    """A live run says that it is not new and a backfill wants it, in either order, with either row the newer one."""
    of_live, of_lane = versions
    stage(ledger, LIVE, source(1, of_live))
    stage(ledger, LANE, source(1, of_lane))
    steps = [(LIVE, not_new(1, of_live)), (LANE, ready(1, of_lane))]
    for stream, decision in steps if first == "live" else reversed(steps):
        decide(ledger, stream, decision)
    assert states(ledger, LANE) == {"ready": 1}
    assert ledger.deliveries.selected(RUN) == {"ready": 1}
    # It waits for the run that wants it, maybe for a person's word, even if the live lane has read a newer state.
    assert waiting(ledger, LIVE, created_from=minute(2)) == {}
    newer = {1: True} if of_live > of_lane else {}
    # Within the live lane's own scope it is the live lane's; sent, it is noted that it changed.
    assert waiting(ledger, LIVE, created_from=minute(1)) == {1: True}
    sent = claim(ledger, selected_for=RUN)
    ledger.deliveries.settle(sent, "created")
    assert waiting(ledger, LIVE, created_from=minute(2)) == newer


@pytest.mark.parametrize("outcome", ["rejected", "ready"])
def test_a_record_that_was_asked_for_is_decided_by_live_runs_when_it_changes(  # noqa: PLR0917 - fixtures and cases
    ledger: Ledger, source: Make, ready: Make, not_new: Make, rejected: Make, outcome: str
) -> None:
    """Never put aside for its age again, and then it is the live lane's."""
    stage(ledger, LANE, source(1))
    decide(ledger, LANE, rejected(1) if outcome == "rejected" else ready(1))
    stage(ledger, LIVE, source(1, 2))
    assert waiting(ledger, LIVE) == {1: True}
    assert decide(ledger, LIVE, not_new(1, 2)) == {"stale": 1}
    assert states(ledger, LANE) == {outcome: 1}
    assert waiting(ledger, LIVE) == {1: True}
    assert decide(ledger, LIVE, ready(1, 2, "Grace")) == {"ready": 1}
    assert claim(ledger, stream=LIVE).payload["first_name"] == "Grace"


def test_a_record_that_was_sent_or_marked_is_asked_for(
    ledger: Ledger, source: Make, ready: Make, not_new: Make
) -> None:
    """And one that is only put aside, or never decided, is not."""
    stage(ledger, LIVE, *(source(n, 1) for n in range(1, 5)))
    decide(ledger, LIVE, ready(1), not_new(2), not_new(3))
    ledger.deliveries.settle(claim(ledger), "created")
    marked = [source(2).source_id]
    ledger.deliveries.replay(LIVE, "application", 1001, run_id="cli", source_ids=marked)
    stage(ledger, LIVE, *(source(n, 2) for n in range(1, 5)))
    assert waiting(ledger, LIVE) == {1: True, 2: True, 3: False, 4: False}
    assert decide(ledger, LIVE, not_new(2, 2), not_new(3, 2)) == {"stale": 1, "skipped_by_rule": 1}
    assert waiting(ledger, LIVE) == {1: True, 2: True, 4: False}


def test_a_live_run_takes_over_what_a_history_lane_left_if_it_is_new(
    ledger: Ledger, source: Make, ready: Make, clock: Clock
) -> None:
    """Of its own DAG or another one; older records wait for the run that asked for them."""
    stage(ledger, LIVE, *(source(n) for n in range(1, 6)))
    decide(ledger, LANE, ready(2), ready(3))
    decide(ledger, OTHER_LANE, ready(4))
    decide(ledger, LIVE, ready(1), ready(5))
    late = claim(ledger, stream=LANE)
    ledger.deliveries.settle(late, "retry", due_at=clock.at)
    assert waiting(ledger, LIVE, created_from=minute(3)) == {3: True, 4: True}
    assert waiting(ledger, LIVE) == {2: True, 3: True, 4: True}
    decide(ledger, LIVE, ready(3), ready(4))
    assert waiting(ledger, LIVE, created_from=minute(3)) == {}
    assert states(ledger, LIVE) == {"ready": 4}
    # In flight or done, it is nobody's to take.
    ledger.deliveries.settle(claim(ledger, stream=LANE), "in_doubt")
    assert waiting(ledger, LIVE) == {}


def test_only_marked_rows_are_replayed_and_of_two_lanes_the_newer(
    ledger: Ledger, source: Make, rejected: Make
) -> None:
    """Deciding the older one after the newer one would bring back what was corrected."""
    stage(ledger, LIVE, source(1, 3), source(2, 3), source(3, 3), source(5, 3))
    stage(ledger, LANE, source(1, 2), source(2, 4), source(4, 4), source(5, 3))
    decide(ledger, LIVE, *(rejected(n, 3) for n in range(1, 6)))
    assert waiting(ledger, LIVE, **MARKED) == {}
    marked = [source(n).source_id for n in (1, 2, 4, 5)]
    ledger.deliveries.replay(LIVE, "application", 1001, run_id="cli", source_ids=marked)
    assert waiting(ledger, LIVE, **MARKED) == {1: True, 5: True}
    assert waiting(ledger, LANE, **MARKED) == {2: True, 4: True, 5: True}
    decide(ledger, LIVE, rejected(5, 3))
    assert waiting(ledger, LANE, **MARKED) == {2: True, 4: True}


def test_a_mark_on_a_record_whose_newer_copy_was_blanked_is_decided_by_the_other(
    ledger: Ledger, source: Make, rejected: Make
) -> None:
    """Nothing can be decided of what retention blanked; the older copy is the best there is."""
    stage(ledger, LIVE, source(1, 4))
    stage(ledger, LANE, source(1, 3))
    decide(ledger, LIVE, rejected(1, 4))
    with ledger._database.write() as connection:
        connection.execute(staged.update().where(staged.c.row_version == 4).values(sealed=PURGED))
    ledger.deliveries.replay(LIVE, "application", 1001, run_id="cli")
    assert waiting(ledger, LIVE, **MARKED) == {}
    assert waiting(ledger, LANE, **MARKED) == {1: True}
    assert decide(ledger, LANE, rejected(1, 3)) == {"rejected": 1}
    assert waiting(ledger, LANE, **MARKED) == {}


def test_a_row_of_a_window_that_was_blanked_has_to_be_read_again(
    ledger: Ledger, source: Make, rejected: Make, clock: Clock
) -> None:
    """Only if a decision is wanted on it, and only in that window."""

    def forgotten(first: int, last: int | None) -> bool:
        end = None if last is None else minute(last)
        return ledger.staging.forgotten_in(
            LANE, "application", 1001, 4242, minute(first), end, fingerprint=MAPPING, window_fingerprint=NOW
        )

    stage(ledger, LANE, source(1), source(5))
    decide(ledger, LANE, rejected(1), rejected(5))
    clock.advance(200 * 86_400)
    ledger.retention.purge(clock.at)
    assert not forgotten(0, None)
    ledger.deliveries.replay(LANE, "application", 1001, run_id="cli", source_ids=[source(5).source_id])
    assert forgotten(0, None)
    assert not forgotten(0, 5)
    counted: dict[str, Any] = {"fingerprint": MAPPING, "window_fingerprint": NOW}
    target: Any = (LANE, "application", 1001, 4242)
    assert ledger.deliveries.forgotten(*target, **counted) == 1
    assert ledger.deliveries.forgotten(*target, **counted, created_to=minute(5)) == 0
    stage(ledger, LANE, source(5))
    assert not forgotten(0, None)


@pytest.mark.parametrize("which", ["live", "history", "marked"])
def test_searches_walk_along_indexes(sqlite_ledger: Ledger, plans: Make, source: Make, which: str) -> None:
    """Rows are never walked through as a whole, nothing is sorted, and no delivery is found but by its record."""
    stage(sqlite_ledger, LIVE, source(1))
    explained = plans(lambda: waiting(sqlite_ledger, LIVE, which=which, created_from=START))
    plan = next(lines for statement, lines in explained.items() if "EXISTS" in statement)
    assert any("ledger_staged USING COVERING INDEX ix_ledger_staged_stored" in line for line in plan), plan
    by_record = "INDEX ix_ledger_deliveries_source (source_id=? AND division=? AND entity=? AND destination=?"
    others = [line for line in plan if "SEARCH ledger_deliveries" in line]
    assert others
    assert all(by_record in line for line in others), plan
    assert not any("SCAN" in line or "TEMP B-TREE" in line for line in plan), plan
