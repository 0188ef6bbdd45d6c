"""Who may do what, and whether a form is really theirs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.configuration import conf
from airflow.models.connection import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def may_edit(user: BaseUser, conn_id: str) -> bool:
    """Say whether Airflow lets this user edit the connection; a login is a change of it.

    :param user: of this request.
    :param conn_id: the Airflow connection.
    """
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="PUT", details=details, user=user)


async def no_foreign_forms(request: Request) -> None:
    """Refuse what another site makes the browser send: Airflow's cookie would come along.

    :raises HTTPException: 403.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    if site not in {"", "same-origin", "none"} or (origin and origin not in _own_origins(request)):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    if not site and not origin:
        # Every browser of today sends one of the two with a form.
        raise HTTPException(HTTPStatus.FORBIDDEN)


def _own_origins(request: Request) -> set[str]:
    base = urlsplit(conf.get("api", "base_url", fallback=""))
    own = {f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if base.scheme and base.netloc:
        own.add(f"{base.scheme}://{base.netloc}")
    return own
