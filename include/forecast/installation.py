"""The services of an installation for a forecast, from its connections, without importing Airflow."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient
from include.clients.tokens import ExactTokens
from include.connection_fields import (
    exact_app,
    exact_divisions,
    exact_site,
    exact_time_zone,
    personio_config,
    whole_number,
)
from include.doctor.installation import read_fields
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from include.doctor.installation import Fields
    from include.ledger import Ledger

_EXACT_NAMES: Final = ("calls_per_minute", "calls_per_day", "minute_seconds", "max_wait_seconds")
_DAY_LIMIT: Final = "X-RateLimit-Limit"


@dataclass
class DayLimit:
    """Listens to Exact's answers for its limit of calls per day."""

    told: int | None = None

    def attach(self, http: httpx.Client) -> None:
        """Listen to all answers of a client from now on."""
        http.event_hooks["response"].append(self._hear)

    def _hear(self, response: httpx.Response) -> None:
        text = response.headers.get(_DAY_LIMIT, "")
        self.told = int(text) if text.isdecimal() and int(text) else self.told


@dataclass(frozen=True)
class Installed:
    """What a forecast needs of an installation.

    :param company: Personio's number of the company; 0: the connection names none.
    :param position: the job position of the connection; None: it names none.
    """

    ledger: Ledger
    exact: ExactClient
    personio: PersonioClient
    zone: ZoneInfo
    division: int
    company: int
    position: int | None
    day_limit: DayLimit = field(default_factory=DayLimit)


@contextmanager
def installed(conn_id: str, personio_conn_id: str, division: int | None, run_key: str) -> Iterator[Installed]:
    """Open the ledger and both services for the length of a block.

    :param conn_id: connection of Exact Online.
    :param personio_conn_id: connection of Personio.
    :param division: company at Exact; None: the connection's first.
    :param run_key: under which the calls are counted.
    :raises ConfigurationError: a connection cannot be read, or lacks something.
    """
    fields, theirs = read_fields(conn_id), read_fields(personio_conn_id)
    site, zone = exact_site(fields["host"], fields["extra"]), _zone(conn_id, fields)
    chosen = division or next(iter(exact_divisions(fields["extra"])), None)
    if not chosen:
        raise ConfigurationError(
            f"Connection {conn_id} names no division.",
            reason_code="exact.division.missing",
            way_out="Enter it in the connection, or name it with --division.",
        )
    config = ExactConfig(base_url=site, division=chosen, zone=zone, **_given(fields["extra"], _EXACT_NAMES))
    to_personio = personio_config(theirs)
    day_limit = DayLimit()
    with (
        open_ledger() as ledger,
        build_http(base_url=site) as http,
        build_http(base_url=to_personio.base_url) as personio_http,
    ):
        day_limit.attach(http)
        meter = ledger.meter(run_key)
        yield Installed(
            ledger=ledger,
            exact=ExactClient(
                config,
                http,
                _tokens(ledger, http, conn_id, fields, run_key),
                pacer=ledger.pacer,
                budget=ledger.error_budget(f"{fields['login']}:{chosen}"),
                meter=meter,
            ),
            personio=PersonioClient(to_personio, personio_http, pacer=ledger.pacer, meter=meter),
            zone=zone,
            division=chosen,
            company=to_personio.company_id or 0,
            position=whole_number(theirs["extra"], "job_position_id", service="personio"),
            day_limit=day_limit,
        )


def _tokens(ledger: Ledger, http: httpx.Client, conn_id: str, fields: Fields, run_key: str) -> ExactTokens:
    app = exact_app(exact_site(fields["host"], fields["extra"]), fields["login"])
    return ExactTokens(
        http=http,
        client_id=fields["login"],
        client_secret=fields["password"],
        vault=ledger.vault(conn_id, app),
        bootstrap_refresh_token=fields["extra"].get("refresh_token"),
        conn_id=conn_id,
        meter=ledger.meter(run_key),
        budget=ledger.error_budget(app),
    )


def _given(extra: Fields, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: extra[name] for name in names if name in extra}


def _zone(conn_id: str, fields: Fields) -> ZoneInfo:
    try:
        return ZoneInfo(exact_time_zone(fields["extra"]))
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"Connection {conn_id} names a time zone that does not exist.",
            reason_code="exact.time_zone.unknown",
            way_out="Write it like Europe/Amsterdam, or leave it empty.",
        ) from None
