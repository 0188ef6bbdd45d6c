"""Employees at Personio as a destination: created one by one, read back by e-mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.clients.personio_answers import ADDRESS_UNREADABLE, moment
from include.errors import PermissionDeniedError
from include.sync.delivery import NOTHING, Found, RecordHeldUpError, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clients.personio import PersonioClient
    from include.ledger.claims import Claim


class EmployeeDelivery:
    """Creates employees.

    :param personio: the client.
    """

    def __init__(self, personio: PersonioClient) -> None:
        self.personio = personio

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Create the employee; names that Personio ignored come back as warnings, kept with the record.

        :raises AlreadyExistsError: the address belongs to an employee; it was looked up, not tried again.
        :raises RecordRejectedError: a field was refused.
        :raises RecordHeldUpError: it was refused, and the credential may not read whether as a duplicate.
        """
        self.personio.reserve("employees")
        hold()
        try:
            made = self.personio.create_employee(claim.payload)
        except PermissionDeniedError as error:
            if error.reason_code == ADDRESS_UNREADABLE:
                raise RecordHeldUpError(error) from error
            raise
        result = {"warnings": list(made.warnings)} if made.warnings else None
        return Sent(status=200, remote_id=made.id, result=result)

    def find(self, claim: Claim) -> Found | None:
        """Return the employee with the claim's address, None if addresses cannot be read."""
        if not claim.email:
            return None
        try:
            found = self.personio.find_employee(claim.email)
        except PermissionDeniedError:
            return None
        return NOTHING if found is None else Found(str(found["id"]), moment(found.get("created_at")))
