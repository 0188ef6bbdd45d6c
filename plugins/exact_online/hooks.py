"""The Airflow connection of Exact Online, as a client."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger


class ExactOnlineHook(BaseHook):
    """Turn an ``exact_online`` connection into a client that shares tokens and limits with all workers.

    .. seealso:: https://support.exactonline.com/community/s/knowledge-base#All-All-DNO-Content-restapi

    :param exact_conn_id: id of the Airflow connection; also names the token chain in the ledger.
    :param division: company to work in; None: the connection's.
    """

    conn_name_attr = "exact_conn_id"
    default_conn_name = "exact_online_default"
    conn_type = "exact_online"
    hook_name = "Exact Online"

    def __init__(self, exact_conn_id: str = default_conn_name, division: int | None = None) -> None:
        super().__init__()
        self.exact_conn_id = exact_conn_id
        self._division = division

    @cached_property
    def _connection(self) -> Any:
        return self.get_connection(self.exact_conn_id)

    @cached_property
    def _extra(self) -> dict[str, Any]:
        return {k: v for k, v in self._connection.extra_dejson.items() if v is not None and v != ""}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone: every date of Exact is its local wall clock."""
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - keeps the Dag parse free of it

        return ZoneInfo(str(self._extra.get("time_zone", "Europe/Amsterdam")))

    @cached_property
    def division(self) -> int:
        """The company to work in.

        :raises ConfigurationError: neither the run nor the connection names one.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415

        chosen = self._division or self._extra.get("division")
        if not chosen:
            raise ConfigurationError(
                f"Connection {self.exact_conn_id} names no division.",
                reason_code="exact.division.missing",
                way_out="Enter it in the connection; Exact would else use whatever company the user looked at last.",
            )
        return int(chosen)

    @contextmanager
    def client(self, ledger: Ledger, run_key: str) -> Iterator[ExactClient]:
        """Yield a client whose tokens, pacing and error budget live in the ledger.

        :param ledger: the open ledger.
        :param run_key: name under which the calls are counted.
        :raises ConfigurationError: the connection lacks host or division.
        """
        from include.clients.exact import ExactClient, ExactConfig  # noqa: PLC0415
        from include.clients.tokens import ExactTokens  # noqa: PLC0415
        from include.transport import build_http  # noqa: PLC0415

        names = ("calls_per_minute", "minute_seconds", "max_wait_seconds")
        base_url = self._connection.host or "https://start.exactonline.nl"
        config = ExactConfig(
            base_url=base_url,
            division=self.division,
            zone=self.zone,
            **{name: self._extra[name] for name in names if name in self._extra},
        )
        login, meter = self._connection.login or "", ledger.meter(run_key)
        with build_http(base_url=base_url) as http:
            tokens = ExactTokens(
                http=http,
                client_id=login,
                client_secret=self._connection.password or "",
                vault=ledger.vault(self.exact_conn_id),
                bootstrap_refresh_token=self._extra.get("refresh_token"),
                meter=meter,
            )
            budget = ledger.error_budget(f"{login}:{self.division}")
            yield ExactClient(config, http, tokens, pacer=ledger.pacer, budget=budget, meter=meter)

    def test_connection(self) -> tuple[bool, str]:
        """Ask Exact who we are, with the shared token: the refresh token is not spent on a test."""
        from include.errors import ExactPersonioError  # noqa: PLC0415
        from include.ledger import open_ledger  # noqa: PLC0415

        try:
            with open_ledger() as ledger, self.client(ledger, "test_connection") as client:
                me = client.me()
        except ExactPersonioError as error:
            return False, str(error)
        return (
            True,
            f"Logged in at Exact Online; division {self.division}, the user's own {me.get('CurrentDivision')}.",
        )
