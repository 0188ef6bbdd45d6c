"""Records of invented people in the ledger, and a browser's way through the console's pages of them."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.log import Log
from airflow.utils.session import create_session
from sqlalchemy import select

from include.ledger import open_ledger
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from include.ledger import Ledger

HTML = {"Accept": "text/html"}
ROOT = "/exact-console"
LIST = f"{ROOT}/records/"
CONTACTS = "exact_contacts_to_personio_applications"
EMPLOYEES = "exact_contacts_to_personio_employees"
A = StreamKey(CONTACTS, 124132, "Contacts")
B = StreamKey(EMPLOYEES, 124132, "Contacts")
SCRIPT = "<script>document.title='owned'</script>"
RUN = f"{CONTACTS}/manual__2026-03-01T12:00:00+00:00"
TRACE = {
    "first_name": "from FirstName (built-in)",
    "last_name": "template over MiddleName, LastName (built-in)",
    "email": "from Email (built-in)",
    "phone": "from Phone (file)",
    "job_position_id": "constant (param)",
}


def guid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-00000000abcd"


def page_of(number: int) -> str:
    return f"{LIST}124132/Contacts/{guid(number)}"


def bring(number: int, outcome: str = "ready", *, stream: StreamKey = A, last: str = "Vries", **changes: Any) -> None:
    """Have a record read and decided."""
    with open_ledger() as ledger:
        _bring(ledger, number, outcome, stream, last, **changes)


def bring_all(numbers: Iterable[int], outcome: str = "ready") -> None:
    """Have records read and decided, one after the other."""
    with open_ledger() as ledger:
        for number in numbers:
            _bring(ledger, number, outcome, A, "Vries")


def _bring(ledger: Ledger, number: int, outcome: str, stream: StreamKey, last: str, **changes: Any) -> None:
    row = {
        "ID": guid(number), "FirstName": "Sanne", "MiddleName": "de", "LastName": last,
        "Email": f"sanne{number}@example.org", "Phone": "020 123 45 67",
    }  # fmt: skip
    payload = {
        "first_name": "Sanne", "last_name": f"de {last}", "email": f"sanne{number}@example.org",
        "phone": "+31 20 123 45 67", "job_position_id": 1001,
    }  # fmt: skip
    values: dict[str, Any] = {"payload": payload, "trace": TRACE, "email": row["Email"]}
    if outcome != "ready":
        values = {"reason_code": "exact.Email.missing", "field": "Email", "email": row["Email"]}
    decided = Decision(guid(number), 1, outcome, **(values | changes))  # type: ignore[arg-type]
    destination: Any = "application" if stream is A else "employee"
    created = datetime(2026, 1, 1, tzinfo=UTC)
    ledger.staging.stage(
        stream, RUN.partition("/")[2], [SourceRow(guid(number), 1, created, row)], resume=None, page=1
    )
    job = 1001 if stream is A else None
    ledger.deliveries.decide(stream, destination, job, 4242, [decided], RUN, fingerprint="m1")


def send(number: int, state: Any = "created", **outcome: Any) -> None:
    """Have the oldest record sent."""
    with open_ledger() as ledger:
        claim = ledger.deliveries.claim(4242, "application", 1001, run_id=RUN)
        assert claim is not None
        assert claim.source_id == guid(number)
        ledger.deliveries.settle(claim, state, **outcome)


def states() -> dict[str, str]:
    with open_ledger() as ledger:
        return {row.source_id: row.state for row in ledger.deliveries.listing(A, "application", 1001)}


def read(client: httpx.Client, path: str = LIST, **query: str) -> httpx.Response:
    return client.get(path, params=query, headers=HTML)


def said(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def ids(answer: httpx.Response) -> list[int]:
    return [int(found[:8], 16) for found in re.findall(r"/records/124132/Contacts/([0-9a-f-]{36})\"", answer.text)]


def fields(answer: httpx.Response, action: str) -> dict[str, str]:
    """Return the hidden fields of the page's form."""
    form = re.search(rf'<form method="post" action="{ROOT}{action}".*?</form>', answer.text, re.DOTALL)
    assert form
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0])
    return {name: html.unescape(value) for name, value in found}


def erasing(client: httpx.Client, **query: str) -> dict[str, str]:
    """Ask for an erasure; return its form, with the number typed that it asks for."""
    form = fields(read(client, f"{ROOT}/records/erase", **query), "/records/erase")
    return {**form, "typed": form["count"]}


def post(client: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    own = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    return client.post(f"{ROOT}{path}", data=form, headers={**HTML, **own})


def search(client: httpx.Client, text: str) -> httpx.Response:
    return post(client, "/records/search", {**fields(read(client), "/records/search"), "text": text})


def log_rows() -> list[tuple[str, dict[str, Any]]]:
    with create_session() as session:
        query = select(Log).where(Log.event.startswith("exact_personio.")).order_by(Log.id)
        return [
            (row.event.removeprefix("exact_personio."), json.loads(row.extra or "{}"))
            for row in session.scalars(query)
        ]
