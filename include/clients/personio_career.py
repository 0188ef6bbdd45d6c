"""The public feed of a company's career page: XML, without a login, and so trusted with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

import httpx

from include.errors import ConfigurationError, ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_BYTES: Final = 32 * 1024 * 1024
_MOST_REDIRECTS: Final = 3
_ID_PATH: Final = ("position", "id")


def position_ids(http: httpx.Client, url: str, *, on_status: Callable[[int], None]) -> frozenset[int]:
    """Return the ids of the published jobs.

    :param http: only carries the request; no header of the API goes with it.
    :param url: of the feed, or of the career page itself; a redirect is followed only on the same host.
    :param on_status: called with each status, 0 if no answer came.
    :raises ConfigurationError: if the URL is none, or leads elsewhere, or no feed is there.
    :raises ServiceUnavailableError: if no feed came.
    """
    _check_url(url)
    if urlsplit(url).path in {"", "/"}:
        url = urljoin(url, "/xml")
    for _ in range(_MOST_REDIRECTS):
        answer = _fetch(http, url, on_status)
        if not answer.is_redirect:
            return _ids(answer)
        target = urljoin(url, answer.headers.get("Location", ""))
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            break
        url = target
    raise _elsewhere()


def _fetch(http: httpx.Client, url: str, on_status: Callable[[int], None]) -> httpx.Response:
    try:
        answer = http.get(url, headers={"Accept": "application/xml, text/xml"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        on_status(0)
        raise _no_feed(type(error).__name__, None) from None
    on_status(answer.status_code)
    return answer


def _ids(answer: httpx.Response) -> frozenset[int]:
    if answer.status_code in {404, 410}:
        raise ConfigurationError(
            "The career page has no feed at this address.",
            reason_code="personio.career.unknown",
            way_out="It is like https://COMPANY.jobs.personio.de/xml?language=en; the feed must be switched on.",
            status=answer.status_code,
        )
    if not answer.is_success or not answer.content.strip():
        raise _no_feed(f"answer {answer.status_code}", answer.status_code)
    if len(answer.content) > _MOST_BYTES:
        raise _no_feed("an answer that is too long", answer.status_code)
    try:
        return _Feed().read(answer.content)
    except (expat.ExpatError, ValueError):
        raise _no_feed("no XML of a career page", answer.status_code) from None


class _Feed:
    """Collects ``position/id``; refuses document types, with which a few bytes can fill the memory."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._found: set[int] = set()

    def read(self, content: bytes) -> frozenset[int]:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(content, True)  # noqa: FBT003 - expat takes it by position only
        return frozenset(self._found)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        if not self._path and name.lower() == "html":
            raise ValueError("a web page")
        self._path.append(name)
        self._text.clear()

    def _end(self, _name: str) -> None:
        # Positions have departments and the like below them; only their own id counts.
        if tuple(self._path[1:]) == _ID_PATH:
            self._found.add(int("".join(self._text)))
        self._path.pop()
        self._text.clear()

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise ConfigurationError(
            "The address of the career page's feed is no web address.",
            reason_code="personio.career.malformed",
            way_out="Write it like https://COMPANY.jobs.personio.de/xml?language=en.",
        )


def _elsewhere() -> ConfigurationError:
    return ConfigurationError(
        "The career page's feed leads to another host, which is not followed.",
        reason_code="personio.career.elsewhere",
        way_out="Open the address in a browser and enter the one at which it ends.",
    )


def _no_feed(what: str, status: int | None) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"The career page sent no feed ({what}).",
        reason_code="personio.career.unavailable",
        way_out="Try again later, or open the address in a browser.",
        status=status,
    )
