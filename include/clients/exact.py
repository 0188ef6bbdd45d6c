"""Exact Online: the endpoints as Python.

Endpoint names are Exact's own, such as ``crm/Contacts``; rows keep Exact's field names and values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from include.clients.endpoints import find_endpoint, unlisted_endpoint, without_keys
from include.clients.exact_calls import ExactConfig
from include.clients.exact_feed import BEFORE_EVERYTHING, DELETED_AS, ExactFeed
from include.clients.exact_keys import path_key
from include.clients.exact_paging import rows_of
from include.clients.exact_reading import check_select
from include.clients.exact_site import offered
from include.clients.exact_writing import ExactWriting
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.clients.endpoints import EndpointInfo
    from include.clients.exact_keys import Key

__all__ = ["BEFORE_EVERYTHING", "DELETED_AS", "ExactClient", "ExactConfig"]

_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
_OPTION: Final = re.compile(r"[$]?[A-Za-z]\w{0,60}")


class ExactClient(ExactFeed, ExactWriting):
    """Reads and writes one division of Exact Online.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx
    """

    def request(
        self,
        method: str,
        endpoint: str,
        *,
        key: Key | None = None,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        unlisted: bool = False,
        hold: Callable[[], None] | None = None,
    ) -> Any:
        """Make any one call below the division.

        :param method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        :param endpoint: for example ``salesinvoice/SalesInvoices``, in any case.
        :param key: of one row; needed for PUT and DELETE.
        :param params: options of the URL, such as ``$filter``; values as they are, they are encoded here.
        :param json: the body of POST and PUT.
        :param unlisted: also take paths that the catalogue lacks: functions, navigation, new endpoints.
        :param hold: for POST: called right before each sending, as by :meth:`create`.
        :returns: for GET the rows of one page, or the object where Exact sends one (None if no row has the
            key); for POST the created row; for PUT and DELETE None.
        :raises ConfigurationError: before the call, if it cannot be right.
        :raises OutcomeUnknownError: if a write was sent and no clear answer came.
        """
        info = unlisted_endpoint(endpoint) if unlisted else find_endpoint(endpoint)
        verb = method.strip().upper()
        if verb == "DELETE":
            self._refuse_extra(params, json)
            return self._removed(info, key)
        if verb not in _METHODS:
            raise _unknown_verb(method)
        offered(info, verb)
        if verb == "GET":
            self._refuse_extra(None, json)
            return self._fetched(info, key, _checked(params))
        self._refuse_extra(params, None)
        if verb == "PUT":
            return self._update(info, _needed(key), json or {})
        if key is not None:
            raise _not_here("key", "A new record has no key yet; leave it out.")
        return self._create(info, json or {}, hold)

    def _fetched(self, info: EndpointInfo, key: Key | None, params: Mapping[str, str | int]) -> Any:
        name = without_keys(info.path)
        if key is not None and info.listed:
            select = str(params.get("$select", ""))
            if set(params) - {"$select"}:
                raise _not_here("params", "One row is asked for by its key; only $select goes with it.")
            return self.get(info.path, key, select=[select] if select else [])
        path = info.path if key is None else f"{info.path}{path_key(info, key)}"
        if key is None:
            check_select(info, str(params.get("$select", "")), params.get("$top"))
        body = self._calls.call("GET", self._checked_url(path, params), name).json
        rows, _ = rows_of(body, name)
        return rows[0] if isinstance(body["d"], dict) and "results" not in body["d"] else rows

    def _removed(self, info: EndpointInfo, key: Key | None) -> None:
        if info.listed:
            self.delete(info.path, _needed(key))
        else:
            self._delete(info, _needed(key))

    @staticmethod
    def _refuse_extra(params: Mapping[str, Any] | None, json: Mapping[str, Any] | None) -> None:
        if params:
            raise _not_here("params", "Exact reads URL options on GET only.")
        if json:
            raise _not_here("json", "Exact reads a body on POST and PUT only.")


def _checked(params: Mapping[str, Any] | None) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for name, value in (params or {}).items():
        if not _OPTION.fullmatch(name) or not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigurationError(
                "`params` holds something that is no option of a URL.",
                reason_code="exact.params.malformed",
                way_out="Give names such as $filter with text or whole numbers as values.",
            )
        found[name.lower() if name.startswith("$") else name] = value
    return found


def _needed(key: Key | None) -> Key:
    if key is None or key == "":
        raise ConfigurationError(
            "The record's key is missing.",
            reason_code="exact.key.missing",
            way_out="Give `key`: the record's ID as Exact shows it.",
        )
    return key


def _not_here(name: str, way_out: str) -> ConfigurationError:
    return ConfigurationError(
        f"`{name}` does not go with this call.", reason_code=f"exact.{name}.unexpected", way_out=way_out
    )


def _unknown_verb(method: str) -> ConfigurationError:
    return ConfigurationError(
        f"Exact has no method `{re.sub('[^A-Za-z]', '', method)[:10]}`.",
        reason_code="exact.method.unknown",
        way_out="Use GET, POST, PUT or DELETE; changes of single fields are a PUT.",
    )
