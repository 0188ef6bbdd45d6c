"""One division of one Exact site: its addresses, and the call through which everything goes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from include.clients import clock
from include.clients.exact_calls import ExactCalls, ExactConfig
from include.clients.exact_paging import MAX_URL, query, rows_of
from include.errors import ConfigurationError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from include.clients.endpoints import EndpointInfo
    from include.clients.ports import CallMeter, ErrorBudget, Pacer
    from include.clients.tokens import ExactTokens
    from include.records import Row


class ExactSite:
    """What reading, feeding and writing have in common.

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
        return single(rows_of(reply.json, "current/Me")[0], "current/Me")

    def clock_skew(self) -> timedelta:
        """Return how much Exact's clock is ahead of ours, to a few seconds.

        Told by the last answer; only without any, one call is made, which does not count for the day. Where a
        proxy removes ``Date``, its ``ServerTime`` tells: the site's wall clock, to be read with its offset.

        :raises ProtocolError: if no answer tells the time.
        """
        row: Row = {}
        if self._calls.skew is None:
            row = self.me()
        if self._calls.skew is None:
            self._calls.skew = _skew_told_by(row)
        return self._calls.skew

    def _url(self, path: str, options: Mapping[str, str | int | None] | None = None) -> str:
        asked = query(options or {})
        return f"{self._origin}{self._root}{path}" + (f"?{asked}" if asked else "")

    def _checked_url(self, path: str, options: Mapping[str, str | int | None]) -> str:
        url = self._url(path, options)
        if len(url) > MAX_URL:
            raise ConfigurationError(
                f"{path.partition('(')[0]}: the query makes a URL of {len(url)} characters; Exact reads {MAX_URL}.",
                reason_code="exact.query.too_long",
                way_out="Name fewer columns in `select`, or split the filter into several calls.",
            )
        return url


def _skew_told_by(me: Row) -> timedelta:
    try:
        there = datetime.fromisoformat(str(me["ServerTime"])).replace(tzinfo=None)
        offset = timedelta(seconds=int(me["ServerUtcOffset"]))
    except (KeyError, TypeError, ValueError):
        raise clock.unknown_time("exact") from None
    return (there - offset).replace(tzinfo=UTC) - datetime.now(UTC)


def offered(info: EndpointInfo, method: str) -> None:
    """Let a call pass only if the endpoint has the verb.

    :param info: of the endpoint.
    :param method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
    :raises ConfigurationError: if it has not.
    """
    if method not in info.methods:
        has = ", ".join(verb for verb in ("GET", "POST", "PUT", "DELETE") if verb in info.methods)
        raise ConfigurationError(
            f"{info.path} does not offer {method}.",
            reason_code="exact.method.not_offered",
            way_out=f"It offers {has}.",
        )


def single(rows: list[Row], endpoint: str) -> Row:
    """Return the only row.

    :param rows: of an answer.
    :param endpoint: for the error text.
    :raises ProtocolError: if there is not exactly one.
    """
    if len(rows) == 1:
        return rows[0]
    raise ProtocolError(
        f"{endpoint}: one row was expected, {len(rows)} came.",
        reason_code="exact.answer.not_one_row",
        way_out="Check the base URL; it must be a site of Exact Online.",
    )
