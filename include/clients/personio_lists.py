"""Reading Personio's v2 lists to their end, which comes in three ways: no link, an empty page, a known cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from include.clients.personio_answers import id_of, listed, refused_read
from include.clients.personio_errors import login_refusal
from include.errors import PermissionDeniedError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from include.clients.personio_calls import PersonioCalls
    from include.records import Row
    from include.transport import Reply

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class V2List:
    """One list of v2, read page by page.

    :param calls: how to call.
    :param base_url: of Personio; links elsewhere are not followed.
    :param path: such as ``/v2/persons``.
    :param scope: that reading it needs, for the text of a refusal.
    :param repeat_query: whether the filters go with the cursor again; else the cursor alone, which holds them.
    """

    def __init__(
        self, calls: PersonioCalls, base_url: str, path: str, *, scope: str, repeat_query: bool = False
    ) -> None:
        self._calls = calls
        self._base_url = base_url
        self._path = path
        self._name = path.strip("/")
        self._scope = scope
        self._repeat = repeat_query

    def rows(self, query: Mapping[str, str | int], *, most_pages: int | None = None) -> Iterator[Row]:
        """Yield the rows, each id once.

        :param query: of the first page.
        :param most_pages: more than these mean that a filter is ignored.
        :raises ProtocolError: on a link to another host, and on too many pages.
        """
        cursors, seen, asked, page = set[str](), set[str](), dict(query), 0
        while True:
            page += 1
            if most_pages is not None and page > most_pages:
                raise ProtocolError(
                    f"{self._name}: more than {most_pages} pages came for one address.",
                    reason_code="personio.filter.ignored",
                    way_out="Personio seems to ignore the filter; look the person up by hand.",
                )
            reply = self._calls.with_token("v2", "v2", "GET", f"{self._path}?{urlencode(asked)}")
            rows, link = self._page(reply)
            for row in rows:
                number = id_of(row.get("id"))
                if not number:
                    raise ProtocolError(
                        f"{self._name}: a row has no id.",
                        reason_code="personio.id.missing",
                        way_out="Check the base URL of the connection.",
                    )
                if number not in seen:
                    seen.add(number)
                    yield {**row, "id": number}
            cursor = self._cursor(link)
            # Some lists link on from the last page; an empty page and a known cursor end them too.
            if not rows or not cursor or cursor in cursors:
                return
            cursors.add(cursor)
            asked = {**(query if self._repeat else {}), "cursor": cursor}

    def _page(self, reply: Reply) -> tuple[list[Row], str | None]:
        if reply.action != "done":
            raise self._refusal(reply)
        rows = listed(reply.json, "_data", self._name, reply.status)
        try:
            link = reply.json["_meta"]["links"]["next"]["href"]
        except (KeyError, TypeError):
            link = None
        return rows, link if isinstance(link, str) else None

    def _refusal(self, reply: Reply) -> Exception:
        if reply.status not in {401, 403}:
            return refused_read(self._name, reply.status)
        # A missing right is a 401 on some lists, also with a fresh token; the token says what it may do.
        scopes = self._calls.scopes("v2")
        if scopes and self._scope not in scopes:
            return PermissionDeniedError(
                f"{self._name}: the API credential lacks the scope {self._scope}.",
                reason_code="personio.scope.missing",
                way_out="Grant it under Settings > Integrations > API credentials in Personio.",
                status=reply.status,
            )
        return login_refusal(reply.status, self._name)

    def _cursor(self, link: str | None) -> str | None:
        """Take only the cursor out of a link, so that no request follows it to another host."""
        if not link:
            return None
        parts = urlsplit(link)
        if (parts.scheme or parts.netloc) and _origin(link) != _origin(self._base_url):
            raise ProtocolError(
                f"{self._name}: the link to the next page leads to another host.",
                reason_code="personio.next.foreign_host",
                way_out="Check the base URL of the connection.",
            )
        return next(iter(parse_qs(parts.query).get("cursor", [])), None)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        port = -1  # no port at all: the same as nothing
    return parts.scheme, (parts.hostname or "").lower(), port
