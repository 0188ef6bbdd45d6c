"""The Airflow connection of Personio, as a client."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger

TIMEOUT = 30.0
"""Seconds for an answer; shorter than a delivery's lease, so that a slow answer is not taken for a crash."""


class PersonioHook(BaseHook):
    """Turn a ``personio`` connection into a client whose pace is shared by all workers.

    .. seealso:: https://developer.personio.de/reference/introduction-1

    :param personio_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "personio_conn_id"
    default_conn_name = "personio_default"
    conn_type = "personio"
    hook_name = "Personio"

    def __init__(self, personio_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.personio_conn_id = personio_conn_id

    @cached_property
    def _connection(self) -> Any:
        return self.get_connection(self.personio_conn_id)

    @cached_property
    def _extra(self) -> dict[str, Any]:
        return {k: v for k, v in self._connection.extra_dejson.items() if v is not None and v != ""}

    @property
    def company_id(self) -> int | None:
        """Personio's number of the company, or None where only employees are used."""
        value = self._extra.get("company_id")
        return int(value) if value else None

    @property
    def job_position_id(self) -> int | None:
        """The position that new applicants apply for unless a run or the mapping says otherwise."""
        value = self._extra.get("job_position_id")
        return int(value) if value else None

    @contextmanager
    def client(self, ledger: Ledger, run_key: str) -> Iterator[PersonioClient]:
        """Yield a client whose pacing lives in the ledger.

        :param ledger: the open ledger.
        :param run_key: name under which the calls are counted.
        """
        from include.clients.personio import PersonioClient, PersonioConfig  # noqa: PLC0415
        from include.transport import build_http  # noqa: PLC0415

        names = ("recruiting_limit", "recruiting_window_seconds", "partner_id", "app_id", "max_wait_seconds")
        config = PersonioConfig(
            base_url=self._connection.host or "https://api.personio.de",
            company_id=self.company_id,
            recruiting_token=self._extra.get("recruiting_access_token", ""),
            client_id=self._connection.login or "",
            client_secret=self._connection.password or "",
            **{name: self._extra[name] for name in names if name in self._extra},
        )
        with build_http(base_url=config.base_url, timeout=TIMEOUT) as http:
            yield PersonioClient(config, http, pacer=ledger.pacer, meter=ledger.meter(run_key))

    def test_connection(self) -> tuple[bool, str]:
        """Try each credential that the connection holds, without writing anything."""
        from include.errors import ExactPersonioError  # noqa: PLC0415
        from include.ledger import open_ledger  # noqa: PLC0415

        try:
            with open_ledger() as ledger, self.client(ledger, "test_connection") as client:
                return True, client.check()
        except ExactPersonioError as error:
            return False, str(error)
