"""Employees that are the same person as a record of Exact: looked for, never written."""

from __future__ import annotations

import logging
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from include.clients.personio_answers import ADDRESS_UNREADABLE, with_address
from include.errors import PermissionDeniedError
from include.sync.delivery import Found, RecordHeldUpError, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.clients.personio import PersonioClient
    from include.ledger.claims import Claim
    from include.records import Row

log = logging.getLogger(__name__)

SHOWN: Final = ("id", "status", "position", "hire_date", "termination_date", "last_modified_at")
"""What of an employee is kept with the record that it matches, encrypted like all of it."""


class EmployeeMatching:
    """Finds the employees that have a record's e-mail address, in the fewest calls.

    One call per record, or one per hundred employees: whichever is less for the records at hand.

    :param personio: the client.
    :param expected: how many records are going to be looked up.
    :param updated_since: also note which employees changed since this date, ``YYYY-MM-DD``; None: do not.
    """

    def __init__(self, personio: PersonioClient, *, expected: int, updated_since: str | None = None) -> None:
        self.personio = personio
        self.expected = expected
        self.updated_since = updated_since
        self._by_email: dict[str, Row] | None = None
        self._single = expected <= 1
        self._changed: list[str] | None = None

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Look the record's address up; return the match, kept with the record.

        :raises RecordHeldUpError: somebody was found whose address may not be read.
        """
        found = self._find(str(claim.email))
        hold()
        result: dict[str, Any] = {"matches": [_shown(found)] if found else []}
        if self.updated_since:
            result |= {"updated_since": self.updated_since, "changed": self._changed_since(self.updated_since)}
        return Sent(
            state="matched" if found else "unmatched",
            status=200,
            remote_id=str(found["id"]) if found else None,
            result=result,
        )

    def find(self, claim: Claim) -> Found | None:  # noqa: ARG002 - nothing was written, so nothing can be there
        """Return None: an unanswered look-up is simply made again."""
        return None

    def _find(self, email: str) -> Row | None:
        if self._by_email is None and not self._single:
            self._choose()
        if self._by_email is None:
            return self._asked_for(email)
        return self._by_email.get(email.strip().casefold())

    def _asked_for(self, email: str) -> Row | None:
        try:
            return self.personio.find_employee(email)
        except PermissionDeniedError as error:
            if error.reason_code == ADDRESS_UNREADABLE:
                raise RecordHeldUpError(error) from error
            raise

    def _choose(self) -> None:
        """Read all employees if that takes fewer calls than asking for each record."""
        total = self.personio.employees_total()
        pages = ceil(total / self.personio.EMPLOYEES_PER_PAGE)
        if pages >= self.expected:
            self._single = True
            log.info("%s records are looked up one by one: reading all would take %s calls.", self.expected, pages)
            return
        log.info("Reading all %s employees in %s calls, for %s records.", total, pages, self.expected)
        self._by_email = dict(self._readable())

    def _readable(self) -> Iterator[tuple[str, Row]]:
        for employee in self.personio.list_employees():
            yield str(with_address(employee)["email"] or "").strip().casefold(), employee

    def _changed_since(self, since: str) -> list[str]:
        if self._changed is None:
            self._changed = [str(row["id"]) for row in self.personio.list_employees(updated_since=since)]
            log.info("%s employees changed since %s.", len(self._changed), since)
        return self._changed


def _shown(employee: Row) -> dict[str, Any]:
    return {name: employee[name] for name in SHOWN if employee.get(name) is not None}
