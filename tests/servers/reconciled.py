"""A line whose both sides are compared: people at Exact, a ledger with a clock to move, both services."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import select

from include.ledger.tables import deliveries
from include.reconcile.exact_side import Site
from include.reconcile.reconciling import Asked, reconcile
from line import DIVISION, ZONE, Line
from world import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from include.clients.personio import PersonioClient
    from include.sandbox.personio_state import Application

COMPANY = 4242
HOURS_LATER = timedelta(hours=3)
"""By then what was read and sent counts as settled."""


class Services:
    """Both services, as a reconciliation asks for them.

    :param line: whose connections they are.
    :param run: under which calls are counted.
    """

    def __init__(self, line: Line, run: str) -> None:
        self._line = line
        self._run = run
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def personio(self, company: int) -> PersonioClient | None:
        known = company == COMPANY
        return self._stack.enter_context(self._line.personio(self._run)) if known else None

    def exact(self, division: int) -> Site | None:
        if division != self._line.division:
            return None
        return Site(self._stack.enter_context(self._line.exact(self._run)), ZONE)


@dataclass
class Town(Line):
    """People at Exact, and what became of them.

    :param clock: the ledger's.
    """

    clock: Clock = field(default_factory=Clock)
    _reports: int = 0

    def hire(self, count: int, first: int = 0, created: str = "2026-01-31T12:00:00", **changes: Any) -> list[str]:
        """Let people appear at Exact; return their ids."""
        exact = self.sandbox.sandbox.exact
        account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {first}", "Created": created})
        ids = []
        for number in range(first, first + count):
            person = {
                "FirstName": "Sanne",
                "LastName": f"Proef{number}",
                "Email": f"sanne{number}@example.org",
                "Created": created,
            }
            row = exact.add_contact(DIVISION, {"Account": account["ID"], **person, **changes})
            ids.append(str(row["ID"]).lower())
        return ids

    def deliver(self, count: int, **overrides: Any) -> list[str]:
        """Let people appear, send them and let it be settled; return their ids.

        :param overrides: of the mapping's fields.
        """
        ids = self.hire(count)
        self.run("r1", **overrides)
        self.later()
        return ids

    def later(self) -> None:
        """Let everything be settled, and whoever is logged in stay so."""
        self.clock.ahead += HOURS_LATER
        self.log_in()

    def log_in(self) -> None:
        """Put a fresh token into the vault, dated by the ledger's clock."""
        issued, now = self.sandbox.sandbox.exact.issue_tokens(), self.clock()
        with self.ledger.vault("exact").locked() as chain:
            chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

    def reconcile(self, depth: Any = "personio", **asked: Any) -> dict[str, Any]:
        """Return the report of a reconciliation."""
        self._reports += 1
        run = f"reconcile/{self._reports}"
        with Services(self, run) as services:
            return reconcile(self.ledger, services, Asked(run, depth, **asked))

    # --- what is done to it ---

    def remove(self, table: Any, **where: Any) -> int:
        """Delete rows of the ledger behind everybody's back; return how many."""
        with self.ledger._database.write() as connection:
            conditions = [table.c[name] == value for name, value in where.items()]
            return int(connection.execute(table.delete().where(*conditions)).rowcount)

    def application_of(self, source_id: str) -> Application:
        """Return the application that a record became."""
        query = select(deliveries.c.sealed).where(deliveries.c.source_id == source_id)
        with self.ledger._database.read() as connection:
            sealed = connection.execute(query).scalars().first()
        assert sealed is not None
        email = self.ledger.remote._cipher.open(sealed)["email"]
        return next(one for one in self.applications() if one.body["email"] == email)

    def application_of_id(self, remote_id: str | None) -> Application:
        """Return an application by its id at Personio."""
        assert remote_id is not None
        return self.sandbox.sandbox.personio.applications[int(remote_id)]

    def applications(self) -> Iterator[Application]:
        """Yield all applications there are."""
        yield from self.sandbox.sandbox.personio.applications.values()

    def delete_application(self, application: Application) -> None:
        """Delete an application at Personio, as a recruiter would."""
        state = self.sandbox.sandbox.personio
        with self.sandbox.sandbox.lock:
            del state.applications[application.id]
            state._applied.pop((application.candidate_id, application.job_id), None)

    def lose(self, source_id: str) -> None:
        """Delete what a record became at Personio, as a recruiter would."""
        self.delete_application(self.application_of(source_id))

    def remote_ids(self) -> dict[str, str | None]:
        """Return source id -> id at Personio, as far as the ledger knows it."""
        query = select(deliveries.c.source_id, deliveries.c.remote_id)
        with self.ledger._database.read() as connection:
            return {row.source_id: row.remote_id for row in connection.execute(query)}

    def apply_by_hand(self, email: str, **body: Any) -> Application:
        """Add an application at Personio that nobody here sent."""
        person = {"first_name": "Sanne", "last_name": "Zelf", "email": email, "job_position_id": 1001}
        with self.sandbox.sandbox.lock:
            return self.sandbox.sandbox.personio.add_application(
                {**person, **body}, {"id": "6", "name": "Unassigned"}
            )


def parts(report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the parts of a report that are of one kind."""
    return [part for part in report["parts"] if part["part"] == kind]


def at_personio(report: dict[str, Any]) -> dict[str, int]:
    """Return how the records of the first stream stand at Personio."""
    counts: dict[str, int] = parts(report, "stream")[0]["counts"]["at_personio"]
    return counts


def found(report: dict[str, Any], level: str = "difference") -> dict[str, list[str]]:
    """Return code -> ids of all that a report names."""
    return {
        finding["kind"]: finding["subjects"]
        for part in report["parts"]
        for finding in part["findings"]
        if finding["level"] == level
    }
