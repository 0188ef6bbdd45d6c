"""Personio's employees, through v1: listed, looked up, created."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn
from urllib.parse import urlencode

from include.clients.payloads import number
from include.clients.personio_answers import (
    flat_employees,
    id_of,
    listed,
    refused_read,
    same,
    texts_in,
    total,
    unreadable,
    with_address,
)
from include.clients.personio_calls import UNAUTHORIZED
from include.clients.personio_company import PersonioCompany
from include.clients.personio_errors import login_refusal
from include.errors import (
    AlreadyExistsError,
    OutcomeUnknownError,
    ProtocolError,
    RecordRejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from include.records import Row
    from include.transport import Reply

log = logging.getLogger(__name__)

EMPLOYEES: Final = "/v1/company/employees"
ATTRIBUTES: Final = "/v1/company/employees/attributes"
EMPLOYEES_PER_PAGE: Final = 100
"""The most since January 2025; more is an error, not a shorter page."""

_MAYBE_DUPLICATE: Final = frozenset({200, 400, 409, 422})


@dataclass(frozen=True, slots=True)
class CreatedEmployee:
    """What Personio says of an employee that it has created.

    :param id: the employee's.
    :param warnings: its remarks, such as on an unknown department that it ignored; they may quote the record.
    """

    id: str
    warnings: tuple[str, ...] = field(default=(), repr=False)


class PersonioEmployees(PersonioCompany):
    """Employees as attribute key to value."""

    EMPLOYEES_PER_PAGE: ClassVar[int] = EMPLOYEES_PER_PAGE

    def list_employees(
        self,
        *,
        email: str | None = None,
        updated_since: str | None = None,
        attributes: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Yield the employees, each once, as attribute key to value.

        .. seealso:: https://developer.personio.de/reference/get_company-employees

        :param email: only this one.
        :param updated_since: ISO 8601 without a zone; Personio then ignores ``email``.
        :param attributes: only these keys; the credential must be allowed to read them.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            reply = self._employees(email=email, updated_since=updated_since, attributes=attributes, offset=offset)
            rows = flat_employees(reply)
            fresh = list(self._fresh(rows, seen))
            yield from fresh
            offset += len(rows)
            # A page of nothing new would otherwise be asked for for ever.
            if not fresh or offset >= total(reply):
                return

    def employees_total(self) -> int:
        """Return how many employees there are, in one call where Personio says it."""
        told = total(self._employees(limit=1))
        return int(told) if told != float("inf") else sum(1 for _ in self.list_employees(attributes=("id",)))

    def employee_attributes(self) -> list[Row]:
        """Return the attributes of employees: ``key``, ``label``, ``type``, ``universal_id``, ``options``.

        .. seealso:: https://developer.personio.de/reference/get_company-employees-attributes
        """
        name = ATTRIBUTES.strip("/")
        reply = self._read(ATTRIBUTES, name)
        return listed(reply.json, "data", name, reply.status)

    def find_employee(self, email: str) -> Row | None:
        """Return the employee with this address, None if there is none.

        :raises PermissionDeniedError: if the credential may not read ``email``, so that nobody can tell.
        """
        for row in self.list_employees(email=email):
            if same(with_address(row)["email"], email):
                return row
        return None

    def create_employee(self, payload: Mapping[str, Any]) -> CreatedEmployee:
        """Create an employee.

        .. seealso:: https://developer.personio.de/reference/post_company-employees

        :param payload: fields of *Create Employee*, without the ``employee`` wrapper.
        :returns: the id, and what Personio ignored.
        :raises AlreadyExistsError: if the address belongs to an employee; looked up, as no code says so.
        :raises RecordRejectedError: if this record is refused for good.
        :raises OutcomeUnknownError: if it may have been created.
        """
        body = {"employee": _with_numbers(payload)}
        reply = self._calls.with_token("v1", "employees", "POST", EMPLOYEES, json=body)
        answer = reply.json if isinstance(reply.json, dict) else {}
        # A 200 may hold a business error.
        if reply.action != "done" or answer.get("success") is False:
            self._refuse_employee(reply, payload)
        data = answer.get("data")
        made = id_of(data.get("id")) if isinstance(data, dict) else ""
        if not made:
            raise OutcomeUnknownError(
                "v1/company/employees: accepted, but the answer holds no id.",
                reason_code="personio.employee.unreadable",
                way_out="It was probably created: the next run looks it up by its e-mail address.",
                status=reply.status,
            )
        warnings = texts_in(answer.get("meta")) or texts_in(data.get("meta") if isinstance(data, dict) else None)
        if warnings:
            log.warning("personio: created, with %d remarks on what was ignored", len(warnings))
        return CreatedEmployee(made, warnings)

    def _employees(
        self,
        *,
        email: str | None = None,
        updated_since: str | None = None,
        attributes: Sequence[str] = (),
        offset: int = 0,
        limit: int = EMPLOYEES_PER_PAGE,
    ) -> Reply:
        options: list[tuple[str, str | int]] = [("limit", limit), ("offset", offset)]
        options += [("email", email)] if email else []
        options += [("updated_since", updated_since)] if updated_since else []
        options += [("attributes[]", name) for name in attributes]
        return self._read(f"{EMPLOYEES}?{urlencode(options)}", EMPLOYEES.strip("/"))

    def _read(self, path: str, name: str) -> Reply:
        reply = self._calls.with_token("v1", "employees", "GET", path)
        body = reply.json if isinstance(reply.json, dict) else {}
        if reply.action != "done" or body.get("success") is False:
            if reply.status in {UNAUTHORIZED, 403}:
                raise login_refusal(reply.status, name)
            raise refused_read(name, reply.status)
        if not isinstance(reply.json, dict):
            raise unreadable(name, reply.status)
        return reply

    def _fresh(self, rows: list[Row], seen: set[str]) -> Iterator[Row]:
        for row in rows:
            number = id_of(row.get("id"))
            if not number:
                # Whatever a credential may read, the id always comes; without it rows cannot be told apart.
                raise ProtocolError(
                    "v1/company/employees: an employee has no id.",
                    reason_code="personio.id.missing",
                    way_out="Check the base URL of the connection.",
                )
            if number not in seen:
                seen.add(number)
                yield {**row, "id": int(number) if number.isdecimal() else number}

    def _refuse_employee(self, reply: Reply, payload: Mapping[str, Any]) -> NoReturn:
        if reply.status in {UNAUTHORIZED, 403}:
            raise login_refusal(reply.status, "v1/company/employees")
        email = payload.get("email")
        # No source shows what a duplicate address is answered with, so it is looked up.
        found = self.find_employee(email) if reply.status in _MAYBE_DUPLICATE and isinstance(email, str) else None
        if found is not None:
            raise AlreadyExistsError(
                "v1/company/employees: an employee with this e-mail address exists.",
                reason_code="personio.email.already-exists",
                field="email",
                way_out="Nothing is to be done.",
                status=reply.status,
                remote_id=id_of(found["id"]),
            )
        raise RecordRejectedError(
            "v1/company/employees: Personio refuses the record.",
            reason_code="personio.employee.refused",
            way_out="Check supervisor, dates and status of the mapping; it is then tried again.",
            status=reply.status,
        )


def _with_numbers(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload with numbers as JSON numbers: Personio takes no text for them, and 0 is a number."""
    sent = dict(payload)
    for name in ("weekly_working_hours", "supervisor_id"):
        if sent.get(name) is None:
            sent.pop(name, None)
            continue
        try:
            value = number(sent[name])
            if name == "supervisor_id":
                value = _whole(value)
        except ValueError:
            raise RecordRejectedError(
                f"`{name}` is no number.",
                reason_code=f"personio.{name}.malformed",
                field=name,
                way_out="Correct the record in Exact or the mapping; it is then tried again.",
            ) from None
        sent[name] = value
    return sent


def _whole(value: float) -> int:
    if value != int(value):
        raise ValueError("a fraction")
    return int(value)
