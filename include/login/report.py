"""Who is logged in, and what that opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.clients.token_chain import dies_at
from include.errors import ExactPersonioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from include.clients.exact import ExactClient
    from include.clients.ports import StoredToken


@dataclass(frozen=True, slots=True)
class LoginReport:
    """What a login came to.

    :param user: as Exact names the person; empty if Exact did not say.
    :param divisions: number and name of every company that the login may use.
    :param current_division: the company that the person looked at last; nothing here depends on it.
    :param configured: the companies that the connection names.
    :param obtained_at: when Exact answered.
    :param generation: the number of the token in its chain.
    :param problem: why user and divisions could not be asked for; the login itself stands.
    """

    conn_id: str
    # A person; for the one who logs in, not for a log.
    user: str = field(repr=False)
    divisions: tuple[tuple[int, str], ...]
    current_division: int | None
    configured: tuple[int, ...]
    obtained_at: datetime
    generation: int
    problem: str = ""

    @property
    def dies_at(self) -> datetime:
        """When the chain ends if nothing runs."""
        return dies_at(self.obtained_at)

    @property
    def missing(self) -> tuple[int, ...]:
        """The configured companies that the login may not use."""
        open_ones = {number for number, _ in self.divisions}
        return tuple(number for number in self.configured if number not in open_ones) if self.divisions else ()

    def lines(self) -> Iterator[str]:
        """Yield the report as sentences for a person."""
        yield f"Connection {self.conn_id} is logged in at Exact Online" + (f" as {self.user}." if self.user else ".")
        if self.divisions:
            yield "It may use:"
        for number, name in self.divisions:
            mark = "  <- the connection's default" if self.configured[:1] == (number,) else ""
            yield f"  {number}  {name}{mark}"
        if self.missing:
            named = ", ".join(str(number) for number in self.missing)
            yield f"But not, although the connection names them: {named}."
        if not self.configured:
            yield "The connection names no division yet: enter the ones to read."
        if self.problem:
            yield f"User and divisions are not known: {self.problem}"
        yield f"The login lasts until {self.dies_at:%Y-%m-%d} without use; every run prolongs it."


def report_on(
    conn_id: str, client_for: Callable[[int], ExactClient], stored: StoredToken, configured: tuple[int, ...]
) -> LoginReport:
    """Ask Exact who is logged in and for which companies.

    :param conn_id: the Airflow connection.
    :param client_for: makes a logged-in client of a division.
    :param stored: the login's token.
    :param configured: the companies that the connection names.
    """
    user, current, problem = "", None, ""
    divisions: tuple[tuple[int, str], ...] = ()
    try:
        me = client_for(0).me()
        user, current = str(me.get("FullName") or me.get("UserName") or ""), me.get("CurrentDivision")
        # Asked in the user's own company: the configured ones may be closed to this login.
        divisions = divisions_of(client_for(int(current or next(iter(configured), 0))))
    except ExactPersonioError as error:
        problem = str(error)
    return LoginReport(conn_id, user, divisions, current, configured, stored.obtained_at, stored.generation, problem)


def divisions_of(client: ExactClient) -> tuple[tuple[int, str], ...]:
    """Return number and name of every company that the login may use.

    :param client: logged in, of a division that the login may use.
    """
    return tuple((int(row["Code"]), str(row.get("Description") or "")) for row in client.divisions())
