"""Personio's v1 employees, as the sandbox serves them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from personio_logins import bearer, v1_token, v2_token

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

URL = "/v1/company/employees"
PERSON = {"email": "anna@example.org", "first_name": "Anna", "last_name": "Weiß"}


@pytest.fixture
def auth(http: httpx.Client) -> dict[str, str]:
    return bearer(v1_token(http))


def _people(running: RunningSandbox, count: int) -> None:
    for number in range(count):
        running.sandbox.personio.add_person(f"p{number}@example.org", "P", str(number), {})


def _ids(body: dict[str, Any]) -> list[int]:
    return [row["attributes"]["id"]["value"] for row in body["data"]]


def test_a_page_is_fifty_and_says_how_many_there_are(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Default 50; current_page counts from 0 and total_pages rounds up; the pages hold everybody once."""
    _people(running, 120)
    first = http.get(URL, headers=auth).json()
    assert (first["limit"], first["offset"], len(first["data"])) == (50, 0, 50)
    assert first["metadata"] == {"total_elements": 120, "current_page": 0, "total_pages": 3}
    second = http.get(URL, params={"limit": 100, "offset": 100}, headers=auth).json()
    assert second["metadata"]["current_page"] == 1
    whole = http.get(URL, params={"limit": 100}, headers=auth).json()
    assert len({*_ids(whole), *_ids(second)}) == 120


@pytest.mark.parametrize("limit", ["101", "200", "0", "x"])
def test_a_limit_out_of_range_is_an_error(http: httpx.Client, auth: dict[str, str], limit: str) -> None:
    """Above 100 an error is likelier than a clamp."""
    response = http.get(URL, params={"limit": limit}, headers=auth)
    assert response.status_code == 422
    assert response.json()["error"]["message"] == "The limit must be between 1 and 100."


