"""What a check of somebody's setup has to find: missing rights, closed companies, clocks that differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from include.sandbox.exact_kinds import KINDS
from include.sandbox.personio_settings import V2_SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]

NOON = datetime(2026, 6, 25, 14, 14, 12, tzinfo=UTC)
LOGIN = {"client_id": "sandbox-papi-client", "client_secret": "sandbox-papi-secret"}
RECRUITING = {"Authorization": "Bearer sandbox-recruiting-token", "X-Company-ID": "4242"}
APPLY = "/v1/recruiting/applications"
BODY = {"first_name": "A", "last_name": "B", "email": "a@example.org", "job_position_id": 424_242}
PATHS = sorted(
    {path for kind in KINDS.values() for path in (kind.path, kind.sync, kind.bulk) if path}
    | {"system/Divisions", "hrm/Divisions", "sync/Deleted", "general/Currencies", "read/logistics/StockPosition"}
)


def _v2(http: httpx.Client) -> dict[str, str]:
    token = http.post("/v2/auth/token", data={**LOGIN, "grant_type": "client_credentials"}).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def _v1(http: httpx.Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {http.post('/v1/auth', json=LOGIN).json()['data']['token']}"}


# --- Exact Online ---


@pytest.mark.parametrize("path", PATHS)
def test_any_scope_can_be_missing(api: Api, sandbox: RunningSandbox, path: str) -> None:
    """403 with the known text, however the path is written, with a key, below it, and for its count."""
    sandbox.sandbox.settings.exact.missing_scopes = [path]
    for asked in (path, path.upper(), f"{path}/$count", f"{path}(guid'00000000-0000-4000-8000-00000000dead')"):
        answer = api(asked)
        assert answer.status_code == 403
        text = answer.json()["error"]["message"]["value"]
        assert text == "Forbidden - Application Scope Violated. Cannot read"
    other = "logistics/Items" if path != "logistics/Items" else "project/Projects"
    assert api(other).status_code == 200


def test_a_pattern_takes_a_group_of_scopes_away(api: Api, http: httpx.Client, sandbox: RunningSandbox) -> None:
    """One scope of Exact covers several endpoints; Me can be closed too."""
    sandbox.sandbox.settings.exact.missing_scopes = ["*crm/*", "current/Me"]
    assert [api(path).status_code for path in ("crm/Accounts", "sync/CRM/Contacts", "logistics/Items")] == [
        403,
        403,
        200,
    ]
    assert http.get("/api/v1/current/Me").status_code == 403
    assert "Cannot write" in api("crm/Accounts", method="POST", json={"Name": "A"}).text


def test_a_division_can_be_closed(api: Api, http: httpx.Client, sandbox: RunningSandbox) -> None:
    """403 with the Reason, as for one that does not exist; lists of accessible divisions leave it out."""
    sandbox.sandbox.settings.exact.inaccessible_divisions = [124133]
    for division in (124133, 999):
        answer = http.get(f"/api/v1/{division}/crm/Accounts")
        assert (answer.status_code, answer.headers["Reason"]) == (403, "NoDivisionAccess")
    codes = {
        path: [row["Code"] for row in api(f"system/{path}", "$select=Code").json()["d"]["results"]]
        for path in ("Divisions", "AllDivisions")
    }
    assert codes == {"Divisions": [124132], "AllDivisions": [124132, 124133]}
    assert [row["Code"] for row in api("hrm/Divisions", "$select=Code").json()["d"]["results"]] == [124132]


def test_dates_follow_the_sandbox_clock(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """Both services tell the sandbox's time, each with its own skew; refusals too."""
    sandbox.sandbox.settings.exact.clock_skew_seconds = 90.0
    sandbox.sandbox.settings.personio.clock_skew_seconds = -45.0
    me = http.get("/api/v1/current/Me")
    assert parsedate_to_datetime(me.headers["Date"]) == NOON + timedelta(seconds=90)
    assert me.json()["d"]["results"][0]["ServerTime"] == "2026-06-25T16:15:42"
    for answer in (http.get("/v2/persons"), http.post(APPLY, json=BODY), http.get("/v1/nowhere")):
        assert answer.status_code >= 400
        assert parsedate_to_datetime(answer.headers["Date"]) == NOON - timedelta(seconds=45)
    sandbox.sandbox.clock.advance(timedelta(days=400))
    assert parsedate_to_datetime(http.post("/api/oauth2/token").headers["Date"]).year == 2027


