"""What Personio has already of an address: the true answer, in few calls, and honest where it cannot be told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from include.clients.personio import PersonioClient, PersonioConfig
from include.errors import RetryLaterError
from include.sandbox.faults import Fault
from include.sync.existing import NOTHING, Existing
from include.transport import build_http
from line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

APPLICATIONS = "v2/recruiting/applications"
EMPLOYEES = "v1/company/employees"
PERSONS = "v2/persons"


@pytest.fixture
def personio(ledger: Ledger, sandbox: RunningSandbox) -> Iterator[PersonioClient]:
    with Line(ledger, sandbox).personio("dag/run") as client:
        yield client


def apply(sandbox: RunningSandbox, email: str, position: int = 1001) -> str:
    """Let somebody apply; return the application's id."""
    body = {"first_name": "Sanne", "last_name": "Proef", "email": email, "job_position_id": position}
    made = sandbox.sandbox.personio.add_application(body, {"id": None, "kind": "system", "name": None, "type": "x"})
    return str(made.id)


def work(sandbox: RunningSandbox, email: str) -> str:
    made: Any = sandbox.sandbox.personio.add_person(email, "Sanne", "Proef", {})
    return str(made.id)


def calls(sandbox: RunningSandbox, *kinds: str) -> int:
    return sum(entry.kind in kinds for entry in sandbox.sandbox.log.entries())


@pytest.fixture(params=["persons", "employees"])
def api(request: pytest.FixtureRequest, sandbox: RunningSandbox) -> str:
    """Let employees be looked up through v2, which needs a scope of its own, or through v1."""
    if request.param == "employees":
        sandbox.sandbox.settings.personio.v2_scopes.remove("personio:persons:read")
    return str(request.param)


@pytest.mark.parametrize("others", [0, 20], ids=["one-by-one", "many"])
def test_tells_what_is_there(personio: PersonioClient, sandbox: RunningSandbox, api: str, others: int) -> None:
    here, there = apply(sandbox, "here@example.org"), apply(sandbox, "there@example.org", 1002)
    works = work(sandbox, "works@example.org")
    both = apply(sandbox, "both@example.org"), work(sandbox, "both@example.org")
    assert there
    asked = ["here@example.org", "there@example.org", "works@example.org", "both@example.org", "new@example.org"]
    crowd = [f"new{number}@example.org" for number in range(others)]
    look = Existing(personio, position=1001)
    found = look.find([*asked, *crowd]) if others else {email: look.find([email])[email] for email in asked}
    assert found == {
        "here@example.org": f"application {here} for this position",
        "there@example.org": "applied for position 1002",
        "works@example.org": f"employee {works}",
        "both@example.org": f"application {both[0]} for this position; employee {both[1]}",
        "new@example.org": NOTHING,
        **dict.fromkeys(crowd, NOTHING),
    }


def test_spelling_of_an_address_does_not_matter(personio: PersonioClient, sandbox: RunningSandbox, api: str) -> None:
    works = work(sandbox, "Sanne@Example.org")
    found = Existing(personio, applications=False).find(["sanne@example.org", " SANNE@example.ORG "])
    assert found == dict.fromkeys(("sanne@example.org", " SANNE@example.ORG "), f"employee {works}")


def test_nobody_is_asked_for_without_an_address(personio: PersonioClient, sandbox: RunningSandbox) -> None:
    """Candidates that Personio anonymised have no address, and are not everybody's application."""
    made = sandbox.sandbox.personio.applications[int(apply(sandbox, "gone@example.org"))]
    sandbox.sandbox.personio.candidates[made.candidate_id].email = ""
    assert Existing(personio).find([]) == {}
    assert Existing(personio).find([""]) == {"": NOTHING}
    assert calls(sandbox, APPLICATIONS, EMPLOYEES, PERSONS) == 0
    crowd = ["", *(f"new{number}@example.org" for number in range(5))]
    assert set(Existing(personio).find(crowd).values()) == {NOTHING}


def test_many_ids_are_cut_to_what_the_ledger_holds(personio: PersonioClient, sandbox: RunningSandbox) -> None:
    jobs = sandbox.sandbox.personio.jobs
    for position in range(1, 60):
        jobs[10**9 + position] = dataclasses.replace(jobs[1001], id=10**9 + position)
        apply(sandbox, "eager@example.org", 10**9 + position)
    works = work(sandbox, "eager@example.org")
    [words] = Existing(personio, position=10**9 + 1).find(["eager@example.org"]).values()
    assert words.endswith(f"and 55 more; employee {works}")
    assert len(words) <= 200


