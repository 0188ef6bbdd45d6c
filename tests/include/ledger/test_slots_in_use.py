"""A slot counts from when its call leaves: whoever was slow to use it does not fit one too many into a window."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.ledger.limit_tables import pacer_grants
from include.ledger.pacing import SharedPacer

if TYPE_CHECKING:
    from include.ledger import Ledger

WINDOW, LIMIT, CALLERS = 60.0, 3, 4
PROMPT = WINDOW / 200
BUCKETS = (f"used-{number}" for number in itertools.count())

STEPS = st.lists(
    st.tuples(st.integers(0, CALLERS - 1), st.sampled_from([0.0, 0.2, 0.5, 7.0, 29.0, 60.0, 61.0])), max_size=40
)


def callers(ledger: Ledger) -> list[SharedPacer]:
    """Return pacers of as many processes."""
    return [SharedPacer(ledger._database) for _ in range(CALLERS)]


def acquire(pacer: SharedPacer, bucket: str) -> float:
    return pacer.acquire(bucket, limit=LIMIT, seconds=WINDOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_window_holds_more_calls_than_slots_whenever_they_leave(ledger: Ledger, clock: Any, steps: Any) -> None:
    """Each caller takes a slot, and uses it at its next step, however much later that is."""
    bucket, crowd, holds = next(BUCKETS), callers(ledger), [False] * CALLERS
    left: list[float] = []
    for who, seconds in steps:
        clock.advance(seconds)
        if holds[who]:
            holds[who] = False
            if crowd[who].use(bucket):
                left.append(clock.at.timestamp())
        else:
            holds[who] = not acquire(crowd[who], bucket)
    for end in left:
        assert sum(end - WINDOW + PROMPT < at <= end for at in left) <= LIMIT


def test_a_prompt_call_costs_no_write(ledger: Ledger, clock: Any) -> None:
    bucket, [pacer, *_] = next(BUCKETS), callers(ledger)
    acquire(pacer, bucket)
    taken = clock.at
    clock.advance(PROMPT / 2)
    assert pacer.use(bucket)
    with ledger._database.read() as connection:
        [at] = connection.execute(pacer_grants.select().with_only_columns(pacer_grants.c.at)).scalars()
    assert at == round(taken.timestamp() * 1e6)


def test_a_slot_that_is_over_is_given_back(ledger: Ledger, clock: Any) -> None:
    """Its window has passed, and others may have filled the next one."""
    bucket, [pacer, *others] = next(BUCKETS), callers(ledger)
    acquire(pacer, bucket)
    clock.advance(WINDOW + 1)
    assert [acquire(other, bucket) for other in others] == [0.0] * LIMIT
    assert not pacer.use(bucket)
    assert acquire(pacer, bucket) > 0


def test_a_slot_is_used_once(ledger: Ledger, clock: Any) -> None:
    """A call that is repeated within its slot, as after a cut connection, takes another one first."""
    bucket, [pacer, *_] = next(BUCKETS), callers(ledger)
    acquire(pacer, bucket)
    clock.advance(5)
    assert pacer.use(bucket)
    clock.advance(WINDOW - 1)
    assert [acquire(pacer, bucket) for _ in range(LIMIT - 1)] == [0.0] * (LIMIT - 1)
    assert acquire(pacer, bucket) == 1.000001


def test_a_call_is_dated_when_the_ledger_lets_it_go(ledger: Ledger, clock: Any, monkeypatch: Any) -> None:
    """Whoever waits for the ledger's lock leaves only then."""
    bucket, [pacer, other, *_] = next(BUCKETS), callers(ledger)
    acquire(pacer, bucket)
    clock.advance(1)
    write = ledger._database.write

    def slow_write() -> Any:
        clock.advance(20)
        return write()

    with monkeypatch.context() as patch:
        patch.setattr(ledger._database, "write", slow_write)
        assert pacer.use(bucket)
    assert [acquire(other, bucket) for _ in range(LIMIT - 1)] == [0.0] * (LIMIT - 1)
    assert acquire(other, bucket) == WINDOW + 0.000001
