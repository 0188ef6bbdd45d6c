"""Whether somebody is at Personio already: read to the end, by logins that are renewed once, without a trace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx
import pytest

from include.errors import (
    CredentialsError,
    PermissionDeniedError,
    ProtocolError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from include.clients.personio import PersonioClient
    from tests.include.clients.conftest import Service, State

V1_TOKEN = httpx.Response(200, json={"success": True, "data": {"token": "papi-1", "expires_in": 86400}})
V2_TOKEN = httpx.Response(200, json={"access_token": "papi-2", "expires_in": 86400, "token_type": "Bearer"})


def test_a_read_takes_another_slot_for_one_that_was_held_too_long(
    personio: PersonioClient, service: Service, state: State
) -> None:
    service.answers = [V2_TOKEN, v2([])]
    state.over = ["personio:4242:v2"]
    assert personio.find_applications("ada@example.org") == []
    assert [bucket for bucket, _, _ in state.acquired].count("personio:4242:v2") == 2


def v2(rows: list[str], following: str | None = None) -> httpx.Response:
    links = {"next": {"href": following}} if following else {}
    data = [{"id": str(n), "candidate": {"email": email}} for n, email in enumerate(rows)]
    return httpx.Response(200, json={"_data": data, "_meta": {"links": links}})


def test_find_applications_compares_the_address_itself(personio: PersonioClient, service: Service) -> None:
    """Unknown filters are ignored by Personio, so other people's applications may come."""
    more = "https://api.personio.de/v2/recruiting/applications?cursor=c1"
    service.answers = [V2_TOKEN, v2(["bob@example.org", "Ada@Example.org"], more), v2([], more)]
    assert [row["id"] for row in personio.find_applications("ada@example.org")] == ["1"]
    login, first, second = service.requests
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (first.headers["beta"], first.headers["authorization"]) == ("true", "Bearer papi-2")
    assert first.url.params["candidate.email"] == "ada@example.org"
    assert second.url.params["cursor"] == "c1"


def test_repeated_cursor_ends(personio: PersonioClient, service: Service) -> None:
    more = "https://api.personio.de/v2/recruiting/applications?cursor=c1"
    service.answers = [V2_TOKEN, v2(["ada@example.org"], more), v2(["ada@example.org"], more)]
    personio.find_applications("ada@example.org")
    assert len(service.requests) == 3


def test_foreign_link_is_not_followed(personio: PersonioClient, service: Service) -> None:
    service.answers = [V2_TOKEN, v2(["ada@example.org"], "https://evil.example.com/v2?cursor=c1")]
    with pytest.raises(ProtocolError):
        personio.find_applications("ada@example.org")


def test_401_renews_at_most_once(personio: PersonioClient, service: Service) -> None:
    """A missing right is a 401 on some endpoints."""
    service.answers = [V2_TOKEN, httpx.Response(401), V2_TOKEN, httpx.Response(401)]
    with pytest.raises(CredentialsError):
        personio.find_applications("ada@example.org")
    assert len(service.requests) == 4


@pytest.mark.parametrize("status", [400, 403])
def test_wrong_client_secret(personio: PersonioClient, service: Service, status: int) -> None:
    """v1 answers 403 to wrong credentials, v2 400: both are the login."""
    service.answers = [httpx.Response(status, json={"error": "invalid_client"})]
    with pytest.raises(CredentialsError):
        personio.find_applications("ada@example.org")


def test_login_that_answers_something_else_is_tried_later(personio: PersonioClient, service: Service) -> None:
    """A list is what a gateway sends: nobody has to look for other credentials."""
    service.answers = [httpx.Response(200, json=[{"access_token": "v2-1"}])]
    with pytest.raises(ServiceUnavailableError):
        personio.find_applications("ada@example.org")


def employees(first: int, last: int, total: int) -> httpx.Response:
    data = [
        {
            "type": "Employee",
            "attributes": {
                "id": {"label": "ID", "value": n},
                "email": {"label": "Email", "value": f"e{n}@example.org"},
            },
        }
        for n in range(first, last + 1)
    ]
    body = {"success": True, "metadata": {"total_elements": total}, "data": data}
    return httpx.Response(200, json=body, headers={"Authorization": "Bearer papi-1"})


def test_all_employees_each_once(personio: PersonioClient, service: Service) -> None:
    """Pages are read by what came, not by what was asked for; a row that moved to the next page comes once."""
    service.answers = [V1_TOKEN, employees(1, 50, 120), employees(50, 99, 120), employees(100, 119, 120)]
    assert [row["id"] for row in personio.list_employees()] == list(range(1, 120))
    assert [r.url.params["offset"] for r in service.requests[1:]] == ["0", "50", "100"]


def test_employee_address_that_may_not_be_read(personio: PersonioClient, service: Service) -> None:
    """Without the attribute nobody can tell whether the employee exists."""
    body = {"success": True, "data": [{"type": "Employee", "attributes": {"id": {"value": 1}}}]}
    service.answers = [V1_TOKEN, httpx.Response(200, json=body)]
    with pytest.raises(PermissionDeniedError):
        personio.find_employee("ada@example.org")


def test_logs_hold_no_address(personio: PersonioClient, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Neither our own lines nor those of httpx quote the query, whatever the level."""
    with caplog.at_level(logging.DEBUG):
        service.answers = [V2_TOKEN, v2([]), httpx.ReadTimeout("https://x/?candidate.email=ada@example.org")]
        personio.find_applications("ada@example.org")
        service.answers = [*service.answers[1:], *[httpx.Response(503)] * 3]
        with pytest.raises(Exception, match="v2/recruiting"):
            personio.find_applications("ada@example.org")
    assert "candidate.email" in caplog.text
    assert "ada@" not in caplog.text
    assert "ada%40" not in caplog.text
    assert "papi-2" not in caplog.text
