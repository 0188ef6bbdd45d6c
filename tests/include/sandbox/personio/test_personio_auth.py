"""Personio's tokens, as the sandbox hands them out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from personio_logins import GRANT, LOGIN, bearer, v2_token

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox


@pytest.mark.parametrize("form", [{"json": LOGIN}, {"data": LOGIN}], ids=["json", "form"])
def test_v1_takes_json_and_form(http: httpx.Client, form: dict[str, Any]) -> None:
    """Both body kinds are documented; the token begins with papi- and lives a day."""
    body = http.post("/v1/auth", **form).json()
    assert body["success"] is True
    assert body["data"]["token"].startswith("papi-")
    assert 86_390 <= body["data"]["expires_in"] <= 86_400


def test_v1_token_is_stable_for_a_day_and_then_new(running: RunningSandbox, http: httpx.Client) -> None:
    """Repeated calls within 24 h return the same token: rotation was retired."""
    first = http.post("/v1/auth", json=LOGIN).json()["data"]["token"]
    assert http.post("/v1/auth", json=LOGIN).json()["data"]["token"] == first
    running.sandbox.clock.advance(timedelta(hours=24, seconds=1))
    assert http.post("/v1/auth", json=LOGIN).json()["data"]["token"] != first


def test_v1_refuses_wrong_credentials_with_403(http: httpx.Client) -> None:
    """403, not 401, with the personnel envelope."""
    response = http.post("/v1/auth", json={**LOGIN, "client_secret": "x"})
    assert response.status_code == 403
    assert response.json() == {"success": False, "error": {"code": 0, "message": "Wrong credentials"}}


def test_v1_refuses_credentials_in_the_query_unless_allowed(running: RunningSandbox, http: httpx.Client) -> None:
    """403 from 2026-12-04; the switch brings the old behaviour back."""
    assert http.post("/v1/auth", params=LOGIN).status_code == 403
    running.sandbox.settings.personio.query_credentials_allowed = True
    assert http.post("/v1/auth", params=LOGIN).status_code == 200


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_v1_allows_sixty_a_minute_and_then_pauses(running: RunningSandbox, http: httpx.Client) -> None:
    """60 a minute, then 60 s of pause; the 429 has neither body nor Retry-After."""
    running.sandbox.clock.scale = 0
    assert {http.post("/v1/auth", json=LOGIN).status_code for _ in range(60)} == {200}
    refused = http.post("/v1/auth", json=LOGIN)
    assert (refused.status_code, refused.content) == (429, b"")
    assert "retry-after" not in refused.headers
    running.sandbox.clock.advance(timedelta(seconds=59))
    assert http.post("/v1/auth", json=LOGIN).status_code == 429
    running.sandbox.clock.advance(timedelta(seconds=1))
    assert http.post("/v1/auth", json=LOGIN).status_code == 200


def test_v2_grants_all_scopes_when_none_is_asked(http: httpx.Client) -> None:
    """An omitted scope means every scope of the credential."""
    body = http.post("/v2/auth/token", data=GRANT).json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 86_400)
    assert "personio:recruiting:read" in body["scope"].split()


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"json": GRANT}, "invalid_request"),
        ({"data": LOGIN}, "invalid_request"),
        ({"data": {**GRANT, "grant_type": "password"}}, "unsupported_grant_type"),
        ({"data": {**GRANT, "client_secret": "x"}}, "invalid_client"),
        ({"data": {**GRANT, "scope": "personio:moon:read"}}, "invalid_scope"),
    ],
    ids=["json-body", "no-grant-type", "other-grant", "wrong-secret", "unknown-scope"],
)
def test_v2_errors_are_oauth_and_400(http: httpx.Client, sent: dict[str, Any], error: str) -> None:
    """All are 400 application/problem+json with OAuth fields, never the errors envelope."""
    response = http.post("/v2/auth/token", **sent)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["error"] == error
    assert {"error_description", "timestamp", "trace_id"} <= set(response.json())


def test_v2_names_missing_parameters_and_the_content_type(http: httpx.Client) -> None:
    """The JSON refusal carries `type` where the others carry `error_uri`."""
    assert http.post("/v2/auth/token", data=LOGIN).json()["meta"] == {"missing_parameters": ["grant_type"]}
    refused = http.post("/v2/auth/token", json=GRANT).json()
    assert refused["type"].endswith("#credentials.oauth2.invalid_request.invalid_request_content_type")
    assert "error_uri" not in refused


def test_v2_revoke_is_empty_and_ends_the_token(http: httpx.Client) -> None:
    """200 with an empty body and no Authorization needed; the token is dead afterwards."""
    token = v2_token(http)
    headers = bearer(token)
    assert http.get("/v2/persons", headers=headers).status_code == 200
    revoked = http.post("/v2/auth/revoke", data={"token": token})
    assert (revoked.status_code, revoked.content) == (200, b"")
    assert http.get("/v2/persons", headers=headers).status_code == 401


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_v2_slows_down_to_one_a_second_after_150(running: RunningSandbox, http: httpx.Client) -> None:
    """150 a minute; beyond that one request a second."""
    running.sandbox.clock.scale = 0
    assert {http.post("/v2/auth/token", data=GRANT).status_code for _ in range(150)} == {200}
    assert http.post("/v2/auth/token", data=GRANT).status_code == 200
    assert http.post("/v2/auth/token", data=GRANT).status_code == 429
    running.sandbox.clock.advance(timedelta(seconds=1))
    assert http.post("/v2/auth/token", data=GRANT).status_code == 200
