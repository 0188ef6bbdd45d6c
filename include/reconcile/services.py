"""The services of an installation for a reconciliation from the command line, opened when they are first needed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from include.forecast.installation import installed
from include.reconcile.exact_side import Site

if TYPE_CHECKING:
    from types import TracebackType

    from include.clients.personio import PersonioClient
    from include.forecast.installation import Installed


class InstalledServices:
    """Both services by their connections.

    :param conn_id: connection of Exact Online.
    :param personio_conn_id: connection of Personio.
    :param run: under which calls are counted.
    """

    def __init__(self, conn_id: str, personio_conn_id: str, run: str) -> None:
        self._conn_ids = (conn_id, personio_conn_id)
        self._run = run
        self._opened: dict[int | None, Installed] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def personio(self, company: int) -> PersonioClient | None:
        """Return the client, if the connection is of this company.

        :raises ConfigurationError: a connection cannot be read, or lacks something.
        """
        found = self._installed(next(iter(self._opened), None))
        # Where a connection names no company, only employees are used, and their deliveries name none either.
        return found.personio if found.company == company else None

    def exact(self, division: int) -> Site | None:
        """Return a division.

        :raises ConfigurationError: a connection cannot be read, or lacks something.
        """
        found = self._installed(division)
        return Site(found.exact, found.zone)

    def _installed(self, division: int | None) -> Installed:
        if division not in self._opened:
            opened = installed(*self._conn_ids, division, self._run)
            self._opened[division] = self._stack.enter_context(opened)
        return self._opened[division]
