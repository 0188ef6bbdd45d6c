"""The Airflow connection of Personio, as a client."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.sdk import BaseHook

from personio import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.ledger.pacing import Lane

EmployeesApi = Literal["auto", "v1", "v2"]

TIMEOUT = 30.0
"""Seconds for an answer; shorter than a delivery's lease, so that a slow answer is not taken for a crash."""


class PersonioHook(BaseHook):
    """Turn a ``personio`` connection into a client whose pace is shared by all workers.

    .. seealso:: https://developer.personio.de/reference/introduction-1

    :param personio_conn_id: id of the Airflow connection.
    :param connection: the connection itself, where it was fetched already; a trigger must not wait for it.
    """

    conn_name_attr = "personio_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "personio"
    hook_name = "Personio"

    def __init__(self, personio_conn_id: str = default_conn_name, *, connection: Any = None) -> None:
        super().__init__()
        self.personio_conn_id = personio_conn_id
        self._given = connection

    @cached_property
    def _connection(self) -> Any:
        return self._given or self.get_connection(self.personio_conn_id)

    @cached_property
    def _extra(self) -> dict[str, Any]:
        from include.connection_fields import filled  # noqa: PLC0415 - keeps the Dag parse free of it

        return filled(self._connection.extra_dejson)

    @property
    def company_id(self) -> int | None:
        """Personio's number of the company, or None where only employees are used.

        :raises ConfigurationError: it is no number.
        """
        from include.connection_fields import whole_number  # noqa: PLC0415

        return whole_number(self._extra, "company_id", service="personio")

    @property
    def job_position_id(self) -> int | None:
        """The position that new applicants apply for unless a run or the mapping says otherwise.

        :raises ConfigurationError: it is no number.
        """
        from include.connection_fields import whole_number  # noqa: PLC0415

        return whole_number(self._extra, "job_position_id", service="personio")

    @property
    def employees_api(self) -> EmployeesApi:
        """Which of Personio's two APIs lists employees; ``auto`` leaves it to what the credential may use.

        :raises ConfigurationError: it is something else.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415

        chosen = str(self._extra.get("employees_api", "auto"))
        if chosen not in {"auto", "v1", "v2"}:
            raise ConfigurationError(
                f"Connection {self.personio_conn_id} names an employees API that does not exist.",
                reason_code="personio.employees_api.unknown",
                way_out="Choose auto, v1 or v2.",
            )
        return cast("EmployeesApi", chosen)

    @property
    def company_url(self) -> str | None:
        """The address at which the company has Personio; None if the connection does not say."""
        value = str(self._extra.get("company_url", "")).strip().rstrip("/")
        if not value:
            return None
        return value if "://" in value else f"https://{value}"

    def job_url(self, job_position_id: int) -> str | None:
        """Return the address at which a person sees a position at Personio.

        :param job_position_id: of the position.
        :returns: None if the connection does not say where the company logs in.
        """
        company = self.company_url
        return f"{company}/recruiting/positions/{job_position_id}" if company else None

    def employee_url(self, employee_id: str) -> str | None:
        """Return the address at which a person sees an employee at Personio.

        :param employee_id: of the employee.
        :returns: None if the connection does not say where the company logs in.
        """
        company = self.company_url
        return f"{company}/staff/details/{employee_id}" if company else None

    @contextmanager
    def client(self, ledger: Ledger, run_key: str, *, lane: Lane = "live") -> Iterator[PersonioClient]:
        """Yield a client whose pacing lives in the ledger.

        :param ledger: the open ledger.
        :param run_key: name under which the calls are counted.
        :param lane: ``history`` for what shall keep to its share (``EXACT_PERSONIO_BACKFILL_SHARE``) of the limits
            while live runs want some.
        """
        from airflow.sdk.log import mask_secret  # noqa: PLC0415

        from include.clients.personio import PersonioClient  # noqa: PLC0415
        from include.connection_fields import personio_config  # noqa: PLC0415
        from include.settings import load_settings  # noqa: PLC0415
        from include.transport import build_http  # noqa: PLC0415

        held = self._connection
        config = personio_config(
            {"host": held.host, "login": held.login, "password": held.password, "extra": self._extra}
        )
        if config.recruiting_token:
            mask_secret(config.recruiting_token)
        pacer = ledger.pacer.lane(lane, load_settings().backfill_share)
        with build_http(base_url=config.base_url, timeout=TIMEOUT) as http:
            yield PersonioClient(config, http, pacer=pacer, meter=ledger.meter(run_key))

    @contextmanager
    def session(self, run_key: str = "hook") -> Iterator[PersonioClient]:
        """Yield a client with a ledger of its own, for code outside of this project's operators.

        :param run_key: name under which the calls are counted.
        """
        from include.ledger import open_ledger  # noqa: PLC0415

        with open_ledger() as ledger, self.client(ledger, run_key) as client:
            yield client

    def test_connection(self) -> tuple[bool, str]:
        """Say of each credential whether it works; nothing is written."""
        from personio.connection_test import try_personio  # noqa: PLC0415

        return try_personio(self)
