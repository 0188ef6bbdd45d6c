"""Exact's side: what exists there in an interval that was read and was not read is found, in few calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.ledger.tables import deliveries, events, staged
from reconciled import Town, found, parts

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREAD = "exact.record.unread"
DAG = "exact_contacts_to_application"


def feed(report: Mapping[str, Any]) -> dict[str, Any]:
    counts: dict[str, Any] = parts(dict(report), "feed")[0]["counts"]
    return counts


def exact_calls(town: Town, run: str) -> dict[str, int]:
    return {endpoint: count for (service, endpoint, _), count in town.ledger.calls(run).items() if service == "exact"}


def forget(town: Town, source_id: str) -> None:
    """Leave nothing of a record in the ledger, not even its story."""
    town.remove(staged, source_id=source_id)
    town.remove(deliveries, source_id=source_id)
    with town.ledger._database.write() as connection:
        known = deliveries.select().with_only_columns(deliveries.c.id)
        connection.execute(events.delete().where(events.c.delivery_id.not_in(known)))


def test_one_count_proves_that_all_was_read(town: Town) -> None:
    town.hire(12)
    town.run("r1")
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok", report
    assert [(one["counted"], one["read"], one["unread"]) for one in feed(report)["ranges"]] == [(12, 12, 0)]
    assert exact_calls(town, "reconcile/1") == {"crm/Contacts": 1, "sync/Deleted": 1}


def test_record_that_was_never_read_is_named(either_town: Town) -> None:
    """Nothing of it is in the ledger: only Exact can tell."""
    town = either_town
    ids = town.hire(4) + town.hire(2, first=10, created="2025-06-01T12:00:00")
    town.run("r1")
    forget(town, ids[4])
    town.later()
    assert town.reconcile("personio")["verdict"] == "ok"
    report = town.reconcile("exact")
    assert found(report) == {UNREAD: [ids[4]]}
    finding = parts(report, "feed")[0]["findings"][0]
    assert '"created_from": "2025-05-31", "created_to": "2025-06-02"' in finding["way_out"]
    assert f"airflow dags trigger {DAG} --conf" in finding["way_out"]
    # What it says to do mends it.
    town.window("w1", "2025-05-31", "2025-06-02")
    town.later()
    assert town.reconcile("exact")["verdict"] == "ok"


def test_one_of_many_is_found_by_halves(town: Town) -> None:
    """The calls grow with the logarithm of what there is."""
    first = datetime(2025, 1, 1, 12, tzinfo=UTC)
    exact = town.sandbox.sandbox.exact
    rows = [
        exact.add_contact(
            town.division, {"LastName": f"P{n}", "Created": (first + timedelta(hours=n)).isoformat()[:19]}
        )
        for n in range(600)
    ]
    run = town.start("r1", start_from="beginning")
    for stage in (run.plan, run.extract, run.decide, run.commit):
        stage()
    lost = str(rows[377]["ID"]).lower()
    forget(town, lost)
    town.later()
    report = town.reconcile("exact")
    assert found(report)[UNREAD] == [lost]
    # One count of all, three halves of 600, and the 75 that are left, ten a page.
    assert exact_calls(town, "reconcile/1")["crm/Contacts"] <= 1 + 3 + 8


def test_deletions_at_exact_hide_no_loss(town: Town) -> None:
    """As many deleted there as lost here: the count alone would agree."""
    ids = town.hire(6)
    town.run("r1")
    exact = town.sandbox.sandbox.exact
    exact.delete(town.division, "Contacts", ids[0])
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok"
    assert feed(report)["ranges"][0]["deleted"] == 1
    forget(town, ids[1])
    report = town.reconcile("exact")
    assert found(report) == {UNREAD: [ids[1]]}


def test_old_deletions_are_told_as_what_cannot_be_proven(town: Town) -> None:
    """The log holds two months; what it does not name any more could hide as many losses."""
    ids = town.hire(3)
    town.run("r1")
    exact = town.sandbox.sandbox.exact
    exact.delete(town.division, "Contacts", ids[0])
    exact.division(town.division).deleted.clear()
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok"
    assert feed(report)["gone"] == 1
    assert "exact.record.gone" in found(report, "information")


def test_what_came_after_the_reading_is_not_missed(town: Town) -> None:
    """Neither what was created since, nor what was created while the clocks may have differed."""
    town.hire(2)
    town.run("r1")
    town.hire(3, first=5, created=town.sandbox.sandbox.exact.local_now().isoformat()[:19])
    town.later()
    assert town.reconcile("exact")["verdict"] == "ok"


def test_windows_are_compared_and_what_lies_between_them_is_not(town: Town) -> None:
    """A backfill by the month is one interval; a window with a filter proves nothing."""
    for month in (1, 2, 3, 5, 8):
        town.hire(2, first=month * 10, created=f"2025-{month:02}-10T12:00:00")
    for month in (1, 2, 3):
        town.backfill(f"b{month}", datetime(2025, month, 1, tzinfo=UTC), datetime(2025, month + 1, 1, tzinfo=UTC))
    town.window("w5", "2025-05-01", "2025-06-01")
    town.window("w8", "2025-08-01", "2025-09-01", country=["NL"])
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok", report
    told = [(one["counted"], one["read"]) for one in feed(report)["ranges"]]
    assert told == [(6, 6), (2, 2)]


def test_winter_time_moves_no_end(town: Town) -> None:
    """Around the hour that comes twice a wall clock says too little: the interval ends outside of it."""
    town.hire(2, created="2025-10-26T02:30:00")
    town.hire(2, first=5, created="2025-10-27T12:00:00")
    town.hire(2, first=8, created="2025-10-25T12:00:00")
    begin, end = datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
    town.backfill("b", begin, end)
    town.later()
    report = town.reconcile("exact")
    assert report["verdict"] == "ok", report
    assert [(one["counted"], one["read"]) for one in feed(report)["ranges"]] == [(2, 2)]


def test_refused_login_is_said(town: Town) -> None:
    town.hire(2)
    town.run("r1")
    town.later()
    town.sandbox.sandbox.settings.exact.missing_scopes = ["sync/Deleted"]
    report = town.reconcile("exact")
    assert report["verdict"] == "unproven"
    told = parts(report, "feed")[0]["not_proven"][0]
    assert "Nothing is proven of what Exact has" in told["what"]
    assert told["way_out"]


def test_costs_are_told_before_the_first_call(town: Town) -> None:
    """And are what it then takes, at least."""
    from include.reconcile.reconciling import Asked, costs, reconcile  # noqa: PLC0415
    from reconciled import Services  # noqa: PLC0415

    town.hire(3)
    town.run("r1")
    town.later()
    assert costs(town.ledger, Asked("x", "ledger")) == []
    before = len(town.sandbox.sandbox.log.entries())
    heard: list[int] = []
    with Services(town, "costs/1") as services:
        report = reconcile(
            town.ledger,
            services,
            Asked("costs/1", "exact"),
            lambda _: heard.append(len(town.sandbox.sandbox.log.entries())),
        )
    assert heard == [before, before]
    least = {"Personio": 0, "Exact": 0}
    for cost in report["costs"]:
        least[cost["service"]] += cost["least"]
    assert report["calls"] == {"exact": least["Exact"], "personio": least["Personio"]}


def test_open_difference_stays_open_while_nobody_can_look(town: Town) -> None:
    """A refusal in the middle of the comparison is not its end."""
    ids = town.hire(4)
    town.run("r1")
    forget(town, ids[2])
    town.later()
    assert found(town.reconcile("exact")) == {UNREAD: [ids[2]]}
    town.sandbox.sandbox.settings.exact.missing_scopes = ["crm/Contacts"]
    assert town.reconcile("exact")["verdict"] == "unproven"
    assert [check.kind for check, _ in town.ledger.reconciliations.standing()] == [UNREAD]
