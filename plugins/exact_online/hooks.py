"""The Airflow connection of Exact Online, as a client."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from exact_online import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.clients.tokens import ExactTokens
    from include.ledger import Ledger
    from include.ledger.pacing import Lane

ACCOUNTS = frozenset({"crm/accounts", "sync/crm/accounts", "bulk/crm/accounts"})


class ExactOnlineHook(BaseHook):
    """Turn an ``exact_online`` connection into a client that shares tokens and limits with all workers.

    .. seealso:: https://support.exactonline.com/community/s/knowledge-base#All-All-DNO-Content-restapi

    :param exact_conn_id: id of the Airflow connection; also names the token chain in the ledger.
    :param division: company to work in; None: the first one of the connection.
    :param connection: the connection itself, where it was fetched already; a trigger must not wait for it.
    """

    conn_name_attr = "exact_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "exact_online"
    hook_name = "Exact Online"

    def __init__(
        self,
        exact_conn_id: str = default_conn_name,
        division: int | None = None,
        *,
        connection: Any = None,
    ) -> None:
        super().__init__()
        self.exact_conn_id = exact_conn_id
        self._division = division
        self._given = connection

    @cached_property
    def _connection(self) -> Any:
        return self._given or self.get_connection(self.exact_conn_id)

    @cached_property
    def _extra(self) -> dict[str, Any]:
        from include.connection_fields import filled  # noqa: PLC0415 - keeps the Dag parse free of it

        return filled(self._connection.extra_dejson)

    @cached_property
    def base_url(self) -> str:
        """The site's address: the connection's host, else that of its region.

        :raises ConfigurationError: there is no such region.
        """
        from include.connection_fields import exact_site  # noqa: PLC0415

        return exact_site(self._connection.host, self._extra)

    @property
    def app(self) -> str:
        """The app registered at Exact and its site; the ledger knows token chains by it."""
        from include.connection_fields import exact_app  # noqa: PLC0415

        return exact_app(self.base_url, self.client_id)

    @property
    def client_id(self) -> str:
        """The app's client id."""
        return str(self._connection.login or "")

    @property
    def has_secret(self) -> bool:
        """Whether the connection holds the app's secret."""
        return bool(self._connection.password)

    @property
    def has_bootstrap(self) -> bool:
        """Whether the connection holds a refresh token to begin with."""
        return bool(self._extra.get("refresh_token"))

    @property
    def redirect_uri(self) -> str:
        """Where Exact sends the browser after the consent, as registered for the app."""
        return str(self._extra.get("redirect_uri", "")).strip()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone: every date of Exact is its local wall clock.

        :raises ConfigurationError: there is no such zone.
        """
        from zoneinfo import ZoneInfo  # noqa: PLC0415

        from include.connection_fields import exact_time_zone  # noqa: PLC0415
        from include.errors import ConfigurationError  # noqa: PLC0415

        try:
            return ZoneInfo(exact_time_zone(self._extra))
        except (KeyError, ValueError, OSError):
            raise ConfigurationError(
                f"Connection {self.exact_conn_id} names a time zone that does not exist.",
                reason_code="exact.time_zone.unknown",
                way_out="Write it like Europe/Amsterdam, or leave it empty.",
            ) from None

    @cached_property
    def divisions(self) -> tuple[int, ...]:
        """The companies that the connection names, the default first."""
        from include.connection_fields import exact_divisions  # noqa: PLC0415

        return exact_divisions(self._extra)

    @cached_property
    def division(self) -> int:
        """The company to work in.

        :raises ConfigurationError: neither the run nor the connection names one.
        """
        from include.errors import ConfigurationError  # noqa: PLC0415

        chosen = self._division or next(iter(self.divisions), None)
        if not chosen:
            raise ConfigurationError(
                f"Connection {self.exact_conn_id} names no division.",
                reason_code="exact.division.missing",
                way_out="Enter it in the connection; Exact would else use whatever company the user looked at last.",
            )
        return int(chosen)

    @contextmanager
    def client(self, ledger: Ledger, run_key: str, *, lane: Lane = "live") -> Iterator[ExactClient]:
        """Yield a client whose tokens, pacing and error budget live in the ledger.

        :param ledger: the open ledger.
        :param run_key: name under which the calls are counted.
        :param lane: ``history`` for what shall keep to its share (``EXACT_PERSONIO_BACKFILL_SHARE``) of the limits
            while live runs want some.
        :raises ConfigurationError: a field of the connection is missing or malformed.
        """
        from include.clients.exact import ExactClient, ExactConfig  # noqa: PLC0415
        from include.settings import load_settings  # noqa: PLC0415
        from include.transport import build_http  # noqa: PLC0415

        names = ("calls_per_minute", "calls_per_day", "minute_seconds", "max_wait_seconds")
        config = ExactConfig(
            base_url=self.base_url,
            division=self.division,
            zone=self.zone,
            **{name: self._extra[name] for name in names if name in self._extra},
        )
        meter = ledger.meter(run_key)
        budget = ledger.error_budget(f"{self.client_id}:{self.division}")
        with build_http(base_url=self.base_url) as http:
            tokens = self._tokens(ledger, http, run_key)
            pacer = ledger.pacer.lane(lane, load_settings().backfill_share)
            yield ExactClient(config, http, tokens, pacer=pacer, budget=budget, meter=meter)

    @contextmanager
    def tokens(self, ledger: Ledger, run_key: str) -> Iterator[ExactTokens]:
        """Yield the connection's chain of tokens, for keeping it alive.

        :param ledger: the open ledger.
        :param run_key: name under which the calls are counted.
        """
        from include.transport import build_http  # noqa: PLC0415

        with build_http(base_url=self.base_url) as http:
            yield self._tokens(ledger, http, run_key)

    @contextmanager
    def session(self, run_key: str = "hook") -> Iterator[ExactClient]:
        """Yield a client with a ledger of its own, for code outside of this project's operators.

        :param run_key: name under which the calls are counted.
        """
        from include.ledger import open_ledger  # noqa: PLC0415

        with open_ledger() as ledger, self.client(ledger, run_key) as client:
            yield client

    def request(
        self,
        method: str,
        endpoint: str,
        *,
        key: str | int | None = None,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        unlisted: bool = False,
        run_key: str = "hook",
    ) -> Any:
        """Make any call below the division, with tokens, limits and error budget shared with all workers.

        .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

        A POST in a retried task is not protected against doubling: use ``ExactOnlineCreateOperator`` for it.

        :param method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        :param endpoint: service and name, such as ``salesinvoice/SalesInvoices``.
        :param key: of one row; needed for PUT and DELETE.
        :param params: options of the URL for GET: OData's ``$select``, ``$filter`` and so on.
        :param json: the properties to write, for POST and PUT.
        :param unlisted: also take a path that the catalogue of endpoints lacks: a function, a new endpoint.
        :param run_key: name under which the call is counted.
        :returns: rows of one page or one row of a GET, the created row of a POST, else None.
        :raises ConfigurationError: an argument cannot be right, known before the call; or the hours are final.
        :raises RecordRejectedError: Exact refuses it.
        :raises OutcomeUnknownError: a write was sent and no clear answer came.
        :raises RetryLaterError: a limit or an outage; nothing was changed.
        :raises AbortError: a person has to act, such as logging in again.
        """
        from include.sync.exact_request import called  # noqa: PLC0415 - keeps the Dag parse free of it

        text = None if key is None else str(key)
        with self.session(run_key) as client:
            return called(client, method, endpoint, key=text, params=params, json=json, unlisted=unlisted)

    def record_url(self, endpoint: str, key: str) -> str:
        """Return the address at which a person sees the record at Exact.

        Only the card of an account has a known address; others lead to the start page of the division.

        :param endpoint: such as ``crm/Accounts``.
        :param key: the record's ID.
        """
        if endpoint.lower() in ACCOUNTS:
            return f"{self.base_url}/docs/CRMAccountCard.aspx?_Division_={self.division}&AccountID=%7b{key}%7d"
        return f"{self.base_url}/docs/MenuPortal.aspx?_Division_={self.division}"

    def test_connection(self) -> tuple[bool, str]:
        """Say what works, field by field; nothing is written and no token is renewed for it.

        Airflow runs this under a passing connection id, so the login is found by the app and its site.
        """
        from exact_online.connection_test import try_exact  # noqa: PLC0415

        return try_exact(self)

    def _tokens(self, ledger: Ledger, http: Any, run_key: str) -> ExactTokens:
        from airflow.sdk.log import mask_secret  # noqa: PLC0415

        from include.clients.tokens import ExactTokens  # noqa: PLC0415

        return ExactTokens(
            http=http,
            client_id=self.client_id,
            client_secret=self._connection.password or "",
            vault=ledger.vault(self.exact_conn_id, self.app),
            bootstrap_refresh_token=self._extra.get("refresh_token"),
            conn_id=self.exact_conn_id,
            meter=ledger.meter(run_key),
            budget=ledger.error_budget(self.app),
            mask=mask_secret,
        )
