"""Accounts that were rejected for their main contact: found again when the contact is corrected, at few calls."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from include.errors import ConfigurationError, ServiceUnavailableError
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from include.sync.looking_again import look_again_every
from line import DIVISION, Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger

FEED, LOOK_UP = "sync/CRM/Accounts", "crm/Contacts"


class Clock:
    """The ledger's clock, which a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with open_ledger(url, Fernet.generate_key().decode(), clock=clock) as opened:
        yield opened


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    settings = SandboxSettings()
    settings.exact.minutely_limit = 100_000
    settings.personio.recruiting_per_minute = 100_000
    with RunningSandbox(settings) as running:
        yield running


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox, entity="Accounts")
    made.log_in()
    return made


def company(sandbox: RunningSandbox, number: int, email: str | None) -> str:
    """Let an account appear with one contact, its main contact; return the contact's ID."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})
    person: dict[str, Any] = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": email}
    return str(exact.add_contact(DIVISION, {"Account": account["ID"], **person})["ID"])


def correct(sandbox: RunningSandbox, contact: str, email: str) -> None:
    sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"Email": email})


def run(line: Line, run_id: str) -> dict[str, int]:
    """Run once; return the calls that Exact saw."""
    line.sandbox.sandbox.log.clear()
    line.run(run_id)
    return Counter(entry.kind for entry in line.sandbox.sandbox.log.entries() if entry.service == "exact")


def applicants(sandbox: RunningSandbox) -> list[str]:
    return sorted(str(row["email"]) for row in sandbox.sandbox.personio.contents()["applications"])


def test_corrected_contact_is_found_after_a_day_and_sent_once(
    line: Line, sandbox: RunningSandbox, clock: Clock
) -> None:
    """Before a day is over nothing is asked; then one look-up, one application, and never again."""
    company(sandbox, 1, "sanne1@example.org")
    contact = company(sandbox, 2, None)
    run(line, "r1")
    assert applicants(sandbox) == ["sanne1@example.org"]
    correct(sandbox, contact, "sanne2@example.org")
    clock.ahead = timedelta(hours=23)
    assert run(line, "r2") == {FEED: 1}
    clock.ahead = timedelta(hours=24, minutes=1)
    assert run(line, "r3") == {FEED: 1, LOOK_UP: 1}
    assert applicants(sandbox) == ["sanne1@example.org", "sanne2@example.org"]
    for day in range(2, 6):
        clock.ahead = timedelta(days=day)
        assert run(line, f"day{day}") == {FEED: 1}
    assert applicants(sandbox) == ["sanne1@example.org", "sanne2@example.org"]
    assert line.states() == {"created": 2}


def test_what_stays_wrong_costs_one_call_a_day_for_sixty(line: Line, sandbox: RunningSandbox, clock: Clock) -> None:
    """Rejected at different hours, they still share one look-up a day; their stories do not grow."""
    for hour in range(5):
        clock.ahead = timedelta(hours=hour)
        company(sandbox, hour, None)
        run(line, f"r{hour}")
    lines = len(line.ledger.deliveries.history(_source(line)))
    look_ups = 0
    for hour in range(10, 10 + 5 * 24, 3):
        clock.ahead = timedelta(hours=hour, minutes=1)
        seen = run(line, f"r{hour}")
        assert seen[FEED] == 1
        look_ups += seen.get(LOOK_UP, 0)
    assert look_ups == 5
    assert line.states() == {"rejected": 5}
    assert len(line.ledger.deliveries.history(_source(line))) == lines


def _source(line: Line) -> str:
    job = line.job
    return next(iter(line.ledger.deliveries.listing(job.stream, job.destination, job.position))).source_id


def test_look_ups_are_bounded_and_the_oldest_go_first(
    line: Line, sandbox: RunningSandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a run may look at: the rest follow with the next run, until all were looked at."""
    monkeypatch.setattr("include.sync.looking_again.LIMIT", 60)
    for number in range(70):
        company(sandbox, number, None)
    run(line, "r1")
    clock.ahead = timedelta(hours=25)
    assert run(line, "r2") == {FEED: 1, LOOK_UP: 1}
    assert run(line, "r3") == {FEED: 1, LOOK_UP: 1}
    assert run(line, "r4") == {FEED: 1}


def test_failed_look_up_is_made_good_by_the_retry(line: Line, sandbox: RunningSandbox, clock: Clock) -> None:
    contact = company(sandbox, 1, None)
    run(line, "r1")
    correct(sandbox, contact, "sanne1@example.org")
    clock.ahead = timedelta(hours=25)
    sandbox.sandbox.faults.add(Fault("status", match=f"GET {LOOK_UP}", times=3, status=503))
    with pytest.raises(ServiceUnavailableError):
        run(line, "r2")
    run(line, "r2")
    assert applicants(sandbox) == ["sanne1@example.org"]


def test_account_without_contact_is_not_asked_for(line: Line, sandbox: RunningSandbox, clock: Clock) -> None:
    """To get a main contact its own row has to change, and then the feed brings it."""
    sandbox.sandbox.exact.add_account(DIVISION, {"Name": "Voorbeeld"})
    run(line, "r1")
    assert line.ledger.deliveries.rejections() == [("exact.MainContact.missing", "MainContact", 1)]
    clock.ahead = timedelta(days=3)
    assert run(line, "r2") == {FEED: 1}


def test_what_was_forgotten_is_left_out_aloud_and_comes_back_when_it_is_read(
    line: Line, sandbox: RunningSandbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Retention blanks a rejected account; it is neither looked at nor decided on as empty until it is read again."""
    contact = company(sandbox, 1, None)
    run(line, "r1")
    reasons = line.ledger.deliveries.rejections()
    clock.ahead = timedelta(days=181)
    line.ledger.retention.purge(clock() - timedelta(days=180))
    correct(sandbox, contact, "sanne1@example.org")
    assert run(line, "r2") == {FEED: 1}
    assert line.ledger.deliveries.rejections() == reasons
    job = line.job
    line.ledger.deliveries.replay(job.stream, job.destination, job.position, run_id="by-hand")
    with caplog.at_level(logging.WARNING):
        run(line, "r3")
    assert "lower `to` in the XCom `watermark`" in caplog.text
    assert line.ledger.deliveries.rejections() == reasons
    line.watermarks["r3"]["to"] = "1"
    run(line, "r4")
    assert applicants(sandbox) == ["sanne1@example.org"]


def test_other_position_says_how_many_it_leaves_out(
    ledger: Ledger, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody applies twice by a changed setting, but the log says so and names the way."""
    for number in range(3):
        company(sandbox, number, f"sanne{number}@example.org")
    for position in (1001, 1002):
        line = Line(ledger, sandbox, entity="Accounts", position=position)
        line.log_in()
        with caplog.at_level(logging.INFO):
            run(line, f"r{position}")
    assert "3 records are left out for position 1002" in caplog.text
    assert "PersonioCreateApplicationOperator" in caplog.text
    assert "'sent_elsewhere': 3" in caplog.text
    assert len(applicants(sandbox)) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", timedelta(hours=24)), (" 6 ", timedelta(hours=6)), ("0", None)],
)
def test_setting_is_read(text: str, expected: timedelta | None) -> None:
    assert look_again_every({"EXACT_PERSONIO_LOOK_AGAIN_HOURS": text}) == expected


@pytest.mark.parametrize("text", ["daily", "-1", "1.5", "9999999", "²"])
def test_wrong_setting_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="EXACT_PERSONIO_LOOK_AGAIN_HOURS"):
        look_again_every({"EXACT_PERSONIO_LOOK_AGAIN_HOURS": text})
