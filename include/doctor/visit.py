"""What the checks share: the open ledger, both clients, and answers that more than one check reads."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.tokens import ExactTokens
from include.connection_fields import (
    PERSONIO,
    exact_app,
    exact_divisions,
    exact_site,
    exact_time_zone,
    personio_config,
    seconds,
    whole_number,
)
from include.doctor.witness import Witness
from include.errors import ConfigurationError, ExactPersonioError
from include.ledger import open_ledger
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import httpx

    from include.clients.ports import StoredToken
    from include.doctor.installation import Fields, Installation
    from include.ledger import Ledger
    from include.records import Row

T = TypeVar("T")

RUN_KEY: Final = "doctor"
"""Under which the ledger counts the doctor's calls."""
_MINUTE: Final = 60.0
_PATIENCE: Final = 15.0
"""Who asks for a diagnosis is waiting for it."""


class Visit:
    """One examination of an installation; whatever is opened is closed at the end of the block.

    What is asked once is kept, errors included: a service is not asked twice by two checks.

    ``login_refused`` is set by whoever gets a 401 of Exact with a token: asking on would spend its error budget.

    :param installation: its connections.
    :param patience: seconds for an answer, and the longest wait for a slot.
    """

    def __init__(self, installation: Installation, *, patience: float = _PATIENCE) -> None:
        self.installation = installation
        self._patience = patience
        self.exact_witness = Witness()
        self.personio_witness = Witness()
        self.login_refused = False
        self._stack = ExitStack()
        self._kept: dict[str, tuple[Any, Exception | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what was made under this name, made now if it was not; an error is raised every time.

        :param name: of the thing.
        :param make: makes it.
        """
        if name not in self._kept:
            try:
                self._kept[name] = make(), None
            except Exception as error:  # noqa: BLE001 - kept, and raised below
                self._kept[name] = None, error
        made, trouble = self._kept[name]
        if trouble is not None:
            raise trouble
        return made  # type: ignore[no-any-return]

    @property
    def ledger(self) -> Ledger:
        """The ledger of the settings, opened and migrated."""
        return self.once("ledger", lambda: self._stack.enter_context(open_ledger()))

    # Exact Online

    @property
    def exact(self) -> Fields:
        """The fields of the connection to Exact.

        :raises ConfigurationError: it cannot be read.
        """
        return _read(self.installation.exact)

    @property
    def site(self) -> str:
        """The address of Exact's site."""
        return exact_site(self.exact["host"], self.exact["extra"])

    @property
    def app(self) -> str:
        """The name under which the ledger knows the app's tokens."""
        return exact_app(self.site, self.exact["login"])

    @property
    def divisions(self) -> tuple[int, ...]:
        """The divisions that the connection names."""
        return exact_divisions(self.exact["extra"])

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that the connection means.

        :raises ConfigurationError: there is none of that name.
        """
        name = exact_time_zone(self.exact["extra"])
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(
                "The connection's time zone is unknown.",
                reason_code="exact.time_zone.unknown",
                way_out="Write it like Europe/Amsterdam, or leave it empty.",
            ) from None

    @property
    def stored_token(self) -> StoredToken | None:
        """The chain's newest link as it was when the examination began; a check may have renewed it since."""
        return self.once("stored_token", self._vault_read)

    @property
    def exact_http(self) -> httpx.Client:
        """An HTTP client for Exact's site whose answers are witnessed."""
        return self.once("exact_http", lambda: self._http(self.site, self.exact_witness))

    def exact_config(self, division: int) -> ExactConfig:
        """Return what the connection says about one division.

        :param division: its number; 0 for calls that need none.
        :raises ConfigurationError: a field is malformed.
        """
        extra = self.exact["extra"]
        return ExactConfig(
            base_url=self.site,
            division=division,
            # No time of Exact is converted here; a wrong zone is a finding of its own.
            zone=ZoneInfo("UTC"),
            calls_per_minute=whole_number(extra, "calls_per_minute", service="exact") or 60,
            minute_seconds=seconds(extra, "minute_seconds", service="exact") or _MINUTE,
            max_wait_seconds=self._patience,
        )

    def exact_client(self, division: int) -> ExactClient:
        """Return a client for one division.

        :param division: its number; 0 for calls that need none.
        """
        return self.once(f"exact_client {division}", lambda: self._make_exact(division))

    def me(self) -> Row:
        """Return the signed-in user."""
        return self.once("me", lambda: self.exact_client(0).me())

    def accessible(self) -> frozenset[int]:
        """Return the divisions that the login may use."""
        return self.once("accessible", self._accessible)

    # Personio

    @property
    def personio(self) -> Fields:
        """The fields of the connection to Personio.

        :raises ConfigurationError: it cannot be read.
        """
        return _read(self.installation.personio)

    @property
    def sends_applications(self) -> bool:
        """Whether the connection holds a recruiting token; an installation without one only uses employees."""
        return bool(self.personio["extra"].get("recruiting_access_token"))

    @property
    def personio_host(self) -> str:
        """The address of Personio's API."""
        return str(self.personio["host"] or PERSONIO)

    @property
    def personio_config(self) -> PersonioConfig:
        """What the connection to Personio says.

        :raises ConfigurationError: a field is malformed.
        """
        return replace(personio_config(self.personio), max_wait_seconds=self._patience)

    @property
    def personio_http(self) -> httpx.Client:
        """An HTTP client for Personio whose answers are witnessed."""
        return self.once("personio_http", lambda: self._http(self.personio_host, self.personio_witness))

    @property
    def personio_client(self) -> PersonioClient:
        """A client with the connection's credentials."""
        return self.once("personio_client", self._make_personio)

    def scopes(self) -> frozenset[str] | None:
        """Return the scopes of the login at Personio's API v2, None if there is no such login."""
        return self.once("scopes", self.personio_client.scopes)

    def first_employee(self) -> Row | None:
        """Return the e-mail attribute of one employee; neither is shown."""
        client = self.personio_client
        # A generator: one page is asked for.
        return self.once("first_employee", lambda: next(iter(client.list_employees(attributes=("email",))), None))

    def _vault_read(self) -> StoredToken | None:
        return self.ledger.vault(self.installation.exact_conn_id, self.app).read()

    def _http(self, base_url: str, witness: Witness) -> httpx.Client:
        http = self._stack.enter_context(build_http(base_url=base_url, timeout=self._patience))
        witness.attach(http)
        return http

    def _make_exact(self, division: int) -> ExactClient:
        fields, ledger = self.exact, self.ledger
        extra, meter, conn_id = fields["extra"], ledger.meter(RUN_KEY), self.installation.exact_conn_id
        # Both scopes as in the hook: the errors of all processes are counted together.
        budget = ledger.error_budget(f"{fields['login']}:{division}")
        tokens = ExactTokens(
            http=self.exact_http,
            client_id=fields["login"],
            client_secret=fields["password"],
            vault=ledger.vault(conn_id, self.app),
            bootstrap_refresh_token=extra.get("refresh_token"),
            conn_id=conn_id,
            meter=meter,
            budget=ledger.error_budget(self.app),
        )
        return ExactClient(
            self.exact_config(division), self.exact_http, tokens, pacer=ledger.pacer, budget=budget, meter=meter
        )

    def _accessible(self) -> frozenset[int]:
        # Asked through the user's own division: a wrong one in the connection would make it an error that counts.
        own = self.exact_client(int(self.me()["CurrentDivision"]))
        return frozenset(int(row["Code"]) for row in own.divisions())

    def _make_personio(self) -> PersonioClient:
        meter = self.ledger.meter(RUN_KEY)
        return PersonioClient(self.personio_config, self.personio_http, pacer=self.ledger.pacer, meter=meter)


def _read(found: Fields | ExactPersonioError) -> Fields:
    if isinstance(found, ExactPersonioError):
        raise found
    return found
