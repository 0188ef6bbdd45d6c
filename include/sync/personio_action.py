"""What a DAG author asks of Personio: one applicant or one employee, checked, and created once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from include.errors import ConfigurationError, PermissionDeniedError
from include.sync.single_write import Written, repeatable, write_once
from include.transform.emails import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger

APPLICATION: Final = ("first_name", "last_name", "email", "job_position_id")
EMPLOYEE: Final = ("email", "first_name", "last_name")
NUMBERS: Final = ("job_position_id", "recruiting_channel_id", "supervisor_id")


@dataclass(frozen=True, slots=True)
class Hired:
    """What came of creating an employee.

    :param written: with Personio's id.
    :param warnings: how many remarks Personio made on what it ignored; None if an earlier attempt created it.
    """

    written: Written
    warnings: int | None


def checked_payload(payload: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    """Return what is sent: without empty fields, ids as numbers, dates as text.

    :param required: fields that Personio demands.
    :raises ConfigurationError: one is missing or cannot be right; nothing was sent.
    """
    filled = {name: _plain(name, value) for name, value in payload.items() if value not in (None, "", [], {}, ())}
    for name in required:
        if name not in filled:
            raise _wrong(name, "missing", f"`{name}` is missing: Personio demands it.", "Fill it in.")
    try:
        filled["email"] = normalise(str(filled["email"]))
    except ValueError:
        raise _wrong("email", "malformed", "`email` is no e-mail address.", "Correct it.") from None
    return filled


def applied(
    client: PersonioClient, ledger: Ledger, key: str, payload: Mapping[str, Any], *, read: Callable[[str], bytes]
) -> Written:
    """Create an application, once for this key. Files with a ``path`` are uploaded first.

    :param key: of :func:`include.sync.single_write.write_once`.
    :param payload: of :func:`checked_payload`.
    :param read: returns a file's content.
    """

    def send() -> str:
        files = [_uploaded(client, file, read) for file in payload.get("files", ())]
        # The lease is taken anew when the limits allow the request: a wait must not let two processes send.
        client.reserve("recruiting")
        ledger.writes.renew(key)
        client.create_application({**payload, "files": files} if files else payload)
        return ""

    def find(_since: datetime) -> list[str] | None:
        # Without the right to look it up, sending again tells: Personio refuses a second one.
        if not client.config.client_id:
            return None
        try:
            rows = client.find_applications(str(payload["email"]))
        except PermissionDeniedError:
            return None
        position = str(payload["job_position_id"])
        return [str(row["id"]) for row in rows if str((row.get("job") or {}).get("id")) == position][:1]

    return write_once(ledger, key, "v1/recruiting/applications", payload, send=send, find=find)


def employed(client: PersonioClient, ledger: Ledger, key: str, payload: Mapping[str, Any]) -> Hired:
    """Create an employee, once for this key; an address that is there already is looked up.

    :param key: of :func:`include.sync.single_write.write_once`.
    :param payload: of :func:`checked_payload`.
    """
    remarks: list[int] = []

    def send() -> str:
        client.reserve("employees")
        ledger.writes.renew(key)
        made = client.create_employee(payload)
        remarks.append(len(made.warnings))
        return made.id

    def find(_since: datetime) -> list[str] | None:
        try:
            row = client.find_employee(str(payload["email"]))
        except PermissionDeniedError:
            return None
        return [] if row is None else [str(row["id"])]

    written = write_once(ledger, key, "v1/company/employees", payload, send=send, find=find)
    return Hired(written, remarks[0] if remarks else None)


def uploaded(client: PersonioClient, name: str, content: bytes) -> str:
    """Upload a file and return its uuid.

    :raises ConfigurationError: too large, or of a type that Personio refuses.
    """
    with repeatable():
        return client.upload_document(name, content)


def since_text(value: date | datetime | str | None) -> str | None:
    """Return a moment as Personio takes it: ISO 8601 without a zone; an aware one as UTC.

    :raises ConfigurationError: it is none.
    """
    if value in (None, ""):
        return None
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(str(value))
    except ValueError:
        what = "`updated_since` is no date or time."
        raise _wrong("updated_since", "malformed", what, "Write it like 2026-01-31 or 2026-01-31T08:15:30.") from None
    if isinstance(moment, datetime) and moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else moment.isoformat()


def one_question(email: str | None, updated_since: str | None) -> None:
    """Refuse what Personio would answer with too much: it ignores the address when it is asked for changes.

    :raises ConfigurationError: both are given.
    """
    if email and updated_since:
        what = "`email_address` and `updated_since` are both given, and Personio would ignore the first."
        raise _wrong("email_address", "unexpected", what, "Leave one of them out.")


def _uploaded(client: PersonioClient, file: Mapping[str, Any], read: Callable[[str], bytes]) -> dict[str, Any]:
    if "path" not in file:
        return dict(file)
    path = str(file["path"])
    name = str(file.get("original_filename") or path.rpartition("/")[2])
    uuid = uploaded(client, name, read(path))
    return {"uuid": uuid, "original_filename": name, "category": str(file.get("category") or "other")}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()[:10]
    if name in NUMBERS:
        try:
            return int(str(value))
        except ValueError:
            raise _wrong(name, "malformed", f"`{name}` is no whole number.", "Correct it.") from None
    return value


def _wrong(name: str, problem: str, what: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(what, reason_code=f"personio.{name}.{problem}", way_out=way_out)
