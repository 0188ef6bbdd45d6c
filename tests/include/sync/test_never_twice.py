"""What changed between two runs, or took too long, makes nobody apply twice and forgets nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet

from include.clients.endpoints import find_endpoint
from include.errors import OutcomeUnknownError, RetryLaterError
from include.ledger import Ledger, open_ledger
from include.records import Decision, Page
from include.sync.left_behind import rows_like, same_value
from include.sync.load import Loader, Sent
from include.sync.single_write import write_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from include.clients.exact import ExactClient
    from include.ledger.claims import Claim
    from include.sync.delivery import Found
    from include.sync.job import Job


class Taking:
    """A destination that takes everything."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append((claim.source_id, claim.payload["job_position_id"]))
        return Sent()

    def find(self, claim: Claim) -> Found | None:  # noqa: ARG002 - it cannot tell
        return None


def decide(ledger: Ledger, job: Job, ids: list[str], fingerprint: str) -> None:
    decisions = [
        Decision(
            source_id,
            n + 1,
            "ready",
            payload={"email": f"p{n}@example.org", "job_position_id": job.position},
            email=f"p{n}@example.org",
        )
        for n, source_id in enumerate(ids)
    ]
    ledger.deliveries.decide(
        job.stream, job.destination, job.position, job.company, decisions, "r2", fingerprint=fingerprint
    )


def undecided(ledger: Ledger, job: Job) -> list[str]:
    chunks = ledger.staging.undecided(job.stream, job.destination, job.position, fingerprint="g", company=job.company)
    return [row.source_id for rows in chunks for row in rows]


def test_lease_of_another_company_is_not_waited_for(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    """A worker died, then the company id was corrected: nobody can take that lease over any more."""
    ready(1)
    assert ledger.deliveries.claim(
        job.company, job.destination, job.position, stream=job.stream, run_id="d/r1", lease_seconds=0.001
    )
    corrected = Loader(ledger, Taking(), replace(job, company=job.company + 1), "d/r2", sleep=lambda _left: None)
    # Without the company, it would look for the lease and not find its claim, over and over.
    assert not corrected._wait_for_others()
    assert corrected.run() == {}


def test_corrected_position_takes_over_what_waited(
    ledger: Ledger, job: Job, ready: Callable[[int], list[str]]
) -> None:
    ids = ready(3)
    desk = ledger.deliveries
    limited = desk.claim(job.company, job.destination, job.position, stream=job.stream, run_id="d/r1")
    assert limited is not None
    # One was refused unprocessed and waits for its time, one has arrived, one was not sent yet.
    later = datetime.now(UTC) + timedelta(hours=1)
    desk.settle(limited, "retry", reason_code="personio.limit.recruiting", status=429, due_at=later)
    taken = desk.claim(job.company, job.destination, job.position, stream=job.stream, run_id="d/r1")
    assert taken is not None
    desk.settle(taken, "created", status=201)

    corrected = replace(job, position=2002)
    expected = sorted(set(ids) - {taken.source_id})
    assert sorted(undecided(ledger, corrected)) == expected
    decide(ledger, corrected, expected, "g")
    delivery = Taking()
    Loader(ledger, delivery, corrected, "d/r2").run()
    Loader(ledger, delivery, job, "d/r3").run()
    assert sorted(delivery.sent) == [(source_id, 2002) for source_id in expected]
    last = ledger.deliveries.history(expected[0])
    assert ("skipped_by_rule", "ledger.job_position_id.superseded", job.position) in {
        (event.to_state, event.reason_code, event.job) for event in last
    }
    assert undecided(ledger, job) == []


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def two(tmp_path: Path, clock: Clock) -> Iterator[tuple[Ledger, Ledger]]:
    key, url = Fernet.generate_key().decode(), f"sqlite:///{tmp_path}/shared.db"
    with open_ledger(url, key, clock=clock) as one, open_ledger(url, key, clock=clock) as other:
        yield one, other


def test_look_up_that_outlasts_its_lease_sends_nothing(two: tuple[Ledger, Ledger], clock: Clock) -> None:
    made: list[str] = []

    def send() -> str:
        made.append(f"id-{len(made) + 1}")
        return made[-1]

    def lost() -> str:
        raise OutcomeUnknownError("lost", reason_code="exact.answer.lost")

    def write(ledger: Ledger, send: Callable[[], str], find: Callable[[datetime], list[str]]) -> object:
        return write_once(ledger, "dag/run/task/-1", "crm/Accounts", {"Name": "x"}, send=send, find=find)

    def slow(_since: datetime) -> list[str]:
        clock.at += timedelta(seconds=121)
        write(two[1], send, lambda _since: [])
        return []

    with pytest.raises(RetryLaterError):
        write(two[0], lost, lambda _since: [])
    with pytest.raises(RetryLaterError) as caught:
        write(two[0], send, slow)
    assert caught.value.reason_code == "ledger.write.under_way"
    assert made == ["id-1"]
    assert getattr(write(two[0], send, slow), "remote_id", None) == "id-1"


class Behind:
    """Exact with a clock behind ours, as far as the look-up asks it."""

    class config:  # noqa: N801, D106 - stands for the client's settings
        zone = ZoneInfo("Europe/Amsterdam")

    def __init__(self, skew: timedelta) -> None:
        self.skew = skew
        self.asked = ""

    def clock_skew(self) -> timedelta:
        return self.skew

    def pages(self, path: str, *, filter: str) -> Iterator[Page]:  # noqa: A002, ARG002 - as the client has it
        self.asked = filter
        yield Page(1, [{"ID": "guid", "Name": "x"}], None)


@pytest.mark.parametrize(("minutes", "asked"), [(-5, "11:55:00.000"), (5, "12:00:00.000")])
def test_look_up_goes_by_exacts_clock(minutes: int, asked: str) -> None:
    """With a clock that is behind ours, the row we made seems older than the attempt that made it."""
    exact = Behind(timedelta(minutes=minutes))
    since = datetime(2026, 3, 1, 11, tzinfo=UTC)
    client = cast("ExactClient", cast("Any", exact))
    assert rows_like(client, find_endpoint("crm/Accounts"), {"Name": "x"}, since) == ["guid"]
    assert exact.asked == f"Created ge datetime'2026-03-01T{asked}'"


def test_other_line_ends_are_the_same_text() -> None:
    assert same_value("one\r\ntwo", "one\ntwo ")
    assert not same_value("one two", "onetwo")
