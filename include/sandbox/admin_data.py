"""The part of the admin interface that fills and changes the two services."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.sandbox.company import make_company
from include.sandbox.exact_kinds import KINDS
from include.sandbox.personio_state import Job

if TYPE_CHECKING:
    from include.sandbox.state import Sandbox

EMPLOYEE_FIELDS = {"email", "first_name", "last_name"}
SEED_DEFAULTS: dict[str, Any] = {
    "seed": 1,
    "accounts": 20,
    "contacts": 50,
    "employees": 0,
    "division": 124132,
    "dirty": True,
}


def seed(sandbox: Sandbox, _query: dict[str, str], body: Any) -> Any:
    """Add a made-up company: ``seed``, ``accounts``, ``contacts``, ``employees``, ``division``, ``dirty``."""
    if not isinstance(body, dict) or set(body) - set(SEED_DEFAULTS):
        raise ValueError(f"A seed takes: {', '.join(SEED_DEFAULTS)}.")
    asked = {**SEED_DEFAULTS, **body}
    for name, default in SEED_DEFAULTS.items():
        if type(asked[name]) is not type(default) or (name != "seed" and asked[name] < 0):
            raise ValueError(f"{name} is a {type(default).__name__}, not negative.")
    division = asked["division"]
    if division not in sandbox.exact.divisions:
        sandbox.exact.add_division(division, f"Sandbox {division}")
    there = sandbox.exact.division(division)
    company = make_company(
        seed=asked["seed"],
        accounts=asked["accounts"],
        contacts=asked["contacts"],
        division=division,
        until=sandbox.exact.local_now(),
        dirty=asked["dirty"],
        start=max(there.highest_code, there.highest_hid),
    )
    sandbox.exact.bulk_load(division, "Accounts", company.accounts)
    sandbox.exact.bulk_load(division, "Contacts", company.contacts)
    # Some of the contacts work here already: they are the ones a matching by e-mail has to find.
    clean = [row for row in company.contacts if row["ID"] not in company.troubles]
    for row in clean[: asked["employees"]]:
        sandbox.personio.add_person(row["Email"], row["FirstName"], row["LastName"], {"status": "active"})
    return {
        "accounts": len(company.accounts),
        "contacts": len(company.contacts),
        "employees": len(clean[: asked["employees"]]),
        "troubles": dict(Counter(company.troubles.values())),
    }


def add_rows(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Add one row, or a list of them, as a user of Exact's web interface would."""
    division, entity = int(query["division"]), _entity(query)
    rows = [
        sandbox.exact.add(division, entity, _object(fields))
        for fields in (body if isinstance(body, list) else [body])
    ]
    found = [{"ID": row["ID"], "Timestamp": str(row["Timestamp"]), **_iso(row, "Created")} for row in rows]
    return found if isinstance(body, list) else found[0]


def change_row(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Change a row."""
    entity = _entity(query)
    row = sandbox.exact.update(int(query["division"]), entity, query["id"].lower(), _object(body))
    return {"ID": row["ID"], "Timestamp": str(row["Timestamp"]), **_iso(row, "Modified")}


def distort_row(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Have a row shown with raw JSON texts in place of values; null leaves a property out, ``{}`` ends it."""
    raw = _object(body)
    if not all(text is None or isinstance(text, str) for text in raw.values()):
        raise ValueError("Each value is a JSON text, such as '\"\\\\ud800\"' or 'NaN', or null.")
    row = sandbox.exact.distort(int(query["division"]), _entity(query), query["id"].lower(), raw)
    return {"ID": row["ID"], "Timestamp": str(row["Timestamp"])}


def _iso(row: dict[str, Any], name: str) -> dict[str, str]:
    return {name: row[name].isoformat()} if name in row else {}


def delete_row(sandbox: Sandbox, query: dict[str, str], _body: Any) -> None:
    """Delete a row; what hangs on it goes along."""
    sandbox.exact.delete(int(query["division"]), _entity(query), query["id"].lower())


def move_division(sandbox: Sandbox, query: dict[str, str], _body: Any) -> None:
    """Move a division to another database: every Timestamp changes."""
    sandbox.exact.move_division(int(query["division"]))


def exact_tokens(sandbox: Sandbox, _query: dict[str, str], body: Any) -> Any:
    """``expire`` the access tokens, ``revoke`` everything, or ``issue`` a login without a browser."""
    action = _object(body).get("action")
    if action == "issue":
        return sandbox.exact.issue_tokens()
    return _end_tokens(sandbox.exact, action, "expire, revoke or issue")


def personio_tokens(sandbox: Sandbox, _query: dict[str, str], body: Any) -> Any:
    """``expire`` or ``revoke`` the tokens of ``/v1/auth`` and ``/v2/auth/token``."""
    return _end_tokens(sandbox.personio, _object(body).get("action"), "expire or revoke")


def add_job(sandbox: Sandbox, _query: dict[str, str], body: Any) -> Any:
    """Add a job or change one: ``id``, ``name``, ``published``."""
    fields = _object(body)
    if not isinstance(fields.get("id"), int):
        raise ValueError("A job needs an integer id.")  # noqa: TRY004 - one kind of refusal for all bodies
    job = Job(
        fields["id"], str(fields.get("name") or f"Job {fields['id']}"), published=fields.get("published") is not False
    )
    sandbox.personio.jobs[job.id] = job
    return {"id": job.id, "name": job.name, "published": job.published}


def add_employee(sandbox: Sandbox, _query: dict[str, str], body: Any) -> Any:
    """Add an employee: ``email``, ``first_name``, ``last_name``, any of v1's fields, and ``created_at``."""
    fields = _object(body)
    if not all(isinstance(fields.get(name), str) for name in EMPLOYEE_FIELDS):
        raise ValueError("An employee needs email, first_name and last_name.")
    rest = {name: value for name, value in fields.items() if name not in {*EMPLOYEE_FIELDS, "created_at"}}
    names = (fields["email"], fields["first_name"], fields["last_name"])
    created_at = _moment(fields["created_at"]) if "created_at" in fields else None
    person = sandbox.personio.add_person(*names, {"status": "active", **rest}, created_at)
    return {"id": person.id}


def delete_employee(sandbox: Sandbox, query: dict[str, str], _body: Any) -> None:
    """Delete an employee."""
    sandbox.personio.remove_person(sandbox.personio.people[int(query["id"])])


def _moment(text: Any) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("created_at needs a zone, e.g. 2026-06-25T14:14:12Z.")
    return at.astimezone(UTC)


def _end_tokens(service: Any, action: Any, known: str) -> None:
    if action not in ("expire", "revoke"):
        raise ValueError(f"action is one of: {known}.")
    getattr(service, f"{action}_tokens")()


def _entity(query: dict[str, str]) -> str:
    if query["entity"] not in KINDS:
        raise KeyError(f"entity {query['entity']}")
    return query["entity"]


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("Send a JSON object.")  # noqa: TRY004 - one kind of refusal for all bodies
    return body
