"""Serves the gauges to Prometheus: each scrape asks the ledger anew."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from include.errors import ExactPersonioError
from include.ledger import open_ledger
from include.metrics.exposition import CONTENT_TYPE, exposition
from include.metrics.gauges import DAYS, down, gauges

if TYPE_CHECKING:
    from starlette.requests import Request

    from include.ledger import Ledger
    from include.metrics.samples import Gauge

log = logging.getLogger(__name__)


class Scraped:
    """What each scrape is answered with.

    The ledger is opened by the first one that can: a database that starts later, or restarts, stops nothing here.

    :param days: how far back the rejected share looks.
    """

    def __init__(self, days: int = DAYS) -> None:
        self._days = days
        self._ledger: Ledger | None = None
        self._turn = threading.Lock()

    def gauges(self) -> list[Gauge]:
        """Return the gauges of now; only ``ledger_up`` 0 if the ledger does not answer."""
        with self._turn:
            try:
                if self._ledger is None:
                    self._ledger = open_ledger()
                return gauges(self._ledger, days=self._days)
            except ExactPersonioError as error:
                log.warning("%s", error)
            except SQLAlchemyError as error:
                # Its text may quote a URL or a row.
                log.warning("The ledger does not answer (%s).", type(error).__name__)
            return down()

    def close(self) -> None:
        """Give back the ledger."""
        if self._ledger is not None:
            self._ledger.close()


def build_app(scraped: Scraped) -> Starlette:
    """Return the server: ``/metrics``, and ``/health``, which says that it runs.

    :param scraped: what is served.
    """

    async def metrics(_request: Request) -> PlainTextResponse:
        found = await run_in_threadpool(scraped.gauges)
        return PlainTextResponse(exposition(found), media_type=CONTENT_TYPE)

    async def health(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/metrics", metrics), Route("/health", health)])


def serve(host: str, port: int, days: int = DAYS) -> None:
    """Serve until a signal comes.

    :param host: address to listen on.
    :param port: port to listen on.
    :param days: how far back the rejected share looks.
    """
    scraped = Scraped(days)
    try:
        uvicorn.run(build_app(scraped), host=host, port=port, log_level="warning", access_log=False)
    finally:
        scraped.close()
