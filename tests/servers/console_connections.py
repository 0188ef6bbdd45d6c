"""Connections in Airflow's database, and a browser's way through the console's page of them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from console_reading import HTML, own
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


PAGE = "/exact-console/connections/"
STORED, PERSONIO = "exact_stored", "personio_stored"
SECRET = "extra-secret-of-the-tests"
CONTACTS = "exact_contacts_to_personio_applications"


@contextmanager
def stored(conn_id: str, **fields: Any) -> Iterator[None]:
    """Keep a connection in Airflow's database for a while."""
    from airflow.models.connection import Connection  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import delete  # noqa: PLC0415

    with create_session() as session:
        session.add(Connection(conn_id=conn_id, **fields))
    try:
        yield
    finally:
        with create_session() as session:
            session.execute(delete(Connection).where(Connection.conn_id == conn_id))


def extra_of(conn_id: str) -> dict[str, Any]:
    from airflow.models.connection import Connection  # noqa: PLC0415

    found: dict[str, Any] = Connection.get_connection_from_secrets(conn_id).extra_dejson
    return found


def act(client: httpx.Client, path: str, **form: Any) -> httpx.Response:
    token = re.findall(r'name="token" value="([^"]+)"', client.get(PAGE, headers=HTML).text)
    return client.post(f"{PAGE}{path}", data={"token": (token or [""])[0], **form}, headers=own(client))


def commit(division: int = 124133, dag_id: str = CONTACTS) -> None:
    stream = StreamKey(dag_id, division, "Contacts")
    with open_ledger() as ledger:
        ledger.watermarks.advance(stream, expected=None, to=5000, run_id="r1", created_from=None)
