"""What a login works with: the ledger's vault, the site, and clients that are logged in by it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.clients.exact import ExactClient, ExactConfig
from include.clients.tokens import ExactTokens
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from include.clients.ports import StoredToken, TokenVault
    from include.ledger import Ledger
    from include.login.connection import App

RUN_KEY = "login"
_REFUSED = frozenset({400, 401, 403})


class AppSession:
    """One app at Exact with the chain of one connection.

    :param conn_id: the Airflow connection, which also names the chain of tokens.
    :param mask: told every token, so that logs can hide it.
    """

    def __init__(
        self, conn_id: str, app: App, ledger: Ledger, http: httpx.Client, *, mask: Callable[[str], None]
    ) -> None:
        self.conn_id = conn_id
        self.app = app
        self.vault: TokenVault = ledger.vault(conn_id, app.key)
        self._ledger = ledger
        self._http = http
        self._meter = ledger.meter(RUN_KEY)
        self.tokens = ExactTokens(
            http=http,
            client_id=app.client_id,
            client_secret=app.client_secret,
            vault=self.vault,
            conn_id=conn_id,
            meter=self._meter,
            budget=ledger.error_budget(app.key),
            mask=mask,
        )

    def authorize_url(self, state: str) -> str:
        """Return the consent page for this login.

        :param state: as it is to come back.
        """
        return self.tokens.authorize_url(self.app.redirect_uri, state)

    def check_consent_page(self, url: str) -> None:
        """Ask for the consent page as a browser would, to say before it opens that Exact refuses the app.

        :raises ConfigurationError: Exact does not know client id or redirect URI.
        """
        try:
            status = self._http.get(url, headers={"Accept": "text/html"}).status_code
        except Exception:  # noqa: BLE001 - whatever the network's trouble, the browser may have a way where we have none
            return
        if status in _REFUSED:
            raise ConfigurationError(
                f"Exact refuses the login page ({status}): it does not know this client ID or this redirect URI.",
                reason_code="exact.redirect_uri.refused",
                way_out="Enter in the connection exactly what is registered for the app in Exact's App Center; "
                "the region must be the one where the app is registered.",
                status=status,
            )

    def client(self, division: int) -> ExactClient:
        """Return a client that uses this login.

        :param division: company to work in; 0 for questions about the login itself.
        """
        config = ExactConfig(base_url=self.app.host, division=division, zone=ZoneInfo(self.app.time_zone))
        budget = self._ledger.error_budget(f"{self.app.client_id}:{division}")
        return ExactClient(
            config, self._http, self.tokens, pacer=self._ledger.pacer, budget=budget, meter=self._meter
        )

    def stored(self) -> StoredToken | None:
        """Return the chain's last link."""
        return self.vault.read()


@contextmanager
def app_session(
    conn_id: str, app: App, *, ledger_url: str | None = None, mask: Callable[[str], None] = lambda _secret: None
) -> Iterator[AppSession]:
    """Open the ledger and the site for a login.

    :param ledger_url: where the tokens are kept; None: the ledger of the settings.
    :raises ConfigurationError: the ledger cannot be opened.
    """
    with open_ledger(ledger_url) as ledger, build_http(base_url=app.host) as http:
        yield AppSession(conn_id, app, ledger, http, mask=mask)
