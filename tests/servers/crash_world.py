"""The company of a story: a handful of people, and what must have become of each of them in the end."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import httpx

from airflow_home import DIVISION

if TYPE_CHECKING:
    from include.sandbox.server import RunningSandbox
    from include.sandbox.state import Sandbox

Fate = Literal["created", "already_there", "rejected"]
Destination = Literal["application", "employee"]
POSITION = 1001
LAST_NAME = "Jansen"
MISSING = "exact.Email.missing"
LATECOMER = "febe@example.org"


@dataclass(frozen=True)
class Person:
    """One contact at Exact.

    :param email: empty: they cannot be sent.
    :param known: whether Personio has them from elsewhere.
    """

    first_name: str
    email: str
    known: bool = False

    @property
    def fate(self) -> Fate:
        """What must become of them."""
        if not self.email:
            return "rejected"
        return "already_there" if self.known else "created"


@dataclass(frozen=True)
class Case:
    """One combination of what may differ between stories.

    :param rights: whether what was sent can be read back.
    :param refuses: whether Personio refuses duplicates. Where what was sent can be read back it is told not to, so
        that whatever is sent twice is there twice; where it cannot, the refusal is all there is. A process that was
        only thought to be dead sends what somebody else has sent: it takes both.
    :param seed: the order of the people, among others.
    """

    destination: Destination = "application"
    rights: bool = True
    refuses: bool = False
    seed: int = 1

    @property
    def name(self) -> str:
        """As it is told to people."""
        return f"{self.destination}, {'with' if self.rights else 'without'} rights to read back"

    @property
    def finds_duplicates(self) -> bool:
        """Whether Personio refuses somebody whom it has."""
        return self.refuses or not self.rights

    @property
    def dag_id(self) -> str:
        """The DAG that is killed."""
        return f"exact_contacts_to_personio_{self.destination}s"

    @property
    def people(self) -> list[Person]:
        """The people at Exact when the first run begins, in the order of their row versions."""
        people = [
            Person("Alma", "alma@example.org"),
            Person("Bram", "bram@example.org"),
            Person("Cato", "cato@example.org"),
            Person("Dirk", ""),
        ]
        if self.finds_duplicates and (self.rights or self.destination == "application"):
            # Without the right to read employees nobody could tell that she is one.
            people.append(Person("Edda", "edda@example.org", known=True))
        random.Random(self.seed).shuffle(people)  # noqa: S311 - an order, no secret
        return people

    @property
    def latecomer(self) -> Person:
        """Who comes before the run that follows."""
        return Person("Febe", LATECOMER)


def furnish(running: RunningSandbox, case: Case) -> None:
    """Empty both services and put the people in; what was asked meanwhile is forgotten."""
    sandbox = running.sandbox
    settings = sandbox.settings
    settings.exact.refresh_min_seconds = 0.0
    # How often the services may be asked is not what is looked at: the pace is kept by the clients all the same.
    settings.exact.minutely_limit = 100_000
    settings.personio.limits_enabled = False
    settings.personio.duplicate_detection = case.finds_duplicates
    settings.personio.duplicate_employee_allowed = not case.finds_duplicates
    allow_reading(sandbox, allowed=case.rights)
    sandbox.reset()
    for person in case.people:
        add(sandbox, person)
        if person.known:
            _make_known(running, case, person)
    sandbox.log.clear()


def allow_reading(sandbox: Sandbox, *, allowed: bool) -> None:
    """Grant or withdraw the right to read back what was sent."""
    personio = sandbox.settings.personio
    personio.v2_scopes = [scope for scope in type(personio)().v2_scopes if allowed or "recruiting" not in scope]
    personio.attribute_whitelist = None if allowed else ["first_name", "last_name"]


def add(sandbox: Sandbox, person: Person) -> None:
    """Put a person in at Exact, as somebody at the screen would."""
    row = {"FirstName": person.first_name, "LastName": LAST_NAME, "Email": person.email or None}
    with sandbox.lock:
        sandbox.exact.add(DIVISION, "Contacts", row)


def _make_known(running: RunningSandbox, case: Case, person: Person) -> None:
    """Have somebody have applied by themselves the day before, or be an employee since then."""
    personio = running.sandbox.personio
    yesterday = running.sandbox.clock.now() - timedelta(days=1)
    if case.destination == "employee":
        with running.sandbox.lock:
            personio.add_person(person.email, person.first_name, LAST_NAME, {"status": "active"}, yesterday)
        return
    body = {"first_name": person.first_name, "last_name": LAST_NAME, "email": person.email}
    headers = {"Authorization": "Bearer sandbox-recruiting-token", "X-Company-ID": "4242"}
    answer = httpx.post(
        f"{running.url}/v1/recruiting/applications", json=body | {"job_position_id": POSITION}, headers=headers
    )
    assert answer.status_code == HTTPStatus.CREATED, answer.status_code
    with running.sandbox.lock:
        for application in personio.applications.values():
            application.created_at = yesterday


def held(sandbox: Sandbox, destination: Destination) -> list[dict[str, Any]]:
    """Return what Personio truly holds."""
    contents = sandbox.personio.contents()
    found: list[dict[str, Any]] = contents[f"{destination}s"]
    return found
