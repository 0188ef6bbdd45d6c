"""What a person says to a difference: that it is right, or that the record has to be at Personio after all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from include.errors import ConfigurationError
from include.reconcile.findings import MISSING, at_personio
from include.records import Destination

if TYPE_CHECKING:
    from include.ledger import Ledger

DESTINATIONS: Final[tuple[Destination, ...]] = get_args(Destination)


def accept(ledger: Ledger, subject: str, *, by: str) -> str:
    """Take the differences of an id for right, in the parts where they were found; return what was done, in words.

    :param subject: an id that a report names.
    :param by: who says so.
    :raises ConfigurationError: no difference names it.
    """
    subject = subject.strip().strip("{}").lower()
    differences = ledger.reconciliations.differences_of(subject)
    if not differences:
        raise _unnamed()
    ledger.reconciliations.accept(differences, subject, by)
    what = ", ".join(f"{kind} in {part}" for part, kind in differences)
    return f"{subject}: accepted ({what}); the next reconciliation counts it so."


def send_again(ledger: Ledger, subject: str, *, by: str) -> str:
    """Have a record looked for at Personio by the next run, and sent if it is not there.

    :param subject: Exact's ID of a record that the last reconciliation found missing at Personio.
    :param by: who says so.
    :raises ConfigurationError: none did, or its payload was removed by retention.
    """
    subject = subject.strip().strip("{}").lower()
    kinds = {kind for _, kind in ledger.reconciliations.differences_of(subject)}
    meant = [one for one in DESTINATIONS if at_personio(one, MISSING) in kinds]
    if not meant:
        raise _unnamed()
    done = blanked = 0
    for destination in meant:
        put, gone = ledger.reconciliations.reopen(subject, destination, at_personio(destination, MISSING), run_id=by)
        done, blanked = done + put, blanked + gone
    if not done:
        raise ConfigurationError(
            "What was sent of this record is not kept any more."
            if blanked
            else "This record is not settled any more.",
            reason_code="reconcile.payload.forgotten" if blanked else "reconcile.record.unsettled",
            way_out=f"Create it at Personio by hand, then: exact-personio reconcile --accept {subject}"
            if blanked
            else f"See how it stands: exact-personio trace {subject}",
        )
    return f"{subject}: in doubt again; the next run looks for it at Personio, and sends it if it is not there."


def _unnamed() -> ConfigurationError:
    return ConfigurationError(
        "No difference of the last reconciliation names this id.",
        reason_code="reconcile.subject.unknown",
        way_out="See what there is: exact-personio reconcile --last --json.",
    )
