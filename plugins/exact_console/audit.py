"""Who did what here: each act is a row of Airflow's own audit log, where whoever looks for it will look.

A row names DAGs, runs, ids and counts; nothing about people.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from airflow.models.log import Log
from airflow.utils.session import create_session

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

PREFIX: Final = "exact_personio"


def audit(user: BaseUser, act: str, *, dag_id: str | None = None, **about: Any) -> None:
    """Write one row; before the act, so that nothing is done that nobody is named for.

    :param user: who acts.
    :param act: in a word or two, such as ``replay`` or ``replay.done``.
    :param dag_id: the DAG that it is about; it then also stands on that DAG's own tab.
    :param about: plain values: ids, counts, filters. Never a name or an address.
    """
    row = Log(
        event=f"{PREFIX}.{act}",
        owner=user.get_name(),
        owner_display_name=user.get_name(),
        extra=json.dumps(about, default=str, sort_keys=True),
        dag_id=dag_id,
    )
    with create_session() as session:
        session.add(row)
