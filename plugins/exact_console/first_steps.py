"""What to do first where nothing has run yet, and what of it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from exact_console.connections import PERSONIO_DEFAULT, is_there, personio_connections
from exact_console.guard import may_edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.connections import LoginState
    from exact_console.streams import Standing

Name = Literal["exact", "login", "personio", "unpause", "run"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    :param done: None: the user may not know.
    """

    name: Name
    done: bool | None


def first_steps(user: BaseUser, standing: Standing, logins: Sequence[LoginState]) -> list[Step]:
    """Return the steps to the first run; none as soon as any stream has committed.

    :param standing: of the streams that the user may know of.
    :param logins: of the connections that the user may edit.
    """
    if any(row.watermark for row in standing.rows):
        return []
    unpaused = any(row.dag.known and not row.dag.paused for row in standing.rows)
    return [
        Step("exact", any(login.state != "broken" for login in logins) if logins else None),
        Step("login", any(login.state in {"alive", "idle"} for login in logins) if logins else None),
        Step("personio", _has_personio(user)),
        Step("unpause", unpaused),
        Step("run", done=False),
    ]


def _has_personio(user: BaseUser) -> bool | None:
    mine = [conn_id for conn_id in personio_connections() if may_edit(user, conn_id)]
    if not mine:
        return None
    return any(conn_id != PERSONIO_DEFAULT or is_there(conn_id) for conn_id in mine)
