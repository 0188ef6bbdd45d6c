"""How often rejected accounts are looked at again, and what that may cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.environment import setting
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.ledger import Ledger
    from include.sync.terms import Terms

SETTING: Final = "EXACT_PERSONIO_LOOK_AGAIN_HOURS"
EVERY: Final = timedelta(hours=24)
PER_CALL: Final = 60
"""Main contacts per look-up: Exact's page size."""
LIMIT: Final = 10 * PER_CALL
"""Accounts per run: ten of the sixty calls that a minute has."""
_MOST: Final = 24 * 365


def look_again_every(env: Mapping[str, str] | None = None) -> timedelta | None:
    """Return how long an account that was rejected for its main contact waits; None: for ever.

    :param env: used instead of ``os.environ``.
    :raises ConfigurationError: the setting is no number of hours.
    """
    text = setting(SETTING, env=env)
    if not text:
        return EVERY
    hours = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= hours <= _MOST:
        raise ConfigurationError(
            f"{SETTING} is not a number of hours.",
            reason_code=f"settings.{SETTING}.invalid",
            way_out="Set it to a whole number of hours, to 0 to never look again, or unset it for 24.",
        )
    return timedelta(hours=hours) if hours else None


def look_again_at(ledger: Ledger, terms: Terms, every: timedelta | None) -> int:
    """Have accounts decided again that were rejected for their main contact; return how many.

    :param terms: what the run decides by.
    :param every: how long they wait; None: for ever.
    """
    if every is None or not _looks_again(terms):
        return 0
    job = terms.job
    return ledger.deliveries.look_again(
        *(job.stream, job.destination, job.position, job.company),
        fingerprint=terms.fingerprint,
        every=every,
        per_call=PER_CALL,
        limit=LIMIT,
    )


def is_due(ledger: Ledger, terms: Terms, every: timedelta | None) -> bool:
    """Say whether there are accounts to look at again.

    :param terms: what the run decides by.
    :param every: how long they wait; None: for ever.
    """
    if every is None or not _looks_again(terms):
        return False
    job = terms.job
    return ledger.deliveries.look_again_due(
        *(job.stream, job.destination, job.position, job.company), fingerprint=terms.fingerprint, every=every
    )


def _looks_again(terms: Terms) -> bool:
    stream = terms.job.stream
    plain = terms.window.mode == "live" and not stream.is_history
    return plain and stream.entity == "Accounts" and bool(terms.mapping.contact_select)
