"""The load task on Airflow itself: it gives its worker back while it waits, comes back, and sends everybody once."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_home import ROOT
from airflow_session import Session
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e
PEOPLE = {f"s{number}@example.org" for number in range(5)}


@contextmanager
def started(home: Path, **settings: str) -> Iterator[Session]:
    """Run Airflow with a DAG that has five to send, where three may be sent within eleven seconds."""
    with RunningSandbox() as sandbox, Session(home, sandbox) as session:
        shutil.copy(ROOT / "tests" / "servers" / "long_load_dag.py", home / "dags")
        limits = {"recruiting_limit": 3, "recruiting_window_seconds": 11}
        session.connections["PERSONIO_DEFAULT"]["extra"] |= limits
        session.env |= settings
        session.start()
        yield session


def test_window_defers_and_goes_on(tmp_path: Path) -> None:
    """The preview before it makes not one request that writes."""
    with started(tmp_path) as session:
        shown = session.ask("long_load", preview=True)
        assert shown["tasks"]["load"] == "success", session.log()[-5000:]
        assert session.calls("POST", "v1/recruiting/applications") == []
        ended = session.ask("long_load", created_from="2026-01-01")
        assert ended["tasks"] == {"fill": "success", "load": "success"}, session.log()[-5000:]
        assert "running trigger in line" in session.log()
        assert_sent_once(session, ended["xcoms"])


@pytest.mark.soak
def test_live_run_sleeps_where_it_must_not_defer(tmp_path: Path) -> None:
    with started(tmp_path, EXACT_PERSONIO_DEFER_LOAD="no") as session:
        ended = session.ask("long_load")
        assert ended["tasks"] == {"fill": "success", "load": "success"}, session.log()[-5000:]
        assert "running trigger in line" not in session.log()
        assert_sent_once(session, ended["xcoms"])


def assert_sent_once(session: Session, xcoms: dict[str, dict[str, int]]) -> None:
    assert set(session.applicants()) == PEOPLE
    assert session.calls("POST", "v1/recruiting/applications") == [201] * 5
    assert xcoms["load.return_value"] == {"created": 5}
    assert (xcoms["load.progress"]["done"], xcoms["load.progress"]["left"]) == (5, 0)
    assert "3 of 5 records done" in session.log()
    assert "@example.org" not in session.log()
