"""What a destination promises to the loader: to send a record once, and to find what was left without an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.errors import AbortError
    from include.ledger.claims import Claim
    from include.ledger.states import SettledState


class LeaseLostError(Exception):
    """Raised when another worker has taken a record over before its request was sent."""


class RecordHeldUpError(Exception):
    """Raised by a destination when a person must act before this record can be settled, but others can be sent.

    :param cause: what the person is told at the end of the load.
    """

    def __init__(self, cause: AbortError) -> None:
        self.cause = cause
        super().__init__(str(cause))


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a request that was answered.

    :param state: the delivery's state from now on.
    :param remote_id: Personio's id of what was made or found, if it told.
    :param result: what is kept, encrypted, with the record: warnings, or the employees that match.
    """

    state: SettledState = "created"
    status: int | None = 201
    remote_id: str | None = None
    result: Mapping[str, Any] | None = field(default=None, repr=False)


class Delivery(Protocol):
    """How one destination takes a record: sends it, and finds what an unanswered attempt left."""

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Send the claim's payload once; return what came of it.

        :param hold: to be called when the limits allow the request, right before each one: it renews
            the lease, or ends the attempt if another worker has taken over while this one waited.
        :raises RecordHeldUpError: this record waits for a person, the others do not.
        """

    def find(self, claim: Claim) -> str | None:
        """Return the id of what the destination holds for this claim.

        An empty string says that it holds nothing; None that this cannot be told.
        """
