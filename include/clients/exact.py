"""Exact Online: the endpoints as Python, the sync feed page by page.

Endpoint names are Exact's own, such as ``crm/Contacts``; rows keep Exact's field names and values.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from include.clients.exact_calls import ExactCalls, ExactConfig
from include.clients.exact_paging import MAX_URL, LinkGuard, query, row_version, rows_of, select_list
from include.errors import ConfigurationError, OutcomeUnknownError, ProtocolError, RecordRejectedError
from include.records import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import httpx

    from include.clients.ports import CallMeter, ErrorBudget, Pacer
    from include.clients.tokens import ExactTokens
    from include.records import Entity, Row
    from include.transport import Reply

__all__ = ["BEFORE_EVERYTHING", "ExactClient", "ExactConfig"]

BEFORE_EVERYTHING: Final = 1
"""The row version to start with: Exact's reference says "filter on timestamp greater than 1"."""

_IDS_PER_CALL: Final = 60
"""The page size: more ids would make a second page."""
_HIGHEST: Final = 2**63 - 1
_GONE: Final = frozenset({404, 410})


class ExactClient:
    """Reads and writes one division of Exact Online.

    :param http: from :func:`include.transport.build_http`, with the site's base URL.
    :param tokens: hands out access tokens.
    :param pacer: shares the limits between all workers.
    :param budget: keeps the key from being blocked for errors.
    :param meter: counts the calls.
    :param sleep: how to wait.
    """

    def __init__(
        self,
        config: ExactConfig,
        http: httpx.Client,
        tokens: ExactTokens,
        *,
        pacer: Pacer,
        budget: ErrorBudget,
        meter: CallMeter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._calls = ExactCalls(config, http, tokens, pacer=pacer, budget=budget, meter=meter, sleep=sleep)
        parts = urlsplit(config.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._api = f"{parts.path.rstrip('/')}/api/v1"
        self._root = f"{self._api}/{config.division}/"

    def me(self) -> Row:
        """Return the signed-in user, with ``CurrentDivision`` and ``ServerUtcOffset``."""
        url = f"{self._origin}{self._api}/current/Me"
        reply = self._calls.call("GET", url, "current/Me", counts_for_day=False)
        return _single(rows_of(reply.json, "current/Me")[0], "current/Me")

    def divisions(self) -> list[Row]:
        """Return the divisions that the login may use, with ``DivisionMoveDate``.

        When that date changes, Exact has made new Timestamps: everything has to be read again.
        """
        columns = ("Code", "Description", "DivisionMoveDate", "DivisionHRLinkUnlinkDate", "Status")
        return [row for page in self.pages("system/Divisions", select=columns) for row in page.rows]

    def sync_pages(
        self, entity: Entity, *, after: int, select: Sequence[str], resume: str | None = None, first: int = 1
    ) -> Iterator[Page]:
        """Yield the rows changed after a row version, up to 1,000 a page, oldest change first.

        A row that is touched while the feed is read comes again: the highest ``Timestamp`` wins.

        :param after: row version, exclusive.
        :param select: columns; ``Timestamp`` and ``ID`` are always added.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        """
        options = {
            "$filter": f"Timestamp gt {int(after)}L",
            "$select": select_list(select, "Timestamp", "ID"),
        }
        return self._pages(f"sync/CRM/{entity}", options, resume, first)

    def deleted_pages(self, *, after: int, resume: str | None = None, first: int = 1) -> Iterator[Page]:
        """Yield Exact's log of deletions; it holds two months and has Timestamps of its own.

        :param after: row version of this log, exclusive.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        """
        columns = ("Timestamp", "EntityKey", "EntityType", "DeletedDate")
        options = {"$filter": f"Timestamp gt {int(after)}L", "$select": select_list(columns)}
        return self._pages("sync/Deleted", options, resume, first)

    def newest_timestamp(self, entity: Entity) -> int:
        """Return the highest row version there is, in few calls, or 1 if there is no row.

        Exact hands it out for no CRM entity. The search leaps ahead in growing steps until a page is the last
        one or empty, then halves the rest. The result was seen in a row, so starting after it loses nothing.
        """
        newest, more = self._probe(entity, BEFORE_EVERYTHING)
        if newest is None:
            return BEFORE_EVERYTHING
        step, ceiling = max(newest - BEFORE_EVERYTHING, 1), _HIGHEST
        while more and newest < ceiling:
            if ceiling == _HIGHEST:
                middle = min(newest + step, _HIGHEST - 1)
                step *= 2
            else:
                middle = (newest + ceiling) // 2
            found, more_after = self._probe(entity, middle)
            if found is None:
                ceiling = middle  # nothing lies above it
            else:
                newest, more = max(newest, found), more_after
        return newest

    def pages(
        self,
        endpoint: str,
        *,
        select: Sequence[str] = (),
        filter: str | None = None,  # noqa: A002 - OData's own word
        orderby: str | None = None,
        resume: str | None = None,
        first: int = 1,
    ) -> Iterator[Page]:
        """Yield the rows of an endpoint, following Exact's links until there is none.

        :param endpoint: for example ``crm/Accounts``.
        :param filter: OData, for example ``Email eq 'a@example.org'``.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        """
        options = {"$filter": filter, "$select": ",".join(select), "$orderby": orderby}
        return self._pages(endpoint, options, resume, first)

    def by_ids(self, endpoint: str, ids: Iterable[str], select: Sequence[str]) -> Iterator[Row]:
        """Yield the rows with these ids, 60 to a call; ids that Exact does not know are left out.

        :param ids: GUIDs, in any case, repeated or not.
        """
        wanted = [_guid(text) for text in dict.fromkeys(text.lower() for text in ids)]
        columns = select_list(select, "ID")
        while wanted:
            size = _IDS_PER_CALL
            while len(self._ids_url(endpoint, wanted[:size], columns)) >= MAX_URL and size > 1:
                size //= 2
            chunk, wanted = wanted[:size], wanted[size:]
            options = {"$filter": _ids_filter(chunk), "$select": columns}
            for page in self._pages(endpoint, options, None, 1):
                yield from page.rows

    def get(self, endpoint: str, key: str) -> Row | None:
        """Return one row, None if there is none.

        Asked as a filter: a 404 would count against the error limit.

        :param key: the row's GUID.
        """
        options: dict[str, str | int | None] = {"$filter": f"ID eq guid'{_guid(key)}'", "$top": 1}
        reply = self._calls.call("GET", self._url(endpoint, options), endpoint)
        rows, _ = rows_of(reply.json, endpoint)
        return rows[0] if rows else None

    def count(self, endpoint: str, filter: str | None = None) -> int:  # noqa: A002 - OData's own word
        """Return the number of rows.

        :param filter: OData.
        :raises ProtocolError: if the answer is no number.
        """
        url = self._url(f"{endpoint}/$count", {"$filter": filter})
        # Without an Accept header: Exact refuses JSON for a plain number.
        reply = self._calls.call("GET", url, endpoint, accept="")
        if isinstance(reply.json, int) and not isinstance(reply.json, bool):
            return reply.json
        raise ProtocolError(
            f"{endpoint}: the count is no number.",
            reason_code="exact.count.malformed",
            way_out="Check that the endpoint supports $count.",
        )

    def create(self, endpoint: str, payload: Mapping[str, Any]) -> Row:
        """Create a record and return it as Exact filled it in.

        :raises RecordRejectedError: if Exact refuses it.
        :raises OutcomeUnknownError: if it may have been created: look it up before trying again.
        """
        reply = self._calls.call(
            "POST", self._url(endpoint), endpoint, json=dict(payload), prefer="return=representation"
        )
        return self._created(reply, endpoint)

    def update(self, endpoint: str, key: str, payload: Mapping[str, Any]) -> None:
        """Change the given fields of a record.

        :param key: the row's GUID.
        """
        self._calls.call("PUT", self._url(f"{endpoint}(guid'{_guid(key)}')"), endpoint, json=dict(payload))

    def delete(self, endpoint: str, key: str) -> bool:
        """Delete a record; False if it was gone already.

        :param key: the row's GUID.
        """
        try:
            self._calls.call("DELETE", self._url(f"{endpoint}(guid'{_guid(key)}')"), endpoint)
        except RecordRejectedError as error:
            if error.status in _GONE:
                return False
            raise
        return True

    def _probe(self, entity: Entity, after: int) -> tuple[int | None, bool]:
        endpoint = f"sync/CRM/{entity}"
        options = {"$filter": f"Timestamp gt {after}L", "$select": "Timestamp"}
        reply = self._calls.call("GET", self._url(endpoint, options), endpoint)
        rows, link = rows_of(reply.json, endpoint)
        return max((row_version(row) for row in rows), default=None), link is not None

    def _pages(
        self, endpoint: str, options: Mapping[str, str | int | None], resume: str | None, number: int
    ) -> Iterator[Page]:
        guard = LinkGuard(self._origin, self._root, endpoint)
        url = f"{self._origin}{guard.follow(resume)}" if resume else self._url(endpoint, options)
        while True:
            reply = self._calls.call("GET", url, endpoint)
            rows, link = rows_of(reply.json, endpoint)
            following = guard.follow(link) if link else None
            yield Page(number, rows, following)
            if following is None:
                return
            url, number = f"{self._origin}{following}", number + 1

    def _url(self, endpoint: str, options: Mapping[str, str | int | None] | None = None) -> str:
        asked = query(options or {})
        return f"{self._origin}{self._root}{endpoint}" + (f"?{asked}" if asked else "")

    def _ids_url(self, endpoint: str, ids: Sequence[str], columns: str) -> str:
        return self._url(endpoint, {"$filter": _ids_filter(ids), "$select": columns})

    @staticmethod
    def _created(reply: Reply, endpoint: str) -> Row:
        try:
            return _single(rows_of(reply.json, endpoint)[0], endpoint)
        except ProtocolError:
            raise OutcomeUnknownError(
                f"{endpoint}: the record was accepted, but the answer holds no row.",
                reason_code="exact.created.unreadable",
                way_out="Look it up by a field of its own before creating it again.",
                status=reply.status,
            ) from None


def _single(rows: list[Row], endpoint: str) -> Row:
    if len(rows) == 1:
        return rows[0]
    raise ProtocolError(
        f"{endpoint}: one row was expected, {len(rows)} came.",
        reason_code="exact.answer.not_one_row",
        way_out="Check the base URL; it must be a site of Exact Online.",
    )


def _ids_filter(ids: Sequence[str]) -> str:
    return " or ".join(f"ID eq guid'{text}'" for text in ids)


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        # Exact would answer 400, and ten of them block the key.
        raise ConfigurationError(
            "A key is not a GUID.",
            reason_code="exact.ID.malformed",
            way_out="Give the record's ID as Exact shows it, for example in the API's `ID` field.",
        ) from None
