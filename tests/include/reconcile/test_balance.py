"""The balance: every record that was read is something, and what is not is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from include.ledger.tables import deliveries, staged
from include.sandbox.admin_data import seed
from reconciled import Town, found, parts

if TYPE_CHECKING:
    from include.records import Destination, Entity

FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)


def streams(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in parts(report, "stream")}


def everything(counts: dict[str, Any]) -> int:
    return int(sum(counts["states"].values()) + sum(counts["left_out"].values()) + counts["lost"])


def test_dirty_company_in_both_lanes_of_all_destinations_balances(town: Town) -> None:
    """Live runs, windows, backfills, previews and canaries, applications, employees and matches: all agree."""
    with town.sandbox.sandbox.lock:
        seed(town.sandbox.sandbox, {}, {"accounts": 4, "contacts": 16, "employees": 2})
    town.hire(2, first=1000, created="2025-01-15T12:00:00")
    kinds: list[tuple[Entity, Destination]] = [
        ("Contacts", "application"),
        ("Contacts", "employee"),
        ("Contacts", "employee_match"),
        ("Accounts", "application"),
    ]
    town.preview("preview", created_from="2025-01-01", created_to="2025-02-01")
    town.canary("canary", created_from="2025-01-01", created_to="2025-02-01")
    for entity, destination in kinds:
        town.entity, town.destination, town.watermarks = entity, destination, {}
        town.run(f"{entity}-{destination}-live", start_from="2026-01-01")
        town.backfill(f"{entity}-{destination}-back", FIRST, LAST)
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok", report
    told = streams(report)
    assert set(told) == {
        "124132/Contacts/application/4242/1001",
        "124132/Contacts/employee/4242/0",
        "124132/Contacts/employee_match/4242/0",
        "124132/Accounts/application/4242/1001",
    }
    for part in told.values():
        counts = part["counts"]
        read = distinct_rows(town, part["entity"])
        assert counts["read"] == everything(counts) == read
        assert (counts["difference"], counts["remainder"]) == (0, 0)
    assert sum(part["counts"]["states"]["rejected"] for part in told.values()) > 0
    applications = told["124132/Contacts/application/4242/1001"]["counts"]
    assert (
        applications["states"]["created"]
        == applications["at_personio"]["proven"] - applications["states"]["already_there"]
    )
    assert applications["states"]["skipped_by_rule"] > 0
    assert not found(report)


def distinct_rows(town: Town, entity: str) -> int:
    """Return how many records of an entity any lane of any DAG has."""
    query = select(func.count(staged.c.source_id.distinct())).where(staged.c.entity == entity)
    with town.ledger._database.read() as connection:
        found: int = connection.execute(query).scalar_one()
        return found


def test_what_no_run_was_asked_for_is_left_out_and_named(town: Town) -> None:
    """A history lane reads the whole feed for one month: the rest came along."""
    town.hire(4, created="2025-01-15T12:00:00")
    town.hire(130, first=10, created="2026-03-01T12:00:00")
    town.window("w0", "2025-01-01", "2025-02-01")
    town.window("w1", "2026-02-01", "2026-04-01", max_records=1)
    town.later()
    counts = parts(town.reconcile("ledger"), "stream")[0]["counts"]
    assert counts["difference"] == 0
    assert counts["read"] == everything(counts)
    assert (
        counts["left_out"]["not_asked_for"] + counts["states"]["created"] + counts["states"]["ready"]
        == counts["read"]
    )
    assert counts["states"]["created"] == 5


def test_lost_delivery_is_named_once_it_is_settled(either_town: Town) -> None:
    """The row is there, a run has committed since, and its decision is gone: by the balance, and by its story."""
    town = either_town
    ids = town.hire(5)
    town.run("r1")
    town.later()
    assert town.reconcile("ledger")["verdict"] == "ok"
    assert town.remove(deliveries, source_id=ids[2]) == 1
    report = town.reconcile("ledger")
    assert report["verdict"] == "difference"
    assert found(report)["ledger.decision.missing"] == [ids[2]]
    assert len(found(report)["ledger.delivery.removed"]) == 1
    counts = parts(report, "stream")[0]["counts"]
    assert (counts["read"], counts["lost"], counts["difference"]) == (5, 1, 1)
    finding = parts(report, "stream")[0]["findings"][0]
    assert "airflow dags trigger exact_contacts_to_application --conf '{\"division\": 124132}'" in finding["way_out"]
    # Its next run decides it, and Personio says that it is there.
    town.run("r2")
    town.later()
    after = town.reconcile("ledger")
    assert "ledger.decision.missing" not in found(after)
    assert parts(after, "stream")[0]["counts"]["states"]["already_there"] == 1


def test_what_was_just_read_only_waits(town: Town) -> None:
    """A run that has read and not decided yet has lost nothing."""
    town.hire(3)
    run = town.start("r1", start_from="beginning")
    run.plan()
    run.extract()
    counts = parts(town.reconcile("ledger"), "stream")[0]["counts"]
    assert (counts["read"], counts["left_out"]["waiting"], counts["difference"]) == (3, 3, 0)
    run.decide()
    counts = parts(town.reconcile("ledger"), "stream")[0]["counts"]
    assert (counts["states"]["ready"], counts["left_out"]["waiting"], counts["difference"]) == (3, 0, 0)


def test_row_that_is_gone_is_named(either_town: Town) -> None:
    town = either_town
    ids = town.hire(4)
    town.run("r1")
    town.later()
    assert town.remove(staged, source_id=ids[0]) == 1
    report = town.reconcile("ledger")
    assert found(report) == {"ledger.row.missing": [ids[0]]}
    counts = parts(report, "stream")[0]["counts"]
    assert (counts["read"], counts["unread"], counts["difference"]) == (3, 1, 1)


def test_two_positions_are_two_streams_and_nobody_is_lost(town: Town) -> None:
    town.hire(3)
    town.run("r1")
    town.position = 1002
    town.hire(2, first=3)
    town.run("r2")
    town.later()
    told = streams(town.reconcile("ledger"))
    first, second = (told[f"124132/Contacts/application/4242/{job}"]["counts"] for job in (1001, 1002))
    assert (first["states"]["created"], first["left_out"]["other_position"]) == (3, 2)
    assert (second["states"]["created"], second["left_out"]["other_position"]) == (2, 3)
    assert first["difference"] == second["difference"] == 0


def test_retention_and_erasure_are_named_and_no_difference(town: Town) -> None:
    ids = town.hire(4)
    town.run("r1")
    town.later()
    record = (town.division, "Contacts", ids[1])
    town.ledger.erasures.plant([record], ["sanne1@example.org"], why="asked", asked_by="test", sleep=lambda _: None)
    town.sandbox.sandbox.exact.update(town.division, "Contacts", ids[1], {"City": "Delft"})
    town.hire(1, first=9, Email="sanne1@example.org")
    town.run("r2")
    town.ledger.retention.purge(town.clock())
    town.later()
    report = town.reconcile()
    assert report["verdict"] == "ok", report
    counts = parts(report, "stream")[0]["counts"]
    assert counts["erased"] == 1
    # Nothing tells any more which of the applications they are.
    assert counts["at_personio"]["blanked"] == 4
