"""Which company of Personio is called, and the limits that its calls are held to.

.. seealso:: https://developer.personio.de/reference/introduction-1
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_MINUTE: Final = 60.0
_LIMITS: Final = {"employees": 300, "v1-auth": 60, "v2-auth": 150, "v2": 600}
"""Requests a minute; recruiting's limit is a setting."""
WINDOWS: Final = ("recruiting", "employees", "v2", "v1-auth", "v2-auth")
"""What is limited each by itself, what the syncs use most first."""
_MARGIN, _SHARE, _LEAST = 0.5, 0.02, 0.05
"""Seconds by which our window is longer than Personio's at most; of shorter ones a share, and seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonioConfig:
    """Which company is written to, with which credentials.

    :param company_id: needed for recruiting.
    :param recruiting_token: the static token of the recruiting API; never expires by itself.
    :param client_id: of an API credential, for employees and for looking up applications.
    :param recruiting_limit: requests per window that applications and documents share.
    :param max_wait_seconds: the longest sleep for one call.
    """

    base_url: str = "https://api.personio.de"
    company_id: int | None = None
    recruiting_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    recruiting_limit: int = 20
    recruiting_window_seconds: float = _MINUTE
    partner_id: str = ""
    app_id: str = ""
    max_wait_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of Personio's as the pacer keeps it.

    :param name: whose limit it is, among all that are paced.
    :param slots: calls within a window.
    :param seconds: length of the window, a little longer than Personio's own.
    """

    name: str
    slots: int
    seconds: float


def limit_of(config: PersonioConfig, bucket: str) -> Limit:
    """Return the limit that a company's calls are held to.

    :param config: which company.
    :param bucket: ``recruiting``, ``employees``, ``v2``, ``v1-auth`` or ``v2-auth``.
    """
    owner = config.company_id or config.client_id or "unknown"
    if bucket == "recruiting":
        slots, seconds = config.recruiting_limit, config.recruiting_window_seconds
    else:
        slots, seconds = _LIMITS[bucket], _MINUTE
    # A slot is counted when its request leaves, the service counts when it arrives: the margin
    # keeps a request that was slow on its way from meeting twenty others in Personio's window.
    return Limit(f"personio:{owner}:{bucket}", slots, seconds + min(_MARGIN, seconds * _SHARE + _LEAST))
