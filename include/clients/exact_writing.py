"""Exact Online: creating, changing and deleting rows of any endpoint that offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.clients.endpoints import find_endpoint, without_keys
from include.clients.exact_keys import path_key
from include.clients.exact_paging import rows_of
from include.clients.exact_site import ExactSite, offered, single
from include.clients.payloads import sendable
from include.errors import ConfigurationError, OutcomeUnknownError, ProtocolError, RecordRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.clients.endpoints import EndpointInfo
    from include.clients.exact_keys import Key
    from include.records import Row
    from include.transport import Reply

_GONE: Final = frozenset({404, 410})


class ExactWriting(ExactSite):
    """Writes rows; what Exact would refuse by its own reference is refused before the call."""

    def create(self, endpoint: str, payload: Mapping[str, Any], *, hold: Callable[[], None] | None = None) -> Row:
        """Create a record and return it as Exact filled it in.

        :param endpoint: for example ``crm/Contacts``, in any case.
        :param payload: property to value, in Exact's spelling.
        :param hold: called right before each sending, after any wait for the limits; what it raises stops it.
        :raises ConfigurationError: before the call, if a mandatory property is missing.
        :raises RecordRejectedError: if Exact refuses it.
        :raises OutcomeUnknownError: if it may have been created: look it up before trying again.
        """
        info = find_endpoint(endpoint)
        offered(info, "POST")
        return self._create(info, payload, hold)

    def update(self, endpoint: str, key: Key, payload: Mapping[str, Any]) -> None:
        """Change the given fields of a record.

        :param key: as the endpoint has it: GUID, number or text.
        :param payload: only what changes.
        :raises ConfigurationError: before the call, if key or payload cannot be right.
        :raises OutcomeUnknownError: if it may have been changed; doing it again does no harm.
        """
        info = find_endpoint(endpoint)
        offered(info, "PUT")
        self._update(info, key, payload)

    def delete(self, endpoint: str, key: Key) -> bool:
        """Delete a record; False if it was gone already.

        :param key: as the endpoint has it: GUID, number or text.
        :raises ConfigurationError: before the call, for endpoints whose rows are never deleted from here.
        """
        info = find_endpoint(endpoint)
        # First what is forbidden: for most of it Exact does not even offer the verb.
        _not_protected(info)
        offered(info, "DELETE")
        return self._delete(info, key)

    def _create(self, info: EndpointInfo, payload: Mapping[str, Any], hold: Callable[[], None] | None = None) -> Row:
        check_mandatory(info, payload)
        body, endpoint = sendable(payload, self.config.zone), without_keys(info.path)
        reply = self._calls.call(
            "POST", self._url(info.path), endpoint, json=body, prefer="return=representation", hold=hold
        )
        return _created(reply, endpoint)

    def _update(self, info: EndpointInfo, key: Key, payload: Mapping[str, Any]) -> None:
        if not payload:
            raise ConfigurationError(
                f"{info.path}: nothing is to be changed.",
                reason_code="exact.payload.missing",
                way_out="Give at least one property with its new value.",
            )
        body = sendable(payload, self.config.zone)
        url = self._url(f"{info.path}{path_key(info, key)}")
        self._calls.call("PUT", url, without_keys(info.path), json=body)

    def _delete(self, info: EndpointInfo, key: Key) -> bool:
        _not_protected(info)
        try:
            url = self._url(f"{info.path}{path_key(info, key)}")
            self._calls.call("DELETE", url, without_keys(info.path))
        except RecordRejectedError as error:
            if error.status in _GONE:
                return False
            raise
        return True


def check_mandatory(info: EndpointInfo, payload: Mapping[str, Any]) -> None:
    """Refuse a record that lacks what the endpoint's reference calls mandatory.

    :param info: of the endpoint.
    :param payload: property to value.
    :raises ConfigurationError: naming the first property that is missing.
    """
    for entry in info.mandatory:
        names = entry.split("|")
        if all(_empty(payload.get(name)) for name in names):
            raise ConfigurationError(
                f"{info.path}: {' or '.join(f'`{name}`' for name in names)} is missing.",
                reason_code=f"exact.{names[0]}.missing",
                way_out="Exact demands it of every new record"
                + (": give one of them." if len(names) > 1 else ": add it in exactly this spelling."),
            )
    if not payload:
        raise ConfigurationError(
            f"{info.path}: the record is empty.",
            reason_code="exact.payload.missing",
            way_out="Give the record's properties in Exact's spelling.",
        )


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str | list | tuple) and not value)


def _not_protected(info: EndpointInfo) -> None:
    if info.protected:
        raise ConfigurationError(
            f"{info.path}: its records are never deleted from here.",
            reason_code="exact.endpoint.protected",
            way_out="Delete it in Exact itself, if it really has to go.",
        )


def _created(reply: Reply, endpoint: str) -> Row:
    try:
        return single(rows_of(reply.json, endpoint)[0], endpoint)
    except ProtocolError:
        raise OutcomeUnknownError(
            f"{endpoint}: the record was accepted, but the answer holds no row.",
            reason_code="exact.created.unreadable",
            way_out="Look it up by a field of its own before creating it again.",
            status=reply.status,
        ) from None
