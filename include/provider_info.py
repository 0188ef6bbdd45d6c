"""What Airflow reads at start: the connection types and their forms, as data.

Only an installed distribution can register connection types; a hook in a plugins folder cannot.
"""

from __future__ import annotations

from typing import Any

from include import __version__
from include.connection_fields import DEFAULT_REGION, REGIONS


def text(label: str, description: str, *, secret: bool = False, **schema: Any) -> dict[str, Any]:
    """Return a form field that may stay empty."""
    if secret:
        schema["format"] = "password"
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def number(label: str, description: str, kind: str = "integer", **schema: Any) -> dict[str, Any]:
    """Return a form field for a number that may stay empty."""
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


LONGEST_WAIT = number(
    "Longest wait in seconds",
    "How long a task waits for a limit before it gives its slot back; 120 if empty.",
    "number",
    minimum=0,
)

EXACT_FIELDS = {
    "region": {
        "label": "Region",
        "description": "The ending of the address where you log in at Exact, such as nl in start.exactonline.nl.",
        "schema": {"type": "string", "enum": list(REGIONS), "default": DEFAULT_REGION},
    },
    "divisions": text(
        "Divisions",
        "Companies to read, such as 124132, 124133: the numbers after _Division_= in the address bar. "
        "The first one is the default.",
        pattern=r"^[0-9]+(\s*[,;]\s*[0-9]+)*$",
    ),
    "redirect_uri": text(
        "Redirect URI",
        "Exactly as registered for the app at Exact. For the login page in Airflow: this server's address "
        "followed by /exact-console/callback.",
    ),
    "time_zone": text("Time zone", "The clock of Exact's site; Europe/Amsterdam if empty, Europe/London for co.uk."),
    "refresh_token": text(
        "Bootstrap refresh token",
        "Only without a login: a refresh token from elsewhere, used once and then replaced in the ledger.",
        secret=True,
    ),
    "calls_per_minute": number("Calls per minute", "Exact's limit per division; 60 if empty.", minimum=1),
    "calls_per_day": number("Calls per day", "Exact's limit per division; if empty, as Exact says it.", minimum=1),
    "minute_seconds": number("Minute in seconds", "60; shorter only for a sandbox.", "number"),
    "max_wait_seconds": LONGEST_WAIT,
}

PERSONIO_FIELDS = {
    "company_id": number(
        "Company ID", "At Personio under Settings > Integrations > API credentials, Recruiting.", minimum=1
    ),
    "recruiting_access_token": text(
        "Recruiting access token", "For applications; stands beside the company ID.", secret=True
    ),
    "job_position_id": number(
        "Job position",
        "Position that new applicants apply for, unless a run says otherwise: the number at the end of the "
        "position's address.",
        minimum=1,
    ),
    "employees_api": {
        "label": "Employees API",
        "description": "Which API lists employees; auto takes what the API client may use.",
        "schema": {"type": "string", "enum": ["auto", "v1", "v2"], "default": "auto"},
    },
    "company_url": text(
        "Web address", "Where you log in at Personio, such as https://example.personio.de; for links in Airflow."
    ),
    "career_url": text(
        "Career site",
        "Such as https://example.jobs.personio.de, if there is one; to check that a position is published.",
    ),
    "partner_id": text("Partner ID", "Only for partners of Personio: sent as X-Personio-Partner-ID."),
    "app_id": text("App ID", "Only for partners of Personio: sent as X-Personio-App-ID."),
    "recruiting_limit": number(
        "Requests per minute", "Personio's limit for applications and documents; 20 if empty.", minimum=1
    ),
    "recruiting_window_seconds": number("Minute in seconds", "60; shorter only for a sandbox.", "number"),
    "max_wait_seconds": LONGEST_WAIT,
}

TEST_PORT = "Port (for Test: 443)"
"""Airflow 3.3.2's Test button compares a port of 0 with the stored one and refuses a connection without a port
(apache/airflow#73298); nothing else reads it."""

CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "exact_online",
        "hook-class-name": "exact_online.hooks.ExactOnlineHook",
        "hook-name": "Exact Online",
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {
                "host": "Site address",
                "port": TEST_PORT,
                "login": "Client ID",
                "password": "Client secret",
            },
            "placeholders": {
                "host": "empty: the region's site",
                "port": "443",
                "login": "{12345678-abcd-ef01-2345-6789abcdef01}",
            },
        },
        "conn-fields": EXACT_FIELDS,
    },
    {
        "connection-type": "personio",
        "hook-class-name": "personio.hooks.PersonioHook",
        "hook-name": "Personio",
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {
                "host": "API address",
                "port": TEST_PORT,
                "login": "API client ID",
                "password": "API client secret",
            },
            "placeholders": {"host": "empty: https://api.personio.de", "port": "443"},
        },
        "conn-fields": PERSONIO_FIELDS,
    },
]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "exact-personio-airflow",
        "name": "Exact Online and Personio",
        "description": "Brings people and organisations from Exact Online into Personio.",
        "versions": [__version__],
        "connection-types": CONNECTION_TYPES,
    }
