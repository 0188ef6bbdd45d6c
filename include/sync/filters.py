"""Which records of a window are meant: as Exact's ``$filter``, and over rows that are here already.

Exact is only asked what its reference shows as a filter; all the rest is compared here.

.. seealso:: https://support.exactonline.com/community/s/knowledge-base#All-All-DNO-Simulation-query-string-options
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from include.clients.exact_time import local_to_utc, utc_to_literal
from include.errors import ConfigurationError, ProtocolError
from include.records import RecordFilter
from include.sync.asked_values import switch, texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.records import Entity, Row

STATUSES: Final = {"C": "customer", "P": "prospect", "S": "suspect", "A": "none of these"}
"""Exact's ``Status`` of an account."""

ROLES: Final = {"customer": "AccountIsCustomer", "supplier": "AccountIsSupplier"}
"""What the account of a contact may be, and the contact's column that says so."""

_OWN: Final[dict[str, Entity]] = {"status": "Accounts", "only_main_contacts": "Contacts", "account_role": "Contacts"}
"""Filters that only one entity knows."""
_OWN_COLUMNS: Final[dict[Entity, tuple[str, ...]]] = {
    "Accounts": ("Status",),
    "Contacts": ("IsMainContact", *ROLES.values()),
}
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NEAR: Final = timedelta(hours=3)
_MILLISECOND: Final = timedelta(milliseconds=1)


def filter_of(
    params: Mapping[str, Any], entity: Entity, modified_from: datetime | None, modified_to: datetime | None
) -> RecordFilter:
    """Return the filter that a form's values mean.

    :param params: by the form's names: ``status``, ``country``, ``only_main_contacts``, ``account_role``.
    :param modified_from: aware, see :class:`include.records.RecordFilter`.
    :param modified_to: aware, exclusive.
    :raises ConfigurationError: a value is unknown, or the entity has no such column.
    """
    for name, owner in _OWN.items():
        if params.get(name) and owner != entity:
            raise _mistake(
                name, f"not_of_{entity.lower()}", f"{entity} of Exact have nothing that {name} could ask for."
            )
    status = tuple(texts(params, "status"))
    if unknown := [value for value in status if value not in STATUSES]:
        known = ", ".join(f"{letter} ({word})" for letter, word in STATUSES.items())
        raise _mistake("status", "unknown", f"{unknown[0]!r} is no status; Exact has {known}.")
    country = tuple(texts(params, "country"))
    if unknown := [value for value in country if not _COUNTRY.fullmatch(value)]:
        raise _mistake("country", "malformed", f"{unknown[0]!r} is no code of a country, two letters such as NL.")
    role = str(params.get("account_role") or "").strip().lower()
    if role and role not in ROLES:
        raise _mistake("account_role", "unknown", f"account_role is {role!r}; it must be {' or '.join(ROLES)}.")
    return RecordFilter(
        status=status,
        country=country,
        only_main_contacts=switch(params, "only_main_contacts"),
        account_role=role,
        modified_from=modified_from,
        modified_to=modified_to,
    )


def columns(where: RecordFilter, entity: Entity) -> tuple[str, ...]:
    """Return the columns of Exact that :func:`matches` looks at.

    :param entity: ``Accounts`` or ``Contacts``.
    """
    wanted = [
        "Status" if where.status and entity == "Accounts" else "",
        "Country" if where.country else "",
        "IsMainContact" if where.only_main_contacts and entity == "Contacts" else "",
        ROLES[where.account_role] if where.account_role and entity == "Contacts" else "",
        "Modified" if where.modified_from or where.modified_to else "",
    ]
    return tuple(name for name in wanted if name)


def every_column(entity: Entity) -> tuple[str, ...]:
    """Return the columns that any filter of an entity looks at.

    A lane reads them all, so that what it has read serves the next run, whatever that one filters.
    """
    return ("Country", "Modified", *_OWN_COLUMNS.get(entity, ()))


def conditions(where: RecordFilter, entity: Entity, zone: ZoneInfo) -> list[str]:
    """Return what Exact can leave out by itself, as OData to be joined by ``and``; it may let more through.

    What a contact has from its account (country, role, being the main contact) is joined when Exact reads it. No
    reference shows a filter on such a column, and a refused call counts against the error limit: it is compared
    here, by :func:`matches`.

    :param entity: ``Accounts`` or ``Contacts``.
    :param zone: the site's time zone.
    """
    found = []
    if entity == "Accounts":
        if where.status:
            found.append(_any_of(f"Status eq '{letter}'" for letter in where.status))
        if where.country:
            # The column is padded with blanks; Exact's own example for such a column is trim().
            found.append(_any_of(f"trim(Country) eq '{code}'" for code in where.country))
    return found + between("Modified", where.modified_from, where.modified_to, zone)


def between(column: str, start: datetime | None, end: datetime | None, zone: ZoneInfo) -> list[str]:
    """Return the conditions that let through at least what lies between two moments, by the site's clock.

    Around a change of the clocks they are wider by that change: there, a wall clock does not say which of two
    moments is meant.

    :param column: of type DateTime.
    :param start: aware; None: no beginning.
    :param end: aware, exclusive; None: no end.
    :param zone: the site's time zone.
    """
    found = []
    if start is not None:
        found.append(f"{column} ge {utc_to_literal(start - _shift(start, zone), zone)}")
    if end is not None:
        # The literal has milliseconds only, and cut ones would leave the last record out.
        end = end + _MILLISECOND if end.microsecond % 1000 else end
        found.append(f"{column} lt {utc_to_literal(end + _shift(end, zone), zone)}")
    return found


def matches(where: RecordFilter, row: Row, zone: ZoneInfo) -> bool:
    """Say whether a row is meant; a row that lacks what is asked for is not.

    :param row: as Exact sends it, with the columns of :func:`columns`.
    :param zone: the site's time zone.
    """
    return (
        (not where.status or _text(row.get("Status")) in where.status)
        and (not where.country or _text(row.get("Country")) in where.country)
        and (not where.only_main_contacts or row.get("IsMainContact") is True)
        and (not where.account_role or row.get(ROLES[where.account_role]) is True)
        and _modified_between(where, row, zone)
    )


def _modified_between(where: RecordFilter, row: Row, zone: ZoneInfo) -> bool:
    if where.modified_from is None and where.modified_to is None:
        return True
    try:
        modified = local_to_utc(row["Modified"], zone, fold=1)
    except (KeyError, AttributeError, ProtocolError):
        return False
    return (where.modified_from is None or modified >= where.modified_from) and (
        where.modified_to is None or modified < where.modified_to
    )


def _text(value: object) -> str:
    return str(value or "").strip().upper()


def _any_of(parts: Any) -> str:
    return f"({' or '.join(parts)})"


def _shift(moment: datetime, zone: ZoneInfo) -> timedelta:
    """Return by how much the site's clocks are changed around a moment."""
    offsets = [(moment + step).astimezone(zone).utcoffset() or timedelta(0) for step in (-_NEAR, _NEAR)]
    return abs(offsets[1] - offsets[0])


def _mistake(name: str, problem: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        reason_code=f"params.{name}.{problem}",
        way_out="Correct the field or empty it, then trigger the run again.",
    )
