"""Users of the console who may not do everything: Airflow refuses, as an auth manager with rights for each can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def refuse_dags(monkeypatch: pytest.MonkeyPatch, barred: Callable[[str, str], bool]) -> None:
    """Let Airflow refuse DAGs, by the method and the DAG that are asked for."""
    _refuse(monkeypatch, "dag", "id", barred)


def refuse_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str) -> None:
    """Let Airflow refuse one connection."""
    _refuse(monkeypatch, "connection", "conn_id", lambda _, asked: asked == conn_id)


def _refuse(monkeypatch: pytest.MonkeyPatch, what: str, name: str, barred: Callable[[str, str], bool]) -> None:
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - Airflow's settings come first

    kind, question = type(get_auth_manager()), f"is_authorized_{what}"
    stock = getattr(kind, question)

    def judge(self: Any, *, method: Any, details: Any = None, **rest: Any) -> bool:
        meant = barred(method, getattr(details, name, None) or "")
        return not meant and bool(stock(self, method=method, details=details, **rest))

    monkeypatch.setattr(kind, question, judge)
