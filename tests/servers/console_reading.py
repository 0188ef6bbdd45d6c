"""What the tests of the console's pages read of them, and of what is behind them."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from include.ledger import open_ledger

if TYPE_CHECKING:
    import httpx

HTML = {"Accept": "text/html"}


def own(client: httpx.Client) -> dict[str, str]:
    """Return the headers that a browser sends with a form of the console's own page."""
    return {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin", **HTML}


def words(answer: httpx.Response) -> str:
    """Return what a person reads."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def audited() -> list[tuple[str, str, str]]:
    """Return (event, user, extra) of this project's rows in Airflow's audit log."""
    from airflow.models.log import Log  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        rows = session.execute(select(Log.event, Log.owner, Log.extra).where(Log.event.like("exact_personio.%")))
        return [(str(row[0]), str(row[1]), str(row[2])) for row in rows]


def everything() -> dict[str, Any]:
    """Return all that the ledger holds."""
    with open_ledger() as opened, opened._database.read() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in names}  # noqa: S608
