"""The first page: whether it runs, how far, what is stuck, what is left of the limits, and what to do about it.

It shows ids, counts and times, and nothing about people: of DAGs that the user may read, and of connections that the
user may edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.charts import DAYS
from exact_console.connections import found, known_connections, login_state
from exact_console.first_steps import first_steps
from exact_console.guard import may_edit, may_edit_dag, may_run_dag
from exact_console.limits import limits_of
from exact_console.pages import page
from exact_console.streams import standing_of
from exact_console.troubles import troubles_of
from include.ledger import open_ledger
from include.ledger.budget import ERRORS_PER_HOUR
from include.settings import load_settings

if TYPE_CHECKING:
    from exact_console.limits import ErrorCount, Quota
    from exact_console.streams import Standing
    from include.ledger import Ledger

router = APIRouter()


@router.get("/")
def overview(request: Request, user: GetUserDep) -> Response:
    """Show how everything stands that the user may know of."""
    mine = [conn_id for conn_id in known_connections() if may_edit(user, conn_id)]
    with open_ledger() as ledger, ledger.kept_open():
        standing = standing_of(ledger, user, load_settings().stale_hours)
        logins = [login_state(ledger, found(conn_id)) for conn_id in mine]
        limits = _limits(ledger, standing, editor=bool(mine))
        troubles = troubles_of(ledger, user, standing, logins, limits)
    return page(
        request,
        "overview.html",
        now=standing.now,
        rows=standing.rows,
        troubles=troubles,
        quotas=limits[0],
        errors=limits[1],
        # One more than what is sent from here.
        most_errors=ERRORS_PER_HOUR + 1,
        logins=logins,
        steps=first_steps(user, standing, logins),
        may_run={dag_id for dag_id in standing.dags if may_run_dag(user, dag_id)},
        may_unpause={
            dag_id for dag_id, dag in standing.dags.items() if dag.known and dag.paused and may_edit_dag(user, dag_id)
        },
        days=DAYS,
    )


def _limits(ledger: Ledger, standing: Standing, *, editor: bool) -> tuple[list[Quota], list[ErrorCount]]:
    """Return the limits that the user may know of: those of a division by its streams, unless logins are theirs."""
    if editor:
        return limits_of(ledger, None)
    divisions = {row.division for row in standing.rows if row.division is not None}
    return limits_of(ledger, divisions) if standing.rows else ([], [])
