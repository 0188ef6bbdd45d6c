"""What Personio has already of the people that a preview shows: only read, in the fewest calls."""

from __future__ import annotations

import logging
from collections import defaultdict
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from include.clients.personio_answers import email_of_candidate, with_address
from include.clients.personio_persons import READ as PERSONS_SCOPE
from include.clients.personio_recruiting import PER_PAGE
from include.errors import AbortError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from include.clients.personio import PersonioClient
    from include.records import Row

log = logging.getLogger(__name__)

NOTHING: Final = "nothing at Personio"
_MOST_IDS: Final = 3
_FEW: Final = 2
"""So few addresses are asked for one by one: a list cannot take fewer calls."""


class Existing:
    """Tells what Personio has of an address: applications, and an employee.

    :param personio: the client.
    :param position: the job position that the records would apply for; 0: any.
    :param applications: False where only employees matter.
    """

    def __init__(self, personio: PersonioClient, *, position: int = 0, applications: bool = True) -> None:
        self._personio = personio
        self._position = str(position) if position else ""
        self._applications = applications

    def find(self, emails: Iterable[str]) -> dict[str, str]:
        """Return for each address what is there, in words that hold ids and no names.

        What the credential may not read is said as well: "cannot be told", with the reason code.

        :param emails: any number; the same mailbox in another spelling is asked for once.
        :returns: address, as it was given -> words, at most 200 characters.
        :raises RetryLaterError: a limit or an outage; nothing was changed.
        """
        given = list(emails)
        wanted = list(dict.fromkeys(key for email in given if (key := _key(email))))
        told: dict[str, list[str]] = defaultdict(list)
        untold: list[str] = []
        looks = {"employees": self._find_employees}
        if self._applications:
            looks = {"applications": self._find_applications, **looks}
        for what, look in looks.items():
            try:
                found = look(wanted) if wanted else {}
            except AbortError as error:
                untold.append(f"{what} cannot be told ({error.reason_code})")
                continue
            for address, words in found.items():
                told[address].append(words)
        return {email: "; ".join([*told[_key(email)], *untold]) or NOTHING for email in given}

    def _find_applications(self, wanted: Sequence[str]) -> dict[str, str]:
        found: dict[str, list[Row]] = {email: [] for email in wanted}
        for email in self._not_listed(wanted, found):
            found[email] = self._personio.find_applications(email)
        return {email: self._applied(rows) for email, rows in found.items() if rows}

    def _not_listed(self, wanted: Sequence[str], found: dict[str, list[Row]]) -> Sequence[str]:
        """Read the list of all for as many calls as asking one by one would take; return who is left to ask for.

        Nothing tells how long the list is. So this takes the fewest calls where the list is short, and never more
        than twice the fewest.
        """
        if len(wanted) <= _FEW:
            return wanted
        most = len(wanted) * PER_PAGE
        read = 0
        for row in islice(self._personio.list_applications(), most):
            read += 1
            address = _key(email_of_candidate(row))
            if address in found:
                found[address].append(row)
        if read < most:
            return ()
        log.info("Personio has more than %s applications: %s addresses are asked for.", most, len(wanted))
        return wanted

    def _applied(self, rows: Sequence[Row]) -> str:
        here = [row for row in rows if _position(row) == self._position]
        others = sorted({_position(row) or "?" for row in rows if _position(row) != self._position})
        words = [f"{_plural('application', _ids(here))} for this position"] if here else []
        if others:
            words.append(f"applied for {_plural('position', others)}")
        return "; ".join(words)

    def _find_employees(self, wanted: Sequence[str]) -> dict[str, str]:
        meant = set(wanted)
        return {
            address: f"employee {row['id']}"
            for row in self._people(wanted)
            if (address := _key(row.get("email"))) in meant
        }

    def _people(self, wanted: Sequence[str]) -> Iterable[Row]:
        """Return the people with these addresses, and perhaps others."""
        if PERSONS_SCOPE in (self._personio.scopes() or ()):
            # Fifty addresses per call.
            return self._personio.list_persons(created_after=None, emails=wanted)
        if len(wanted) > _FEW and self._pages_of_employees() + 1 < len(wanted):
            return map(with_address, self._personio.list_employees())
        return filter(None, map(self._personio.find_employee, wanted))

    def _pages_of_employees(self) -> int:
        return ceil(self._personio.employees_total() / self._personio.EMPLOYEES_PER_PAGE)


def _key(email: Any) -> str:
    return email.strip().casefold() if isinstance(email, str) else ""


def _position(row: Row) -> str:
    job = row.get("job")
    return str(job.get("id") or "") if isinstance(job, dict) else ""


def _ids(rows: Sequence[Row]) -> list[str]:
    return [str(row["id"]) for row in rows]


def _plural(what: str, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    return f"{what}{'s' if len(ids) > 1 else ''} {', '.join(ids[:_MOST_IDS])}{more}"
