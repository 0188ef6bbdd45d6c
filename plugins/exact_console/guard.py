"""Who may do what, and whether a form is really theirs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotation
from airflow.configuration import conf
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from exact_console.connections import personio_connections
from exact_console.signing import read, sign

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


def may_see_people(user: BaseUser) -> bool:
    """Say whether a user may edit the connections to Personio, and so see what is sent there: personal data.

    The ledger does not keep which connection a run used, so all of them count.

    :param user: of this request.
    """
    return all(may_edit(user, conn_id) for conn_id in personio_connections())


def sees_people(user: GetUserDep) -> None:
    """Refuse whoever may not see personal data, see `may_see_people`.

    :raises HTTPException: 403.
    """
    if not may_see_people(user):
        raise HTTPException(HTTPStatus.FORBIDDEN)


def may_read_dag(user: BaseUser, dag_id: str) -> bool:
    """Say whether Airflow lets this user read the DAG.

    :param user: of this request.
    :param dag_id: its id.
    """
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method="GET", details=details, user=user)


def may_edit_dag(user: BaseUser, dag_id: str) -> bool:
    """Say whether Airflow lets this user pause and unpause the DAG.

    :param user: of this request.
    :param dag_id: its id.
    """
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method="PUT", details=details, user=user)


def may_run_dag(user: BaseUser, dag_id: str) -> bool:
    """Say whether Airflow lets this user trigger the DAG: who may, may also act on its records.

    :param user: of this request.
    :param dag_id: its id.
    """
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    entity = DagAccessEntity.RUN
    return get_auth_manager().is_authorized_dag(method="POST", access_entity=entity, details=details, user=user)


def form_token(user: BaseUser) -> str:
    """Return what a form of this user's page has to send back.

    :param user: of this request.
    """
    return sign("form", {"user": user.get_id()})


def own_form(token: str, user: BaseUser) -> None:
    """Refuse a form that was not rendered for this user.

    :raises HTTPException: 403.
    """
    found = read("form", token)
    if found is None or found[0].get("user") != user.get_id():
        raise HTTPException(HTTPStatus.FORBIDDEN)


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
