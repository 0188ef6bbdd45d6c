"""What the clients need from whoever keeps state: pacing, error budget, counting, tokens.

The clients know these shapes only. The ledger fulfils them across processes; a test needs a few lines.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One link of the chain of Exact's tokens; only the newest link works.

    :param obtained_at: aware; when Exact answered. The rule of 570 seconds counts from here.
    :param expires_at: aware; when the access token ends.
    :param generation: counts the links, so that an older link is never mistaken for a newer one.
    :param asked_at: when a renewal of this link was begun of which no answer is known; None: there is none.
    :param early_at: when Exact last said that it is too early to renew this link; None: it did not.
    """

    access_token: str = dataclasses.field(repr=False)
    refresh_token: str = dataclasses.field(repr=False)
    obtained_at: datetime
    expires_at: datetime
    generation: int
    asked_at: datetime | None = None
    early_at: datetime | None = None


class Pacer(Protocol):
    """Shares the services' limits between all workers."""

    def acquire(self, bucket: str, *, limit: int, seconds: float) -> float:
        """Take a slot, or say how long to wait.

        :param bucket: whose limit it is, such as ``exact:124132:minute``.
        :param limit: slots per window.
        :param seconds: length of the window.
        :returns: 0.0 if the slot is taken, else the seconds to wait before asking again.
        """
        ...

    def use(self, bucket: str) -> bool:
        """Tell that the call of the slot that was taken last leaves now: the service counts from about here.

        :param bucket: whose slot it is.
        :returns: False if the slot was taken so long ago that it is over; another one has to be taken.
        """
        ...

    def learn(self, bucket: str, *, remaining: int, reset_in: float) -> None:
        """Correct the own count by what the service says is left until its reset.

        :param bucket: whose limit it is.
        :param remaining: calls left, by the service's count.
        :param reset_in: seconds until the service counts anew.
        """
        ...

    def block(self, bucket: str, seconds: float) -> None:
        """Give nobody a slot for a while.

        :param bucket: whose limit it is.
        :param seconds: for how long.
        """
        ...


class ErrorBudget(Protocol):
    """Counts the errors for which Exact blocks a key: ten per endpoint and hour."""

    def reserved(self, endpoint: str, *, division: bool = True) -> AbstractContextManager[Callable[[int], None]]:
        """Make room for one call that may become an error; it is sent, and its answer counted, inside.

        :param endpoint: normalised, such as ``crm/Contacts``.
        :param division: False for a URL without a division: Exact counts those per key.
        :returns: called with the status of an answer that Exact counts, 400, 401, 403 or 404.
        :raises ErrorBudgetSpentError: if this call could be the one too many.
        """
        ...


class CallMeter(Protocol):
    """Counts calls, because the number of calls is the cost."""

    def count(self, service: str, endpoint: str, status: int) -> None:
        """Count one call.

        :param service: ``exact`` or ``personio``.
        :param endpoint: normalised, without ids.
        :param status: HTTP status, 0 if no answer came.
        """
        ...


class LockedToken(Protocol):
    """The vault while nobody else can refresh: ``current`` was read inside the lock."""

    @property
    def current(self) -> StoredToken | None:
        """The newest token, read after the lock was taken."""
        ...

    def replace(
        self,
        access_token: str,
        refresh_token: str,
        obtained_at: datetime,
        expires_at: datetime,
    ) -> StoredToken:
        """Save the next link at once: it is durable when this returns.

        :param access_token: as Exact sent it.
        :param refresh_token: the only one that will work from now on.
        :param obtained_at: aware.
        :param expires_at: aware.
        """
        ...

    def note(self, *, asked_at: datetime | None, early_at: datetime | None) -> None:
        """Save what is known of the renewals of the current link, durable when this returns.

        Without effect if there is no link yet, or if another one has taken its place.

        :param asked_at: see :class:`StoredToken`.
        :param early_at: see :class:`StoredToken`.
        """
        ...


class TokenVault(Protocol):
    """Keeps one chain of tokens for all processes."""

    def now(self) -> datetime:
        """Return the time by which all processes date the links."""
        ...

    def read(self) -> StoredToken | None:
        """Return the newest token without a lock."""
        ...

    def locked(self) -> AbstractContextManager[LockedToken]:
        """Hold the lock of all processes while the chain moves on."""
        ...
