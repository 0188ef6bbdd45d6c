"""Reading Exact's lists: three shapes of an answer, links that are checked, loops that end."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from include.errors import ConfigurationError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.records import Row

MAX_URL: Final = 6000
"""Exact refuses longer URLs."""

_TOP: Final = re.compile(r"[$]top=(\d{1,9})(?:&|$)", re.IGNORECASE)
_SKIPTOKEN: Final = re.compile(r"[$]skiptoken=([^&#]*)", re.IGNORECASE)


def rows_of(body: Any, endpoint: str) -> tuple[list[Row], str | None]:
    """Return the rows of an answer and its ``__next``.

    Exact sends ``{"d": {"results": [...]}}``, but a bare ``{"d": [...]}`` for ``$top`` up to the page size, and
    ``{"d": {...}}`` for a single object.

    :param body: the parsed answer; its rows are returned themselves, without what are links only.
    :param endpoint: for the error text.
    :raises ProtocolError: if it is none of the three.
    """
    data = body.get("d") if isinstance(body, dict) else None
    link: Any = None
    if isinstance(data, dict) and "results" in data:
        data, link = data["results"], data.get("__next")
    elif isinstance(data, dict):
        data = [data]
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise _unreadable(endpoint)
    if link is not None and not isinstance(link, str):
        raise _unreadable(endpoint)
    _drop_links(data)
    return data, link or None


def _drop_links(rows: list[Row]) -> None:
    """Drop ``__metadata`` and unexpanded collections: links, no data, and they would be kept encrypted."""
    for row in rows:
        row.pop("__metadata", None)
    # Looked for in all rows at once: pages of feeds have none.
    if dict in map(type, chain.from_iterable(map(dict.values, rows))):
        for row in rows:
            for name in [name for name, value in row.items() if isinstance(value, dict) and "__deferred" in value]:
                del row[name]


def _unreadable(endpoint: str) -> ProtocolError:
    return ProtocolError(
        f"{endpoint}: the answer is JSON, but not a list of rows.",
        reason_code="exact.answer.not_odata",
        way_out="Check the base URL: it must be a site of Exact Online such as https://start.exactonline.nl.",
    )


def row_version(row: Row) -> int:
    """Return ``Timestamp`` as an integer: it arrives as a string, and "999" > "1000" as text.

    :param row: of a sync endpoint.
    :raises ProtocolError: if the row has none.
    """
    value = row.get("Timestamp")
    try:
        return int(str(value))
    except ValueError:
        raise ProtocolError(
            "A row of the sync feed has no readable Timestamp.",
            reason_code="exact.Timestamp.malformed",
            way_out="Nothing was advanced; run again, and report it if it stays.",
        ) from None


def query(options: Mapping[str, str | int | None]) -> str:
    """Build a query string with literal ``$`` signs, as Exact writes its own links.

    :param options: None and empty values are left out: an empty ``$filter=`` is refused.
    """
    return "&".join(
        f"{name}={quote(str(value), safe=chr(39) + '(),:*/')}"
        for name, value in options.items()
        if value not in (None, "")
    )


def select_list(columns: Iterable[str], *always: str) -> str:
    """Join the columns of a ``$select``, each once, with those that are always needed.

    :param columns: Exact's names.
    :param always: added in front if missing.
    :raises ConfigurationError: on ``*``, which sync endpoints refuse.
    """
    names = list(dict.fromkeys([*always, *columns]))
    if "*" in names:
        raise ConfigurationError(
            "`$select=*` is refused by Exact's sync endpoints.",
            reason_code="exact.select.star",
            way_out="Name the columns.",
        )
    return ",".join(names)


def asked_top(link: str, top: int | None) -> int | None:
    """Return how many rows are left to read from a link on: Exact lowers ``$top`` in it by what it has sent.

    :param link: as :meth:`LinkGuard.follow` returned it.
    :param top: what was asked for in the beginning.
    """
    match = _TOP.search(link)
    return min(top, int(match[1])) if top is not None and match else top


class LinkGuard:
    """Lets a ``__next`` through only if it leads on, within the same site and division.

    :param origin: scheme and host that the client is set to.
    :param prefix: path that every link must stay under, for example ``/api/v1/124132/``.
    :param endpoint: for error texts.
    """

    def __init__(self, origin: str, prefix: str, endpoint: str) -> None:
        self._origin = _origin(origin)
        self._prefix = prefix.lower()
        self._endpoint = endpoint
        self._seen: set[str] = set()

    def follow(self, link: str) -> str:
        """Return path and query of the link, for storing and for the next request.

        :param link: absolute, or a path as :meth:`follow` returned it.
        :raises ProtocolError: on a foreign host, another division, or a link seen before.
        """
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            self._check_origin(link)
        path = parts.path
        if not path.lower().startswith(self._prefix) or _climbs(path):
            raise self._error("leads out of the division", "exact.next.foreign_path")
        token = _SKIPTOKEN.search(parts.query)
        mark = token[1] if token else f"{path}?{parts.query}"
        if mark in self._seen:
            raise self._error("was already followed: the pages go in a circle", "exact.next.repeated")
        self._seen.add(mark)
        return f"{path}?{parts.query}" if parts.query else path

    def _check_origin(self, link: str) -> None:
        try:
            same = _origin(link) == self._origin
        except ValueError:
            same = False
        if not same:
            # The bearer token travels with the request; it must not reach another host.
            raise self._error("leads to another host", "exact.next.foreign_host")

    def _error(self, what: str, code: str) -> ProtocolError:
        return ProtocolError(
            f"{self._endpoint}: the link to the next page {what}.",
            reason_code=code,
            way_out="Nothing was lost: pages read so far are kept. Check the connection's host, then run again.",
        )


def _climbs(path: str) -> bool:
    """Say whether a part of the path means the one above it, however it is written."""
    return not {".", ".."}.isdisjoint(re.split(r"[/\\]", unquote(path)))


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port
