"""Plan to commit against the sandbox: what arrives, what it costs, and what bad input gets."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import (
    AbortError,
    ConfigurationError,
    CredentialsError,
    ExactPersonioError,
    PermissionDeniedError,
    ProtocolError,
    ServiceUnavailableError,
)
from include.sandbox.faults import Fault
from line import DIVISION, Line

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

FEED = "sync/CRM/Contacts"
POST = ("personio", "v1/recruiting/applications", 201)


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


LONG_AGO = "2026-01-31T12:00:00"


def hire(sandbox: RunningSandbox, count: int, first: int = 0, created: str | None = None) -> None:
    """Let ``count`` people appear at Exact, with invented addresses."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {first}"})
    for number in range(first, first + count):
        exact.add_contact(
            DIVISION,
            {
                "Account": account["ID"],
                "FirstName": "Sanne",
                "LastName": f"Proef{number}",
                "Email": f"sanne{number}@example.org",
                **({"Created": created} if created else {}),
            },
        )


def applicants(sandbox: RunningSandbox) -> list[str]:
    return sorted(str(row["email"]) for row in sandbox.sandbox.personio.contents()["applications"])


def exact_calls(line: Line, run_id: str) -> int:
    """Count what the sandbox, not the client, saw of Exact."""
    assert sum(n for (service, _, _), n in line.calls(run_id).items() if service == "exact") == sum(
        entry.service == "exact" for entry in line.sandbox.sandbox.log.entries()
    )
    return sum(entry.service == "exact" for entry in line.sandbox.sandbox.log.entries())


def test_everybody_arrives_once_and_nothing_new_costs_one_call(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 61)
    line.run("r1")
    assert applicants(sandbox) == sorted(f"sanne{n}@example.org" for n in range(61))
    sandbox.sandbox.log.clear()
    assert line.run("r2") == {}
    assert exact_calls(line, "r2") == 1
    assert [entry.kind for entry in sandbox.sandbox.log.entries()] == [FEED]


def test_news_cost_one_page_and_one_post_each(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 5)
    line.run("r1")
    hire(sandbox, 50, first=100)
    sandbox.sandbox.log.clear()
    line.run("r2")
    assert exact_calls(line, "r2") == 1
    assert line.calls("r2")[POST] == 50
    assert len(applicants(sandbox)) == 55


def test_start_from_now_moves_only_what_is_created_afterwards(line: Line, sandbox: RunningSandbox) -> None:
    hire(sandbox, 3, created=LONG_AGO)
    line.run("r1", start_from="now")
    assert applicants(sandbox) == []
    old = sandbox.sandbox.exact.contents()[str(DIVISION)]["Contacts"][0]["ID"]
    sandbox.sandbox.exact.update(DIVISION, "Contacts", old, {"Notes": "changed"})
    hire(sandbox, 2, first=10)
    line.run("r2", start_from="now")
    assert applicants(sandbox) == ["sanne10@example.org", "sanne11@example.org"]
    assert line.ledger.deliveries.rejections(states=("skipped_by_rule",)) == [("rule.Created.not_new", "Created", 1)]


