"""Loads that take longer than one window of the limit: pauses, bounds, shares, kills."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import PermissionDeniedError, RateLimitedError
from include.ledger import open_ledger
from include.sync.delivery import RecordHeldUpError
from include.sync.load import Begun, Paused
from long_load import RUN, WINDOW, Clock, Personio, fill, go_on, job_of, kept, loader, states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.sync.job import Job


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    with open_ledger("sqlite://", Fernet.generate_key().decode(), clock=clock) as opened:
        yield opened


@pytest.fixture
def personio(ledger: Ledger, clock: Clock) -> Personio:
    return Personio(ledger, clock)


@pytest.mark.parametrize("job", [job_of(), job_of().history()], ids=["live", "history"])
def test_turn_ends_where_the_next_slot_is_far_with_nothing_claimed(
    ledger: Ledger, personio: Personio, job: Job
) -> None:
    fill(ledger, job, RUN, range(50))
    pause = loader(personio, job).turn()
    assert isinstance(pause, Paused)
    assert len(personio.arrived) == 20
    assert states(ledger, job) == {"created": 20, "ready": 30}
    assert (pause.done, pause.left) == (20, 30)
    # The first of the twenty is a window old then, and the next can leave.
    assert pause.until == datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=WINDOW, microseconds=1)


def test_load_without_pauses_sleeps(ledger: Ledger, personio: Personio) -> None:
    """As with ``EXACT_PERSONIO_DEFER_LOAD=no``, and where nobody asked for pauses."""
    everybody = fill(ledger, job_of(), RUN, range(50))
    assert loader(personio, job_of(), pause_after=None).run() == {"created": 50}
    assert set(personio.arrived) == everybody
    more = fill(ledger, job_of(), "d/2", range(50, 100))
    assert loader(personio, job_of(), "d/2").run() == {"created": 50}
    assert Counter(personio.arrived) == Counter(everybody | more)


KILLS = st.dictionaries(st.integers(1, 60), st.sampled_from(["before", "after"]), max_size=6)


@pytest.mark.parametrize("job", [job_of(), job_of().history()], ids=["live", "history"])
def test_everybody_is_sent_once_whatever_is_killed(job: Job) -> None:
    """Kills at any request, before it leaves or after it arrived; the counts hold over all of it."""

    @settings(max_examples=12)
    @given(count=st.integers(0, 45), limit=st.integers(2, 20), kills=KILLS)
    def check(count: int, limit: int, kills: dict[int, str]) -> None:
        clock = Clock()
        with open_ledger("sqlite://", Fernet.generate_key().decode(), clock=clock) as ledger:
            personio = Personio(ledger, clock, limit=limit, kills=kills)
            everybody = fill(ledger, job, RUN, range(count))
            counts, _ = go_on(personio, job)
            assert Counter(personio.arrived) == Counter(everybody)
            assert counts == ({"created": count} if count else {})
            assert states(ledger, job) == counts

    check()


@pytest.mark.parametrize("kills", [{}, {1: "after", 3: "before", 4: "after"}], ids=["calm", "killed"])
def test_bound_holds_over_pauses_and_kills(ledger: Ledger, personio: Personio, kills: dict[int, str]) -> None:
    """Five of thirty at two a window: three turns send five, though more is in the outbox."""
    job = job_of().history()
    fill(ledger, job, RUN, range(30))
    personio.limit, personio.kills = 2, kills
    counts, pauses = go_on(personio, job, max_records=5)
    assert (len(personio.arrived), len(set(personio.arrived)), counts["created"]) == (5, 5, 5)
    assert len(pauses) >= 2
    assert states(ledger, job) == {"created": 5, "ready": 25}
    # A task that is cleared is the same run: it has had its five.
    again, _ = go_on(personio, job, max_records=5)
    assert len(personio.arrived) == 5
    assert again["created"] == 5


def test_doubt_of_a_bounded_load_is_looked_up(ledger: Ledger, personio: Personio) -> None:
    """A canary whose answer got lost is settled, and nobody else is sent in its place."""
    job = job_of().history()
    first = min(fill(ledger, job, RUN, range(5)))
    personio.kills = {1: "after"}
    go_on(personio, job, max_records=1)
    assert personio.arrived == [first]
    assert states(ledger, job) == {"created": 1, "ready": 4}


def test_live_load_leaves_the_rest_after_its_share_of_time(ledger: Ledger, personio: Personio) -> None:
    """Five minutes at twenty a minute; the next run sends what is left."""
    job = job_of()
    everybody = fill(ledger, job, RUN, range(150))
    counts, _ = go_on(personio, job, share_minutes=5)
    assert counts["created"] == 5 * 20
    assert counts["left"] == 150 - counts["created"]
    assert states(ledger, job) == {"created": counts["created"], "ready": counts["left"]}
    rest, _ = go_on(personio, job, "d/next", share_minutes=5)
    assert rest == {"created": counts["left"]}
    assert Counter(personio.arrived) == Counter(everybody)


def test_backfill_has_no_share_of_time(ledger: Ledger, personio: Personio) -> None:
    job = job_of().history()
    fill(ledger, job, RUN, range(50))
    counts, pauses = go_on(personio, job, share_minutes=1)
    assert counts == {"created": 50}
    assert len(pauses) == 2


def test_progress_tells_rate_and_finish(ledger: Ledger, personio: Personio) -> None:
    """Twenty a window of 61.25 s: 19.6 a minute, and a hundred more take five windows."""
    job = job_of().history()
    fill(ledger, job, RUN, range(120))
    _, pauses = go_on(personio, job)
    progress = [pause.progress() for pause in pauses]
    assert [(told["done"], told["left"]) for told in progress] == [(20 * n, 120 - 20 * n) for n in range(1, 6)]
    assert {told["per_minute"] for told in progress} == {19.6}
    finish = {datetime.fromisoformat(told["finish"]) for told in progress}
    expected = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=6 * WINDOW)
    assert all(abs(told - expected) <= timedelta(seconds=2) for told in finish)


def test_progress_goes_on_after_a_kill(ledger: Ledger, personio: Personio) -> None:
    """What was done before counts as done, and not into the rate of the attempt that goes on."""
    job = job_of().history()
    fill(ledger, job, RUN, range(60))
    personio.kills = {30: "before"}
    _, pauses = go_on(personio, job)
    assert [pause.done for pause in pauses][:1] == [20]
    assert pauses[-1].done > 30
    assert pauses[-1].per_minute is not None
    assert pauses[-1].per_minute < 20


def test_new_record_passes_a_running_backfill(ledger: Ledger, personio: Personio) -> None:
    """It comes in the middle of two hundred, and is sent within two windows; the backfill ends all the same."""
    live, history = job_of(), job_of().history()
    fill(ledger, history, RUN, range(200))
    begun: Begun | None = None
    for turn in range(40):
        if turn == 3:
            (newest,) = fill(ledger, live, "d/live", range(1000, 1001))
            came = personio.clock.at
            go_on(personio, live, "d/live", share_minutes=30)
            assert newest in personio.arrived
            assert personio.clock.at - came < timedelta(seconds=2 * WINDOW)
            assert states(ledger, history)["ready"] > 100
        ended = loader(personio, history, begun=begun).turn()
        if not isinstance(ended, Paused):
            break
        begun, personio.clock.at = kept(ended), max(personio.clock.at, ended.until)
    assert len(personio.arrived) == len(set(personio.arrived)) == 201


def test_backfill_sends_what_it_selected_and_nothing_of_the_live_lane(ledger: Ledger, personio: Personio) -> None:
    fill(ledger, job_of(), "d/live", range(100, 110))
    mine = fill(ledger, job_of().history(), RUN, range(10))
    assert go_on(personio, job_of().history())[0] == {"created": 10}
    assert set(personio.arrived) == mine


def test_what_a_person_must_see_is_told_at_the_end_of_all_turns(ledger: Ledger, personio: Personio) -> None:
    """One record of the first turn waits for a person: the others are sent, over the pause, and then it is said."""
    job = job_of()
    fill(ledger, job, RUN, range(30))
    cause = PermissionDeniedError("Not readable.", reason_code="personio.email.unreadable", way_out="Allow it.")
    personio.refusals = [RecordHeldUpError(cause)]
    pause = loader(personio, job).turn()
    assert isinstance(pause, Paused)
    personio.clock.at = pause.until
    with pytest.raises(PermissionDeniedError, match="Allow it") as told:
        loader(personio, job, begun=kept(pause)).turn()
    assert told.value.reason_code == "personio.email.unreadable"
    assert states(ledger, job) == {"created": 29, "retry": 1}


def limited(status: int | None) -> RateLimitedError:
    return RateLimitedError("Used up.", reason_code="personio.limit.recruiting", status=status)


def test_third_refusal_in_a_row_ends_the_attempt_also_over_pauses(ledger: Ledger, personio: Personio) -> None:
    """Somebody else uses the limit up: Airflow's own retry waits longer than a pause does."""
    job = job_of()
    fill(ledger, job, RUN, range(3))
    personio.refusals = [limited(429) for _ in range(3)]
    with pytest.raises(RateLimitedError):
        go_on(personio, job)
    assert personio.arrived == []
    personio.clock.sleep(60)
    assert go_on(personio, job)[0] == {"created": 3}


def test_waiting_behind_another_lane_is_no_refusal(ledger: Ledger, personio: Personio) -> None:
    """Our own pacing said so, not Personio: the load pauses as often as it takes."""
    job = job_of().history()
    fill(ledger, job, RUN, range(3))
    personio.refusals = [limited(None) for _ in range(5)]
    counts, pauses = go_on(personio, job)
    assert counts == {"created": 3}
    assert len(pauses) == 5


def test_load_with_nothing_to_send_does_not_wait_for_a_slot(ledger: Ledger, personio: Personio) -> None:
    while not ledger.pacer.acquire("b", limit=personio.limit, seconds=WINDOW):
        pass
    assert loader(personio, job_of()).turn() == {}


def test_lease_of_a_crashed_worker_is_paused_over(ledger: Ledger, personio: Personio) -> None:
    """Nothing else is left to send, and 105 s of waiting need no worker."""
    job = job_of()
    fill(ledger, job, RUN, range(1))
    personio.kills = {1: "after"}
    counts, pauses = go_on(personio, job)
    assert counts == {"created": 1}
    assert len(pauses) == 1
    assert len(personio.arrived) == 1
