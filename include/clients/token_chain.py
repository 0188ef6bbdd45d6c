"""How long a chain of Exact's tokens lives, and how all processes learn that it is dead."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from include.clients.ports import LockedToken, StoredToken

CHAIN_LIFE: Final = timedelta(days=30)
"""A refresh token that is not used for so long is dead."""

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


def _fingerprint(secret: str | None) -> str:
    return hashlib.sha256((secret or "").encode()).hexdigest()[:16]
