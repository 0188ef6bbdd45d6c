"""After an erasure no byte of the person is left in what real runs of Airflow wrote, and none comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_home import DIVISION, Airflow
from airflow_runner import runner
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from moved import hire
from remains import files_under, remains

if TYPE_CHECKING:
    from collections.abc import Iterator

Runs = list[tuple[str, dict[str, Any]]]

pytestmark = pytest.mark.e2e

CONTACTS = "exact_contacts_to_personio_applications"
ACCOUNTS = "exact_accounts_to_personio_applications"
MAIL = "vera.unmistakable@example.org"
PERSON: dict[str, Any] = {"FirstName": "Verafirst", "LastName": "Unmistakable", "Email": MAIL}
WORDS = [MAIL, "Verafirst", "Unmistakable"]


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    with RunningSandbox() as sandbox:
        made = Airflow(tmp_path, sandbox)
        # Where the runner's processes write exports, so that the command line finds them.
        made.env["AIRFLOW_HOME"] = str(runner().home)
        made.log_in()
        yield made


def succeed(airflow: Airflow, dag_id: str, **params: Any) -> None:
    run, log = airflow.run(dag_id, **params)
    assert run["state"] == "success", log[-3000:]


WINDOW = {"created_from": "2020-01-01", "preview": True}
ONE: Runs = [(CONTACTS, {})]
ALL: Runs = [*ONE, (ACCOUNTS, {}), (CONTACTS, WINDOW), ("sync_housekeeping", {})]


@pytest.mark.parametrize("runs", [ONE, pytest.param(ALL, marks=pytest.mark.soak)], ids=["contacts", "all"])
def test_database_logs_xcoms_and_exports_are_clean_after_an_erasure(
    airflow: Airflow, tmp_path: Path, runs: Runs
) -> None:
    """Runs and an export first; erased; then the same runs meet the changed record."""
    [vera] = hire(airflow.sandbox, 1, **PERSON)
    hire(airflow.sandbox, 2)
    for dag_id, params in runs:
        succeed(airflow, dag_id, **params)
    exported = {"action": "list", "endpoint": "crm/Contacts", "select": "ID,FirstName,LastName,Email"}
    succeed(airflow, "exact_endpoint", **exported)
    assert set(airflow.applicants()) == {MAIL, "sanne2@example.org"}
    home = Path(airflow.env["AIRFLOW_HOME"])
    key = (tmp_path / "ledger.key").read_text().strip()
    before = remains(files_under(home, tmp_path), WORDS, key)
    assert {word for path, hits in before.items() if "ledger.db" in path for word in hits} == {
        f"sealed {word}" for word in WORDS
    }
    assert {Path(path).suffix for path, hits in before.items() if MAIL in hits} == {".jsonl"}

    done = json.loads(airflow.cli("privacy", "erase", MAIL, "--yes", "--json"))

    assert done["finished"]
    assert vera in {one["id"] for one in done["elsewhere"]}
    assert sum(one["service"] == "Personio" for one in done["elsewhere"]) == min(len(runs), 2)
    assert remains(files_under(home, tmp_path), WORDS, key) == {}
    airflow.sandbox.sandbox.exact.update(DIVISION, "Contacts", vera, {"Phone": "+31 10 1"})
    for dag_id, params in runs:
        succeed(airflow, dag_id, **params)
    assert remains(files_under(home, tmp_path), WORDS, key) == {}
    # The scan finds whoever is still held.
    assert remains(files_under(tmp_path), ["sanne2@example.org"], key)


@pytest.mark.soak
def test_housekeeping_follows_up_deletions_where_the_company_wants_it(airflow: Airflow) -> None:
    gone, stays = hire(airflow.sandbox, 1, 2)
    succeed(airflow, CONTACTS)
    airflow.sandbox.sandbox.exact.delete(DIVISION, "Contacts", gone)
    for policy, left in (("keep", {gone, stays}), ("erase", {stays})):
        airflow.env["EXACT_PERSONIO_FOLLOW_DELETIONS"] = policy
        run, log = airflow.run("sync_housekeeping")
        assert run["tasks"]["follow_deletions"] == "success", log[-3000:]
        asked = [entry for entry in airflow.sandbox.sandbox.log.entries() if "sync/Deleted" in entry.kind]
        assert len(asked) == (policy == "erase")
        with open_ledger(airflow.ledger_url) as ledger:
            assert {piece.source_id for piece in ledger.holdings.pieces() if piece.content} == left
    assert gone in log
    assert "sanne1@example.org" not in log
