"""What a person or a DAG author asks of Exact: checked before a call leaves, and written once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from include.clients import time_transactions
from include.clients.endpoints import EndpointInfo, find_endpoint
from include.clients.exact_keys import condition, path_key
from include.clients.exact_reading import check_select
from include.clients.exact_site import offered
from include.clients.exact_writing import check_mandatory
from include.clients.payloads import sendable
from include.errors import ConfigurationError
from include.sync.left_behind import rows_like
from include.sync.single_write import Written, repeatable, write_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.records import Row

Action = Literal["list", "get", "count", "create", "update", "delete"]

METHODS: Final[dict[str, str]] = {
    "list": "GET",
    "get": "GET",
    "count": "GET",
    "create": "POST",
    "update": "PUT",
    "delete": "DELETE",
}
_COLUMN: Final = re.compile(r"\*|[A-Za-z_][A-Za-z0-9_/]*")
_ORDER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_/]*( +(asc|desc))?", re.IGNORECASE)
_SPELL: Final = "Write the names as Exact does, separated by commas, such as ID,Name."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactAction:
    """One action at one endpoint; nothing of it is believed until :meth:`checked`.

    :param endpoint: ``service/Endpoint`` in any case, such as ``crm/Accounts``.
    :param zone: of the site; times of the body are moved to its clock.
    :param key: of the record; a GUID for most endpoints.
    :param body: properties to write.
    :param filter: OData ``$filter``.
    :param confirm_id: for ``delete``: the key once more.
    """

    action: Action
    endpoint: str
    zone: ZoneInfo
    key: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    select: tuple[str, ...] = ()
    filter: str = field(default="", repr=False)
    orderby: str = ""
    top: int | None = None
    confirm_id: str = ""

    def checked(self) -> EndpointInfo:
        """Return the endpoint, after everything that can be wrong without asking Exact was looked at.

        :raises ConfigurationError: one sentence that names the field.
        """
        info = find_endpoint(self.endpoint)
        if self.action == "delete":
            self._check_delete(info)
        offered(info, METHODS[self.action])
        if self.action in ("get", "update", "delete"):
            check_key(info, self.key, (condition, path_key))
        if self.action in ("create", "update"):
            self.payload(info)
        else:
            self._check_query(info)
        return info

    def payload(self, info: EndpointInfo) -> dict[str, Any]:
        """Return the body as it is sent.

        :raises ConfigurationError: empty, or it lacks what Exact demands.
        """
        creating = self.action == "create"
        if not self.body:
            raise _wrong(
                "body", "missing", f"`body` is empty: {self.action} needs properties to write.", "Fill it in."
            )
        if info.path == time_transactions.ENDPOINT:
            return time_transactions.checked(self.body, creating=creating, zone=self.zone)
        if creating:
            check_mandatory(info, self.body)
        return sendable(self.body, self.zone)

    def _check_delete(self, info: EndpointInfo) -> None:
        if info.protected:
            what = f"{info.path} is protected: its records are never deleted from here."
            raise _wrong("endpoint", "protected", what, "Delete it in Exact Online itself, if it really has to go.")
        if self.confirm_id.strip().lower() != self.key.strip().lower():
            what = "`confirm_id` is not the same as `key`, so nothing was deleted."
            raise _wrong("confirm_id", "different", what, "Repeat the id of the record in `confirm_id`.")

    def _check_query(self, info: EndpointInfo) -> None:
        if self.action == "list":
            check_select(info, ",".join(self.select), self.top)
        if not all(_COLUMN.fullmatch(name) for name in self.select):
            raise _wrong("select", "malformed", "`select` holds something that is no name of a column.", _SPELL)
        if not all(_ORDER.fullmatch(part.strip()) for part in self.orderby.split(",") if self.orderby):
            what = "`orderby` is no list of columns, each followed by asc, desc or nothing."
            raise _wrong("orderby", "malformed", what, _SPELL)
        if self.filter.count("'") % 2:
            raise _wrong(
                "filter", "malformed", "`filter` has a quote that is not closed.", "Write ' in a text as ''."
            )
        if self.top is not None and self.top < 1:
            raise _wrong("top", "malformed", "`top` is not a number from 1 on.", "Correct it, or leave it empty.")


def check_key(info: EndpointInfo, key: str, forms: Sequence[Callable[[EndpointInfo, str], str]]) -> None:
    """Refuse what is no key of this endpoint.

    :param info: of the endpoint.
    :param key: as it was given.
    :param forms: how it will be written: as a condition, in the path, or both.
    :raises ConfigurationError: ``exact.key.missing`` or ``.malformed``.
    """
    if not key.strip():
        way_out = f"Give the record's {info.key or 'key'} as Exact shows it."
        raise _wrong("key", "missing", "`key` is empty.", way_out)
    try:
        for form in forms:
            form(info, key.strip())
    except ConfigurationError as error:
        raise _wrong("key", "malformed", f"`key` is no key of {info.path}: {error.what}", error.way_out) from None


def listed(client: ExactClient, action: ExactAction) -> Iterator[Row]:
    """Yield the rows that a list asks for, page by page."""
    info = action.checked()
    pages = client.pages(
        info.path,
        select=action.select,
        filter=action.filter or None,
        orderby=action.orderby or None,
        top=action.top,
    )
    return (row for page in pages for row in page.rows)


def found(client: ExactClient, action: ExactAction) -> Row:
    """Return the row with this key.

    :raises ConfigurationError: there is none.
    """
    info = action.checked()
    row = client.get(info.path, action.key.strip(), select=action.select)
    if row is None:
        raise not_found(info)
    return row


def created(client: ExactClient, ledger: Ledger, key: str, action: ExactAction) -> Written:
    """Create the record, once for this key.

    :param key: of :func:`include.sync.single_write.write_once`.
    """
    info = action.checked()
    body = action.payload(info)

    def send() -> str:
        row = client.create(info.path, body, hold=lambda: ledger.writes.renew(key))
        return str(row.get(info.key) or "")

    def find(since: datetime) -> list[str]:
        return rows_like(client, info, body, since)

    return write_once(ledger, key, info.path, body, send=send, find=find)


def updated(client: ExactClient, action: ExactAction) -> None:
    """Change the given properties; doing it twice is doing it once.

    :raises ConfigurationError: refused for good, no such record, or the hours are final.
    """
    info = action.checked()
    if not hours_are_open(client, info, action.key):
        raise not_found(info)
    with repeatable():
        client.update(info.path, action.key.strip(), action.payload(info))


def deleted(client: ExactClient, action: ExactAction) -> bool:
    """Delete the record; False if it was gone already.

    :raises ConfigurationError: refused for good, or the hours are final.
    """
    info = action.checked()
    if not hours_are_open(client, info, action.key):
        return False
    with repeatable():
        return client.delete(info.path, action.key.strip())


def hours_are_open(client: ExactClient, info: EndpointInfo, key: str) -> bool:
    """Look at the status of hours before they are touched; False if there are none with this key.

    :param info: of any endpoint; True without a look if it is not that of hours.
    :param key: of the hours.
    :raises ConfigurationError: the hours are final.
    """
    if info.path != time_transactions.ENDPOINT:
        return True
    row = client.get(info.path, key.strip(), select=("ID", "HourStatus"))
    if row is not None:
        time_transactions.refuse_final(row)
    return row is not None


def not_found(info: EndpointInfo) -> ConfigurationError:
    """Return the error for a key that no record has.

    :param info: of the endpoint.
    """
    what = f"{info.path} has no record with this key."
    return _wrong("record", "not_found", what, "Check `key` and the division.")


def _wrong(name: str, problem: str, what: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(what, reason_code=f"exact.{name}.{problem}", way_out=way_out)
