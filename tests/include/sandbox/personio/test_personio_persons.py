"""Personio's v2 persons, as the sandbox serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from personio_logins import bearer, v2_token

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

URL = "/v2/persons"


def _people(running: RunningSandbox, count: int) -> None:
    for number in range(count):
        fields = {"status": "inactive" if number % 2 else "active", "dynamic_305": "Red"}
        running.sandbox.personio.add_person(f"p{number}@example.org", "P", str(number), fields)


def test_the_cursor_carries_the_filters(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Ten by default; next holds only the cursor; resending filter and limit beside it does no harm."""
    _people(running, 25)
    first = http.get(URL, params={"status": "ACTIVE"}, headers=auth).json()
    assert len(first["_data"]) == 10
    following = first["_meta"]["links"]["next"]["href"]
    assert following.startswith(f"{running.url}{URL}?cursor=")
    assert "status" not in following
    second = http.get(following, headers=auth).json()
    again = http.get(f"{following}&status=ACTIVE&limit=10", headers=auth).json()
    assert second["_data"] == again["_data"]
    assert len(second["_data"]) == 3
    assert "next" not in second["_meta"]["links"]


@pytest.mark.parametrize("query", ["limit=51", "limit=0", "status=x", "updated_at.gt=yesterday", "cursor=x"])
def test_bad_queries_are_400(http: httpx.Client, auth: dict[str, str], query: str) -> None:
    """Limit 1 to 50, known states, RFC 3339."""
    assert http.get(f"{URL}?{query}", headers=auth).status_code == 400


def test_filters_are_joined(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Lists of addresses, AND with the others."""
    _people(running, 4)
    params = {"email": "p1@example.org,p2@example.org", "status": "INACTIVE"}
    found = http.get(URL, params=params, headers=auth).json()["_data"]
    assert [row["email"] for row in found] == ["p1@example.org"]


def test_shape(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Ids are text, custom types lower case, a single person is bare, the employment is linked."""
    _people(running, 1)
    row = http.get(URL, headers=auth).json()["_data"][0]
    assert http.get(f"{URL}/{row['id']}", headers=auth).json() == row
    custom = {"id": "dynamic_305", "type": "string", "value": "Red", "global_id": "color", "label": "Color"}
    assert row["custom_attributes"] == [custom]
    employments = http.get(row["_meta"]["links"]["employments"]["href"], headers=auth).json()["_data"]
    assert employments[0]["id"] == row["employments"][0]["id"]
    single = http.get(f"{URL}/{row['id']}/employments/{employments[0]['id']}", headers=auth)
    assert single.json() == employments[0]


def test_a_missing_right_is_401_here(http: httpx.Client) -> None:
    """Persons answers 401 where recruiting answers 403."""
    response = http.get(URL, headers=bearer(v2_token(http, scope="personio:recruiting:read")))
    assert response.status_code == 401
    assert response.json()["errors"][0]["title"] == "Unauthorized Request"


def test_persons_are_the_employees(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Created by v2, read by v1; changed by v2, deleted by v2."""
    made = http.post(
        URL,
        json={
            "email": "eva@example.org",
            "first_name": "Eva",
            "last_name": "Groß",
            "gender": "FEMALE",
            "employments": [{"status": "ONBOARDING", "employment_start_date": "2027-01-01"}],
        },
        headers=auth,
    )
    assert made.status_code == 201
    number = made.json()["id"]
    assert made.json()["_meta"]["links"]["self"]["href"] == f"{running.url}{URL}/{number}"
    v1 = http.get("/v1/company/employees", params={"email": "eva@example.org"}, headers=auth).json()
    assert v1["data"][0]["attributes"]["status"]["value"] == "onboarding"
    assert http.patch(f"{URL}/{number}", json={"last_name": "Klein"}, headers=auth).json()["last_name"] == "Klein"
    assert running.sandbox.personio.people[int(number)].status == "onboarding"
    again = http.post(URL, json={"email": "EVA@example.org", "first_name": "E", "last_name": "G"}, headers=auth)
    assert again.status_code == 400
    assert http.delete(f"{URL}/{number}", headers=auth).status_code == 204
    assert http.get(f"{URL}/{number}", headers=auth).json()["errors"][0]["title"] == "Resource not found"


def test_next_can_point_to_itself(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Reported in 2024: a client without a guard reads for ever."""
    _people(running, 3)
    running.sandbox.settings.personio.persons_next_points_to_self = True
    first = http.get(f"{URL}?limit=1", headers=auth).json()["_meta"]["links"]["next"]["href"]
    second = http.get(first, headers=auth).json()["_meta"]["links"]["next"]["href"]
    assert first == second


def test_creation_can_be_set_and_filtered(http: httpx.Client, auth: dict[str, str]) -> None:
    """Strictly after and before; the admin interface may say when somebody was created."""
    for day in (1, 2, 3):
        person = {"email": f"d{day}@example.org", "first_name": "D", "last_name": str(day)}
        body = {**person, "created_at": f"2026-01-0{day}T12:00:00+01:00"}
        assert http.post("/_sandbox/personio/employees", json=body).status_code == 200
    second = http.get(URL, params={"email": "d2@example.org"}, headers=auth).json()["_data"][0]["created_at"]
    assert second == "2026-01-02T11:00:00Z"
    for query, expected in (("gt", ["d3"]), ("lt", ["d1"])):
        rows = http.get(URL, params={f"created_at.{query}": second}, headers=auth).json()["_data"]
        assert [row["email"].partition("@")[0] for row in rows] == expected
    for wrong in ("yesterday", "2026-01-01T12:00:00"):
        refused = http.post("/_sandbox/personio/employees", json={**person, "created_at": wrong})
        assert refused.status_code == 400


def test_the_cursor_alone_keeps_the_filters(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Whoever follows next gets every match once and nobody else."""
    _people(running, 9)
    wanted = [f"p{number}@example.org" for number in (1, 3, 4, 7)]
    query: dict[str, str] = {
        "email": ",".join(wanted).upper(),
        "created_at.gt": "2000-01-01T00:00:00Z",
        "limit": "3",
    }
    page = http.get(URL, params=query, headers=auth).json()
    found = [row["email"] for row in page["_data"]]
    while "next" in page["_meta"]["links"]:
        page = http.get(page["_meta"]["links"]["next"]["href"], headers=auth).json()
        found += [row["email"] for row in page["_data"]]
    assert found == wanted
