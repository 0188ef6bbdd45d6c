"""Where a record lies elsewhere: at Exact, at Personio, and the runs that touched it in Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from airflow.models.connection import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from exact_console.connections import known_connections, personio_connections
from exact_online.hooks import ExactOnlineHook
from include.errors import ExactPersonioError
from include.replay import ASKED_BY
from personio.hooks import PersonioHook

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from include.ledger.whole_record import WholeDelivery

NO_DAGS: Final = ("console", "privacy")
"""What stands in place of a DAG where somebody acted here, or was erased."""


def run_path(run: str, dags: Collection[str]) -> str:
    """Return the path of a run's page in Airflow; empty for what is no run of a DAG, such as a command.

    :param run: ``DAG/run``, as the ledger calls it.
    :param dags: that the viewer may read.
    """
    dag_id, _, run_id = run.partition("/")
    return f"/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}" if run_id and dag_id in dags else ""


def run_of(run: str, dags: Collection[str]) -> tuple[str, str]:
    """Return the path of a run's page in Airflow and what it is called; both empty for a run of another DAG.

    :param run: ``DAG/run``, as the ledger calls it, or a command, such as ``console/skip``.
    :param dags: that the viewer may read.
    """
    known = run.partition("/")[0] in {*dags, *NO_DAGS} or run == ASKED_BY
    return (run_path(run, dags), run) if known else ("", "")


def exact_page(division: int, entity: str, source_id: str) -> str:
    """Return the address at which a person sees the record at Exact; empty if no connection names the division."""
    for conn_id, found in _known(known_connections()):
        hook = ExactOnlineHook(conn_id, division, connection=found)
        try:
            if division in hook.divisions:
                return hook.record_url(f"crm/{entity}", source_id)
        except ExactPersonioError:
            continue
    return ""


def personio_page(made: WholeDelivery) -> str:
    """Return the address of what became of a record at Personio; empty if nothing did, or no connection says.

    An application has no address that is known from outside: its position does.
    """
    if not made.remote_id and not made.job:
        return ""
    for conn_id, found in _known(personio_connections()):
        hook = PersonioHook(conn_id, connection=found)
        try:
            company = hook.company_id
        except ExactPersonioError:
            continue
        if made.company not in {0, company or 0}:
            continue
        if made.destination == "application":
            address = hook.job_url(made.job) if made.job else hook.company_url
        else:
            address = hook.employee_url(made.remote_id) if made.remote_id else None
        if address:
            return address
    return ""


def _known(conn_ids: list[str]) -> Iterator[tuple[str, Any]]:
    for conn_id in conn_ids:
        try:
            yield conn_id, Connection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            continue
