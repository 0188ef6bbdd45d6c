from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

    Api = Callable[..., httpx.Response]
    Rows = list[dict[str, Any]]

DIVISION = 124132


def test_bare_post_answers_nulls(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """Without Prefer a contact comes back with its ID, false and 0, and nulls, as recorded; but it is stored."""
    body = {"Account": people[0]["Account"], "FirstName": "Mila", "LastName": "Bos", "Email": "mila@example.org"}
    answer = api("crm/Contacts", method="POST", json=body)
    assert answer.status_code == 201
    row = answer.json()["d"]
    filled = {name: value for name, value in row.items() if value is not None and name != "__metadata"}
    assert filled == {"ID": row["ID"], "AccountIsCustomer": False, "IsAnonymised": 0}
    stored = api(f"crm/Contacts(guid'{row['ID']}')").json()["d"]
    assert (stored["FullName"], stored["Gender"], stored["HID"]) == ("Mila Bos", "O", 151)
    assert stored["Code"] == "           0000001"


def test_representation_is_given_on_request(api: Api) -> None:
    """Prefer: return=representation answers the filled entity with the next code, padded to 18."""
    for code in ("           0000001", "           0000002"):
        answer = api("crm/Accounts", method="POST", json={"Name": "A"}, headers={"Prefer": "return=representation"})
        assert answer.status_code == 201
        assert answer.json()["d"]["Code"] == code


def test_put_answers_204_and_moves_modified(api: Api, sandbox: RunningSandbox, people: Rows) -> None:
    """A change answers an empty 204 and moves Modified; the same values again do not."""
    sandbox.sandbox.clock.advance(timedelta(seconds=15))
    path = f"crm/Contacts(guid'{people[0]['ID']}')"
    answer = api(path, method="PUT", json={"FirstName": people[0]["FirstName"]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert api(path).json()["d"]["Modified"] == "/Date(1782404052000)/"
    assert api(path, method="PUT", json={"FirstName": "Nora"}).status_code == 204
    assert api(path).json()["d"]["Modified"] == "/Date(1782404067000)/"
    assert api(path).json()["d"]["Created"] == "/Date(1782404052000)/"


def test_delete_answers_204_then_404(api: Api, people: Rows) -> None:
    """A deleted row is gone."""
    path = f"crm/Contacts(guid'{people[7]['ID']}')"
    answer = api(path, method="DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api(path, method="DELETE").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("crm/Contacts", {"FirstName": "A"}, 500, "Mandatory: Account"),
        ("crm/Contacts", {"Account": "nonsense", "FirstName": "A"}, 500, "property 'Account' to type 'Guid'"),
        ("crm/Accounts", {"Phone": "1"}, 500, "Mandatory: Name"),
        ("crm/Accounts", {"Name": "A", "Nope": 1}, 400, "Nope"),
        ("crm/Accounts", [1], 400, "JSON object"),
    ],
)
def test_wrong_bodies_are_refused(api: Api, path: str, body: Any, status: int, text: str) -> None:
    """Validation errors come as 500 with their text; what cannot be read is 400."""
    answer = api(path, method="POST", json=body)
    assert answer.status_code == status
    assert text in answer.json()["error"]["message"]["value"]


def test_contact_needs_a_name(api: Api, people: Rows) -> None:
    """First or last name is required, on creation and on change."""
    answer = api("crm/Contacts", method="POST", json={"Account": people[0]["Account"]})
    assert answer.status_code == 500
    assert answer.json()["error"]["message"]["value"] == "Provide at least first name or last name"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_verbs_are_refused(api: Api, people: Rows, method: str) -> None:
    """Sync endpoints are read only, and PATCH exists nowhere."""
    assert api("sync/CRM/Contacts", method=method).status_code == 405
    assert api(f"crm/Contacts(guid'{people[0]['ID']}')", method="PATCH", json={}).status_code == 405