@pytest.mark.parametrize(
    ("there", "asked", "most"),
    [(0, 30, 1), (150, 30, 1), (450, 3, 3), (450, 30, 3), (450, 1, 1), (450, 2, 2), (1000, 3, 6)],
)
def test_applications_take_the_fewest_calls(
    personio: PersonioClient, sandbox: RunningSandbox, there: int, asked: int, most: int
) -> None:
    """All of them in pages of 200, or one call per address; where only the end of the list tells, twice that."""
    for number in range(there):
        apply(sandbox, f"known{number}@example.org")
    emails = [f"known{number}@example.org" for number in range(asked)]
    found = Existing(personio, position=1001).find(emails)
    assert calls(sandbox, APPLICATIONS) <= most
    assert all(("this position" in words) == (there > 0) for words in found.values())


@pytest.mark.parametrize(
    ("there", "asked", "calls_v2", "calls_v1"),
    [(0, 30, 1, 2), (250, 30, 1, 4), (250, 120, 3, 4), (250, 1, 1, 1), (250, 3, 1, 4)],
)
def test_employees_take_the_fewest_calls(  # noqa: PLR0917 - the case, and where it happens
    personio: PersonioClient,
    sandbox: RunningSandbox,
    api: str,
    there: int,
    asked: int,
    calls_v2: int,
    calls_v1: int,
) -> None:
    """v2 takes fifty addresses per call; v1 takes one, or gives pages of a hundred after one call that counts."""
    for number in range(there):
        work(sandbox, f"known{number}@example.org")
    emails = [f"known{number}@example.org" for number in range(asked)]
    found = Existing(personio, applications=False).find(emails)
    assert calls(sandbox, PERSONS if api == "persons" else EMPLOYEES) <= (calls_v2 if api == "persons" else calls_v1)
    assert all(("employee" in words) == (there > 0) for words in found.values())


@pytest.mark.parametrize("asked", [1, 10])
def test_what_may_not_be_read_cannot_be_told(personio: PersonioClient, sandbox: RunningSandbox, asked: int) -> None:
    settings = sandbox.sandbox.settings.personio
    settings.v2_scopes.remove("personio:recruiting:read")
    settings.v2_scopes.remove("personio:persons:read")
    settings.attribute_whitelist = ["first_name"]
    works = work(sandbox, "p0@example.org")
    assert works
    found = Existing(personio).find([f"p{number}@example.org" for number in range(asked)])
    told = (
        "applications cannot be told (personio.scope.missing); employees cannot be told (personio.email.unreadable)"
    )
    assert set(found.values()) == {told}


def test_one_missing_right_does_not_hide_the_rest(personio: PersonioClient, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.personio.v2_scopes.remove("personio:recruiting:read")
    works = work(sandbox, "works@example.org")
    assert Existing(personio).find(["works@example.org"]) == {
        "works@example.org": f"employee {works}; applications cannot be told (personio.scope.missing)"
    }


def test_without_client_id_nothing_can_be_told(ledger: Ledger, sandbox: RunningSandbox) -> None:
    config = PersonioConfig(base_url=sandbox.url, company_id=4242, recruiting_token="sandbox-recruiting-token")
    with build_http(base_url=sandbox.url, timeout=5) as http:
        client = PersonioClient(config, http, pacer=ledger.pacer, meter=ledger.meter("dag/run"))
        [words] = Existing(client).find(["new@example.org"]).values()
    assert words.count("cannot be told (personio.client_id.missing)") == 2
    assert len(words) <= 200
    assert sandbox.sandbox.log.entries() == []


def test_an_outage_is_not_taken_for_nothing(personio: PersonioClient, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.faults.add(Fault("status", match=f"GET {APPLICATIONS}", times=None))
    with pytest.raises(RetryLaterError):
        Existing(personio).find(["new@example.org"])


def test_only_reads(personio: PersonioClient, sandbox: RunningSandbox, api: str) -> None:
    Existing(personio).find([f"p{number}@example.org" for number in range(5)])
    entries = sandbox.sandbox.log.entries()
    assert entries
    assert {entry.kind for entry in entries if entry.method != "GET"} <= {"v1/auth", "v2/auth/token"}
