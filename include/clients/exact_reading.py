"""Exact Online: rows of any endpoint, page by page, by id, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.clients.endpoints import find_endpoint
from include.clients.exact_keys import condition, guid
from include.clients.exact_paging import MAX_URL, LinkGuard, asked_top, rows_of, select_list
from include.clients.exact_site import ExactSite, offered
from include.errors import ConfigurationError, PermissionDeniedError, ProtocolError
from include.records import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from include.clients.endpoints import EndpointInfo
    from include.clients.exact_keys import Key
    from include.records import Row

_IDS_PER_CALL: Final = 60
"""The page size: more ids would make a second page."""


class ExactReading(ExactSite):
    """Reads rows; every endpoint is checked against the catalogue before it is called."""

    def pages(
        self,
        endpoint: str,
        *,
        select: Sequence[str] = (),
        filter: str | None = None,  # noqa: A002 - OData's own word
        orderby: str | None = None,
        top: int | None = None,
        resume: str | None = None,
        first: int = 1,
    ) -> Iterator[Page]:
        """Yield the rows of an endpoint, following Exact's links until there is none.

        :param endpoint: for example ``crm/Accounts``, in any case.
        :param select: columns; bulk and sync endpoints need them.
        :param filter: OData, for example ``Email eq 'a@example.org'``.
        :param top: at most so many rows, over all pages.
        :param resume: ``Page.next`` of the last page that was kept.
        :param first: number of the first page yielded.
        :raises ConfigurationError: before any call, if the endpoint is unknown or the query would be refused.
        """
        info = find_endpoint(endpoint)
        offered(info, "GET")
        _check_top(top)
        if not resume:
            check_select(info, ",".join(select), top)
        options = {"$filter": filter, "$select": ",".join(select), "$orderby": orderby, "$top": top}
        return self._pages(info.path, options, resume, first, top)

    def by_ids(self, endpoint: str, ids: Iterable[str], select: Sequence[str]) -> Iterator[Row]:
        """Yield the rows with these ids, 60 to a call; ids that Exact does not know are left out.

        :param ids: GUIDs, in any case, repeated or not.
        """
        info = find_endpoint(endpoint)
        name = info.key if info.key_type == "guid" else "ID"
        wanted = [guid(text, name) for text in dict.fromkeys(text.lower() for text in ids)]
        columns = select_list(select, name)
        while wanted:
            size = _IDS_PER_CALL
            while len(self._ids_url(info.path, name, wanted[:size], columns)) >= MAX_URL and size > 1:
                size //= 2
            chunk, wanted = wanted[:size], wanted[size:]
            options = {"$filter": _ids_filter(name, chunk), "$select": columns}
            for page in self._pages(info.path, options, None, 1):
                yield from page.rows

    def get(self, endpoint: str, key: Key, *, select: Sequence[str] = ()) -> Row | None:
        """Return one row, None if there is none.

        Asked as a filter: a 404 would count against the error limit.

        :param key: as the endpoint has it: GUID, number, text, or OData text for a composite key.
        :param select: columns; none: all.
        :raises ConfigurationError: if it is no key of this endpoint.
        """
        info = find_endpoint(endpoint)
        offered(info, "GET")
        options: dict[str, str | int | None] = {
            "$filter": condition(info, key),
            "$select": ",".join(select),
            "$top": 1,
        }
        reply = self._calls.call("GET", self._checked_url(info.path, options), info.path)
        rows, _ = rows_of(reply.json, info.path)
        return rows[0] if rows else None

    def count(self, endpoint: str, filter: str | None = None) -> int:  # noqa: A002 - OData's own word
        """Return the number of rows.

        :param filter: OData.
        :raises ProtocolError: if the answer is no number.
        """
        info = find_endpoint(endpoint)
        offered(info, "GET")
        url = self._checked_url(f"{info.path}/$count", {"$filter": filter})
        # Without an Accept header: Exact refuses JSON for a plain number.
        reply = self._calls.call("GET", url, info.path, accept="")
        if isinstance(reply.json, int) and not isinstance(reply.json, bool):
            return reply.json
        raise ProtocolError(
            f"{info.path}: the count is no number.",
            reason_code="exact.count.malformed",
            way_out="Check that the endpoint supports $count.",
        )

    def rights(self, endpoint: str) -> bool:
        """Tell whether the login may read an endpoint, by reading the key of one row.

        A refusal counts against the ten errors an hour that this endpoint may have, so ask seldom.

        :raises ConfigurationError: if the endpoint is unknown or cannot be read by anybody.
        """
        info = find_endpoint(endpoint)
        offered(info, "GET")
        url = self._url(info.path, {"$select": info.key, "$top": 1})
        try:
            self._calls.call("GET", url, info.path)
        except PermissionDeniedError:
            return False
        return True

    def _pages(
        self,
        endpoint: str,
        options: Mapping[str, str | int | None],
        resume: str | None,
        number: int,
        top: int | None = None,
    ) -> Iterator[Page]:
        guard = LinkGuard(self._origin, self._root, endpoint)
        if resume:
            url, left = f"{self._origin}{guard.follow(resume)}", asked_top(resume, top)
        else:
            url, left = self._checked_url(endpoint, options), top
        while True:
            reply = self._calls.call("GET", url, endpoint)
            rows, link = rows_of(reply.json, endpoint)
            if left is not None:
                rows, left = rows[:left], left - len(rows)
            following = guard.follow(link) if link and (left is None or left > 0) else None
            yield Page(number, rows, following)
            if following is None:
                return
            url, number = f"{self._origin}{following}", number + 1

    def _ids_url(self, path: str, name: str, ids: Sequence[str], columns: str) -> str:
        return self._url(path, {"$filter": _ids_filter(name, ids), "$select": columns})


def check_select(info: EndpointInfo, columns: str, top: object) -> None:
    """Refuse what Exact refuses: a list of a bulk or sync endpoint without columns.

    :param info: of the endpoint.
    :param columns: of ``$select``.
    :param top: of ``$top``; a single row may come without columns.
    :raises ConfigurationError: if the columns are missing.
    """
    if info.needs_select and not columns and str(top) != "1":
        raise ConfigurationError(
            f"{info.path}: Exact gives lists of bulk and sync endpoints only with named columns.",
            reason_code="exact.query.select_missing",
            way_out="Name the columns in `select`.",
        )


def _check_top(top: object) -> None:
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise ConfigurationError(
            "`top` is no number of rows.",
            reason_code="exact.top.malformed",
            way_out="Give a whole number from 1 on, or leave it out for all rows.",
        )


def _ids_filter(name: str, ids: Sequence[str]) -> str:
    return " or ".join(f"{name} eq guid'{text}'" for text in ids)
