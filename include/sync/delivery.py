"""What a destination promises to the loader: to send a record once, and to find what was left without an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from include.errors import AbortError
    from include.ledger.claims import Claim
    from include.ledger.states import SettledState


CLOCKS_APART: Final = timedelta(minutes=15)
"""How far our clock and the destination's may be apart, at most."""


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


@dataclass(frozen=True, slots=True)
class Found:
    """What the destination holds for a claim that was left without an answer.

    :param remote_id: its id; empty: it holds nothing.
    :param made_at: aware; when it was made, by the destination's clock. None: it does not say.
    """

    remote_id: str = ""
    made_at: datetime | None = None

    def outcome(self, claim: Claim) -> tuple[SettledState, str]:
        """Return the state of what was found, and the reason.

        What is older than the claim's first attempt was made by somebody else; where nobody can tell, by us.
        """
        first = claim.first_sent_at
        if self.made_at is not None and first is not None and self.made_at < first - CLOCKS_APART:
            return "already_there", "ledger.delivery.older"
        return "created", "ledger.delivery.read_back"


NOTHING: Final = Found()


class Delivery(Protocol):
    """How one destination takes a record: sends it, and finds what an unanswered attempt left."""

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Send the claim's payload once; return what came of it.

        :param hold: to be called when the limits allow the request, right before each one: it renews
            the lease, or ends the attempt if another worker has taken over while this one waited.
        :raises RecordHeldUpError: this record waits for a person, the others do not.
        """

    def find(self, claim: Claim) -> Found | None:
        """Return what the destination holds for this claim, `NOTHING`, or None if this cannot be told."""
