"""Signed texts that browsers carry for us, so that any worker of the API server can read them back.

They are signed with the ledger's key, which all processes share; nothing is kept in memory.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Literal

from itsdangerous import BadSignature, URLSafeTimedSerializer

from include.ledger.database import parse_url
from include.ledger.keyfile import keys_for
from include.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

Purpose = Literal["form", "act", "state", "notice"]

LIFE: dict[Purpose, int] = {"form": 12 * 3600, "act": 3600, "state": 15 * 60, "notice": 5 * 60}
"""Seconds: a page may stay open for a day's work, the question before an act for an hour, a login takes minutes, a
notice is for once."""


def sign(purpose: Purpose, value: dict[str, Any]) -> str:
    """Return the value as a signed text.

    :param purpose: what it can be used for, and how long.
    :param value: readable by whoever holds the text.
    """
    return str(_serializer(purpose).dumps({**value, "n": secrets.token_urlsafe(9)}))


def read(purpose: Purpose, text: str) -> tuple[dict[str, Any], datetime] | None:
    """Return what was signed and when, None if it was not signed here, for this, or is too old.

    :param purpose: as in :func:`sign`.
    :param text: from the browser.
    """
    try:
        value, at = _serializer(purpose).loads(text, max_age=LIFE[purpose], return_timestamp=True)
    except BadSignature:
        return None
    return value, at


def _serializer(purpose: Purpose) -> URLSafeTimedSerializer:
    settings = load_settings()
    keys = keys_for(parse_url(settings.ledger_url), settings.ledger_keys)
    # The first key is the newest; here the last one signs.
    return URLSafeTimedSerializer(list(reversed(keys)), salt=f"exact-console {purpose}")
