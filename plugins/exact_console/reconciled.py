"""Who may know what of a reconciliation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from exact_console.guard import may_read_dag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

DAG: Final = "sync_reconciliation"
"""Whose reports they are: whoever may not read it sees none."""


def may_read_part(user: BaseUser, part: Mapping[str, Any]) -> bool:
    """Say whether a user may see a part of a report: one of several DAGs of a stream is enough."""
    dags = part.get("dags") or ([part["dag"]] if "dag" in part else [])
    return not dags or any(may_read_dag(user, dag) for dag in dags)