def test_accounts_need_one_look_up_for_sixty(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """61 accounts with a main contact each: one feed page and two look-ups, which is ceil(61/60)."""
    for number in range(61):
        hire(sandbox, 1, first=number)
    accounts = Line(ledger, sandbox, entity="Accounts")
    accounts.log_in()
    accounts.run("r1")
    assert exact_calls(accounts, "r1") == 3
    assert len(applicants(sandbox)) == 61


def test_broken_feed_resumes_at_its_page(line: Line, sandbox: RunningSandbox) -> None:
    """101 people are two pages of a hundred; the second fails, and the retry reads only the second."""
    sandbox.sandbox.settings.exact.bulk_page_size = 100
    hire(sandbox, 101)
    sandbox.sandbox.faults.add(Fault("status", match=f"GET {FEED}", after=1, times=3, status=503))
    with pytest.raises(ServiceUnavailableError):
        line.run("r1")
    sandbox.sandbox.log.clear()
    line.run("r1")
    feed = [entry for entry in sandbox.sandbox.log.entries() if entry.kind == FEED]
    assert len(feed) == 1
    assert "$skiptoken" in feed[0].query
    assert len(applicants(sandbox)) == 101


@pytest.mark.parametrize("action", ["drop_after", "html", "empty"])
def test_lost_answer_creates_nobody_twice(line: Line, sandbox: RunningSandbox, action: str) -> None:
    """The service committed, the answer was lost or useless: read back, never created again."""
    hire(sandbox, 3)
    fault = {"action": action, "match": "POST v1/recruiting/applications", "times": 1, "after": 1, "committed": True}
    sandbox.sandbox.faults.add(Fault.from_json(fault | ({"status": 502} if action != "drop_after" else {})))
    line.run("r1")
    assert len(applicants(sandbox)) == 3
    assert line.states() == {"created": 3}


def test_own_application_of_a_person_is_not_taken_for_ours(line: Line, sandbox: RunningSandbox) -> None:
    """Our attempt was refused and the refusal lost: what is read back is what the person sent the day before."""
    hire(sandbox, 2)
    body = {"email": "sanne0@example.org", "first_name": "Sanne", "last_name": "Proef", "job_position_id": 1001}
    known = sandbox.sandbox.personio.add_application(body, {})
    known.created_at -= timedelta(days=1)
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST v1/recruiting/applications", times=2))
    line.run("r1")
    assert applicants(sandbox) == ["sanne0@example.org", "sanne1@example.org"]
    assert line.states() == {"created": 1, "already_there": 1}
    ids = {row.state: row.remote_id for row in line.ledger.deliveries.listing(line.job.stream, "application", 1001)}
    assert ids["already_there"] == str(known.id) != ids["created"]


def test_of_two_applications_the_later_one_is_ours(line: Line, sandbox: RunningSandbox) -> None:
    """Where Personio takes a second application for a position, both are found by their address."""
    sandbox.sandbox.settings.personio.duplicate_detection = False
    hire(sandbox, 1)
    body = {"email": "sanne0@example.org", "first_name": "Sanne", "last_name": "Proef", "job_position_id": 1001}
    known = sandbox.sandbox.personio.add_application(body, {})
    known.created_at -= timedelta(days=1)
    sandbox.sandbox.faults.add(Fault("drop_after", match="POST v1/recruiting/applications"))
    line.run("r1")
    assert line.states() == {"created": 1}
    assert len(applicants(sandbox)) == 2
    [made] = line.ledger.deliveries.listing(line.job.stream, "application", 1001)
    assert made.remote_id not in (None, str(known.id))


BAD_INPUT: dict[str, tuple[dict[str, Any], Fault | None, type[ExactPersonioError]]] = {
    "position not published": ({"position": 1003}, None, ConfigurationError),
    "position unknown": ({"position": 987654}, None, ConfigurationError),
    "recruiting token wrong": ({"recruiting_token": "not-this-one"}, None, CredentialsError),
    "division unknown": ({"division": 999}, None, AbortError),
    "host unreachable": ({"exact_url": "http://127.0.0.1:1"}, None, ServiceUnavailableError),
    "token revoked": ({}, Fault("revoke_tokens", match=f"GET {FEED}"), CredentialsError),
    "no rights": ({}, Fault("status", match=f"GET {FEED}", times=None, status=403), PermissionDeniedError),
    "html": ({}, Fault("html", match=f"GET {FEED}", times=None), ServiceUnavailableError),
    "html with 200": ({}, Fault("html", match=f"GET {FEED}", times=None, status=200), ServiceUnavailableError),
    "empty body": ({}, Fault("empty", match=f"GET {FEED}", times=None, status=200), ServiceUnavailableError),
    "page repeats": ({}, Fault("repeat_page", match=f"GET {FEED}", times=None), ProtocolError),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gets_one_sentence_and_a_way_out(ledger: Ledger, sandbox: RunningSandbox, case: str) -> None:
    """The error names cause and way out, nobody is lost, and Exact's error budget is not burnt."""
    changes, fault, kind = BAD_INPUT[case]
    hire(sandbox, 2)
    broken = Line(ledger, sandbox, **changes)
    broken.log_in()
    if fault is not None:
        sandbox.sandbox.faults.add(dataclasses.replace(fault))
    with pytest.raises(kind) as caught:
        broken.run("r1")
    error = caught.value
    assert isinstance(error, ExactPersonioError)
    assert error.way_out
    assert "sanne" not in str(error)
    refused = [e for e in sandbox.sandbox.log.entries() if e.service == "exact" and 400 <= e.status < 405]
    assert len(refused) <= 2
    sandbox.sandbox.faults.clear()
    well = Line(ledger, sandbox)
    well.log_in()
    well.run("r2")
    assert applicants(sandbox) == ["sanne0@example.org", "sanne1@example.org"]


def test_history_can_follow_later(line: Line, sandbox: RunningSandbox) -> None:
    """A run with an earlier start sends those who were not new before, and nobody twice."""
    hire(sandbox, 5, created=LONG_AGO)
    line.run("r1", start_from="now")
    assert applicants(sandbox) == []
    hire(sandbox, 2, first=100)
    line.run("r2", start_from="now")
    line.run("r3", start_from="beginning")
    line.run("r4", start_from="now")
    assert applicants(sandbox) == sorted(f"sanne{n}@example.org" for n in (*range(5), 100, 101))


def test_other_position_is_for_what_is_new(line: Line, sandbox: RunningSandbox) -> None:
    """Whoever has applied for one position does not apply for the next one that somebody enters."""
    hire(sandbox, 3)
    line.run("r1")
    hire(sandbox, 2, first=100)
    dataclasses.replace(line, position=1002).run("r2")
    made = sandbox.sandbox.personio.contents()["applications"]
    assert sorted((str(row["email"])[5:-12], row["job_position_id"]) for row in made) == [
        ("0", 1001),
        ("1", 1001),
        ("100", 1002),
        ("101", 1002),
        ("2", 1001),
    ]