def test_over_the_limit_can_be_a_clamp_and_the_order_turned(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Both are undocumented, so both are switches."""
    _people(running, 3)
    running.sandbox.settings.personio.employees_over_limit = "clamp"
    running.sandbox.settings.personio.employees_order = "desc"
    body = http.get(URL, params={"limit": 200}, headers=auth).json()
    assert body["limit"] == 100
    assert _ids(body) == sorted(_ids(body), reverse=True)


def test_the_token_comes_back_as_a_header(http: httpx.Client, auth: dict[str, str]) -> None:
    """A third-party client fails without it; it is the same token, not a new one."""
    assert http.get(URL, headers=auth).headers["authorization"] == auth["Authorization"]


def test_attribute_objects(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Numbers are text, dates are moments, departments are objects, labels follow the language."""
    sent = {**PERSON, "hire_date": "2020-01-01", "weekly_working_hours": 40, "department": "Finance"}
    number = http.post(URL, json={"employee": sent}, headers=auth).json()["data"]["id"]
    running.sandbox.settings.personio.label_language = "de"
    attributes = http.get(f"{URL}/{number}", headers=auth).json()["data"]["attributes"]
    assert attributes["weekly_working_hours"]["value"] == "40"
    assert attributes["hire_date"]["value"] == "2020-01-01T00:00:00+01:00"
    assert attributes["department"]["value"]["attributes"]["name"] == "Finance"
    assert attributes["first_name"]["label"] == "Vorname"
    assert attributes["id"] == {"label": "ID", "value": number, "type": "integer", "universal_id": "id"}


def test_only_whitelisted_attributes_come_back(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """With nothing allowed there is only the id."""
    _people(running, 1)
    asked = http.get(URL, params=[("attributes[]", "email")], headers=auth).json()
    assert set(asked["data"][0]["attributes"]) == {"id", "email"}
    running.sandbox.settings.personio.attribute_whitelist = []
    assert set(http.get(URL, headers=auth).json()["data"][0]["attributes"]) == {"id"}


def test_updated_since_ignores_the_address_and_filters_by_attribute(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Beside updated_since the e-mail filter is ignored; attributes[] then filters as well."""
    _people(running, 2)
    running.sandbox.clock.advance(timedelta(hours=1))
    since = running.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    running.sandbox.clock.advance(timedelta(seconds=2))
    last = max(running.sandbox.personio.people)
    changed = http.patch(f"{URL}/{last}", json={"employee": {"position": "Chef"}}, headers=auth)
    assert changed.json() == {"success": True, "data": {"id": last}, "meta": []}
    query: list[tuple[str, str | int | float | bool | None]]
    query = [("updated_since", since), ("email", "p0@example.org")]
    assert _ids(http.get(URL, params=query, headers=auth).json()) == [last]
    other = [*query, ("attributes[]", "last_name")]
    assert _ids(http.get(URL, params=other, headers=auth).json()) == []
    by_email = http.get(URL, params={"email": "p0@example.org"}, headers=auth).json()
    assert len(by_email["data"]) == 1


@pytest.mark.parametrize(
    ("hired", "status"), [("2020-01-01", "active"), ("2999-01-01", "onboarding")], ids=["past", "future"]
)
def test_the_hire_date_decides_the_status(http: httpx.Client, auth: dict[str, str], hired: str, status: str) -> None:
    """Past means active, else onboarding."""
    made = http.post(URL, json={"employee": {**PERSON, "hire_date": hired}}, headers=auth)
    assert made.status_code == 200
    assert made.json()["data"]["message"] == "success"
    row = http.get(f"{URL}/{made.json()['data']['id']}", headers=auth).json()["data"]["attributes"]
    assert row["status"]["value"] == status


def test_an_unknown_department_is_only_a_warning(http: httpx.Client, auth: dict[str, str]) -> None:
    """Created anyway, with a meta error."""
    made = http.post(URL, json={"employee": {**PERSON, "department": "Moon"}}, headers=auth).json()
    assert made["success"] is True
    assert made["meta"] == ["Department 'Moon' not found"]


@pytest.mark.parametrize(
    "change",
    [{"email": ""}, {"last_name": None}, {"supervisor_id": 1}, {"gender": "x"}, {"hire_date": "1.1.2020"}],
)
def test_wrong_employees_are_422(http: httpx.Client, auth: dict[str, str], change: dict[str, Any]) -> None:
    """Only 200 and 422 are documented; a supervisor has to exist."""
    response = http.post(URL, json={"employee": {**PERSON, **change}}, headers=auth)
    assert response.status_code == 422
    assert response.json()["success"] is False
    if "supervisor_id" in change:
        assert response.json()["error"] == {"code": 422, "message": "Supervisor with ID 1 not found"}


def test_a_second_employee_with_the_address_is_refused(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """An address is unique; how the refusal looks is unknown and a switch. Forms are taken as well."""
    form = {f"employee[{name}]": value for name, value in PERSON.items()}
    assert http.post(URL, data=form, headers=auth).status_code == 200
    assert http.post(URL, json={"employee": PERSON}, headers=auth).status_code == 422
    running.sandbox.settings.personio.duplicate_employee_status = 409
    assert http.post(URL, json={"employee": PERSON}, headers=auth).status_code == 409
    running.sandbox.settings.personio.business_errors_as_200 = True
    assert http.post(URL, json={"employee": PERSON}, headers=auth).json()["success"] is False


def test_the_address_cannot_be_changed_and_unknown_fields_are_ignored(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """PATCH answers 200 all the same."""
    _people(running, 1)
    number = next(iter(running.sandbox.personio.people))
    sent = {"employee": {"email": "new@example.org", "moon": 1, "first_name": "Eva"}}
    assert http.patch(f"{URL}/{number}", json=sent, headers=auth).status_code == 200
    person = running.sandbox.personio.people[number]
    assert (person.email, person.first_name) == ("p0@example.org", "Eva")
    itself = {"employee": {"supervisor_id": number}}
    assert http.patch(f"{URL}/{number}", json=itself, headers=auth).status_code == 422


def test_an_unknown_employee_is_404_in_german(http: httpx.Client, auth: dict[str, str]) -> None:
    """With the trailing blank of the official example."""
    response = http.get(f"{URL}/1", headers=auth)
    assert response.status_code == 404
    assert response.json()["error"] == {"code": 404, "message": "Es ist ein Problem aufgetreten "}


def test_logins_and_rights(running: RunningSandbox, http: httpx.Client) -> None:
    """401 without a token, 403 with the untranslated key without the right; a v2 token is good for v1."""
    assert http.get(URL).status_code == 401
    for scope, status in (("employees:read", 200), ("personio:recruiting:read", 403)):
        token = v2_token(http, scope=scope)
        assert http.get(URL, headers=bearer(token)).status_code == status
    running.sandbox.settings.personio.v2_tokens_on_v1 = False
    assert http.get(URL, headers=bearer(token)).status_code == 401


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_fifteen_a_second(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """The list has a burst limit of 15 a second."""
    running.sandbox.clock.scale = 0
    assert {http.get(URL, headers=auth).status_code for _ in range(15)} == {200}
    assert http.get(URL, headers=auth).status_code == 429
    running.sandbox.clock.advance(timedelta(seconds=1))
    assert http.get(URL, headers=auth).status_code == 200


def test_updated_since_is_read_in_its_zone_and_may_ignore_paging(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Noon without a zone is noon in UTC or in another zone; one switch answers everything at once."""
    for hour in (10, 11, 12):
        person = {"email": f"h{hour}@example.org", "first_name": "H", "last_name": str(hour)}
        body = {**person, "created_at": f"2026-07-01T{hour}:30:00Z"}
        assert http.post("/_sandbox/personio/employees", json=body).status_code == 200
    since = {"updated_since": "2026-07-01T12:00:00", "limit": "1"}
    assert http.get(URL, params=since, headers=auth).json()["metadata"]["total_elements"] == 1
    running.sandbox.settings.personio.updated_since_zone = "Europe/Berlin"
    answer = http.get(URL, params=since, headers=auth).json()
    assert (answer["metadata"]["total_elements"], len(answer["data"])) == (3, 1)
    running.sandbox.settings.personio.updated_since_ignores_paging = True
    assert len(http.get(URL, params=since, headers=auth).json()["data"]) == 3
