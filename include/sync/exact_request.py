"""Any other call to Exact: an endpoint's own verb, with what is known of it checked before it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.clients import time_transactions
from include.clients.endpoints import EndpointInfo, find_endpoint, unlisted_endpoint, without_keys
from include.clients.exact_keys import condition, path_key
from include.clients.exact_reading import check_select
from include.clients.exact_site import offered
from include.clients.exact_writing import check_mandatory
from include.clients.payloads import sendable
from include.errors import ConfigurationError
from include.sync.exact_action import check_key, hours_are_open, not_found
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
        info = _endpoint(self.endpoint, unlisted=self.unlisted)
        if self.method not in REQUESTS:
            raise _wrong("method", "unsupported", "`method` is none of GET, POST, PUT.", "Delete with action delete.")
        offered(info, self.method)
        if self.method != "GET" and not self.body:
            raise _wrong(
                "body", "missing", f"`body` is empty: a {self.method} has something to write.", "Fill it in."
            )
        if self.method == "PUT":
            check_key(info, self.key, (path_key,))
        if self.method == "POST" and self.key:
            raise _wrong("key", "unexpected", "`key` is given, but a POST makes a new record.", "Leave it empty.")
        if self.method == "GET":
            self._check_query(info)
        else:
            self.payload(info)
        return info

    def payload(self, info: EndpointInfo) -> dict[str, Any]:
        """Return the body as it is sent.

        :raises ConfigurationError: it lacks what Exact demands, or holds what cannot be sent.
        """
        creating = self.method == "POST"
        if _hours(info):
            return time_transactions.checked(self.body, creating=creating, zone=self.zone)
        if creating:
            check_mandatory(info, self.body)
        return sendable(self.body, self.zone)

    def _check_query(self, info: EndpointInfo) -> None:
        query = {name.lower(): value for name, value in self.query.items()}
        if not self.key:
            check_select(info, str(query.get("$select") or ""), query.get("$top"))
            return
        check_key(info, self.key, (condition if info.listed else path_key,))
        if info.listed and set(query) - {"$select"}:
            what = "`key` is given together with a filter or another option, but one row is asked for by its key."
            raise _wrong("key", "unexpected", what, "Leave out the key, or all options but `select`.")


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
    body = request.payload(info)
    if request.method == "PUT":
        if not hours_are_open(client, info, request.key):
            raise not_found(info)
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


def called(
    client: ExactClient,
    method: str,
    endpoint: str,
    *,
    key: str | None,
    params: Mapping[str, Any] | None,
    json: Mapping[str, Any] | None,
    unlisted: bool,
) -> Any:
    """Make any call, as :meth:`include.clients.exact.ExactClient.request`, but leave final hours alone.

    :raises ConfigurationError: before the call, if it cannot be right; or the hours are final, or not there.
    """
    info, verb = _endpoint(endpoint, unlisted=unlisted), method.strip().upper()
    if _hours(info) and verb in ("POST", "PUT"):
        json = time_transactions.checked(json or {}, creating=verb == "POST", zone=client.config.zone)
    # The extra look only before what the client will let pass.
    touches = key and verb in ("PUT", "DELETE") and not params and not (verb == "DELETE" and json)
    if touches and not hours_are_open(client, info, str(key)):
        if verb == "PUT":
            raise not_found(info)
        return None
    return client.request(verb, info.path, key=key, params=params, json=json, unlisted=unlisted)


def _endpoint(endpoint: str, *, unlisted: bool) -> EndpointInfo:
    """Return what is known of the endpoint.

    :raises ConfigurationError: it is unknown; or hours are reached by a way round the look at their status.
    """
    info = unlisted_endpoint(endpoint) if unlisted else find_endpoint(endpoint)
    if _hours(info) and info.path != time_transactions.ENDPOINT:
        what = f"{time_transactions.ENDPOINT} takes no key in its path."
        raise _wrong("endpoint", "malformed", what, "Give the key in `key`.")
    return info


def _hours(info: EndpointInfo) -> bool:
    return without_keys(info.path).lower() == time_transactions.ENDPOINT.lower()


def _wrong(name: str, problem: str, what: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(what, reason_code=f"exact.{name}.{problem}", way_out=way_out)