def test_skew_changes_no_stored_time(api: Api, sandbox: RunningSandbox) -> None:
    """Only what the service says about its clock is off, not its rows."""
    sandbox.sandbox.settings.exact.clock_skew_seconds = 3600.0
    row = api("crm/Accounts", method="POST", json={"Name": "A"}, headers={"Prefer": "return=representation"})
    assert row.json()["d"]["Created"] == "/Date(1782404052000)/"


# --- Personio ---


def test_the_order_of_checks_of_an_application(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """Body (400), token (401), feature (403), business rules (400): a probe stores nothing and learns all of it."""
    personio = sandbox.sandbox.settings.personio
    personio.recruiting_enabled = False
    nobody = {**RECRUITING, "Authorization": "Bearer wrong"}
    broken = {name: value for name, value in BODY.items() if name != "email"}
    assert http.post(APPLY, json=broken, headers=nobody).status_code == 400
    assert http.post(APPLY, json=BODY, headers=nobody).status_code == 401
    closed = http.post(APPLY, json=BODY, headers=RECRUITING)
    assert (closed.status_code, "feature.recruiting.disabled" in closed.text) == (403, True)
    personio.recruiting_enabled = True
    refused = http.post(APPLY, json=BODY, headers=RECRUITING)
    assert (refused.status_code, "errors.job-position.not-published" in refused.text) == (400, True)
    assert sandbox.sandbox.personio.applications == {}


@pytest.mark.parametrize("scope", V2_SCOPES)
def test_a_right_can_be_taken_from_a_living_token(http: httpx.Client, sandbox: RunningSandbox, scope: str) -> None:
    """What the credential loses its tokens lose, and new tokens do not get."""
    calls: dict[str, tuple[str, str, int]] = {
        "personio:persons:read": ("GET", "/v2/persons", 401),
        "personio:persons:write": ("POST", "/v2/persons", 401),
        "personio:recruiting:read": ("GET", "/v2/recruiting/jobs", 403),
        "employees:read": ("GET", "/v1/company/employees", 403),
        "employees:write": ("POST", "/v1/company/employees", 403),
    }
    method, path, status = calls[scope]
    headers = _v2(http)
    body: Any = {"employee": {}} if method == "POST" else None
    assert http.request(method, path, json=body, headers=headers).status_code not in {401, 403}
    sandbox.sandbox.settings.personio.v2_scopes.remove(scope)
    assert http.request(method, path, json=body, headers=headers).status_code == status
    token = http.post("/v2/auth/token", data={**LOGIN, "grant_type": "client_credentials"}).json()
    assert scope not in token["scope"].split()


def test_a_v1_right_can_be_taken_away(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """The token stays the same for a day, its rights do not."""
    headers = _v1(http)
    assert http.get("/v1/company/employees", headers=headers).status_code == 200
    sandbox.sandbox.settings.personio.v1_scopes = ["employees:write"]
    assert _v1(http) == headers
    assert http.get("/v1/company/employees", headers=headers).status_code == 403


def test_the_whitelist_shows_in_rows_and_attributes(http: httpx.Client, sandbox: RunningSandbox) -> None:
    """A credential without email sees no email, neither in employees nor in the list of attributes."""
    sandbox.sandbox.personio.add_person("eva@example.org", "Eva", "Groß", {})
    headers = _v1(http)
    url = "/v1/company/employees/attributes"
    everything = {row["key"] for row in http.get(url, headers=headers).json()["data"]}
    assert {"email", "first_name", "dynamic_305"} <= everything
    sandbox.sandbox.settings.personio.attribute_whitelist = ["first_name", "dynamic_305"]
    assert [row["key"] for row in http.get(url, headers=headers).json()["data"]] == ["first_name", "dynamic_305"]
    row = http.get("/v1/company/employees", headers=headers).json()["data"][0]["attributes"]
    assert set(row) == {"id", "first_name", "dynamic_305"}


def test_the_career_feed_shows_published_jobs_to_everybody(http: httpx.Client) -> None:
    """XML without a login; what is not published is not in it, and names are escaped."""
    http.post("/_sandbox/personio/jobs", json={"id": 1004, "name": "R&D <lead>"})
    answer = http.get("/xml", params={"language": "de"}, headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.text)  # noqa: S314 - the sandbox's own
    assert root.tag == "workzag-jobs"
    found = {position.findtext("id"): position.findtext("name") for position in root.findall("position")}
    assert found == {"1001": "Engineer", "1002": "Support agent", "1004": "R&D <lead>"}
