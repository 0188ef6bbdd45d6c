from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]

DIVISION = 124132


def _milliseconds(*moment: int) -> str:
    return str(int(datetime(*moment, tzinfo=UTC).timestamp() * 1000))  # type: ignore[arg-type, misc]


def test_headers_name_both_windows(api: Api, sandbox: RunningSandbox) -> None:
    """Resets are epoch milliseconds: the next whole minute, and midnight in UTC."""
    sandbox.sandbox.settings.exact.minutely_limit = 60
    sandbox.sandbox.settings.exact.daily_limit = 5000
    headers = api("crm/Accounts").headers
    assert headers["X-RateLimit-Limit"] == "5000"
    assert headers["X-RateLimit-Remaining"] == "4999"
    assert headers["X-RateLimit-Reset"] == _milliseconds(2026, 6, 26)
    assert headers["X-RateLimit-Minutely-Limit"] == "60"
    assert headers["X-RateLimit-Minutely-Remaining"] == "59"
    assert headers["X-RateLimit-Minutely-Reset"] == _milliseconds(2026, 6, 25, 14, 15)


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_minute_is_the_calendar_minute(api: Api, sandbox: RunningSandbox) -> None:
    """The call above the limit is 429, empty, with minutely headers only, until the minute is over."""
    sandbox.sandbox.settings.exact.minutely_limit = 2
    assert [api("crm/Accounts").status_code for _ in range(3)] == [200, 200, 429]
    refused = api("crm/Accounts")
    assert refused.content == b""
    assert refused.headers["X-RateLimit-Minutely-Remaining"] == "0"
    assert "X-RateLimit-Reset" not in refused.headers
    assert "Retry-After" not in refused.headers
    sandbox.sandbox.clock.advance(timedelta(seconds=47))
    assert api("crm/Accounts").status_code == 429
    sandbox.sandbox.clock.advance(timedelta(seconds=1))
    assert api("crm/Accounts").status_code == 200


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_day_names_the_day_only(api: Api, http: httpx.Client, sandbox: RunningSandbox) -> None:
    """A spent day sends day headers only; calls without a division and other divisions go on."""
    sandbox.sandbox.settings.exact.daily_limit = 1
    assert http.get("/api/v1/current/Me").status_code == 200
    assert api("crm/Accounts").status_code == 200
    refused = api("crm/Accounts")
    assert refused.status_code == 429
    assert "X-RateLimit-Minutely-Reset" not in refused.headers
    assert refused.headers["X-RateLimit-Reset"] == _milliseconds(2026, 6, 26)
    assert http.get("/api/v1/current/Me").status_code == 200
    assert http.get("/api/v1/124133/crm/Accounts").status_code == 200


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_minute_can_be_shortened(api: Api, sandbox: RunningSandbox) -> None:
    """With a limit window of one second the next second is free again, and resets stay milliseconds."""
    sandbox.sandbox.settings.limit_seconds = 1.0
    sandbox.sandbox.settings.exact.minutely_limit = 1
    assert api("crm/Accounts").headers["X-RateLimit-Minutely-Reset"] == _milliseconds(2026, 6, 25, 14, 14, 13)
    assert api("crm/Accounts").status_code == 429
    sandbox.sandbox.clock.advance(timedelta(seconds=1))
    assert api("crm/Accounts").status_code == 200


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_ten_errors_block_the_endpoint_for_an_hour(api: Api, sandbox: RunningSandbox) -> None:
    """After ten 400s the endpoint answers 429 without any reset header; other endpoints go on."""
    sandbox.sandbox.settings.exact.error_limit = 10
    assert [api("crm/Contacts", "$top=x").status_code for _ in range(11)] == [400] * 10 + [429]
    refused = api("crm/Contacts")
    assert refused.status_code == 429
    assert not [name for name in refused.headers if name.lower().startswith("x-ratelimit")]
    assert api("crm/Accounts").status_code == 200
    sandbox.sandbox.clock.advance(timedelta(hours=1))
    token = sandbox.sandbox.exact.issue_tokens()["access_token"]
    assert api("crm/Contacts", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_errors_of_keys_and_tokens_count(http: httpx.Client, api: Api, sandbox: RunningSandbox) -> None:
    """Probing keys spends the budget of the endpoint, and bad token requests that of the token endpoint."""
    sandbox.sandbox.settings.exact.error_limit = 3
    for _ in range(3):
        assert api("crm/Contacts(guid'00000000-0000-4000-8000-00000000dead')").status_code == 404
        assert http.post("/api/oauth2/token", data={"grant_type": "x"}).status_code == 400
    assert api("crm/Contacts").status_code == 429
    assert http.post("/api/oauth2/token", data={"grant_type": "x"}).status_code == 429
