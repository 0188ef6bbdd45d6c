"""What a destination promises to the loader: to send a record once, and to find what was left without an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from include.ledger.same_address import CLOCKS_APART, Concluded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from include.errors import AbortError, AlreadyExistsError
    from include.ledger.claims import Claim
    from include.ledger.states import SettledState


READ_BACK: Final = "ledger.delivery.read_back"
OLDER: Final = "ledger.delivery.older"
"""What was read back is older than the first attempt."""


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

    def __bool__(self) -> bool:
        """Say whether it holds anything."""
        return bool(self.remote_id)

    def is_older(self, claim: Claim) -> bool:
        """Say whether it was surely made before the claim's first attempt without an answer."""
        first = claim.first_sent_at
        return self.made_at is not None and first is not None and self.made_at < first - CLOCKS_APART

    def outcome(self, claim: Claim) -> dict[str, Any]:
        """Return what the claim is settled as: the state of what was found, the reason, its id.

        What is older was made by somebody else; where nobody can tell, by us.
        """
        if self.is_older(claim):
            return {"state": "already_there", "reason_code": OLDER, "remote_id": self.remote_id}
        ours = {"state": "created", "reason_code": READ_BACK, "remote_id": self.remote_id}
        return {**ours, "concluded": Concluded(self.made_at)}


NOTHING: Final = Found()


def likeliest(held: Iterable[Found], claim: Claim) -> Found:
    """Return which of several the claim's attempt has made, if any has: `NOTHING` if there is none.

    A person may have applied before it or since: the first after it, else one of which nobody knows, else the newest.
    """
    latest = datetime.max.replace(tzinfo=UTC)
    known = sorted(held, key=lambda one: one.made_at or latest)
    return next((one for one in known if not one.is_older(claim)), known[-1] if known else NOTHING)


def told_of_existing(claim: Claim, error: AlreadyExistsError) -> dict[str, Any]:
    """Return what a claim is settled as whose record exists: our own unanswered attempt, if there is one, made it."""
    told = {"reason_code": error.reason_code, "status": error.status, "remote_id": error.remote_id}
    if claim.was_in_doubt:
        return {"state": "created", "concluded": Concluded(), **told}
    return {"state": "already_there", **told}


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
