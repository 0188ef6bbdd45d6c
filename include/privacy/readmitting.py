"""Letting somebody in again who was erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import ConfigurationError
from include.privacy.person import person

if TYPE_CHECKING:
    from include.ledger import Ledger


def readmit(ledger: Ledger, text: str, *, division: int | None, asked_by: str, anew: bool) -> list[str]:
    """Lift what keeps a person out; return what that meant, in lines for people.

    :param text: the address or the ID that the person was erased by, or any other of theirs that was found then.
    :param division: of an ID that the ledger does not know.
    :param asked_by: who asks, for the record.
    :param anew: the person was erased at Personio too, so that what was made there counts as never made.
    :raises ConfigurationError: nobody is kept out by it.
    """
    who = person(ledger, text, division=division)
    names = ledger.erasures.standing(who.records, who.emails)
    if not names:
        raise ConfigurationError(
            "Nobody is kept out by this address or ID.",
            reason_code="privacy.erasure.unknown",
            way_out="Give the address or ID that the person was erased by; exact-personio privacy log tells when.",
        )
    counts = ledger.erasures.lift(names, asked_by=asked_by, anew=anew)
    what = f"{counts['rows']} rows are to be read again, {counts['deliveries']} deliveries to be decided again"
    how = "to have them at once, trigger the DAG with a window around the day their record was created"
    return [
        f"Lifted: {', '.join(names)}. {what}.",
        f"The next run takes the person in when Exact shows a change of their record; {how}.",
    ]
