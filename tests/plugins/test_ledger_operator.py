"""A task whose ledger goes away says so in one sentence, and is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import postgres
from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from pathlib import Path

    from include.ledger import Ledger

SECRET = "SELECT pg_terminate_backend(pg_backend_pid())"


class Bereft(LedgerOperator):
    """Loses its database in the middle of a transaction."""

    def work(self, ledger: Ledger, context: Any) -> None:
        del context
        with ledger._database.write() as connection:
            connection.execute(text(SECRET))


class Mistaken(LedgerOperator):
    """Asks for what there is not."""

    def work(self, ledger: Ledger, context: Any) -> None:
        del context
        with ledger._database.write() as connection:
            connection.execute(text("SELECT 1 FROM nowhere"))


def run(operator: type[LedgerOperator]) -> None:
    operator(task_id="load").opened({"run_id": "manual__1"})


def test_a_database_that_goes_away_is_one_sentence_and_tried_again(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.schema(postgres_server) as url:
        monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", url)
        monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", Fernet.generate_key().decode())
        with pytest.raises(AirflowException, match="lost in the middle of the work") as told:
            run(Bereft)
    assert not isinstance(told.value, AirflowFailException)
    assert "exact-personio doctor" in str(told.value)
    assert SECRET not in str(told.value)


def test_a_mistake_in_a_statement_keeps_its_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be no better in ten minutes."""
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", Fernet.generate_key().decode())
    with pytest.raises(DBAPIError, match="nowhere"):
        run(Mistaken)
