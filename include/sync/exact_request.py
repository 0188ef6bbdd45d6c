"""Any other call to Exact: an endpoint's own verb, with what is known of it checked before it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.clients.endpoints import EndpointInfo, find_endpoint, unlisted_endpoint
from include.clients.exact_site import offered
from include.clients.exact_writing import check_mandatory
from include.clients.payloads import sendable
from include.errors import ConfigurationError
from include.sync.left_behind import rows_like
from include.sync.single_write import Written, repeatable, write_once

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.records import Row

REQUESTS: Final = ("GET", "POST", "PUT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactRequest:
    """One call; nothing of it is believed until :meth:`checked`.

    :param method: GET, POST or PUT; deleting has an action of its own, which asks twice.
    :param endpoint: path below the division.
    :param zone: of the site; times of the body are moved to its clock.
    :param key: of the row, for GET and PUT.
    :param query: options of the URL for GET, such as ``$filter`` or a function's own.
    :param body: properties to write.
    :param unlisted: also take a path that the catalogue lacks: a function, a navigation, a new endpoint.
    """

    method: str
    endpoint: str
    zone: ZoneInfo
    key: str = ""
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unlisted: bool = False

    def checked(self) -> EndpointInfo:
        """Return what is known of the endpoint.

        :raises ConfigurationError: one sentence that names the field.
        """
        info = unlisted_endpoint(self.endpoint) if self.unlisted else find_endpoint(self.endpoint)
        if self.method not in REQUESTS:
            raise _wrong("method", "unsupported", "`method` is none of GET, POST, PUT.", "Delete with action delete.")
        offered(info, self.method)
        if self.method != "GET" and not self.body:
            raise _wrong(
                "body", "missing", f"`body` is empty: a {self.method} has something to write.", "Fill it in."
            )
        if self.method == "PUT" and not self.key:
            raise _wrong("key", "missing", "`key` is empty: a PUT changes one record.", "Give the record's key.")
        if self.method == "POST" and self.key:
            raise _wrong("key", "unexpected", "`key` is given, but a POST makes a new record.", "Leave it empty.")
        if self.method == "POST":
            check_mandatory(info, self.body)
        return info


def requested_rows(client: ExactClient, request: ExactRequest) -> list[Row]:
    """Return what a GET answers, as rows."""
    info = request.checked()
    options = dict(request.query) or None
    answer = client.request("GET", info.path, key=request.key or None, params=options, unlisted=request.unlisted)
    return [answer] if isinstance(answer, dict) else list(answer or ())


def requested_write(client: ExactClient, ledger: Ledger, key: str, request: ExactRequest) -> Written:
    """Make a POST once for this key, or a PUT, which may be made again.

    :param key: of :func:`include.sync.single_write.write_once`.
    """
    info = request.checked()
    body = sendable(request.body, request.zone)
    if request.method == "PUT":
        with repeatable():
            client.request("PUT", info.path, key=request.key, json=body, unlisted=request.unlisted)
        return Written(request.key, "created", sent=True)

    def send() -> str:
        row = client.request(
            "POST", info.path, json=body, unlisted=request.unlisted, hold=lambda: ledger.writes.renew(key)
        )
        return str(row.get(info.key) or "") if isinstance(row, dict) else ""

    def find(since: datetime) -> list[str]:
        return rows_like(client, info, body, since)

    return write_once(ledger, key, info.path, body, send=send, find=find)


def _wrong(name: str, problem: str, what: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(what, reason_code=f"exact.{name}.{problem}", way_out=way_out)
