"""Rows that are shown with raw JSON in place of their values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

DIVISION = 124132
TABLE = f"/_sandbox/exact/{DIVISION}/Contacts"


@pytest.fixture
def http(visitor: httpx.Client) -> httpx.Client:
    token = visitor.post("/_sandbox/exact/tokens", json={"action": "issue"}).json()["access_token"]
    visitor.headers["Authorization"] = f"Bearer {token}"
    return visitor


@pytest.fixture
def row(http: httpx.Client) -> str:
    return str(http.post(TABLE, json={"FirstName": "Vera", "LastName": "Proef", "City": "Delft"}).json()["ID"])


def shown(http: httpx.Client, path: str, **options: str) -> str:
    answer = http.get(f"/api/v1/{DIVISION}/{path}", params=options, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return answer.content.decode(errors="surrogatepass")


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("sync/CRM/Contacts", {"$select": "ID,Timestamp,FirstName,LastName,City", "$filter": "Timestamp gt 1L"}),
        ("crm/Contacts", {"$select": "ID,FirstName,LastName,City"}),
        ("crm/Contacts", {"$top": "1"}),
    ],
    ids=["feed", "list", "bare"],
)
def test_raw_texts_stand_where_the_values_stood(
    http: httpx.Client, row: str, path: str, options: dict[str, str]
) -> None:
    """As they are, duplicate keys and surrogates included; what is not named is shown as before."""
    raw = {"FirstName": '"\\ud800"', "LastName": 'NaN,"LastName":[1]', "City": None}
    assert http.put(f"{TABLE}/{row}/raw", json=raw).status_code == 200
    text = shown(http, path, **options)
    assert '"FirstName":"\\ud800"' in text
    assert '"LastName":NaN,"LastName":[1]' in text
    assert '"City"' not in text
    found = json.loads(text)["d"]
    (only,) = found if isinstance(found, list) else found["results"]
    assert only["ID"] == row


def test_halves_of_characters_may_be_sent_unescaped(http: httpx.Client, row: str) -> None:
    http.put(f"{TABLE}/{row}/raw", content=json.dumps({"City": '"\ud800"'}))
    assert '"City":"\ud800"' in shown(http, "crm/Contacts")


def test_the_feed_brings_the_row_again_and_an_empty_object_ends_it(http: httpx.Client, row: str) -> None:
    first = http.put(f"{TABLE}/{row}/raw", json={"City": "1"}).json()
    second = http.put(f"{TABLE}/{row}/raw", json={}).json()
    assert int(second["Timestamp"]) > int(first["Timestamp"])
    options = {"$select": "City", "$filter": f"Timestamp gt {first['Timestamp']}L"}
    assert '"City":"Delft"' in shown(http, "sync/CRM/Contacts", **options)


def test_the_true_contents_stay(http: httpx.Client, row: str) -> None:
    http.put(f"{TABLE}/{row}/raw", json={"City": "NaN"})
    (only,) = http.get("/_sandbox/contents").json()["exact"][str(DIVISION)]["Contacts"]
    assert only["City"] == "Delft"


@pytest.mark.parametrize(("body", "status"), [({"Town": "1"}, 400), ({"City": 1}, 400), ([], 400)])
def test_what_makes_no_sense_is_refused(http: httpx.Client, row: str, body: Any, status: int) -> None:
    assert http.put(f"{TABLE}/{row}/raw", json=body).status_code == status
    assert http.put(f"{TABLE}/{row[:-4]}ffff/raw", json={}).status_code == 404
