"""A person applies for one position: what waits for another one gives way when one is sent, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from forks import FORKS
from include.ledger import open_ledger
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Claim, Ledger

Make = Any
LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
OLD, NEW = 1001, 1002
A = f"{LIVE.dag_id}/a"


def decide(ledger: Ledger, run: str | None, position: int, *decisions: Decision) -> None:
    ledger.deliveries.decide(
        LIVE if run is None else LANE,
        *("application", position, 4242, decisions, run or "live"),
        fingerprint="mapping",
        selected_for=run,
    )


def take(ledger: Ledger, run: str | None, position: int) -> Claim | None:
    stream = LIVE if run is None else LANE
    return ledger.deliveries.claim(
        4242, "application", position, run_id=run or "live", stream=stream, selected_for=run
    )


def end(ledger: Ledger, claim: Claim | None, state: Any) -> None:
    assert claim is not None
    assert ledger.deliveries.settle(claim, state)


def counts(ledger: Ledger, stream: StreamKey, position: int) -> dict[str, int]:
    return ledger.deliveries.counts(stream, "application", position)


def test_what_a_run_of_history_decides_puts_nothing_aside(ledger: Ledger, ready: Make) -> None:
    """It may be refused, or never run: the live lane's records are still sent."""
    decide(ledger, None, OLD, ready(1), ready(2))
    decide(ledger, A, NEW, ready(1), ready(2))
    assert counts(ledger, LIVE, OLD) == {"ready": 2}
    ledger.deliveries.refuse(A, by="jane")
    end(ledger, take(ledger, None, OLD), "created")
    end(ledger, take(ledger, None, OLD), "created")


@pytest.mark.parametrize("state", ["sending", "in_doubt", "created", "already_there"])
@pytest.mark.parametrize("first", [(None, OLD), (A, NEW)], ids=["live first", "history first"])
def test_whoever_is_second_gives_way(ledger: Ledger, ready: Make, state: str, first: tuple[str | None, int]) -> None:
    """The next record is taken instead; the story says why."""
    decide(ledger, None, OLD, ready(1))
    decide(ledger, A, NEW, ready(1))
    second: tuple[str | None, int] = (A, NEW) if first[0] is None else (None, OLD)
    decide(ledger, *second, ready(2))
    claim = take(ledger, *first)
    if state != "sending":
        end(ledger, claim, state)
    following = take(ledger, *second)
    assert following is not None
    assert following.source_id == ready(2).source_id
    assert take(ledger, *second) is None
    story = ledger.deliveries.history(ready(1).source_id)
    told = [(line.job, line.to_state) for line in story if line.reason_code == "ledger.job_position_id.superseded"]
    assert told == [(second[1], "skipped_by_rule")]
    # It is in no outbox any more; what was taken is, until it is settled.
    mine = [ready(2).source_id] if first[0] is None else [ready(1).source_id] * (state in {"sending", "in_doubt"})
    assert sum(ledger.deliveries.selected(A).values()) == len(mine)


def test_what_came_up_while_another_position_was_on_its_way_gives_way(ledger: Ledger, ready: Make) -> None:
    """Decided before, or after, the other one was taken."""
    decide(ledger, None, OLD, ready(1))
    claim = take(ledger, None, OLD)
    decide(ledger, A, NEW, ready(1))
    assert take(ledger, A, NEW) is None
    assert counts(ledger, LANE, NEW) == {"skipped_by_rule": 1}
    end(ledger, claim, "created")


def test_if_nothing_came_of_the_other_position_the_record_is_decided_again(
    ledger: Ledger, source: Make, ready: Make
) -> None:
    """A canary for a position that does not exist must not cost the live lane a person."""
    ledger.staging.stage(LIVE, "r", [source(1)], resume=None, page=1)
    decide(ledger, None, OLD, ready(1))
    decide(ledger, A, NEW, ready(1))
    claim = take(ledger, A, NEW)
    assert take(ledger, None, OLD) is None

    def waits() -> int:
        found = ledger.staging.undecided(LIVE, "application", OLD, fingerprint="mapping", company=4242)
        return sum(len(chunk) for chunk in found)

    assert waits() == 0
    end(ledger, claim, "rejected")
    assert waits() == 1
    decide(ledger, None, OLD, ready(1))
    end(ledger, take(ledger, None, OLD), "created")


def test_other_companies_destinations_and_records_are_apart(ledger: Ledger, ready: Make) -> None:
    decide(ledger, None, OLD, ready(1))
    end(ledger, take(ledger, None, OLD), "created")
    others: list[Any] = [(4243, "application", NEW), (4242, "employee", 0)]
    for company, destination, position in others:
        ledger.deliveries.decide(LANE, destination, position, company, [ready(1)], A, selected_for=A)
        assert ledger.deliveries.claim(company, destination, position, run_id=A, selected_for=A) is not None
    decide(ledger, A, NEW, ready(2))
    assert take(ledger, A, NEW) is not None


def send_all(url: str, key: str, run: str | None, position: int) -> list[str]:
    sent = []
    with open_ledger(url, key) as ledger:
        while claim := take(ledger, run, position):
            sent.append(claim.source_id)
            ledger.deliveries.settle(claim, "created")
    return sent


def test_two_loads_at_once_send_everybody_once(url: str, key: str) -> None:
    """For two positions, in two processes, the same people: each applies exactly once."""
    people = [Decision(f"{n:036d}", 1, "ready", payload={"n": n}, email=f"p{n}@example.org") for n in range(80)]
    with open_ledger(url, key) as ledger, FORKS.Pool(2) as pool:
        decide(ledger, None, OLD, *people)
        decide(ledger, A, NEW, *reversed(people))
        lines = [(url, key, None, OLD), (url, key, A, NEW)]
        sent = [one for mine in pool.starmap(send_all, lines, chunksize=1) for one in mine]
    assert sorted(sent) == [one.source_id for one in people]
