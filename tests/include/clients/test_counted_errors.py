"""No answer that counts at the service goes uncounted here, and no write is begun again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from include.errors import ExactPersonioError, ServiceUnavailableError

if TYPE_CHECKING:
    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from tests.include.clients.conftest import Service, State

PAGE = "<html><h2>Bad Request - Invalid URL</h2></html>"


def test_400_with_a_gateways_page_counts(exact: ExactClient, service: Service, state: State) -> None:
    """However often the task is tried: nine reach Exact, the tenth would block the key."""
    service.answers = [httpx.Response(400, text=PAGE) for _ in range(20)]
    for _ in range(4):
        with pytest.raises(ExactPersonioError):
            exact.get("crm/Accounts", "00000000-0000-0000-0000-000000000001", select=("ID",))
    assert len(service.requests) == 9
    assert state.errors == [("crm/Accounts", 400)] * 9


def test_write_is_begun_once_whatever_its_lease_covers(
    personio: PersonioClient, service: Service, state: State
) -> None:
    service.answers = [httpx.ConnectTimeout("no way")]
    with pytest.raises(ServiceUnavailableError):
        personio.create_application({"email": "ada@example.org"})
    assert len(service.requests) == 1
    assert state.slept == []
