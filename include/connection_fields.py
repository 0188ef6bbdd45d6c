"""What the fields of the two connection types mean: the same for the hooks, the login and the doctor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from include.clients.personio_limits import PersonioConfig
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

REGIONS: Final = ("nl", "be", "de", "fr", "es", "co.uk", "com", "us")
"""Exact's sites. A company lives on one of them; logins and data of one are unknown to the others."""

TIME_ZONES: Final = {"co.uk": "Europe/London"}
"""Where a region's clock is not Amsterdam's; Exact writes all its times in the site's local time."""

DEFAULT_REGION: Final = "nl"

PERSONIO: Final = "https://api.personio.de"
"""Where Personio's API is, unless the connection names a host."""


def filled(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that hold something; an emptied form field is saved as null or as an empty text.

    :param extra: the connection's extra.
    """
    return {name: value for name, value in extra.items() if value is not None and value != ""}


def exact_site(host: str | None, extra: Mapping[str, Any]) -> str:
    """Return the address of the site that the connection means.

    :param host: of the connection; when filled in, it stands above the region.
    :param extra: the connection's extra.
    :raises ConfigurationError: there is no such region, or the address is none.
    """
    if host:
        return _address(host)
    region = _region(extra)
    if region not in REGIONS:
        raise ConfigurationError(
            f"The connection's region {region!r} is no site of Exact Online.",
            reason_code="exact.region.unknown",
            way_out=f"Choose one of {', '.join(REGIONS)}: the ending of the address where you log in at Exact.",
        )
    return f"https://start.exactonline.{region}"


def exact_app(site: str, client_id: str) -> str:
    """Name the app at its site; tokens belong to it, whatever the connection is called.

    :param site: from :func:`exact_site`.
    :param client_id: as registered at Exact.
    """
    return f"{site.rstrip('/')}|{client_id}"


def exact_time_zone(extra: Mapping[str, Any]) -> str:
    """Return the name of the site's time zone.

    :param extra: the connection's extra.
    """
    return str(extra.get("time_zone") or TIME_ZONES.get(_region(extra), "Europe/Amsterdam"))


def exact_divisions(extra: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the divisions that the connection names; the first one is the default.

    :param extra: with ``divisions``, a text like ``124132, 124133``; ``division`` is an older name for one.
    :raises ConfigurationError: something in it is no number.
    """
    given = extra.get("divisions") or extra.get("division") or ""
    parts = given if isinstance(given, list | tuple) else str(given).replace(";", ",").split(",")
    try:
        found = tuple(dict.fromkeys(int(str(part).strip()) for part in parts if str(part).strip()))
    except ValueError:
        found = (0,)
    if any(number < 1 for number in found):
        raise ConfigurationError(
            "The connection's divisions are not numbers.",
            reason_code="exact.divisions.malformed",
            way_out="Write them like 124132, 124133: the numbers after _Division_= in the address bar at Exact.",
        )
    return found


def whole_number(extra: Mapping[str, Any], name: str, *, service: str) -> int | None:
    """Return a field that is a whole number from 1 on, None when it is empty.

    :param extra: the connection's extra.
    :param name: of the field.
    :param service: ``exact`` or ``personio``, for the reason code.
    :raises ConfigurationError: it is something else.
    """
    value = extra.get(name)
    if value is None or value == "":
        return None
    try:
        number = int(str(value).strip())
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigurationError(
            f"The connection's field {name} is not a whole number from 1 on.",
            reason_code=f"{service}.{name}.malformed",
            way_out="Correct it under Admin > Connections in Airflow.",
        )
    return number


def seconds(extra: Mapping[str, Any], name: str, *, service: str) -> float | None:
    """Return a field that is a time in seconds, None when it is empty.

    :param extra: the connection's extra.
    :param name: of the field.
    :param service: ``exact`` or ``personio``, for the reason code.
    :raises ConfigurationError: it is something else.
    """
    given = extra.get(name)
    if given is None or given == "":
        return None
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < math.inf:
        raise ConfigurationError(
            f"The connection's field {name} is not a number of seconds.",
            reason_code=f"{service}.{name}.malformed",
            way_out="Correct it under Admin > Connections in Airflow, or leave it empty.",
        )
    return value


def personio_config(fields: Mapping[str, Any]) -> PersonioConfig:
    """Return what a connection to Personio says of the company, its credentials and its limits.

    :param fields: the connection's ``host``, ``login``, ``password`` and ``extra``.
    :raises ConfigurationError: a field is malformed.
    """
    extra = filled(fields["extra"])
    given: dict[str, Any] = {name: str(extra[name]) for name in ("partner_id", "app_id") if name in extra}
    given |= {name: whole_number(extra, name, service="personio") for name in ("company_id", "recruiting_limit")}
    names = ("recruiting_window_seconds", "max_wait_seconds")
    given |= {name: seconds(extra, name, service="personio") for name in names}
    return PersonioConfig(
        base_url=str(fields["host"] or PERSONIO),
        recruiting_token=str(extra.get("recruiting_access_token", "")),
        client_id=fields["login"] or "",
        client_secret=fields["password"] or "",
        **filled(given),
    )


def _region(extra: Mapping[str, Any]) -> str:
    """Return the region as `REGIONS` writes it, however it was typed."""
    return str(extra.get("region") or DEFAULT_REGION).strip().lower().lstrip(".")


def _address(host: str) -> str:
    text = host.strip().rstrip("/")
    address = text if "://" in text else f"https://{text}"
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            "The connection's site address is no address.",
            reason_code="exact.host.malformed",
            way_out="Leave it empty and choose the region, or write it like https://start.exactonline.nl.",
        )
    return address
