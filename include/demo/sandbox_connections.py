"""The two connections to a sandbox, and the login there that needs no person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from include.login import App, log_in

if TYPE_CHECKING:
    import httpx

DIVISION = 124132
EXACT = "exact_online_default"


def sandbox_connections(url: str, redirect_uri: str, limit_seconds: float) -> dict[str, dict[str, Any]]:
    """Return both connections in the form that ``airflow connections import`` reads.

    :param url: address of the sandbox, as the workers reach it.
    :param redirect_uri: address at which Airflow's own page receives a login.
    :param limit_seconds: how long a "minute" of the sandbox's limits lasts.
    """
    return {
        EXACT: {
            "conn_type": "exact_online",
            # Airflow's Test button refuses stored connections without one; the host above holds its own.
            "port": 443,
            "host": url,
            "login": "{00000000-0000-4000-8000-000000000001}",
            "password": "sandbox-exact-secret",
            "extra": json.dumps(
                {"divisions": str(DIVISION), "redirect_uri": redirect_uri, "minute_seconds": limit_seconds}
            ),
        },
        "personio_default": {
            "conn_type": "personio",
            "port": 443,
            "host": url,
            "login": "sandbox-papi-client",
            "password": "sandbox-papi-secret",
            "extra": json.dumps(
                {
                    "company_id": 4242,
                    "recruiting_access_token": "sandbox-recruiting-token",
                    "job_position_id": 1001,
                    "recruiting_window_seconds": limit_seconds,
                }
            ),
        },
    }


def log_in_at_sandbox(
    connections: dict[str, dict[str, Any]], sandbox: httpx.Client, *, ledger_url: str | None = None
) -> None:
    """Log in at Exact as ``exact-personio login`` does; the sandbox consents at once.

    :param connections: of :func:`sandbox_connections`.
    :param sandbox: client whose base URL is the sandbox.
    :param ledger_url: where the tokens are kept; None: the ledger of the settings.
    :raises CredentialsError: the sandbox was told not to consent.
    """
    exact = connections[EXACT]
    app = App(exact["host"], exact["login"], exact["password"], json.loads(exact["extra"])["redirect_uri"])

    def consent(address: str) -> str:
        return str(sandbox.get(address).headers["location"])

    log_in(EXACT, app, ask=consent, ledger_url=ledger_url)
