"""Scheduler, triggerer, API server and database die with SIGKILL in the middle of one long load, and come back."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import crash_figures
import postgres
from crash_outages import DAG, PARTS, FragileStack, MortalPostgres
from crash_sweep import SEED
from include.ledger import open_ledger
from include.records import StreamKey

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.soak]
PEOPLE = 130
STREAM = StreamKey(DAG, 124132, "Contacts").history()
AWAY = 4.0
"""Seconds that a part is away."""


def test_every_part_dies_in_the_middle_of_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run outlives the death of each part, in an order of the seed's choice: everybody arrives once."""
    programs = postgres.installed()
    key = Fernet.generate_key().decode()
    # The login goes into the ledger from here.
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", key)
    order = list(PARTS)
    random.Random(SEED).shuffle(order)  # noqa: S311 - an order, no secret
    with MortalPostgres(programs) as database, FragileStack(tmp_path / "home", database, key) as stack:
        stack.start()
        stack.api.login()
        stack.until("the DAG is parsed", lambda: stack.api.has_dag(DAG))
        stack.api.unpause(DAG)
        run_id = stack.api.trigger(DAG, {"created_from": "2026-01-01", "people": PEOPLE})
        for part in order:
            stack.until_more_arrive()
            assert not stack.ended(), "the load was too short"
            stack.kill(part)
            time.sleep(AWAY)
            stack.bring_back(part)
        stack.api.login()
        stack.until("the run has ended", stack.ended)
        (run,) = stack.api.runs(DAG)
        assert (run["dag_run_id"], run["state"]) == (run_id, "success"), order
        assert stack.applicants() == sorted(f"s{number}@example.org" for number in range(PEOPLE)), order
        with open_ledger(database.url, key) as ledger:
            assert ledger.deliveries.counts(STREAM, "application", 1001) == {"created": PEOPLE}
    crash_figures.keep_outages(order)
