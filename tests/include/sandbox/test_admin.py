"""The admin interface of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from personio_logins import RECRUITING

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

BODY = {"first_name": "A", "last_name": "B", "email": "a@example.org", "job_position_id": 1001}
APPLY = "/v1/recruiting/applications"


@pytest.fixture
def http(visitor: httpx.Client) -> httpx.Client:
    return visitor


def test_seed_fills_a_division_and_some_employees(http: httpx.Client) -> None:
    """The true contents hold what was asked for; the same seed gives the same people elsewhere."""
    body = {"seed": 3, "accounts": 30, "contacts": 60, "employees": 5}
    made = http.post("/_sandbox/seed", json=body).json()
    assert (made["accounts"], made["contacts"], made["employees"]) == (30, 60, 5)
    assert made["troubles"]["no_email"] >= 1
    contents = http.get("/_sandbox/contents").json()
    first = contents["exact"]["124132"]
    assert (len(first["Accounts"]), len(first["Contacts"])) == (30, 60)
    assert len(contents["personio"]["employees"]) == 5
    assert all(row["Timestamp"] for row in first["Contacts"])


def test_a_second_seed_adds_others(http: httpx.Client) -> None:
    """Even with the same seed: codes and addresses go on where the first ended, and the division keeps its name."""
    for _ in range(2):
        http.post("/_sandbox/seed", json={"accounts": 4, "contacts": 4, "dirty": False})
    rows = http.get("/_sandbox/contents").json()["exact"]["124132"]
    assert len({row["Code"] for row in rows["Accounts"]}) == 8
    assert len({row["Email"] for row in rows["Contacts"]}) == 8


@pytest.mark.parametrize("body", [{"contacts": -1}, {"contacts": "9"}, {"people": 1}, []])
def test_a_seed_that_makes_no_sense_is_refused(http: httpx.Client, body: Any) -> None:
    """400 with a sentence."""
    response = http.post("/_sandbox/seed", json=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_rows_are_added_changed_and_deleted(http: httpx.Client) -> None:
    """One or a list; a change raises the Timestamp; what does not exist is 404."""
    account = http.post("/_sandbox/exact/124132/Accounts", json={"Name": "Müller GmbH"}).json()
    people = [{"Account": account["ID"], "FirstName": "A"}, {"Account": account["ID"], "FirstName": "B"}]
    made = http.post("/_sandbox/exact/124132/Contacts", json=people).json()
    assert len(made) == 2
    url = f"/_sandbox/exact/124132/Contacts/{made[0]['ID']}"
    changed = http.patch(url, json={"LastName": "C"}).json()
    assert int(changed["Timestamp"]) > int(made[1]["Timestamp"])
    assert http.delete(url).status_code == 204
    assert http.delete(url).status_code == 404
    rows = http.get("/_sandbox/contents").json()["exact"]["124132"]["Contacts"]
    assert [row["FirstName"] for row in rows] == ["B"]
    assert http.post("/_sandbox/exact/1/Accounts", json={"Name": "x"}).status_code == 404
    assert http.post("/_sandbox/exact/124132/Moons", json={}).status_code == 404
    assert http.post("/_sandbox/exact/124132/Accounts", json={"Moon": 1}).status_code == 400


def test_the_clock_can_be_set_moved_and_scaled(http: httpx.Client) -> None:
    """Standing still it shows exactly what was asked."""
    shown = http.post("/_sandbox/clock", json={"scale": 0, "now": "2026-06-25T14:14:12Z", "advance_seconds": 3})
    assert shown.json() == {"now": "2026-06-25T14:14:15+00:00", "scale": 0.0}
    assert http.get("/_sandbox/clock").json() == shown.json()
    assert http.post("/_sandbox/clock", json={"now": "2026-06-25T14:14:12"}).status_code == 400
    assert http.post("/_sandbox/clock", json={"later": 1}).status_code == 400


def test_faults_befall_and_are_lifted(http: httpx.Client) -> None:
    """One failing call, then the service works again."""
    fault = {"action": "status", "status": 503, "match": f"POST {APPLY[1:]}", "times": 1}
    assert http.post("/_sandbox/faults", json=fault).status_code == 200
    assert http.post(APPLY, json=BODY, headers=RECRUITING).status_code == 503
    assert http.post(APPLY, json=BODY, headers=RECRUITING).status_code == 201
    assert http.get("/_sandbox/faults").json()[0]["hits"] == 1
    assert http.delete("/_sandbox/faults").status_code == 204
    assert http.get("/_sandbox/faults").json() == []
    assert http.post("/_sandbox/faults", json={"action": "earthquake"}).status_code == 400


def test_the_log_counts_the_services_and_not_the_admin(http: httpx.Client) -> None:
    """Kinds and statuses, never bodies."""
    http.post(APPLY, json=BODY, headers=RECRUITING)
    http.post(APPLY, json=BODY, headers=RECRUITING)
    entries = http.get("/_sandbox/log").json()
    assert [entry["status"] for entry in entries] == [201, 400]
    assert http.get("/_sandbox/log", params={"after": entries[0]["seq"]}).json() == entries[1:]
    assert http.get("/_sandbox/log", params={"service": "exact"}).json() == []
    summary = http.get("/_sandbox/log/summary").json()
    assert {"service": "personio", "kind": APPLY[1:], "method": "POST", "status": 201, "calls": 1} in summary
    assert http.delete("/_sandbox/log").status_code == 204
    assert http.get("/_sandbox/log").json() == []


def test_settings_are_shown_and_changed(running: RunningSandbox, http: httpx.Client) -> None:
    """Nested; an unknown name is refused by name and changes nothing."""
    change = {"limit_seconds": 1.0, "personio": {"recruiting_per_minute": 3}}
    shown = http.patch("/_sandbox/settings", json=change).json()
    assert (shown["limit_seconds"], shown["personio"]["recruiting_per_minute"]) == (1.0, 3)
    assert http.get("/_sandbox/settings").json() == shown
    refused = http.patch("/_sandbox/settings", json={"personio": {"moon": True}})
    assert refused.status_code == 400
    assert "moon" in refused.json()["error"]
    assert running.sandbox.settings.personio.recruiting_per_minute == 3


def test_exact_tokens_are_issued_without_a_browser(http: httpx.Client) -> None:
    """The access token works; expired it does not."""
    tokens = http.post("/_sandbox/exact/tokens", json={"action": "issue"}).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}
    assert http.get("/api/v1/current/Me?$select=CurrentDivision", headers=headers).status_code == 200
    assert http.post("/_sandbox/exact/tokens", json={"action": "expire"}).status_code == 204
    assert http.get("/api/v1/current/Me?$select=CurrentDivision", headers=headers).status_code == 401
    assert http.post("/_sandbox/exact/tokens", json={"action": "melt"}).status_code == 400


def test_personio_tokens_end(http: httpx.Client) -> None:
    """Expired or revoked, the caller has to ask for a new one."""
    login = {"client_id": "sandbox-papi-client", "client_secret": "sandbox-papi-secret"}
    token = http.post("/v1/auth", json=login).json()["data"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get("/v1/company/employees", headers=headers).status_code == 200
    assert http.post("/_sandbox/personio/tokens", json={"action": "expire"}).status_code == 204
    assert http.get("/v1/company/employees", headers=headers).status_code == 401


def test_jobs_and_employees_can_be_added(http: httpx.Client) -> None:
    """A new published job takes applications; an employee can be removed again."""
    assert http.post("/_sandbox/personio/jobs", json={"id": 1004, "name": "Baker"}).json()["published"] is True
    assert http.post(APPLY, json={**BODY, "job_position_id": 1004}, headers=RECRUITING).status_code == 201
    person = {"email": "e@example.org", "first_name": "E", "last_name": "F", "position": "Chef"}
    number = http.post("/_sandbox/personio/employees", json=person).json()["id"]
    employees = http.get("/_sandbox/contents", params={"service": "personio"}).json()["personio"]["employees"]
    assert [(row["id"], row["position"]) for row in employees] == [(number, "Chef")]
    assert http.delete(f"/_sandbox/personio/employees/{number}").status_code == 204
    assert http.delete(f"/_sandbox/personio/employees/{number}").status_code == 404


def test_moving_a_division_changes_every_timestamp(http: httpx.Client) -> None:
    """The rows stay, their versions do not."""
    http.post("/_sandbox/seed", json={"accounts": 3, "contacts": 3})
    before = http.get("/_sandbox/contents").json()["exact"]["124132"]["Contacts"]
    assert http.post("/_sandbox/exact/124132/move").status_code == 204
    after = http.get("/_sandbox/contents").json()["exact"]["124132"]["Contacts"]
    assert {row["ID"] for row in before} == {row["ID"] for row in after}
    assert not {row["Timestamp"] for row in before} & {row["Timestamp"] for row in after}


def test_reset_forgets_data_but_not_settings(http: httpx.Client) -> None:
    """A clean start between two tries."""
    http.post("/_sandbox/seed", json={"accounts": 3, "contacts": 3})
    http.patch("/_sandbox/settings", json={"limit_seconds": 2.0})
    assert http.post("/_sandbox/reset").status_code == 204
    contents = http.get("/_sandbox/contents").json()
    there = {table: len(rows) for table, rows in contents["exact"]["124132"].items() if rows}
    assert there == {"Items": 2, "Projects": 2}
    assert http.get("/_sandbox/settings").json()["limit_seconds"] == 2.0


def test_the_overview_names_every_call(http: httpx.Client) -> None:
    """A stranger finds the calls without the documentation."""
    calls = http.get("/_sandbox").json()
    assert {"method": "POST", "path": "/_sandbox/seed"}.items() <= calls[0].items()
    assert all(call["does"] for call in calls)
