"""``exact-personio login`` and ``doctor``: from an installation to one that works."""

from __future__ import annotations

from typing import Annotated

import typer

from include.cli.ending import one_sentence
from include.cli.options import ExactConnection, Json, PersonioConnection


def login(
    conn_id: Annotated[str, typer.Option(help="The Airflow connection to log in for.")] = "exact_online_default",
    paste: Annotated[bool, typer.Option("--paste", help="Paste the address instead of listening for it.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the consent page.")] = True,
) -> None:
    """Log in at Exact Online in a browser; the tokens go encrypted into the ledger, for all workers."""
    from include.login import login as log_in  # noqa: PLC0415

    def ask(question: str) -> str:
        return str(typer.prompt(question))

    with one_sentence():
        report = log_in(conn_id, paste=paste, open_browser=browser, echo=typer.echo, ask=ask)
    for line in report.lines():
        typer.echo(line)


def doctor(
    conn_id: ExactConnection = "exact_online_default",
    personio_conn_id: PersonioConnection = "personio_default",
    as_json: Json = False,
) -> None:
    """Check the whole installation: what works, what does not, and the mend for each; writes at no service."""
    from include.doctor.command import doctor_command  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(doctor_command(conn_id, personio_conn_id, as_json))
