"""What Airflow reads at start: the connection types and their forms, as data.

Only an installed distribution can register connection types; a hook in a plugins folder cannot.
"""

from __future__ import annotations

from typing import Any

from include import __version__


def text(label: str, description: str, *, secret: bool = False, **schema: Any) -> dict[str, Any]:
    """Return a form field that may stay empty."""
    if secret:
        schema["format"] = "password"
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def number(label: str, description: str, kind: str = "integer", **schema: Any) -> dict[str, Any]:
    """Return a form field for a number that may stay empty."""
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


EXACT_FIELDS = {
    "division": number("Division", "Company to read; a number from the URL in Exact Online.", minimum=1),
    "time_zone": text("Time zone", "The site's clock, e.g. Europe/Amsterdam (the default)."),
    "redirect_uri": text("Redirect URI", "As registered for the app at Exact; used by exact-personio login."),
    "refresh_token": text("Bootstrap refresh token", "Used once, then kept in the ledger.", secret=True),
    "calls_per_minute": number(
        "Calls per minute", "Exact's limit per division; 60 unless agreed otherwise.", minimum=1
    ),
    "minute_seconds": number("Minute in seconds", "60; shorter only for a sandbox.", "number"),
    "max_wait_seconds": number(
        "Longest wait", "Seconds a task waits for a limit before it gives its slot back.", "number"
    ),
}

PERSONIO_FIELDS = {
    "company_id": number("Company ID", "For X-Company-ID; Settings > Integrations > API credentials.", minimum=1),
    "recruiting_access_token": text("Recruiting access token", "Static token of the recruiting API.", secret=True),
    "job_position_id": number(
        "Job position", "Position that new applicants apply for, unless a run says otherwise.", minimum=1
    ),
    "recruiting_limit": number("Recruiting requests per window", "Personio's limit: 20.", minimum=1),
    "recruiting_window_seconds": number("Window in seconds", "Personio's window: 60.", "number"),
    "partner_id": text("Partner ID", "Sent as X-Personio-Partner-ID."),
    "app_id": text("App ID", "Sent as X-Personio-App-ID."),
    "max_wait_seconds": number(
        "Longest wait", "Seconds a task waits for a limit before it gives its slot back.", "number"
    ),
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as the ``apache_airflow_provider`` entry point."""
    return {
        "package-name": "exact-personio-airflow",
        "name": "Exact Online and Personio",
        "description": "Brings people and organisations from Exact Online into Personio.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "exact_online",
                "hook-class-name": "exact_online.hooks.ExactOnlineHook",
                "hook-name": "Exact Online",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {"host": "Site", "login": "Client ID", "password": "Client secret"},
                    "placeholders": {"host": "https://start.exactonline.nl"},
                },
                "conn-fields": EXACT_FIELDS,
            },
            {
                "connection-type": "personio",
                "hook-class-name": "personio.hooks.PersonioHook",
                "hook-name": "Personio",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {"host": "API", "login": "Client ID", "password": "Client secret"},
                    "placeholders": {"host": "https://api.personio.de"},
                },
                "conn-fields": PERSONIO_FIELDS,
            },
        ],
    }
