"""How long a chain of Exact's tokens lives, when it may be asked to move on, and how all processes learn of both.

What one process learns by asking is written beside the link. The others would else ask the same question, and each
refusal counts as an error: ten within an hour, and Exact blocks the key.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from include.clients.ports import LockedToken, StoredToken, TokenVault

CHAIN_LIFE: Final = timedelta(days=30)
"""A refresh token that is not used for so long is dead."""

REFRESH_AFTER: Final = timedelta(seconds=570)
"""Exact refuses a new token earlier than this after the last one, and counts the refusal as an error."""
LEEWAY: Final = timedelta(seconds=30)
"""A token that is valid when a request starts may be refused at its end."""

_DEAD: Final = "!dead"
"""Stands before the reason where a living link has its access token; no token holds a blank."""


def dies_at(token_obtained: datetime) -> datetime:
    """Return when the chain ends unless it moves on before.

    :param token_obtained: when Exact answered last.
    """
    return token_obtained + CHAIN_LIFE


def death_of(token: StoredToken) -> str:
    """Return the reason code of a dead chain's last link, an empty text for a living one.

    :param token: as the vault holds it.
    """
    mark, _, rest = token.access_token.partition(" ")
    return rest.partition(" ")[0] if mark == _DEAD else ""


def bury(locked: LockedToken, code: str, bootstrap: str | None, now: datetime) -> None:
    """Mark the chain as dead for all processes, until a new login takes its place.

    Every process would else ask Exact once more and be refused, and ten refusals an hour block the key.

    :param locked: the vault, held.
    :param code: why.
    :param bootstrap: the connection's refresh token at that time; see :func:`began_anew`.
    :param now: the moment, for a chain that had no link yet.
    """
    last = locked.current
    locked.replace(
        f"{_DEAD} {code} {_fingerprint(bootstrap)}",
        last.refresh_token if last else "",
        last.obtained_at if last else now,
        min(last.expires_at, now) if last else now,
    )


def began_anew(token: StoredToken, bootstrap: str | None) -> bool:
    """Say whether somebody has entered another refresh token in the connection since the chain died.

    :param token: the dead chain's last link.
    :param bootstrap: the connection's refresh token now.
    """
    return bool(bootstrap) and token.access_token.rpartition(" ")[2] != _fingerprint(bootstrap)


def is_due(token: StoredToken, now: datetime) -> bool:
    """Say whether the link is to be renewed.

    Whom Exact told that it is too early has a clock that disagrees with the one by which the link was dated: the
    access token is good until Exact refuses it.

    :param token: the last link, alive.
    :param now: the moment.
    """
    if is_lost(token):
        return True
    if now < token.expires_at - LEEWAY:
        return False
    if token.early_at is not None and now < token.early_at + REFRESH_AFTER:
        return False
    return now >= min(token.obtained_at + REFRESH_AFTER, token.expires_at)


def is_lost(token: StoredToken) -> bool:
    """Say whether Exact has moved the chain on and we do not have the link.

    It did so before the answer was cut off; what tells is that it finds our old link, which it still knows, too
    young to be renewed.

    :param token: the last link that we have.
    """
    return token.asked_at is not None and token.early_at is not None


def lost_until(token: StoredToken) -> datetime | None:
    """Return when a lost link can be asked for again, None if it is not lost; until then there is no use in trying.

    :param token: the last link that we have.
    """
    if token.asked_at is None or token.early_at is None:
        return None
    return max(token.asked_at + REFRESH_AFTER, token.early_at + LEEWAY)


def renewable_at(token: StoredToken) -> datetime | None:
    """Return when it is worth asking for another link than one that Exact found too young; None: it did not.

    :param token: the last link, whose access token was refused.
    """
    if token.early_at is None:
        return None
    # What was dated by a clock that is ahead would make us wait for longer than Exact does.
    return max(min(token.obtained_at, token.early_at) + REFRESH_AFTER, token.early_at + LEEWAY)


def is_young(token: StoredToken, now: datetime) -> bool:
    """Say whether Exact has told lately that it does not renew this link yet.

    :param token: the last link, whose access token was refused.
    :param now: the moment.
    """
    until = renewable_at(token)
    return until is not None and token.early_at is not None and token.early_at - LEEWAY <= now < until


def note_asked(locked: LockedToken, link: StoredToken | None, now: datetime) -> None:
    """Save that a renewal is under way: whoever comes after a crash is to know that its answer was lost.

    :param locked: the vault, held.
    :param link: the last one.
    :param now: the moment.
    """
    if link is not None and not is_lost(link):
        locked.note(asked_at=now, early_at=None)


def note_as_before(locked: LockedToken, link: StoredToken | None) -> None:
    """Take back that a renewal is under way: Exact has not moved the chain on.

    :param locked: the vault, held.
    :param link: as it was before.
    """
    if link is not None:
        locked.note(asked_at=link.asked_at, early_at=link.early_at)


def overtaking(vault: TokenVault, link: StoredToken | None) -> StoredToken | None:
    """Return the link that somebody saved while we held the lock; a database that restarts forgets its locks.

    :param vault: read anew.
    :param link: the last one when the lock was taken.
    """
    newest = vault.read()
    if newest is None or death_of(newest) or (link is not None and newest.generation == link.generation):
        return None
    return newest


def _fingerprint(secret: str | None) -> str:
    return hashlib.sha256((secret or "").encode()).hexdigest()[:16]
