"""Every switch of the sandbox: where the real services are known to differ, or are not known at all."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.sandbox.personio_settings import PersonioSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

EXACT_CLIENT_ID = "{00000000-0000-4000-8000-000000000001}"
EXACT_CLIENT_SECRET = "sandbox-exact-secret"  # noqa: S105 - public: it opens the sandbox and nothing else
DEFAULT_DIVISION = 124132
SECOND_DIVISION = 124133
BARE_POSTS = ("crm/Accounts", "crm/BankAccounts", "crm/Contacts", "crm/Quotations")


@dataclass
class ExactSettings:
    """How the Exact Online half behaves.

    :param redirect_uris: registered redirect URIs; any https or loopback URI is registered while it is empty.
    :param zone: the site's wall clock, in which all dates are written and read.
    :param refresh_min_seconds: an access token may be renewed only so long after it was issued.
    :param refresh_grace_seconds: how long a rotated refresh token still works; 0 is the strict rule.
    :param token_calls_per_day: limit of token calls per app and user; None while nobody is known to hit it.
    :param mandatory_filter: crm/Accounts and crm/Contacts refuse a list without ``$filter``, as for some apps.
    :param sync_timestamp_for_crm: SyncTimestamp answers for contacts and accounts, which its documentation omits.
    :param sync_touch_rows: that many rows of every sync page with a successor are saved again by somebody, so
        they come once more at the end.
    :param missing_scopes: endpoints such as ``crm/Contacts``, or patterns, that the app was not granted: 403.
    :param inaccessible_divisions: companies that the user may not enter: 403.
    :param consent: ``at_once`` agrees to every login, ``page`` shows a page with two buttons.
    :param app_name: what the page calls the app.
    :param clock_skew_seconds: how far the service's clock is ahead, in Date and ServerTime.
    :param validation_status: status of a write whose values are refused; 400 was seen as well as 500.
    :param bare_posts: endpoints whose POST answers only the key, zeros and nulls unless asked for more.
    :param new_hour_status: HourStatus of a time transaction that was sent without one.
    :param final_hours_locked: final time transactions cannot be changed or deleted.
    :param own_hours_only: project/TimeTransactions lists the user's hours only.
    :param headers_on_429: limit headers come with a 429 as well; before 2020 they did not.
    :param case_sensitive: whether text comparisons tell ``a`` from ``A``.
    :param rowversion_start: first Timestamp; above 2**53, so that reading it as a float shows.
    """

    client_id: str = EXACT_CLIENT_ID
    client_secret: str = EXACT_CLIENT_SECRET
    redirect_uris: list[str] = field(default_factory=list)
    zone: str = "Europe/Amsterdam"
    current_division: int = DEFAULT_DIVISION
    access_token_seconds: int = 600
    refresh_min_seconds: float = 570.0
    refresh_grace_seconds: float = 0.0
    refresh_token_days: float = 30.0
    code_seconds: float = 180.0
    token_calls_per_day: int | None = None
    minutely_limit: int = 60
    daily_limit: int = 5000
    headers_on_429: bool = True
    error_limit: int = 10
    error_window_seconds: float = 3600.0
    page_size: int = 60
    bulk_page_size: int = 1000
    url_limit: int = 6000
    body_limit: int = 10 * 1024 * 1024
    mandatory_filter: bool = False
    sync_timestamp_for_crm: bool = False
    sync_touch_rows: int = 0
    missing_scopes: list[str] = field(default_factory=list)
    inaccessible_divisions: list[int] = field(default_factory=list)
    consent: str = "at_once"
    app_name: str = "Sandbox app"
    clock_skew_seconds: float = 0.0
    validation_status: int = 500
    bare_posts: list[str] = field(default_factory=lambda: list(BARE_POSTS))
    new_hour_status: int = 1
    final_hours_locked: bool = True
    own_hours_only: bool = True
    case_sensitive: bool = False
    deleted_days: int = 61
    rowversion_start: int = 2**53 + 1001
    seed: int = 1


@dataclass
class SandboxSettings:
    """All settings of the sandbox.

    :param limit_seconds: how long the "minute" of a rate limit lasts, in both services.
    """

    limit_seconds: float = 60.0
    exact: ExactSettings = field(default_factory=ExactSettings)
    personio: PersonioSettings = field(default_factory=PersonioSettings)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return dataclasses.asdict(self)

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change some settings in place.

        :param changes: nested as in :meth:`to_json`; what is not named stays.
        :raises ValueError: if a name is unknown or a value has another type than before.
        """
        _apply(self, changes, "")


def _apply(target: Any, changes: Mapping[str, Any], prefix: str) -> None:
    known = {item.name for item in dataclasses.fields(target)}
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"Unknown setting {prefix}{name}; there are: {', '.join(sorted(known))}.")
        current = getattr(target, name)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, dict):
                raise ValueError(f"Setting {prefix}{name} is a group: send an object.")
            _apply(current, value, f"{prefix}{name}.")
        else:
            setattr(target, name, _checked(f"{prefix}{name}", current, value))


def _checked(name: str, current: Any, value: Any) -> Any:
    if isinstance(current, bool) or isinstance(value, bool):
        fits = isinstance(current, bool) and isinstance(value, bool)
    elif isinstance(current, float):
        fits = isinstance(value, int | float)
    else:
        fits = current is None or value is None or isinstance(value, type(current))
    if not fits:
        raise ValueError(f"Setting {name} is a {type(current).__name__}, not a {type(value).__name__}.")
    return value
