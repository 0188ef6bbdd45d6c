"""Personio's v2 recruiting reads, as the sandbox serves them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from personio_logins import bearer, v2_token

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

URL = "/v2/recruiting/applications"


def _apply(running: RunningSandbox, count: int) -> None:
    for number in range(count):
        body = {"first_name": "A", "last_name": "B", "email": f"a{number}@example.org", "job_position_id": 1001}
        running.sandbox.personio.add_application(body, {"id": None, "kind": "SYSTEM", "name": None, "type": "OFFER"})
        running.sandbox.clock.advance(timedelta(seconds=1))


def _all(http: httpx.Client, url: str, auth: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    rows, pages, following = [], 0, url
    while following and pages < 20:
        body = http.get(following, headers=auth).json()
        if not body["_data"]:
            break
        pages += 1
        rows += body["_data"]
        following = body["_meta"]["links"].get("next", {}).get("href")
    return rows, pages


def test_every_application_comes_once_newest_first(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Five rows in pages of two; links are absolute, with the sandbox's own host and only the cursor."""
    _apply(running, 5)
    rows, pages = _all(http, f"{URL}?limit=2", auth)
    assert [row["candidate"]["email"] for row in rows] == [f"a{n}@example.org" for n in (4, 3, 2, 1, 0)]
    assert pages == 3
    following = http.get(f"{URL}?limit=2", headers=auth).json()["_meta"]["links"]["next"]["href"]
    assert following.startswith(f"{running.url}{URL}?cursor=")
    assert "limit" not in following


def test_shape_of_an_application(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Ids are numeric strings and the moment's key is written with a hyphen."""
    _apply(running, 1)
    row = http.get(URL, headers=auth).json()["_data"][0]
    assert row["job"]["id"] == "1001"
    assert row["id"].isdigit()
    assert set(row["created_at"]) == {"date-time", "timezone"}
    assert http.get(f"{URL}/{row['id']}", headers=auth).json() == row


def test_filters(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """By address; by update, one bound only; unknown names are ignored in silence."""
    _apply(running, 3)
    found = http.get(URL, params={"candidate.email": "a1@example.org"}, headers=auth).json()["_data"]
    assert [row["candidate"]["email"] for row in found] == ["a1@example.org"]
    newest = http.get(URL, headers=auth).json()["_data"][0]["updated_at"]["date-time"]
    assert len(http.get(URL, params={"updated_at.lt": newest}, headers=auth).json()["_data"]) == 2
    both = {"updated_at.lt": newest, "updated_at.gt": newest}
    assert http.get(URL, params=both, headers=auth).status_code == 400
    assert len(http.get(URL, params={"status": "x"}, headers=auth).json()["_data"]) == 3


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=cur_x"])
def test_bad_queries_are_problem_json(http: httpx.Client, auth: dict[str, str], query: str) -> None:
    """Limit 1 to 200, and only cursors that were issued."""
    response = http.get(f"{URL}?{query}", headers=auth)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["title"] == "Bad request"


def test_next_on_the_last_page_is_a_switch(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Documented: no next. Seen by one client: next always, then an empty page."""
    _apply(running, 2)
    assert "next" not in http.get(URL, headers=auth).json()["_meta"]["links"]
    running.sandbox.settings.personio.recruiting_next_on_last_page = True
    following = http.get(URL, headers=auth).json()["_meta"]["links"]["next"]["href"]
    assert http.get(following, headers=auth).json()["_data"] == []
    assert len(_all(http, URL, auth)[0]) == 2


def test_a_missing_scope_is_403_here(http: httpx.Client) -> None:
    """Recruiting answers 403 where persons answers 401."""
    assert http.get(URL, headers=bearer(v2_token(http, scope="personio:persons:read"))).status_code == 403
    assert http.get(URL).status_code == 401


@pytest.mark.parametrize("path", ["candidates", "jobs", "categories"])
def test_the_other_lists_and_their_objects(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str], path: str
) -> None:
    """Each lists, gets one bare object, and answers 404 for an unknown id."""
    _apply(running, 1)
    rows = http.get(f"/v2/recruiting/{path}", headers=auth).json()["_data"]
    assert http.get(f"/v2/recruiting/{path}/{rows[0]['id']}", headers=auth).json() == rows[0]
    assert http.get(f"/v2/recruiting/{path}/999999", headers=auth).status_code == 404


def test_the_beta_header_can_be_required(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """Before general availability the endpoint did not exist without it."""
    running.sandbox.settings.personio.beta_header_required = True
    refused = http.get("/v2/recruiting/jobs", headers=auth)
    assert refused.status_code == 404
    assert refused.json()["errors"][0]["detail"] == "The endpoint with /v2/recruiting/jobs was not found."
    assert http.get("/v2/recruiting/jobs", headers={**auth, "Beta": "true"}).status_code == 200


def test_new_applications_may_show_up_late(running: RunningSandbox, http: httpx.Client, auth: dict[str, str]) -> None:
    """A lag hides what was just written from the reads."""
    running.sandbox.settings.personio.recruiting_lag_seconds = 30.0
    _apply(running, 1)
    assert http.get(URL, headers=auth).json()["_data"] == []
    running.sandbox.clock.advance(timedelta(seconds=30))
    assert len(http.get(URL, headers=auth).json()["_data"]) == 1


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_rate_headers_come_with_every_answer(
    running: RunningSandbox, http: httpx.Client, auth: dict[str, str]
) -> None:
    """Burst 100, refill 30 a second, one bucket per endpoint; the 429 is empty and has the headers."""
    running.sandbox.clock.scale = 0
    first = http.get(URL, headers=auth)
    assert first.headers["x-ratelimit-burst-capacity"] == "100"
    assert first.headers["x-ratelimit-replenish-rate"] == "30"
    assert first.headers["x-ratelimit-requested-tokens"] == "1"
    assert first.headers["x-ratelimit-remaining"] == "99"
    assert {http.get(URL, headers=auth).status_code for _ in range(99)} == {200}
    refused = http.get(URL, headers=auth)
    assert (refused.status_code, refused.content) == (429, b"")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert http.get("/v2/recruiting/jobs", headers=auth).status_code == 200
    running.sandbox.clock.advance(timedelta(seconds=1))
    assert http.get(URL, headers=auth).headers["x-ratelimit-remaining"] == "29"


def test_unknown_paths_are_problem_json(http: httpx.Client) -> None:
    """404 names the path."""
    body = http.get("/v2/moon").json()
    assert body["errors"][0]["_meta"] == {"path": "/v2/moon"}
